"""Log what fails: in full once, and what recurs from time to time, with how often."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isakmpd.ike.outputs import LogClass

if TYPE_CHECKING:
    from isakmpd.ike.context import Context

PERIOD = 600.0  # seconds between two lines about a failure that recurs
_VARYING = re.compile(r"(?<=SPI )[0-9a-f]+")  # new in every attempt
WINDOW = 10.0  # seconds
LINES = 10  # of a subject in a window: a peer can fail in ever other words
KEPT = 1024  # failures remembered; the oldest give way


@dataclass(slots=True)
class _Told:
    """Remember when a line was logged, and how often it came true since."""

    at: float
    since: int = 0


class Failures:
    """Remember lines by subject: a connection, a peer's section, a peer's address."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told: dict[tuple[str, str], _Told] = {}
        self._window_ends = 0.0
        self._lines: Counter[str] = Counter()  # in this window, by subject

    def tell(self, subject: str, line: str) -> None:
        """Log a failure, unless the same was logged a little while ago."""
        now = self._context.now
        key = subject, _VARYING.sub("", line)
        told = self._told.pop(key, None)
        if told is None:
            if self._admits(subject):
                self._remember(key, _Told(now))
                self._context.log(line)
            return
        told.since += 1
        if now < told.at + PERIOD:
            self._context.debug(LogClass.EXCHANGE, 10, f"again: {line}")
        else:
            minutes = round((now - told.at) / 60)
            self._context.log(f"{line} (still failing: {told.since} times in {minutes} minutes)")
            told = _Told(now)
        self._remember(key, told)

    def _admits(self, subject: str) -> bool:
        """Count a line, and tell whether it may be logged."""
        if self._context.now >= self._window_ends:
            for talker, count in self._lines.items():
                if count > LINES:
                    text = f"{count - LINES} more lines about failures of {talker} were left out"
                    self._context.log(text)
            self._lines.clear()
            self._window_ends = self._context.now + WINDOW
        self._lines[subject] += 1
        return self._lines[subject] <= LINES

    def over(self, subject: str) -> None:
        """Forget what failed for a subject: it has succeeded, or somebody asks again."""
        for key in [key for key in self._told if key[0] == subject]:
            del self._told[key]

    def forget(self) -> None:
        """Forget everything: with another configuration it is worth saying again."""
        self._told.clear()

    def _remember(self, key: tuple[str, str], told: _Told) -> None:
        self._told[key] = told
        if len(self._told) > KEPT:
            del self._told[next(iter(self._told))]
