"""Put what the system refuses into a sentence an administrator can read."""

from __future__ import annotations

from pathlib import Path


def counted(number: int, what: str) -> str:
    """Write a number of things, in the singular where it is one."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def sentence(problem: Exception, about: Path | None = None) -> str:
    """Give an exception's own words, those of an OSError behind the file it is ``about``."""
    if not isinstance(problem, OSError) or not problem.strerror:
        return str(problem)
    where = about or problem.filename
    return f"{where}: {problem.strerror}" if where else problem.strerror
