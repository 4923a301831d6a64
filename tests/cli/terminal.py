"""A terminal for programs that draw: a pty, and a screen that understands what ours send."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

# Printable text, controls, and the escape sequences of ECMA-48 and xterm.
_PIECE = re.compile(r"\x1b\[(\??)([0-9;]*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")
_BEGUN = re.compile(r"\x1b(\[\??[0-9;]*)?\Z")


class Screen:
    """Show what was sent, as a terminal of that many columns and lines does; colours are lost."""

    def __init__(self, columns: int, lines: int) -> None:
        self.columns = columns
        self.lines = lines
        self.other = False  # the alternate screen of xterm
        self.cursor_shown = True
        self.sent = 0
        self._cells = [" " * columns] * lines
        self._row = self._column = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    @property
    def text(self) -> str:
        """Give the lines without blanks at their ends."""
        return "\n".join(line.rstrip() for line in self._cells).rstrip()

    def feed(self, octets: bytes) -> None:
        """Take what a program sends."""
        self.sent += len(octets)
        text = self._begun + self._decoder.decode(octets)
        begun = _BEGUN.search(text)
        whole = text[: begun.start()] if begun else text
        self._begun = text[len(whole) :]
        for piece in _PIECE.finditer(whole):
            if piece[3]:
                self._obey(piece[1] + piece[3], piece[2])
            elif piece[0] == "\r":
                self._column = 0
            elif piece[0] == "\n":
                self._row = min(self._row + 1, self.lines - 1)
            else:
                self._write(piece[0])

    def _obey(self, what: str, numbers: str) -> None:
        match what:
            case "H":
                row, _, column = numbers.partition(";")
                self._row, self._column = int(row or 1) - 1, int(column or 1) - 1
            case "K":
                self._write_at(" " * (self.columns - self._column))
            case "J":
                first = 0 if numbers == "2" else self._row
                self._cells[first:] = [" " * self.columns] * (self.lines - first)
            case "?h" | "?l" if numbers == "1049":
                self.other = what == "?h"
            case "?h" | "?l" if numbers == "25":
                self.cursor_shown = what == "?h"
            case "m":
                pass
            case _:
                raise AssertionError(f"no terminal is promised to know {what} {numbers}")

    def _write(self, text: str) -> None:
        assert self._column + len(text) <= self.columns, f"{text!r} runs over the edge"
        self._write_at(text)
        self._column += len(text)

    def _write_at(self, text: str) -> None:
        line = self._cells[self._row]
        self._cells[self._row] = line[: self._column] + text + line[self._column + len(text) :]


class Terminal:
    """Run a program in a terminal of its own."""

    def __init__(
        self, command: Sequence[str], columns: int = 100, lines: int = 24, name: str = "xterm"
    ) -> None:
        self.screen = Screen(columns, lines)
        self.raw = b""
        self.status: int | None = None
        self._drawn_from = 0
        self.process, self._descriptor = pty.fork()
        if self.process == 0:
            environment = {**os.environ, "TERM": name, "LC_ALL": "C.UTF-8"}
            environment.pop("NO_COLOR", None)
            # The size is set before anything is drawn.
            time.sleep(0.05)
            os.execvpe(command[0], list(command), environment)
        self.resize(columns, lines)
        self.modes = termios.tcgetattr(self._descriptor)

    def __enter__(self) -> Self:
        """Give the terminal."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the program."""
        if self.status is None:
            os.kill(self.process, signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self._descriptor)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size; what it shows is gone."""
        self.screen = Screen(columns, lines)
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, size)

    def modes_now(self) -> list[int | list[bytes | int]]:
        """Give the modes of the line as they are."""
        return termios.tcgetattr(self._descriptor)

    def type(self, keys: str) -> None:
        """Type."""
        os.write(self._descriptor, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        """Send the program a signal."""
        os.kill(self.process, number)

    def until(self, ask: Callable[[], object], seconds: float = 10) -> None:
        """Show what comes until something is true."""
        deadline = time.monotonic() + seconds
        while not ask():
            assert time.monotonic() < deadline, self.screen.text
            self._read()

    def ended(self) -> int:
        """Wait until the program has ended, and give its exit status as a shell does."""
        self.until(self._has_ended)
        assert self.status is not None
        return self.status

    def _has_ended(self) -> bool:
        if self.status is None:
            process, status = os.waitpid(self.process, os.WNOHANG)
            if process:
                self.status = os.waitstatus_to_exitcode(status)
                self._read()
        return self.status is not None

    def _read(self) -> None:
        readable, _, _ = select.select([self._descriptor], [], [], 0.05)
        if not readable:
            return
        try:
            octets = os.read(self._descriptor, 65536)
        except OSError:  # its last process has ended
            time.sleep(0.05)
            return
        self.raw += octets
        self.screen.feed(octets)
