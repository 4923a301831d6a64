"""Attributes as numbers, whatever a peer has put there."""

import pytest

from isakmpd.ike.lifetime import Lifetimes
from isakmpd.ike.transform_values import read_values
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import Phase1Attribute, Phase2Attribute

SUPPORTED: set[int] = {1, 2, 11, 12, 14}


def test_numbers_and_lifetimes() -> None:
    """Everything supported, once."""
    attributes = [Attribute.of(1, 7), Attribute.of(11, 1), Attribute.of(12, 100000)]
    values = read_values(attributes, Phase1Attribute, SUPPORTED)
    assert values.numbers == {1: 7}
    assert values.lifetimes == Lifetimes(100000)
    assert values.unsupported == ()


def test_both_kinds_of_life() -> None:
    """Repeated life attributes are two lifetimes, not one given twice."""
    kinds = [(11, 1), (12, 60), (11, 2), (12, 5)]
    values = read_values(
        [Attribute.of(kind, value) for kind, value in kinds], Phase1Attribute, SUPPORTED
    )
    assert values.lifetimes == Lifetimes(60, 5)
    assert values.unsupported == ()


@pytest.mark.parametrize(
    ("attribute", "complaint"),
    [
        (Attribute.of(13, 1), "PRF is not supported"),
        (Attribute.of(32000, 1), "Phase1Attribute_32000 is not supported"),
        (Attribute(14, b"\1\0\0\0\0", basic=False), "KEY_LENGTH of 5 octets is too large"),
        (Attribute(12, b"\xff" * 9, basic=False), "LIFE_DURATION of 9 octets is too large"),
        (Attribute(14, b"\xff" * 60000, basic=False), "KEY_LENGTH of 60000 octets is too large"),
        (Attribute.of(1, 8), "ENCRYPTION_ALGORITHM is given twice"),
    ],
)
def test_what_stands_in_the_way(attribute: Attribute, complaint: str) -> None:
    """One sentence each; the numbers that were understood stay as they were."""
    values = read_values([Attribute.of(1, 7), attribute], Phase1Attribute, SUPPORTED)
    assert values.unsupported == (complaint,)
    assert values.numbers == {1: 7}
    assert values.lifetimes == Lifetimes()


@pytest.mark.parametrize("kind", [Phase1Attribute, Phase2Attribute])
def test_no_life_at_all_is_refused(kind: type[Phase1Attribute] | type[Phase2Attribute]) -> None:
    """Zero would otherwise count as no limit: a peer must not make keys live for ever."""
    attributes = [Attribute.of(kind["LIFE_TYPE"], 1), Attribute.of(kind["LIFE_DURATION"], 0)]
    values = read_values(attributes, kind, SUPPORTED)
    assert values.unsupported == ("LIFE_DURATION of 0 seconds is no life",)


def test_small_numbers_in_eight_octets_are_small_numbers() -> None:
    """Some peers write every duration that long."""
    eight = Attribute(2, (3600).to_bytes(8), basic=False)
    values = read_values([Attribute.of(1, 1), eight], Phase2Attribute, {1, 2})
    assert values.lifetimes == Lifetimes(3600)
