"""What a peer section may say, and what is said about one that is wrong."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from isakmpd.config.generated import main_mode_names
from isakmpd.config.model import OfferAccept
from isakmpd.config.read import parse
from isakmpd.wire.distinguished_names import der_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    EncryptionAlgorithm,
    ExchangeType,
    GroupDescription,
    IdType,
    LifeType,
)
from tests.config.sample import HAND_MADE_PHASE_1, Sections, configured, sole_problem


def changed(**tags: str | None) -> Sections:
    """Change tags of the peer section; an underscore stands for a hyphen."""
    return {"peer": {tag.replace("_", "-"): value for tag, value in tags.items()}}


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("s3cret", b"s3cret"),
        ("with # and ; and =", b"with # and ; and ="),
        ("schlüssel", "schlüssel".encode()),
        ("latin \udce4", b"latin \xe4"),
        ("0x00ff", b"\x00\xff"),
        ("0XABC", b"\x0a\xbc"),
        ("0x1", b"\x01"),
    ],
)
def test_a_pre_shared_key(written: str, key: bytes) -> None:
    """A key is the octets of the file, or hex, whose odd first digit stands alone."""
    secret = configured(changed(Authentication=written)).peers["peer"].pre_shared_key
    assert secret is not None
    assert secret.reveal() == key


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Phase": "2"}, "[peer]:Phase= 2: expected 1"),
        ({"Address": "gw.example.org"}, "[peer]:Address= gw.example.org: expected an IPv4 or IPv6"),
        ({"Address": "300.1.1.1"}, "expected an IPv4 or IPv6"),
        ({"Address": ""}, "expected an IPv4 or IPv6"),
        ({"Port": "0"}, "[peer]:Port= 0: expected a number from 1 to 65535"),
        ({"Port": "65536"}, "expected a number from 1 to 65535"),
        ({"Port": "9" * 5000}, "expected a number from 1 to 65535"),
        ({"Local_address": "em9"}, "[peer]:Local-address= em9: expected an IPv4 address"),
        ({"Local_address": "2001:db8::1"}, "expected an IPv4 address"),
        ({"Transport": "tcp"}, "[peer]:Transport= tcp: expected udp"),
        ({"Configuration": "mian"}, 'there is no section [mian]; did you mean "main"?'),
        ({"Authentication": None}, "[peer]:Authentication is missing: expected the pre-shared key"),
        ({"Authentication": ""}, "[peer]:Authentication= <hidden>: the key is empty"),
        ({"Authentication": "0x"}, "the key is empty"),
        ({"Authentication": "0xs3cret"}, "[peer]:Authentication= <hidden>: expected only hex"),
        ({"ID": "nobody"}, "[peer]:ID= nobody: there is no section [nobody]"),
        ({"HMAC_block": "96"}, "[peer]:HMAC-block= 96: expected 64, as OpenBSD's isakmpd pads"),
        ({"Remote_ID_any": "true"}, "[peer]:Remote-ID-any= true: expected yes or no"),
        ({"Remote_ID_any": "yes", "Remote_ID": "there"}, "expected only one of the two tags"),
        ({"Remote_ID": "there!"}, 'there is no section [there!]; did you mean "there"?'),
    ],
)
def test_a_peer_with_a_fault_is_left_out(tags: dict[str, str | None], words: str) -> None:
    """The one problem names the tag, what was seen and what was expected, and never the key."""
    configuration = configured(changed(**tags))
    problem = sole_problem(configuration)
    assert words in problem
    assert problem.endswith("peer [peer] and connection [conn] are left out")
    assert "s3cret" not in problem
    assert configuration.peers == {}
    # Its address does not fall to another section for that.
    assert configuration.peer_by_address == {ip_address("192.0.2.2"): "peer"}
    assert configuration.peer_for(ip_address("192.0.2.2")) is None


def test_a_swallowed_key_stays_hidden() -> None:
    """A stray backslash makes the key a part of the line before, which is then not shown."""
    text = "[peer]\nPhase= 1\nConfiguration= main\\\nAuthentication= s3cret\n"
    (problem,) = parse(text, "f").problems
    assert str(problem) == (
        "f:3: [peer]:Configuration= <hidden>: there is no section [<hidden>];"
        " peer [peer] is left out"
    )


def test_ports() -> None:
    """A peer without Port listens where we do."""
    assert configured().peers["peer"].port == 500
    assert configured(default_port=5500).peers["peer"].port == 5500
    assert configured(changed(Port="1500"), default_port=5500).peers["peer"].port == 1500


@pytest.mark.parametrize(
    ("tag", "value", "expected"),
    [
        ("Address", "192.0.2.7", "192.0.2.7"),
        ("Address", "2001:0DB8:0::0007", "2001:db8::7"),
        ("Address", "em0", "198.51.100.1"),
        ("Address", "default", "198.51.100.1"),
    ],
)
def test_an_address(tag: str, value: str, expected: str) -> None:
    """An address is a number in any spelling, or that of an interface."""
    peer = configured({"peer": {tag: value}}).peers["peer"]
    assert peer.address == ip_address(expected)


def test_the_local_address_has_the_family_of_the_peers() -> None:
    """An interface gives the address that can reach the peer."""
    peer = configured(changed(Address="2001:db8::7", Local_address="em0")).peers["peer"]
    assert peer.local_address == ip_address("2001:db8::1")


@pytest.mark.parametrize(
    ("tags", "kind", "data"),
    [
        ({"ID-type": "FQDN", "Name": "gw.example.org"}, IdType.FQDN, b"gw.example.org"),
        ({"ID-type": "user_fqdn", "Name": "me@example.org"}, IdType.USER_FQDN, b"me@example.org"),
        ({"ID-type": "KEY_ID", "Name": "grüße"}, IdType.KEY_ID, "grüße".encode()),
        ({"ID-type": "IPV4_ADDR", "Address": "192.0.2.1"}, IdType.IPV4_ADDR, b"\xc0\0\2\1"),
        ({"ID-type": "IPV4_ADDR", "Address": "lo0"}, IdType.IPV4_ADDR, b"\x7f\0\0\1"),
        ({"ID-type": "IPV6_ADDR", "Address": "::1"}, IdType.IPV6_ADDR, bytes(15) + b"\1"),
        ({"ID-type": "KEY_ID", "Name": "0X0AbC1"}, IdType.KEY_ID, b"\x00\xab\xc1"),
        (
            {"ID-type": "IPV4_ADDR_SUBNET", "Network": "10.0.0.0", "Netmask": "255.0.0.0"},
            IdType.IPV4_ADDR_SUBNET,
            b"\x0a\0\0\0\xff\0\0\0",
        ),
        (
            {"ID-type": "IPV6_ADDR_SUBNET", "Network": "2001:db8::", "Netmask": "ffff:ffff::"},
            IdType.IPV6_ADDR_SUBNET,
            b"\x20\x01\x0d\xb8" + bytes(12) + b"\xff" * 4 + bytes(12),
        ),
    ],
)
def test_an_identity(tags: dict[str, str], kind: IdType, data: bytes) -> None:
    """ID and Remote-ID name a section that says who."""
    peer = configured(changed(ID="who", Remote_ID="who"), {"who": tags}).peers["peer"]
    assert peer.local_id == peer.remote_id == Identity(kind, data)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Name": "x"}, "[who]:ID-type is missing: expected one of IPV4_ADDR"),
        ({"ID-type": "FQDM", "Name": "x"}, 'did you mean "FQDN"?'),
        ({"ID-type": "FQDN"}, "[who]:Name is missing: expected the name of this FQDN"),
        ({"ID-type": "FQDN", "Name": "grüße.example"}, "expected ASCII"),
        ({"ID-type": "IPV4_ADDR"}, "[who]:Address is missing: expected an IPv4 address"),
        ({"ID-type": "IPV4_ADDR", "Address": "::1"}, "expected an IPv4 address"),
        ({"ID-type": "KEY_ID", "Name": "0xzz"}, "[who]:Name= 0xzz: expected only hex digits"),
        ({"ID-type": "KEY_ID", "Name": "0x"}, "[who]:Name= 0x: expected hex digits after 0x"),
        ({"ID-type": "DER_ASN1_GN", "Name": "/C=SE"}, "DER_ASN1_GN is not supported by this"),
        ({"ID-type": "IPV4_RANGE"}, "IPV4_RANGE can be received and not be written"),
        (
            {"ID-type": "DER_ASN1_DN", "Name": "west"},
            "[who]:Name= west: 'west' is no attribute; expected TYPE=value, TYPE one of CN",
        ),
        (
            {"ID-type": "DER_ASN1_DN", "Name": "C=SE, CN=*"},
            "[peer]:ID= who: C=SE, CN=* has a *, which only a Remote-ID may have",
        ),
    ],
)
def test_an_identity_with_a_fault(tags: dict[str, str], words: str) -> None:
    """A wrong identity is told where it stands and costs the peer."""
    problem = sole_problem(configured(changed(ID="who"), {"who": tags}))
    assert words in problem
    assert problem.endswith("peer [peer] and connection [conn] are left out")


def test_the_identity_of_all_peers() -> None:
    """Default-phase-1-ID identifies us to peers that say nothing else."""
    everyone = {
        "General": {"Default-phase-1-ID": "us"},
        "us": {"ID-type": "FQDN", "Name": "us.example"},
        "me": {"ID-type": "FQDN", "Name": "me.example"},
    }
    assert configured().peers["peer"].local_id is None
    us = configured(everyone).peers["peer"].local_id
    me = configured(everyone, changed(ID="me")).peers["peer"].local_id
    assert (us, me) == (Identity(IdType.FQDN, b"us.example"), Identity(IdType.FQDN, b"me.example"))


@pytest.mark.parametrize(
    ("key", "address"),
    [
        ("192.0.2.9", "192.0.2.9"),
        ("2001:0db8:0:0::9", "2001:db8::9"),
        ("2001:DB8::9", "2001:db8::9"),
    ],
)
def test_phase_1_maps_addresses_to_peers(key: str, address: str) -> None:
    """An IPv6 address may be spelled in any way."""
    configuration = configured({"Phase 1": {key: "peer"}})
    assert configuration.peer_for(ip_address(address)) is configuration.peers["peer"]
    assert configuration.peer_for(ip_address("192.0.2.99")) is None


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"gw.example": "peer"}, "[Phase 1]:gw.example= peer: expected the address of a peer"),
        ({"192.0.2.8": "per"}, 'there is no section [per]; did you mean "peer"?'),
        ({"2001:db8::1": "peer", "2001:db8:0::1": "peer"}, "another line names a peer"),
    ],
)
def test_a_line_of_phase_1_with_a_fault(tags: dict[str, str], words: str) -> None:
    """A wrong line is told and costs nothing else."""
    configuration = configured({"Phase 1": tags})
    assert words in sole_problem(configuration)
    assert configuration.peer_for(ip_address("192.0.2.2")) is configuration.peers["peer"]


def test_the_default_peer() -> None:
    """Default answers every address that has no line of its own."""
    other = {
        "Phase 1": {"default": "other"},
        "other": {"Phase": "1", "Configuration": "main", "Authentication": "x"},
    }
    configuration = configured(other)
    assert configuration.problems == ()
    assert configuration.default_peer == "other"
    assert configuration.peer_for(ip_address("203.0.113.1")) is configuration.peers["other"]
    assert configuration.peer_for(ip_address("192.0.2.2")) is configuration.peers["peer"]


def test_the_generated_default_peer() -> None:
    """Default-phase-1 is a peer as soon as someone says how."""
    said = {
        "Default-phase-1": {"Authentication": "x"},
        "Default-phase-1-configuration": {"Transforms": "AES-SHA-GRP14"},
    }
    configuration = configured(said)
    assert configuration.problems == ()
    assert configuration.default_peer == "Default-phase-1"
    only_a_key = configured({"Default-phase-1": {"Authentication": "x"}})
    assert only_a_key.problems == ()
    (transform,) = only_a_key.peers["Default-phase-1"].transforms
    assert transform.section == "AES-256-SHA2-256-GRP14"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"ENCRYPTION_ALGORITHM": "AES-CBC"}, 'did you mean "AES_CBC"?'),
        (
            {"ENCRYPTION_ALGORITHM": None},
            ": expected one of BLOWFISH_CBC, 3DES_CBC, CAST_CBC, AES_CBC",
        ),
        ({"ENCRYPTION_ALGORITHM": "IDEA_CBC"}, "IDEA_CBC is not supported by this version"),
        ({"ENCRYPTION_ALGORITHM": "CAST_CBC"}, "expected 40 to 128 in steps of 8"),
        ({"ENCRYPTION_ALGORITHM": "3DES_CBC"}, "[own]:KEY_LENGTH= 256: this cipher's keys"),
        ({"HASH_ALGORITHM": "SHA1"}, "expected one of MD5, SHA, SHA2_256, SHA2_384, SHA2_512"),
        ({"HASH_ALGORITHM": "TIGER"}, "TIGER is not supported by this version"),
        ({"AUTHENTICATION_METHOD": "DSS"}, "DSS is not supported by this version"),
        (
            {"AUTHENTICATION_METHOD": "PSK"},
            "[own]:AUTHENTICATION_METHOD= PSK: expected one of PRE_SHARED, RSA_SIG",
        ),
        ({"GROUP_DESCRIPTION": "EC2N_155"}, "EC2N_155 is not supported: no implementation of"),
        ({"GROUP_DESCRIPTION": "BP_224"}, "BP_224 is not supported: no implementation of this"),
        ({"GROUP_DESCRIPTION": "MODP2048"}, 'did you mean "MODP_2048"?'),
        ({"KEY_LENGTH": "128,64:100"}, "expected 128, 192 or 256, inside the range after it"),
        ({"KEY_LENGTH": "100"}, "expected 128, 192 or 256"),
        ({"KEY_LENGTH": "128,192:256"}, "expected 128, 192 or 256, inside the range"),
        ({"KEY_LENGTH": "128,128"}, "expected V or V,MIN:MAX in bits"),
        ({"PRF": "HMAC"}, "[own]:PRF= HMAC: this tag is not supported by this version"),
        ({"Life": "nothing"}, "there is no section [nothing]"),
    ],
)
def test_a_transform_with_a_fault(tags: dict[str, str | None], words: str) -> None:
    """A transform the engine could not carry out never reaches it."""
    configuration = configured(HAND_MADE_PHASE_1, {"own": tags})
    problem = sole_problem(configuration)
    assert words in problem
    assert "transform [own], ISAKMP-configuration [main], peer [peer]" in problem
    assert configuration.peers == {}


def test_a_bad_transform_leaves_the_others() -> None:
    """A peer offers what remains of its list, in order."""
    transforms = "AES-SHA-GRP5,AES-SHA-GRP27 , AES-SHA-GRP99,3DES-SHA-GRP14"
    configuration = configured({"main": {"Transforms": transforms}})
    remaining = [transform.section for transform in configuration.peers["peer"].transforms]
    assert remaining == ["AES-SHA-GRP5", "3DES-SHA-GRP14"]
    first, second = (problem.text for problem in configuration.problems)
    assert first.endswith("; transform [AES-SHA-GRP27] is left out")
    assert second.endswith("; transform [AES-SHA-GRP99] is left out")
    assert [problem.line for problem in configuration.problems] == [12, 12]


def test_the_generated_transforms() -> None:
    """Of all names only DSS and group 27 are refused."""
    names = list(main_mode_names())
    peer = configured({"main": {"Transforms": ",".join(names)}}).peers["peer"]
    usable = {transform.section for transform in peer.transforms}
    for name in names:
        refused = name.endswith(("-DSS", "-GRP27", "-GRP27-RSA_SIG"))
        assert (name in usable) == (not refused), name


def test_triple_des_is_spelled_3des() -> None:
    """Constants of the file and of the protocol meet."""
    tags = {"ENCRYPTION_ALGORITHM": "3des_cbc", "KEY_LENGTH": None}
    transform = configured(HAND_MADE_PHASE_1, {"own": tags}).peers["peer"].transforms[0]
    assert transform.encryption is EncryptionAlgorithm.TRIPLE_DES_CBC
    assert transform.key_length is None


def test_a_key_length_is_offered_only_where_written() -> None:
    """A transform of one's own without KEY_LENGTH has none; a generated one has its range."""
    own = configured(HAND_MADE_PHASE_1, {"own": {"KEY_LENGTH": None}}).peers["peer"]
    assert own.transforms[0].key_length is None
    generated = configured({"main": {"Transforms": "AES-SHA-GRP14"}}).peers["peer"]
    assert generated.transforms[0].key_length == OfferAccept(128, 128, 256, ranged=True)


def test_a_generated_transform_partly_overridden() -> None:
    """A written tag replaces the generated one, the others stay."""
    layer = {"AES-256-SHA2-256-GRP14": {"GROUP_DESCRIPTION": "MODP_4096"}}
    transform = configured(layer).peers["peer"].transforms[0]
    assert transform.group is GroupDescription.MODP_4096
    assert transform.key_length == OfferAccept(256, 256, 256, ranged=True)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({}, []),
        ({"own": {"Life": "LIFE_MAIN_MODE"}}, [(LifeType.SECONDS, (3600, 60, 86400, True))]),
        (
            {
                "own": {"Life": "LIFE_MAIN_MODE"},
                "General": {"Default-phase-1-lifetime": "100,50:200"},
            },
            [(LifeType.SECONDS, (100, 50, 200, True))],
        ),
        (
            {
                "own": {"Life": "time , volume"},
                "time": {"LIFE_TYPE": "seconds", "LIFE_DURATION": "100"},
                "volume": {"LIFE_TYPE": "KILOBYTES", "LIFE_DURATION": "1000, 100 : 5000"},
            },
            [
                (LifeType.SECONDS, (100, 100, 100, False)),
                (LifeType.KILOBYTES, (1000, 100, 5000, True)),
            ],
        ),
        ({"own": {"Life": "ANY"}}, [(LifeType.SECONDS, (3600, 1, 2**32 - 1, True))]),
        (
            {
                "own": {"Life": "time,volume"},
                "time": {"LIFE_TYPE": "SECONDS", "LIFE_DURATION": "ANY"},
                "volume": {"LIFE_TYPE": "KILOBYTES", "LIFE_DURATION": "ANY"},
            },
            [(LifeType.SECONDS, (3600, 1, 2**32 - 1, True))],
        ),
    ],
)
def test_lifetimes(
    sections: Sections, expected: list[tuple[LifeType, tuple[int, int, int, bool]]]
) -> None:
    """A transform may live for a time and for a volume; ANY offers the usual time."""
    transform = configured(HAND_MADE_PHASE_1, sections).peers["peer"].transforms[0]
    found = [(lifetime.type, lifetime.duration) for lifetime in transform.lifetimes]
    assert found == [(kind, OfferAccept(*numbers)) for kind, numbers in expected]


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"LIFE_DURATION": "60"}, "[life]:LIFE_TYPE is missing: expected one of SECONDS"),
        ({"LIFE_TYPE": "SECONDS"}, "[life]:LIFE_DURATION is missing: expected V, V,MIN:MAX or ANY"),
        ({"LIFE_TYPE": "SECONDS", "LIFE_DURATION": "1h"}, "expected V or V,MIN:MAX in seconds"),
        ({"LIFE_TYPE": "SECONDS", "LIFE_DURATION": "0"}, "expected a duration from 1 to"),
        ({"LIFE_TYPE": "SECONDS", "LIFE_DURATION": "60,90:30"}, "nothing is from 90 to 30"),
        ({"LIFE_TYPE": "HOURS", "LIFE_DURATION": "1"}, "expected one of SECONDS, KILOBYTES"),
    ],
)
def test_a_lifetime_with_a_fault(tags: dict[str, str], words: str) -> None:
    """A wrong Life section costs the transform that names it."""
    problem = sole_problem(configured(HAND_MADE_PHASE_1, {"own": {"Life": "life"}, "life": tags}))
    assert words in problem
    assert "lifetime [life], transform [own]" in problem


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        (
            {"EXCHANGE_TYPE": None},
            "EXCHANGE_TYPE is missing: expected one of ID_PROT, AGGRESSIVE",
        ),
        ({"EXCHANGE_TYPE": "QUICK_MODE"}, "expected one of ID_PROT, AGGRESSIVE"),
        ({"DOI": "ISAKMP"}, "[main]:DOI= ISAKMP: expected IPSEC"),
        ({"Transforms": None}, "expected the name of at least one transform section"),
        ({"Transforms": "AES256-SHA2-256-GRP14"}, 'did you mean "AES-256-SHA2-256-GRP14"?'),
    ],
)
def test_a_configuration_with_a_fault(tags: dict[str, str | None], words: str) -> None:
    """A wrong ISAKMP-configuration costs the peers that name it."""
    problem = sole_problem(configured({"main": tags}))
    assert words in problem
    assert "ISAKMP-configuration [main], peer [peer] and connection [conn] are left" in problem


def test_weak_algorithms_work_with_a_warning() -> None:
    """Old suites stay available to whoever asks for them."""
    configuration = configured({"main": {"Transforms": "3DES-MD5"}})
    assert configuration.problems == ()
    (warning,) = configuration.warnings
    assert warning.text == "[3DES-MD5]: weak by today's measure: 3DES_CBC, MD5, MODP_1024"


ANY_TAGS = [
    ("ENCRYPTION_ALGORITHM", "encryption"),
    ("HASH_ALGORITHM", "hash"),
    ("AUTHENTICATION_METHOD", "authentication"),
    ("GROUP_DESCRIPTION", "group"),
]


@pytest.mark.parametrize(("tag", "attribute"), ANY_TAGS)
@pytest.mark.parametrize("spelling", ["ANY", "any"])
def test_an_algorithm_may_be_any(tag: str, attribute: str, spelling: str) -> None:
    """ANY judges what a peer offers, and is never offered."""
    transforms = {"main": {"Transforms": "own,AES-SHA-GRP14"}}
    peer = configured(HAND_MADE_PHASE_1, transforms, {"own": {tag: spelling}}).peers["peer"]
    assert getattr(peer.transforms[0], attribute) is None
    assert [each.section for each in peer.offered_transforms] == ["AES-SHA-GRP14"]


@pytest.mark.parametrize(
    ("cipher", "written", "expected"),
    [
        ("AES_CBC", "192", OfferAccept(192, 192, 192)),
        ("AES_CBC", "ANY", OfferAccept(128, 128, 256, ranged=True)),
        ("BLOWFISH_CBC", "128,96:192", OfferAccept(128, 96, 192, ranged=True)),
        ("BLOWFISH_CBC", "any", OfferAccept(128, 40, 448, ranged=True)),
        ("CAST_CBC", "64", OfferAccept(64, 64, 64)),
        ("CAST_CBC", None, None),
        ("3DES_CBC", "192", None),
        ("3DES_CBC", "ANY", None),
        ("DES_CBC", "64", None),
        ("ANY", "100,8:200", OfferAccept(100, 8, 200, ranged=True)),
        ("ANY", "ANY", None),
    ],
)
def test_a_key_length(cipher: str, written: str | None, expected: OfferAccept | None) -> None:
    """A length is chosen where the cipher has several; a fixed one may be repeated."""
    tags = {"ENCRYPTION_ALGORITHM": cipher, "KEY_LENGTH": written}
    configuration = configured(HAND_MADE_PHASE_1, {"own": tags, "Phase 2": {"Connections": None}})
    assert configuration.problems == ()
    assert configuration.peers["peer"].transforms[0].key_length == expected


def test_des_is_warned_of_by_name() -> None:
    """Who asks for DES gets it, and is told what it is worth."""
    tags = {"ENCRYPTION_ALGORITHM": "DES_CBC", "KEY_LENGTH": None}
    configuration = configured(HAND_MADE_PHASE_1, {"own": tags})
    assert configuration.problems == ()
    (warning,) = configuration.warnings
    assert warning.text == (
        "[own]:ENCRYPTION_ALGORITHM= DES_CBC: DES_CBC is broken: whoever records the traffic finds"
        " its 56-bit key by trial; expected AES_CBC"
    )


def test_aggressive_mode() -> None:
    """It works with a warning of what it gives away."""
    configuration = configured({"main": {"EXCHANGE_TYPE": "aggressive"}})
    assert configuration.problems == ()
    assert configuration.peers["peer"].exchange_type is ExchangeType.AGGRESSIVE
    (warning,) = configuration.warnings
    assert "[main]:EXCHANGE_TYPE= aggressive: in aggressive mode whoever asks" in warning.text
    assert "CVE-2002-1623" in warning.text


def test_aggressive_mode_offers_one_group() -> None:
    """The first message has one KE payload, when we send it; what is ANY is not in it."""
    tags = {"EXCHANGE_TYPE": "AGGRESSIVE", "Transforms": "AES-SHA-GRP14,3DES-SHA"}
    problem = sole_problem(configured({"main": tags}))
    assert "room for one GROUP_DESCRIPTION; expected the same in all, not" in problem
    assert "[AES-SHA-GRP14] MODP_2048, [3DES-SHA] MODP_1024" in problem
    only_answers: Sections = {"peer": {"Address": None}, "Phase 2": {"Connections": None}}
    configuration = configured({"main": tags}, only_answers)
    assert configuration.problems == ()
    assert len(configuration.peers["peer"].transforms) == 2
    tags = {"EXCHANGE_TYPE": "AGGRESSIVE", "Transforms": "AES-SHA-GRP14,own"}
    own = {"GROUP_DESCRIPTION": "ANY"}
    configuration = configured(HAND_MADE_PHASE_1, {"main": tags, "own": own})
    assert configuration.problems == ()
    assert len(configuration.peers["peer"].transforms) == 2


@pytest.mark.parametrize(("written", "octets"), [(None, None), ("64", 64), ("128", 128)])
def test_the_hmac_block(written: str | None, octets: int | None) -> None:
    """The block is the peer's vendor ID's to decide, or the file's."""
    assert configured(changed(HMAC_block=written)).peers["peer"].hmac_block == octets


def test_any_remote_identity() -> None:
    """What opens a peer to everyone is said."""
    assert not configured(changed(Remote_ID_any="no")).peers["peer"].remote_id_any
    configuration = configured(changed(Remote_ID_any="yes"))
    assert configuration.peers["peer"].remote_id_any
    (warning,) = configuration.warnings
    assert "whoever proves any identity is taken for this peer" in warning.text

    assert "certified" not in warning.text  # the key is the same for all
    signed = configured(
        changed(Remote_ID_any="yes"), {"main": {"Transforms": "AES-256-SHA2-256-GRP14-RSA_SIG"}}
    )
    (warning,) = signed.warnings
    assert warning.text.endswith(": everybody whom an authority in CA-directory has certified")


def test_a_name_of_x500() -> None:
    """Ours in either spelling; that of the peer may stand for many."""
    configuration = configured(
        changed(ID="we", Remote_ID="they"),
        {
            "we": {"ID-type": "DER_ASN1_DN", "Name": "/C=SE/O=Example/CN=west"},
            "they": {"ID-type": "DER_ASN1_DN", "Name": "C=SE, O=Example, CN=*"},
        },
    )
    assert configuration.problems == ()
    peer = configuration.peers["peer"]
    assert peer.local_id == Identity(IdType.DER_ASN1_DN, der_of("C=SE, O=Example, CN=west"))
    assert peer.remote_id == Identity(IdType.DER_ASN1_DN, der_of("C=SE, O=Example, CN=*"))


SIGNED = "AES-256-SHA2-256-GRP14-RSA_SIG"


def test_who_signs_needs_no_shared_key() -> None:
    """Who may do either needs one, and is told for which transform."""
    keyless = changed(Authentication=None)
    assert configured(keyless, {"main": {"Transforms": SIGNED}}).problems == ()
    for either in (f"AES-SHA-GRP14,{SIGNED}", f"{SIGNED},AES-SHA-GRP14"):
        assert configured({"main": {"Transforms": either}}).problems == ()
        assert (
            "[peer]:Authentication is missing: expected the pre-shared key, as text or as 0x and"
            " hex digits, for [AES-SHA-GRP14]; RSA_SIG and ECDSA need none"
        ) in sole_problem(configured(keyless, {"main": {"Transforms": either}}))


@pytest.mark.parametrize("method", ["RSA_SIG", "ECDSA_256", "ECDSA_384", "ECDSA_521"])
def test_the_methods_that_sign(method: str) -> None:
    """Each in a section of one's own."""
    layer = {"own": {"AUTHENTICATION_METHOD": method}}
    found = configured(HAND_MADE_PHASE_1, layer, changed(Authentication=None))
    assert found.problems == ()
    assert str(found.peers["peer"].transforms[0].authentication) == method


def test_what_is_assumed_and_ignored_is_said() -> None:
    """A missing Phase is assumed; an unknown flag is ignored, either with a word."""
    configuration = configured(changed(Phase=None, Flags="ikecfg,fast"))
    assert configuration.peers["peer"].mode_config
    assert configuration.problems == ()
    assert {warning.text for warning in configuration.warnings} == {
        "[peer]:Phase is missing: Phase= 1 is assumed",
        "[peer]:Flags= fast: expected ikecfg; the flag is ignored",
    }
