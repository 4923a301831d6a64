"""Keep what peers have assigned this host, for as long as they and their word last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from isakmpd.ike import ipsec
from isakmpd.ike.context import Context
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.timers import OwnTimers
from isakmpd.wire.addresses import Address

_RENEW_AT = 0.8  # of the time for which an address is assigned
_SHORTEST_WAIT = 10.0  # seconds between two attempts to renew


@dataclass(slots=True, eq=False)
class _Held:
    """Hold one peer's assignment under the name by which the stack knows it."""

    sa: IsakmpSa
    peer: str
    assignment: ipsec.Assignment
    until: float | None
    timers: OwnTimers = field(default_factory=OwnTimers)


class Assignments:
    """Hold one assignment for each peer that made one.

    ``renew`` asks the peer again before an address expires; ``changed`` hears of an address that
    is another than before, or gone.
    """

    def __init__(
        self,
        context: Context,
        renew: Callable[[IsakmpSa], None],
        changed: Callable[[IsakmpSa], None],
    ) -> None:
        self._context = context
        self._renew = renew
        self._changed = changed
        self._held: list[_Held] = []

    def _of(self, sa: IsakmpSa) -> _Held | None:
        return next((held for held in self._held if held.sa.same_peer(sa)), None)

    def addresses(self, sa: IsakmpSa) -> tuple[Address, ...]:
        """List the addresses the peer of ``sa`` has assigned this host."""
        held = self._of(sa)
        return tuple(n.network_address for n in held.assignment.addresses) if held else ()

    def name(self, sa: IsakmpSa) -> str:
        """Give the name by which the stack knows, or is to know, what the peer assigns."""
        held = self._of(sa)
        return held.peer if held is not None else sa.peer_key

    def holds(self, sa: IsakmpSa, assignment: ipsec.Assignment) -> bool:
        """Tell whether the peer has assigned just that already."""
        held = self._of(sa)
        return held is not None and held.assignment == assignment

    def assigned(self, sa: IsakmpSa, assignment: ipsec.Assignment) -> None:
        """Note what is in place, and see to it that it is renewed in time."""
        before, name = self.addresses(sa), self.name(sa)
        self._forget(sa)
        seconds = assignment.expires_in
        until = self._context.now + seconds if seconds is not None else None
        held = _Held(sa, name, assignment, until)
        self._held.append(held)
        if seconds is not None:
            self._arm_renewal(held, seconds * _RENEW_AT)
            self._arm(held, "expires", seconds, lambda: self._expired(held))
        after = self.addresses(sa)
        if after != before:
            said = " and ".join(map(str, after)) or "no address"
            self._context.verbose(f"{sa.name}: {sa.transport.remote} assigns {said}")
            if before:
                self._changed(sa)

    def _forget(self, sa: IsakmpSa) -> None:
        held = self._of(sa)
        if held is not None:
            held.timers.cancel_all()
            self._held.remove(held)

    def _arm(self, held: _Held, event: str, wait: float, action: Callable[[], None]) -> None:
        due = self._context.now + wait
        name = f"{held.sa.name} assigned address {event}"
        held.timers.arm(self._context.timers, due, name, action)

    def _arm_renewal(self, held: _Held, wait: float) -> None:
        def renew() -> None:
            left = (held.until or 0.0) - self._context.now
            self._arm_renewal(held, max(left / 2, _SHORTEST_WAIT))
            self._renew(held.sa)

        self._arm(held, "is renewed", wait, renew)

    def _expired(self, held: _Held) -> None:
        self._context.log(
            f"{held.sa.name}: the address the peer assigned has expired and is not renewed"
        )
        self.withdraw(held.sa)

    def withdraw(self, sa: IsakmpSa) -> None:
        """Take back what the peer of ``sa`` has assigned."""
        held = self._of(sa)
        if held is not None:
            self._forget(sa)
            self._context.tell(ipsec.Withdraw(held.peer))
            if held.assignment.addresses:
                self._changed(sa)
