"""Read lifetimes, phase 1 transforms and phase 2 suites."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from isakmpd.config import constants
from isakmpd.config.generated import quick_mode_names
from isakmpd.config.model import (
    Lifetime,
    OfferAccept,
    Phase1Transform,
    Phase2Transform,
    Suite,
    SuiteProtocol,
)
from isakmpd.config.reading import ConfigError, Section
from isakmpd.config.support import weak
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    LifeType,
)

T = TypeVar("T")

DEFAULT_REPLAY_WINDOW = 64  # RFC 4303 section 3.4.3 prefers it; the original has 16
_LARGEST_REPLAY_WINDOW = 4096
_AES_KEY_LENGTHS = (128, 192, 256)
_AES = (EncryptionAlgorithm.AES_CBC,)
_AES_IN_ESP = (EspTransform.AES, EspTransform.AES_GCM_16)
_COMBINED_MODE = (EspTransform.AES_GCM_16,)
_ANY = "ANY"
_LONGEST = 2**32 - 1
_OFFERED_SECONDS = {1: 3600, 2: 1200}  # by phase, where any duration will do


def each(
    section: Section,
    tag: str,
    kind: str,
    build: Callable[[Section], T],
    generated: Iterable[str] = (),
) -> tuple[T, ...]:
    """Build what every section of a list means; those with a fault are left out.

    Raises ConfigError where nothing remains.
    """
    built: list[T] = []
    first: ConfigError | None = None
    for name in section.elements(tag):
        try:
            target = section.follow(tag, name, generated)
        except ConfigError as fault:
            section.reading.leave_out(kind, name, fault.problem)
            first = first or fault
            continue
        try:
            built.append(section.reading.once(kind, target, build))
        except ConfigError as fault:
            first = first or fault
    if built:
        return tuple(built)
    raise first or section.fault(tag, f"expected the name of at least one {kind} section")


def phase_1_transform(section: Section) -> Phase1Transform:
    """Read an ISAKMP-transform section."""
    section.refuse("PRF", "FIELD_SIZE", "GROUP_ORDER", "GROUP_TYPE")
    encryption = section.required_constant("ENCRYPTION_ALGORITHM", constants.ENCRYPTION_ALGORITHM)
    transform = Phase1Transform(
        section=section.name,
        encryption=encryption,
        hash=section.required_constant("HASH_ALGORITHM", constants.HASH_ALGORITHM),
        authentication=section.required_constant(
            "AUTHENTICATION_METHOD", constants.AUTHENTICATION_METHOD
        ),
        group=section.required_constant("GROUP_DESCRIPTION", constants.GROUP_DESCRIPTION),
        key_length=_key_length(section, encryption in _AES),
        lifetimes=_lifetimes(section, phase=1),
    )
    _warn_of(section, weak(transform.encryption, transform.hash, transform.group))
    return transform


def suite(section: Section) -> Suite:
    """Read an IPsec-suite section: so far one ESP protocol."""
    names = section.elements("Protocols")
    if not names:
        raise section.fault("Protocols", "expected the name of an IPsec-protocol section")
    protocols = tuple(
        section.reading.once("protocol", section.follow("Protocols", name), _protocol)
        for name in names
    )
    if len(protocols) > 1:
        raise section.fault(
            "Protocols", "several protocols in a suite are not supported by this version"
        )
    return Suite(section.name, protocols)


def suites(section: Section, tag: str) -> tuple[Suite, ...]:
    """Read all suites a list names."""
    return each(section, tag, "suite", suite, quick_mode_names())


def _protocol(section: Section) -> SuiteProtocol:
    protocol = section.required_constant("PROTOCOL_ID", constants.PROTOCOL_ID)
    transforms = each(section, "Transforms", "transform", _esp_transform)
    if len({transform.group for transform in transforms}) > 1:
        raise section.fault(
            "Transforms",
            "the transforms differ in GROUP_DESCRIPTION, and one offer has room for one group;"
            " expected suites of their own",
        )
    window = section.number("ReplayWindow", DEFAULT_REPLAY_WINDOW, 0, _LARGEST_REPLAY_WINDOW)
    return SuiteProtocol(section.name, protocol, transforms, window)


def _esp_transform(section: Section) -> Phase2Transform:
    section.refuse(
        "KEY_ROUNDS", "COMPRESS_DICTIONARY_SIZE", "COMPRESS_PRIVATE_ALGORITHM", "ECN_TUNNEL"
    )
    cipher = section.required_constant("TRANSFORM_ID", constants.ESP_TRANSFORM)
    mode = section.constant("ENCAPSULATION_MODE", constants.ENCAPSULATION_MODE)
    group = section.constant("GROUP_DESCRIPTION", constants.GROUP_DESCRIPTION)
    authentication = _esp_authentication(section, cipher)
    key_length = _key_length(section, cipher in _AES_IN_ESP)
    if cipher in _COMBINED_MODE and key_length is None:
        raise section.fault("KEY_LENGTH", "expected the key length in bits: 128, 192 or 256")
    _warn_of(section, weak(cipher, authentication, group))
    return Phase2Transform(
        section=section.name,
        transform_id=cipher,
        encapsulation=EncapsulationMode.TUNNEL if mode is None else mode,
        authentication=authentication,
        group=group,
        key_length=key_length,
        lifetimes=_lifetimes(section, phase=2),
    )


def _esp_authentication(section: Section, cipher: EspTransform) -> AuthenticationAlgorithm:
    tag = "AUTHENTICATION_ALGORITHM"
    algorithm = section.constant(tag, constants.AUTHENTICATION_ALGORITHM)
    name = constants.spell(cipher)
    if cipher in _COMBINED_MODE:
        if algorithm is not None:
            raise section.fault(tag, f"{name} authenticates by itself; expected no such tag")
        return AuthenticationAlgorithm.NONE
    if algorithm is None:
        raise section.fault(
            tag, f"{name} without authentication is unsafe; expected one, such as HMAC_SHA2_256"
        )
    return algorithm


def _key_length(section: Section, variable: bool) -> OfferAccept | None:
    bits = section.offer_accept("KEY_LENGTH", "bits")
    if bits is None:
        return None
    if not variable:
        raise section.fault(
            "KEY_LENGTH", "this cipher's keys have one length; expected no such tag"
        )
    if bits.value not in _AES_KEY_LENGTHS or not bits.accepts(bits.value):
        raise section.fault("KEY_LENGTH", "expected 128, 192 or 256, inside the range after it")
    return bits


def _lifetimes(section: Section, phase: int) -> tuple[Lifetime, ...]:
    value = section.get("Life")
    if value is not None and value.upper() == _ANY:
        return (Lifetime(_ANY, LifeType.SECONDS, _any_time(phase)),)
    lifetimes: dict[LifeType, Lifetime] = {}
    for name in section.elements("Life"):
        target = section.follow("Life", name)
        kind, duration = section.reading.once("lifetime", target, _lifetime)
        if kind in lifetimes:
            raise section.fault("Life", f"expected only one lifetime in {kind}", name)
        if duration is not None:
            lifetimes[kind] = Lifetime(target.name, kind, duration)
        elif kind is LifeType.SECONDS:
            lifetimes[kind] = Lifetime(target.name, kind, _any_time(phase))
        # Any number of kilobytes is what goes without saying.
    return tuple(lifetimes.values())


def _lifetime(section: Section) -> tuple[LifeType, OfferAccept | None]:
    """Read a Life section; its duration is None where any will do."""
    kind = section.required_constant("LIFE_TYPE", constants.LIFE_TYPE)
    if section.text("LIFE_DURATION", "V, V,MIN:MAX or ANY").upper() == _ANY:
        return kind, None
    duration = section.offer_accept("LIFE_DURATION", kind.name.lower())
    if duration is None or not 1 <= duration.value <= _LONGEST or duration.maximum > _LONGEST:
        raise section.fault("LIFE_DURATION", f"expected a duration from 1 to {_LONGEST}")
    return kind, duration


def _any_time(phase: int) -> OfferAccept:
    return OfferAccept(_OFFERED_SECONDS[phase], 1, _LONGEST, ranged=True)


def _warn_of(section: Section, weaknesses: tuple[str, ...]) -> None:
    if weaknesses:
        section.warn("", f"weak by today's measure: {', '.join(weaknesses)}")
