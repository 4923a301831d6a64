"""What a phase 2 suite may hold: ESP, AH and IPCOMP, alone and applied together."""

from __future__ import annotations

import pytest

from isakmpd.config.generated import quick_mode_names
from isakmpd.config.model import OfferAccept, Suite
from isakmpd.config.read import parse
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    GroupDescription,
    IpcompTransform,
    Protocol,
)
from tests.config.sample import (
    HAND_MADE_PHASE_1,
    HAND_MADE_SUITE,
    PLAIN,
    Sections,
    configured,
    merged,
    sole_problem,
    written,
)

AH: Sections = {
    "own-ah": {"PROTOCOL_ID": "IPSEC_AH", "Transforms": "ah-xf"},
    "ah-xf": {
        "TRANSFORM_ID": "SHA2_256",
        "AUTHENTICATION_ALGORITHM": "HMAC_SHA2_256",
        "GROUP_DESCRIPTION": "MODP_2048",
        "ENCAPSULATION_MODE": "TUNNEL",
    },
}
IPCOMP: Sections = {
    "own-ipcomp": {"PROTOCOL_ID": "IPCOMP", "Transforms": "ipcomp-xf"},
    "ipcomp-xf": {"TRANSFORM_ID": "DEFLATE", "ENCAPSULATION_MODE": "TUNNEL"},
}
OWN_TRANSFORM = merged(HAND_MADE_SUITE)["own-xf"]
BUNDLE = (HAND_MADE_SUITE, AH, IPCOMP)


def suite(*layers: Sections) -> Suite:
    """Give the one suite of a configuration without fault."""
    configuration = configured(*layers)
    assert configuration.problems == ()
    (only,) = configuration.connections["conn"].suites
    return only


@pytest.mark.parametrize(
    ("protocols", "expected"),
    [
        ("own-esp", [Protocol.IPSEC_ESP]),
        ("own-ah", [Protocol.IPSEC_AH]),
        ("own-esp,own-ah", [Protocol.IPSEC_ESP, Protocol.IPSEC_AH]),
        ("own-ipcomp,own-esp", [Protocol.IPCOMP, Protocol.IPSEC_ESP]),
        ("own-ah,own-ipcomp", [Protocol.IPSEC_AH, Protocol.IPCOMP]),
        ("own-ipcomp,own-esp,own-ah", [Protocol.IPCOMP, Protocol.IPSEC_ESP, Protocol.IPSEC_AH]),
    ],
)
def test_protocols_applied_together(protocols: str, expected: list[Protocol]) -> None:
    """A suite keeps the order of its list, and its group is that of what is not IPCOMP."""
    found = suite(*BUNDLE, {"own-suite": {"Protocols": protocols}})
    assert [each.protocol for each in found.protocols] == expected
    assert found.group is GroupDescription.MODP_2048


def test_an_ah_and_an_ipcomp_transform() -> None:
    """Their transforms count by numbers of their own; IPCOMP has neither keys nor a group."""
    ipcomp, ah = suite(*BUNDLE, {"own-suite": {"Protocols": "own-ipcomp,own-ah"}}).protocols
    (compressing,), (authenticating,) = ipcomp.transforms, ah.transforms
    assert compressing.transform_id is IpcompTransform.DEFLATE
    assert compressing.authentication is AuthenticationAlgorithm.NONE
    assert (compressing.group, compressing.key_length) == (None, None)
    assert authenticating.transform_id is AhTransform.SHA2_256
    assert authenticating.authentication is AuthenticationAlgorithm.HMAC_SHA2_256
    assert (authenticating.group, authenticating.key_length) == (GroupDescription.MODP_2048, None)


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"own-suite": {"Protocols": "own-ipcomp"}}, "IPCOMP alone protects nothing"),
        ({"own-suite": {"Protocols": "own-ah,own-ipcomp,own-ah"}}, "IPCOMP at most once"),
        (
            {
                "own-suite": {"Protocols": "own-esp,own-ah"},
                "ah-xf": {"GROUP_DESCRIPTION": "MODP_3072"},
            },
            "[own-suite]:Protocols= own-esp,own-ah: the transforms differ in GROUP_DESCRIPTION",
        ),
        (
            {
                "own-suite": {"Protocols": "own-esp,own-ipcomp"},
                "ipcomp-xf": {"ENCAPSULATION_MODE": "TRANSPORT"},
            },
            "the transforms differ in ENCAPSULATION_MODE; expected the same in all of one suite",
        ),
        (
            {
                "own-esp": {"Transforms": "own-xf,other-xf"},
                "other-xf": {
                    **merged(HAND_MADE_SUITE)["own-xf"],
                    "ENCAPSULATION_MODE": "TRANSPORT",
                },
            },
            "the transforms differ in ENCAPSULATION_MODE",
        ),
    ],
)
def test_what_does_not_go_together(sections: Sections, words: str) -> None:
    """One offer says one group and one mode, and each protocol once."""
    assert words in sole_problem(configured(*BUNDLE, sections))


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"ah-xf": {"TRANSFORM_ID": "DES"}}, "DES is unsafe and not supported"),
        ({"ah-xf": {"TRANSFORM_ID": "HMAC_SHA2_256"}}, "expected one of MD5, SHA, SHA2_256"),
        ({"ah-xf": {"TRANSFORM_ID": "AES"}}, "expected one of MD5, SHA, SHA2_256"),
        (
            {"ah-xf": {"AUTHENTICATION_ALGORITHM": "HMAC_SHA"}},
            "ALGORITHM= HMAC_SHA: expected HMAC_SHA2_256, as TRANSFORM_ID= SHA2_256 says",
        ),
        ({"ah-xf": {"AUTHENTICATION_ALGORITHM": None}}, "is missing: expected HMAC_SHA2_256, as"),
        ({"ah-xf": {"KEY_LENGTH": "256"}}, "keys of AH have one length; expected no such tag"),
        ({"ah-xf": {"ECN_TUNNEL": "yes"}}, "this tag is not supported by this version"),
        ({"ipcomp-xf": {"TRANSFORM_ID": "GZIP"}}, "expected one of OUI, DEFLATE, LZS, V42BIS"),
        ({"ipcomp-xf": {"COMPRESS_DICTIONARY_SIZE": "9"}}, "this tag is not supported by this"),
    ],
)
def test_an_ah_or_ipcomp_transform_with_a_fault(sections: Sections, words: str) -> None:
    """What their sections cannot say costs the suite."""
    layer: Sections = {"own-suite": {"Protocols": "own-ipcomp,own-ah"}}
    configuration = configured(*BUNDLE, layer, sections)
    assert words in sole_problem(configuration)
    assert configuration.connections == {}


@pytest.mark.parametrize(
    ("tags", "transform_id", "key_length"),
    [
        ({"TRANSFORM_ID": "AES_CTR", "KEY_LENGTH": None}, EspTransform.AES_CTR, None),
        (
            {"TRANSFORM_ID": "AES", "KEY_LENGTH": "any"},
            EspTransform.AES,
            OfferAccept(128, 128, 256, ranged=True),
        ),
        (
            {"TRANSFORM_ID": "BLOWFISH", "KEY_LENGTH": "128,96:192"},
            EspTransform.BLOWFISH,
            OfferAccept(128, 96, 192, ranged=True),
        ),
        ({"TRANSFORM_ID": "3DES", "KEY_LENGTH": "192"}, EspTransform.TRIPLE_DES, None),
        ({"TRANSFORM_ID": "3DES", "KEY_LENGTH": "ANY"}, EspTransform.TRIPLE_DES, None),
        ({"TRANSFORM_ID": "NULL", "KEY_LENGTH": None}, EspTransform.NULL, None),
        (
            {
                "TRANSFORM_ID": "AES_GMAC",
                "KEY_LENGTH": "192",
                "AUTHENTICATION_ALGORITHM": None,
            },
            EspTransform.AES_GMAC,
            OfferAccept(192, 192, 192),
        ),
    ],
)
def test_a_key_length(
    tags: dict[str, str | None], transform_id: EspTransform, key_length: OfferAccept | None
) -> None:
    """A cipher of several lengths has one chosen; a fixed one may be repeated, to no effect."""
    transform = suite(HAND_MADE_SUITE, {"own-xf": tags}).protocols[0].transforms[0]
    assert transform.transform_id == transform_id
    assert transform.key_length == key_length


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("QM-ESP-NULL-SHA-SUITE", "NULL encrypts nothing: the packets stay readable"),
        ("QM-ESP-AESGMAC-128-SUITE", "AES_GMAC encrypts nothing: the packets stay readable"),
        ("QM-ESP-BLF-SHA-SUITE", "weak by today's measure: BLOWFISH"),
        ("QM-ESP-CAST-SHA-PFS-GRP1-SUITE", "weak by today's measure: CAST, MODP_768"),
        ("QM-AH-MD5-SUITE", "weak by today's measure: MD5"),
    ],
)
def test_a_suite_that_works_with_a_warning(name: str, words: str) -> None:
    """What protects little is said once."""
    configuration = configured({"quick": {"Suites": name}})
    assert configuration.problems == ()
    (warning,) = configuration.warnings
    assert words in warning.text


def test_the_generated_suites() -> None:
    """Of all names only those without authentication and with a curve nobody has are refused."""
    names = list(quick_mode_names())
    text = written(merged(PLAIN, {"quick": {"Suites": ",".join(names)}}))
    configuration = parse(text, "isakmpd.conf")
    usable = {each.section for each in configuration.connections["conn"].suites}
    ciphers = ("3DES", "CAST", "BLF", "AES", "AESCTR", "NULL")
    bare = {f"{cipher}{bits}" for cipher in ciphers for bits in ("", "-128", "-192", "-256")}
    for name in names:
        algorithms = name.removeprefix("QM-ESP-").removeprefix("TRP-").removesuffix("-SUITE")
        unauthenticated = algorithms.partition("-PFS")[0] in bare
        assert (name in usable) == (not unauthenticated and "GRP27" not in name), name


def test_a_transport_suite() -> None:
    """TRP in a name is transport mode."""
    found = suite(
        {"quick": {"Suites": "QM-ESP-TRP-3DES-SHA-SUITE"}, "here": {"Netmask": "255.255.255.255"}}
    )
    assert found.protocols[0].transforms[0].encapsulation is EncapsulationMode.TRANSPORT


def test_a_transform_of_another_phase_is_no_suites_transform() -> None:
    """A name that is good in phase 1 is looked at anew in phase 2."""
    configuration = configured(
        HAND_MADE_PHASE_1, HAND_MADE_SUITE, {"own-esp": {"Transforms": "own"}}
    )
    assert "[own]:TRANSFORM_ID is missing" in sole_problem(configuration)
