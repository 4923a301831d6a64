"""Take finished log lines to stderr or syslog."""

from __future__ import annotations

import contextlib
import os
import syslog
import time
from collections.abc import Callable
from enum import IntEnum
from typing import Final, Protocol

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


class TwoSinks:
    """Log to the terminal, where the administrator looks until the daemon has started, and on."""

    def __init__(self, terminal: Sink, lasting: Sink) -> None:
        self._terminal = terminal
        self._lasting = lasting

    def write(self, severity: Severity, label: str, text: str) -> None:
        """Write one line to both; a terminal that is gone is no loss."""
        self._lasting.write(severity, label, text)
        with contextlib.suppress(OSError):
            self._terminal.write(severity, label, text)


def deliver(sink: Sink, severity: Severity, label: str, text: str) -> None:
    """Write one line to a sink, or to syslog when the sink cannot take it; nothing is raised."""
    try:
        sink.write(severity, label, text)
    except (OSError, ValueError):
        # stderr is gone or full: syslog is the last one left to tell.
        with contextlib.suppress(OSError, ValueError):
            SyslogSink().write(severity, label, text)
