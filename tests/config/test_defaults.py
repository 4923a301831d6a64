"""What is used where a file names nothing, and how it is told that the original used another."""

from __future__ import annotations

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.wire.numbers import AuthenticationMethod, ExchangeType
from tests.config.sample import Sections, configured, sole_problem

PHASE_1 = "AES-256-SHA2-256-GRP14"
PHASE_2 = "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE"
NOTHING_NAMED: Sections = {"peer": {"Configuration": None}, "conn": {"Configuration": None}}
ORIGINAL: Sections = {"General": {"Defaults": "original"}}


def used(configuration: Configuration) -> tuple[list[str], list[str]]:
    """Name the transforms of the peer and the suites of the connection."""
    return (
        [each.section for each in configuration.peers["peer"].transforms],
        [each.section for each in configuration.connections["conn"].suites],
    )


def changed_defaults(configuration: Configuration) -> list[str]:
    """List what is told of defaults that were others in the original."""
    return [str(each) for each in configuration.warnings if "the original used" in each.text]


@pytest.mark.parametrize(
    ("choice", "phase_1", "phase_2"),
    [
        (None, PHASE_1, PHASE_2),
        ("modern", PHASE_1, PHASE_2),
        ("Original", "3DES-SHA", "QM-ESP-3DES-SHA-PFS-SUITE"),
    ],
)
@pytest.mark.parametrize("flags", [None, "on-demand"])
def test_where_nothing_is_named(
    choice: str | None, phase_1: str, phase_2: str, flags: str | None
) -> None:
    """A peer with a key and its connection, at once or on demand, need no Configuration."""
    layer: Sections = {"General": {"Defaults": choice}, "conn": {"Flags": flags}}
    configuration = configured(NOTHING_NAMED, layer)
    assert configuration.problems == ()
    assert used(configuration) == ([phase_1], [phase_2])
    assert configuration.peers["peer"].exchange_type is ExchangeType.ID_PROT
    found = configuration.connections["conn"]
    assert (found.always_up, found.on_demand) == (flags is None, flags is not None)
    assert bool(changed_defaults(configuration)) is (choice is None)


def test_what_is_written_counts_beside_a_default() -> None:
    """Tags of [General] and of the generated section replace theirs alone."""
    layer = {
        "General": {"Default-phase-2-suites": "QM-ESP-AES-SHA-SUITE"},
        "Default-phase-1-configuration": {"Transforms": "AES-SHA-GRP5,AES-SHA-GRP14"},
    }
    configuration = configured(NOTHING_NAMED, layer)
    assert used(configuration) == (["AES-SHA-GRP5", "AES-SHA-GRP14"], ["QM-ESP-AES-SHA-SUITE"])
    assert changed_defaults(configuration) == []
    partly = configured(
        NOTHING_NAMED, {"Default-phase-1-configuration": {"EXCHANGE_TYPE": "AGGRESSIVE"}}
    )
    assert partly.peers["peer"].exchange_type is ExchangeType.AGGRESSIVE
    assert used(partly) == ([PHASE_1], [PHASE_2])
    assert any("CVE-2002-1623" in warning.text for warning in partly.warnings)


@pytest.mark.parametrize(("layer", "name"), [({}, PHASE_1), (ORIGINAL, "3DES-SHA")])
def test_a_peer_without_a_key(layer: Sections, name: str) -> None:
    """Signatures are its default: what signs lies in files."""
    keyless = configured(NOTHING_NAMED, layer, {"peer": {"Authentication": None}})
    assert keyless.problems == ()
    (transform,) = keyless.peers["peer"].transforms
    assert transform.section == f"{name}-RSA_SIG"
    assert transform.authentication is AuthenticationMethod.RSA_SIG


def test_a_key_stored_for_the_address_is_a_key() -> None:
    """As good as the peer's own."""
    stored: Sections = {"peer": {"Authentication": None}, "192.0.2.2": {"Authentication": "x"}}
    assert used(configured(NOTHING_NAMED, stored)) == ([PHASE_1], [PHASE_2])


MIGRATED = """\
[Phase 1]
192.0.2.1= one
192.0.2.2= two
[Phase 2]
Connections= first,second
[one]
Phase= 1
Address= 192.0.2.1
Authentication= x
[two]
Phase= 1
Address= 192.0.2.2
Configuration= Default-phase-1-configuration
Authentication= x
[first]
Phase= 2
ISAKMP-peer= one
[second]
Phase= 2
ISAKMP-peer= two
"""
ADVICE = (
    "; [General]:Defaults= original brings that back, and Defaults= modern says that this is meant"
)


def test_a_migrated_file_is_told_once() -> None:
    """Each default in one line, at the first section that relies on it."""
    configuration = parse(MIGRATED, "isakmpd.conf")
    assert configuration.problems == ()
    assert [str(warning) for warning in configuration.warnings] == [
        f"isakmpd.conf:7: [one]:Configuration is missing: {PHASE_1} is used, where the original"
        f" used 3DES-SHA, here and in other sections{ADVICE}",
        f"isakmpd.conf:16: [first]:Configuration is missing: {PHASE_2} is used, where the original"
        f" used QM-ESP-3DES-SHA-PFS-SUITE, here and in other sections{ADVICE}",
    ]


def test_the_generated_section_named_by_the_file() -> None:
    """It is as much a default as when nobody names it."""
    text = "[Default-phase-1-configuration]\nEXCHANGE_TYPE= ID_PROT\n"
    named = MIGRATED.replace("[Phase 2]\nConnections= first,second\n", text).partition("[first]")[0]
    only_two = named.replace("192.0.2.1= one\n", "").partition("[one]")
    told = parse(only_two[0] + "[two]" + named.partition("[two]")[2], "f").warnings
    assert [str(each) for each in told] == [
        "f:4: [Default-phase-1-configuration]:Transforms is missing:"
        f" {PHASE_1}{signed} is used, where the original used 3DES-SHA{signed}{ADVICE}"
        for signed in ("", "-RSA_SIG")  # the latter for whom [Phase 1] does not name
    ]


def test_the_choice_of_defaults() -> None:
    """Two words are known; ``original`` warns of what it brings back, once for each transform."""
    configuration = parse(f"[General]\nDefaults= original\n{MIGRATED}", "f")
    assert [str(warning) for warning in configuration.warnings] == [
        "f:2: [QM-ESP-3DES-SHA-PFS-XF]: weak by today's measure: 3DES, MODP_1024",
        "f:9: [3DES-SHA]: weak by today's measure: 3DES_CBC, MODP_1024",
    ]
    bad = configured({"General": {"Defaults": "orignal"}})
    assert sole_problem(bad) == (
        '[General]:Defaults= orignal: expected modern or original; did you mean "original"?;'
        " modern is used"
    )


@pytest.mark.parametrize(
    ("choice", "transform", "suite"),
    [("modern", PHASE_1, PHASE_2), ("original", "3DES-SHA-RSA_SIG", "QM-ESP-3DES-SHA-PFS-SUITE")],
)
def test_the_defaults_are_ordinary_tags(choice: str, transform: str, suite: str) -> None:
    """So that ``C get`` shows them."""
    bindings = Bindings.parse(f"[General]\nDefaults= {choice}\n", "f")
    assert bindings.get("Default-phase-1-configuration", "Transforms") == transform
    assert bindings.get("General", "Default-phase-2-suites") == suite


def test_a_generated_name_keeps_its_meaning() -> None:
    """Whatever the defaults: a name without a group is of group 2, and warned of once for all."""
    layer = {
        "main": {"Transforms": "3DES-SHA"},
        "quick": {"Suites": "QM-ESP-AES-SHA-PFS-SUITE"},
        "second": {
            "Phase": "2",
            "ISAKMP-peer": "peer",
            "Configuration": "other",
            "Remote-ID": "there",
        },
        "other": {"Suites": "QM-ESP-AES-SHA-PFS-SUITE"},
    }
    configuration = configured(layer)
    assert configuration.problems == ()
    assert [warning.text for warning in configuration.warnings] == [
        "[3DES-SHA]: weak by today's measure: 3DES_CBC, MODP_1024",
        "[QM-ESP-AES-SHA-PFS-XF]: weak by today's measure: MODP_1024",
    ]


DIRECTORY_TAGS = {
    ("General", "Policy-file"): "isakmpd.policy",
    ("General", "Pubkey-directory"): "pubkeys/",
    ("X509-certificates", "CA-directory"): "ca/",
    ("X509-certificates", "Cert-directory"): "certs/",
    ("X509-certificates", "CRL-directory"): "crls/",
    ("X509-certificates", "Private-key"): "private/local.key",
    ("X509-certificates", "Private-key-directory"): "private/",
    ("KeyNote", "Credential-directory"): "keynote/",
}


@pytest.mark.parametrize(
    ("directory", "shown"),
    [("/srv/vpn", "/srv/vpn/"), ("/", "/"), ("/srv/{directory}", "/srv/{directory}/")],
)
def test_the_directory_of_the_file(directory: str, shown: str) -> None:
    """It takes the place of /etc/isakmpd in every default that names a file."""
    bindings = Bindings.parse("[General]\nRetransmits= 5\n", "f", directory)
    for (section, tag), name in DIRECTORY_TAGS.items():
        assert bindings.get(section, tag) == f"{shown}{name}"
        assert bindings.copy().get(section, tag) == f"{shown}{name}"
        assert Bindings().get(section, tag) == f"/etc/isakmpd/{name}"
