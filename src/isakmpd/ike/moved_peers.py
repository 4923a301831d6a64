"""Follow peers whose NAT gives them another address or port in the middle of an SA's life.

Only what is authentic and fresh moves a peer: an IKE message that its ISAKMP SA protects, not seen
before, or ESP that the stack has verified (RFC 3947 section 8 and RFC 3948 appendix A leave
recovery to us). Whoever can bend the path of such a packet can bend that of all others too; but a
packet overtaken on the way must not lead us back, so a peer does not return at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from isakmpd.ike import ipsec
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address

if TYPE_CHECKING:
    from isakmpd.ike.negotiation import Negotiation

RETURN_AFTER = 5.0  # seconds, more than messages travel, before a peer is back where it was

Place = tuple[Address, int]


@dataclass(frozen=True, slots=True)
class _Left:
    """Remember the place a peer has left, until it may be back there."""

    place: Place
    until: float


class MovedPeers:
    """Move every SA of a peer to where it is."""

    def __init__(self, negotiation: Negotiation) -> None:
        self._context = negotiation.context
        self._negotiation = negotiation
        self._left: dict[str, _Left] = {}  # by peer

    def heard_from(self, sa: IsakmpSa, at: Transport) -> None:
        """Follow the peer to where an authentic message that was never seen before comes from."""
        same_socket = (at.local, at.local_port) == (sa.transport.local, sa.transport.local_port)
        if at.encapsulated and same_socket:
            self._follow(sa, at.place)

    def esp_seen(self, event: ipsec.PeerMoved) -> None:
        """Follow the peer to where authentic ESP comes from, later than any before."""
        pair = self._negotiation.ipsec_sas.by_key(event.key)
        if pair is not None and pair.outbound.udp is not None:
            channel = self._negotiation.isakmp_sas.channel(pair.isakmp)
            self._follow(channel or pair.isakmp, (event.source, event.source_port))

    def catch_up(self, pair: IpsecSa) -> None:
        """Move a pair whose peer has moved while it was negotiated."""
        channel = self._negotiation.isakmp_sas.channel(pair.isakmp) or pair.isakmp
        place = channel.transport.place
        if _may_move(channel) and self._place_of(pair) not in (None, place):
            self._move_pair(pair, place)

    def _follow(self, sa: IsakmpSa, place: Place) -> None:
        old = sa.transport.place
        if place == old or not _may_move(sa) or place[0].version != old[0].version:
            return
        left = self._left.get(sa.peer_key)
        if left is not None and left.place == place and self._context.now < left.until:
            return
        self._forget_old()
        self._left[sa.peer_key] = _Left(old, self._context.now + RETURN_AFTER)
        new = sa.transport.toward(place).peer
        self._context.verbose(
            f"{sa.name}: {sa.remote_id} has moved from {sa.transport.peer} to {new}: its SAs follow"
        )
        self._move(sa, old, place)

    def _move(self, sa: IsakmpSa, old: Place, place: Place) -> None:
        pairs = self._negotiation.ipsec_sas.of_peer(sa)
        channels = {
            sa: None,
            **dict.fromkeys(self._negotiation.isakmp_sas.like(sa)),
            **dict.fromkeys(pair.isakmp for pair in pairs),
        }
        for channel in channels:
            if channel.transport.place == old and _may_move(channel):
                channel.transport = channel.transport.toward(place)
        for exchange in self._negotiation.exchanges.quick_modes():
            if exchange.sa in channels and exchange.transport.place == old:
                exchange.transport = exchange.transport.toward(place)
        for pair in pairs:
            if self._place_of(pair) == old:
                self._move_pair(pair, place)

    def _move_pair(self, pair: IpsecSa, place: Place) -> None:
        moved = tuple(
            ipsec.SaPair(_moved(each.inbound, place), _moved(each.outbound, place))
            for each in pair.bundle
        )
        sas = self._negotiation.ipsec_sas
        taken = [sas.by_key(each.outbound.key) for each in moved]
        if any(other is not None and other is not pair for other in taken):
            self._context.log(f"{pair.name}: the SPI is another peer's at {place[0]}: the SA goes")
            sas.remove(pair, tell_peer=True)
            self._negotiation.connections.check_soon(pair.name)
            return
        for before, after in zip(pair.bundle, moved, strict=True):
            for old, sa in ((before.inbound, after.inbound), (before.outbound, after.outbound)):
                self._context.tell(ipsec.UpdateSa(old.key, sa.source, sa.key.destination, sa.udp))
        sas.move(pair, moved)

    @staticmethod
    def _place_of(pair: IpsecSa) -> Place | None:
        outbound = pair.outbound
        return (outbound.key.destination, outbound.udp.remote_port) if outbound.udp else None

    def _forget_old(self) -> None:
        now = self._context.now
        self._left = {peer: left for peer, left in self._left.items() if left.until > now}


def _may_move(sa: IsakmpSa) -> bool:
    """Tell whether a NAT can move the peer: one was found, and all travels in one UDP flow."""
    return sa.transport.encapsulated and sa.nat.detected


def _moved(sa: ipsec.SimplexSa, place: Place) -> ipsec.SimplexSa:
    udp = sa.udp and replace(sa.udp, remote_port=place[1])
    if sa.key.direction is ipsec.Direction.INBOUND:
        return replace(sa, source=place[0], udp=udp)
    return replace(sa, key=replace(sa.key, destination=place[0]), udp=udp)
