"""Say what the daemon has to say, and never fail the caller over it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Final

from isakmpd.control.log_levels import CLASS_NAMES, LogLevels
from isakmpd.control.message_lines import SUMMARY_LEVEL, hexadecimal_lines, message_lines
from isakmpd.control.printable import printable
from isakmpd.daemon.log_sinks import Severity, Sink, deliver
from isakmpd.ike.outputs import KEYS_LEVEL, Capture, KeyMaterial, Log, LogClass, Verbose

# A peer chooses part of many lines; none of them fills the disk.
LONGEST_TEXT: Final = 2000
MOST_HEARD: Final = 1000  # lines


class DaemonLog:
    """Take every line the daemon has to say, drop what nobody asked for, write the rest.

    ``verbose`` shows the lines of ``-v``; ``levels`` decides about debug lines. A line the sink
    cannot take goes to syslog; nothing is ever raised.
    """

    def __init__(self, sink: Sink, levels: LogLevels, verbose: bool = False) -> None:
        self.sink = sink
        self.levels = levels
        self.verbose = verbose
        self._heard: list[str] | None = None

    def __call__(self, text: str) -> None:
        """Log a line everybody sees."""
        self._write(Severity.NORMAL, "Default", text)

    def error(self, text: str) -> None:
        """Log what went wrong and is survived."""
        self._write(Severity.ERROR, "Default", text)

    def fatal(self, text: str) -> None:
        """Log why the daemon ends."""
        self._write(Severity.FATAL, "Default", text)

    def debug(self, log_class: LogClass, level: int, template: str, *arguments: object) -> None:
        """Log a debug line where its class is set to ``level`` or above.

        Only then is it made, as ``template % arguments``.
        """
        if self.levels.passes(log_class, level):
            text = template % arguments if arguments else template
            self._write(Severity.DEBUG, f"{CLASS_NAMES[log_class]:<4} {level:02d}", text)

    def detail(self, text: str) -> None:
        """Log a line for ``-v``."""
        if self.verbose:
            self(text)
        else:
            self._hear(text)

    @contextlib.contextmanager
    def heard(self) -> Iterator[list[str]]:
        """Collect, while it lasts, every line for everybody or for ``-v``, shown or not."""
        lines: list[str] = []
        self._heard = lines
        try:
            yield lines
        finally:
            self._heard = None

    def _hear(self, text: str) -> None:
        if self._heard is not None and len(self._heard) < MOST_HEARD:
            self._heard.append(text)

    def wants(self, log_class: LogClass, level: int) -> bool:
        """Tell whether a debug line of this class and level would be shown."""
        return self.levels.passes(log_class, level)

    def all(self, lines: Iterable[str]) -> None:
        """Log several lines everybody sees."""
        for line in lines:
            self(line)

    def output(self, output: Log | Verbose | KeyMaterial) -> None:
        """Log a line of the engine's."""
        match output:
            case Verbose():
                if self.verbose or self._heard is not None:
                    self.detail(output.text)
            case KeyMaterial():
                if self.levels.show_keys:
                    self._show_key(output)
            case Log(log_class=None):
                self(output.text)
            case Log(log_class=LogClass() as log_class):
                self.debug(log_class, output.level, output.template, *output.arguments)

    def _show_key(self, key: KeyMaterial) -> None:
        self.debug(LogClass.CRYPTO, KEYS_LEVEL, "%s: %s:", key.owner, key.label)
        for line in hexadecimal_lines(key.secret.reveal()):
            self.debug(LogClass.CRYPTO, KEYS_LEVEL, "%s", line)

    def message(self, message: Capture) -> None:
        """Log an IKE message in clear, in as much detail as class MESSAGE is set to."""
        if self.levels.passes(LogClass.MESSAGE, SUMMARY_LEVEL):
            for level, line in message_lines(message):
                self.debug(LogClass.MESSAGE, level, "%s", line)

    def _write(self, severity: Severity, label: str, text: str) -> None:
        if len(text) > LONGEST_TEXT:
            text = f"{text[:LONGEST_TEXT]}..."
        if label == "Default":
            self._hear(text)
        deliver(self.sink, severity, label, printable(text))
