"""Begin and answer exchanges, and act on how they end: the hub of the engine."""

from __future__ import annotations

from collections.abc import Callable

from isakmpd.config.model import Connection, Peer
from isakmpd.ike import informational, ipsec, phase1_modes, quick_mode
from isakmpd.ike.connections import Connections
from isakmpd.ike.context import Context
from isakmpd.ike.correspondence import Correspondence
from isakmpd.ike.drop_log import DropLog
from isakmpd.ike.entropy import cookie
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.exchanges import Exchanges, first_message_key
from isakmpd.ike.ipsec_sas import IpsecSas
from isakmpd.ike.liveness import Farewell
from isakmpd.ike.mode_configuration import ModeConfiguration
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.header import NO_COOKIE, Header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import Doi, NotifyType, Protocol
from isakmpd.wire.payloads import Chain, Notification

Usage = Callable[[ipsec.SaKey], ipsec.SaUsage | None]
LocalAddress = Callable[[Address], Address | None]


class Negotiation:
    """Own exchanges, SAs and connections, and let each know of the others."""

    def __init__(
        self, context: Context, usage: Usage, local_address: LocalAddress, ike_port: int
    ) -> None:
        self.context = context
        self.usage = usage
        self._local_address = local_address
        self._ike_port = ike_port
        self.exchanges = Exchanges(context)
        self.correspondence = Correspondence(self)
        self.isakmp_sas = self.correspondence.isakmp_sas
        self.ipsec_sas = IpsecSas(context, self)
        self.connections = Connections(context, self)
        self.mode_configuration = ModeConfiguration(context, self, self.exchanges, self.isakmp_sas)
        self.strangers = DropLog(context)
        self._waiting: dict[str, list[str]] = {}  # peer section -> connections waiting for phase 1

    # Beginning

    def is_up(self, name: str) -> bool:
        """Tell whether a connection has SAs that nothing is to replace."""
        return self.ipsec_sas.up(name)

    def is_negotiating(self, name: str) -> bool:
        """Tell whether an exchange for a connection, or its peer's phase 1, is under way."""
        if any(name in names for names in self._waiting.values()):
            return True
        return any(e.name == name and e.initiator for e in self.exchanges)

    def negotiate(self, connection: Connection) -> None:
        """Begin quick mode, after phase 1 if need be."""
        sa = self.isakmp_sas.with_peer(connection.peer)
        if sa is not None and self.mode_configuration.ready(sa, connection):
            self._begin_quick_mode(sa, connection)
            return
        waiting = self._waiting.setdefault(connection.peer, [])
        if connection.section not in waiting:
            waiting.append(connection.section)
        if sa is not None:
            self.mode_configuration.begin(sa)
        elif self.exchanges.running_phase1(connection.peer) is None:
            self.begin_phase1(connection.peer)

    def begin_phase1(self, section: str) -> None:
        """Begin phase 1 with a peer; what prevents it counts as its failure."""
        peer = self.context.configuration.peers.get(section)
        if peer is None or peer.address is None:
            self._phase1_failed(section, f"[{section}] has no Address to begin with")
            return
        local = peer.local_address or self._local_address(peer.address)
        if local is None:
            self._phase1_failed(section, f"no local address leads to {peer.address}")
            return
        transport = Transport(local, self._ike_port, peer.address, peer.port)
        cookies = cookie(self.context.entropy), NO_COOKIE
        exchange = Phase1Exchange(self.context, self, peer, True, transport, cookies)
        self.exchanges.add(exchange)
        exchange.start(phase1_modes.initiator(exchange))

    def _begin_quick_mode(self, sa: IsakmpSa, connection: Connection) -> Phase2Exchange:
        number = informational.fresh_message_id(self.context, sa)
        name = connection.section
        exchange = Phase2Exchange(self.context, self, sa, name, True, sa.transport, number)
        self.exchanges.add(exchange)
        exchange.start(quick_mode.initiator(exchange, connection))
        return exchange

    # Answering

    def answer_phase1(self, header: Header, first: Chain, octets: bytes, at: Transport) -> None:
        """Begin to answer a peer's phase 1; raises Refused for an address nobody configured."""
        peer = self.context.configuration.peer_for(at.remote)
        if peer is None:
            raise Refused(
                f"no peer section for {at.remote} ([Phase 1]:{at.remote} or Default decides)", None
            )
        cookies = header.initiator_cookie, cookie(self.context.entropy)
        exchange = Phase1Exchange(
            self.context, self, peer, False, at, cookies, exchange_type=header.exchange_type
        )
        self.exchanges.add(exchange, first_message_key(header.initiator_cookie))
        exchange.start(phase1_modes.responder(exchange, first), octets)

    def answer_quick_mode(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Begin to answer a peer's quick mode, whose HASH(1) is verified."""
        exchange = Phase2Exchange(
            self.context, self, sa, f"{sa.name}/?", False, at, header.message_id
        )
        exchange.begin_with(body)
        self.exchanges.add(exchange)
        exchange.start(quick_mode.responder(exchange, first), octets)

    def answer_transaction(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Begin to answer a peer's transaction, whose HASH is verified."""
        self.mode_configuration.answer(sa, header, body, first, octets, at)

    def assigned_addresses(self, sa: IsakmpSa) -> tuple[Address, ...]:
        """List the addresses the peer of ``sa`` has assigned this host, one of an IP version."""
        return self.mode_configuration.addresses(sa)

    def connection_for(self, sa: IsakmpSa, ours: Identity, theirs: Identity) -> Connection:
        """Find the connection a peer's client identities mean; raises Refused."""
        for connection in self.context.configuration.connections.values():
            if connection.peer == sa.name and connection.passive:
                local, remote = quick_mode.client_ids(
                    sa.transport, connection, self.assigned_addresses(sa)
                )
                if _same_packets(local, ours) and _same_packets(remote, theirs):
                    return connection
        known = [
            f"[{c.section}] has {c.remote or 'the peer itself'} and {c.local or 'this host'}"
            for c in self.context.configuration.connections.values()
            if c.peer == sa.name and c.passive
        ]
        raise Refused(
            f"peer proposed invalid phase 2 IDs: initiator id {_described(theirs)}, responder id "
            f"{_described(ours)}; no connection of peer {sa.name} has them as Remote-ID and "
            f"Local-ID ({', '.join(known[:3]) or 'it has none'})",
            NotifyType.INVALID_ID_INFORMATION,
        )

    # Phase 1 ends

    def shares_nothing_with(self, peer: Peer) -> bool:
        """Tell whether no SA with a peer exists."""
        section = peer.section
        return not self.isakmp_sas.any_with(section) and not self.ipsec_sas.with_peer(section)

    def cookies_changed(self, exchange: Phase1Exchange) -> None:
        """Find the exchange by its full key from now on."""
        self.exchanges.add_key(exchange)

    def complain(self, at: Transport, line: str) -> bool:
        """Log what an unproven peer has brought about; False when it had its share of lines."""
        return self.strangers.log(at, line)

    def isakmp_established(self, sa: IsakmpSa, *, initial_contact: bool) -> None:
        """Take the SA and start what waited for it."""
        initiator_id = sa.local_id if sa.initiator else sa.remote_id
        responder_id = sa.remote_id if sa.initiator else sa.local_id
        role = "" if sa.initiator else " (as responder)"
        self.context.verbose(
            f"isakmpd: phase 1 done{role}: initiator id {initiator_id}, responder id "
            f"{responder_id}, src: {sa.transport.local} dst: {sa.transport.remote}"
        )
        if sa.nat.detected:
            self.context.verbose(f"{sa.name}: {sa.nat}, ESP travels in UDP")
        self.isakmp_sas.add(sa)
        if initial_contact:
            self.correspondence.initial_contact(sa)
        self.correspondence.opened(sa)
        self.mode_configuration.begin(sa)

    def mode_configured(self, sa: IsakmpSa) -> None:
        """Begin the quick modes that waited for phase 1 and mode config."""
        channel = self.isakmp_sas.with_peer(sa.name)
        if channel is None:
            self._phase1_failed(sa.name, "the ISAKMP SA has ended before mode config did")
            return
        for name in self._waiting.pop(sa.name, ()):
            connection = self.context.configuration.connections.get(name)
            if connection is None or self._satisfied(name):
                continue
            if lack := self.mode_configuration.lacks_address(channel, connection):
                self.context.log(f"{name}: quick mode does not begin: {lack}")
                self._connection_failed(name, lack)
            else:
                self._begin_quick_mode(channel, connection)

    def address_changed(self, sa: IsakmpSa) -> None:
        """Renew the pairs made with an address that the peer does not assign any more."""
        addresses = self.mode_configuration.addresses(sa)
        for pair in self.ipsec_sas.of_peer(sa):
            connection = self.context.configuration.connections.get(pair.name)
            if connection is None or connection.local is not None:
                continue
            if pair.selector.local.network_address in (*addresses, pair.isakmp.transport.local):
                continue
            self.ipsec_sas.remove(pair, tell_peer=True)
            self.connections.check_soon(pair.name)

    def still_shares(self, sa: IsakmpSa) -> bool:
        """Tell whether any SA with the peer of ``sa`` is left."""
        return self.isakmp_sas.channel(sa) is not None or bool(self.ipsec_sas.of_peer(sa))

    def _satisfied(self, name: str) -> bool:
        """Tell whether a connection has SAs and none that wants an heir."""
        current = [pair for pair in self.ipsec_sas.named(name) if not pair.replaced]
        return bool(current) and not any(pair.wants_heir for pair in current)

    def awaited(self, peer: str) -> bool:
        """Tell whether connections wait for phase 1 with a peer."""
        return bool(self._waiting.get(peer))

    def _phase1_failed(self, section: str, reason: str) -> None:
        for name in self._waiting.pop(section, ()):
            self._connection_failed(name, reason)

    def _connection_failed(self, name: str, reason: str) -> None:
        self.connections.failed(name, reason)
        for pair in self.ipsec_sas.named(name):
            if pair.wants_heir and not pair.replaced:
                self.ipsec_sas.rekey_failed(pair)

    # Phase 2 ends

    def ipsec_established(self, sa: IpsecSa) -> None:
        """Take the SAs and lead the traffic through them."""
        role = "" if sa.initiator else " (as responder)"
        self.context.verbose(
            f"isakmpd: quick mode done{role}: src: {sa.inbound.key.destination} "
            f"dst: {sa.outbound.key.destination}"
        )
        lasting = self.connections.watches(sa.name)
        self.ipsec_sas.add(sa, lasting=lasting)
        self.connections.established(sa.name)
        self.correspondence.keep_channel(sa.isakmp)

    def exchange_ended(self, exchange: Exchange, failure: str | None) -> None:
        """Forget an exchange and see to what depended on it."""
        if failure is None or (isinstance(exchange, Phase1Exchange) and not exchange.initiator):
            self.exchanges.discard_later(exchange)  # until the peer repeats its messages no more
            return
        self.exchanges.discard(exchange)
        if isinstance(exchange, Phase1Exchange) and exchange.initiator:
            self._phase1_failed(exchange.name, failure)
            old = self.isakmp_sas.with_peer(exchange.name)
            if old is not None and old.wants_heir:
                self.isakmp_sas.rekey_failed(old)
            self.correspondence.no_channel(exchange.name, exchange.began)
        elif isinstance(exchange, Phase2Exchange) and exchange.initiator:
            self.correspondence.silent(exchange)
            self._connection_failed(exchange.name, failure)

    def ipsec_removed(self, pair: IpsecSa) -> None:
        """Let nobody complete any more what is gone."""
        self.exchanges.forget_done((*pair.isakmp.cookies, pair.message_id))
        self.mode_configuration.released(pair.isakmp)

    def connection_lost(self, pair: IpsecSa) -> None:
        """See whether the connection of a pair that came to its end is to be up."""
        self.connections.check_soon(pair.name)

    # Withdrawal

    def wait_no_longer(self, name: str) -> None:
        """Begin no quick mode for a connection when the phase 1 it waits for is done."""
        for names in self._waiting.values():
            if name in names:
                names.remove(name)

    def remove_isakmp_sas(self, peer: str) -> bool:
        """End phase 1 with a peer and delete its ISAKMP SAs; False when there were none."""
        for exchange in self.exchanges:
            if isinstance(exchange, Phase1Exchange) and exchange.name == peer:
                exchange.abort("torn down by the administrator")
        found = [sa for sa in self.isakmp_sas if sa.name == peer]
        for sa in found:
            self.isakmp_sas.remove(sa, tell_peer=True)
        return bool(found)

    def withdraw_peer(self, peer: str) -> None:
        """Delete every SA with a peer that is no longer configured, or is elsewhere now."""
        for pair in self.ipsec_sas:
            if pair.isakmp.name == peer:
                self.ipsec_sas.remove(pair, tell_peer=True)
                self.connections.check_soon(pair.name)
        if self.remove_isakmp_sas(peer):
            self.context.verbose(f"{peer}: the configuration has withdrawn the peer, its SAs go")

    # Rekeying

    def rekey(self, pair: IpsecSa) -> None:
        """Negotiate a successor for a pair, unless it has one or nobody wants it."""
        pair.wants_heir = True
        connection = self.context.configuration.connections.get(pair.name)
        if pair.replaced or connection is None or self.is_negotiating(pair.name):
            return
        self.negotiate(connection)

    # Telling the peer, and being told

    def delete_spi(self, sa: IsakmpSa, spi: bytes, until: float | None = None) -> None:
        """Tell the peer that we do not hold an inbound SPI; it matters until ``until``."""
        self.correspondence.delete_spi(sa, Farewell(spi, until))

    def notify(self, sa: IsakmpSa, notify: NotifyType, spi: bytes) -> None:
        """Send the peer a protected notify about the exchange in which it offered ``spi``."""
        if self.isakmp_sas.get(sa.cookies) is not None:
            payload = Notification(Doi.IPSEC, Protocol.IPSEC_ESP, notify, spi, b"")
            informational.send(self.context, sa, (payload,))

    def informed(self, sa: IsakmpSa, message: Chain) -> None:
        """Act on an authenticated informational message; raises Malformed."""
        self.correspondence.informed(sa, message)

    def unknown_cookies(self, cookies: tuple[bytes, bytes], at: Transport) -> bool:
        """Hear, unauthenticated, that a peer does not know an SA; False when nor do we."""
        return self.correspondence.unknown_cookies(cookies, at)


def _same_packets(ours: Identity, theirs: Identity) -> bool:
    """Compare client identities by the packets they mean, however they are written."""
    return (ours.network, ours.protocol, ours.port) == (
        theirs.network,
        theirs.protocol,
        theirs.port,
    )


def _described(identity: Identity) -> str:
    suffix = f" protocol {identity.protocol} port {identity.port}" if identity.protocol else ""
    return f"{identity}{suffix}"
