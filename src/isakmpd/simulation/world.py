"""Let simulated hosts talk in virtual time: the same seed gives the same world."""

from __future__ import annotations

import heapq
from ipaddress import IPv4Address, IPv6Address

from isakmpd.config.model import Configuration
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ipsec.memory import MemoryEsp
from isakmpd.simulation.link import FAIR, Link, Weather
from isakmpd.simulation.node import Datagram, Node

Address = IPv4Address | IPv6Address


class World:
    """Hold the clock, the hosts and the link between them."""

    def __init__(self, seed: str, weather: Weather = FAIR) -> None:
        self.now = 0.0
        self._seed = seed
        self.link = Link(SeededEntropy(f"{seed}/link"), weather)
        self.nodes: dict[str, Node] = {}
        self._by_address: dict[Address, Node] = {}
        # due, order of sending, receiver, packet
        self._arrivals: list[tuple[float, int, Address, Datagram | MemoryEsp]] = []
        self._serial = 0

    def add(self, name: str, address: Address, configuration: Configuration) -> Node:
        """Start a host."""
        node = Node(self, name, address, configuration, self._seed)
        self.nodes[name] = node
        self._by_address[address] = node
        return node

    def send(self, packet: Datagram | MemoryEsp) -> None:
        """Put a packet on the link."""
        receiver = packet.destination if isinstance(packet, MemoryEsp) else packet.transport.remote
        for delay in self.link.fate(self.now).arrivals:
            self._serial += 1
            heapq.heappush(self._arrivals, (self.now + delay, self._serial, receiver, packet))

    def run(self, until: float) -> None:
        """Let everything happen that happens by ``until``, in virtual seconds."""
        while True:
            due = [node.deadline() for node in self.nodes.values()]
            times = [time for time in due if time is not None]
            if self._arrivals:
                times.append(self._arrivals[0][0])
            moment = min(times, default=until)
            if moment > until:
                break
            self.now = max(self.now, moment)
            self._happen()
            if not times:
                break
        self.now = until

    def _happen(self) -> None:
        while self._arrivals and self._arrivals[0][0] <= self.now:
            _, _, receiver, packet = heapq.heappop(self._arrivals)
            if (node := self._by_address.get(receiver)) is not None:
                node.deliver(packet)
        for node in self.nodes.values():
            deadline = node.deadline()
            if deadline is not None and deadline <= self.now:
                node.wake()
