"""Code data attributes, the type-value and type-length-value pairs of RFC 2408 section 3.3."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import lru_cache

from isakmpd.wire.malformed import Malformed

_BASIC = 0x8000
_HEAD = struct.Struct("!HH")


@dataclass(frozen=True, slots=True)
class Attribute:
    """Hold one attribute as it stands on the wire; ``basic`` means the two-octet form."""

    type: int
    octets: bytes
    basic: bool

    @classmethod
    def of(cls, kind: int, value: int) -> Attribute:
        """Make an attribute of a number: the basic form if it fits, else four octets."""
        if value <= 0xFFFF:
            return cls(int(kind), value.to_bytes(2), basic=True)
        return cls(int(kind), value.to_bytes(4), basic=False)

    @property
    def value(self) -> int:
        """Read the attribute as a number, whatever its form."""
        return int.from_bytes(self.octets)

    def __str__(self) -> str:
        if len(self.octets) <= 8:
            return f"{self.type}={self.value}"
        if len(self.octets) <= 20:
            return f"{self.type}={self.octets.hex()}"
        return f"{self.type}={self.octets[:16].hex()}... ({len(self.octets)})"


def encode_attributes(attributes: tuple[Attribute, ...]) -> bytes:
    """Give the octets of a run of attributes."""
    parts = []
    for attribute in attributes:
        if attribute.basic:
            parts.append((attribute.type | _BASIC).to_bytes(2) + attribute.octets)
        else:
            parts.append(_HEAD.pack(attribute.type, len(attribute.octets)) + attribute.octets)
    return b"".join(parts)


@lru_cache(maxsize=1024)
def _basic(kind: int, value: int) -> Attribute:
    """Build a basic attribute; the few there are come again in every transform."""
    return Attribute(kind, value.to_bytes(2), basic=True)


def decode_attributes(octets: bytes) -> tuple[Attribute, ...]:
    """Read attributes to the end of ``octets``; raises Malformed for one cut short."""
    attributes = []
    position = 0
    while position < len(octets):
        if position + _HEAD.size > len(octets):
            raise Malformed("attribute cut short")
        kind, length = _HEAD.unpack_from(octets, position)
        if kind & _BASIC:
            attributes.append(_basic(kind & ~_BASIC, length))
            position += _HEAD.size
            continue
        end = position + _HEAD.size + length
        if end > len(octets):
            raise Malformed(f"attribute {kind} of {length} octets reaches beyond its payload")
        attributes.append(Attribute(kind, octets[position + _HEAD.size : end], basic=False))
        position = end
    return tuple(attributes)
