"""Be one simulated host: a whole engine and a stack in memory, on somebody else's clock."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Protocol

from isakmpd.config.model import Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.engine import Engine
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.outputs import Capture, Log, Output, Send, SendKeepalive, Stack, Verbose
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.memory import InnerPacket, MemoryEsp, MemoryStack
from isakmpd.wire.header import decode_header

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Datagram:
    """Be one IKE datagram on its way."""

    transport: Transport  # as its sender sees it
    octets: bytes


class Network(Protocol):
    """Carry what a node sends; the world does."""

    now: float

    def send(self, packet: Datagram | MemoryEsp) -> None:
        """Put a packet on the link."""


class Node:
    """Run one daemon's decisions."""

    def __init__(
        self, network: Network, name: str, address: Address, configuration: Configuration, seed: str
    ) -> None:
        self._network = network
        self.name = name
        self.address = address
        self._seed = seed
        self._lives = 0
        self.log: list[str] = []
        self.sent: Counter[tuple[bytes, int, int]] = Counter()
        self.received: list[InnerPacket] = []
        self.boot(configuration)

    def boot(self, configuration: Configuration) -> None:
        """Start afresh, as after a crash: nothing of an earlier life remains."""
        self._lives += 1
        entropy = SeededEntropy(f"{self._seed}/{self.name}/{self._lives}")
        self._reports: deque[ipsec.Answer | ipsec.Event] = deque()
        self.stack = MemoryStack(self._reports.append, entropy)
        self.engine = Engine(
            configuration,
            entropy,
            usage=self.stack.usage,
            local_address=lambda _remote: self.address,
        )
        self.alive = True
        self.engine.start(self._network.now)
        self.settle()

    def crash(self) -> None:
        """Stop without a word."""
        self.alive = False
        self.stack.close()

    def deadline(self) -> float | None:
        """Tell when the node wants to be woken."""
        return self.engine.deadline() if self.alive else None

    def wake(self) -> None:
        """Do what has fallen due."""
        self.engine.tick(self._network.now)
        self.settle()

    def deliver(self, packet: Datagram | MemoryEsp) -> None:
        """Take a packet off the link."""
        if not self.alive:
            return
        if isinstance(packet, MemoryEsp):
            inner = self.stack.open(packet, self._network.now)
            if inner is not None:
                self.received.append(inner)
        else:
            self.engine.receive(packet.octets, _turned(packet.transport), self._network.now)
        self.settle()

    def protect(self, packet: InnerPacket) -> bool:
        """Send a LAN packet through the tunnel; False when no flow takes it."""
        sealed = self.stack.seal(packet, self._network.now)
        self.settle()
        if sealed is None:
            return False
        self._network.send(sealed)
        return True

    def settle(self) -> None:
        """Carry out what the engine wants, and what follows from that, until all is done."""
        while True:
            for output in self.engine.drain():
                self._carry_out(output)
            if not self._reports:
                return
            self.engine.on_stack(self._reports.popleft(), self._network.now)

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send():
                header, _ = decode_header(output.octets)
                step = len(output.octets)
                self.sent[header.initiator_cookie, header.message_id, step] += 1
                self._network.send(Datagram(output.transport, output.octets))
            case Stack():
                self.stack.submit(output.request, self._network.now)
            case Log(log_class=None) | Verbose():
                self.log.append(f"{self._network.now:.3f} {self.name}: {output.text}")
            case Log() | Capture() | SendKeepalive():
                pass


def _turned(transport: Transport) -> Transport:
    return Transport(
        transport.remote,
        transport.remote_port,
        transport.local,
        transport.local_port,
        transport.encapsulated,
    )
