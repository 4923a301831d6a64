"""Say what the daemon has to say, and never fail the caller over it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Final

from isakmpd.control.log_levels import CLASS_NAMES, LogLevels
from isakmpd.control.printable import printable
from isakmpd.daemon.sinks import Severity, Sink, SyslogSink
from isakmpd.ike.outputs import Log, LogClass, Verbose

# A peer chooses part of many lines; none of them fills the disk.
LONGEST_TEXT: Final = 2000


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
