"""Carry out what the administrator says over the FIFO."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Protocol

from isakmpd.config.bindings import AddElement, Change, RemoveElement, SetValue
from isakmpd.config.lexer import Binding
from isakmpd.control import commands as fifo
from isakmpd.control.command_lines import line_of
from isakmpd.control.result import sa_listing
from isakmpd.control.status import DaemonFacts, status_text
from isakmpd.daemon.capture import PacketCapture
from isakmpd.daemon.configuration import LiveConfiguration
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.run_files import RunFileError, RunPaths, write_whole
from isakmpd.ike.engine import Engine
from isakmpd.ike.outputs import LogClass
from isakmpd.wire.addresses import Address


class Daemon(Protocol):
    """Do what concerns the whole daemon; the service does."""

    engine: Engine
    leaving: bool

    def now(self) -> float:
        """Tell the engine's time, in seconds."""

    def facts(self) -> DaemonFacts:
        """Tell what the status says of the daemon itself."""

    def reinitialize(self) -> bool:
        """Read the configuration anew, as for SIGHUP; False if the old one stays."""

    def configuration_changed(self) -> None:
        """Take ``C`` commands into force soon."""

    def settle_configuration(self) -> None:
        """Take ``C`` commands into force now."""

    def write_report(self) -> bool:
        """Write the report file, as for SIGUSR1; False if it cannot be written."""

    def shut_down(self) -> None:
        """End, as for SIGTERM."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tell whether a command was carried out, and what it is to put into a file of results."""

    ok: bool
    result: str | None = None
    held: tuple[str, ...] = ()  # why what it changed is not in force


_DONE: Final = Outcome(True)
_FAILED: Final = Outcome(False)


class Commands:
    """Dispatch parsed commands; each leaves one line in the log, or why it was refused.

    Changes of the configuration do so for ``-v``, and questions, which scripts ask over and over,
    for class UI.
    """

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

    def run(self, command: fifo.Plain | fifo.BadCommand) -> None:
        """Carry out one command, after all that earlier ones have changed."""
        outcome = self._carry_out(command)
        if outcome.result is None or isinstance(command, fifo.BadCommand):
            return
        try:
            write_whole(self._paths.result, outcome.result)
        except RunFileError as problem:
            self._log.error(str(problem))
        else:
            line = line_of(command)
            self._log.debug(LogClass.UI, 10, '"%s" is answered in %s', line, self._paths.result)

    def run_for_answer(self, command: fifo.Plain | fifo.BadCommand) -> Outcome:
        """Carry out one command at once and write no result file."""
        outcome = self._carry_out(command)
        if not isinstance(command, fifo.ChangeConfiguration):
            return outcome
        self._daemon.settle_configuration()
        if not self._configuration.held:
            return outcome
        faults = [str(fault) for fault in self._configuration.held]
        return replace(outcome, held=(*faults, self._configuration.HELD))

    def _carry_out(self, command: fifo.Plain | fifo.BadCommand) -> Outcome:
        match command:
            case fifo.BadCommand():
                self._log(command.text)
                return _FAILED
            case fifo.ChangeConfiguration():
                return self._change(command)
            case fifo.GetValue():
                return self._get(command)
            case fifo.Reinitialize():
                return Outcome(self._daemon.reinitialize())
            case fifo.Shutdown():
                self._log("ui_shutdown_daemon: received shutdown command")
                self._daemon.shut_down()
                return _DONE
            case _:
                self._daemon.settle_configuration()
                return self._act(command)

    def _change(self, command: fifo.ChangeConfiguration) -> Outcome:
        if not self._configuration.change(command.change):
            return _FAILED
        shown = line_of(fifo.ChangeConfiguration(_without_key(command.change)))
        self._log.detail(f'ui_config: "{shown}"')
        self._daemon.configuration_changed()
        return _DONE

    def _get(self, command: fifo.GetValue) -> Outcome:
        value = self._configuration.bindings.get(command.section, command.tag)
        if value is None:
            self._log(f"ui_config: there is no [{command.section}]:{command.tag}")
            return Outcome(False, "")
        return Outcome(True, f"{value}\n")

    def _act(self, command: fifo.Plain) -> Outcome:
        match command:
            case fifo.SetLogLevel(which, level):
                self._log.all(self._log.levels.set_level(which, level))
                return Outcome(self._log.levels.accepts(which, level))
            case fifo.ToggleLogLevels():
                self._log.all(self._log.levels.toggle())
                return _DONE
            case fifo.StartCapture(path):
                wanted = Path(path) if path else None
                self._capture.start(wanted)
                writing_to = self._capture.writing_to
                return Outcome(writing_to is not None and wanted in (None, writing_to))
            case fifo.StopCapture():
                if not self._capture.active:
                    self._log("log_packet_stop: there is no capture to stop")
                self._capture.stop()
                return _DONE
            case fifo.Report():
                return Outcome(self._daemon.write_report())
            case _:
                return self._ask_engine(command)

    def _ask_engine(self, command: fifo.Plain) -> Outcome:
        engine, now = self._daemon.engine, self._daemon.now()
        match command:
            case fifo.Connect():
                return self._connect(command)
            case fifo.Teardown():
                return self._tear_down(command)
            case fifo.TeardownAll():
                self._log("ui_teardown_all: teardown of every connection")
                engine.teardown_all(now)
            case fifo.ShowSas():
                return Outcome(True, sa_listing(engine.snapshot(now)))
            case fifo.ShowStatus():
                return Outcome(True, self._status())
            case fifo.DeleteSa():
                return self._delete_sa(command)
            case fifo.SetMode(active):
                word = "active" if active else "passive"
                changed = engine.set_active(active, now)
                self._log(f"ui_setmode: {'switching to' if changed else 'already in'} {word} mode")
        return _DONE

    def _status(self) -> str:
        snapshot = self._daemon.engine.snapshot(self._daemon.now())
        return status_text(snapshot, self._configuration.current, self._daemon.facts())

    def _connect(self, command: fifo.Connect) -> Outcome:
        self._configuration.tell_held()
        engine, now = self._daemon.engine, self._daemon.now()
        name = self._spelled(command.name)
        if not engine.active and self._is_peer(name):
            self._log(
                f'ui_connect: phase 1 with {name} does not begin: "M active" has to be said first'
            )
            return _FAILED
        if not engine.establish(name, now):
            self._log(f"ui_connect: there is no connection or peer {command.name}")
            return _FAILED
        later = "" if engine.active else ', which begins once "M active" says so'
        self._log(f'ui_connect: setup connection "{command.name}"{later}')
        return _DONE

    def _tear_down(self, command: fifo.Teardown) -> Outcome:
        engine, now = self._daemon.engine, self._daemon.now()
        name, address = self._spelled(command.name), _address(command.name)
        known = address is not None and engine.teardown_address(address, command.phase, now)
        if not known:
            known = (engine.teardown_peer if command.phase == 1 else engine.teardown)(name, now)
        if not known:
            what = "peer" if command.phase == 1 else "connection"
            self._log(f"ui_teardown: there is no {what} {command.name}")
            return _FAILED
        self._log(f'ui_teardown: teardown connection "{command.name}", phase {command.phase}')
        return _DONE

    def _delete_sa(self, command: fifo.DeleteSa) -> Outcome:
        cookies = command.initiator_cookie, command.responder_cookie
        found = self._daemon.engine.delete_sa(cookies, command.message_id, self._daemon.now())
        if not found:
            self._log(command.not_found())
            return _FAILED
        self._log(f'ui_delete: deleting SA for cookie "{command.cookies}" msgid "{command.number}"')
        return _DONE

    def _is_peer(self, name: str) -> bool:
        current = self._configuration.current
        return name in current.peers and name not in current.connections

    def _spelled(self, name: str) -> str:
        """Give a section's name as the configuration writes it: case does not matter."""
        return self._configuration.bindings.spelling(name)


def _address(name: str) -> Address | None:
    try:
        return ip_address(name)
    except ValueError:
        return None


def _without_key(change: Change) -> Change:
    """Keep what may be a key out of the log."""
    if isinstance(change, SetValue | AddElement | RemoveElement):
        binding = Binding(change.section, change.tag, change.value, "FIFO", 0)
        return replace(change, value=binding.shown)
    return change
