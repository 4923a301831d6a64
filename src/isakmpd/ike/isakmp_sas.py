"""Keep the ISAKMP SAs: which exist, which to use, when each ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from isakmpd.ike import informational
from isakmpd.ike.context import Context
from isakmpd.ike.ipsec_sas import LINGER, RETRY_REKEY, soft_share
from isakmpd.ike.liveness import Liveness, LivenessOwner
from isakmpd.ike.outputs import SendKeepalive
from isakmpd.ike.sa import IsakmpSa


class IsakmpSaOwner(LivenessOwner, Protocol):
    """Act on what happens to ISAKMP SAs; the engine does."""

    def rekey_isakmp(self, sa: IsakmpSa) -> None:
        """Negotiate a successor, if one is wanted."""


class IsakmpSas:
    """Hold every ISAKMP SA, indexed by its cookies."""

    def __init__(self, context: Context, owner: IsakmpSaOwner) -> None:
        self._context = context
        self._owner = owner
        self._sas: dict[tuple[bytes, bytes], IsakmpSa] = {}

    def __iter__(self) -> Iterator[IsakmpSa]:
        return iter(list(self._sas.values()))

    def get(self, cookies: tuple[bytes, bytes]) -> IsakmpSa | None:
        """Find an SA by its cookies."""
        return self._sas.get(cookies)

    def with_peer(self, section: str) -> IsakmpSa | None:
        """Give the newest SA with a peer that nothing replaces, None without one."""
        found = [sa for sa in self._sas.values() if sa.name == section and not sa.replaced]
        return found[-1] if found else None

    def newest_like(self, sa: IsakmpSa) -> IsakmpSa | None:
        """Give the newest SA with the peer of ``sa``, perhaps itself, None when all are gone."""
        found = [other for other in self._sas.values() if other.same_peer(sa)]
        return found[-1] if found else None

    def add(self, sa: IsakmpSa) -> None:
        """Take a new SA; those it replaces are deleted by the end that began it."""
        replaced = [other for other in self if other.same_peer(sa)]
        for other in replaced:
            other.replaced = True
        self._sas[sa.cookies] = sa
        sa.liveness = Liveness(self._context, self._owner, sa)
        self._arm_lifetime(sa)
        if sa.nat.we_are_behind:
            self._keep_nat_open(sa)
        doomed = [other for other in replaced if other.established <= sa.began]
        if sa.initiator and doomed:
            self._bury_later(sa, doomed)

    def _bury_later(self, heir: IsakmpSa, doomed: list[IsakmpSa]) -> None:
        def bury() -> None:
            for old in doomed if heir.cookies in self._sas else ():
                self.remove(old, tell_peer=True)

        due = self._context.now + LINGER
        self._context.timers.arm(due, f"{heir.name} drops replaced ISAKMP SAs", bury)

    def _arm_lifetime(self, sa: IsakmpSa) -> None:
        seconds = sa.choice.lifetimes.seconds
        if seconds is None:
            return
        now = self._context.now
        sa.soft_due = now + seconds * soft_share(self._context, initiator=sa.initiator)
        sa.hard_due = now + seconds
        sa.timers.append(
            self._context.timers.arm(
                sa.soft_due, f"{sa.name} soft expiry", lambda: self._owner.rekey_isakmp(sa)
            )
        )
        sa.timers.append(
            self._context.timers.arm(
                sa.hard_due, f"{sa.name} hard expiry", lambda: self.remove(sa, tell_peer=True)
            )
        )

    def rekey_failed(self, sa: IsakmpSa) -> None:
        """Try again a little later, for as long as the SA lives."""
        if sa.cookies in self._sas and not sa.replaced:
            due = self._context.now + RETRY_REKEY
            sa.timers.append(
                self._context.timers.arm(
                    due, f"{sa.name} rekeys again", lambda: self._owner.rekey_isakmp(sa)
                )
            )

    def _keep_nat_open(self, sa: IsakmpSa) -> None:
        """Send keepalives for as long as the SA lives (RFC 3948 section 4)."""
        due = self._context.now + self._context.general.nat_t_keepalive

        def beat() -> None:
            if sa.cookies in self._sas and not sa.replaced:
                self._context.emit(SendKeepalive(sa.transport))
                self._keep_nat_open(sa)

        sa.keepalive = self._context.timers.arm(due, f"{sa.name} NAT keepalive", beat)

    def remove(self, sa: IsakmpSa, *, tell_peer: bool) -> None:
        """Remove an SA; IPsec SAs live on without it."""
        if self._sas.pop(sa.cookies, None) is None:
            return
        for timer in (*sa.timers, sa.keepalive):
            if timer is not None:
                timer.cancel()
        if sa.liveness is not None:
            sa.liveness.stop()
        if tell_peer:
            informational.send(self._context, sa, (informational.delete_isakmp(sa),))
