"""Show the daemon's status live in a terminal, until q is typed."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Iterator
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.text import Text

from isakmpd.cli.daemon_status import DaemonStatus, ask_status
from isakmpd.cli.fifo_client import ControlError, FifoClient
from isakmpd.cli.outcomes import is_terminal
from isakmpd.cli.status_lines import amount
from isakmpd.cli.status_table import status_view

_INTERVAL: Final = 1.0  # seconds between two looks
_ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[2J"  # the other screen, no cursor, nothing on it
_LEAVE: Final = "\x1b[0m\x1b[?25h\x1b[?1049l"
_HELP: Final = "q ends, up and down move"
_LINE_DOWN: Final = ("j", "\x1b[B", "\x1bOB")
_LINE_UP: Final = ("k", "\x1b[A", "\x1bOA")
_PAGE_DOWN: Final = (" ", "\x1b[6~")
_PAGE_UP: Final = ("b", "\x1b[5~")
_PAGE: Final = 10  # lines
_MOVES: Final = (
    dict.fromkeys(_LINE_DOWN, 1)
    | dict.fromkeys(_LINE_UP, -1)
    | dict.fromkeys(_PAGE_DOWN, _PAGE)
    | dict.fromkeys(_PAGE_UP, -_PAGE)
)


class _Quit(Exception):  # noqa: N818  no error
    """End the view."""


def watch(client: FifoClient) -> int:
    """Show the status until q or an interruption; the exit status is 0."""
    placed = os.environ.get("TERM", "") not in ("", "dumb")
    if not (placed and is_terminal(sys.stdout) and is_terminal(sys.stdin)):
        raise ControlError(
            "watch needs a terminal that can place its cursor; isakmpctl status --brief is for"
            " scripts"
        )
    ask_status(client)  # what cannot be asked at all is said on the ordinary screen
    screen = _Screen()
    view = _View(client, screen)
    client.pause = view.wait
    with contextlib.suppress(_Quit, KeyboardInterrupt), screen.taken():
        view.run()
    return 0


class _Screen:
    """Own the terminal, and send it only the lines that have changed: it may be slow."""

    def __init__(self) -> None:
        self._descriptor = sys.stdout.fileno()
        self._console = Console(file=sys.stdout, force_terminal=True, legacy_windows=False)
        self._shown: list[str] = []
        self._size = (0, 0)

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take the terminal, and restore it however this ends."""
        before = termios.tcgetattr(sys.stdin)
        handlers = {
            number: signal.signal(number, _terminated) for number in (signal.SIGTERM, signal.SIGHUP)
        }
        handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, lambda *_: self._suspend(before))
        try:
            self._enter()
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self._leave(before)

    def _enter(self) -> None:
        tty.setcbreak(sys.stdin, termios.TCSANOW)
        self._shown = []
        self._send(_ENTER)

    def _leave(self, before: list[int | list[bytes | int]]) -> None:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
        self._send(_LEAVE)

    def _suspend(self, before: list[int | list[bytes | int]]) -> None:
        self._leave(before)
        os.kill(os.getpid(), signal.SIGSTOP)
        self._enter()

    @property
    def size(self) -> tuple[int, int]:
        """Give columns and lines; the last column stays free, or a terminal may wrap there."""
        columns, lines = os.get_terminal_size(self._descriptor)
        return max(columns - 1, 1), max(lines, 1)

    def drawn(self, view: RenderableType, width: int) -> list[str]:
        """Draw something as lines of so many columns."""
        self._console.width = width
        with self._console.capture() as captured:
            self._console.print(view, highlight=False, markup=False, emoji=False)
        return captured.get().splitlines()

    def paint(self, lines: list[str]) -> None:
        """Show lines from the top, and nothing else."""
        size = self.size
        if size != self._size:
            self._size, self._shown = size, []
            self._send("\x1b[2J")
        lines = lines[: size[1]]
        changes = [
            f"\x1b[{place + 1};1H\x1b[0m{line}\x1b[0m\x1b[K"
            for place, line in enumerate(lines)
            if place >= len(self._shown) or self._shown[place] != line
        ]
        if len(lines) < len(self._shown):
            changes.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        self._shown = lines
        self._send("".join(changes))

    def _send(self, text: str) -> None:
        octets = text.encode(sys.stdout.encoding, "replace")
        while octets:
            octets = octets[os.write(self._descriptor, octets) :]


def _terminated(number: int, _frame: object) -> None:
    sys.exit(128 + number)


class _View:
    """Ask, draw, and heed the keyboard meanwhile."""

    def __init__(self, client: FifoClient, screen: _Screen) -> None:
        self._client = client
        self._screen = screen
        self._first = 0
        self._lines: list[str] = []
        self._head: list[str] = []
        self._counted: tuple[float, int] | None = None

    def run(self) -> None:
        """Show the status once a second; ends by _Quit."""
        while True:
            self._look()
            self._paint()
            until = time.monotonic() + _INTERVAL
            while (left := until - time.monotonic()) > 0:
                self.wait(left)

    def wait(self, seconds: float) -> None:
        """Wait for so long, or for a key; raises _Quit for q."""
        readable, _, _ = select.select([sys.stdin], [], [], seconds)
        if not readable:
            return
        typed = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
        if not typed or "q" in typed or "Q" in typed:
            raise _Quit
        if typed in _MOVES:
            self._first += _MOVES[typed]
            self._paint()

    def _look(self) -> None:
        width, _ = self._screen.size
        try:
            status = ask_status(self._client)
        except ControlError as problem:
            self._head = self._screen.drawn(Text(f"{problem}; {_HELP}", style="bold red"), width)
            self._counted = None
            return
        now = time.strftime("%H:%M:%S")
        head = Text(f"{now}  {self._rate(status)}; {_HELP}", style="reverse")
        self._head = self._screen.drawn(head, width)
        self._lines = self._screen.drawn(_body(status, width), width)

    def _rate(self, status: DaemonStatus) -> str:
        """Say how many octets a second all tunnels have carried since the last look."""
        moment = time.monotonic()
        total = sum((one.octets_in or 0) + (one.octets_out or 0) for one in status.tunnels)
        before, self._counted = self._counted, (moment, total)
        # SAs that have ended take their counts along.
        if before is None or total < before[1]:
            return "counting traffic"
        return f"traffic {amount((total - before[1]) / max(moment - before[0], 0.001))}/s"

    def _paint(self) -> None:
        _, height = self._screen.size
        room = max(height - len(self._head), 1)
        self._first = max(0, min(self._first, len(self._lines) - room))
        self._screen.paint(self._head + self._lines[self._first : self._first + room])


def _body(status: DaemonStatus, width: int) -> Group:
    exchanges = [
        Text(f"{one.type} {one.role}, step {one.step}: {one.name or '<unnamed>'}, {one.dst}")
        for one in status.exchanges
    ]
    return Group(status_view(status, width), *([Text(""), *exchanges] if exchanges else []))
