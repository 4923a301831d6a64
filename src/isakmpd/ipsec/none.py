"""Be the stack of ``isakmpd -n``: everything is agreed to and nothing is carried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from isakmpd.ike.ipsec import (
    AllocateSpi,
    Answer,
    Direction,
    Done,
    EspSa,
    Event,
    InstallFlow,
    InstallSa,
    ReleaseSpi,
    RemoveFlow,
    RemoveSa,
    Request,
    SaKey,
    SaUsage,
    Selector,
    SpiAllocated,
    StackRefused,
    UpdateSa,
)
from isakmpd.ipsec.spis import Entropy, SpiPool

Report = Callable[[Answer | Event], None]


class NoStack:
    """Keep the books of a stack that carries no packet: SPIs, SAs and flows, visible to anyone.

    ``sas`` and ``flows`` show what is installed; an UpdateSa that moves an outbound SA to a new
    destination moves its key with it, in the flows too.
    """

    name = "none"

    def __init__(self, report: Report, entropy: Entropy) -> None:
        self.report = report
        self.spis = SpiPool(entropy)
        self.sas: dict[SaKey, EspSa] = {}
        self.flows: dict[Selector, SaKey] = {}
        self.flow_connections: dict[Selector, str] = {}

    def submit(self, request: Request, now: float) -> None:  # noqa: ARG002 - part of IpsecStack
        """Carry out ``request`` at once and report the answer before returning."""
        match request:
            case AllocateSpi():
                self.report(SpiAllocated(request.request, self.spis.allocate()))
            case ReleaseSpi():
                self.spis.release(request.spi)
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
                self.flows.pop(request.selector, None)
                self.flow_connections.pop(request.selector, None)

    def usage(self, key: SaKey) -> SaUsage | None:
        """Answer that nothing was carried, None for an SA that is not installed."""
        return SaUsage(0, 0, None) if key in self.sas else None

    def close(self) -> None:
        """Forget every SA, flow and SPI."""
        self.sas.clear()
        self.flows.clear()
        self.flow_connections.clear()
        self.spis = SpiPool(self.spis.entropy)

    def _install_sa(self, sa: EspSa) -> None:
        self.sas[sa.key] = sa
        if sa.key.direction is Direction.INBOUND:
            self.spis.hold(sa.key.spi)

    def _update_sa(self, update: UpdateSa) -> None:
        sa = self.sas.pop(update.key, None)
        if sa is None:
            return
        key = replace(update.key, destination=update.destination)
        self.sas[key] = replace(sa, key=key, source=update.source, udp=update.udp)
        for selector, outbound in self.flows.items():
            if outbound == update.key:
                self.flows[selector] = key

    def _remove_sa(self, key: SaKey) -> None:
        self.sas.pop(key, None)
        if key.direction is Direction.INBOUND:
            self.spis.release(key.spi)

    def _install_flow(self, request: InstallFlow) -> None:
        if request.outbound not in self.sas:
            reason = f"the flow {request.selector} names no installed SA: {request.outbound}"
            self.report(StackRefused(request.request, reason))
            return
        self.flows[request.selector] = request.outbound
        self.flow_connections[request.selector] = request.connection
        self.report(Done(request.request))
