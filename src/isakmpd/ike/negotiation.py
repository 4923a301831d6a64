"""Begin exchanges, and act on how all of them end: the hub of the engine."""

from __future__ import annotations

from collections.abc import Callable

from isakmpd.config.model import Connection, Peer
from isakmpd.ike import explanation, informational, ipsec, phase1_modes, quick_mode
from isakmpd.ike.client_ids import ClientIds
from isakmpd.ike.connections import Connections
from isakmpd.ike.context import Context
from isakmpd.ike.correspondence import Correspondence
from isakmpd.ike.drop_log import DropLog
from isakmpd.ike.entropy import cookie
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.exchanges import Exchanges
from isakmpd.ike.guards import Guards
from isakmpd.ike.inner_addresses import InnerAddresses
from isakmpd.ike.ipsec_sas import IpsecSas
from isakmpd.ike.liveness import Farewell
from isakmpd.ike.mode_configuration import ModeConfiguration
from isakmpd.ike.moved_peers import MovedPeers
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.ike.waiting import Waiting, goal
from isakmpd.ike.ways import ListensOn, LocalAddress, Ways
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.header import NO_COOKIE
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import Doi, Protocol
from isakmpd.wire.payloads import Notification

Usage = Callable[[ipsec.SaKey], ipsec.SaUsage | None]


class Negotiation:
    """Own exchanges, SAs and connections, and let each know of the others."""

    def __init__(
        self,
        context: Context,
        usage: Usage,
        local_address: LocalAddress,
        ike_port: int,
        listens_on: ListensOn,
    ) -> None:
        self.context = context
        self.usage = usage
        self.exchanges = Exchanges(context)
        self.correspondence = Correspondence(self)
        self.isakmp_sas = self.correspondence.isakmp_sas
        self.ipsec_sas = IpsecSas(context, self)
        self.connections = Connections(context, self)
        self.mode_configuration = ModeConfiguration(context, self, self.exchanges, self.isakmp_sas)
        self.strangers = DropLog(context)
        self.moved_peers = MovedPeers(self)
        self._inner_addresses = InnerAddresses(self)
        self.guards = Guards(context, local_address)
        self._waiting = Waiting()  # for phase 1
        self.ways = Ways(self, local_address, listens_on, ike_port)

    # Beginning

    def is_up(self, name: str) -> bool:
        """Tell whether a connection has SAs that nothing is to replace."""
        return self.ipsec_sas.up(name)

    def is_negotiating(self, name: str) -> bool:
        """Tell whether an exchange for a connection, or its peer's phase 1, is under way."""
        if self._waiting.has(name):
            return True
        return any(e.name == name and e.initiator for e in self.exchanges)

    def negotiate(self, connection: Connection) -> None:
        """Begin quick mode, after phase 1 if need be."""
        self.guards.refresh(connection)
        self._negotiate(connection, self.isakmp_sas.with_peer(connection.peer))

    def _negotiate(
        self, connection: Connection, channel: IsakmpSa | None, toward: IsakmpSa | None = None
    ) -> None:
        """Begin quick mode over an ISAKMP SA, or have the connection wait for one, configured."""
        if channel is not None and self.mode_configuration.ready(channel, connection):
            self._begin_quick_mode(channel, connection)
            return
        peer = self.context.configuration.peers.get(connection.peer)
        reach = goal(peer, connection.peer, toward)
        self._waiting.add(reach, connection.section)
        if channel is not None:
            self.mode_configuration.begin(channel)
        elif self.exchanges.running_phase1(reach) is None:
            self.begin_phase1(connection.peer, toward)

    def _channel(self, sa: IsakmpSa) -> IsakmpSa | None:
        """Give the ISAKMP SA over which to negotiate with whoever holds ``sa``, if there is one."""
        channel = self.isakmp_sas.channel(sa)
        if channel is None and sa.peer.address is not None:
            return self.isakmp_sas.with_peer(sa.name)  # it may have changed its identity
        return channel

    def begin_phase1(self, section: str, toward: IsakmpSa | None = None) -> None:
        """Begin phase 1 with a peer; what prevents it counts as its failure.

        A section without Address leads to whoever holds ``toward``, where it was last heard.
        """
        peer = self.context.configuration.peers.get(section)
        transport = self.ways.to(section, toward)
        if peer is None or isinstance(transport, str):
            reason = transport if isinstance(transport, str) else f"[{section}] is no peer"
            if peer is not None:
                line = f"{section}: phase 1 does not begin: {reason}"
                self.context.failures.tell(section, line)
            self._phase1_failed(section, toward, self.context.now, reason)
            return
        cookies = cookie(self.context.entropy), NO_COOKIE
        exchange = Phase1Exchange(self.context, self, peer, True, transport, cookies)
        exchange.toward = toward
        self.exchanges.add(exchange)
        exchange.start(phase1_modes.initiator(exchange))

    def renew_phase1(self, sa: IsakmpSa) -> None:
        """Begin phase 1 with the peer of an ISAKMP SA unless one is under way."""
        if not self.context.active:
            return
        reach = goal(self.context.configuration.peers.get(sa.name), sa.name, sa)
        if self.exchanges.running_phase1(reach) is None:
            self.begin_phase1(sa.name, sa)

    def _begin_quick_mode(self, sa: IsakmpSa, connection: Connection) -> Phase2Exchange:
        number = informational.fresh_message_id(self.context, sa)
        name = connection.section
        exchange = Phase2Exchange(self.context, self, sa, name, True, sa.transport, number)
        self.exchanges.add(exchange)
        exchange.start(quick_mode.initiator(exchange, connection, self._renewed(sa, connection)))
        return exchange

    def _renewed(self, sa: IsakmpSa, connection: Connection) -> ClientIds | None:
        """Give the identities of the pair to renew where those configured leave them open."""
        ends = connection.local, connection.remote
        if all(end is not None and not end.any_port for end in ends):
            return None
        pairs = (pair for pair in self.ipsec_sas.of_peer(sa) if pair.name == connection.section)
        renewed = (pair.client_ids for pair in pairs if pair.wants_heir and not pair.replaced)
        return next(renewed, None)

    def assigned_addresses(self, sa: IsakmpSa) -> tuple[Address, ...]:
        """List the addresses the peer of ``sa`` has assigned this host, one of an IP version."""
        return self.mode_configuration.addresses(sa)

    # Phase 1 ends

    def shares_nothing_with(self, peer: Peer, at: Transport, proven: Identity | None) -> bool:
        """Tell whether no SA with a peer, who is there and perhaps has proved who, exists."""
        return self.correspondence.shares_nothing_with(peer, at, proven)

    def cookies_changed(self, exchange: Phase1Exchange) -> None:
        """Find the exchange by its full key from now on."""
        self.exchanges.add_key(exchange)

    def complain(self, at: Transport, line: str) -> bool:
        """Log what an unproven peer has brought about; False when it had its share of lines."""
        return self.strangers.failed(at, line)

    def isakmp_established(self, sa: IsakmpSa, *, initial_contact: bool) -> None:
        """Take the SA and start what waited for it."""
        initiator_id = sa.local_id if sa.initiator else sa.remote_id
        responder_id = sa.remote_id if sa.initiator else sa.local_id
        role = "" if sa.initiator else " (as responder)"
        self.context.verbose(
            f"isakmpd: phase 1 done{role}: initiator id {initiator_id}, responder id "
            f"{responder_id}, src: {sa.transport.local} dst: {sa.transport.remote}"
        )
        self.context.verbose(
            "%s: ISAKMP SA %s %s with %s: %s",
            sa.name,
            sa.initiator_cookie.hex(),
            sa.responder_cookie.hex(),
            sa.transport.peer,
            sa.choice,
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
        if self.correspondence.leaving:
            return
        channel = self._channel(sa)
        if channel is None:
            reason = "the ISAKMP SA has ended before mode config did"
            self._phase1_failed(sa.name, sa, self.context.now, reason)
            return
        for name in self._waiting.take(*self._goals(sa)):
            connection = self.context.configuration.connections.get(name)
            if connection is None or self._satisfied(name, sa):
                continue
            if lack := self.mode_configuration.lacks_address(channel, connection):
                self.context.failures.tell(name, f"{name}: quick mode does not begin: {lack}")
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

    def _goals(self, sa: IsakmpSa) -> tuple[str, ...]:
        return tuple(dict.fromkeys((sa.name, sa.peer_key)))

    def _satisfied(self, name: str, sa: IsakmpSa) -> bool:
        """Tell whether a connection has SAs with the peer of ``sa`` and none that wants an heir."""
        current = [
            pair
            for pair in self.ipsec_sas.named(name)
            if not pair.replaced and (pair.isakmp.same_peer(sa) or sa.peer.address is not None)
        ]
        return bool(current) and not any(pair.wants_heir for pair in current)

    def awaited(self, sa: IsakmpSa) -> bool:
        """Tell whether connections wait for phase 1 with the peer of an ISAKMP SA."""
        return any(self._waiting.awaited(reach) for reach in self._goals(sa))

    def _phase1_failed(
        self, section: str, toward: IsakmpSa | None, since: float, reason: str
    ) -> None:
        peer = self.context.configuration.peers.get(section)
        for name in self._waiting.take(goal(peer, section, toward)):
            self._connection_failed(name, reason)
        old = self._channel(toward) if toward else self.isakmp_sas.with_peer(section)
        if old is not None and old.wants_heir:
            self.isakmp_sas.rekey_failed(old)
        self.correspondence.no_channel(section, toward, since)

    def _connection_failed(self, name: str, reason: str) -> None:
        self.connections.failed(name, reason)
        for pair in self.ipsec_sas.named(name):
            if pair.wants_heir and not pair.replaced:
                self.ipsec_sas.rekey_failed(pair)

    # Phase 2 ends

    def ipsec_established(self, sa: IpsecSa) -> None:
        """Take the SAs and lead the traffic through them."""
        role = "" if sa.initiator else " (as responder)"
        sa.isakmp.served = True
        self.context.verbose(
            f"isakmpd: quick mode done{role}: src: {sa.inbound.key.destination} "
            f"dst: {sa.outbound.key.destination}"
        )
        self.context.verbose(
            "%s: SA in %s out %s for %s: %s, life %s",
            sa.name,
            "+".join(f"{one.inbound.key.spi:08x}" for one in sa.bundle),
            "+".join(f"{one.outbound.key.spi:08x}" for one in sa.bundle),
            sa.selector,
            sa.choice,
            sa.choice.lifetimes,
        )
        for subject in (sa.name, sa.isakmp.name, str(sa.isakmp.transport.remote)):
            self.context.failures.over(subject)
        lasting = self.connections.watches(sa.name)
        self.ipsec_sas.add(sa, lasting=lasting)
        self.moved_peers.catch_up(sa)
        self.connections.established(sa.name)
        self.correspondence.keep_channel(sa.isakmp)

    def exchange_ended(self, exchange: Exchange, failure: str | None) -> None:
        """Forget an exchange and see to what depended on it."""
        if failure is None or (isinstance(exchange, Phase1Exchange) and not exchange.initiator):
            self.exchanges.discard_later(exchange)  # until the peer repeats its messages no more
            return
        self.exchanges.discard(exchange)
        if isinstance(exchange, Phase1Exchange) and exchange.initiator:
            self._phase1_failed(exchange.name, exchange.toward, exchange.began, failure)
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

    def wait_no_longer(self, name: str, reason: str) -> None:
        """Begin no quick mode for a connection, nor call for its sake alone a peer that is silent.

        With a peer that has answered phase 1 goes on, lest it be left with half of one.
        """
        for reach in self._waiting.drop(name):
            exchange = self.exchanges.running_phase1(reach)
            if exchange is None or exchange.step > 0:
                continue
            if not self.correspondence.sas_of(exchange.name):
                exchange.abort(reason)

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
        found = self.isakmp_sas.with_section(peer)
        if peer in self.context.configuration.peers:
            self.ways.give_up_unusable(found)
        for pair in self.ipsec_sas:
            if pair.isakmp.name == peer:
                self.ipsec_sas.remove(pair, tell_peer=True)
                self.connections.check_soon(pair.name)
        self.remove_isakmp_sas(peer)
        if found:
            self.context.verbose(f"{peer}: the configuration has withdrawn the peer, its SAs go")

    # Rekeying

    def rekey(self, pair: IpsecSa) -> None:
        """Negotiate a successor for a pair, unless it has one or nobody wants it."""
        connection = self.context.configuration.connections.get(pair.name)
        if self.connections.on_demand(pair.name) and not self._has_carried(pair):
            return
        pair.wants_heir = True
        if pair.replaced or connection is None or self._is_renewing(pair):
            return
        if not self.context.active:
            return
        self._negotiate(connection, self._channel(pair.isakmp), pair.isakmp)

    def _is_renewing(self, pair: IpsecSa) -> bool:
        """Tell whether an exchange with the peer of a pair is under way for its connection."""
        if any(self._waiting.has(pair.name, reach) for reach in self._goals(pair.isakmp)):
            return True
        return any(
            exchange.name == pair.name and exchange.initiator and exchange.sa.same_peer(pair.isakmp)
            for exchange in self.exchanges.quick_modes()
        )

    def _has_carried(self, pair: IpsecSa) -> bool:
        usages = (self.usage(key) for key in (pair.inbound.key, pair.outbound.key))
        return any(usage is not None and usage.packets for usage in usages)

    def usage_of(self, key: ipsec.SaKey) -> ipsec.SaUsage | None:
        """Count what an SA has carried."""
        return self.usage(key)

    # Telling the peer, and being told

    def say_farewell(self, pair: IpsecSa) -> None:
        """Tell the peer that we hold a pair no longer."""
        self.correspondence.say_farewell(pair)

    def delete_spi(self, sa: IsakmpSa, spi: bytes, protocol: Protocol = Protocol.IPSEC_ESP) -> None:
        """Tell the peer that we do not hold an inbound SPI."""
        self.correspondence.delete_spi(sa, Farewell(spi, protocol=protocol))

    def taken(self, key: ipsec.SaKey) -> bool:
        """Tell whether an SA of that destination, protocol and SPI exists."""
        return self.ipsec_sas.by_key(key) is not None

    def check_inner_addresses(self, sa: IsakmpSa, network: Network) -> None:
        """Raise Refused where another peer has what the peer of ``sa`` wants in a tunnel."""
        self._inner_addresses.check(sa, network)

    def notify(
        self,
        sa: IsakmpSa,
        refused: Refused,
        spi: bytes = b"",
        protocol: Protocol = Protocol.IPSEC_ESP,
    ) -> None:
        """Send the peer a protected notify about the exchange in which it offered ``spi``."""
        if refused.notify is not None and self.isakmp_sas.get(sa.cookies) is not None:
            data = explanation.explain(refused, sa.vendors)
            payload = Notification(Doi.IPSEC, protocol, refused.notify, spi, data)
            informational.send(self.context, sa, (payload,))
