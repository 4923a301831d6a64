"""Run the daemon as processes: a monitor and its daemon, in the foreground, or detached once the
daemon has really started.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final

from isakmpd.daemon.fifo import STANDARD_INPUT
from isakmpd.daemon.log_sinks import DescriptorSink, Severity, Sink, SyslogSink, TwoSinks, deliver
from isakmpd.daemon.monitor import monitored
from isakmpd.daemon.notices import NoticeSender
from isakmpd.daemon.options import Options
from isakmpd.daemon.run_directory import RunDirectory
from isakmpd.daemon.run_files import RunFileError
from isakmpd.daemon.service_manager import ServiceManager

_SYSLOG: Final = Path("/dev/log")
_UNHEARD: Final = (
    f"isakmpd: nobody takes what is logged from here on: there is no {_SYSLOG};"
    " start a syslog daemon, or isakmpd with -d, which logs to standard error"
)


def run(options: Options) -> int:
    """Run until told to stop; the exit status is 0, 1 when starting failed, or that of an end
    nobody asked for.
    """
    _fill_standard_descriptors()
    manager = ServiceManager.from_environment(os.environ, os.getpid())
    if options.foreground:
        return _Processes(options, manager, DescriptorSink()).run(lambda: None)
    return _detach(options, manager)


def _detach(options: Options, manager: ServiceManager) -> int:
    """Fork; this process stays until the daemon has started, so that its status tells the truth."""
    reader, writer = os.pipe()
    monitor = os.fork()
    if monitor:
        os.close(writer)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if os.read(reader, 1):
            return 0
        status = os.waitstatus_to_exitcode(os.waitpid(monitor, 0)[1])
        return status if status >= 0 else 128 - status
    os.close(reader)
    os.setsid()
    terminal, syslog = DescriptorSink(), SyslogSink()
    processes = _Processes(options, manager, TwoSinks(terminal, syslog), syslog, writer)

    def ready() -> None:
        if not _SYSLOG.exists():
            deliver(terminal, Severity.NORMAL, "Default", _UNHEARD)
        processes.let_go(keep_input=False)
        # Whoever waited may be gone, with his terminal; the daemon has started all the same.
        with contextlib.suppress(BrokenPipeError):
            os.write(writer, b"1")
        os.close(writer)

    return processes.run(ready)


class _Processes:
    """Say what monitor and daemon have in common."""

    def __init__(
        self,
        options: Options,
        manager: ServiceManager,
        sink: Sink,
        lasting: Sink | None = None,
        told: int | None = None,
    ) -> None:
        """Name where lines go, where they go once detached, and what the monitor alone holds."""
        self._options = options
        self._manager = manager
        self._sink = sink
        self._lasting = lasting
        self._told = told

    def run(self, ready: Callable[[], None]) -> int:
        """Take the run directory, and be first the monitor, then the daemon, too."""
        options = self._options
        try:
            self._place = RunDirectory(options.run_directory, options.paths)
        except RunFileError as problem:
            self._say(Severity.FATAL, f"isakmpd: {problem}")
            return 1
        return monitored(self._work, self._place, self._manager, self._say, ready)

    def let_go(self, *, keep_input: bool) -> None:
        """Let go of the terminal, once whoever started the daemon need not read on."""
        if self._lasting is None:
            return
        self._sink = self._lasting
        os.chdir("/")
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2)[keep_input:]:
            os.dup2(null, descriptor)
        os.close(null)

    def _say(self, severity: Severity, text: str) -> None:
        deliver(self._sink, severity, "Default", text)

    def _work(self, notices: NoticeSender) -> int:
        """Be the daemon's process."""
        if self._told is not None:
            os.close(self._told)
        # Not before: what the daemon needs would make the monitor three times as large.
        from isakmpd.daemon.daemon_process import Serving  # noqa: PLC0415

        serving = Serving(
            self._options,
            self._sink,
            notices,
            place=self._place,
            beat_interval=self._manager.beat_interval,
        )

        def ready() -> None:
            self.let_go(keep_input=self._options.fifo == STANDARD_INPUT)
            serving.log.sink = self._sink

        return serving.run(ready)


def _fill_standard_descriptors() -> None:
    """Open what is closed of 0, 1 and 2, lest a socket takes its number and gets the log."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)
