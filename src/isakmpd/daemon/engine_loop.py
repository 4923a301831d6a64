"""Run the engine: bring it what happens, carry out what it wants, wake it when it is time.

A fault of ours costs what was being done when it struck, and a line in the log; the engine, its
other tunnels and what they want done live on.
"""

from __future__ import annotations

import asyncio
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from isakmpd.daemon.capture import PacketCapture
from isakmpd.daemon.data_plane import DataPlane
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.udp import UdpSockets
from isakmpd.ike import ipsec
from isakmpd.ike.engine import Engine
from isakmpd.ike.outputs import (
    Capture,
    KeyMaterial,
    Log,
    LogClass,
    Output,
    Send,
    SendKeepalive,
    Stack,
    Verbose,
)
from isakmpd.ike.transport import Transport
from isakmpd.ike.unreachable import Unreachable
from isakmpd.ipsec.none import NoStack
from isakmpd.wire.addresses import Address

SHOWN_FRAMES = 8


@dataclass(frozen=True, slots=True)
class Outlets:
    """Name where the engine's outputs go."""

    udp: UdpSockets
    stack: DataPlane | NoStack
    capture: PacketCapture


class EngineLoop:
    """Stand between the engine and the event loop; ``attach`` comes before everything else."""

    engine: Engine
    _outlets: Outlets

    def __init__(self, loop: asyncio.AbstractEventLoop, log: DaemonLog) -> None:
        self._loop = loop
        self._log = log
        self._outputs: deque[Output] = deque()
        self._reports: deque[ipsec.Answer | ipsec.Event] = deque()
        self._settling = False
        self._tick: asyncio.TimerHandle | None = None

    def attach(self, engine: Engine, outlets: Outlets) -> None:
        """Name the engine and where its outputs go."""
        self.engine = engine
        self._outlets = outlets

    def now(self) -> float:
        """Tell the engine's time, in seconds."""
        return self._loop.time()

    @property
    def alive(self) -> bool:
        """Tell, between two calls, that none before was cut short and the next has its time."""
        waits = self.engine.deadline() is not None
        return not self._settling and (self._tick is not None or not waits)

    # What happens

    def run(self, act: Callable[..., object], *arguments: object) -> None:
        """Let the engine do something and carry out all that follows from it."""
        self._attempt(act, *arguments)
        self.settle()

    def received(self, octets: bytes, transport: Transport) -> None:
        """Take an IKE datagram."""
        self._log.debug(LogClass.TRANSPORT, 50, "received %d octets: %s", len(octets), transport)
        self.run(self.engine.receive, octets, transport, self.now())

    def unreachable(self, remote: Address, port: int, what: Unreachable) -> None:
        """Take an ICMP error about a datagram of ours."""
        self.run(self.engine.unreachable, remote, port, what, self.now())

    def report(self, message: ipsec.Answer | ipsec.Event) -> None:
        """Take what the stack says; the engine hears it when it is not in the middle of a call."""
        self._log.debug(LogClass.SYSDEP, 50, "the IPsec stack says: %s", message)
        self._reports.append(message)
        if not self._settling and len(self._reports) == 1:
            self._loop.call_soon(self.settle)

    def _fall_due(self) -> None:
        self._tick = None
        self.run(self.engine.tick, self.now())

    # What the engine wants

    def settle(self) -> None:
        """Carry out what the engine wants, and what follows from that, until all is done."""
        if self._settling:
            return
        self._settling = True
        while True:
            self._outputs.extend(self.engine.drain())
            while self._outputs:
                self._attempt(self._carry_out, self._outputs.popleft())
            if not self._reports:
                break
            self._attempt(self.engine.on_stack, self._reports.popleft(), self.now())
        self._settling = False
        self._arm()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send():
                octets, transport = output.octets, output.transport
                self._log.debug(
                    LogClass.TRANSPORT, 50, "sends %d octets: %s", len(octets), transport
                )
                self._outlets.udp.send(output.transport, output.octets)
            case Stack():
                self._log.debug(LogClass.SYSDEP, 50, "asks the IPsec stack: %s", output.request)
                self._outlets.stack.submit(output.request, self.now())
            case Log() | Verbose() | KeyMaterial():
                self._log.output(output)
            case Capture():
                self._log.message(output)
                if self._outlets.capture.active:
                    self._outlets.capture.write(output.transport, output.octets, output.outgoing)
            case SendKeepalive():
                self._log.debug(
                    LogClass.TRANSPORT, 50, "sends a NAT keepalive: %s", output.transport
                )
                self._outlets.udp.send_keepalive(output.transport)

    def _arm(self) -> None:
        deadline = self.engine.deadline()
        if self._tick is not None:
            if self._tick.when() == deadline:
                return
            self._tick.cancel()
            self._tick = None
        if deadline is not None:
            self._tick = self._loop.call_at(deadline, self._fall_due)

    # Faults of ours

    def _attempt(self, act: Callable[..., object], *arguments: object) -> None:
        try:
            act(*arguments)
        except Exception as fault:
            self._log.error(internal_error(fault))


def internal_error(fault: BaseException) -> str:
    """Say in one line what went wrong in the daemon itself, and where, innermost first."""
    frames = traceback.extract_tb(fault.__traceback__)[::-1][:SHOWN_FRAMES]
    where = " < ".join(f"{Path(one.filename).name}:{one.lineno} {one.name}" for one in frames)
    return f"internal error: {type(fault).__name__}: {fault} ({where}); please report it"
