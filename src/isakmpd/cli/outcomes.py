"""Say what came of a command."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, TextIO

from isakmpd.cli.fifo_client import Answer, ControlError, FifoClient
from isakmpd.control.printable import printable

# How the log calls the part of the daemon that speaks, and who repeats what was commanded.
_LABEL: Final = re.compile(r"(?:(?:ui|log|conf)_\w+|isakmpd): ")
_ECHO: Final = re.compile(r"ui_\w+: ")


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a standard stream, which may have been closed, is a terminal."""
    return stream is not None and stream.isatty()


def done(*sentences: str) -> int:
    """Say what has happened; the exit status is that of success."""
    for sentence in sentences:
        print(sentence)  # noqa: T201
    return 0


def carry_out(client: FifoClient, command: str, sentence: str = "") -> int:
    """Have a command carried out and say so, in a sentence of ours or the daemon's words alone.

    After a sentence of ours follows what the daemon says beyond repeating the command. Raises
    ControlError with the daemon's words where it refuses.
    """
    answer = client.ask(command)
    if not answer.ok:
        raise refusal(answer)
    if not sentence:
        return done(*_lines(answer.lines))
    further = [line for line in answer.lines if not _ECHO.match(line)]
    return done(sentence, *_lines(further))


def refusal(answer: Answer) -> ControlError:
    """Make an error of what the daemon said."""
    return ControlError("; ".join(_lines(answer.lines)) or "isakmpd refuses, and its log says why")


def _lines(lines: Iterable[str]) -> list[str]:
    return [printable(_LABEL.sub("", line)) for line in lines]
