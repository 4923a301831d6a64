"""How long an SA may live, as a table of what each end says."""

import pytest

from isakmpd.config.model import Lifetime, OfferAccept
from isakmpd.ike.lifetime import (
    Lifetimes,
    lifetime_attributes,
    negotiated_lifetimes,
    read_lifetimes,
    refused_lifetime,
)
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import LifeType

DEFAULT = 28800
HOUR = Lifetime("hour", LifeType.SECONDS, OfferAccept(3600, 3600, 3600))
RANGE = Lifetime("range", LifeType.SECONDS, OfferAccept(3600, 60, 86400, ranged=True))
MEGABYTE = Lifetime("megabyte", LifeType.KILOBYTES, OfferAccept(1024, 1024, 1024))


@pytest.mark.parametrize(
    ("configured", "theirs", "answering", "asking"),
    [
        # configured, what the peer says, settled as responder, settled as initiator
        ((), (None, None), (DEFAULT, None), (DEFAULT, None)),
        ((), (100, None), (100, None), (100, None)),
        ((), (None, 50), (DEFAULT, 50), (DEFAULT, 50)),
        ((HOUR,), (None, None), (3600, None), (3600, None)),
        ((HOUR,), (100, None), (100, None), (100, None)),
        ((HOUR,), (9999, None), (3600, None), (3600, None)),
        ((RANGE,), (9999, None), (9999, None), (3600, None)),
        ((RANGE,), (100, None), (100, None), (100, None)),
        ((MEGABYTE,), (100, None), (100, 1024), (100, 1024)),
        ((HOUR, MEGABYTE), (100, 5000), (100, 1024), (100, 1024)),
        ((HOUR, MEGABYTE), (None, 10), (3600, 10), (3600, 10)),
    ],
)
def test_settled(
    configured: tuple[Lifetime, ...],
    theirs: tuple[int | None, int | None],
    answering: tuple[int | None, int | None],
    asking: tuple[int | None, int | None],
) -> None:
    """A written range admits the peer's wish; else the shorter; an answer never stretches ours."""
    said = Lifetimes(*theirs)
    assert negotiated_lifetimes(said, configured, DEFAULT) == Lifetimes(*answering)
    assert negotiated_lifetimes(said, configured, DEFAULT, answered=True) == Lifetimes(*asking)


@pytest.mark.parametrize(
    ("seconds", "complaint"),
    [
        (59, "LIFE_DURATION: got 59, expected 60:86400 seconds in [range]"),
        (60, None),
        (86400, None),
        (86401, "LIFE_DURATION: got 86401, expected 60:86400 seconds in [range]"),
        (None, None),
    ],
)
def test_a_range_refuses_what_lies_outside(seconds: int | None, complaint: str | None) -> None:
    """The line says the range and where it is written."""
    assert refused_lifetime(Lifetimes(seconds), (RANGE,)) == complaint


def test_no_kilobytes_are_no_limit() -> None:
    """Some peers write 0 where they count nothing."""
    attributes = (Attribute.of(1, 2), Attribute.of(2, 0))
    assert read_lifetimes(attributes, 1, 2) == Lifetimes()


def test_written_and_read() -> None:
    """Type before duration, each pair in its place."""
    attributes = tuple(lifetime_attributes((HOUR, MEGABYTE), 1, 2))
    assert [(a.type, a.value) for a in attributes] == [(1, 1), (2, 3600), (1, 2), (2, 1024)]
    assert read_lifetimes(attributes, 1, 2) == Lifetimes(3600, 1024)


def test_a_duration_without_a_type_counts_seconds() -> None:
    """RFC 2407 section 4.5: seconds are the default."""
    assert read_lifetimes((Attribute.of(2, 77),), 1, 2) == Lifetimes(77)


def test_a_life_type_nobody_knows_limits_nothing() -> None:
    """Its duration is no number of seconds."""
    attributes = (Attribute.of(1, 9), Attribute.of(2, 77))
    assert read_lifetimes(attributes, 1, 2) == Lifetimes()
