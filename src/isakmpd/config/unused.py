"""Tell what a file says in vain: sections and tags that nothing asked for, misspelt or not."""

from __future__ import annotations

from isakmpd.config.lexer import Binding
from isakmpd.config.model import Problem
from isakmpd.config.reading import Reading

_NAMED_BY_NO_TAG = ("General", "Phase 1", "Phase 2", "X509-certificates", "KeyNote")


def unused(reading: Reading) -> list[Problem]:
    """List what someone wrote and a reading never asked for, whole sections in one line."""
    listed: dict[Problem, None] = {}
    for name in reading.bindings.sections():
        if not reading.asked_of(name):
            listed[_whole_section(reading, name)] = None
            continue
        for binding in _never_asked(reading, name):
            listed[_tag(name, binding)] = None
    return list(listed)


def misspelt(reading: Reading) -> list[Problem]:
    """List the unused sections and tags that look like ones that could have been there."""
    listed: list[Problem] = []
    absent = [name for name in _NAMED_BY_NO_TAG if not reading.bindings.written_in(name)]
    for name in reading.bindings.sections():
        asked = reading.asked_of(name)
        if not asked and (near := reading.did_you_mean(name, absent)):
            listed.append(_whole_section(reading, name, near))
        for binding in _never_asked(reading, name):
            written = reading.bindings.written_in(name)
            missing = [tag for key, tag in asked.items() if key not in written]
            if near := reading.did_you_mean(binding.tag, missing):
                listed.append(_tag(name, binding, near))
    return listed


def _never_asked(reading: Reading, name: str) -> list[Binding]:
    # A section with a fault was not read to its end.
    asked = reading.asked_of(name)
    if not asked or reading.is_faulty(name):
        return []
    written = reading.bindings.written_in(name)
    return [binding for tag, binding in written.items() if tag not in asked]


def _whole_section(reading: Reading, name: str, near: str = "") -> Problem:
    first = next(iter(reading.bindings.written_in(name).values()))
    return Problem(first.file, first.line, f"nothing uses section [{name}]{near}")


def _tag(name: str, binding: Binding, near: str = "") -> Problem:
    text = f"nothing uses [{name}]:{binding.tag}{near}"
    return Problem(binding.file, binding.line, text)
