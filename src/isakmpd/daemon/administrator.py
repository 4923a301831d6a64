"""Hear the administrator: lines of the FIFO or of standard input, and signals."""

from __future__ import annotations

import asyncio
import signal
from collections import deque
from typing import Final

from isakmpd.control.commands import BadCommand, Command, CommandStream
from isakmpd.daemon.commands import Commands, Daemon
from isakmpd.daemon.engine_loop import EngineLoop
from isakmpd.daemon.fifo import CommandSource
from isakmpd.daemon.log import DaemonLog

TURN: Final = 0.02  # seconds commands may take before packets and timers have their turn


class Administrator:
    """Carry out commands in the order they come, a little at a time, until the daemon leaves."""

    def __init__(
        self,
        daemon: Daemon,
        commands: Commands,
        source: CommandSource,
        running: EngineLoop,
        loop: asyncio.AbstractEventLoop,
        log: DaemonLog,
    ) -> None:
        self._daemon = daemon
        self._commands = commands
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
            self._running.run(self._commands.run, self._unread.popleft())
        if not self._ended and not self._daemon.leaving:
            self._hear()

    def _hung_up(self) -> None:
        self._log("SIGHUP received")
        self._daemon.reinitialize()

    def _asked_for_report(self) -> None:
        self._log("SIGUSR1 received")
        self._daemon.write_report()
