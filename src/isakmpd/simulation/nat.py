"""Be a NAT box on the path of simulated hosts (RFC 4787)."""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.simulation.packets import (
    End,
    Packet,
    destination,
    source,
    with_destination,
    with_source,
)
from isakmpd.wire.addresses import Address

TIMEOUT = 60.0  # seconds a conversation is remembered after its last packet
FIRST_PORT = 20000
ELSEWHERE = 16  # from one outside address to the next
PORT_STEP = 7  # so that the ports of two hosts are not neighbours


@dataclass(slots=True)
class _Mapping:
    """Hold the outside port of one inside end, and whom it talks with."""

    port: int
    last: dict[End, float] = field(default_factory=dict)  # remote end -> its latest packet

    def alive(self, now: float, timeout: float) -> bool:
        return any(now - at < timeout for at in self.last.values())


class Nat:
    """Translate the hosts inside to one outside address.

    A mapping is the same for every destination (RFC 4787 section 4.1), and lets in only what comes
    from where something went (section 5). It ends ``timeout`` seconds after its last packet in
    either direction. What is not UDP, as bare ESP, does not pass.
    """

    def __init__(self, outside: Address, timeout: float = TIMEOUT) -> None:
        self.outside = outside
        self.timeout = timeout
        self.dropped = 0
        self._mappings: dict[End, _Mapping] = {}
        self._forwarded: dict[int, End] = {}
        self._next_port = FIRST_PORT

    def forward(self, port: int, address: Address) -> None:
        """Let everybody reach a port of an inside host under the same number, for good."""
        self._forwarded[port] = End(address, port)

    def rebind(self) -> None:
        """Forget every mapping, as a box that restarts."""
        self._mappings.clear()

    def move(self) -> None:
        """Get another outside address; what is forwarded is known to all under the old one."""
        if not self._forwarded:
            self.rebind()
            self.outside += ELSEWHERE

    def outbound(self, packet: Packet, now: float) -> Packet | None:
        """Send a packet of an inside host on; None where it does not pass."""
        inside, remote = source(packet), destination(packet)
        if inside.port is None:
            self.dropped += 1
            return None
        if self._forwarded.get(inside.port) == inside:
            return with_source(packet, self.outside, inside.port)
        mapping = self._mappings.get(inside)
        if mapping is None or not mapping.alive(now, self.timeout):
            mapping = self._mappings[inside] = _Mapping(self._next_port)
            self._next_port += PORT_STEP
        mapping.last[remote] = now
        return with_source(packet, self.outside, mapping.port)

    def inbound(self, packet: Packet, now: float) -> Packet | None:
        """Hand a packet from outside to the inside host it is for; None where it is for none."""
        remote, outside = source(packet), destination(packet)
        inside = self._forwarded.get(outside.port or 0) or self._expecting(remote, outside, now)
        if inside is None or inside.port is None:
            self.dropped += 1
            return None
        return with_destination(packet, inside.address, inside.port)

    def _expecting(self, remote: End, outside: End, now: float) -> End | None:
        for inside, mapping in self._mappings.items():
            last = mapping.last.get(remote)
            if mapping.port == outside.port and last is not None and now - last < self.timeout:
                mapping.last[remote] = now
                return inside
        return None
