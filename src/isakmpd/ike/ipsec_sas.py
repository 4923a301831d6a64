"""Keep the pairs of IPsec SAs: which exist, which carries the traffic, when each ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from isakmpd.ike import ipsec
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import fraction
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.sa import IpsecSa, IsakmpSa

SWITCH_AFTER = 1.0  # seconds the old pair still sends when the new one has received nothing
LINGER = 5.0  # seconds a replaced pair still receives
RETRY_REKEY = 10.0  # seconds after a rekeying that failed


class IpsecSaOwner(Protocol):
    """Act on what happens to IPsec SAs; the engine does."""

    def rekey(self, pair: IpsecSa) -> None:
        """Negotiate a successor, if one is wanted."""

    def delete_spi(self, sa: IsakmpSa, spi: bytes) -> None:
        """Tell the peer that we do not hold this inbound SPI."""


class IpsecSas:
    """Hold every pair, indexed by its SPIs."""

    def __init__(self, context: Context, owner: IpsecSaOwner) -> None:
        self._context = context
        self._owner = owner
        self._pairs: dict[ipsec.SaKey, IpsecSa] = {}  # by inbound key

    def __iter__(self) -> Iterator[IpsecSa]:
        return iter(list(self._pairs.values()))

    def named(self, name: str) -> list[IpsecSa]:
        """List the pairs of a connection, the oldest first."""
        return [pair for pair in self._pairs.values() if pair.name == name]

    def of_peer(self, sa: IsakmpSa) -> list[IpsecSa]:
        """List the pairs shared with the peer of an ISAKMP SA."""
        return [pair for pair in self._pairs.values() if pair.isakmp.same_peer(sa)]

    def up(self, name: str) -> bool:
        """Tell whether a connection has a pair that nothing is to replace."""
        return any(not pair.replaced for pair in self.named(name))

    def by_outbound_spi(self, sa: IsakmpSa, spi: bytes) -> IpsecSa | None:
        """Find the pair a peer's Delete names: its inbound SPI is our outbound one."""
        number = int.from_bytes(spi)
        return next((p for p in self.of_peer(sa) if p.outbound.key.spi == number), None)

    def add(self, pair: IpsecSa, replaces: Iterable[IpsecSa], *, lasting: bool) -> None:
        """Take a new pair and lead the traffic to it.

        ``replaces`` are deleted once the new one has taken over. ``lasting`` tells that this end
        wants the connection up and so rekeys even where the peer began it.
        """
        others = self.named(pair.name)
        self._pairs[pair.inbound.key] = pair
        for other in others:
            other.replaced = True
        self._arm_lifetime(pair, lasting=lasting)
        doomed = [other for other in replaces if other.inbound.key in self._pairs]

        def take_over() -> None:
            if pair.inbound.key in self._pairs and not pair.active:
                self._activate(pair)
                self._bury_later(pair, doomed)

        if pair.initiator and any(other.active for other in others):
            # The peer takes its half of the new pair into use only when our last message arrives.
            due = self._context.now + SWITCH_AFTER
            timer = self._context.timers.arm(due, f"{pair.name} changes SAs", take_over)
            pair.timers.append(timer)
            pair.on_inbound = take_over
        else:
            take_over()

    def _bury_later(self, heir: IpsecSa, doomed: list[IpsecSa]) -> None:
        def bury() -> None:
            for old in doomed if heir.inbound.key in self._pairs else ():
                self.remove(old, tell_peer=True)

        if doomed:
            due = self._context.now + LINGER
            self._context.timers.arm(due, f"{doomed[0].name} drops replaced SAs", bury)

    def _activate(self, pair: IpsecSa) -> None:
        for other in self.named(pair.name):
            other.active = other is pair
        pair.on_inbound = None

        def answered(answer: ipsec.Answer) -> None:
            if isinstance(answer, ipsec.StackRefused):
                self._context.log(f"{pair.name}: the flow cannot be installed: {answer.reason}")

        key = pair.outbound.key
        self._context.ask(
            lambda request: ipsec.InstallFlow(request, pair.selector, key, pair.name), answered
        )

    # Ends

    def _arm_lifetime(self, pair: IpsecSa, *, lasting: bool) -> None:
        seconds = pair.choice.lifetimes.seconds
        if seconds is None:
            return
        arm, now = self._context.timers.arm, self._context.now
        if pair.initiator or lasting:
            soft = now + seconds * soft_share(self._context, initiator=pair.initiator)
            pair.soft_due = soft
            pair.timers.append(
                arm(soft, f"{pair.name} soft expiry", lambda: self._owner.rekey(pair))
            )
        pair.hard_due = now + seconds
        pair.timers.append(
            arm(pair.hard_due, f"{pair.name} hard expiry", lambda: self._expired(pair))
        )

    def _expired(self, pair: IpsecSa) -> None:
        self._context.debug(LogClass.SA, 10, f"{pair.name}: SA {pair.inbound.key} has expired")
        self.remove(pair, tell_peer=True)

    def rekey_failed(self, pair: IpsecSa) -> None:
        """Try again a little later, for as long as the pair lives."""
        if pair.inbound.key not in self._pairs:
            return
        due = self._context.now + RETRY_REKEY
        pair.timers.append(
            self._context.timers.arm(
                due, f"{pair.name} rekeys again", lambda: self._owner.rekey(pair)
            )
        )

    def remove(self, pair: IpsecSa, *, tell_peer: bool) -> None:
        """Remove a pair; another of the same connection, if any, carries the traffic on."""
        if self._pairs.pop(pair.inbound.key, None) is None:
            return
        for timer in pair.timers:
            timer.cancel()
        if pair.active:
            heirs = self.named(pair.name)
            if heirs:
                self._revive(heirs[-1])
            else:
                self._context.tell(ipsec.RemoveFlow(pair.selector))
        self._context.tell(ipsec.RemoveSa(pair.outbound.key))
        self._context.tell(ipsec.RemoveSa(pair.inbound.key))
        if tell_peer:
            self._owner.delete_spi(pair.isakmp, pair.inbound_spi)

    def _revive(self, pair: IpsecSa) -> None:
        pair.replaced = False
        self._activate(pair)
        if pair.soft_due is not None and pair.soft_due <= self._context.now:
            self.rekey_failed(pair)

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


def soft_share(context: Context, *, initiator: bool) -> float:
    """Draw the share of a lifetime after which to rekey.

    The initiator is earlier than the responder can be, so that both rarely rekey at once.
    """
    spread = fraction(context.entropy) * 0.05
    return (0.85 if initiator else 0.92) + spread
