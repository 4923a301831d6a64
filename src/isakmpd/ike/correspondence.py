"""Tell peers what we hold no longer, hear it from them, and judge their silence.

Whoever removes an IPsec SA tells the peer, over the ISAKMP SA they share or else over the next one
they make: so an SA that one end alone holds is found out by a Delete, or its owner finds that the
peer is gone. For the same reason IPsec SAs do not stay without an ISAKMP SA.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isakmpd.config.model import Peer
from isakmpd.ike import diagnosis, explanation, informational, ipsec
from isakmpd.ike.drop_log import DropLog
from isakmpd.ike.ipsec_sas import RETRY_REKEY
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.liveness import Farewell
from isakmpd.ike.phase2_alternatives import SPI_LENGTHS, is_spi
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import NotifyType, Protocol
from isakmpd.wire.payloads import Chain, Delete, Notification

if TYPE_CHECKING:
    from isakmpd.ike.negotiation import Negotiation

PEERS_AT_ADDRESS = 16  # behind one NAT, who are told of ESP that one of them sends in vain
RIGHT_AFTER = 5.0  # seconds of an SA in which its peer still judges it
FAREWELLS = 1024  # kept for all peers without an ISAKMP SA; the oldest give way


class Correspondence:
    """Own the ISAKMP SAs and what is said over them."""

    def __init__(self, negotiation: Negotiation) -> None:
        self._context = negotiation.context
        self._negotiation = negotiation
        self.isakmp_sas = IsakmpSas(self._context, self)
        self._complaints = DropLog(self._context, "peers' complaints")
        self.leaving = False
        self._kept: list[tuple[IsakmpSa, Farewell]] = []  # with the SA that led to the peer

    # Who is who

    def sas_of(self, section: str) -> list[IsakmpSa]:
        """List the ISAKMP SAs of a section, those too of which only IPsec SAs are left."""
        pairs = self._negotiation.ipsec_sas.with_section(section)
        return [*self.isakmp_sas.with_section(section), *(pair.isakmp for pair in pairs)]

    def shares_nothing_with(self, peer: Peer, at: Transport, proven: Identity | None) -> bool:
        """Tell whether no SA with a peer exists.

        Of a section that is many peers', none there; as another identity it is another behind the
        same NAT.
        """

        def with_it(sa: IsakmpSa) -> bool:
            alike = proven is None or sa.remote_id.same_subject(proven)
            return peer.address is not None or (alike and sa.transport.remote == at.remote)

        return not any(map(with_it, self.sas_of(peer.section)))

    def known_as(self, sa: IsakmpSa) -> str | None:
        """Name the peer of a new SA as SAs left with it do; None for what the SA calls it itself.

        That matters where identities do not tell peers apart: then it is who is at that place.
        """
        if sa.id_distinguishes:
            return None
        held = self.sas_of(sa.name)
        for other in held:
            there = other.transport.place == sa.transport.place
            if there and other.remote_id.same_subject(sa.remote_id):
                return other.peer_key
        if any(other.peer_key == sa.peer_key for other in held):
            return f"{sa.peer_key} {sa.initiator_cookie.hex()}"  # who had the place has moved
        return None

    # Telling the peer

    def delete_spi(self, sa: IsakmpSa, farewell: Farewell) -> None:
        """Tell the peer of ``sa`` that we do not hold an inbound SPI."""
        channel = self.isakmp_sas.channel(sa)
        if self.leaving:  # nobody will be here to take an acknowledgement
            if channel is not None:
                informational.send(self._context, channel, (farewell.delete,))
        elif channel is not None and channel.liveness is not None:
            channel.liveness.deliver(farewell)
        else:
            self._kept = [*self._worth_saying(), (sa, farewell)][-FAREWELLS:]

    def say_farewell(self, pair: IpsecSa) -> None:
        """Tell the peer that we hold a pair no longer: one Delete for each of its protocols.

        An original isakmpd refuses a CPI for its size, and drops the whole bundle with any SPI.
        """
        keys = [each.inbound.key for each in pair.bundle]
        named = [key for key in keys if key.protocol != Protocol.IPCOMP] or keys
        for key in named:
            spi = key.spi.to_bytes(SPI_LENGTHS[key.protocol])
            self.delete_spi(pair.isakmp, Farewell(spi, pair.hard_due, key.protocol))

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
        if not sa.replaced:
            for exchange in self._negotiation.exchanges.quick_modes(sa):
                if exchange.initiator and exchange.step == 0:
                    exchange.abort("the ISAKMP SA under which it ran is gone")
        self.keep_channel(sa)

    def forget(self) -> None:
        """Forget what nobody can be told any more."""
        self._kept.clear()

    # Being told

    def informed(self, sa: IsakmpSa, message: Chain) -> None:
        """Act on an authenticated informational message; raises Malformed."""
        for notification in message.all(Notification):
            if self._is_disowned(sa, notification):
                sa.disowned = True
                self._disowned(sa, diagnosis.disowned(sa, notification))
        for delete in message.all(Delete):
            self._deleted(sa, delete)
        asked = False
        for notification in message.all(Notification):
            repeated = asked and notification.type == NotifyType.R_U_THERE
            asked = asked or notification.type == NotifyType.R_U_THERE
            if not repeated:  # each would draw an answer larger than itself
                self._notified(sa, notification)

    def _deleted(self, sa: IsakmpSa, delete: Delete) -> None:
        if delete.protocol == Protocol.ISAKMP:
            for spi in delete.spis:
                self._isakmp_deleted(sa, spi)
            return
        # A Delete can overtake the message that would have completed the SA.
        running = self._negotiation.exchanges.quick_modes()
        waiting = [exchange for exchange in running if exchange.sa.same_peer(sa)]
        for spi in delete.spis:
            if is_spi(delete.protocol, spi):
                for exchange in waiting:
                    exchange.spi_deleted(delete.protocol, spi)
                self._spi_deleted(sa, delete.protocol, spi)

    def _isakmp_deleted(self, sa: IsakmpSa, cookies: bytes) -> None:
        target = self.isakmp_sas.get((cookies[:8], cookies[8:]))
        if target is not None and target.same_peer(sa):
            self._context.verbose(f"{sa.name}: the peer deleted an ISAKMP SA")
            if self._is_given_up(target, sa):
                self._disowned(target, diagnosis.given_up(target))
            self.isakmp_sas.remove(target, tell_peer=False)

    def _is_given_up(self, sa: IsakmpSa, by: IsakmpSa) -> bool:
        """Tell whether a peer deletes what has just been made, without a word of why.

        One that deletes it over another SA, or holds another, does not want it twice.
        """
        young = self._context.now - sa.established < RIGHT_AFTER
        alone = by is sa and self.isakmp_sas.like(sa) == [sa]
        return sa.proven is not None and young and alone and not sa.served and not sa.disowned

    def _spi_deleted(self, sa: IsakmpSa, protocol: Protocol, spi: bytes) -> None:
        pair = self._negotiation.ipsec_sas.by_outbound_spi(sa, protocol, spi)
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
        elif self._lifetime_told(sa, notification):
            pass
        elif self._is_disowned(sa, notification):
            pass  # said before the Delete beside it was obeyed
        elif not self._refused_quick_mode(
            sa, notification
        ) and not self._negotiation.mode_configuration.refused_by_peer(sa, notification.type):
            line = f"{sa.name}: {sa.transport.peer} says {notification.type}"
            self._complaints.log(sa.transport, line)

    def _disowned(self, sa: IsakmpSa, reason: str) -> None:
        """Say why the peer gives up the SA it has just made, and end what we began under it."""
        begun = [one for one in self._negotiation.exchanges.quick_modes(sa) if one.initiator]
        for exchange in begun:
            exchange.abort(reason)
        if not begun:
            self._context.failures.tell(sa.name, f"{sa.name}: {reason}")

    def _is_disowned(self, sa: IsakmpSa, notification: Notification) -> bool:
        """Tell whether the peer, having finished phase 1, does not accept who we proved to be."""
        about_sa = (notification.protocol, notification.spi) == (
            Protocol.ISAKMP,
            b"".join(sa.cookies),
        )
        refuses = notification.type in (
            NotifyType.INVALID_ID_INFORMATION,
            NotifyType.AUTHENTICATION_FAILED,
            *diagnosis.OF_CERTIFICATES,
        )
        # Others name the ISAKMP SA also where they refuse a quick mode.
        ours = explanation.OURS in sa.vendors
        return about_sa and refuses and (ours or not self._negotiation.exchanges.quick_modes(sa))

    def _lifetime_told(self, sa: IsakmpSa, notification: Notification) -> bool:
        """Take a responder's word that an SA ends earlier; False for anything else."""
        if notification.type != NotifyType.RESPONDER_LIFETIME:
            return False
        if notification.protocol == Protocol.ISAKMP:
            self.isakmp_sas.shorten(sa, notification)
            return True
        sas = self._negotiation.ipsec_sas
        pair = sas.by_outbound_spi(sa, notification.protocol, notification.spi)
        if pair is not None:
            sas.shorten(pair, notification)
        return pair is not None

    def _refused_quick_mode(self, sa: IsakmpSa, notification: Notification) -> bool:
        """End the quick mode a protected error is about; False when it can be none or several."""
        running = self._negotiation.exchanges.quick_modes(sa)
        named = [exchange for exchange in running if exchange.offered(notification.spi)]
        meant = named or running
        if notification.type >= NotifyType.CONNECTED or len(meant) != 1:
            return False
        meant[0].refused_by_peer(notification)
        return True

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
        for exchange in self._negotiation.exchanges.quick_modes(sa):
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
        """Tell a peer that still sends on an SA we do not hold.

        Behind a NAT it may be one of several: an SPI of ours that we do not hold is nobody's.
        """
        ends = event.source, event.destination
        there = {
            sa.peer_key: sa
            for sa in self.isakmp_sas
            if (sa.transport.remote, sa.transport.local) == ends
        }
        spi = event.spi.to_bytes(SPI_LENGTHS[Protocol.IPSEC_ESP])
        for sa in list(there.values())[:PEERS_AT_ADDRESS]:
            self.delete_spi(sa, Farewell(spi, self._context.now))

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
        """Begin phase 1 with the peer of ``sa`` if IPsec SAs are left without an ISAKMP SA."""
        if self._orphans(sa):
            self._negotiation.renew_phase1(sa)

    def _orphans(self, sa: IsakmpSa) -> list[IpsecSa]:
        if self.leaving or self.isakmp_sas.channel(sa) is not None:
            return []
        return self._negotiation.ipsec_sas.of_peer(sa)

    def no_channel(self, section: str, toward: IsakmpSa | None, since: float) -> None:
        """Judge the peers that phase 1, begun at ``since``, has failed to reach."""
        if not self._context.active:
            return
        pairs = self._negotiation.ipsec_sas.with_section(section)
        for sa in {pair.isakmp.peer_key: pair.isakmp for pair in pairs}.values():
            if toward is None or toward.peer.address is not None or toward.same_peer(sa):
                self._judge(sa, since)

    def _judge(self, sa: IsakmpSa, since: float) -> None:
        orphans = self._orphans(sa)
        if not orphans or not self._context.general.dpd_check_interval:
            return
        if (self._last_inbound(orphans) or 0.0) > since:
            # Who has no Address comes to us as a rule: it may not answer a phase 1 of ours at all.
            patience = self._context.general.check_interval if sa.peer.address is None else 0.0
            due = self._context.now + max(RETRY_REKEY, patience)
            for pair in orphans:  # whichever of them lives that long
                event = f"{pair.name} looks for its peer"
                pair.timers.arm(self._context.timers, due, event, lambda: self.keep_channel(sa))
            return
        self._context.log(
            f"{sa.name}: no ISAKMP SA with {sa.remote_id} is left and none can be made: "
            "its SAs are dropped"
        )
        for pair in orphans:
            self._drop(pair)

    def rekey_isakmp(self, sa: IsakmpSa) -> None:
        """Negotiate a successor for an ISAKMP SA that IPsec SAs or connections still need."""
        sa.wants_heir = True
        needed = self._negotiation.ipsec_sas.of_peer(sa) or self._negotiation.awaited(sa)
        if not sa.replaced and needed:
            self._negotiation.renew_phase1(sa)
