"""Tell what a file says in vain: sections and tags that nothing asked for, misspelt or not."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from isakmpd.config.lexer import Binding, split_list
from isakmpd.config.model import Problem
from isakmpd.config.reading import Reading

_NAMED_BY_NO_TAG = ("General", "Phase 1", "Phase 2", "X509-certificates", "KeyNote")


@dataclass(frozen=True, slots=True)
class InVain:
    """Hold a binding that nothing asked for; ``whole`` stands for all of its section."""

    section: str
    binding: Binding
    whole: bool

    def problem(self, near: str = "") -> Problem:
        """Say that nothing uses it, and what may be ``near``."""
        what = f"section [{self.section}]" if self.whole else f"[{self.section}]:{self.binding.tag}"
        return Problem(self.binding.file, self.binding.line, f"nothing uses {what}{near}")


def written_in_vain(reading: Reading) -> list[InVain]:
    """List what someone wrote and a reading never asked for."""
    listed: list[InVain] = []
    excused = _named_by_the_faulty(reading)
    for name in reading.bindings.sections():
        written, asked = reading.bindings.written_in(name), reading.asked_of(name)
        if name.lower() in excused:
            continue
        if not asked:
            listed.append(InVain(name, next(iter(written.values())), whole=True))
        elif not written.keys() <= asked.keys() and not reading.is_faulty(name):
            # A section with a fault was not read to its end.
            spare = [binding for tag, binding in written.items() if tag not in asked]
            listed += [InVain(name, binding, whole=False) for binding in spare]
    return listed


def _named_by_the_faulty(reading: Reading) -> set[str]:
    """List the sections that nothing asked for because what names them was left out."""
    named: set[str] = set()
    left = list(reading.faulty())
    while left:
        for binding in reading.bindings.written_in(left.pop()).values():
            found = {each.lower() for each in split_list(binding.value)} - named
            fresh = [name for name in found if not reading.asked_of(name)]
            named.update(fresh)
            left += fresh
    return named


def misspelt(reading: Reading, in_vain: Iterable[InVain]) -> list[Problem]:
    """List those that look like sections and tags that could have been there."""
    absent = [name for name in _NAMED_BY_NO_TAG if not reading.bindings.written_in(name)]
    listed: list[Problem] = []
    for one in in_vain:
        seen, choice = one.section, absent
        if not one.whole:
            written, asked = reading.bindings.written_in(one.section), reading.asked_of(one.section)
            seen, choice = one.binding.tag, [asked[tag] for tag in asked if tag not in written]
        if near := reading.did_you_mean(seen, choice):
            listed.append(one.problem(near))
    return listed
