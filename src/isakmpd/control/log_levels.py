"""Decide which debug lines pass, by class and level, as ``-D``, ``D`` and Loglevel set them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from isakmpd.ike.outputs import LogClass

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

_ASSIGNMENT = re.compile(r"\s*(A|[+-]?\d+)\s*=\s*([+-]?\d+)\s*", re.ASCII)


class LogLevels:
    """Hold the level of each debug class; every change answers with the lines to log about it."""

    def __init__(self) -> None:
        self._levels = dict.fromkeys(LogClass, 0)
        self._put_aside: dict[LogClass, int] | None = None

    def passes(self, log_class: LogClass, level: int) -> bool:
        """Tell whether a debug line of this class and level is to be shown."""
        limit = self._levels[log_class]
        return limit > 0 and level <= limit

    def set_level(self, which: int | str, level: int) -> list[str]:
        """Set the level of one class by its number, or of every class for ``A``."""
        if which == EVERY_CLASS:
            return [line for one in LogClass for line in self.set_level(int(one), level)]
        try:
            log_class = LogClass(int(which))
        except ValueError:
            return [f"log_debug_cmd: invalid debugging class {which}, expected 0 to 10 or A"]
        if not 0 <= level <= HIGHEST_LEVEL:
            return [
                f"log_debug_cmd: invalid debugging level {level} for class {which},"
                f" expected 0 to {HIGHEST_LEVEL}"
            ]
        previous = self._levels[log_class]
        if previous == level:
            return [f"log_debug_cmd: log level unchanged for class {which}"]
        self._levels[log_class] = level
        return [f"log_debug_cmd: log level changed from {previous} to {level} for class {which}"]

    def assign(self, text: str) -> list[str]:
        """Obey ``class=level`` or ``A=level``, what ``-D`` and General/Loglevel hold."""
        match = _ASSIGNMENT.fullmatch(text)
        if match is None:
            return [f'log_debug_cmd: "{text}" is no debug level, expected class=level or A=level']
        which, level = match.groups()
        return self.set_level(which if which == EVERY_CLASS else int(which), int(level))

    def toggle(self) -> list[str]:
        """Put every level to 0, or back to where it was: ``D T``."""
        if self._put_aside is None:
            self._put_aside = dict(self._levels)
            self._levels = dict.fromkeys(LogClass, 0)
            return ["log_debug_toggle: debug levels cleared"]
        self._levels, self._put_aside = self._put_aside, None
        return ["log_debug_toggle: debug levels restored"]
