"""Read phase 2 suites: the protocols applied together, and each one's transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from isakmpd.config import constants
from isakmpd.config.generated import quick_mode_names
from isakmpd.config.key_lengths import esp_key_lengths, key_length
from isakmpd.config.lifetimes import lifetimes
from isakmpd.config.lists import each
from isakmpd.config.model import Phase2Transform, Suite, SuiteProtocol
from isakmpd.config.reading import Section
from isakmpd.config.transforms import warn_of_weakness
from isakmpd.crypto.keymat import COMBINED_MODE
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    Protocol,
)

DEFAULT_REPLAY_WINDOW = 64  # RFC 4303 section 3.4.3 prefers it; the original has 16
_LARGEST_REPLAY_WINDOW = 4096
_ENCRYPTS_NOTHING = (EspTransform.NULL, EspTransform.AES_GMAC)
_AUTHENTICATION = "AUTHENTICATION_ALGORITHM"
# RFC 2407 section 4.4.3: the transform and the attribute of an AH say the same.
_OF_AH: Mapping[AhTransform, AuthenticationAlgorithm] = {
    AhTransform.MD5: AuthenticationAlgorithm.HMAC_MD5,
    AhTransform.SHA: AuthenticationAlgorithm.HMAC_SHA,
    AhTransform.SHA2_256: AuthenticationAlgorithm.HMAC_SHA2_256,
    AhTransform.SHA2_384: AuthenticationAlgorithm.HMAC_SHA2_384,
    AhTransform.SHA2_512: AuthenticationAlgorithm.HMAC_SHA2_512,
    AhTransform.RIPEMD: AuthenticationAlgorithm.HMAC_RIPEMD,
}


def suites(section: Section, tag: str) -> tuple[Suite, ...]:
    """Read all suites a list names."""
    return each(section, tag, "suite", _suite, quick_mode_names)


def _suite(section: Section) -> Suite:
    names = section.elements("Protocols")
    if not names:
        suite = f"{section.name}-SUITE"
        near = f'; did you mean "{suite}"?' if section.reading.bindings.exists(suite) else ""
        raise section.fault("Protocols", f"expected the name of an IPsec-protocol section{near}")
    protocols = tuple(
        section.reading.once("protocol", section.follow("Protocols", name), _protocol)
        for name in names
    )
    _check_bundle(section, protocols)
    return Suite(section.name, protocols)


def _check_bundle(section: Section, protocols: tuple[SuiteProtocol, ...]) -> None:
    """Demand what one offer can say of protocols applied together."""

    def fail(text: str) -> NoReturn:
        raise section.fault("Protocols", text)

    kinds = [protocol.protocol for protocol in protocols]
    if len(set(kinds)) < len(kinds):
        fail("expected each of IPSEC_ESP, IPSEC_AH and IPCOMP at most once")
    if kinds == [Protocol.IPCOMP]:
        fail("IPCOMP alone protects nothing; expected IPSEC_ESP or IPSEC_AH beside it")
    protecting = [each for each in protocols if each.protocol is not Protocol.IPCOMP]
    if len({transform.group for each in protecting for transform in each.transforms}) > 1:
        fail(
            "the transforms differ in GROUP_DESCRIPTION, and one offer has room for one group;"
            " expected the same in all"
        )
    if len({transform.encapsulation for each in protocols for transform in each.transforms}) > 1:
        fail("the transforms differ in ENCAPSULATION_MODE; expected the same in all of one suite")


def _protocol(section: Section) -> SuiteProtocol:
    protocol = section.required_constant("PROTOCOL_ID", constants.PROTOCOL_ID)
    kind = f"{protocol.name.removeprefix('IPSEC_')} transform"  # of its own: names may be mixed up
    transforms = each(section, "Transforms", kind, _TRANSFORMS[protocol])
    if len({transform.group for transform in transforms}) > 1:
        raise section.fault(
            "Transforms",
            "the transforms differ in GROUP_DESCRIPTION, and one offer has room for one group;"
            " expected suites of their own",
        )
    window = section.number("ReplayWindow", DEFAULT_REPLAY_WINDOW, 0, _LARGEST_REPLAY_WINDOW)
    return SuiteProtocol(section.name, protocol, transforms, window)


def _esp_transform(section: Section) -> Phase2Transform:
    _refuse_tags(section)
    cipher = section.required_constant("TRANSFORM_ID", constants.ESP_TRANSFORM)
    mode = _encapsulation(section)
    group = section.constant("GROUP_DESCRIPTION", constants.GROUP_DESCRIPTION)
    authentication = _esp_authentication(section, cipher)
    bits = key_length(section, esp_key_lengths(cipher))
    if cipher in COMBINED_MODE and bits is None:
        raise section.fault("KEY_LENGTH", "expected the key length in bits: 128, 192 or 256")
    warn_of_weakness(section, cipher, authentication, group)
    if cipher in _ENCRYPTS_NOTHING:
        name = str(cipher)
        section.warn("TRANSFORM_ID", f"{name} encrypts nothing: the packets stay readable")
    return Phase2Transform(
        section=section.name,
        transform_id=cipher,
        encapsulation=mode,
        authentication=authentication,
        group=group,
        key_length=bits,
        lifetimes=lifetimes(section, phase=2),
    )


def _esp_authentication(section: Section, cipher: EspTransform) -> AuthenticationAlgorithm:
    algorithm = section.constant(_AUTHENTICATION, constants.AUTHENTICATION_ALGORITHM)
    name = str(cipher)
    if cipher in COMBINED_MODE:
        if algorithm is not None:
            text = f"{name} authenticates by itself; expected no such tag"
            raise section.fault(_AUTHENTICATION, text)
        return AuthenticationAlgorithm.NONE
    if algorithm is None:
        raise section.fault(
            _AUTHENTICATION,
            f"{name} without authentication is unsafe; expected one, such as HMAC_SHA2_256",
        )
    return algorithm


def _ah_transform(section: Section) -> Phase2Transform:
    _refuse_tags(section)
    transform = section.required_constant("TRANSFORM_ID", constants.AH_TRANSFORM)
    authentication = section.constant(_AUTHENTICATION, constants.AUTHENTICATION_ALGORITHM)
    if authentication is not _OF_AH[transform]:
        raise section.fault(
            _AUTHENTICATION, f"expected {_OF_AH[transform]}, as TRANSFORM_ID= {transform} says"
        )
    if section.get("KEY_LENGTH") is not None:
        raise section.fault("KEY_LENGTH", "keys of AH have one length; expected no such tag")
    group = section.constant("GROUP_DESCRIPTION", constants.GROUP_DESCRIPTION)
    warn_of_weakness(section, transform, group)
    return Phase2Transform(
        section=section.name,
        transform_id=transform,
        encapsulation=_encapsulation(section),
        authentication=authentication,
        group=group,
        key_length=None,
        lifetimes=lifetimes(section, phase=2),
    )


def _ipcomp_transform(section: Section) -> Phase2Transform:
    _refuse_tags(section)
    return Phase2Transform(
        section=section.name,
        transform_id=section.required_constant("TRANSFORM_ID", constants.IPCOMP_TRANSFORM),
        encapsulation=_encapsulation(section),
        authentication=AuthenticationAlgorithm.NONE,
        group=None,
        key_length=None,
        lifetimes=lifetimes(section, phase=2),
    )


_TRANSFORMS: Mapping[Protocol, Callable[[Section], Phase2Transform]] = {
    Protocol.IPSEC_ESP: _esp_transform,
    Protocol.IPSEC_AH: _ah_transform,
    Protocol.IPCOMP: _ipcomp_transform,
}


def _refuse_tags(section: Section) -> None:
    section.refuse(
        "KEY_ROUNDS", "COMPRESS_DICTIONARY_SIZE", "COMPRESS_PRIVATE_ALGORITHM", "ECN_TUNNEL"
    )


def _encapsulation(section: Section) -> EncapsulationMode:
    mode = section.constant("ENCAPSULATION_MODE", constants.ENCAPSULATION_MODE)
    return EncapsulationMode.TUNNEL if mode is None else mode
