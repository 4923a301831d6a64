"""Decide which debug lines pass, by class and level, as ``-D``, ``D`` and Loglevel set them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from isakmpd.ike.outputs import KEYS_LEVEL, LogClass

EVERY_CLASS: Final = "A"
HIGHEST_LEVEL: Final = 99

CLASS_NAMES: Final[Mapping[LogClass, str]] = {
    LogClass.MISC: "Misc",
    LogClass.TRANSPORT: "Trpt",
    LogClass.MESSAGE: "Mesg",
    LogClass.CRYPTO: "Cryp",
    LogClass.TIMER: "Timr",
    LogClass.SYSDEP: "Sdep",
    LogClass.SA: "SA",
    LogClass.EXCHANGE: "Exch",
    LogClass.NEGOTIATION: "Negt",
    LogClass.POLICY: "Plcy",
    LogClass.UI: "UI",
}

_ASSIGNMENT = re.compile(r"\s*(A|[+-]?\d{1,9})\s*=\s*([+-]?\d{1,9})\s*", re.ASCII)


KEYS_WARNING: Final = (
    f"WARNING: class {LogClass.CRYPTO:d} at {KEYS_LEVEL} or above writes keys into the log from "
    "now on: whoever reads it can decrypt the traffic and speak for the peers"
)


class LogLevels:
    """Hold the level of each debug class; every change answers with the lines to log about it.

    What the configuration sets counts until somebody sets it otherwise, and again once the
    configuration says something else than before.
    """

    def __init__(self) -> None:
        self._levels = dict.fromkeys(LogClass, 0)
        self._assignments: tuple[str, ...] = ()
        self._configured = dict.fromkeys(LogClass, 0)
        self._put_aside: dict[LogClass, int] | None = None

    def passes(self, log_class: LogClass, level: int) -> bool:
        """Tell whether a debug line of this class and level is to be shown."""
        limit = self._levels[log_class]
        return limit > 0 and level <= limit

    @property
    def by_class(self) -> Mapping[int, int]:
        """Give the level of each class by its number."""
        return {int(one): level for one, level in self._levels.items()}

    @property
    def show_keys(self) -> bool:
        """Tell whether keys are to be shown."""
        return self._levels[LogClass.CRYPTO] >= KEYS_LEVEL

    def accepts(self, which: int | str, level: int) -> bool:
        """Tell whether there is such a class, by number or ``A``, and such a level."""
        return not isinstance(_wanted(which, level), str)

    def set_level(self, which: int | str, level: int) -> list[str]:
        """Set the level of one class by its number, or of every class for ``A``."""
        wanted = _wanted(which, level)
        if isinstance(wanted, str):
            return [wanted]
        return [line for one in wanted for line in self._set(one, level)]

    def _set(self, log_class: LogClass, level: int) -> list[str]:
        previous, shown = self._levels[log_class], self.show_keys
        if previous == level:
            return [f"log_debug_cmd: log level unchanged for class {log_class:d}"]
        self._levels[log_class] = level
        changed = f"log level changed from {previous} to {level} for class {log_class:d}"
        return [f"log_debug_cmd: {changed}", *self._warning(shown)]

    def _warning(self, shown: bool) -> Iterable[str]:
        return (KEYS_WARNING,) if self.show_keys and not shown else ()

    def assign(self, text: str) -> list[str]:
        """Obey ``class=level`` or ``A=level``."""
        assignment = _read(text)
        return [assignment] if isinstance(assignment, str) else self.set_level(*assignment)

    def configure(self, assignments: tuple[str, ...]) -> list[str]:
        """Take what configuration and command line say, ``class=level`` or ``A=level`` each.

        The last about a class counts, 0 without any. Where that is what they said before, a level
        set since stays.
        """
        if assignments == self._assignments:
            return []
        self._assignments = assignments
        lines: list[str] = []
        said = dict.fromkeys(LogClass, 0)
        for text in assignments:
            assignment = _read(text)
            if isinstance(assignment, str):
                lines.append(assignment)
                continue
            wanted = _wanted(*assignment)
            if isinstance(wanted, str):
                lines.append(wanted)
            else:
                said.update(dict.fromkeys(wanted, assignment[1]))
        before, self._configured = self._configured, said
        for log_class, level in said.items():
            if level not in (before[log_class], self._levels[log_class]):
                lines += self._set(log_class, level)
        return lines

    def toggle(self) -> list[str]:
        """Put every level to 0, or back to where it was: ``D T``."""
        shown = self.show_keys
        if self._put_aside is None:
            self._put_aside = dict(self._levels)
            self._levels = dict.fromkeys(LogClass, 0)
            return ["log_debug_toggle: debug levels cleared"]
        self._levels, self._put_aside = self._put_aside, None
        return ["log_debug_toggle: debug levels restored", *self._warning(shown)]


def _read(text: str) -> tuple[int | str, int] | str:
    """Read ``class=level`` or ``A=level``; a sentence says what is wrong with anything else."""
    match = _ASSIGNMENT.fullmatch(text)
    if match is None:
        return f'log_debug_cmd: "{text}" is no debug level, expected class=level or A=level'
    which, level = match.groups()
    return which if which == EVERY_CLASS else int(which), int(level)


def _wanted(which: int | str, level: int) -> tuple[LogClass, ...] | str:
    """Give the classes that are meant, or say in a sentence why there is no such setting."""
    try:
        wanted = tuple(LogClass) if which == EVERY_CLASS else (LogClass(int(which)),)
    except ValueError:
        return f"log_debug_cmd: invalid debugging class {which}, expected 0 to 10 or A"
    if not 0 <= level <= HIGHEST_LEVEL:
        return (
            f"log_debug_cmd: invalid debugging level {level} for class {which},"
            f" expected 0 to {HIGHEST_LEVEL}"
        )
    return wanted
