"""Let simulated hosts talk in virtual time: the same seed gives the same world."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable

from isakmpd.config.model import Configuration
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.pki.keyring import EMPTY, Keyring
from isakmpd.simulation.link import FAIR, Link, Weather
from isakmpd.simulation.nat import Nat
from isakmpd.simulation.node import Node
from isakmpd.simulation.packets import Datagram, Packet, destination
from isakmpd.wire.addresses import Address


class World:
    """Hold the clock, the hosts and the link between them."""

    def __init__(self, seed: str, weather: Weather = FAIR) -> None:
        self.now = 0.0
        self._seed = seed
        self.link = Link(SeededEntropy(f"{seed}/link"), weather)
        self.nodes: dict[str, Node] = {}
        self.flying = 0  # datagrams of IKE on their way
        self.nats: dict[str, Nat] = {}  # by the name of who is behind it
        self._realms: dict[Nat | None, dict[Address, Node]] = {}  # None: the public one
        # due, order of coming about, what happens
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = 0
        self._wire = hashlib.sha256()

    def add(
        self,
        name: str,
        address: Address,
        configuration: Configuration,
        *,
        host: Address | None = None,
        nat: Nat | None = None,
        keyring: Keyring = EMPTY,
    ) -> Node:
        """Start a node, perhaps behind a NAT; ``host`` is who talks through its tunnels."""
        node = Node(self, name, address, configuration, self._seed, host or address, keyring)
        self.nodes[name] = node
        if nat is not None:
            self.nats[name] = nat
        self._realms.setdefault(nat, {})[address] = node
        node.boot()
        return node

    def at(self, due: float, event: Callable[[], object]) -> None:
        """Have something happen at a moment, in virtual seconds."""
        self._serial += 1
        heapq.heappush(self._events, (due, self._serial, event))

    def send(self, sender: Node, packet: Packet) -> None:
        """Put a packet on the link, through the sender's NAT if it has one."""
        if isinstance(packet, Datagram):
            receiver = packet.transport.remote
            self._wire.update(f"{self.now:.6f} {receiver} ".encode() + packet.octets)
        nat = self.nats.get(sender.name)
        outside = packet if nat is None else nat.outbound(packet, self.now)
        if sender.mute or outside is None:
            self.link.lose(self.now)
            return
        for due in self.link.arrivals(self.now):
            self.flying += isinstance(packet, Datagram)
            self.at(due, lambda: self._arrive(outside))

    def _arrive(self, packet: Packet) -> None:
        self.flying -= isinstance(packet, Datagram)
        reached = self._receiver(packet)
        if reached is None:
            self.link.lose(self.now)
        else:
            node, received = reached
            node.deliver(received)

    def _receiver(self, packet: Packet) -> tuple[Node, Packet] | None:
        """Find who is reached under a packet's destination, and what arrives there."""
        address = destination(packet).address
        nat = next((nat for nat in self._realms if nat and nat.outside == address), None)
        inside = packet if nat is None else nat.inbound(packet, self.now)
        if inside is None:
            return None
        node = self._realms.get(nat, {}).get(destination(inside).address)
        return (node, inside) if node is not None and node.hears else None

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
