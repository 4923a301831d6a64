"""Say what came of a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from isakmpd.cli.fifo_client import Answer, ControlError, FifoClient
from isakmpd.control.printable import printable


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a standard stream, which may have been closed, is a terminal."""
    return stream is not None and stream.isatty()


def done(*sentences: str) -> int:
    """Say what has happened; the exit status is that of success."""
    for sentence in sentences:
        print(sentence)  # noqa: T201
    return 0


def carry_out(client: FifoClient, command: str, otherwise: str) -> int:
    """Have a command carried out and say what the daemon said, or ``otherwise`` if nothing.

    Raises ControlError with the daemon's words where it refuses.
    """
    answer = client.ask(command)
    if not answer.ok:
        raise refusal(answer)
    return done(*(_lines(answer.lines) or [otherwise]))


def refusal(answer: Answer) -> ControlError:
    """Make an error of what the daemon said."""
    return ControlError("; ".join(_lines(answer.lines)) or "isakmpd refuses, and its log says why")


def _lines(lines: Iterable[str]) -> list[str]:
    return [printable(line) for line in lines]
