"""Read phase 1 transforms."""

from __future__ import annotations

from typing import TypeVar

from isakmpd.config import constants
from isakmpd.config.key_lengths import isakmp_key_lengths, key_length
from isakmpd.config.lifetimes import lifetimes
from isakmpd.config.model import Phase1Transform
from isakmpd.config.reading import ANY, Section
from isakmpd.config.support import broken, weak
from isakmpd.wire.numbers import OpenEnum

E = TypeVar("E", bound=OpenEnum)


def phase_1_transform(section: Section) -> Phase1Transform:
    """Read an ISAKMP-transform section, in which an algorithm may be ANY."""
    section.refuse("PRF", "FIELD_SIZE", "GROUP_ORDER", "GROUP_TYPE")
    encryption = _or_any(section, "ENCRYPTION_ALGORITHM", constants.ENCRYPTION_ALGORITHM)
    transform = Phase1Transform(
        section=section.name,
        encryption=encryption,
        hash=_or_any(section, "HASH_ALGORITHM", constants.HASH_ALGORITHM),
        authentication=_or_any(section, "AUTHENTICATION_METHOD", constants.AUTHENTICATION_METHOD),
        group=_or_any(section, "GROUP_DESCRIPTION", constants.GROUP_DESCRIPTION),
        key_length=key_length(section, isakmp_key_lengths(encryption) if encryption else None),
        lifetimes=lifetimes(section, phase=1),
    )
    warn_of_weakness(section, transform.encryption, transform.hash, transform.group)
    if encryption is not None and (reason := broken(encryption)):
        section.warn("ENCRYPTION_ALGORITHM", reason)
    return transform


def warn_of_weakness(section: Section, *algorithms: OpenEnum | None) -> None:
    """Name the weak ones among a transform's algorithms."""
    if names := weak(*algorithms):
        section.warn("", f"weak by today's measure: {', '.join(names)}")


def _or_any(section: Section, tag: str, vocabulary: constants.Vocabulary[E]) -> E | None:
    value = section.get(tag)
    if value is not None and value.upper() == ANY:
        return None
    return section.required_constant(tag, vocabulary)
