"""Attributes: both forms of RFC 2408 section 3.3, and numbers in either of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.wire.attributes import Attribute, decode_attributes, encode_attributes
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import Phase1Attribute, Phase2Attribute
from tests.wire.strategies import attributes

# Type, value, and the octets: basic where two octets hold the value, else length and four.
FORMS = [
    (Phase1Attribute.ENCRYPTION_ALGORITHM, 7, "80010007"),
    (Phase1Attribute.LIFE_DURATION, 0, "800c0000"),
    (Phase1Attribute.LIFE_DURATION, 0xFFFF, "800cffff"),
    (Phase1Attribute.LIFE_DURATION, 0x10000, "000c000400010000"),
    (Phase1Attribute.LIFE_DURATION, 86400, "000c000400015180"),
    (Phase2Attribute.LIFE_DURATION, 0xFFFFFFFF, "00020004ffffffff"),
]


@pytest.mark.parametrize(("kind", "value", "octets"), FORMS)
def test_numbers_take_the_shorter_form(kind: int, value: int, octets: str) -> None:
    attribute = Attribute.of(kind, value)
    assert encode_attributes((attribute,)).hex() == octets
    assert decode_attributes(bytes.fromhex(octets)) == (attribute,)
    assert (attribute.type, attribute.value) == (kind, value)


def test_a_number_may_come_in_either_form() -> None:
    (basic,) = decode_attributes(bytes.fromhex("800c0e10"))
    (long,) = decode_attributes(bytes.fromhex("000c000400000e10"))
    (odd,) = decode_attributes(bytes.fromhex("000c00030e1010"))
    assert basic.value == long.value == 3600
    assert odd.value == 0x0E1010
    assert basic != long  # the answer to an offer repeats its octets, so the forms must differ


@pytest.mark.property
@given(st.lists(attributes, max_size=10).map(tuple))
def test_attributes_survive_the_wire(sent: tuple[Attribute, ...]) -> None:
    received = decode_attributes(encode_attributes(sent))
    assert received == sent
    assert all(str(one).isprintable() and len(str(one)) < 60 for one in received)


@pytest.mark.property
@given(st.binary(max_size=60))
def test_arbitrary_octets_decode_or_are_malformed(octets: bytes) -> None:
    try:
        received = decode_attributes(octets)
    except Malformed:
        return
    assert encode_attributes(received) == octets


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("80", "cut short"),
        ("800c0e", "cut short"),
        ("800c0e10" "000c00", "cut short"),
        ("000c0004" "000e10", "attribute 12 of 4 octets reaches beyond its payload"),
        ("7fffffff", "attribute 32767 of 65535 octets reaches beyond its payload"),
    ],
)  # fmt: skip
def test_attributes_cut_short(octets: str, reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        decode_attributes(bytes.fromhex(octets))


def test_an_empty_variable_attribute_is_zero() -> None:
    (attribute,) = decode_attributes(bytes.fromhex("00040000"))
    assert (attribute.value, str(attribute)) == (0, "4=0")
