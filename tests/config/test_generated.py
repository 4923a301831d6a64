"""What is configured without a word: generated transforms, suites and defaults."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.generated import (
    Surroundings,
    generated_tags,
    main_mode_names,
    quick_mode_names,
)


def tags(section: str, text: str = "") -> Mapping[str, str]:
    """Give the generated tags of a section beside what a file says."""
    written = {(each.section, each.tag): each.value for each in Bindings.parse(text, "f").written()}
    return generated_tags(section, Surroundings(lambda *place: written.get(place)))


def test_there_are_1890_main_mode_transforms() -> None:
    """Seven ciphers, five hashes, a group or none, three authentication methods."""
    names = list(main_mode_names())
    assert len(names) == len(set(names)) == 1890
    assert all("Life" in tags(name) for name in names)


def test_there_are_3648_quick_mode_suites() -> None:
    """Each suite leads to a protocol and that to a transform of the same name."""
    names = list(quick_mode_names())
    assert len(names) == len(set(names)) == 3648
    for name in names:
        protocol = tags(name)["Protocols"]
        assert f"{protocol}-SUITE" == name
        assert tags(protocol)["Transforms"] == f"{protocol}-XF"
        assert "TRANSFORM_ID" in tags(f"{protocol}-XF")


def test_every_pfs_suite_has_a_group_and_no_other_has() -> None:
    """Perfect forward secrecy is real also without a hash, where the original forgot it."""
    for name in quick_mode_names():
        transform = tags(name.removesuffix("-SUITE") + "-XF")
        assert ("GROUP_DESCRIPTION" in transform) == ("-PFS" in name), name


MAIN_MODE = {
    "3DES-MD5": ("3DES_CBC", None, "MD5", "PRE_SHARED", "MODP_1024"),
    "3DES-SHA-RSA_SIG": ("3DES_CBC", None, "SHA", "RSA_SIG", "MODP_1024"),
    "CAST-SHA-GRP1": ("CAST_CBC", None, "SHA", "PRE_SHARED", "MODP_768"),
    "BLF-SHA2-512-GRP5-DSS": ("BLOWFISH_CBC", "128,96:192", "SHA2_512", "DSS", "MODP_1536"),
    "AES-SHA-GRP14": ("AES_CBC", "128,128:256", "SHA", "PRE_SHARED", "MODP_2048"),
    "AES-128-SHA2-256-GRP30": ("AES_CBC", "128,128:128", "SHA2_256", "PRE_SHARED", "BP_512"),
    "aes-256-sha2-384-grp19-rsa_sig": (
        *("AES_CBC", "256,256:256", "SHA2_384", "RSA_SIG", "ECP_256"),
    ),
}


@pytest.mark.parametrize(("name", "expected"), MAIN_MODE.items())
def test_a_main_mode_transform(name: str, expected: tuple[str | None, ...]) -> None:
    """A transform's name says cipher, hash, group and authentication, in that order."""
    found = tags(name)
    assert (
        found["ENCRYPTION_ALGORITHM"],
        found.get("KEY_LENGTH"),
        found["HASH_ALGORITHM"],
        found["AUTHENTICATION_METHOD"],
        found["GROUP_DESCRIPTION"],
    ) == expected
    assert found["Life"] == "LIFE_MAIN_MODE"


QUICK_MODE = {
    "QM-ESP-3DES-SHA-PFS": ("3DES", None, "TUNNEL", "HMAC_SHA", "MODP_1024"),
    "QM-ESP-3DES": ("3DES", None, "TUNNEL", None, None),
    "QM-ESP-TRP-AES-MD5": ("AES", "128,128:256", "TRANSPORT", "HMAC_MD5", None),
    "QM-ESP-AES-192-SHA2-256-PFS-GRP15": (
        *("AES", "192,192:192", "TUNNEL", "HMAC_SHA2_256", "MODP_3072"),
    ),
    "QM-ESP-AESCTR-RIPEMD": ("AES_CTR", None, "TUNNEL", "HMAC_RIPEMD", None),
    "QM-ESP-AESGCM-256-PFS-GRP14": ("AES_GCM_16", "256,256:256", "TUNNEL", None, "MODP_2048"),
    "QM-ESP-AESGMAC-128-PFS": ("AES_GMAC", "128,128:128", "TUNNEL", None, "MODP_1024"),
    "QM-ESP-NULL-SHA2-512": ("NULL", None, "TUNNEL", "HMAC_SHA2_512", None),
    "QM-AH-TRP-SHA2-384-PFS-GRP1": ("SHA2_384", None, "TRANSPORT", "HMAC_SHA2_384", "MODP_768"),
}


@pytest.mark.parametrize(("name", "expected"), QUICK_MODE.items())
def test_a_quick_mode_transform(name: str, expected: tuple[str | None, ...]) -> None:
    """A suite's name says protocol, mode, cipher, hash and group, in that order."""
    found = tags(f"{name}-XF")
    assert (
        found["TRANSFORM_ID"],
        found.get("KEY_LENGTH"),
        found["ENCAPSULATION_MODE"],
        found.get("AUTHENTICATION_ALGORITHM"),
        found.get("GROUP_DESCRIPTION"),
    ) == expected
    assert found["Life"] == "LIFE_QUICK_MODE"


def test_the_protocol_section_of_a_suite() -> None:
    """The protocol is in the name."""
    assert tags("qm-esp-3des-sha") == {
        "PROTOCOL_ID": "IPSEC_ESP",
        "Transforms": "QM-ESP-3DES-SHA-XF",
    }
    assert tags("QM-AH-SHA") == {"PROTOCOL_ID": "IPSEC_AH", "Transforms": "QM-AH-SHA-XF"}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "AES",
        "AES-SHA-",
        "AES-SHA-GRP3",
        "AES-SHA-RSA_SIG-GRP14",
        "AES-512-SHA",
        "DES-SHA",
        "QM-ESP-SUITE",
        "QM-ESP-AESGCM-128-SHA-SUITE",
        "QM-AH-3DES-SHA-SUITE",
        "QM-AH-SUITE",
        "QM-ESP-AES-SHA-GRP14-SUITE",
        "QM-ESP-AES-SHA-SUITE-XF",
        "QM-ESP-AES-SHA-SUITE\n",
    ],
)
def test_a_name_that_means_nothing(name: str) -> None:
    """A name outside the pattern generates nothing."""
    assert not tags(name)


@pytest.mark.parametrize(
    ("section", "tag", "value"),
    [
        ("General", "Retransmits", "3"),
        ("general", "Exchange-max-time", "120"),
        ("General", "Use-Keynote", "yes"),
        ("General", "Policy-file", "/etc/isakmpd/isakmpd.policy"),
        ("General", "Delete-SAs", "yes"),
        ("X509-certificates", "Private-key", "/etc/isakmpd/private/local.key"),
        ("KeyNote", "Credential-directory", "/etc/isakmpd/keynote/"),
        ("Phase 1", "Default", "Default-phase-1"),
        ("Default-phase-1", "Configuration", "Default-phase-1-configuration"),
        ("Default-phase-1-configuration", "Transforms", "AES-256-SHA2-256-GRP14"),
        ("General", "Default-phase-2-suites", "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE"),
        ("General", "Defaults", "modern"),
        ("LIFE_MAIN_MODE", "LIFE_TYPE", "SECONDS"),
        ("LIFE_MAIN_MODE", "LIFE_DURATION", "3600,60:86400"),
        ("LIFE_QUICK_MODE", "LIFE_DURATION", "1200,60:86400"),
    ],
)
def test_a_default(section: str, tag: str, value: str) -> None:
    """Defaults are ordinary tags."""
    assert tags(section)[tag] == value


def test_defaults_that_general_decides() -> None:
    """The lifetimes and the identity of the default peer follow [General]."""
    text = (
        "[General]\nDefault-phase-1-lifetime=60\nDefault-phase-2-lifetime=30\n"
        "Default-phase-1-ID=me\n"
    )
    assert tags("LIFE_MAIN_MODE", text)["LIFE_DURATION"] == "60"
    assert tags("LIFE_QUICK_MODE", text)["LIFE_DURATION"] == "30"
    assert tags("Default-phase-1", text)["ID"] == "me"
    assert "ID" not in tags("Default-phase-1")
