"""Tell peers what we hold no longer, hear it from them, and judge their silence.

Whoever removes an IPsec SA tells the peer, over the ISAKMP SA they share or else over the next one
they make: so an SA that one end alone holds is found out by a Delete, or its owner finds that the
peer is gone. For the same reason IPsec SAs do not stay without an ISAKMP SA.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from isakmpd.ike import informational, ipsec
from isakmpd.ike.ipsec_sas import RETRY_REKEY
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.liveness import ATTEMPTS, RESEND_AFTER, Farewell
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.phase2_proposal import SPI_LENGTH
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import NotifyType, Protocol
from isakmpd.wire.payloads import Chain, Delete, Notification

if TYPE_CHECKING:
    from isakmpd.ike.negotiation import Negotiation

_LIFETIME_OF_PHASE_1 = NotifyType.RESPONDER_LIFETIME, Protocol.ISAKMP
FAREWELLS = 1024  # kept for all peers without an ISAKMP SA; the oldest give way


class Correspondence:
    """Own the ISAKMP SAs and what is said over them."""

    def __init__(self, negotiation: Negotiation) -> None:
        self._context = negotiation.context
        self._negotiation = negotiation
        self.isakmp_sas = IsakmpSas(self._context, self)
        self.leaving = False
        self._kept: list[tuple[IsakmpSa, Farewell]] = []  # with the SA that led to the peer

    # Telling the peer

    def delete_spi(self, sa: IsakmpSa, farewell: Farewell) -> None:
        """Tell the peer of ``sa`` that we do not hold an inbound SPI."""
        channel = self.isakmp_sas.channel(sa)
        if self.leaving:  # nobody will be here to take an acknowledgement
            if channel is not None:
                delete = informational.delete_ipsec(farewell.spi)
                informational.send(self._context, channel, (delete,))
        elif channel is not None and channel.liveness is not None:
            channel.liveness.deliver(farewell)
        else:
            self._kept = [*self._worth_saying(), (sa, farewell)][-FAREWELLS:]

    def _worth_saying(self) -> list[tuple[IsakmpSa, Farewell]]:
        now = self._context.now
        return [(sa, f) for sa, f in self._kept if f.until is None or f.until > now]

    def opened(self, sa: IsakmpSa) -> None:
        """Say over a new SA what could not be said before it."""
        kept, self._kept = self._worth_saying(), []
        for old, farewell in kept:
            self.delete_spi(old if not old.same_peer(sa) else sa, farewell)

    def isakmp_removed(self, sa: IsakmpSa, unsaid: list[Farewell]) -> None:
        """See to what an SA that is gone was still to tell the peer, and to what needed it."""
        self._negotiation.exchanges.forget_done((*sa.cookies, 0))
        self._negotiation.mode_configuration.removed(sa)
        for farewell in unsaid:
            self.delete_spi(sa, farewell)
        self.keep_channel(sa)

    def forget(self) -> None:
        """Forget what nobody can be told any more."""
        self._kept.clear()

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
                    self._context.verbose(f"{sa.name}: the peer deleted an ISAKMP SA")
                    self.isakmp_sas.remove(target, tell_peer=False)
            elif delete.protocol == Protocol.IPSEC_ESP and len(spi) == SPI_LENGTH:
                self._spi_deleted(sa, spi)

    def _spi_deleted(self, sa: IsakmpSa, spi: bytes) -> None:
        # A Delete can overtake the message that would have completed the SA.
        for exchange in self._negotiation.exchanges:
            if isinstance(exchange, Phase2Exchange) and exchange.sa.same_peer(sa):
                exchange.spi_deleted(spi)
        pair = self._negotiation.ipsec_sas.by_outbound_spi(sa, spi)
        if pair is not None:
            self._context.verbose(f"{pair.name}: the peer deleted SA {spi.hex()}")
            self._negotiation.ipsec_sas.remove(pair, tell_peer=False)

    def _notified(self, sa: IsakmpSa, notification: Notification) -> None:
        liveness = sa.liveness
        if liveness is None:
            return
        if notification.type == NotifyType.R_U_THERE:
            liveness.acknowledge(notification)
        elif notification.type == NotifyType.R_U_THERE_ACK:
            liveness.acknowledged(notification)
        elif notification.type == NotifyType.INITIAL_CONTACT:
            self.initial_contact(sa)
        elif (notification.type, notification.protocol) == _LIFETIME_OF_PHASE_1:
            self.isakmp_sas.shorten(sa, notification)
        elif not self._refused_quick_mode(
            sa, notification
        ) and not self._negotiation.mode_configuration.refused_by_peer(sa, notification.type):
            self._context.log(f"{sa.name}: {sa.transport.peer} says {notification.type}")

    def _refused_quick_mode(self, sa: IsakmpSa, notification: Notification) -> bool:
        """End the quick mode a protected error is about; False when it can be none or several."""
        running = [exchange for exchange in self._quick_modes() if exchange.sa is sa]
        named = [exchange for exchange in running if exchange.offered(notification.spi)]
        meant = named or running
        if notification.type >= NotifyType.CONNECTED or len(meant) != 1:
            return False
        meant[0].refused_by_peer(notification.type)
        return True

    def _quick_modes(self) -> list[Phase2Exchange]:
        return [e for e in self._negotiation.exchanges if isinstance(e, Phase2Exchange)]

    def initial_contact(self, sa: IsakmpSa) -> None:
        """Drop what the peer says it no longer has: all it had before it began this exchange.

        It is told nevertheless: what looks old to us may have reached it late.
        """
        gone = [
            other
            for other in self.isakmp_sas.like(sa)
            if other is not sa and other.established <= sa.began
        ]
        for other in gone:
            self.isakmp_sas.remove(other, tell_peer=False)
            self._abort_quick_modes(other, "the peer has started afresh")
        for pair in self._negotiation.ipsec_sas.of_peer(sa):
            if pair.established <= sa.began or pair.isakmp.established <= sa.began:
                self._drop(pair)

    def _abort_quick_modes(self, sa: IsakmpSa, reason: str) -> None:
        for exchange in self._quick_modes():
            if exchange.sa is sa:
                exchange.abort(reason)

    def _drop(self, pair: IpsecSa) -> None:
        self._negotiation.ipsec_sas.remove(pair, tell_peer=True)
        self._negotiation.connections.check_soon(pair.name)

    def unknown_cookies(self, cookies: tuple[bytes, bytes], at: Transport) -> bool:
        """Ask a peer that seems to have lost an SA whether it still knows it."""
        sa = self.isakmp_sas.get(cookies)
        if sa is None or sa.transport.remote != at.remote or sa.liveness is None:
            return False
        sa.liveness.probe()
        return True

    def unknown_spi(self, event: ipsec.UnknownSpi) -> None:
        """Tell a peer that still sends on an SA we do not hold."""
        for sa in self.isakmp_sas:
            if sa.transport.remote == event.source and sa.transport.local == event.destination:
                self.delete_spi(sa, Farewell(event.spi.to_bytes(4), self._context.now))
                return

    # Life and death of the peer

    def last_inbound(self, sa: IsakmpSa) -> float | None:
        """Tell when ESP last arrived from a peer, in seconds."""
        return self._last_inbound(self._negotiation.ipsec_sas.of_peer(sa))

    def _last_inbound(self, pairs: list[IpsecSa]) -> float | None:
        usages = [self._negotiation.usage(pair.inbound.key) for pair in pairs]
        times = [usage.last_used for usage in usages if usage and usage.last_used is not None]
        return max(times, default=None)

    def silent(self, exchange: Phase2Exchange) -> None:
        """Ask a peer that lets a quick mode fail in silence whether it knows the ISAKMP SA."""
        liveness = exchange.sa.liveness
        known = self.isakmp_sas.get(exchange.sa.cookies) is not None
        if known and liveness is not None and liveness.heard_at <= exchange.began:
            liveness.probe()

    def peer_silent(self, sa: IsakmpSa, since: float) -> None:
        """Forget a peer that does not answer, or only this SA where the peer lives on another."""
        rivals = [other for other in self.isakmp_sas.like(sa) if other is not sa]
        lives = bool(rivals) or (self.last_inbound(sa) or 0.0) > since
        if not lives:
            self._context.log(
                f"{sa.name}: {sa.transport.peer} does not answer R-U-THERE: the peer is dead, "
                "its SAs are dropped"
            )
        self._abort_quick_modes(sa, "the peer does not answer")
        for pair in [] if lives else self._negotiation.ipsec_sas.of_peer(sa):
            self._drop(pair)
        self.isakmp_sas.remove(sa, tell_peer=False)
        if rivals and rivals[-1].liveness is not None:
            rivals[-1].liveness.probe()

    # A channel for as long as there are IPsec SAs

    def keep_channel(self, sa: IsakmpSa) -> None:
        """See to an ISAKMP SA with the peer of ``sa`` if IPsec SAs are left without one."""
        peer = sa.name
        if not self._can_begin(peer):
            if not self.leaving and self.isakmp_sas.channel(sa) is None:
                self._await_peer(self._negotiation.ipsec_sas.of_peer(sa))
        elif self._orphans(peer) and self._negotiation.exchanges.running_phase1(peer) is None:
            self._negotiation.begin_phase1(peer)

    def _orphans(self, peer: str) -> list[IpsecSa]:
        if self.leaving or self.isakmp_sas.with_peer(peer) is not None:
            return []
        return self._negotiation.ipsec_sas.with_peer(peer)

    def _can_begin(self, peer: str) -> bool:
        section = self._context.configuration.peers.get(peer)
        return section is not None and section.address is not None

    def _await_peer(self, orphans: list[IpsecSa]) -> None:
        """Give a peer that only it can find the time its own dead peer detection takes."""
        interval = self._context.general.dpd_check_interval
        if not interval:
            return
        since = self._context.now
        for pair in orphans:
            event = f"{pair.name} looks for its peer"
            if pair.timers.armed(event):
                continue
            due = since + interval + ATTEMPTS * RESEND_AFTER
            judge = partial(self._judge_orphan, pair, since)
            pair.timers.arm(self._context.timers, due, event, judge)

    def _judge_orphan(self, pair: IpsecSa, since: float) -> None:
        if self.isakmp_sas.channel(pair.isakmp) is not None:
            return
        if (self._last_inbound([pair]) or 0.0) > since:
            self._await_peer([pair])
            return
        self._context.log(
            f"{pair.name}: {pair.isakmp.transport.peer} has not made the ISAKMP SA anew that is "
            "gone: its SAs are dropped"
        )
        self._drop(pair)

    def no_channel(self, peer: str, since: float) -> None:
        """Judge a peer with which phase 1, begun at ``since``, has failed."""
        orphans = self._orphans(peer)
        if not orphans or not self._context.general.dpd_check_interval:
            return
        if (self._last_inbound(orphans) or 0.0) > since:
            due = self._context.now + RETRY_REKEY
            event = f"{orphans[0].name} looks for its peer"
            orphans[0].timers.arm(
                self._context.timers, due, event, lambda: self.keep_channel(orphans[0].isakmp)
            )
            return
        self._context.log(f"{peer}: no ISAKMP SA is left and none can be made: its SAs are dropped")
        for pair in orphans:
            self._drop(pair)

    def rekey_isakmp(self, sa: IsakmpSa) -> None:
        """Negotiate a successor for an ISAKMP SA that IPsec SAs or connections still need."""
        sa.wants_heir = True
        needed = self._negotiation.ipsec_sas.of_peer(sa) or self._negotiation.awaited(sa.name)
        running = self._negotiation.exchanges.running_phase1(sa.name)
        if not sa.replaced and needed and running is None:
            self._negotiation.begin_phase1(sa.name)
