"""Read how long an SA lives: the Life tag and the sections it names."""

from __future__ import annotations

from isakmpd.config import constants
from isakmpd.config.model import Lifetime, OfferAccept
from isakmpd.config.reading import ANY, Section
from isakmpd.wire.numbers import LifeType

_LONGEST = 2**32 - 1
_OFFERED_SECONDS = {1: 3600, 2: 1200}  # by phase, where any duration will do


def lifetimes(section: Section, phase: int) -> tuple[Lifetime, ...]:
    """Give the lifetimes a transform names, at most one in seconds and one in kilobytes."""
    value = section.get("Life")
    if value is not None and value.upper() == ANY:
        return (Lifetime(ANY, LifeType.SECONDS, _any_time(phase)),)
    found: dict[LifeType, Lifetime] = {}
    for name in section.elements("Life"):
        target = section.follow("Life", name)
        kind, duration = section.reading.once("lifetime", target, _lifetime)
        if kind in found:
            raise section.fault("Life", f"expected only one lifetime in {kind}", name)
        if duration is not None:
            found[kind] = Lifetime(target.name, kind, duration)
        elif kind is LifeType.SECONDS:
            found[kind] = Lifetime(target.name, kind, _any_time(phase))
        # Any number of kilobytes is what goes without saying.
    return tuple(found.values())


def _lifetime(section: Section) -> tuple[LifeType, OfferAccept | None]:
    """Read a Life section; its duration is None where any will do."""
    kind = section.required_constant("LIFE_TYPE", constants.LIFE_TYPE)
    if section.text("LIFE_DURATION", "V, V,MIN:MAX or ANY").upper() == ANY:
        return kind, None
    duration = section.offer_accept("LIFE_DURATION", kind.name.lower())
    if duration is None or not 1 <= duration.value <= _LONGEST or duration.maximum > _LONGEST:
        raise section.fault("LIFE_DURATION", f"expected a duration from 1 to {_LONGEST}")
    return kind, duration


def _any_time(phase: int) -> OfferAccept:
    return OfferAccept(_OFFERED_SECONDS[phase], 1, _LONGEST, ranged=True)
