"""Let hosts behind two gateways talk, and count what does not arrive."""

from __future__ import annotations

from collections import Counter

from isakmpd.ipsec.memory import InnerPacket
from isakmpd.simulation.gateways import HOSTS
from isakmpd.simulation.node import Node
from isakmpd.simulation.world import World

SIZE = 64  # octets of a LAN packet


class Conversation:
    """Send numbered packets from the LAN behind one gateway to the other's, at a steady pace."""

    def __init__(self, world: World, source: Node, destination: Node, interval: float) -> None:
        self._world = world
        self._source = source
        self._destination = destination
        self._interval = interval
        self._until = 0.0
        self._sent: dict[bytes, float] = {}

    def go_on(self, until: float) -> None:
        """Send from now on until a moment, in virtual seconds."""
        self._until = until
        self._world.at(self._world.now, self._send)

    def _send(self) -> None:
        if self._world.now > self._until:
            return
        number = len(self._sent).to_bytes(SIZE)
        self._sent[number] = self._world.now
        if self._source.alive:
            source, destination = HOSTS[self._source.name], HOSTS[self._destination.name]
            self._source.protect(InnerPacket(source, destination, number))
        self._world.at(self._world.now + self._interval, self._send)

    def missing(self, since: float = 0.0) -> list[float]:
        """Tell when the packets were sent that did not arrive."""
        arrived = {packet.octets for packet in self._destination.received}
        return [
            time for number, time in self._sent.items() if number not in arrived and time >= since
        ]

    def repeated(self) -> int:
        """Count the packets that came out of the tunnel more than once."""
        source = HOSTS[self._source.name]
        arrived = Counter(p.octets for p in self._destination.received if p.source == source)
        return sum(number - 1 for number in arrived.values())
