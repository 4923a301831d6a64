"""Let the hosts behind simulated nodes talk, and count what does not arrive, or arrives elsewhere.

A packet's content says who sent it to whom, so that whoever receives it can tell whether he was
meant, whatever NATs and tunnels made of its addresses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from isakmpd.ipsec.memory_packets import InnerPacket
from isakmpd.simulation.node import Node
from isakmpd.simulation.world import World
from isakmpd.wire.addresses import Address

SIZE = 64  # octets of a LAN packet
UDP = 17


@dataclass(frozen=True, slots=True)
class Ports:
    """Give a conversation's UDP ports, seen from its source; 0 for what has none."""

    source: int = 0
    destination: int = 0


class Conversation:
    """Send numbered packets from the host behind one node to another's, at a steady pace."""

    def __init__(
        self,
        world: World,
        source: Node,
        destination: Node,
        interval: float,
        *,
        address: Address | None = None,
        ports: Ports = Ports(),
    ) -> None:
        """Prepare; ``address`` is where the destination is found if not at its host's own."""
        self._world = world
        self.source = source
        self.destination = destination
        self._interval = interval
        self._address = address or destination.host
        self._ports = ports
        self._until = 0.0
        self._sent: dict[bytes, float] = {}

    def go_on(self, until: float) -> None:
        """Send from now on until a moment, in virtual seconds."""
        self._until = until
        self._world.at(self._world.now, self._send)

    def _send(self) -> None:
        if self._world.now > self._until:
            return
        content = labelled(self.source, self.destination, len(self._sent))
        self._sent[content] = self._world.now
        self.source.protect(
            InnerPacket(
                self.source.host,
                self._address,
                content,
                UDP if self._ports.destination else 0,
                self._ports.source,
                self._ports.destination,
            )
        )
        self._world.at(self._world.now + self._interval, self._send)

    def missing(self, since: float = 0.0, until: float = inf) -> list[float]:
        """Tell when the packets were sent that did not arrive."""
        arrived = {packet.octets for packet in self.destination.received}
        return [
            time
            for content, time in self._sent.items()
            if content not in arrived and since <= time <= until
        ]

    def repeated(self) -> int:
        """Count the packets that came out of the tunnel more than once."""
        arrived = Counter(packet.octets for packet in self.destination.received)
        return sum(arrived[content] - 1 for content in self._sent if content in arrived)


def labelled(source: Node, destination: Node, number: int) -> bytes:
    """Write who sends what to whom."""
    return f"{source.name} to {destination.name}: {number}".encode().ljust(SIZE)


def misdelivered(node: Node) -> list[str]:
    """Say which packets a node's host received that were meant for another."""
    meant = f" to {node.name}: "
    return [
        f"{node.name} receives {text.strip()!r}"
        for text in (packet.octets.decode() for packet in node.received)
        if meant not in text
    ]


def answering(server: Node, clients: Iterable[Node]) -> None:
    """Have a node's host answer what it receives, to where that came from."""
    names = {client.name: client for client in clients}

    def answer(packet: InnerPacket) -> None:
        client = names[packet.octets.decode().split()[0]]
        server.protect(
            InnerPacket(
                packet.destination,
                packet.source,
                labelled(server, client, len(client.received)),
                packet.protocol,
                packet.destination_port,
                packet.source_port,
                packet.peer,
            )
        )

    server.on_received = answer
