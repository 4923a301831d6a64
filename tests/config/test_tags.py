"""Every section and tag the original consults: it works, is refused by name, or is said to do
nothing. None is passed over in silence.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest

from isakmpd.config.model import Configuration
from isakmpd.config.reading import Section
from tests.config.sample import HAND_MADE_PHASE_1, HAND_MADE_SUITE, PLAIN, Sections, configured

NOTHING = "this tag is not supported by this version and does nothing"
NOT_SUPPORTED = "this tag is not supported by this version"

# All kinds of sections, each in use.
EVERYTHING: tuple[Sections, ...] = (
    HAND_MADE_PHASE_1,
    HAND_MADE_SUITE,
    {
        "peer": {"ID": "me", "Remote-ID": "you"},
        "me": {"ID-type": "FQDN", "Name": "me.example.org"},
        "you": {"ID-type": "IPV4_ADDR", "Address": "192.0.2.2"},
        "own": {"Life": "hour"},
        "own-xf": {"Life": "hour"},
        "hour": {"LIFE_TYPE": "SECONDS", "LIFE_DURATION": "3600"},
        "ann@example.org": {"Authentication": "x"},
        "ipv4/192.0.2.2": {"Address": "10.9.0.7"},
        "General": {"Use-Keynote": "no", "Delete-SAs": "yes"},
    },
)

# section, tag, value that changes what is read
WORKS = [
    ("General", "Acquire-Only", ""),
    ("General", "Check-interval", "10"),
    ("General", "Default-phase-1-ID", "you"),
    ("General", "Default-phase-1-lifetime", "60"),
    ("General", "Default-phase-2-lifetime", "60"),
    ("General", "Default-phase-2-suites", "QM-ESP-AES-SHA-SUITE"),
    ("General", "Defaults", "original"),
    ("General", "Delete-SAs", "no"),
    ("General", "DPD-check-interval", "0"),
    ("General", "Exchange-max-time", "60"),
    ("General", "Listen-on", "192.0.2.1"),
    ("General", "Loglevel", "A=10"),
    ("General", "Logverbose", ""),
    ("General", "NAT-T-Keepalive", "10"),
    ("General", "Renegotiate-on-HUP", ""),
    ("General", "Retransmits", "5"),
    ("General", "Use-Keynote", "yes"),
    ("Phase 1", "192.0.2.9", "peer"),
    ("Phase 1", "Default", "peer"),
    ("Phase 2", "Connections", ""),
    ("Phase 2", "Passive-connections", "conn"),
    ("peer", "Phase", "2"),
    ("peer", "Transport", "tcp"),
    ("peer", "Address", "192.0.2.7"),
    ("peer", "Port", "4501"),
    ("peer", "Local-address", "192.0.2.1"),
    ("peer", "Configuration", "main-2"),
    ("peer", "Authentication", "0x42"),
    ("peer", "ID", "you"),
    ("peer", "Remote-ID", "me"),
    ("peer", "Flags", "ikecfg"),
    ("me", "ID-type", "USER_FQDN"),
    ("me", "Name", "you.example.org"),
    ("you", "Address", "192.0.2.3"),
    ("me", "Network", "10.0.0.0"),
    ("me", "Netmask", "255.0.0.0"),
    ("main", "DOI", "ISAKMP"),
    ("main", "EXCHANGE_TYPE", "AGGRESSIVE"),
    ("main", "Transforms", "AES-SHA-GRP14"),
    ("own", "ENCRYPTION_ALGORITHM", "ANY"),
    ("own", "HASH_ALGORITHM", "SHA"),
    ("own", "AUTHENTICATION_METHOD", "ANY"),
    ("own", "GROUP_DESCRIPTION", "ECP_256"),
    ("own", "KEY_LENGTH", "128"),
    ("own", "Life", "ANY"),
    ("hour", "LIFE_TYPE", "KILOBYTES"),
    ("hour", "LIFE_DURATION", "60"),
    ("conn", "Phase", "1"),
    ("conn", "ISAKMP-peer", "peer-2"),
    ("conn", "Configuration", "quick-2"),
    ("conn", "Local-ID", "there"),
    ("conn", "Remote-ID", "far"),
    ("conn", "Flags", "active-only"),
    ("conn", "Flags", "__ondemand"),
    ("quick", "DOI", "ISAKMP"),
    ("quick", "EXCHANGE_TYPE", "ID_PROT"),
    ("quick", "Suites", "QM-ESP-AES-SHA-SUITE"),
    ("own-suite", "Protocols", "QM-ESP-AES-SHA"),
    ("own-esp", "PROTOCOL_ID", "IPSEC_AH"),
    ("own-esp", "Transforms", "QM-ESP-AES-SHA-XF"),
    ("own-esp", "ReplayWindow", "128"),
    ("own-xf", "TRANSFORM_ID", "AES_CTR"),
    ("own-xf", "ENCAPSULATION_MODE", "TRANSPORT"),
    ("own-xf", "AUTHENTICATION_ALGORITHM", "HMAC_SHA"),
    ("own-xf", "GROUP_DESCRIPTION", "ECP_256"),
    ("own-xf", "KEY_LENGTH", "128"),
    ("own-xf", "Life", "ANY"),
    ("here", "ID-type", "IPV4_ADDR"),
    ("here", "Network", "10.3.0.0"),
    ("here", "Netmask", "255.0.0.0"),
    ("here", "Protocol", "udp"),
    ("here", "Port", "7"),
    ("there", "Address", "10.2.0.2"),
    ("ipv4/192.0.2.2", "Address", "10.9.0.8"),
    ("ipv4/192.0.2.2", "Netmask", "255.255.255.0"),
    ("ipv4/192.0.2.2", "Nameserver", "10.0.0.1"),
    ("ipv4/192.0.2.2", "WINS-server", "10.0.0.1"),
    ("ipv4/192.0.2.2", "DHCP-server", "10.0.0.1"),
    ("ipv4/192.0.2.2", "Lifetime", "60"),
    ("ipv4/192.0.2.2", "Network", "10.9.0.0/24"),
    ("ipv4/192.0.2.2", "Prefix", "24"),
    ("ipv4/192.0.2.2", "Mode", "GET"),
    ("ipv4/192.0.2.2", "Attributes", "Address"),
    ("ann@example.org", "Authentication", "y"),
    # Tags the original does not have.
    ("General", "IPsec-stack", "none"),
    ("peer", "HMAC-block", "64"),
    ("peer", "Remote-ID-any", "yes"),
    ("conn", "Without-SA", "clear"),
    ("conn", "Accept-any-suite", "yes"),
    ("General", "Pubkey-directory", "/x/pubkeys/"),
    ("X509-certificates", "CA-directory", "/x/ca/"),
    ("X509-certificates", "Cert-directory", "/x/certs/"),
    ("X509-certificates", "CRL-directory", "/x/crls/"),
    ("X509-certificates", "Private-key", "/x/local.key"),
    ("X509-certificates", "Private-key-directory", "/x/private/"),
    ("X509-certificates", "Accept-self-signed", "yes"),
    ("X509-certificates", "Allow-weak", "yes"),
]
# What some values above lead to, and tags that mean something beside others alone.
_SUBNET = {"ID-type": "IPV4_ADDR_SUBNET", "Name": None}
BESIDE: dict[tuple[str, str], Sections] = {
    ("me", "Network"): {"me": {**_SUBNET, "Netmask": "255.0.0.0"}},
    ("me", "Netmask"): {"me": {**_SUBNET, "Network": "10.0.0.0"}},
    ("General", "Default-phase-1-ID"): {"peer": {"ID": None}},
    ("General", "Default-phase-1-lifetime"): {"own": {"Life": "LIFE_MAIN_MODE"}},
    ("General", "Default-phase-2-lifetime"): {"own-xf": {"Life": "LIFE_QUICK_MODE"}},
    ("General", "Default-phase-2-suites"): {"conn": {"Configuration": None}},
    ("General", "Defaults"): {"conn": {"Configuration": None}},
    ("here", "ID-type"): {"here": {"Address": "10.1.0.1"}},
    ("peer", "Remote-ID-any"): {"peer": {"Remote-ID": None}},
    ("Phase 2", "Passive-connections"): {"Phase 2": {"Connections": None}},
    ("here", "Port"): {"here": {"Protocol": "udp"}},
    ("ipv4/192.0.2.2", "Prefix"): {"ipv4/192.0.2.2": {"Network": "10.9.0.0"}},
}
EVERYTHING += (
    {
        "peer-2": {"Phase": "1", "Configuration": "main", "Authentication": "x"},
        "main-2": {"EXCHANGE_TYPE": "ID_PROT", "Transforms": "AES-SHA-GRP14"},
        "quick-2": {"Suites": "QM-ESP-AES-SHA-SUITE"},
        "far": {"ID-type": "IPV4_ADDR", "Address": "10.2.0.9"},
    },
)

# section, tag, value, beginning of the sentence after it
REFUSED = [
    ("conn", "NAT-ID", "here", NOT_SUPPORTED),
    ("own", "PRF", "1", NOT_SUPPORTED),
    ("own", "FIELD_SIZE", "155", NOT_SUPPORTED),
    ("own", "GROUP_ORDER", "1", NOT_SUPPORTED),
    ("own", "GROUP_TYPE", "MODP", NOT_SUPPORTED),
    ("own-xf", "KEY_ROUNDS", "16", NOT_SUPPORTED),
    ("own-xf", "COMPRESS_DICTIONARY_SIZE", "1", NOT_SUPPORTED),
    ("own-xf", "COMPRESS_PRIVATE_ALGORITHM", "1", NOT_SUPPORTED),
    ("own-xf", "ECN_TUNNEL", "1", NOT_SUPPORTED),
    ("own", "AUTHENTICATION_METHOD", "RSA_ENC", "RSA_ENC is not supported by this version"),
    ("own", "AUTHENTICATION_METHOD", "DSS", "DSS is not supported by this version"),
    ("own", "GROUP_DESCRIPTION", "BP_224", "BP_224 is not supported: no implementation"),
    ("own", "GROUP_DESCRIPTION", "EC2N_155", "EC2N_155 is not supported: no implementation"),
    ("own-xf", "TRANSFORM_ID", "DES", "DES is unsafe and not supported"),
    ("me", "ID-type", "DER_ASN1_GN", "DER_ASN1_GN is not supported by this version"),
    ("main", "DOI", "ISAKMP", "expected IPSEC"),
]

DOES_NOTHING = [
    ("General", "Policy-file", "/etc/isakmpd/isakmpd.policy"),
    ("General", "Shared-SADB", ""),
    ("KeyNote", "Credential-directory", "/etc/isakmpd/keynote/"),
    ("peer", "Credentials", "/x"),
    ("peer", "Credential_Type", "X509"),
    ("peer", "PKAuthentication", "/x"),
    ("peer", "Refcount", "1"),
    ("conn", "PF-Tag", "vpn"),
    ("conn", "Acquire-ID", "7"),
    ("conn", "Refcount", "1"),
]


def read_with(section: str, tag: str, value: str) -> Configuration:
    """Read everything with one tag set."""
    return configured(*EVERYTHING, BESIDE.get((section, tag), {}), {section: {tag: value}})


def said(configuration: Configuration) -> Configuration:
    """Give what a configuration means, without what is told about it."""
    return replace(configuration, problems=(), warnings=(), misspelt=(), unused=())


def test_all_of_it_is_in_use() -> None:
    """Else a tag that is passed over would go unnoticed."""
    configuration = configured(*EVERYTHING)
    assert configuration.problems == ()
    assert configuration.warnings == ()
    assert [unused.text for unused in configuration.unused] == [
        "nothing uses section [main-2]",
        "nothing uses section [quick-2]",
        "nothing uses section [far]",
    ]


@pytest.mark.parametrize(("section", "tag", "value"), WORKS)
def test_a_tag_that_works(section: str, tag: str, value: str) -> None:
    """It changes what is read, or is a fault where the value is one that cannot be."""
    without = configured(*EVERYTHING, BESIDE.get((section, tag), {}))
    found = read_with(section, tag, value)
    assert said(found) != said(without) or found.problems != without.problems
    assert not [each for each in found.unused if each.text == f"nothing uses [{section}]:{tag}"]
    assert not [each for each in found.warnings if each.text.endswith(NOTHING)]


@pytest.mark.parametrize(("section", "tag", "value", "words"), REFUSED)
def test_a_tag_that_is_refused(section: str, tag: str, value: str, words: str) -> None:
    """Passed over it would weaken or break a tunnel."""
    (problem,) = read_with(section, tag, value).problems
    assert problem.text.startswith(f"[{section}]:{tag}= {value}: {words}")
    assert problem.text.endswith("left out")


@pytest.mark.parametrize(("section", "tag", "value"), DOES_NOTHING)
def test_a_tag_that_does_nothing(section: str, tag: str, value: str) -> None:
    """It is said, and everything else stays as it was."""
    found = read_with(section, tag, value)
    shown = "<hidden>" if tag == "PKAuthentication" else value
    (warning,) = found.warnings
    assert warning.text == f"[{section}]:{tag}= {shown}: {NOTHING}"
    assert warning.line
    assert found.problems == ()
    assert said(found) == said(configured(*EVERYTHING))


def test_the_default_of_a_tag_that_does_nothing_is_no_word_worth() -> None:
    """Only what somebody wrote may disappoint somebody."""
    assert configured(*EVERYTHING).warnings == ()


def test_a_section_for_a_distinguished_name() -> None:
    """It is found by the name, in either spelling."""
    for name in ("asn1_dn//C=SE/O=Example", "asn1_dn/C=SE, O=Example"):
        found = configured({name: {"Address": "10.0.0.1"}})
        assert found.warnings == found.problems == ()
        pool = found.address_pools["asn1_dn//c=se/o=example"]
        assert pool.address == ip_address("10.0.0.1")
    bad = configured({"asn1_dn/Example": {"Address": "10.0.0.1"}})
    assert "'Example' is no attribute; expected TYPE=value, TYPE one of CN" in str(bad.problems[0])


@pytest.mark.parametrize(
    ("name", "tags", "suggested"),
    [
        ("X509-certificate", {"Private-key": "/x"}, "X509-certificates"),
        ("Keynote ", {"Credential-directory": "/x"}, "KeyNote"),
    ],
)
def test_a_misspelt_section_of_a_later_version(
    name: str, tags: dict[str, str], suggested: str
) -> None:
    """It is known by name."""
    (warning,) = configured({name: tags}).warnings
    assert warning.text == f'nothing uses section [{name}]; did you mean "{suggested}"?'


def test_the_table_has_every_tag_that_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tag that the code knows and no table here names would be untested."""
    asked: set[str] = set()
    get = Section.get

    def recorded(section: Section, tag: str) -> str | None:
        asked.add(tag.lower())
        return get(section, tag)

    monkeypatch.setattr(Section, "get", recorded)
    for section, tag, value in WORKS:
        read_with(section, tag, value)
    tables = [(section, tag) for section, tag, *_ in (*WORKS, *REFUSED, *DOES_NOTHING)]
    assert len(asked) > 60
    assert asked <= {"192.0.2.2"} | {tag.lower() for _, tag in tables}


def test_each_tag_stands_once() -> None:
    """No tag is said to work and to do nothing."""
    refused = {(section, tag, value) for section, tag, value, _ in REFUSED}
    nothing = {(section, tag) for section, tag, _ in DOES_NOTHING}
    assert not nothing & {(section, tag) for section, tag, _ in WORKS}
    assert len(WORKS) == len(set(WORKS))
    assert len(REFUSED) == len(refused)
    assert set(PLAIN) <= {section for section, _, _ in WORKS}
