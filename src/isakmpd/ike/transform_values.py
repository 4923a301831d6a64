"""Read a transform's attributes as numbers, whatever a peer has put there (RFC 2409 appendix A)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isakmpd.ike.lifetime import Lifetimes, read_lifetimes
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import OpenEnum

_LARGEST = 2**32 - 1  # no number of ours needs more, and a peer may write 60,000 octets of digits

NO_LIFE = "LIFE_DURATION of 0 seconds is no life"


@dataclass(frozen=True, slots=True)
class TransformValues:
    """Hold numbers by attribute type, lifetimes, and what stands in the way of understanding."""

    numbers: dict[int, int]
    lifetimes: Lifetimes
    unsupported: tuple[str, ...]


def read_values(
    attributes: Sequence[Attribute], known: type[OpenEnum], supported: set[int]
) -> TransformValues:
    """Read ``attributes``, which ``known`` names; all but the lifetimes may stand there once."""
    life_type, life_duration = known["LIFE_TYPE"], known["LIFE_DURATION"]
    numbers: dict[int, int] = {}
    unsupported: list[str] = []
    sound = []
    for attribute in attributes:
        kind = attribute.type
        if kind not in supported:
            unsupported.append(f"{known(kind)} is not supported")
        elif len(attribute.octets) > 8 or attribute.value > _LARGEST:
            unsupported.append(f"{known(kind)} of {len(attribute.octets)} octets is too large")
        elif kind in (life_type, life_duration):
            sound.append(attribute)
        elif kind in numbers:
            unsupported.append(f"{known(kind)} is given twice")
        else:
            numbers[kind] = attribute.value
    lifetimes = read_lifetimes(sound, life_type, life_duration)
    if lifetimes.seconds == 0:
        unsupported.append(NO_LIFE)
    return TransformValues(numbers, lifetimes, tuple(unsupported))
