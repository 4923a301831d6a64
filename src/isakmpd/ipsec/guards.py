"""Keep the packets of guarded selectors here while they have no SA (RFC 4301 section 4.4.1).

The first ones can wait for the SA to come, as a kernel's do that raises an ACQUIRE (RFC 2367).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from isakmpd.esp.icmp import prohibited
from isakmpd.esp.inner import Endpoints, endpoints
from isakmpd.ike.ipsec import Acquire, Guard, Selector
from isakmpd.ipsec.narrowest import NarrowestFirst, compiled

HELD_PACKETS = 64  # of one guard
HELD_OCTETS = 256 << 10
HELD_SECONDS = 10.0
ACQUIRE_INTERVAL = 5.0  # seconds between two reports about one guard
REFUSALS_A_SECOND = 10


class _Guarded:
    """One guard, with the packets that wait in it."""

    __slots__ = ("_acquired", "_octets", "_packets", "compiled", "guard")

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.compiled = compiled(guard.selector)
        self._packets: deque[tuple[float, bytes, bytes]] = deque()
        self._octets = 0
        self._acquired: float | None = None

    def hold(self, packet: bytes, key: bytes, now: float) -> bool:
        """Queue a packet; False when the queue is full."""
        if len(self._packets) >= HELD_PACKETS or self._octets + len(packet) > HELD_OCTETS:
            return False
        self._packets.append((now, key, packet))
        self._octets += len(packet)
        return True

    def expire(self, now: float) -> int:
        """Drop packets that have waited too long, and count them."""
        before = len(self._packets)
        while self._packets and now - self._packets[0][0] >= HELD_SECONDS:
            self._octets -= len(self._packets.popleft()[2])
        return before - len(self._packets)

    def release(self, covered: Callable[[bytes], bool]) -> list[bytes]:
        """Give the packets whose flow key is covered, in their order, and keep the others."""
        released = [packet for _, key, packet in self._packets if covered(key)]
        self._packets = deque(one for one in self._packets if not covered(one[1]))
        self._octets = sum(len(packet) for _, _, packet in self._packets)
        if released:
            self._acquired = None
        return released

    def acquire(self, key: bytes, now: float) -> Acquire | None:
        """Give the report a packet deserves, None soon after another."""
        if self._acquired is not None and now - self._acquired < ACQUIRE_INTERVAL:
            return None
        self._acquired = now
        return Acquire(self.guard.connection, _selector(endpoints(key)))


class Guards:
    """Hold all guards and decide about packets without an SA."""

    def __init__(self) -> None:
        self._guards: dict[tuple[Selector, str], _Guarded] = {}
        self._narrowest: NarrowestFirst[_Guarded] = NarrowestFirst()
        self._refusals: deque[float] = deque(maxlen=REFUSALS_A_SECOND)

    def put(self, guard: Guard) -> None:
        """Begin to guard; raises ValueError for a selector of mixed families."""
        self._guards[guard.selector, guard.connection] = _Guarded(guard)
        self._narrowest.hold(self._guards.values())

    def remove(self, selector: Selector, connection: str) -> None:
        """Guard no more; what waited is dropped."""
        if self._guards.pop((selector, connection), None) is not None:
            self._narrowest.hold(self._guards.values())

    def clear(self) -> None:
        """Forget every guard and packet."""
        self._guards.clear()
        self._narrowest.hold(())

    def covers(self, key: bytes) -> bool:
        """Tell whether a guard has packets of this flow key."""
        return self._narrowest.find(key) is not None

    def take(self, packet: bytes, key: bytes, now: float) -> tuple[str | None, Acquire | None]:
        """Hold or refuse a covered packet: why it is dropped, None for held, and what to report."""
        guarded = self._narrowest.find(key)
        if guarded is None or not guarded.guard.hold:
            return "guarded, no SA", None
        guarded.expire(now)
        acquire = guarded.acquire(key, now)
        return None if guarded.hold(packet, key, now) else "guarded, no SA", acquire

    def refusal(self, packet: bytes, now: float) -> bytes | None:
        """Build the ICMP message about a refused packet, None for nothing or after too many."""
        refusals = self._refusals
        if len(refusals) == REFUSALS_A_SECOND and now - refusals[0] < 1.0:
            return None
        message = prohibited(packet)
        if message is not None:
            refusals.append(now)
        return message

    def release(self, covered: Callable[[bytes], bool], now: float) -> tuple[list[bytes], int]:
        """Give the packets that have found an SA, and count those that have waited too long."""
        released: list[bytes] = []
        late = 0
        for guarded in self._guards.values():
            late += guarded.expire(now)
            released += guarded.release(covered)
        return released, late


def _selector(packet: Endpoints) -> Selector:
    """Name one packet as the selector of its own addresses, protocol and ports."""
    size = 4 if packet.version == 4 else 16
    ends = (ip_address(end.to_bytes(size)) for end in (packet.source, packet.destination))
    local, remote = (ip_network(end) for end in ends)
    ports = packet.source_port or 0, packet.destination_port or 0
    return Selector(local, remote, packet.protocol, *ports)
