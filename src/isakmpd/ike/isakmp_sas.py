"""Keep the ISAKMP SAs: which exist, which to use, when each ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from isakmpd.ike import informational, succession
from isakmpd.ike.context import Context
from isakmpd.ike.grouped import Grouped
from isakmpd.ike.ipsec_sas import RETRY_REKEY, soft_share
from isakmpd.ike.liveness import Farewell, Liveness, LivenessOwner
from isakmpd.ike.outputs import LogClass, SendKeepalive
from isakmpd.ike.phase1_notifies import lifetimes_after
from isakmpd.ike.sa import IsakmpSa
from isakmpd.wire.payloads import Notification

GENERATIONS = 8  # ISAKMP SAs with one peer, the replaced among them; the oldest give way


class IsakmpSaOwner(LivenessOwner, Protocol):
    """Act on what happens to ISAKMP SAs; the engine does."""

    def known_as(self, sa: IsakmpSa) -> str | None:
        """Name the peer of a new SA as SAs left with it do; None for what the SA calls it."""

    def isakmp_removed(self, sa: IsakmpSa, unsaid: list[Farewell]) -> None:
        """See to what an SA that is gone was still to tell the peer, and to what needed it."""


class IsakmpSas:
    """Hold every ISAKMP SA, indexed by its cookies."""

    def __init__(self, context: Context, owner: IsakmpSaOwner) -> None:
        self._context = context
        self._owner = owner
        self._sas: dict[tuple[bytes, bytes], IsakmpSa] = {}
        self._by_section: Grouped[str, IsakmpSa] = Grouped()
        self._by_peer: Grouped[str, IsakmpSa] = Grouped()

    def __iter__(self) -> Iterator[IsakmpSa]:
        return iter(list(self._sas.values()))

    def get(self, cookies: tuple[bytes, bytes]) -> IsakmpSa | None:
        """Find an SA by its cookies."""
        return self._sas.get(cookies)

    def with_section(self, section: str) -> list[IsakmpSa]:
        """List the SAs of a peer section, which several peers can share, the oldest first."""
        return self._by_section.of(section)

    def with_peer(self, section: str) -> IsakmpSa | None:
        """Give the newest SA of a peer section that nothing replaces, None without one.

        None too where a section without Address leads to several peers: none of them is meant.
        """
        found = [sa for sa in self.with_section(section) if not sa.replaced]
        if not found or (found[-1].peer.address is None and len({sa.peer_key for sa in found}) > 1):
            return None
        return found[-1]

    def like(self, sa: IsakmpSa) -> list[IsakmpSa]:
        """List the SAs with the peer of ``sa``, perhaps itself among them, the oldest first."""
        return self._by_peer.of(sa.peer_key)

    def channel(self, sa: IsakmpSa) -> IsakmpSa | None:
        """Give the SA over which to talk to the peer of ``sa``, None when all are gone."""
        found = self.like(sa)
        current = [other for other in found if not other.replaced] or found
        return current[-1] if current else None

    def add(self, sa: IsakmpSa) -> None:
        """Take a new SA; of it and each that exists, one gives way."""
        sa.peer_key = self._owner.known_as(sa) or sa.peer_key
        others = self.like(sa)
        self._note(sa, "is there, %d others with the peer", len(others))
        self._sas[sa.cookies] = sa
        self._by_section.add(sa.name, sa)
        self._by_peer.add(sa.peer_key, sa)
        sa.liveness = Liveness(self._context, self._owner, sa)
        self._arm_lifetime(sa)
        if sa.nat.we_are_behind:
            self._keep_nat_open(sa)
        succession.settle(sa, others, self._bury_later)
        replaced = [other for other in others if other.replaced]
        for other in replaced[: max(0, len(others) + 1 - GENERATIONS)]:
            self.remove(other, tell_peer=True)

    def _note(self, sa: IsakmpSa, template: str, *arguments: object) -> None:
        """Tell those who debug SAs what becomes of one."""
        cookies = sa.initiator_cookie.hex(), sa.responder_cookie.hex()
        self._context.debug(
            LogClass.SA, 20, f"%s: ISAKMP SA %s %s {template}", sa.name, *cookies, *arguments
        )

    def _bury_later(self, heir: IsakmpSa, old: IsakmpSa) -> None:
        if not succession.deletes(heir, old):
            return

        def bury() -> None:
            if heir.cookies in self._sas:
                self.remove(old, tell_peer=True)

        due = self._context.now + succession.linger(heir)
        old.timers.arm(self._context.timers, due, _burial(old), bury)

    def _arm_lifetime(self, sa: IsakmpSa) -> None:
        seconds = sa.choice.lifetimes.seconds
        if seconds is not None:
            self._arm_expiry(sa, seconds)

    def _arm_expiry(self, sa: IsakmpSa, seconds: float) -> None:
        timers, now = self._context.timers, self._context.now
        sa.soft_due = now + seconds * soft_share(self._context, initiator=sa.initiator)
        sa.hard_due = now + seconds
        sa.timers.arm(
            timers, sa.soft_due, f"{sa.name} soft expiry", lambda: self._owner.rekey_isakmp(sa)
        )
        sa.timers.arm(
            timers,
            sa.hard_due,
            f"{sa.name} hard expiry",
            lambda: self.remove(sa, tell_peer=True),
        )

    def shorten(self, sa: IsakmpSa, notification: Notification) -> None:
        """Let an SA we began end when the responder says that it ends (RFC 2407, 4.6.3.1)."""
        lifetimes = lifetimes_after(sa, notification)
        if lifetimes == sa.choice.lifetimes:
            return
        self._context.verbose(
            f"{sa.name}: {sa.transport.peer} shortens the ISAKMP SA's life to {lifetimes.seconds} s"
        )
        sa.choice = replace(sa.choice, lifetimes=lifetimes)
        if lifetimes.seconds is not None:
            left = sa.established + lifetimes.seconds - self._context.now
            self._arm_expiry(sa, max(0.0, left))

    def rekey_failed(self, sa: IsakmpSa) -> None:
        """Try again a little later, for as long as the SA lives."""
        if sa.cookies in self._sas and not sa.replaced:
            due = self._context.now + RETRY_REKEY
            sa.timers.arm(
                self._context.timers,
                due,
                f"{sa.name} rekeys again",
                lambda: self._owner.rekey_isakmp(sa),
            )

    def _keep_nat_open(self, sa: IsakmpSa) -> None:
        """Send keepalives for as long as the SA lives (RFC 3948 section 4)."""
        due = self._context.now + self._context.general.nat_t_keepalive

        def beat() -> None:
            if sa.cookies in self._sas:
                if not sa.replaced:
                    self._context.emit(SendKeepalive(sa.transport))
                self._keep_nat_open(sa)

        sa.keepalive = self._context.timers.arm(due, f"{sa.name} NAT keepalive", beat)

    def remove(self, sa: IsakmpSa, *, tell_peer: bool) -> None:
        """Remove an SA; IPsec SAs live on without it."""
        if self._sas.pop(sa.cookies, None) is None:
            return
        self._note(sa, "goes, the peer is %s", "told" if tell_peer else "not told")
        self._by_section.remove(sa.name, sa)
        self._by_peer.remove(sa.peer_key, sa)
        sa.timers.cancel_all()
        if sa.keepalive is not None:
            sa.keepalive.cancel()
        unsaid = sa.liveness.stop() if sa.liveness is not None else []
        if not sa.replaced:
            self._revive(self.like(sa))
        if tell_peer:
            informational.send(self._context, sa, (informational.delete_isakmp(sa),))
        self._owner.isakmp_removed(sa, unsaid)

    def _revive(self, heirs: list[IsakmpSa]) -> None:
        """Use an older SA again when the one in its place is gone."""
        if not heirs or not all(sa.replaced for sa in heirs):
            return
        heir = heirs[-1]
        heir.replaced = False
        heir.timers.cancel(_burial(heir))
        if heir.wants_heir:
            self.rekey_failed(heir)


def _burial(sa: IsakmpSa) -> str:
    return f"{sa.name} ends, replaced"
