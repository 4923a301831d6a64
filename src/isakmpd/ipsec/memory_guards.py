"""Keep guarded packets back until there is a flow for them."""

from __future__ import annotations

from ipaddress import ip_network

from isakmpd.ike.ipsec import Acquire, Selector
from isakmpd.ipsec.memory_packets import InnerPacket

HOLD_PACKETS = 64  # of one guard
HOLD_SECONDS = 10.0


class Held:
    """Queue the packets of one guard that holds: the oldest stay, for a while."""

    def __init__(self) -> None:
        self._packets: list[tuple[float, InnerPacket]] = []
        self._acquired: float | None = None

    def add(self, packet: InnerPacket, now: float) -> bool:
        """Keep a packet; False when the queue is full."""
        self._expire(now)
        if len(self._packets) >= HOLD_PACKETS:
            return False
        self._packets.append((now, packet))
        return True

    def release(self, now: float) -> list[InnerPacket]:
        """Give the packets worth sending, and forget them all."""
        self._expire(now)
        packets, self._packets = [packet for _, packet in self._packets], []
        self._acquired = None
        return packets

    def acquire(self, connection: str, packet: InnerPacket, now: float) -> Acquire | None:
        """Make the report a packet deserves: one for as long as packets are held."""
        if self._acquired is not None and now - self._acquired < HOLD_SECONDS:
            return None
        self._acquired = now
        selector = Selector(
            ip_network(packet.source),
            ip_network(packet.destination),
            packet.protocol,
            packet.source_port,
            packet.destination_port,
        )
        return Acquire(connection, selector)

    def _expire(self, now: float) -> None:
        self._packets = [held for held in self._packets if now - held[0] < HOLD_SECONDS]
