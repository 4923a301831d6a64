"""Be a stack in memory for the simulator: packets are sealed in name only, all else is true."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from isakmpd.esp.replay import ReplayWindow
from isakmpd.ike.ipsec import (
    Direction,
    HardExpired,
    InboundSeen,
    InstallSa,
    RemoveSa,
    Request,
    SaKey,
    SaKeys,
    SaUsage,
    Selector,
    SoftExpired,
    UdpEncapsulation,
    UnknownSpi,
    UpdateSa,
)
from isakmpd.ipsec.none import NoStack, Report
from isakmpd.ipsec.spis import Entropy
from isakmpd.wire.addresses import Address, Network

UNKNOWN_SPI_INTERVAL = 1.0  # seconds between two reports about one source


@dataclass(frozen=True, slots=True)
class InnerPacket:
    """Describe a packet to protect: what selectors look at, and ``octets`` of content."""

    source: Address
    destination: Address
    octets: bytes
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0


@dataclass(frozen=True, slots=True)
class MemoryEsp:
    """Stand for an ESP packet on a simulated link: only an SA with equal ``keys`` opens it."""

    source: Address
    destination: Address
    udp: UdpEncapsulation | None  # ports as the sender sees them
    spi: int
    sequence: int
    keys: SaKeys
    inner: InnerPacket


@dataclass(slots=True)
class _Carried:
    """Count one SA's packets."""

    replay: ReplayWindow
    packets: int = 0
    octets: int = 0
    last_used: float | None = None
    sequence: int = 0
    soft_reported: bool = False
    hard_reported: bool = False


class MemoryStack(NoStack):
    """Carry simulated packets between simulated hosts with the rules of a real stack.

    The simulator calls ``seal`` with a packet of a host's LAN, moves the MemoryEsp over its link
    and calls ``open`` at the other end. ``drops`` counts what was not carried, by reason.
    """

    name = "memory"

    def __init__(self, report: Report, entropy: Entropy) -> None:
        super().__init__(report, entropy)
        self.drops: Counter[str] = Counter()
        self._carried: dict[SaKey, _Carried] = {}
        self._unknown_reported: dict[Address, float] = {}

    def submit(self, request: Request, now: float) -> None:
        """Carry out ``request`` at once and report the answer before returning."""
        match request:
            case InstallSa():
                self._carried[request.sa.key] = _Carried(ReplayWindow(request.sa.replay_window))
            case RemoveSa():
                self._carried.pop(request.key, None)
            case UpdateSa() if request.key in self._carried:
                key = replace(request.key, destination=request.destination)
                self._carried[key] = self._carried.pop(request.key)
        super().submit(request, now)

    def usage(self, key: SaKey) -> SaUsage | None:
        """Count what the SA has carried so far."""
        carried = self._carried.get(key)
        if carried is None:
            return None
        return SaUsage(carried.packets, carried.octets, carried.last_used)

    def close(self) -> None:
        """Forget every SA, flow and SPI."""
        super().close()
        self._carried.clear()

    def seal(self, packet: InnerPacket, now: float) -> MemoryEsp | None:
        """Protect a packet with the narrowest flow it matches; None when it is dropped."""
        matching = [flow for flow in self.flows if _sends(flow.selector, packet)]
        if not matching:
            self.drops["no flow"] += 1
            return None
        flow = max(matching, key=lambda each: narrowness(each.selector))
        sa = self.sas.get(self.flows[flow][0])
        if sa is None:
            self.drops["no outbound SA"] += 1
            return None
        carried = self._carried[sa.key]
        if not self._count(sa.key, len(packet.octets), now):
            self.drops["hard limit"] += 1
            return None
        carried.sequence += 1
        return MemoryEsp(
            sa.source,
            sa.key.destination,
            sa.udp,
            sa.key.spi,
            carried.sequence,
            sa.keys,
            packet,
        )

    def open(self, esp: MemoryEsp, now: float) -> InnerPacket | None:
        """Accept a packet of an inbound SA that is authentic, new and within the selector."""
        sa = next(
            (
                sa
                for key, sa in self.sas.items()
                if key.direction is Direction.INBOUND and key.spi == esp.spi
            ),
            None,
        )
        if sa is None:
            self._report_unknown(esp, now)
            self.drops["unknown SPI"] += 1
            return None
        if sa.keys != esp.keys:
            self.drops["authentication"] += 1
            return None
        carried = self._carried[sa.key]
        if not carried.replay.fresh(esp.sequence):
            self.drops["replay"] += 1
            return None
        carried.replay.record(esp.sequence)
        if not self._count(sa.key, len(esp.inner.octets), now):
            self.drops["hard limit"] += 1
            return None
        if carried.packets == 1:
            self.report(InboundSeen(sa.key))
        if not _receives(sa.selector, esp.inner):
            self.drops["selector"] += 1
            return None
        return esp.inner

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

    def _report_unknown(self, esp: MemoryEsp, now: float) -> None:
        last = self._unknown_reported.get(esp.source)
        if last is None or now - last >= UNKNOWN_SPI_INTERVAL:
            self._unknown_reported[esp.source] = now
            self.report(UnknownSpi(esp.source, esp.destination, esp.spi))


def narrowness(selector: Selector) -> tuple[int, int, int]:
    """Rank selectors so that the one naming fewest packets is the greatest."""
    prefixes = selector.local.prefixlen + selector.remote.prefixlen
    ports = bool(selector.local_port) + bool(selector.remote_port)
    return prefixes, int(bool(selector.protocol)), ports


def _sends(selector: Selector, packet: InnerPacket) -> bool:
    return (
        _within(packet.source, selector.local)
        and _within(packet.destination, selector.remote)
        and selector.protocol in (0, packet.protocol)
        and selector.local_port in (0, packet.source_port)
        and selector.remote_port in (0, packet.destination_port)
    )


def _receives(selector: Selector, packet: InnerPacket) -> bool:
    return (
        _within(packet.source, selector.remote)
        and _within(packet.destination, selector.local)
        and selector.protocol in (0, packet.protocol)
        and selector.remote_port in (0, packet.source_port)
        and selector.local_port in (0, packet.destination_port)
    )


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
