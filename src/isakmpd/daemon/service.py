"""Wire the daemon together: this page says what talks to what."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from typing import Any

from isakmpd.control.report import report_lines, report_text
from isakmpd.control.status import DaemonFacts
from isakmpd.daemon.address_changes import AddressChanges
from isakmpd.daemon.administrator import Administrator
from isakmpd.daemon.answers import Answers
from isakmpd.daemon.capture import PacketCapture
from isakmpd.daemon.commands import Commands
from isakmpd.daemon.configuration import LiveConfiguration, UnusableError
from isakmpd.daemon.data_plane import DataPlane, Surroundings
from isakmpd.daemon.engine_loop import EngineLoop, Outlets, internal_error
from isakmpd.daemon.fifo import FifoError, open_command_source
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.log_sinks import time_stamp
from isakmpd.daemon.notices import Notice, Notices, unheard
from isakmpd.daemon.opener import DaemonFiles
from isakmpd.daemon.options import DEFAULT_CONFIGURATION, Options
from isakmpd.daemon.pending_changes import PendingChanges
from isakmpd.daemon.pki_files import load_keyring, signs
from isakmpd.daemon.run_files import RunFileError, read_pid, write_whole
from isakmpd.daemon.sentence import counted, sentence
from isakmpd.daemon.udp import Bind, Ports, Receivers, UdpSockets
from isakmpd.ike.engine import Engine
from isakmpd.ike.entropy import Entropy, SeededEntropy
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.choice import Choice, StackKind, acquire_only_sentence, choose_stack
from isakmpd.ipsec.none import NoStack
from isakmpd.pki.keyring import Keyring
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import BindUdp, Privileged
from isakmpd.wire.addresses import Address


class StartError(Exception):
    """Say in a sentence why the daemon cannot start."""


class Service:
    """Be all of the daemon but what its monitor does for it: take the run directory, note the
    process ID, tell the service manager.
    """

    def __init__(
        self,
        options: Options,
        loop: asyncio.AbstractEventLoop,
        log: DaemonLog,
        notices: Notices = unheard,
    ) -> None:
        self._options = options
        self._loop = loop
        self._log = log
        self._notices = notices
        self._open_things = ExitStack()
        self.leaving = False
        self._began = loop.time()
        self.running = EngineLoop(loop, log)
        self._ports = Ports(options.port, options.nat_t_port if options.nat_traversal else None)
        self.paths = options.paths

    # Beginning

    def start(self, privileged: Privileged | None = None) -> None:
        """Open everything and begin; raises StartError and leaves nothing open behind it."""
        self._log("isakmpd: starting")
        try:
            self._open(privileged or InProcess())
        except (UnusableError, FifoError, RunFileError, StartError, OSError) as problem:
            self._open_things.close()
            raise StartError(sentence(problem)) from problem
        except BaseException:
            self._open_things.close()
            raise

    def _open(self, privileged: Privileged) -> None:
        options, closing = self._options, self._open_things
        self._privileged = privileged
        closing.callback(privileged.close)
        self._files = DaemonFiles(options.run_directory, privileged)
        self._configuration = LiveConfiguration(options, self._log, self._files.open)
        self._apply_log_settings()
        choice = self._chosen_stack()
        self._log(choice.sentence)
        self._say_what_flags_do(choice.kind)
        self._stack_at_start = choice.kind
        source = open_command_source(self.paths.fifo, self._files)
        closing.callback(source.close)
        entropy = self._entropy()
        self._stack = self._open_stack(choice.kind, entropy)
        closing.callback(self._stack.close)
        self._udp = self._open_sockets()
        closing.callback(self._udp.close)
        self._capture = capture = PacketCapture(
            self.paths.capture, self._log, time.time, self._files.open
        )
        closing.callback(capture.stop)
        if options.capture:
            capture.start()
        self._pki = self._pki_settings()
        self.engine = Engine(
            self._configuration.current,
            entropy,
            usage=self._stack.usage,
            local_address=self._udp.local_address_for,
            listens_on=self._udp.listens_on,
            wants=self._log.wants,
            ike_port=options.port,
            nat_t_port=options.nat_t_port,
            nat_traversal=options.nat_traversal,
            acquire_only=options.acquire_only,
            send_deletes=not options.standby,
            active=not options.standby,
            capabilities=self._stack.capabilities,
            keyring=self._keyring(),
            calendar=_today,
        )
        self.running.attach(self.engine, Outlets(self._udp, self._stack, capture))
        self._pending = PendingChanges(self._configuration, self._loop, self._take_changes)
        answers = Answers(options.run_directory)
        answers.clear()
        closing.callback(answers.clear)
        commands = Commands(self, self._configuration, capture, self.paths, self._log)
        administrator = Administrator(
            self, commands, answers, source, self.running, self._loop, self._log
        )
        # What standard input says at once is said to a daemon that has begun.
        self._loop.call_soon(self._begin)
        administrator.listen()

    def _chosen_stack(self) -> Choice:
        wanted = self._configuration.current.general.ipsec_stack
        return choose_stack(wanted, kernel_takes_part=self._options.kernel_takes_part)

    def _say_what_flags_do(self, kind: StackKind) -> None:
        options = self._options
        if options.acquire_only or self._configuration.current.general.acquire_only:
            decides = "-a" if options.acquire_only else "[General]:Acquire-Only"
            self._log(f"{decides}: {acquire_only_sentence(kind)}")
        if options.standby:
            self._log("-S: passive until M active, and without Deletes at the end")
        if not options.nat_traversal:
            self._log("-T: NAT traversal is neither offered nor accepted")
        if options.local_port is not None:
            self._log(
                f"-P {options.local_port} does nothing: what isakmpd begins leaves from port"
                f" {options.port}, too"
            )

    def _entropy(self) -> Entropy:
        if self._options.seed is None:
            return os.urandom
        self._log(
            f"WARNING: -r {self._options.seed} makes every key predictable; it is for tests only"
        )
        return SeededEntropy(self._options.seed)

    def _open_stack(self, kind: StackKind, entropy: Entropy) -> DataPlane | NoStack:
        if kind is StackKind.NONE:
            return NoStack(self.running.report, entropy)
        options = self._options
        surroundings = Surroundings(
            self._privileged,
            self._loop,
            options.run_directory.absolute(),
            self._log,
            self._send_udp_esp,
            entropy=entropy,
            udp_ports=self._ports.all(),
            families=options.families,
        )
        try:
            return DataPlane(surroundings, self.running.report)
        except PermissionError as problem:
            raise StartError(
                f"{sentence(problem)}; it takes root, or CAP_NET_ADMIN and CAP_NET_RAW;"
                " with -n nothing is carried and neither needed"
            ) from problem

    def _send_udp_esp(self, *packet: Any) -> int:
        return self._udp.send_esp_run(*packet)

    def _open_sockets(self) -> UdpSockets:
        stack, options = self._stack, self._options
        bind: Bind = self._bind_unmarked
        receivers = Receivers(self.running.received, _ignore_esp, self.running.unreachable)
        if isinstance(stack, DataPlane):
            bind = stack.bind_udp
            receivers = Receivers(
                self.running.received, stack.receive_udp_esp, self.running.unreachable
            )
        udp = UdpSockets(
            bind, receivers, self._loop, self._log, ports=self._ports, families=options.families
        )
        failures = udp.listen(self._configuration.current.general.listen_on)
        if failures:
            udp.close()
            raise StartError("; ".join(failures))
        return udp

    def _bind_unmarked(self, address: Address, port: int) -> socket.socket:
        return self._privileged.bind_udp(BindUdp(address, port))

    def _apply_log_settings(self) -> None:
        """Follow Logverbose and Loglevel; what -v and -D say stands above both, reload or not."""
        general = self._configuration.current.general
        self._log.verbose = self._options.verbose or general.log_verbose
        configured = (f"{name}={level}" for name, level in general.log_levels.items())
        self._log.all(self._log.levels.configure((*configured, *self._options.log_levels)))

    def _begin(self) -> None:
        if not self._configuration.current.connections:
            self._log("no connection is configured: isakmpd waits for C commands or a reload")
        self.running.run(self.engine.start, self.now())
        if isinstance(self._stack, DataPlane):
            self._stack.begun()
        watch = AddressChanges(self._privileged, self._loop, self._addresses_changed, self._log)
        self._open_things.callback(watch.close)
        self._addresses_changed()  # what came between the first look and the watch

    def _addresses_changed(self) -> None:
        """Follow this host's addresses: sockets first, so that connections can begin there."""
        self._udp.look_again()
        if self._configuration.look_again():
            self._take(resume=False)
        self.running.run(self.engine.addresses_changed, self.now())

    # What the administrator wants

    def now(self) -> float:
        """Tell the engine's time, in seconds."""
        return self.running.now()

    def reinitialize(self) -> bool:
        """Read the configuration anew; a faulty one changes nothing, and False tells of it."""
        if self.leaving:
            return False
        self._notices(Notice.RELOADING)
        try:
            return self._read_anew()
        finally:
            self._notices(Notice.READY, self.status())

    def _read_anew(self) -> bool:
        if not self._configuration.reload():
            return False
        self._pending.forget()
        self._pki = ()  # files may have changed though their names have not
        self._take(resume=True)
        current = self._configuration.current
        self._log(
            "isakmpd: the configuration is read anew, "
            f"{counted(len(current.connections), 'connection')} and "
            f"{counted(len(current.peers), 'peer')}"
        )
        return True

    def configuration_changed(self) -> None:
        """Take ``C`` commands into force once no further one follows at once."""
        self._pending.more()

    def settle_configuration(self) -> None:
        """Take ``C`` commands into force now, because something is to be done with them."""
        self._pending.settle()

    def _take_changes(self) -> None:
        self._take(resume=False)

    def _take(self, *, resume: bool) -> None:
        """Put the configuration into force; ``resume`` what was torn down by hand, too."""
        current = self._configuration.current
        self._apply_log_settings()
        if self._chosen_stack().kind is not self._stack_at_start:
            self._log("[General]:IPsec-stack has changed; that takes a restart")
        self._log.all(self._udp.listen(current.general.listen_on))
        self._take_keyring()
        self.running.run(lambda: self.engine.configure(current, self.now(), resume=resume))

    def _take_keyring(self) -> None:
        """Read certificates and keys anew where that may make a difference."""
        settings = self._pki_settings()
        if settings != self._pki:
            self._pki = settings
            keyring = self._keyring()
            self.running.run(lambda: self.engine.take_keyring(keyring, self.now()))

    def _pki_settings(self) -> tuple[object, ...]:
        current = self._configuration.current
        return current.pki, signs(current)

    def _keyring(self) -> Keyring:
        return load_keyring(
            self._configuration.current,
            self._files,
            lambda path, reason: self._log(f"{path}: {reason}"),
        )

    def facts(self) -> DaemonFacts:
        """Tell what the status says of the daemon itself."""
        from importlib.metadata import version  # noqa: PLC0415  start-up need not wait for it

        return DaemonFacts(
            version=version("isakmpd"),
            process_id=read_pid(self.paths.pid) or os.getpid(),
            uptime=self.now() - self._began,
            stack=self._stack_at_start.value,
            run_directory=self._options.run_directory.absolute(),
            configuration_file=self._options.configuration_file or DEFAULT_CONFIGURATION,
            capture=self._capture.writing_to,
            log_levels=self._log.levels.by_class,
        )

    def status(self) -> str:
        """Tell in half a sentence how the daemon fares."""
        configured = len(self._configuration.current.connections)
        return (
            f"{self.engine.up} of {configured} connections up, {self._stack_at_start.value} stack"
        )

    def write_report(self) -> bool:
        """Write the report file; False, and a line in the log, if that cannot be done."""
        lines = report_lines(
            self.engine.snapshot(self.now()),
            self._configuration.current,
            self._configuration.bindings.written(),
            self._udp.listeners,
        )
        text = report_text(lines, time_stamp(time.time()))
        try:
            write_whole(self.paths.report, text, files=self._files)
        except RunFileError as problem:
            self._log.error(str(problem))
            return False
        self._log(f"ui_report: the report is in {self.paths.report}")
        return True

    def shut_down(self) -> None:
        """Tell the peers and end the loop."""
        if self.leaving:
            return
        self.leaving = True
        self._log("isakmpd: shutting down...")
        self._notices(Notice.STOPPING, "shutting down")
        self.running.run(self.engine.shutdown, self.now())
        self._loop.stop()

    # Ending

    def failed(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log a fault of ours that struck outside the engine, and go on."""
        problem = context.get("exception")
        if isinstance(problem, BaseException):
            self._log.error(internal_error(problem))
        else:
            self._log.error(f"internal error: {context.get('message')}; please report it")

    def close(self) -> None:
        """Give everything back."""
        self._open_things.close()


def _today() -> datetime:
    return datetime.now(UTC)


def _ignore_esp(_octets: bytes, _transport: Transport, _traffic_class: int) -> None:
    """Drop ESP: with -n nothing carries it."""
