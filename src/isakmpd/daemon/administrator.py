"""Hear the administrator: lines of the FIFO or of standard input, and signals."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from typing import Final

from isakmpd.control.command_stream import CommandStream
from isakmpd.control.commands import BadCommand, Command, Tagged
from isakmpd.daemon.answers import Answers
from isakmpd.daemon.commands import Commands, Daemon, Outcome
from isakmpd.daemon.engine_loop import EngineLoop
from isakmpd.daemon.fifo import CommandSource
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.run_files import RunFileError

TURN: Final = 0.02  # seconds commands may take before packets and timers have their turn


class Administrator:
    """Carry out commands in the order they come, a little at a time, until the daemon leaves."""

    def __init__(
        self,
        daemon: Daemon,
        commands: Commands,
        answers: Answers,
        source: CommandSource,
        running: EngineLoop,
        loop: asyncio.AbstractEventLoop,
        log: DaemonLog,
    ) -> None:
        self._daemon = daemon
        self._commands = commands
        self._answers = answers
        self._source = source
        self._running = running
        self._loop = loop
        self._log = log
        self._stream = CommandStream()
        self._unread: deque[Command | BadCommand] = deque()
        self._watchable = True
        self._ended = False

    def listen(self) -> None:
        """Begin to hear commands and signals."""
        self._hear()
        self._loop.add_signal_handler(signal.SIGHUP, self._hung_up)
        self._loop.add_signal_handler(signal.SIGUSR1, self._asked_for_report)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._daemon.shut_down)

    def _hear(self) -> None:
        if self._watchable:
            try:
                self._loop.add_reader(self._source.fileno(), self._read)
            except PermissionError:  # a regular file as standard input cannot be watched, only read
                self._watchable = False
        if not self._watchable:
            self._loop.call_soon(self._read)

    def _read(self) -> None:
        octets = self._source.read()
        self._ended = octets is None
        # The last line needs no end of its own.
        self._unread.extend(self._stream.feed(b"\n" if octets is None else octets))
        if self._watchable:
            self._loop.remove_reader(self._source.fileno())
        self._run()

    def _run(self) -> None:
        """Carry out what was read before more is read: a writer faster than us has to wait."""
        until = self._loop.time() + TURN
        while self._unread and not self._daemon.leaving:
            if self._loop.time() >= until:
                self._loop.call_soon(self._run)
                return
            self._carry_out(self._unread.popleft())
        if not self._ended and not self._daemon.leaving:
            self._hear()

    def _carry_out(self, command: Command | BadCommand) -> None:
        if not isinstance(command, Tagged):
            self._running.run(self._commands.run, command)
            return
        outcomes: list[Outcome] = []  # none where a fault of ours ends the command
        with self._log.heard() as lines:
            self._running.run(
                lambda: outcomes.append(self._commands.run_for_answer(command.command))
            )
        outcome = outcomes[0] if outcomes else Outcome(False)
        lines += (line for line in outcome.held if line not in lines)
        try:
            self._answers.write(
                command.token, ok=outcome.ok, lines=lines, result=outcome.result or ""
            )
        except RunFileError as problem:
            self._log.error(str(problem))

    def _hung_up(self) -> None:
        self._log("SIGHUP received")
        self._daemon.reinitialize()

    def _asked_for_report(self) -> None:
        self._log("SIGUSR1 received")
        self._daemon.write_report()
