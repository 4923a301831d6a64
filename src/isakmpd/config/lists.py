"""Read the sections a list names, and suggest only such names as could be read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from isakmpd.config.bindings import Bindings
from isakmpd.config.reading import ConfigError, Machine, Names, Reading, Section, no_names

T = TypeVar("T")


def each(
    section: Section,
    tag: str,
    kind: str,
    build: Callable[[Section], T],
    generated: Names = no_names,
) -> tuple[T, ...]:
    """Build what every section of a list means; those with a fault are left out.

    ``generated`` lists names to suggest besides those of the file. Raises ConfigError where nothing
    remains.
    """
    built: list[T] = []
    first: ConfigError | None = None
    for name in section.alternatives(tag):
        try:
            target = section.follow(tag, name, generated, lambda name: _reads(name, build))
        except ConfigError as fault:
            section.reading.leave_out(kind, name, fault.problem)
            first = first or fault
            continue
        try:
            built.append(section.reading.once(kind, target, build))
        except ConfigError as fault:
            first = first or fault
    if built:
        return tuple(built)
    raise first or section.fault(tag, f"expected the name of at least one {kind} section")


def _reads(name: str, build: Callable[[Section], T]) -> bool:
    """Tell whether a generated section is one that this version carries out."""
    try:
        build(Reading(Bindings(), Machine()).section(name))
    except ConfigError:
        return False
    return True
