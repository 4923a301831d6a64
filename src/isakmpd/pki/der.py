"""Read DER where a library would encode anew: names as they stand, PKCS#7 (X.690 section 8.1)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from isakmpd.pki.untrusted import UnusableCertificateError

INTEGER, OCTET_STRING, SEQUENCE = 0x02, 0x04, 0x30
CONSTRUCTED = 0xA0  # context-specific tag 0, constructed; add the number for another
PRIMITIVE = 0x80  # context-specific tag 0, primitive; add the number for another
_LONG_FORM = 0x80
_LONGEST_LENGTH = 4  # octets; more could count than any message holds


@dataclass(frozen=True, slots=True)
class Element:
    """Hold one element: its tag, its content, and the whole of it."""

    tag: int
    content: bytes
    whole: bytes

    def children(self) -> tuple[Element, ...]:
        """Give the elements inside, each in turn; raises UnusableCertificateError."""
        return tuple(elements(self.content))

    def expect(self, tag: int, name: str) -> Element:
        """Give the element itself if it has this tag; raises UnusableCertificateError."""
        if self.tag != tag:
            raise UnusableCertificateError(f"{name} has tag {self.tag:#04x}, expected {tag:#04x}")
        return self


def element(octets: bytes, name: str) -> Element:
    """Give the one element that octets are; raises UnusableCertificateError for more or less."""
    found = tuple(elements(octets))
    if len(found) != 1:
        raise UnusableCertificateError(f"{name} is {len(found)} DER elements, expected one")
    return found[0]


def elements(octets: bytes) -> Iterator[Element]:
    """Give the elements that stand one after the other; raises UnusableCertificateError."""
    at = 0
    while at < len(octets):
        start = at
        if len(octets) - at < 2:
            raise UnusableCertificateError("DER ends within an element's header")
        tag, length = octets[at], octets[at + 1]
        at += 2
        if length >= _LONG_FORM:
            size = length - _LONG_FORM
            if not 1 <= size <= _LONGEST_LENGTH or len(octets) - at < size:
                raise UnusableCertificateError("DER element with a length that cannot be read")
            length = int.from_bytes(octets[at : at + size])
            at += size
        if len(octets) - at < length:
            raise UnusableCertificateError(
                f"DER element of {length} octets where {len(octets) - at} are left"
            )
        yield Element(tag, octets[at : at + length], octets[start : at + length])
        at += length
