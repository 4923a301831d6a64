"""Write log lines to stderr or syslog, and never fail the caller over it."""

from __future__ import annotations

import contextlib
import os
import syslog
import time
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, Protocol

from isakmpd.control.log_levels import CLASS_NAMES, LogLevels
from isakmpd.control.printable import printable
from isakmpd.ike.outputs import Log, LogClass, Verbose

# A peer chooses part of many lines; none of them fills the disk.
LONGEST_TEXT: Final = 2000
STDERR: Final = 2


class Severity(IntEnum):
    """Rank lines as syslog does."""

    FATAL = syslog.LOG_CRIT
    ERROR = syslog.LOG_ERR
    NORMAL = syslog.LOG_NOTICE
    DEBUG = syslog.LOG_INFO


class Sink(Protocol):
    """Take finished lines; raises OSError when it cannot."""

    def write(self, severity: Severity, label: str, text: str) -> None:
        """Write one line: ``label`` is ``Default`` or a debug class with its level."""


def time_stamp(seconds: float) -> str:
    """Print a moment, in seconds since the epoch, as ``HHMMSS.uuuuuu`` local time."""
    microseconds = round(seconds * 1_000_000)
    whole, fraction = divmod(microseconds, 1_000_000)
    return f"{time.strftime('%H%M%S', time.localtime(whole))}.{fraction:06d}"


class DescriptorSink:
    """Write ``HHMMSS.uuuuuu Label text`` lines to a file descriptor, by default stderr."""

    def __init__(
        self, descriptor: int = STDERR, wall_clock: Callable[[], float] = time.time
    ) -> None:
        self._descriptor = descriptor
        self._wall_clock = wall_clock

    def write(self, severity: Severity, label: str, text: str) -> None:  # noqa: ARG002
        """Write one line at once, in a single system call where the kernel takes it whole."""
        line = f"{time_stamp(self._wall_clock())} {label} {text}\n"
        left = line.encode()
        while left:
            left = left[os.write(self._descriptor, left) :]


class SyslogSink:
    """Write to syslog as ``isakmpd`` of facility daemon, with the process ID."""

    def __init__(self) -> None:
        # NDELAY: a chroot later has no /dev/log to connect to.
        options = syslog.LOG_PID | syslog.LOG_CONS | syslog.LOG_NDELAY
        syslog.openlog("isakmpd", options, syslog.LOG_DAEMON)

    def write(self, severity: Severity, label: str, text: str) -> None:
        """Write one line; syslog itself adds the time."""
        shown = text if label == "Default" else f"{label} {text}"
        syslog.syslog(severity, shown)


class DaemonLog:
    """Take every line the daemon has to say, drop what nobody asked for, write the rest.

    ``verbose`` shows the lines of ``-v``; ``levels`` decides about debug lines. A line the sink
    cannot take goes to syslog; nothing is ever raised.
    """

    def __init__(self, sink: Sink, levels: LogLevels, verbose: bool = False) -> None:
        self.sink = sink
        self.levels = levels
        self.verbose = verbose

    def __call__(self, text: str) -> None:
        """Log a line everybody sees."""
        self._write(Severity.NORMAL, "Default", text)

    def error(self, text: str) -> None:
        """Log what went wrong and is survived."""
        self._write(Severity.ERROR, "Default", text)

    def fatal(self, text: str) -> None:
        """Log why the daemon ends."""
        self._write(Severity.FATAL, "Default", text)

    def debug(self, log_class: LogClass, level: int, text: str) -> None:
        """Log a debug line where its class is set to ``level`` or above."""
        if self.levels.passes(log_class, level):
            self._write(Severity.DEBUG, f"{CLASS_NAMES[log_class]:<4} {level:02d}", text)

    def all(self, lines: Iterable[str]) -> None:
        """Log several lines everybody sees."""
        for line in lines:
            self(line)

    def output(self, output: Log | Verbose) -> None:
        """Log a line of the engine's."""
        if isinstance(output, Verbose):
            if self.verbose:
                self(output.text)
        elif output.log_class is None:
            self(output.text)
        else:
            self.debug(output.log_class, output.level, output.text)

    def _write(self, severity: Severity, label: str, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            text = f"{text[:LONGEST_TEXT]}..."
        shown = printable(text)
        try:
            self.sink.write(severity, label, shown)
        except (OSError, ValueError):
            # stderr is gone or full: syslog is the last one left to tell.
            with contextlib.suppress(OSError, ValueError):
                SyslogSink().write(severity, label, shown)
