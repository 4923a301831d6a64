"""Be the stack of ``isakmpd -n``: everything is agreed to and nothing is carried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from isakmpd.ike.ipsec import (
    EVERYTHING,
    AllocateSpi,
    Answer,
    Assign,
    Assignment,
    Direction,
    Done,
    Event,
    Flow,
    Guard,
    InstallFlow,
    InstallSa,
    ReleaseSpi,
    RemoveFlow,
    RemoveSa,
    Request,
    SaKey,
    SaUsage,
    Selector,
    SimplexSa,
    SpiAllocated,
    StackRefused,
    Unguard,
    UpdateSa,
    Withdraw,
)
from isakmpd.ipsec.spis import Entropy, SpiPool

Report = Callable[[Answer | Event], None]


class NoStack:
    """Keep the books of a stack that carries no packet: SPIs, SAs and flows, visible to anyone.

    ``sas``, ``flows``, ``guards`` (whether they hold) and ``assigned`` show what is installed; an
    UpdateSa that moves an outbound SA to another destination moves its key with it, in the flows
    too.
    """

    name = "none"
    capabilities = replace(EVERYTHING, stack="none")

    def __init__(self, report: Report, entropy: Entropy) -> None:
        self.report = report
        self.spis = SpiPool(entropy)
        self.sas: dict[SaKey, SimplexSa] = {}
        self.flows: dict[Flow, tuple[SaKey, ...]] = {}
        self.guards: dict[tuple[Selector, str], bool] = {}
        self.assigned: dict[str, Assignment] = {}

    def submit(self, request: Request, now: float) -> None:  # noqa: ARG002 - part of IpsecStack
        """Carry out ``request`` at once and report the answer before returning."""
        match request:
            case AllocateSpi():
                spi = self.spis.allocate(request.protocol)
                self.report(SpiAllocated(request.request, spi))
            case ReleaseSpi():
                self.spis.release(request.spi, request.protocol)
            case InstallSa():
                self._install_sa(request.sa)
                self.report(Done(request.request))
            case UpdateSa():
                self._update_sa(request)
            case RemoveSa():
                self._remove_sa(request.key)
            case InstallFlow():
                self._install_flow(request)
            case RemoveFlow():
                self.flows.pop(request.flow, None)
            case Guard():
                self.guards[request.selector, request.connection] = request.hold
                self.report(Done(request.request))
            case Unguard():
                self.guards.pop((request.selector, request.connection), None)
            case Assign():
                self.assigned[request.peer] = request.assignment
                self.report(Done(request.request))
            case Withdraw():
                self.assigned.pop(request.peer, None)

    def usage(self, key: SaKey) -> SaUsage | None:
        """Answer that nothing was carried, None for an SA that is not installed."""
        return SaUsage(0, 0, None) if key in self.sas else None

    def close(self) -> None:
        """Forget everything installed."""
        self.sas.clear()
        self.flows.clear()
        self.guards.clear()
        self.assigned.clear()
        self.spis = SpiPool(self.spis.entropy)

    def _install_sa(self, sa: SimplexSa) -> None:
        self.sas[sa.key] = sa
        if sa.key.direction is Direction.INBOUND:
            self.spis.hold(sa.key.spi, sa.key.protocol)

    def _update_sa(self, update: UpdateSa) -> None:
        sa = self.sas.pop(update.key, None)
        if sa is None:
            return
        key = replace(update.key, destination=update.destination)
        self.sas[key] = replace(sa, key=key, source=update.source, udp=update.udp)
        for flow, bundle in self.flows.items():
            self.flows[flow] = tuple(key if one == update.key else one for one in bundle)

    def _remove_sa(self, key: SaKey) -> None:
        self.sas.pop(key, None)
        if key.direction is Direction.INBOUND:
            self.spis.release(key.spi, key.protocol)

    def _install_flow(self, request: InstallFlow) -> None:
        missing = [key for key in request.outbound if key not in self.sas]
        if missing or not request.outbound:
            found = ", ".join(map(str, missing)) or "none at all"
            reason = f"the flow {request.flow.selector} names no installed SA: {found}"
            self.report(StackRefused(request.request, reason))
            return
        self.flows[request.flow] = request.outbound
        self.report(Done(request.request))
