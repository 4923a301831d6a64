"""Be the userspace stack: ESP without a kernel that has it, as decisions about single packets.

It holds no descriptor. The data plane hands it packets of the TUN device and of the wire, and
carries out what comes back through ``Carrier``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from isakmpd.crypto.esp_ciphers import NotAuthentic
from isakmpd.esp.algorithms import AUTHENTICATION, TRANSFORMS
from isakmpd.esp.checksums import PROTOCOLS_TO_TRANSLATE
from isakmpd.esp.congestion import traffic_class, with_congestion
from isakmpd.esp.icmp import too_big
from isakmpd.esp.inner import IPV4, IPV6, NO_NEXT_HEADER, flow_key, total_length
from isakmpd.esp.packet import SMALLEST_PACKET, Dropped, sequence_of, spi_of
from isakmpd.esp.path_mtu import SMALLEST_IPV6_MTU, fragments, may_be_fragmented
from isakmpd.ike.ipsec import (
    AllocateSpi,
    Answer,
    Assign,
    Capabilities,
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
from isakmpd.ipsec.associations import MODES, SecurityAssociations
from isakmpd.ipsec.flows import Flows
from isakmpd.ipsec.guards import Guards
from isakmpd.ipsec.sad import Inbound, Outbound, OuterPath, TransportEnds
from isakmpd.ipsec.spis import Entropy
from isakmpd.ipsec.transport import TransportMode
from isakmpd.ipsec.unknown_spis import UnknownSpis
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import Protocol as SecurityProtocol

CAPABILITIES = Capabilities(
    "userspace",
    frozenset((SecurityProtocol.IPSEC_ESP, int(transform)) for transform in TRANSFORMS),
    AUTHENTICATION,
    MODES,
    bundles=False,
)


class Carrier(Protocol):
    """Carry packets away from the stack; neither method may raise for what a network does."""

    def to_tun(self, packet: bytes) -> None:
        """Give the host an IP packet, as if it had just arrived."""

    def to_wire(self, packet: bytes, path: OuterPath, traffic_class: int) -> None:
        """Send an ESP packet along ``path`` with the DSCP and ECN of ``traffic_class``."""


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
        self._sad = SecurityAssociations(report, entropy)
        self._inbound = self._sad.inbound
        self._outbound = self._sad.outbound
        self._clients = self._sad.clients
        self._flows = Flows(self._clients)
        self._flow_of_key = self._flows.remembered
        self._transport = TransportMode(self._clients, self._flow_of_key.clear)
        self._guards = Guards()
        self._unknown_spis = UnknownSpis()

    # What the engine asks

    def submit(self, request: Request, now: float) -> None:
        """Carry out ``request`` at once and report the answer before returning."""
        match request:
            case AllocateSpi():
                self._allocate_spi(request)
            case ReleaseSpi():
                self._sad.spis.release(request.spi)
            case InstallSa():
                self._answer(request.request, self._sad.install(request.sa))
            case UpdateSa():
                self._sad.update(request)
            case RemoveSa():
                removed = self._sad.remove(request.key)
                if isinstance(removed, Outbound):
                    self._flows.lose(removed)
            case InstallFlow():
                self._answer(request.request, self._install_flow(request))
                self._send_held(now)
            case RemoveFlow():
                self._flows.remove(request.flow)
            case Guard():
                self._answer(request.request, self._guard(request))
            case Unguard():
                self._guards.remove(request.selector, request.connection)
            case Assign():
                self._answer(request.request, None)  # the host's addresses are the data plane's
            case Withdraw():
                pass

    def usage(self, key: SaKey) -> SaUsage | None:
        """Count what the SA has carried so far."""
        sa = self._sad.find(key)
        return sa.usage if sa is not None else None

    def description(self, key: SaKey) -> SimplexSa | None:
        """Describe an installed SA as it is now."""
        sa = self._sad.find(key)
        return sa.description if sa is not None else None

    def close(self) -> None:
        """Forget every SA, flow, guard and SPI."""
        self._sad.clear()
        self._flows.clear()
        self._guards.clear()

    # What the data plane asks

    def paths(self) -> set[OuterPath]:
        """Name the paths the outbound SAs use now."""
        return {sa.path for sa in self._outbound.values()}

    def learn_path_mtu(self, destination: Address, mtu: int) -> None:
        """Take the path MTU to a peer, in octets of whole outer packets."""
        self._sad.learn_path_mtu(destination, mtu)

    def largest_inner(self) -> int | None:
        """Tell the longest packet any flow can carry whole, None without flows."""
        return self._flows.largest_inner()

    def flows_through(self, key: SaKey) -> list[Flow]:
        """List the flows that use an outbound SA."""
        outbound = self._outbound.get(key)
        return self._flows.through(outbound) if outbound is not None else []

    def as_the_host_sees(self, selector: Selector, key: SaKey) -> Selector:
        """Give the selector of the host's packets for a flow: with the port it sees of a client."""
        outbound = self._outbound.get(key)
        ends = outbound.transport if outbound is not None else None
        if ends is None or not selector.remote_port:
            return selector
        port = ends.client.ports.get((selector.protocol, selector.remote_port))
        return selector if port is None else replace(selector, remote_port=port)

    def displaced_by(self, flow: Flow, key: SaKey) -> list[Flow]:
        """List other peers' flows that lose the packets they share with ``flow``."""
        outbound = self._outbound.get(key)
        translated = outbound is not None and outbound.transport is not None
        if translated and flow.selector.protocol in PROTOCOLS_TO_TRANSLATE:
            return []
        return self._flows.others(flow)

    # Packets

    def from_tun(self, packet: bytes, now: float) -> None:
        """Protect a packet the host routed to us, or drop it and count why."""
        if not 0 < total_length(packet) <= len(packet):
            self.drops["not an IP packet"] += 1
            return
        key = flow_key(packet)
        flow = self._flow_of_key.get(key) or self._flows.find(key)
        if flow is None or (outbound := flow.outbound) is None:
            self._without_sa(packet, key, "no flow" if flow is None else "no outbound SA", now)
            return
        try:
            if outbound.transport is not None:
                self._send_in_transport_mode(packet, outbound, outbound.transport, now)
            elif len(packet) > outbound.largest_inner:
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
        source_port: int = 0,
    ) -> None:
        """Open an ESP packet and give the host what was inside, or drop it and count why.

        ``source_port`` is that of the UDP datagram it came in, 0 without one.
        """
        if len(packet) < SMALLEST_PACKET:
            self.drops["not an ESP packet"] += 1
            return
        inbound = self._inbound.get(spi_of(packet))
        if inbound is None:
            self.drops["unknown SPI"] += 1
            unknown = self._unknown_spis.report(spi_of(packet), source, destination, now)
            if unknown is not None:
                self._report(unknown)
            return
        try:
            payload, next_header = inbound.open(packet, now)
            if source_port and (source is not inbound.peer or source_port != inbound.peer_port):
                inbound.came_from(source, source_port, sequence_of(packet), now)
            if inbound.transport is not None:
                inner = self._transport.packet(inbound, payload, next_header, outer_class)
            else:
                inner = _tunnelled(inbound, payload, next_header, outer_class)
            self._to_tun(inner)
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
        self._tell_too_big(packet, largest)

    def _send_in_transport_mode(
        self, packet: bytes, outbound: Outbound, ends: TransportEnds, now: float
    ) -> None:
        """Send the payload of a packet; what is too long, and may be cut, is cut outside."""
        whole = self._transport.whole(packet, now)
        if whole is None:
            return
        if whole is not packet:
            # Its ports show now; they may belong to another flow than its addresses do.
            flow = self._flows.find(flow_key(whole))
            if flow is None or flow.outbound is not outbound:
                raise Dropped("fragments of another flow")
        elif len(packet) > outbound.largest_inner and not may_be_fragmented(packet):
            self._tell_too_big(packet, outbound.largest_inner)
            return
        payload, next_header = self._transport.payload(whole, ends)
        sealed = outbound.seal(payload, next_header, now)
        self._to_wire(sealed, outbound.path, traffic_class(whole))

    def _tell_too_big(self, packet: bytes, largest: int) -> None:
        self.drops["too big"] += 1
        message = too_big(packet, largest)
        if message is not None:
            self._to_tun(message)

    def _without_sa(self, packet: bytes, key: bytes, reason: str, now: float) -> None:
        """Hold or refuse a packet that nothing can carry now."""
        if not self._guards.covers(key):
            self.drops[reason] += 1
            return
        refused, acquire = self._guards.take(packet, key, now)
        if acquire is not None:
            self._report(acquire)
        if refused is not None:
            self.drops[refused] += 1
            message = self._guards.refusal(packet, now)
            if message is not None:
                self._to_tun(message)

    def _send_held(self, now: float) -> None:
        """Send the packets that have waited for a flow."""
        released, late = self._guards.release(self._has_sa, now)
        if late:
            self.drops["held too long"] += late
        for packet in released:
            self.from_tun(packet, now)

    def _has_sa(self, key: bytes) -> bool:
        flow = self._flows.find(key)
        return flow is not None and flow.outbound is not None

    # Books

    def _answer(self, request: int, reason: str | None) -> None:
        self._report(Done(request) if reason is None else StackRefused(request, reason))

    def _install_flow(self, request: InstallFlow) -> str | None:
        selector = request.flow.selector
        if len(request.outbound) != 1:
            return f"the userspace stack carries no bundle of {len(request.outbound)} protocols"
        outbound = self._outbound.get(request.outbound[0])
        if outbound is None:
            return f"the flow {selector} names no installed SA: {request.outbound[0]}"
        try:
            self._flows.put(request.flow, outbound)
        except ValueError as reason:
            return str(reason)
        return None

    def _guard(self, request: Guard) -> str | None:
        try:
            self._guards.put(request)
        except ValueError as reason:
            return str(reason)
        return None

    def _allocate_spi(self, request: AllocateSpi) -> None:
        if request.protocol is not SecurityProtocol.IPSEC_ESP:
            reason = f"the userspace stack carries ESP only, not {request.protocol}"
            self._answer(request.request, reason)
            return
        self._report(SpiAllocated(request.request, self._sad.spis.allocate()))


def _tunnelled(inbound: Inbound, payload: bytes, next_header: int, outer_class: int) -> bytes:
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
