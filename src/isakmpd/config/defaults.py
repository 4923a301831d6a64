"""Tell a file that names nothing which default it gets, where that of the original is another."""

from __future__ import annotations

from isakmpd.config.generated import MODERN, ORIGINAL
from isakmpd.config.model import Problem
from isakmpd.config.reading import Reading, Section

TAG = "Defaults"


def check_choice(general: Section) -> None:
    """Report a [General]:Defaults that chooses nothing."""
    value = general.get(TAG)
    if value is not None and value.lower() not in (MODERN, ORIGINAL):
        near = general.reading.did_you_mean(value, (MODERN, ORIGINAL))
        text = f"expected {MODERN} or {ORIGINAL}{near}; {MODERN} is used"
        general.report(general.problem(TAG, text))


def relied_on(reading: Reading) -> list[Problem]:
    """List the defaults a file relies on without having chosen them, each at its first section."""
    if reading.section("General").is_written(TAG):
        return []
    listed: list[Problem] = []
    for first, *others in (found.values() for found in reading.relied_on.values()):
        also = ", here and in other sections" if others else ""
        text = (
            f"{first.text}{also}; [General]:{TAG}= {ORIGINAL} brings that back, and"
            f" {TAG}= {MODERN} says that this is meant"
        )
        listed.append(Problem(first.file, first.line, text))
    return listed
