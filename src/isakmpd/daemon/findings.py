"""Say what ``isakmpd --check`` looks at and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from isakmpd.config.bindings import Bindings
from isakmpd.config.model import Configuration, Problem
from isakmpd.daemon.options import Options

COMMAND_LINE: Final = "command line"


class Severity(StrEnum):
    """Rank findings.

    A fault is wrong in what was written, whatever the machine. A warning works, or is something of
    this machine at this moment, which need not be the one the daemon starts on.
    """

    FAULT = "fault"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold one thing found, with where to mend it."""

    severity: Severity
    problem: Problem


@dataclass(frozen=True, slots=True)
class Subject:
    """Hold what a daemon started with ``options`` would work with.

    ``readable`` is false where the configuration file could not be read, which is then empty here.
    """

    options: Options
    file: Path
    readable: bool
    bindings: Bindings
    configuration: Configuration

    def fault(self, section: str, tag: str, text: str) -> Finding:
        """Find fault with a tag."""
        return Finding(Severity.FAULT, self._problem(section, tag, text))

    def warning(self, section: str, tag: str, text: str) -> Finding:
        """Warn of a tag."""
        return Finding(Severity.WARNING, self._problem(section, tag, text))

    def _problem(self, section: str, tag: str, text: str) -> Problem:
        """Blame the line of a tag, or the file where nobody wrote it."""
        binding = self.bindings.find(section, tag)
        line = binding.line if binding is not None else 0
        return Problem(str(self.file), line, text)


Check = Callable[[Subject], Iterable[Finding]]


def warning_about(where: Path | str, text: str) -> Finding:
    """Warn of something outside the configuration file."""
    return Finding(Severity.WARNING, Problem(str(where), 0, text))


def fault_of(where: Path | str, text: str) -> Finding:
    """Find fault with something outside the configuration file."""
    return Finding(Severity.FAULT, Problem(str(where), 0, text))
