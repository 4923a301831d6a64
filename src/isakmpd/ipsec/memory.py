"""Be a stack in memory for the simulator: packets are sealed in name only, all else is true."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, replace

from isakmpd.esp.replay import ReplayWindow
from isakmpd.ike.ipsec import (
    Direction,
    Flow,
    Guard,
    HardExpired,
    InboundSeen,
    InstallFlow,
    InstallSa,
    PeerMoved,
    RemoveSa,
    Request,
    SaKey,
    SaUsage,
    Selector,
    SimplexSa,
    SoftExpired,
    UdpEncapsulation,
    Unguard,
    UnknownSpi,
    UpdateSa,
)
from isakmpd.ipsec.memory_guards import Held
from isakmpd.ipsec.memory_packets import (
    InnerPacket,
    Layer,
    MemoryEsp,
    narrowness,
    receives,
    sends,
)
from isakmpd.ipsec.none import NoStack, Report
from isakmpd.ipsec.spis import Entropy
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import EncapsulationMode, Protocol

UNKNOWN_SPI_INTERVAL = 1.0  # seconds between two reports about one source
MOVED_INTERVAL = 1.0  # seconds between two reports about one SA
TRANSPORT = (EncapsulationMode.TRANSPORT, EncapsulationMode.UDP_ENCAP_TRANSPORT)


@dataclass(slots=True)
class _Carried:
    """Count one SA's packets, and remember its ends, which a peer that moves does not change."""

    source: Address
    destination: Address
    replay: ReplayWindow
    packets: int = 0
    octets: int = 0
    last_used: float | None = None
    sequence: int = 0
    soft_reported: bool = False
    hard_reported: bool = False
    moved_reported: float | None = None


class _Dropped(Exception):  # noqa: N818 - what becomes of a packet is no error
    """Drop a packet, for the reason given."""


class MemoryStack(NoStack):
    """Carry simulated packets between simulated hosts with the rules of a real stack.

    The simulator calls ``seal`` with a packet of a host's LAN, moves the MemoryEsp over its link
    and calls ``open`` at the other end. ``drops`` counts what was not carried, by reason;
    ``released`` holds what was kept back and is to leave at last.
    """

    name = "memory"

    def __init__(self, report: Report, entropy: Entropy) -> None:
        super().__init__(report, entropy)
        self.drops: Counter[str] = Counter()
        self.released: deque[MemoryEsp] = deque()
        self._carried: dict[SaKey, _Carried] = {}
        self._held: dict[tuple[Selector, str], Held] = {}
        self._unknown_reported: dict[Address, float] = {}

    def submit(self, request: Request, now: float) -> None:
        """Carry out ``request`` at once and report the answer before returning."""
        match request:
            case InstallSa():
                sa = request.sa
                replay = ReplayWindow(sa.replay_window)
                self._carried[sa.key] = _Carried(sa.source, sa.key.destination, replay)
            case RemoveSa():
                self._carried.pop(request.key, None)
            case UpdateSa() if request.key in self._carried:
                key = replace(request.key, destination=request.destination)
                self._carried[key] = self._carried.pop(request.key)
            case Guard() if not request.hold:
                self._held.pop((request.selector, request.connection), None)
            case Unguard():
                self._held.pop((request.selector, request.connection), None)
        super().submit(request, now)
        if isinstance(request, InstallFlow):
            self._release(now)

    def usage(self, key: SaKey) -> SaUsage | None:
        """Count what the SA has carried so far."""
        carried = self._carried.get(key)
        if carried is None:
            return None
        return SaUsage(carried.packets, carried.octets, carried.last_used)

    def close(self) -> None:
        """Forget every SA, flow, guard and SPI."""
        super().close()
        self._carried.clear()
        self._held.clear()
        self.released.clear()

    def crash(self) -> None:
        """Lose what a killed process takes along; what it guarded is refused ever after."""
        guards = dict.fromkeys(self.guards, False)
        self.close()
        self.guards.update(guards)

    # Outbound

    def seal(self, packet: InnerPacket, now: float) -> MemoryEsp | InnerPacket | None:
        """Protect a packet with the narrowest flow it matches; None when it is dropped or held.

        A packet that neither flow nor guard wants leaves as it is, in clear.
        """
        flow, guard = self._narrowest_flow(packet), self._narrowest_guard(packet)
        if guard is not None and (flow is None or _narrower(guard[0], flow.selector)):
            self._hold(guard, packet, now)
            return None
        if flow is None:
            self.drops["in clear"] += 1
            return packet
        try:
            return self._seal(flow, packet, now)
        except _Dropped as reason:
            self.drops[str(reason)] += 1
            return None

    def _narrowest_flow(self, packet: InnerPacket) -> Flow | None:
        """Find the flow of a packet; of equal ones that of its peer, or else the newest."""
        matching = [flow for flow in reversed(self.flows) if sends(flow.selector, packet)]
        if packet.peer:
            matching = [flow for flow in matching if self._peer(flow) == packet.peer]
        return max(matching, key=lambda flow: narrowness(flow.selector), default=None)

    def _narrowest_guard(self, packet: InnerPacket) -> tuple[Selector, str] | None:
        matching = [guard for guard in self.guards if sends(guard[0], packet)]
        return max(matching, key=lambda guard: narrowness(guard[0]), default=None)

    def _hold(self, guard: tuple[Selector, str], packet: InnerPacket, now: float) -> None:
        if not self.guards[guard]:
            self.drops["guarded"] += 1
            return
        held = self._held.setdefault(guard, Held())
        if not held.add(packet, now):
            self.drops["held too many"] += 1
        acquire = held.acquire(guard[1], packet, now)
        if acquire is not None:
            self.report(acquire)

    def _release(self, now: float) -> None:
        for held in self._held.values():
            for packet in held.release(now):
                sealed = self.seal(packet, now)
                if isinstance(sealed, MemoryEsp):
                    self.released.append(sealed)

    def _seal(self, flow: Flow, packet: InnerPacket, now: float) -> MemoryEsp:
        sas = [sa for key in self.flows[flow] if (sa := self.sas.get(key)) is not None]
        if len(sas) < len(self.flows[flow]):
            raise _Dropped("no outbound SA")
        layers = []
        for sa in sas:
            if not self._count(sa.key, len(packet.octets), now):
                raise _Dropped("hard limit")
            carried = self._carried[sa.key]
            carried.sequence += 1
            layers.append(Layer(sa.key.protocol, sa.key.spi, carried.sequence, sa.keys))
        outermost = sas[-1]
        return MemoryEsp(
            outermost.source,
            outermost.key.destination,
            next((sa.udp for sa in sas if sa.udp is not None), None),
            tuple(layers),
            packet,
        )

    # Inbound

    def open(self, esp: MemoryEsp, now: float) -> InnerPacket | None:
        """Accept a packet of inbound SAs that is authentic, new and within the selector."""
        try:
            return self._open(esp, now)
        except _Dropped as reason:
            self.drops[str(reason)] += 1
            return None

    def _open(self, esp: MemoryEsp, now: float) -> InnerPacket:
        sas = [self._take_off(layer, esp, now) for layer in reversed(esp.layers)]
        innermost = sas[-1]
        inner = self._as_received(innermost, esp.inner)
        if not receives(innermost.selector, inner):
            raise _Dropped("selector")
        flow = self._flow_back(innermost)
        expected = [key.protocol for key in self.flows[flow]] if flow is not None else None
        if expected not in (None, [layer.protocol for layer in esp.layers]):
            raise _Dropped("not the bundle")
        return replace(inner, peer=_place(innermost.source, innermost.udp))

    def _take_off(self, layer: Layer, esp: MemoryEsp, now: float) -> SimplexSa:
        """Take off one layer as RFC 4303 section 3.4 has it; raises _Dropped."""
        sa = self._inbound(layer.protocol, layer.spi)
        if sa is None:
            self._report_unknown(esp, layer.spi, now)
            raise _Dropped("unknown SPI")
        if sa.keys != layer.keys:
            raise _Dropped("authentication")
        carried = self._carried[sa.key]
        # IPCOMP has no sequence numbers (RFC 3173).
        newest = layer.sequence > carried.replay.highest
        if layer.protocol != Protocol.IPCOMP:
            if not carried.replay.fresh(layer.sequence):
                raise _Dropped("replay")
            carried.replay.record(layer.sequence)
        if not self._count(sa.key, len(esp.inner.octets), now):
            raise _Dropped("hard limit")
        if carried.packets == 1:
            self.report(InboundSeen(sa.key))
        if newest:
            self._see_where_from(sa, carried, esp, now)
        return sa

    def _inbound(self, protocol: Protocol, spi: int) -> SimplexSa | None:
        wanted = Direction.INBOUND, protocol, spi
        found = (
            sa for key, sa in self.sas.items() if (key.direction, key.protocol, key.spi) == wanted
        )
        return next(found, None)

    def _see_where_from(self, sa: SimplexSa, carried: _Carried, esp: MemoryEsp, now: float) -> None:
        """Report a peer whose newest packet comes from elsewhere; late ones prove nothing."""
        if sa.udp is None or esp.udp is None:
            return
        if (esp.source, esp.udp.local_port) == (sa.source, sa.udp.remote_port):
            return
        if carried.moved_reported is None or now - carried.moved_reported >= MOVED_INTERVAL:
            carried.moved_reported = now
            self.report(PeerMoved(sa.key, esp.source, esp.udp.local_port))

    def _as_received(self, sa: SimplexSa, inner: InnerPacket) -> InnerPacket:
        """Give the packet a host sees; raises _Dropped for a checksum that NATs have made wrong.

        In transport mode it goes between the ends of the SA as they are seen here, while its
        checksum covers those its sender knows (RFC 3948 section 3.1.2).
        """
        if sa.mode not in TRANSPORT:
            return inner
        carried = self._carried[sa.key]
        covered = carried.source, carried.destination
        if sa.originals is not None:
            covered = sa.originals.remote, sa.originals.local
        if (inner.source, inner.destination) != covered:
            raise _Dropped("checksum")
        return replace(inner, source=carried.source, destination=carried.destination)

    def _flow_back(self, inbound: SimplexSa) -> Flow | None:
        """Find the flow to the peer an inbound SA receives from."""
        peer = _place(inbound.source, inbound.udp)
        alike = (flow for flow in self.flows if flow.selector == inbound.selector)
        return next((flow for flow in alike if self._peer(flow) == peer), None)

    def _peer(self, flow: Flow) -> str | None:
        """Tell where a flow's packets go."""
        outbound = self.sas.get(self.flows[flow][0])
        return _place(outbound.key.destination, outbound.udp) if outbound is not None else None

    def _count(self, key: SaKey, octets: int, now: float) -> bool:
        """Count a packet against the SA's limits; False when the SA carries no more."""
        sa, carried = self.sas[key], self._carried[key]
        if sa.hard_octets and carried.octets + octets > sa.hard_octets:
            if not carried.hard_reported:
                carried.hard_reported = True
                self.report(HardExpired(key))
            return False
        carried.packets += 1
        carried.octets += octets
        carried.last_used = now
        if sa.soft_octets and carried.octets >= sa.soft_octets and not carried.soft_reported:
            carried.soft_reported = True
            self.report(SoftExpired(key))
        return True

    def _report_unknown(self, esp: MemoryEsp, spi: int, now: float) -> None:
        last = self._unknown_reported.get(esp.source)
        if last is None or now - last >= UNKNOWN_SPI_INTERVAL:
            self._unknown_reported[esp.source] = now
            self.report(UnknownSpi(esp.source, esp.destination, spi))


def _place(address: Address, udp: UdpEncapsulation | None) -> str:
    return f"{address} {udp.remote_port}" if udp is not None else str(address)


def _narrower(guard: Selector, flow: Selector) -> bool:
    return narrowness(guard) > narrowness(flow)
