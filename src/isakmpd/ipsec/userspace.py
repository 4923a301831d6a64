"""Be the userspace stack: ESP without a kernel that has it, as decisions about single packets.

It holds no descriptor. The data plane hands it packets of the TUN device and of the wire, and
carries out what comes back through ``Carrier``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from operator import attrgetter
from typing import Protocol

from isakmpd.crypto.esp_ciphers import NotAuthentic
from isakmpd.esp.congestion import traffic_class, with_congestion
from isakmpd.esp.inner import IPV4, IPV6, NO_NEXT_HEADER, endpoints, flow_key, total_length
from isakmpd.esp.packet import SMALLEST_PACKET, Dropped, spi_of
from isakmpd.esp.path_mtu import SMALLEST_IPV6_MTU, fragments, may_be_fragmented, too_big
from isakmpd.esp.selectors import TrafficSelector
from isakmpd.ike.ipsec import (
    AllocateSpi,
    Answer,
    Capabilities,
    Direction,
    Done,
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
    SimplexSa,
    SpiAllocated,
    StackRefused,
    UnknownSpi,
    UpdateSa,
)
from isakmpd.ipsec.sad import Inbound, Outbound, OuterPath, compiled
from isakmpd.ipsec.spis import FIRST_FREE_SPI, Entropy, SpiPool
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import AuthenticationAlgorithm, EncapsulationMode, EspTransform
from isakmpd.wire.numbers import Protocol as SecurityProtocol

DEFAULT_PATH_MTU = 1500
UNKNOWN_SPI_INTERVAL = 1.0  # seconds between two reports about one source
REMEMBERED_SOURCES = 1024
REMEMBERED_FLOWS = 4096

_TUNNEL_MODES = (
    EncapsulationMode.TUNNEL,
    EncapsulationMode.UDP_ENCAP_TUNNEL,
    EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
)

CAPABILITIES = Capabilities(
    "userspace",
    frozenset(
        (SecurityProtocol.IPSEC_ESP, int(transform))
        for transform in (EspTransform.TRIPLE_DES, EspTransform.AES, EspTransform.AES_GCM_16)
    ),
    frozenset(
        {
            AuthenticationAlgorithm.NONE,
            AuthenticationAlgorithm.HMAC_MD5,
            AuthenticationAlgorithm.HMAC_SHA,
            AuthenticationAlgorithm.HMAC_SHA2_256,
            AuthenticationAlgorithm.HMAC_SHA2_384,
            AuthenticationAlgorithm.HMAC_SHA2_512,
        }
    ),
    frozenset({EncapsulationMode.TUNNEL}),
    bundles=False,
)


class Carrier(Protocol):
    """Carry packets away from the stack; neither method may raise for what a network does."""

    def to_tun(self, packet: bytes) -> None:
        """Give the host an IP packet, as if it had just arrived."""

    def to_wire(self, packet: bytes, path: OuterPath, traffic_class: int) -> None:
        """Send an ESP packet along ``path`` with the DSCP and ECN of ``traffic_class``."""


class _Flow:
    """One selector and the outbound SA its packets go through, None once that is gone."""

    __slots__ = ("compiled", "narrowness", "outbound", "selector")

    def __init__(self, selector: Selector, outbound: Outbound | None) -> None:
        self.selector = selector
        self.compiled: TrafficSelector = compiled(selector)
        self.narrowness = self.compiled.narrowness
        self.outbound = outbound


class UserspaceStack:
    """Carry protected packets between a TUN device and the wire (an ``IpsecStack``).

    ``drops`` counts what was not carried, by reason. A packet that matches a flow without a usable
    SA is dropped, never sent in the clear.
    """

    name = "userspace"
    capabilities = CAPABILITIES

    def __init__(
        self, report: Callable[[Answer | Event], None], carrier: Carrier, entropy: Entropy
    ) -> None:
        self.drops: Counter[str] = Counter()
        self._report = report
        self._to_tun = carrier.to_tun
        self._to_wire = carrier.to_wire
        self._entropy = entropy
        self._spis = SpiPool(entropy)
        self._inbound: dict[int, Inbound] = {}
        self._outbound: dict[SaKey, Outbound] = {}
        self._flows: dict[Selector, _Flow] = {}
        self._narrowest_first: list[_Flow] = []
        self._flow_of_key: dict[bytes, _Flow] = {}
        self._unknown_reported: dict[Address, float] = {}
        self._path_mtus: dict[Address, int] = {}

    # What the engine asks

    def submit(self, request: Request, now: float) -> None:  # noqa: ARG002 - part of IpsecStack
        """Carry out ``request`` at once and report the answer before returning."""
        match request:
            case AllocateSpi():
                self._report(SpiAllocated(request.request, self._spis.allocate()))
            case ReleaseSpi():
                self._spis.release(request.spi)
            case InstallSa():
                self._answer(request.request, self._install_sa(request.sa))
            case UpdateSa():
                self._update_sa(request)
            case RemoveSa():
                self._remove_sa(request.key)
            case InstallFlow():
                self._answer(request.request, self._install_flow(request))
            case RemoveFlow():
                if self._flows.pop(request.flow.selector, None) is not None:
                    self._sort_flows()

    def usage(self, key: SaKey) -> SaUsage | None:
        """Count what the SA has carried so far."""
        sa = self._find_sa(key)
        return sa.usage if sa is not None else None

    def description(self, key: SaKey) -> SimplexSa | None:
        """Describe an installed SA as it is now."""
        sa = self._find_sa(key)
        return sa.description if sa is not None else None

    def close(self) -> None:
        """Forget every SA, flow and SPI."""
        self._inbound.clear()
        self._outbound.clear()
        self._flows.clear()
        self._sort_flows()
        self._spis = SpiPool(self._entropy)

    # What the data plane asks

    def paths(self) -> set[OuterPath]:
        """Name the paths the outbound SAs use now."""
        return {sa.path for sa in self._outbound.values()}

    def learn_path_mtu(self, destination: Address, mtu: int) -> None:
        """Take the path MTU to a peer, in octets of whole outer packets."""
        if self._path_mtus.get(destination) == mtu:
            return
        self._path_mtus[destination] = mtu
        for sa in self._outbound.values():
            if sa.path.destination == destination:
                sa.learn_path_mtu(mtu)

    def largest_inner(self) -> int | None:
        """Tell the longest packet any flow can carry whole, None without flows."""
        used = (flow.outbound for flow in self._flows.values())
        return max((sa.largest_inner for sa in used if sa is not None), default=None)

    # Packets

    def from_tun(self, packet: bytes, now: float) -> None:
        """Protect a packet the host routed to us, or drop it and count why."""
        if not 0 < total_length(packet) <= len(packet):
            self.drops["not an IP packet"] += 1
            return
        key = flow_key(packet)
        flow = self._flow_of_key.get(key) or self._find_flow(key)
        if flow is None:
            self.drops["no flow"] += 1
            return
        outbound = flow.outbound
        if outbound is None:
            self.drops["no outbound SA"] += 1
            return
        try:
            if len(packet) > outbound.largest_inner:
                self._send_too_big(packet, outbound, now)
            else:
                self._send(packet, outbound, now)
        except Dropped as reason:
            self.drops[str(reason)] += 1

    def from_wire(
        self,
        packet: bytes,
        source: Address,
        destination: Address,
        now: float,
        outer_class: int = 0,
    ) -> None:
        """Open an ESP packet and give the host what was inside, or drop it and count why."""
        if len(packet) < SMALLEST_PACKET:
            self.drops["not an ESP packet"] += 1
            return
        inbound = self._inbound.get(spi_of(packet))
        if inbound is None:
            self.drops["unknown SPI"] += 1
            self._report_unknown(spi_of(packet), source, destination, now)
            return
        try:
            payload, next_header = inbound.open(packet, now)
            self._to_tun(self._inner(inbound, payload, next_header, outer_class))
        except NotAuthentic:
            self.drops["not authentic"] += 1
        except Dropped as reason:
            self.drops[str(reason)] += 1

    def _send(self, packet: bytes, outbound: Outbound, now: float) -> None:
        next_header = IPV4 if packet[0] >> 4 == 4 else IPV6
        sealed = outbound.seal(packet, next_header, now)
        self._to_wire(sealed, outbound.path, traffic_class(packet))

    def _send_too_big(self, packet: bytes, outbound: Outbound, now: float) -> None:
        """Cut a packet that may be cut, and tell the sender of one that may not the MTU."""
        largest = outbound.largest_inner
        if may_be_fragmented(packet):
            for piece in fragments(packet, largest):
                self._send(piece, outbound, now)
            return
        if packet[0] >> 4 == 6 and len(packet) <= SMALLEST_IPV6_MTU:
            # No IPv6 host goes below 1280: the outer packet is fragmented (RFC 2473 section 7.1).
            self._send(packet, outbound, now)
            return
        self.drops["too big"] += 1
        message = too_big(packet, largest)
        if message is not None:
            self._to_tun(message)

    def _inner(self, inbound: Inbound, payload: bytes, next_header: int, outer_class: int) -> bytes:
        """Check what was inside an ESP packet; raises Dropped (RFC 4303 section 3.4.4.1)."""
        if next_header not in (IPV4, IPV6):
            raise Dropped("dummy" if next_header == NO_NEXT_HEADER else "no tunnelled packet")
        length = total_length(payload)
        version = 4 if next_header == IPV4 else 6
        if not 0 < length <= len(payload) or payload[0] >> 4 != version:
            raise Dropped("malformed inner packet")
        if not inbound.accepts(flow_key(payload)):
            raise Dropped("outside the selector")
        if length < len(payload):  # traffic flow confidentiality padding (RFC 4303 section 2.7)
            payload = payload[:length]
        if outer_class & 3:
            marked = with_congestion(payload, outer_class)
            if marked is None:
                raise Dropped("congestion")
            return marked
        return payload

    # Books

    def _answer(self, request: int, reason: str | None) -> None:
        self._report(Done(request) if reason is None else StackRefused(request, reason))

    def _install_sa(self, sa: SimplexSa) -> str | None:
        """Install one direction; the reason in one sentence when that cannot be."""
        if sa.mode not in _TUNNEL_MODES:
            return f"the userspace stack carries tunnel mode only, not {sa.mode}"
        if sa.replay_window < 0:
            return f"a replay window of {sa.replay_window} packets is impossible"
        try:
            compiled(sa.selector)
            if sa.key.direction is Direction.INBOUND:
                self._inbound[sa.key.spi] = Inbound(sa, self._report, self._entropy)
                self._spis.hold(sa.key.spi)
                return None
            mtu = self._path_mtus.get(sa.key.destination, DEFAULT_PATH_MTU)
            outbound = Outbound(sa, self._report, self._entropy, mtu)
        except ValueError as reason:
            return str(reason)
        self._outbound[sa.key] = outbound
        return None

    def _update_sa(self, update: UpdateSa) -> None:
        sa = self._find_sa(update.key)
        if sa is None:
            return
        sa.move(update)
        if isinstance(sa, Outbound):
            del self._outbound[update.key]
            mtu = self._path_mtus.get(update.destination, DEFAULT_PATH_MTU)
            sa.learn_path_mtu(mtu)
            self._outbound[sa.description.key] = sa

    def _remove_sa(self, key: SaKey) -> None:
        sa = self._find_sa(key)
        if isinstance(sa, Inbound):
            del self._inbound[key.spi]
            self._spis.release(key.spi)
        elif sa is not None:
            del self._outbound[key]
            for flow in self._flows.values():
                if flow.outbound is sa:
                    flow.outbound = None
            if all(key.destination != other.destination for other in self._outbound):
                self._path_mtus.pop(key.destination, None)

    def _install_flow(self, request: InstallFlow) -> str | None:
        selector = request.flow.selector
        outbound = self._outbound.get(request.outbound[0])
        if outbound is None:
            return f"the flow {selector} names no installed SA: {request.outbound[0]}"
        flow = self._flows.get(selector)
        if flow is not None:
            flow.outbound = outbound
            return None
        try:
            self._flows[selector] = _Flow(selector, outbound)
        except ValueError as reason:
            return str(reason)
        self._sort_flows()
        return None

    def _sort_flows(self) -> None:
        self._narrowest_first = sorted(
            self._flows.values(), key=attrgetter("narrowness"), reverse=True
        )
        self._flow_of_key.clear()

    def _find_flow(self, key: bytes) -> _Flow | None:
        packet = endpoints(key)
        flow = next((flow for flow in self._narrowest_first if flow.compiled.sends(packet)), None)
        if flow is not None:
            if len(self._flow_of_key) >= REMEMBERED_FLOWS:
                self._flow_of_key.clear()
            self._flow_of_key[key] = flow
        return flow

    def _find_sa(self, key: SaKey) -> Inbound | Outbound | None:
        if key.direction is Direction.OUTBOUND:
            return self._outbound.get(key)
        inbound = self._inbound.get(key.spi)
        return inbound if inbound is not None and inbound.description.key == key else None

    def _report_unknown(self, spi: int, source: Address, destination: Address, now: float) -> None:
        if spi < FIRST_FREE_SPI:
            return
        reported = self._unknown_reported
        last = reported.get(source)
        if last is not None and now - last < UNKNOWN_SPI_INTERVAL:
            return
        if len(reported) >= REMEMBERED_SOURCES:
            stale = [a for a, at in reported.items() if now - at >= UNKNOWN_SPI_INTERVAL]
            for address in stale:
                del reported[address]
            if not stale:
                return  # a flood of forged sources must not become a flood of reports
        reported[source] = now
        self._report(UnknownSpi(source, destination, spi))
