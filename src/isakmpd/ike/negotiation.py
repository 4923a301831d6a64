"""Begin and answer exchanges, and act on how they end: the hub of the engine."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from isakmpd.config.model import Connection, Peer
from isakmpd.ike import informational, ipsec, main_mode, quick_mode
from isakmpd.ike.connections import Connections
from isakmpd.ike.context import Context
from isakmpd.ike.drop_log import DropLog
from isakmpd.ike.entropy import cookie
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.exchanges import Exchanges, first_message_key
from isakmpd.ike.ipsec_sas import IpsecSas
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import NO_COOKIE, Header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import Doi, NotifyType, Protocol
from isakmpd.wire.payloads import Chain, Delete, Notification

Usage = Callable[[ipsec.SaKey], ipsec.SaUsage | None]
LocalAddress = Callable[[IPv4Address | IPv6Address], IPv4Address | IPv6Address | None]


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
        self.isakmp_sas = IsakmpSas(context, self)
        self.ipsec_sas = IpsecSas(context, self)
        self.connections = Connections(context, self)
        self.leaving = False
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
        if sa is not None:
            self._begin_quick_mode(sa, connection)
            return
        waiting = self._waiting.setdefault(connection.peer, [])
        if connection.section not in waiting:
            waiting.append(connection.section)
        if self.exchanges.running_phase1(connection.peer) is None:
            self.begin_phase1(connection.peer)

    def begin_phase1(self, section: str) -> None:
        """Begin main mode with a peer; what prevents it counts as its failure."""
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
        exchange.start(main_mode.initiator(exchange))

    def _begin_quick_mode(self, sa: IsakmpSa, connection: Connection) -> Phase2Exchange:
        number = informational.fresh_message_id(self.context, sa)
        name = connection.section
        exchange = Phase2Exchange(self.context, self, sa, name, True, sa.transport, number)
        exchange.replaces = tuple(self.ipsec_sas.named(name))
        self.exchanges.add(exchange)
        exchange.start(quick_mode.initiator(exchange, connection))
        return exchange

    # Answering

    def answer_phase1(self, header: Header, first: Chain, octets: bytes, at: Transport) -> None:
        """Begin to answer a peer's main mode; raises Refused for an address nobody configured."""
        peer = self.context.configuration.peer_for(at.remote)
        if peer is None:
            raise Refused(
                f"no peer section for {at.remote} ([Phase 1]:{at.remote} or Default decides)", None
            )
        cookies = header.initiator_cookie, cookie(self.context.entropy)
        exchange = Phase1Exchange(self.context, self, peer, False, at, cookies)
        self.exchanges.add(exchange, first_message_key(header.initiator_cookie))
        exchange.start(main_mode.responder(exchange, first), octets)

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

    def connection_for(self, sa: IsakmpSa, ours: Identity, theirs: Identity) -> Connection:
        """Find the connection a peer's client identities mean; raises Refused."""
        for connection in self.context.configuration.connections.values():
            if connection.peer == sa.name and connection.passive:
                local, remote = quick_mode.client_ids(sa.transport, connection)
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
        mine = [sa for sa in self.isakmp_sas if sa.name == peer.section]
        return not mine and all(pair.isakmp.name != peer.section for pair in self.ipsec_sas)

    def cookies_changed(self, exchange: Phase1Exchange) -> None:
        """Find the exchange by its full key from now on."""
        self.exchanges.add_key(exchange)

    def complain(self, at: Transport, line: str) -> bool:
        """Log what an unproven peer has brought about; False when it had its share of lines."""
        return self.strangers.log(at, line)

    def isakmp_established(self, sa: IsakmpSa, last: Chain) -> None:
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
        if sa.peer.remote_id is None:
            self.context.debug(
                LogClass.NEGOTIATION,
                10,
                f"{sa.name}: no Remote-ID is configured, the key vouches for {sa.remote_id}",
            )
        self.isakmp_sas.add(sa)
        if any(n.type == NotifyType.INITIAL_CONTACT for n in last.all(Notification)):
            self._initial_contact(sa)
        for name in self._waiting.pop(sa.name, ()):
            connection = self.context.configuration.connections.get(name)
            if connection is not None and not self.is_up(name):
                self._begin_quick_mode(sa, connection)

    def _initial_contact(self, sa: IsakmpSa) -> None:
        """Drop what the peer says it no longer has: all it had before it began this exchange."""
        for other in self.isakmp_sas:
            if other is not sa and other.same_peer(sa) and other.established <= sa.began:
                self.isakmp_sas.remove(other, tell_peer=False)
        for pair in self.ipsec_sas.of_peer(sa):
            if pair.established <= sa.began:
                self.ipsec_sas.remove(pair, tell_peer=False)
                self.connections.check_soon(pair.name)

    def _phase1_failed(self, section: str, reason: str) -> None:
        for name in self._waiting.pop(section, ()):
            self.connections.failed(name, reason)

    # Phase 2 ends

    def ipsec_established(self, exchange: Phase2Exchange, sa: IpsecSa) -> None:
        """Take the SAs and lead the traffic through them."""
        role = "" if sa.initiator else " (as responder)"
        self.context.verbose(
            f"isakmpd: quick mode done{role}: src: {sa.inbound.key.destination} "
            f"dst: {sa.outbound.key.destination}"
        )
        lasting = self.connections.watches(sa.name)
        self.ipsec_sas.add(sa, exchange.replaces, lasting=lasting)
        self.connections.established(sa.name)

    def exchange_ended(self, exchange: Exchange, failure: str | None) -> None:
        """Forget an exchange and see to what depended on it."""
        if failure is None or (isinstance(exchange, Phase1Exchange) and not exchange.initiator):
            self.exchanges.discard_later(exchange)  # until the peer repeats its messages no more
            return
        self.exchanges.discard(exchange)
        if isinstance(exchange, Phase1Exchange) and exchange.initiator:
            self._phase1_failed(exchange.name, failure)
            old = self.isakmp_sas.with_peer(exchange.name)
            if old is not None:
                self.isakmp_sas.rekey_failed(old)
        elif isinstance(exchange, Phase2Exchange) and exchange.initiator:
            self.connections.failed(exchange.name, failure)
            for pair in exchange.replaces:
                if not pair.replaced:
                    self.ipsec_sas.rekey_failed(pair)

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
        connection = self.context.configuration.connections.get(pair.name)
        if pair.replaced or connection is None or self.is_negotiating(pair.name):
            return
        self.negotiate(connection)

    def rekey_isakmp(self, sa: IsakmpSa) -> None:
        """Negotiate a successor for an ISAKMP SA that IPsec SAs or connections still need."""
        needed = self.ipsec_sas.of_peer(sa) or self._waiting.get(sa.name)
        if not sa.replaced and needed and self.exchanges.running_phase1(sa.name) is None:
            self.begin_phase1(sa.name)

    # Telling the peer

    def delete_spi(self, sa: IsakmpSa, spi: bytes) -> None:
        """Tell the peer that we do not hold an inbound SPI, over any ISAKMP SA we still share."""
        channel = self.isakmp_sas.newest_like(sa)
        if channel is None or channel.liveness is None:
            return
        delete = informational.delete_ipsec(spi)
        if self.leaving:  # nobody will be here to take an acknowledgement
            informational.send(self.context, channel, (delete,))
        else:
            channel.liveness.deliver(delete)

    def notify(self, sa: IsakmpSa, notify: NotifyType, spi: bytes) -> None:
        """Send the peer a protected notify about the exchange in which it offered ``spi``."""
        if self.isakmp_sas.get(sa.cookies) is not None:
            payload = Notification(Doi.IPSEC, Protocol.IPSEC_ESP, notify, spi, b"")
            informational.send(self.context, sa, (payload,))

    # Being told

    def informed(self, sa: IsakmpSa, message: Chain) -> None:
        """Act on an authenticated informational message; raises Malformed."""
        for delete in message.all(Delete):
            self._deleted(sa, delete)
        for notification in message.all(Notification):
            self._notified(sa, notification)

    def _deleted(self, sa: IsakmpSa, delete: Delete) -> None:
        for spi in delete.spis:
            if delete.protocol == Protocol.ISAKMP:
                target = self.isakmp_sas.get((spi[:8], spi[8:]))
                if target is not None and target.same_peer(sa):
                    self.context.verbose(f"{sa.name}: the peer deleted an ISAKMP SA")
                    self.isakmp_sas.remove(target, tell_peer=False)
            elif delete.protocol == Protocol.IPSEC_ESP:
                pair = self.ipsec_sas.by_outbound_spi(sa, spi)
                if pair is not None:
                    self.context.verbose(f"{pair.name}: the peer deleted SA {spi.hex()}")
                    self.ipsec_sas.remove(pair, tell_peer=False)

    def _notified(self, sa: IsakmpSa, notification: Notification) -> None:
        liveness = sa.liveness
        if liveness is None:
            return
        if notification.type == NotifyType.R_U_THERE:
            liveness.acknowledge(notification)
        elif notification.type == NotifyType.R_U_THERE_ACK:
            liveness.acknowledged(notification)
        elif notification.type == NotifyType.INITIAL_CONTACT:
            self._initial_contact(sa)
        elif not self._refused_quick_mode(sa, notification):
            self.context.log(f"{sa.name}: {sa.transport.peer} says {notification.type}")

    def _refused_quick_mode(self, sa: IsakmpSa, notification: Notification) -> bool:
        """End the quick mode a protected error is about; False when it can be none or several."""
        running = [
            exchange
            for exchange in self.exchanges
            if isinstance(exchange, Phase2Exchange) and exchange.sa is sa
        ]
        named = [exchange for exchange in running if exchange.offered(notification.spi)]
        meant = named or running
        if notification.type >= NotifyType.CONNECTED or len(meant) != 1:
            return False
        meant[0].refused_by_peer(notification.type)
        return True

    def unknown_cookies(self, cookies: tuple[bytes, bytes], at: Transport) -> bool:
        """Ask a peer that seems to have lost an SA whether it still knows it."""
        sa = self.isakmp_sas.get(cookies)
        if sa is None or sa.transport.remote != at.remote or sa.liveness is None:
            return False
        sa.liveness.probe()
        return True

    # Life and death of the peer

    def last_inbound(self, sa: IsakmpSa) -> float | None:
        """Tell when ESP last arrived from a peer, in seconds."""
        usages = [self.usage(pair.inbound.key) for pair in self.ipsec_sas.of_peer(sa)]
        times = [usage.last_used for usage in usages if usage and usage.last_used is not None]
        return max(times, default=None)

    def peer_dead(self, sa: IsakmpSa) -> None:
        """Forget a peer that does not answer, or only this SA where the peer lives on another."""
        self.isakmp_sas.remove(sa, tell_peer=False)
        rival = self.isakmp_sas.newest_like(sa)
        if rival is not None and rival.liveness is not None:
            rival.liveness.probe()
            return
        self.context.log(
            f"{sa.name}: {sa.transport.peer} does not answer R-U-THERE: the peer is dead, "
            "its SAs are dropped"
        )
        for pair in self.ipsec_sas.of_peer(sa):
            self.ipsec_sas.remove(pair, tell_peer=False)
            self.connections.check_soon(pair.name)

    def unknown_spi(self, event: ipsec.UnknownSpi) -> None:
        """Tell a peer that still sends on an SA we do not hold."""
        for sa in reversed(list(self.isakmp_sas)):
            if sa.transport.remote == event.source and sa.transport.local == event.destination:
                self.delete_spi(sa, event.spi.to_bytes(4))
                return


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
