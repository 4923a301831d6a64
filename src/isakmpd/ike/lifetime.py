"""Negotiate lifetimes, which phase 1 and phase 2 do alike (RFC 2407 section 4.5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from isakmpd.config.model import Lifetime
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import LifeType


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Limit an SA's life in seconds and in kilobytes; None is no limit."""

    seconds: int | None = None
    kilobytes: int | None = None

    def __str__(self) -> str:
        limits = ((self.seconds, "s"), (self.kilobytes, "kB"))
        return " or ".join(f"{limit} {unit}" for limit, unit in limits if limit) or "unlimited"

    def of(self, kind: LifeType) -> int | None:
        """Give the limit of one life type."""
        return self.seconds if kind == LifeType.SECONDS else self.kilobytes


def lifetime_attributes(
    lifetimes: Sequence[Lifetime], type_attribute: int, duration_attribute: int
) -> Iterable[Attribute]:
    """Give the attribute pairs that offer configured lifetimes."""
    for lifetime in lifetimes:
        yield Attribute.of(type_attribute, lifetime.type)
        yield Attribute.of(duration_attribute, lifetime.duration.value)


def read_lifetimes(
    attributes: Sequence[Attribute], type_attribute: int, duration_attribute: int
) -> Lifetimes:
    """Read a transform's lifetimes; a duration counts for the type that stands before it.

    Of two of one type the shorter counts.
    """
    seconds: int | None = None
    kilobytes: int | None = None
    kind = LifeType.SECONDS
    for attribute in attributes:
        if attribute.type == type_attribute:
            kind = LifeType(attribute.value)
        elif attribute.type == duration_attribute:
            if kind == LifeType.SECONDS:
                seconds = attribute.value if seconds is None else min(seconds, attribute.value)
            elif kind == LifeType.KILOBYTES and attribute.value:  # none allowed: none counted
                kilobytes = min(kilobytes or attribute.value, attribute.value)
    return Lifetimes(seconds, kilobytes)


def refused_lifetime(offered: Lifetimes, configured: Sequence[Lifetime]) -> str | None:
    """Say why an offered lifetime is refused: it lies outside a range somebody wrote."""
    for lifetime in configured:
        got = offered.of(lifetime.type)
        if got and lifetime.duration.ranged and not lifetime.duration.accepts(got):
            return (
                f"LIFE_DURATION: got {got}, expected {lifetime.duration} "
                f"{lifetime.type.name.lower()} in [{lifetime.section}]"
            )
    return None


def negotiated_lifetimes(
    theirs: Lifetimes,
    configured: Sequence[Lifetime],
    default_seconds: int,
    *,
    answered: bool = False,
) -> Lifetimes:
    """Settle the lifetime: theirs where a written range admits it, else the shorter of the two.

    ``answered`` tells that theirs is an answer to our offer, which may shorten but not stretch it.
    """
    result: dict[LifeType, int | None] = {}
    for kind in (LifeType.SECONDS, LifeType.KILOBYTES):
        ours = next((life.duration for life in configured if life.type == kind), None)
        got = theirs.of(kind)
        if ours is None or got is None:
            result[kind] = got if ours is None else ours.value
        elif ours.ranged and not answered:
            result[kind] = got
        else:
            result[kind] = min(got, ours.value)
    # Some limit in time there always is: not every SA counts what it carries.
    return Lifetimes(result[LifeType.SECONDS] or default_seconds, result[LifeType.KILOBYTES])


def shorter(settled: Lifetimes, offered: Lifetimes) -> Lifetimes:
    """Give those settled limits that are shorter than what the initiator offered, and so knows."""

    def told(limit: int | None, known: int | None) -> int | None:
        return limit if limit is not None and (known is None or limit < known) else None

    return Lifetimes(
        told(settled.seconds, offered.seconds), told(settled.kilobytes, offered.kilobytes)
    )


def told_attributes(
    told: Lifetimes, type_attribute: int, duration_attribute: int
) -> tuple[Attribute, ...]:
    """Give the attributes by which RESPONDER-LIFETIME tells limits; none for no limit."""
    limits = ((LifeType.SECONDS, told.seconds), (LifeType.KILOBYTES, told.kilobytes))
    return tuple(
        Attribute.of(kind, value)
        for life_type, limit in limits
        if limit is not None
        for kind, value in ((type_attribute, int(life_type)), (duration_attribute, limit))
    )
