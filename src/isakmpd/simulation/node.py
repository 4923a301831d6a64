"""Be one simulated host: a whole engine and a stack in memory, on somebody else's clock."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol

from isakmpd.config.model import Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.engine import Engine
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.outputs import Capture, Log, Output, Send, SendKeepalive, Stack, Verbose
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.memory import InnerPacket, MemoryEsp, MemoryStack
from isakmpd.wire.addresses import Address
from isakmpd.wire.header import decode_header


@dataclass(frozen=True, slots=True)
class Datagram:
    """Be one IKE datagram on its way."""

    transport: Transport  # as its sender sees it
    octets: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """Be one line of a node's log."""

    time: float
    node: str
    text: str

    def __str__(self) -> str:
        return f"{self.time:.3f} {self.node}: {self.text}"


@dataclass(frozen=True, slots=True)
class Message:
    """Name a message whatever the number of times it was sent: its exchange and its content."""

    initiator_cookie: bytes
    message_id: int
    digest: bytes  # a retransmission repeats every octet, the next step none


class Network(Protocol):
    """Carry what a node sends; the world does."""

    now: float

    def send(self, packet: Datagram | MemoryEsp) -> None:
        """Put a packet on the link."""


class Node:
    """Run one daemon's decisions.

    ``log`` holds what everybody sees, ``sent`` how often each message went out, ``received`` the
    LAN's packets that came out of the tunnel.
    """

    def __init__(
        self, network: Network, name: str, address: Address, configuration: Configuration, seed: str
    ) -> None:
        self._network = network
        self.name = name
        self.address = address
        self.configuration = configuration
        self._seed = seed
        self._lives = 0
        self.alive = False
        self.log: list[Line] = []
        self.sent: Counter[Message] = Counter()
        self.received: list[InnerPacket] = []

    def boot(self) -> None:
        """Start afresh, as after a crash: nothing of an earlier life remains."""
        self._lives += 1
        entropy = SeededEntropy(f"{self._seed}/{self.name}/{self._lives}")
        self._reports: deque[ipsec.Answer | ipsec.Event] = deque()
        self.stack = MemoryStack(self._reports.append, entropy)
        self.engine = Engine(
            self.configuration,
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

    def leave(self) -> None:
        """Stop as a daemon does that is asked to."""
        self.engine.shutdown(self._network.now)
        self.settle()
        self.alive = False

    @property
    def now(self) -> float:
        """Give the virtual time, in seconds."""
        return self._network.now

    @property
    def busy(self) -> bool:
        """Tell whether an exchange is under way."""
        return self.alive and bool(self.engine.snapshot(self.now).exchanges)

    def deadline(self) -> float | None:
        """Tell when the node wants to be woken."""
        return self.engine.deadline() if self.alive else None

    def wake(self) -> None:
        """Do what has fallen due."""
        self.engine.tick(self._network.now)
        self.settle()

    def establish(self, name: str) -> bool:
        """Have the administrator bring a connection up."""
        known = self.engine.establish(name, self._network.now)
        self.settle()
        return known

    def teardown(self, name: str) -> bool:
        """Have the administrator take a connection down."""
        known = self.engine.teardown(name, self._network.now)
        self.settle()
        return known

    def teardown_peer(self, name: str) -> bool:
        """Have the administrator delete the ISAKMP SAs with a peer."""
        known = self.engine.teardown_peer(name, self._network.now)
        self.settle()
        return known

    def deliver(self, packet: Datagram | MemoryEsp) -> None:
        """Take a packet off the link."""
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
                content = sha256(output.octets).digest()[:8]
                self.sent[Message(header.initiator_cookie, header.message_id, content)] += 1
                self._network.send(Datagram(output.transport, output.octets))
            case Stack():
                self.stack.submit(output.request, self._network.now)
            case Log(log_class=None) | Verbose():
                self.log.append(Line(self._network.now, self.name, output.text))
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
