"""Wire the daemon together: this page says what talks to what."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

from isakmpd.control.commands import CommandStream
from isakmpd.control.log_levels import LogLevels
from isakmpd.control.report import report_lines, report_text
from isakmpd.daemon.capture import PacketCapture
from isakmpd.daemon.commands import Commands
from isakmpd.daemon.configuration import LiveConfiguration, UnusableError
from isakmpd.daemon.data_plane import DataPlane, Surroundings
from isakmpd.daemon.fifo import CommandSource, FifoError, open_command_source
from isakmpd.daemon.log import DaemonLog, time_stamp
from isakmpd.daemon.options import Options
from isakmpd.daemon.run_files import (
    RunFileError,
    RunPaths,
    remove_pid,
    write_pid,
    write_whole,
)
from isakmpd.daemon.udp import Bind, Ports, Receivers, UdpSockets
from isakmpd.ike import ipsec
from isakmpd.ike.engine import Engine
from isakmpd.ike.entropy import Entropy, SeededEntropy
from isakmpd.ike.outputs import Capture, Log, Output, Send, SendKeepalive, Stack, Verbose
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.choice import StackKind, choose_stack
from isakmpd.ipsec.none import NoStack
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import BindUdp, Privileged

NAT_T_PORT = 4500
CONFIGURATION_REST = 0.3  # seconds without a further C command before they take effect
ADDRESS_INTERVAL = 10.0  # seconds between two looks for Listen-on addresses that were missing


class StartError(Exception):
    """Say in a sentence why the daemon cannot start."""


class Service:
    """Be the daemon in one process."""

    def __init__(self, options: Options, loop: asyncio.AbstractEventLoop, log: DaemonLog) -> None:
        self._options = options
        self._loop = loop
        self._log = log
        self._reports: deque[ipsec.Answer | ipsec.Event] = deque()
        self._settling = False
        self._tick: asyncio.TimerHandle | None = None
        self._rest: asyncio.TimerHandle | None = None
        self._stream = CommandStream()
        self.status = 0
        self.paths = RunPaths.under(
            options.run_directory,
            fifo=options.fifo,
            pid=options.pid_file,
            report=options.report_file,
            capture=options.capture_file,
        )

    # Beginning

    def start(self, levels: LogLevels) -> None:
        """Open everything and begin; raises StartError and leaves nothing open behind it."""
        self._log("isakmpd: starting")
        undo: list[Callable[[], object]] = []
        try:
            self._open(levels, undo)
        except (UnusableError, FifoError, RunFileError, ValueError, OSError) as problem:
            for close in reversed(undo):
                close()
            raise StartError(_sentence(problem)) from problem

    def _open(self, levels: LogLevels, undo: list[Callable[[], object]]) -> None:
        options = self._options
        self._configuration = LiveConfiguration(options.configuration_file, options.port, self._log)
        self._apply_log_settings(levels)
        general = self._configuration.current.general
        if options.policy and general.use_keynote:
            raise ValueError(
                "policy files are not supported by this version: start with -K, or set "
                "[General]:Use-Keynote= no, to do without the policy check"
            )
        choice = choose_stack(general.ipsec_stack, kernel_takes_part=options.kernel_takes_part)
        self._log(choice.sentence)
        self._commands_from = open_command_source(self.paths.fifo)
        undo.append(self._commands_from.close)
        self._privileged: Privileged = InProcess()
        undo.append(self._privileged.close)
        entropy = self._entropy()
        self._stack = self._open_stack(choice.kind, entropy)
        undo.append(self._stack.close)
        self._udp = self._open_sockets(general.listen_on)
        undo.append(self._udp.close)
        write_pid(self.paths.pid, os.getpid())
        self._capture = PacketCapture(self.paths.capture, self._log, time.time)
        if options.capture:
            self._capture.start()
        self.engine = Engine(
            self._configuration.current,
            entropy,
            usage=self._stack.usage,
            local_address=self._udp.local_address_for,
            ike_port=options.port,
            nat_t_port=NAT_T_PORT,
        )
        self._commands = Commands(
            self, self._configuration, self._capture, levels, self.paths, self._log
        )
        self._levels = levels
        self._listen_to_administrator()
        self._loop.call_soon(self._begin)

    def _entropy(self) -> Entropy:
        if self._options.seed is None:
            return os.urandom
        self._log(
            f"WARNING: -r {self._options.seed} makes every key predictable; it is for tests only"
        )
        return SeededEntropy(self._options.seed)

    def _open_stack(self, kind: StackKind, entropy: Entropy) -> DataPlane | NoStack:
        if kind is StackKind.NONE:
            return NoStack(self._report, entropy)
        surroundings = Surroundings(
            self._privileged,
            self._loop,
            self._options.run_directory.absolute(),
            self._log,
            self._send_udp_esp,
            udp_ports=(self._options.port, NAT_T_PORT),
            families=self._options.families,
        )
        return DataPlane(surroundings, self._report)

    def _send_udp_esp(self, *packet: Any) -> int:
        return self._udp.send_esp(*packet)

    def _open_sockets(self, listen_on: tuple[str, ...]) -> UdpSockets:
        stack = self._stack
        bind: Bind = self._bind_unmarked
        receivers = Receivers(self._received, _ignore_esp)
        if isinstance(stack, DataPlane):
            bind, receivers = stack.bind_udp, Receivers(self._received, stack.receive_udp_esp)
        udp = UdpSockets(
            bind,
            receivers,
            self._loop,
            self._log,
            ports=Ports(self._options.port, NAT_T_PORT),
            families=self._options.families,
        )
        failures = udp.listen(listen_on)
        if failures:
            udp.close()
            raise ValueError("; ".join(failures))
        return udp

    def _bind_unmarked(self, address: ipsec.Address, port: int) -> Any:
        return self._privileged.bind_udp(BindUdp(address, port))

    def _apply_log_settings(self, levels: LogLevels) -> None:
        general = self._configuration.current.general
        self._log.verbose = self._options.verbose or general.log_verbose
        for name, level in general.log_levels.items():
            levels.assign(f"{name}={level}")
        for text in self._options.log_levels:
            self._log.all(levels.assign(text))

    def _listen_to_administrator(self) -> None:
        self._watch_commands(self._commands_from)
        self._loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        self._loop.add_signal_handler(signal.SIGUSR1, self.write_report)
        self._loop.add_signal_handler(signal.SIGTERM, self.shut_down)
        if self._options.foreground:
            self._loop.add_signal_handler(signal.SIGINT, self.shut_down)

    def _watch_commands(self, source: CommandSource) -> None:
        try:
            self._loop.add_reader(source.fileno(), self._read_commands)
        except PermissionError:  # a regular file as standard input cannot be watched, only read
            self._loop.call_soon(self._read_all_commands)

    def _begin(self) -> None:
        self.engine.start(self.now())
        self._look_for_addresses()
        self.settle()

    def _look_for_addresses(self) -> None:
        self._udp.retry_missing()
        self._loop.call_later(ADDRESS_INTERVAL, self._look_for_addresses)

    # What arrives

    def now(self) -> float:
        """Tell the engine's time, in seconds."""
        return self._loop.time()

    def _received(self, octets: bytes, transport: Transport) -> None:
        self.engine.receive(octets, transport, self.now())
        self.settle()

    def _report(self, message: ipsec.Answer | ipsec.Event) -> None:
        """Take what the stack says; the engine hears it when it is not in the middle of a call."""
        self._reports.append(message)
        if not self._settling and len(self._reports) == 1:
            self._loop.call_soon(self.settle)

    def _fall_due(self) -> None:
        self._tick = None
        self.engine.tick(self.now())
        self.settle()

    def _read_commands(self) -> None:
        octets = self._commands_from.read()
        if octets is None:
            self._loop.remove_reader(self._commands_from.fileno())
            return
        for command in self._stream.feed(octets):
            self._commands.run(command)

    def _read_all_commands(self) -> None:
        while (octets := self._commands_from.read()) is not None:
            for command in self._stream.feed(octets):
                self._commands.run(command)

    # What the engine wants

    def settle(self) -> None:
        """Carry out what the engine wants, and what follows from that, until all is done."""
        if self._settling:
            return
        self._settling = True
        try:
            while True:
                for output in self.engine.drain():
                    self._carry_out(output)
                if not self._reports:
                    break
                self.engine.on_stack(self._reports.popleft(), self.now())
        finally:
            self._settling = False
        self._arm()

    def _carry_out(self, output: Output) -> None:
        match output:
            case Send():
                self._udp.send(output.transport, output.octets)
            case Stack():
                self._stack.submit(output.request, self.now())
            case Log() | Verbose():
                self._log.output(output)
            case Capture():
                if self._capture.active:
                    self._capture.write(output.transport, output.octets, output.outgoing)
            case SendKeepalive():
                self._udp.send_keepalive(output.transport)

    def _arm(self) -> None:
        deadline = self.engine.deadline()
        if self._tick is not None:
            if self._tick.when() == deadline:
                return
            self._tick.cancel()
            self._tick = None
        if deadline is not None:
            self._tick = self._loop.call_at(deadline, self._fall_due)

    # What the administrator wants

    def _hung_up(self) -> None:
        self._log("SIGHUP received")
        self.reinitialize()

    def reinitialize(self) -> None:
        """Read the configuration anew; a faulty one changes nothing."""
        if self._configuration.reload():
            self._apply_log_settings(self._levels)
            self._log.all(self._udp.listen(self._configuration.current.general.listen_on))
            self.engine.configure(self._configuration.current, self.now())
            self.settle()

    def configuration_changed(self) -> None:
        """Take ``C`` commands into force once no further one follows at once."""
        if self._rest is not None:
            self._rest.cancel()
        self._rest = self._loop.call_later(CONFIGURATION_REST, self._take_changes)

    def _take_changes(self) -> None:
        self._rest = None
        self.engine.configure(self._configuration.settle(), self.now())
        self.settle()

    def write_report(self) -> None:
        """Write the report file."""
        lines = report_lines(
            self.engine.snapshot(self.now()),
            self._configuration.current,
            self._configuration.bindings.written(),
            self._udp.listeners,
        )
        try:
            write_whole(self.paths.report, report_text(lines, time_stamp(time.time())))
        except RunFileError as problem:
            self._log.error(str(problem))

    def shut_down(self) -> None:
        """Tell the peers, give everything back, and end the loop."""
        self._log("isakmpd: shutting down...")
        self.engine.shutdown(self.now())
        self.settle()
        self._loop.stop()

    def failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log a fault of ours and go on: no other tunnel shall notice."""
        problem = context.get("exception")
        self._log.error(f"internal error: {problem or context.get('message')}; please report it")
        if isinstance(problem, BaseException):
            for line in "".join(traceback.format_exception(problem)).splitlines():
                self._log.error(line)
        self._loop.call_soon(self.settle)

    def close(self) -> None:
        """Give everything back."""
        self._udp.close()
        self._stack.close()
        self._privileged.close()
        self._capture.stop()
        self._commands_from.close()
        remove_pid(self.paths.pid, os.getpid())
        self._log("isakmpd: exit")


def _ignore_esp(_octets: bytes, _transport: Transport) -> None:
    """Drop ESP: with -n nothing carries it."""


def _sentence(problem: Exception) -> str:
    if isinstance(problem, OSError) and problem.strerror:
        where = f"{problem.filename}: " if problem.filename else ""
        return f"{where}{problem.strerror}"
    return str(problem)
