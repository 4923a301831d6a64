"""Be one simulated host: a whole engine and a stack in memory, on somebody else's clock."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Protocol

from isakmpd.config.model import Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.engine import Engine
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.outputs import Capture, Log, Output, Send, SendKeepalive, Stack, Verbose
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.memory import MemoryStack
from isakmpd.ipsec.memory_packets import InnerPacket, MemoryEsp
from isakmpd.pki.keyring import EMPTY, Keyring
from isakmpd.simulation.packets import Datagram, Keepalive, Packet
from isakmpd.wire.addresses import Address
from isakmpd.wire.header import decode_header

_FIRST_DAY = datetime(2026, 1, 1, tzinfo=UTC)


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

    def send(self, sender: Node, packet: Packet) -> None:
        """Put a packet on the link."""


class Node:
    """Run one daemon's decisions.

    ``log`` holds what everybody sees, ``sent`` how often each message went out, ``received`` the
    packets that came out of a tunnel, which ``on_received`` is told, ``in_clear`` those that left
    as they were.
    ``mute`` loses all it sends, ``deaf`` all it should receive.
    """

    def __init__(
        self,
        network: Network,
        name: str,
        address: Address,
        configuration: Configuration,
        seed: str,
        host: Address,
        keyring: Keyring = EMPTY,
    ) -> None:
        self._network = network
        self.name = name
        self.address = address
        self.host = host
        self.configuration = configuration
        self.keyring = keyring
        self._seed = seed
        self._lives = 0
        self.alive = False
        self.configured = False  # from the first start until the daemon is asked to stop
        self.asleep = False
        self.mute = False
        self.deaf = False
        self._ahead = 0.0  # seconds by which the node's clock differs from the world's
        self.stack = MemoryStack(lambda _report: None, SeededEntropy(seed))
        self.log: list[Line] = []
        self.sent: Counter[Message] = Counter()
        self.received: list[InnerPacket] = []
        self.on_received: Callable[[InnerPacket], None] = lambda _packet: None
        self.in_clear: list[tuple[float, InnerPacket]] = []

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
            keyring=self.keyring,
            calendar=lambda: _FIRST_DAY + timedelta(seconds=self.now),
        )
        self.alive, self.configured, self.asleep = True, True, False
        self.engine.start(self.now)
        self.settle()

    def crash(self) -> None:
        """Stop without a word."""
        self.alive = False
        self.stack.crash()

    def leave(self) -> None:
        """Stop as a daemon does that is asked to."""
        self.engine.shutdown(self.now)
        self.settle()
        self.alive = self.configured = False
        self.stack.close()

    def sleep(self) -> None:
        """Stop as a host does that is suspended."""
        self.asleep = True

    def awake(self, slow: float = 0.0) -> None:
        """Go on after sleep, with a clock that has stood still for ``slow`` seconds."""
        self.asleep = False
        self._ahead -= slow
        self.settle()

    def jump(self, seconds: float) -> None:
        """Have the clock leap forward."""
        self._ahead += seconds

    @property
    def now(self) -> float:
        """Give the time by the node's own clock, in seconds."""
        return self._network.now + self._ahead

    @property
    def runs(self) -> bool:
        """Tell whether the daemon is running."""
        return self.alive and not self.asleep

    @property
    def hears(self) -> bool:
        """Tell whether a packet for the node reaches its daemon."""
        return self.runs and not self.deaf

    @property
    def busy(self) -> bool:
        """Tell whether an exchange is under way."""
        return self.runs and bool(self.engine.snapshot(self.now).exchanges)

    def deadline(self) -> float | None:
        """Tell when the node wants to be woken, in the world's time."""
        due = self.engine.deadline() if self.runs else None
        return None if due is None else due - self._ahead

    def wake(self) -> None:
        """Do what has fallen due."""
        # A deadline carried to the world's time and back may have lost its last bit.
        self.engine.tick(max(self.now, self.engine.deadline() or 0.0))
        self.settle()

    def establish(self, name: str) -> bool:
        """Have the administrator bring a connection up."""
        known = self.engine.establish(name, self.now)
        self.settle()
        return known

    def teardown(self, name: str) -> bool:
        """Have the administrator take a connection down."""
        known = self.engine.teardown(name, self.now)
        self.settle()
        return known

    def teardown_peer(self, name: str) -> bool:
        """Have the administrator delete the ISAKMP SAs with a peer."""
        known = self.engine.teardown_peer(name, self.now)
        self.settle()
        return known

    def deliver(self, packet: Packet) -> None:
        """Take a packet off the link."""
        match packet:
            case MemoryEsp():
                inner = self.stack.open(packet, self.now)
                if inner is not None:
                    self.received.append(inner)
                    self.on_received(inner)
            case Datagram():
                self.engine.receive(packet.octets, _turned(packet.transport), self.now)
            case Keepalive():
                pass
        self.settle()

    def protect(self, packet: InnerPacket) -> bool:
        """Send a LAN packet through the tunnel; False when no tunnel takes it.

        A killed daemon's guards still stand; a sleeping host sends nothing.
        """
        if self.asleep:
            return False
        sealed = self.stack.seal(packet, self.now)
        if isinstance(sealed, InnerPacket):
            if self.configured:
                self.in_clear.append((self._network.now, packet))
        elif sealed is not None:
            self._network.send(self, sealed)
        if self.alive:
            self.settle()
        return isinstance(sealed, MemoryEsp)

    def settle(self) -> None:
        """Carry out what the engine wants, and what follows from that, until all is done."""
        while True:
            for output in self.engine.drain():
                self._carry_out(output)
            while self.stack.released:
                self._network.send(self, self.stack.released.popleft())
            if not self._reports:
                return
            self.engine.on_stack(self._reports.popleft(), self.now)

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send():
                header, _ = decode_header(output.octets)
                content = sha256(output.octets).digest()[:8]
                self.sent[Message(header.initiator_cookie, header.message_id, content)] += 1
                self._network.send(self, Datagram(output.transport, output.octets))
            case SendKeepalive():
                self._network.send(self, Keepalive(output.transport))
            case Stack():
                self.stack.submit(output.request, self.now)
            case Log(log_class=None) | Verbose():
                self.log.append(Line(self._network.now, self.name, output.text))
            case Log() | Capture():
                pass


def _turned(transport: Transport) -> Transport:
    return Transport(
        transport.remote,
        transport.remote_port,
        transport.local,
        transport.local_port,
        transport.encapsulated,
    )
