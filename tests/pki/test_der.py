"""DER is read element by element; what no element can be is refused."""

from __future__ import annotations

import pytest

from isakmpd.pki import der
from isakmpd.pki.untrusted import UnusableCertificateError


def test_elements_follow_each_other_and_hold_others() -> None:
    outer = der.element(bytes.fromhex("3006020101040161"), "a thing")
    assert outer.tag == der.SEQUENCE
    assert [(each.tag, each.content) for each in outer.children()] == [
        (der.INTEGER, b"\1"),
        (der.OCTET_STRING, b"a"),
    ]
    assert b"".join(each.whole for each in outer.children()) == outer.content


@pytest.mark.parametrize("length", [0, 127, 128, 255, 256, 65536])
def test_lengths_of_either_form(length: int) -> None:
    size = (length.bit_length() + 7) // 8
    header = bytes([length]) if length < 128 else bytes([0x80 + size]) + length.to_bytes(size)
    assert der.element(b"\4" + header + bytes(length), "a thing").content == bytes(length)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("04", "DER ends within an element's header"),
        ("0480", "DER element with a length that cannot be read"),
        ("0482ff", "DER element with a length that cannot be read"),
        ("04850000000001ff", "DER element with a length that cannot be read"),
        ("0402ff", "DER element of 2 octets where 1 are left"),
        ("04010004", "DER ends within an element's header"),
        ("", "a thing is 0 DER elements, expected one"),
        ("04000400", "a thing is 2 DER elements, expected one"),
    ],
)
def test_what_is_no_element(octets: str, reason: str) -> None:
    with pytest.raises(UnusableCertificateError) as refusal:
        der.element(bytes.fromhex(octets), "a thing")
    assert refusal.value.reason == reason


def test_an_element_of_another_tag() -> None:
    with pytest.raises(UnusableCertificateError, match="value has tag 0x05, expected 0x04"):
        der.element(b"\5\0", "value").expect(der.OCTET_STRING, "value")
