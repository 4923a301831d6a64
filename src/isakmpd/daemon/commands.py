"""Carry out what the administrator says over the FIFO."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Protocol

from isakmpd.control import commands as fifo
from isakmpd.control.result import sa_listing
from isakmpd.daemon.capture import PacketCapture
from isakmpd.daemon.configuration import LiveConfiguration
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.run_files import RunFileError, RunPaths, write_whole
from isakmpd.ike.engine import Engine


class Daemon(Protocol):
    """Do what concerns the whole daemon; the service does."""

    engine: Engine
    leaving: bool

    def now(self) -> float:
        """Tell the engine's time, in seconds."""

    def reinitialize(self) -> None:
        """Read the configuration anew, as for SIGHUP."""

    def configuration_changed(self) -> None:
        """Take ``C`` commands into force soon."""

    def settle_configuration(self) -> None:
        """Take ``C`` commands into force now."""

    def write_report(self) -> None:
        """Write the report file, as for SIGUSR1."""

    def shut_down(self) -> None:
        """End, as for SIGTERM."""


class Commands:
    """Dispatch parsed commands."""

    def __init__(
        self,
        daemon: Daemon,
        configuration: LiveConfiguration,
        capture: PacketCapture,
        paths: RunPaths,
        log: DaemonLog,
    ) -> None:
        self._daemon = daemon
        self._configuration = configuration
        self._capture = capture
        self._paths = paths
        self._log = log

    def run(self, command: fifo.Command | fifo.BadCommand) -> None:
        """Carry out one command, after all that earlier ones have changed."""
        match command:
            case fifo.BadCommand():
                self._log(command.text)
            case fifo.ChangeConfiguration():
                if self._configuration.change(command.change):
                    self._daemon.configuration_changed()
            case fifo.GetValue():
                value = self._configuration.bindings.get(command.section, command.tag)
                self._write_result(f"{value}\n" if value is not None else "")
            case _:
                self._daemon.settle_configuration()
                self._act(command)

    def _act(self, command: fifo.Command) -> None:
        match command:
            case fifo.SetLogLevel():
                self._log.all(self._log.levels.set_level(command.which, command.level))
            case fifo.ToggleLogLevels():
                self._log.all(self._log.levels.toggle())
            case fifo.StartCapture():
                self._capture.start(Path(command.path) if command.path else None)
            case fifo.StopCapture():
                self._capture.stop()
            case fifo.Reinitialize():
                self._daemon.reinitialize()
            case fifo.Report():
                self._daemon.write_report()
            case fifo.Shutdown():
                self._log("ui_shutdown_daemon: received shutdown command")
                self._daemon.shut_down()
            case _:
                self._ask_engine(command)

    def _ask_engine(self, command: fifo.Command) -> None:
        engine, now = self._daemon.engine, self._daemon.now()
        match command:
            case fifo.Connect():
                self._configuration.tell_held()
                if not engine.establish(self._spelled(command.name), now):
                    self._log(f"ui_connect: there is no connection or peer {command.name}")
            case fifo.Teardown():
                self._tear_down(command)
            case fifo.TeardownAll():
                engine.teardown_all(now)
            case fifo.ShowSas():
                self._write_result(sa_listing(engine.snapshot(now)))
            case fifo.DeleteSa():
                cookies = command.initiator_cookie, command.responder_cookie
                if not engine.delete_sa(cookies, command.message_id, now):
                    self._log(command.not_found())
            case fifo.SetMode():
                self._log("ui_setmode: M is not supported by this version")

    def _tear_down(self, command: fifo.Teardown) -> None:
        engine, now = self._daemon.engine, self._daemon.now()
        what, act = "connection", engine.teardown
        if command.phase == 1:
            what, act = "peer", engine.teardown_peer
        names = self._names_at(command) or [self._spelled(command.name)]
        known = [act(name, now) for name in names]
        if not any(known):
            self._log(f"ui_teardown: there is no {what} {command.name}")

    def _names_at(self, command: fifo.Teardown) -> list[str]:
        """Name what has SAs with a peer, where the command gives the peer's address."""
        try:
            address = ip_address(command.name)
        except ValueError:
            return []
        snapshot = self._daemon.engine.snapshot(self._daemon.now())
        sas = snapshot.isakmp_sas if command.phase == 1 else snapshot.ipsec_sas
        return list(dict.fromkeys(sa.name for sa in sas if sa.transport.remote == address))

    def _spelled(self, name: str) -> str:
        """Give a section's name as the configuration writes it: case does not matter."""
        return self._configuration.bindings.spelling(name)

    def _write_result(self, text: str) -> None:
        try:
            write_whole(self._paths.result, text)
        except RunFileError as problem:
            self._log.error(str(problem))
