"""Let simulated hosts talk in virtual time: the same seed gives the same world."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable

from isakmpd.config.model import Configuration
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ipsec.memory import MemoryEsp
from isakmpd.simulation.link import FAIR, Link, Weather
from isakmpd.simulation.node import Datagram, Node
from isakmpd.wire.addresses import Address


class World:
    """Hold the clock, the hosts and the link between them."""

    def __init__(self, seed: str, weather: Weather = FAIR) -> None:
        self.now = 0.0
        self._seed = seed
        self.link = Link(SeededEntropy(f"{seed}/link"), weather)
        self.nodes: dict[str, Node] = {}
        self.flying = 0  # datagrams of IKE on their way
        self._by_address: dict[Address, Node] = {}
        # due, order of coming about, what happens
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = 0
        self._wire = hashlib.sha256()

    def add(self, name: str, address: Address, configuration: Configuration) -> Node:
        """Start a host."""
        node = Node(self, name, address, configuration, self._seed)
        self.nodes[name] = node
        self._by_address[address] = node
        node.boot()
        return node

    def at(self, due: float, event: Callable[[], object]) -> None:
        """Have something happen at a moment, in virtual seconds."""
        self._serial += 1
        heapq.heappush(self._events, (due, self._serial, event))

    def send(self, packet: Datagram | MemoryEsp) -> None:
        """Put a packet on the link."""
        ike = isinstance(packet, Datagram)
        receiver = packet.transport.remote if isinstance(packet, Datagram) else packet.destination
        if isinstance(packet, Datagram):
            self._wire.update(f"{self.now:.6f} {receiver} ".encode() + packet.octets)
        for due in self.link.arrivals(self.now):
            self.flying += ike
            self.at(due, lambda: self._arrive(receiver, packet))

    def _arrive(self, receiver: Address, packet: Datagram | MemoryEsp) -> None:
        self.flying -= isinstance(packet, Datagram)
        node = self._by_address.get(receiver)
        if node is None or not node.alive:
            self.link.lose(self.now)
        else:
            node.deliver(packet)

    @property
    def wire_digest(self) -> str:
        """Give a hash over every IKE datagram sent so far, with its time and receiver."""
        return self._wire.hexdigest()

    def run(self, until: float) -> None:
        """Let everything happen that happens by ``until``, in virtual seconds."""
        while (moment := self._next()) is not None and moment <= until:
            self.now = max(self.now, moment)
            self._happen()
        self.now = until

    def _next(self) -> float | None:
        times = [due for node in self.nodes.values() if (due := node.deadline()) is not None]
        if self._events:
            times.append(self._events[0][0])
        return min(times, default=None)

    def _happen(self) -> None:
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()
        for node in self.nodes.values():
            deadline = node.deadline()
            if deadline is not None and deadline <= self.now:
                node.wake()
