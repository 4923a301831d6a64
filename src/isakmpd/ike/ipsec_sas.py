"""Keep the pairs of IPsec SAs: which exist, which carries the traffic, when each ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from isakmpd.ike import ipsec, succession
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import fraction
from isakmpd.ike.grouped import Grouped
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.sa import IpsecSa, IsakmpSa

SWITCH_AFTER = 1.0  # seconds the old pair still sends when the new one has received nothing
RETRY_REKEY = 10.0  # seconds after a rekeying that failed


class IpsecSaOwner(Protocol):
    """Act on what happens to IPsec SAs; the engine does."""

    def rekey(self, pair: IpsecSa) -> None:
        """Negotiate a successor, if one is wanted."""

    def delete_spi(self, sa: IsakmpSa, spi: bytes, until: float | None) -> None:
        """Tell the peer that we do not hold this inbound SPI; it matters until ``until``."""

    def ipsec_removed(self, pair: IpsecSa) -> None:
        """Forget what belongs to a pair that is gone."""

    def connection_lost(self, pair: IpsecSa) -> None:
        """See whether the connection of a pair that came to its end is to be up."""


class IpsecSas:
    """Hold every pair, indexed by its SPIs."""

    def __init__(self, context: Context, owner: IpsecSaOwner) -> None:
        self._context = context
        self._owner = owner
        self._pairs: dict[ipsec.SaKey, IpsecSa] = {}  # by inbound key
        self._by_connection: Grouped[IpsecSa] = Grouped()
        self._by_peer: Grouped[IpsecSa] = Grouped()

    def __iter__(self) -> Iterator[IpsecSa]:
        return iter(list(self._pairs.values()))

    def named(self, name: str) -> list[IpsecSa]:
        """List the pairs of a connection, the oldest first."""
        return self._by_connection.of(name)

    def _generations(self, pair: IpsecSa) -> list[IpsecSa]:
        """List the pairs for the purpose of one, the oldest first."""
        return [other for other in self.named(pair.name) if other.purpose == pair.purpose]

    def with_peer(self, section: str) -> list[IpsecSa]:
        """List the pairs of a peer section, the oldest first."""
        return self._by_peer.of(section)

    def of_peer(self, sa: IsakmpSa) -> list[IpsecSa]:
        """List the pairs shared with the peer of an ISAKMP SA, the oldest first."""
        return [pair for pair in self.with_peer(sa.name) if pair.isakmp.same_peer(sa)]

    def up(self, name: str) -> bool:
        """Tell whether a connection has a pair that nothing is to replace."""
        return any(not pair.replaced for pair in self.named(name))

    def by_outbound_spi(self, sa: IsakmpSa, spi: bytes) -> IpsecSa | None:
        """Find the pair a peer's Delete names: its inbound SPI is our outbound one."""
        number = int.from_bytes(spi)
        return next((p for p in self.of_peer(sa) if p.outbound.key.spi == number), None)

    def add(self, pair: IpsecSa, *, lasting: bool) -> None:
        """Take a new pair and lead the traffic to it; of it and each that exists, one gives way.

        ``lasting`` tells that this end wants the connection up and so rekeys even where the peer
        began it.
        """
        others = self._generations(pair)
        self._pairs[pair.inbound.key] = pair
        self._by_connection.add(pair.name, pair)
        self._by_peer.add(pair.isakmp.name, pair)
        self._arm_lifetime(pair, lasting=lasting)
        succession.settle(pair, others, self._bury_later)
        carried = any(other.active for other in others)
        if carried and pair.initiator and not pair.replaced:
            # The peer takes its half of the new pair into use only when our last message arrives.
            due = self._context.now + SWITCH_AFTER
            event = f"{pair.name} changes SAs"
            pair.timers.arm(self._context.timers, due, event, lambda: self._take_over(pair))
            pair.on_inbound = lambda: self._take_over(pair)
        elif not carried or not pair.replaced:
            self._activate(pair)

    def _take_over(self, pair: IpsecSa) -> None:
        if not pair.active and not pair.replaced:
            self._activate(pair)

    def _bury_later(self, heir: IpsecSa, old: IpsecSa) -> None:
        def bury() -> None:
            if heir.inbound.key in self._pairs:
                self.remove(old, tell_peer=True)

        due = self._context.now + succession.linger(heir)
        old.timers.arm(self._context.timers, due, _burial(old), bury)

    def _activate(self, pair: IpsecSa) -> None:
        for other in self._generations(pair):
            other.active = other is pair
        pair.on_inbound = None
        pair.timers.cancel(f"{pair.name} changes SAs")

        def answered(answer: ipsec.Answer) -> None:
            if isinstance(answer, ipsec.StackRefused):
                self._context.log(f"{pair.name}: the flow cannot be installed: {answer.reason}")

        outbound = tuple(protocol.outbound.key for protocol in pair.bundle)
        self._context.ask(
            lambda request: ipsec.InstallFlow(request, pair.flow, outbound, pair.name), answered
        )

    # Ends

    def _arm_lifetime(self, pair: IpsecSa, *, lasting: bool) -> None:
        seconds = pair.choice.lifetimes.seconds
        if seconds is None:
            return
        timers, now = self._context.timers, self._context.now
        if pair.initiator or lasting:
            pair.soft_due = now + seconds * soft_share(self._context, initiator=pair.initiator)
            pair.timers.arm(
                timers, pair.soft_due, f"{pair.name} soft expiry", lambda: self._owner.rekey(pair)
            )
        pair.hard_due = now + seconds
        pair.timers.arm(
            timers, pair.hard_due, f"{pair.name} hard expiry", lambda: self._expired(pair)
        )

    def _expired(self, pair: IpsecSa) -> None:
        self._context.debug(LogClass.SA, 10, f"{pair.name}: SA {pair.inbound.key} has expired")
        self.remove(pair, tell_peer=True)
        self._owner.connection_lost(pair)

    def rekey_failed(self, pair: IpsecSa) -> None:
        """Try again a little later, for as long as the pair lives."""
        if pair.inbound.key in self._pairs:
            due = self._context.now + RETRY_REKEY
            pair.timers.arm(
                self._context.timers,
                due,
                f"{pair.name} rekeys again",
                lambda: self._owner.rekey(pair),
            )

    def remove(self, pair: IpsecSa, *, tell_peer: bool) -> None:
        """Remove a pair; another of the same connection, if any, carries the traffic on."""
        if self._pairs.pop(pair.inbound.key, None) is None:
            return
        self._by_connection.remove(pair.name, pair)
        self._by_peer.remove(pair.isakmp.name, pair)
        pair.timers.cancel_all()
        pair.on_inbound = None
        heirs = self._generations(pair)
        if heirs:
            self._inherit(pair, heirs)
        elif pair.active:
            self._context.tell(ipsec.RemoveFlow(pair.flow))
        pair.active = False
        for protocol in pair.bundle:
            self._context.tell(ipsec.RemoveSa(protocol.outbound.key))
            self._context.tell(ipsec.RemoveSa(protocol.inbound.key))
        self._owner.ipsec_removed(pair)
        if tell_peer:
            self._owner.delete_spi(pair.isakmp, pair.inbound_spi, pair.hard_due)

    def _inherit(self, pair: IpsecSa, heirs: list[IpsecSa]) -> None:
        current = [heir for heir in heirs if not heir.replaced]
        heir = (current or heirs)[-1]
        heir.replaced = False
        heir.timers.cancel(_burial(heir))
        if pair.active:
            self._activate(heir)
        if heir.wants_heir:
            self.rekey_failed(heir)

    # Events of the stack

    def on_event(self, event: ipsec.InboundSeen | ipsec.SoftExpired | ipsec.HardExpired) -> None:
        """Take note of what the stack reports of an SA."""
        pair = self._pairs.get(event.key) or next(
            (p for p in self._pairs.values() if p.outbound.key == event.key), None
        )
        if pair is None:
            return
        if isinstance(event, ipsec.InboundSeen):
            if pair.on_inbound is not None:
                pair.on_inbound()
        elif isinstance(event, ipsec.SoftExpired):
            self._owner.rekey(pair)
        else:
            self._expired(pair)


def _burial(pair: IpsecSa) -> str:
    return f"{pair.name} ends, replaced"


def soft_share(context: Context, *, initiator: bool) -> float:
    """Draw the share of a lifetime after which to rekey.

    The initiator is earlier than the responder can be, so that both rarely rekey at once.
    """
    spread = fraction(context.entropy) * 0.05
    return (0.85 if initiator else 0.92) + spread
