"""The engine under test, with a stack in memory, on a clock the test turns."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from ipaddress import IPv4Address

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.ike import ipsec
from isakmpd.ike.engine import Engine
from isakmpd.ike.entropy import Entropy, SeededEntropy
from isakmpd.ike.outputs import Capture, Log, Output, Send, SendKeepalive, Stack, Verbose
from isakmpd.ike.snapshot import Snapshot
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.memory import MemoryStack
from isakmpd.pki.keyring import EMPTY, Keyring
from isakmpd.wire.addresses import Address
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType

DAEMON = IPv4Address("192.0.2.1")
PEER = IPv4Address("192.0.2.2")

_TEMPLATE = """\
[General]
Use-Keynote= no
Check-interval= 60
DPD-check-interval= {dpd}
{general}

[Phase 1]
{peer}= peer
{phase_1}

[Phase 2]
{role}= lan

[peer]
Phase= 1
Address= {peer}
Configuration= main-mode
Authentication= {key}
{peer_tags}

[main-mode]
DOI= IPSEC
EXCHANGE_TYPE= {exchange}
Transforms= {transforms}

[lan]
Phase= 2
ISAKMP-peer= peer
Configuration= quick-mode
Local-ID= here
Remote-ID= there

[here]
ID-type= IPV4_ADDR_SUBNET
Network= {local}
Netmask= 255.255.255.0

[there]
ID-type= IPV4_ADDR_SUBNET
Network= {remote}
Netmask= 255.255.255.0

[quick-mode]
DOI= IPSEC
EXCHANGE_TYPE= QUICK_MODE
Suites= {suites}

{more}
"""


def configuration(
    *,
    answers: bool = True,
    exchange: str = "ID_PROT",
    transforms: str = "AES-128-SHA",
    suites: str = "QM-ESP-AES-128-SHA-PFS-SUITE",
    dpd: int = 0,
    peer_tags: str = "",
    more: str = "",
    general: str = "",
    phase_1: str = "",
    key: str = "mekmitasdigoat",
    mirrored: bool = False,
    peer: Address | None = None,
) -> Configuration:
    """A gateway that only answers, or one that begins by itself.

    ``mirrored`` gives the gateway at the peer's address instead, with the LANs changed over.
    """
    local, remote = ("10.2.0.0", "10.1.0.0") if mirrored else ("10.1.0.0", "10.2.0.0")
    text = _TEMPLATE.format(
        peer=peer or (DAEMON if mirrored else PEER),
        local=local,
        remote=remote,
        general=general,
        phase_1=phase_1,
        key=key,
        role="Passive-connections" if answers else "Connections",
        exchange=exchange,
        transforms=transforms,
        suites=suites,
        dpd=dpd,
        peer_tags=peer_tags,
        more=more,
    )
    read = parse(text, "isakmpd.conf")
    assert not read.problems, [str(problem) for problem in read.problems]
    return read


class Daemon:
    """One engine, and what it sent and logged."""

    def __init__(
        self,
        config: Configuration,
        *,
        entropy: Entropy | None = None,
        address: Address = DAEMON,
        nat_traversal: bool = True,
        capabilities: ipsec.Capabilities = ipsec.EVERYTHING,
        acquire_only: bool = False,
        active: bool = True,
        keyring: Keyring = EMPTY,
    ) -> None:
        self.now = 1000.0
        self.date = datetime(2026, 6, 15, tzinfo=UTC)
        self.address = address  # changes when the host moves
        entropy = entropy or SeededEntropy(f"daemon at {address}")
        self._reports: deque[ipsec.Answer | ipsec.Event] = deque()
        self.stack = MemoryStack(self._reports.append, entropy)
        self.engine = Engine(
            config,
            entropy,
            usage=self.stack.usage,
            local_address=lambda _peer: self.address,
            nat_traversal=nat_traversal,
            capabilities=capabilities,
            acquire_only=acquire_only,
            active=active,
            keyring=keyring,
            calendar=lambda: self.date,
            listens_on=lambda one: one == self.address,
        )
        self.log: list[str] = []
        self.verbose: list[str] = []
        self.debug: list[str] = []
        self.captured: list[tuple[bool, bytes]] = []
        self.requests: list[ipsec.Request] = []
        self.keepalives = 0
        self._sent: list[Send] = []
        self.engine.start(self.now)
        self.settle()

    def hears(
        self,
        octets: bytes,
        *,
        source: Address = PEER,
        port: int = 500,
        local_port: int | None = None,
    ) -> list[bytes]:
        """Deliver a datagram and give what is sent in answer."""
        self.sent()
        own = local_port or (4500 if port == 4500 else 500)
        at = Transport(self.address, own, source, port, encapsulated=own == 4500)
        self.engine.receive(octets, at, self.now)
        self.settle()
        return [send.octets for send in self.sent()]

    def answers(self, octets: bytes, *, port: int = 500, source: Address = PEER) -> bytes:
        """Deliver a datagram and give its one answer, which returns where it came from.

        Informational messages are no answer; what the daemon adds of them is its own business.
        """
        self.sent()
        own = 4500 if port != 500 else 500
        at = Transport(self.address, own, source, port, encapsulated=own == 4500)
        self.engine.receive(octets, at, self.now)
        self.settle()
        (send,) = [send for send in self.sent() if not _informational(send.octets)]
        assert send.transport == at, self.log
        return send.octets

    def begins(self) -> bytes:
        """Give the one datagram the daemon sends by itself about now."""
        ((_, octets),) = self.passes(0.0)
        return octets

    def passes(self, seconds: float) -> list[tuple[float, bytes]]:
        """Let time pass and give what was sent, with the seconds that had passed."""
        began, until = self.now, self.now + seconds
        self.settle()
        found = [(0.0, send.octets) for send in self.sent()]
        while (due := self.engine.deadline()) is not None and due <= until:
            self.now = max(self.now, due)
            self.engine.tick(self.now)
            self.settle()
            found += [(round(self.now - began, 3), send.octets) for send in self.sent()]
        self.now = until
        return found

    def sent(self) -> list[Send]:
        """Take what was sent since the last look."""
        sent, self._sent = self._sent, []
        return sent

    @property
    def snapshot(self) -> Snapshot:
        """Everything as it is."""
        return self.engine.snapshot(self.now)

    def state(self) -> tuple[object, ...]:
        """What no stranger may change: SAs in engine and stack, flows."""
        seen = self.snapshot
        return (
            [(sa.initiator_cookie, sa.responder_cookie) for sa in seen.isakmp_sas],
            [(sa.outbound, sa.inbound) for sa in seen.ipsec_sas],
            dict(self.stack.sas),
            dict(self.stack.flows),
        )

    def lines(self, since: int = 0) -> list[str]:
        """What everybody sees in the log."""
        return self.log[since:]

    def settle(self) -> None:
        """Carry out what is to be done, with what follows from it."""
        while True:
            for output in self.engine.drain():
                self._carry_out(output)
            if not self._reports:
                return
            self.engine.on_stack(self._reports.popleft(), self.now)

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send():
                self._sent.append(output)
            case Stack():
                self.requests.append(output.request)
                self.stack.submit(output.request, self.now)
            case Log(log_class=None):
                self.log.append(output.text)
            case Log():
                self.debug.append(output.text)
            case Verbose():
                self.verbose.append(output.text)
            case Capture():
                self.captured.append((output.outgoing, output.octets))
            case SendKeepalive():
                self.keepalives += 1


def _informational(datagram: bytes) -> bool:
    return decode_header(datagram)[0].exchange_type == ExchangeType.INFO
