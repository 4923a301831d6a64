"""What a connection section may say, and what is said about one that is wrong."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from isakmpd.config.model import ClientId, Connection, OfferAccept, WithoutSa
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    GroupDescription,
)
from tests.config.sample import HAND_MADE_SUITE, Sections, configured, sole_problem

ALL_ANY = {
    "ENCRYPTION_ALGORITHM": "ANY",
    "HASH_ALGORITHM": "ANY",
    "AUTHENTICATION_METHOD": "ANY",
    "GROUP_DESCRIPTION": "ANY",
}
PASSIVE = {"Connections": None, "Passive-connections": "conn"}


def connection(*layers: Sections) -> Connection:
    """Give the one connection of a configuration without fault."""
    configuration = configured(*layers)
    assert configuration.problems == ()
    return configuration.connections["conn"]


@pytest.mark.parametrize(
    ("phase_2", "flags", "always_up", "passive"),
    [
        ({"Connections": "conn"}, None, True, True),
        ({"Connections": "CONN"}, None, True, True),
        ({"Connections": "conn"}, "active-only", True, False),
        ({"Connections": "conn"}, "Active-Only", True, False),
        ({"Connections": None, "Passive-connections": "conn"}, None, False, True),
        ({"Connections": None, "passive-CONNECTIONS": "conn"}, None, False, True),
        ({"Connections": "conn", "Passive-connections": "conn"}, "active-only", True, True),
        ({"Connections": None}, None, False, False),
    ],
)
def test_who_starts(
    phase_2: dict[str, str | None], flags: str | None, always_up: bool, passive: bool
) -> None:
    """Connections come up by themselves and answer; passive ones answer; others wait for ``c``."""
    found = connection({"Phase 2": phase_2, "conn": {"Flags": flags}})
    assert (found.always_up, found.passive) == (always_up, passive)


def test_a_connection_to_nowhere_only_answers() -> None:
    """Without the peer's address nothing can be started, which is said."""
    configuration = configured({"peer": {"Address": None}})
    assert not configuration.connections["conn"].always_up
    assert configuration.connections["conn"].passive
    assert "the peer has no Address" in sole_problem(configuration)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Phase": "1"}, "[conn]:Phase= 1: expected 2"),
        ({"ISAKMP-peer": None}, "[conn]:ISAKMP-peer is missing: expected the name of an"),
        ({"ISAKMP-peer": "peeer"}, 'there is no section [peeer]; did you mean "peer"?'),
        ({"Configuration": "qiuck"}, 'there is no section [qiuck]; did you mean "quick"?'),
        ({"Local-ID": "her"}, 'there is no section [her]; did you mean "here"?'),
        ({"Remote-ID": "nowhere"}, "[conn]:Remote-ID= nowhere: there is no section [nowhere]"),
        ({"NAT-ID": "here"}, "this tag is not supported by this version"),
        ({"Without-SA": "blok"}, '= blok: expected block or clear; did you mean "block"?'),
        ({"Without-SA": "no"}, "[conn]:Without-SA= no: expected block or clear"),
        ({"Accept-any-suite": "maybe"}, "expected yes or no"),
    ],
)
def test_a_connection_with_a_fault_is_left_out(tags: dict[str, str | None], words: str) -> None:
    """The one problem names the tag and what was expected; the peer stays."""
    configuration = configured({"conn": tags})
    problem = sole_problem(configuration)
    assert words in problem
    assert problem.endswith("connection [conn] is left out")
    assert configuration.connections == {}
    assert set(configuration.peers) == {"peer"}


def test_a_listed_name_without_a_section() -> None:
    """A misspelt name in the list is told with the right one."""
    configuration = configured({"Phase 2": {"Connections": "con, conn"}})
    assert 'there is no section [con]; did you mean "conn"?' in sole_problem(configuration)
    assert configuration.connections["conn"].always_up


@pytest.mark.parametrize(
    ("phase_2", "flags", "expected"),
    [
        ({"Connections": "conn"}, None, (True, True, False, True)),
        ({"Connections": "conn"}, "on-demand", (True, False, True, True)),
        ({"Connections": "conn"}, "__OnDemand", (True, False, True, True)),
        ({"Connections": "conn"}, "active-only, on-demand", (True, False, True, False)),
        ({"Connections": None, "Passive-connections": "conn"}, None, (False, False, False, True)),
    ],
)
def test_a_listed_connection_is_guarded_and_begun_or_awaits_packets(
    phase_2: dict[str, str | None], flags: str | None, expected: tuple[bool, ...]
) -> None:
    """On demand means listed, and begun by packets instead of by itself."""
    found = connection({"Phase 2": phase_2, "conn": {"Flags": flags}})
    assert (found.listed, found.always_up, found.on_demand, found.passive) == expected
    assert found.without_sa is WithoutSa.BLOCK


@pytest.mark.parametrize(
    ("value", "expected"),
    [("block", WithoutSa.BLOCK), ("Clear", WithoutSa.CLEAR)],
)
def test_what_becomes_of_packets_without_an_sa(value: str, expected: WithoutSa) -> None:
    """Whoever wants packets in clear says so."""
    assert connection({"conn": {"Without-SA": value}}).without_sa is expected


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"peer": {"Address": None}}, "the peer has no Address"),
        (
            {"main": {"Transforms": "own"}, "own": ALL_ANY},
            "each of the transforms of [main] has an ANY",
        ),
    ],
)
def test_a_connection_that_cannot_begin_is_guarded_all_the_same(
    layer: Sections, words: str
) -> None:
    """What can only answer still holds its packets back, and says why it does not begin."""
    for flags in (None, "on-demand"):
        configuration = configured(layer, {"conn": {"Flags": flags}})
        assert f"{words}, so that the connection can only answer" in sole_problem(configuration)
        found = configuration.connections["conn"]
        assert (found.listed, found.always_up, found.on_demand) == (True, False, False)
        assert found.passive


def test_any_suite() -> None:
    """The peer's choice will do only where someone said so, which deserves a word."""
    assert not connection().accept_any_suite
    configuration = configured({"conn": {"Accept-any-suite": "YES"}})
    assert configuration.connections["conn"].accept_any_suite
    (warning,) = configuration.warnings
    assert "the peer decides about the suite" in warning.text


def test_suites_by_default() -> None:
    """Default-phase-2-suites serves a connection that names no configuration."""
    suites = "QM-ESP-AES-SHA-SUITE"
    found = connection(
        {"conn": {"Configuration": None}, "General": {"Default-phase-2-suites": suites}}
    )
    assert found.configuration == "General"
    assert [suite.section for suite in found.suites] == [suites]


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (
            {"ID-type": "IPV4_ADDR_SUBNET", "Network": "10.9.0.0", "Netmask": "255.255.255.0"},
            ("10.9.0.0/24", 0, 0),
        ),
        (
            {"ID-type": "ipv4_addr_subnet", "Network": "128.0.0.0", "Netmask": "128.0.0.0"},
            ("128.0.0.0/1", 0, 0),
        ),
        ({"ID-type": "IPV4_ADDR", "Address": "lo0"}, ("127.0.0.1/32", 0, 0)),
        (
            {"ID-type": "IPV4_ADDR", "Address": "10.1.1.1", "Protocol": "icmp"},
            ("10.1.1.1/32", 1, 0),
        ),
        (
            {"ID-type": "IPV4_ADDR", "Address": "10.1.1.1", "Protocol": "17", "Port": "1701"},
            ("10.1.1.1/32", 17, 1701),
        ),
        (
            {"ID-type": "IPV4_ADDR", "Address": "10.1.1.1", "Protocol": "UDP", "Port": "l2tp"},
            ("10.1.1.1/32", 17, 1701),
        ),
    ],
)
def test_a_client(tags: dict[str, str], expected: tuple[str, int, int]) -> None:
    """An IPsec-ID section names the packets at one end."""
    network, protocol, port = expected
    found = connection({"conn": {"Local-ID": "local"}, "local": tags}).local
    assert found == ClientId("local", ip_network(network), protocol, port)


@pytest.mark.parametrize(
    ("protocol", "port", "expected"),
    [
        ("udp", None, (17, 0, False, "10.2.0.1/32 protocol 17 port 0")),
        ("udp", "any", (17, 0, True, "10.2.0.1/32 protocol 17 port any")),
        ("tcp", "ANY", (6, 0, True, "10.2.0.1/32 protocol 6 port any")),
    ],
)
def test_any_port(protocol: str, port: str | None, expected: tuple[int, int, bool, str]) -> None:
    """Port= any is each port of the protocol; no Port at all is the protocol as a whole."""
    layer: Sections = {
        "there": {"Protocol": protocol, "Port": port},
        "here": {"Protocol": protocol},
    }
    remote = connection(layer).remote
    assert remote is not None
    assert (remote.protocol, remote.port, remote.any_port, str(remote)) == expected


@pytest.mark.parametrize(("tagged", "bare"), [("here", "there"), ("there", "here")])
def test_one_protocol_for_both_ends(tagged: str, bare: str) -> None:
    """Packets between two clients have one protocol, wherever it is written."""
    configuration = configured({tagged: {"Protocol": "udp"}})
    found = configuration.connections["conn"]
    assert found.local is not None
    assert found.remote is not None
    assert (found.local.protocol, found.remote.protocol) == (17, 17)
    (warning,) = configuration.warnings
    assert f"= {bare}: it has no Protocol, and that of [{tagged}] counts for both" in warning.text


def test_inner_and_outer_addresses_of_different_families() -> None:
    """Only the two inner ends have to be of one family."""
    found = connection({"peer": {"Address": "2001:db8::2"}, "Phase 1": {"2001:db8::2": "peer"}})
    assert found.local is not None
    assert found.local.network.version == 4


def test_clients_with_ipv6() -> None:
    """Subnets of IPv6 are written with a mask, too."""
    subnet = {"ID-type": "IPV6_ADDR_SUBNET", "Network": "2001:db8::", "Netmask": "ffff:ffff::"}
    host = {"ID-type": "IPV6_ADDR", "Address": "2001:DB8:0::1"}
    found = connection({"here": None, "there": None}, {"here": subnet, "there": host})
    assert found.local is not None
    assert found.remote is not None
    assert found.local.network == ip_network("2001:db8::/32")
    assert found.remote.network == ip_network("2001:db8::1/128")


def test_everything_is_a_client() -> None:
    """A mask of zeros names all packets."""
    here = {"ID-type": "IPV6_ADDR_SUBNET", "Network": "::", "Netmask": "::"}
    found = connection({"here": here, "conn": {"Remote-ID": None}}).local
    assert found == ClientId("here", ip_network("::/0"))


def test_clients_may_be_left_to_the_peers() -> None:
    """Without IDs the connection protects the gateways' own addresses."""
    found = connection({"conn": {"Local-ID": None, "Remote-ID": None}})
    assert (found.local, found.remote) == (None, None)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"ID-type": None}, "[here]:ID-type is missing: expected one of IPV4_ADDR"),
        ({"ID-type": "FQDN"}, "[here]:ID-type= FQDN: expected one of IPV4_ADDR"),
        ({"ID-type": "IPV4_SUBNET"}, 'did you mean "IPV4_ADDR_SUBNET"?'),
        ({"Network": None}, "[here]:Network is missing: expected an IPv4 address"),
        ({"Network": "10.1"}, "[here]:Network= 10.1: expected an IPv4 address"),
        ({"Netmask": None}, "[here]:Netmask is missing: expected an IPv4 netmask"),
        ({"Netmask": "em0"}, "[here]:Netmask= em0: expected an IPv4 netmask or interface"),
        ({"Netmask": "255.0.255.0"}, "expected a mask without holes"),
        ({"Protocol": "256"}, "[here]:Protocol= 256: expected a number from 0 to 255 or a name"),
        ({"Protocol": "icpm"}, 'did you mean "icmp"?'),
        ({"Protocol": "tcp", "Port": "0"}, "[here]:Port= 0: expected a number from 1 to 65535"),
        ({"Protocol": "tcp", "Port": "htpp"}, "expected a number from 1 to 65535, a service name"),
        ({"Protocol": "gre", "Port": "any"}, "protocol 47 has no ports; expected tcp, udp or sctp"),
        ({"Port": "any"}, "[here]:Port= any: there is no Protocol; expected tcp, udp or sctp"),
        ({"Protocol": "gre", "Port": "5"}, "protocol 47 has no ports; expected tcp, udp or sctp"),
        ({"Protocol": "²"}, "expected a number from 0 to 255 or a name"),
    ],
)
def test_a_client_with_a_fault(tags: dict[str, str | None], words: str) -> None:
    """A wrong IPsec-ID costs the connections that name it."""
    problem = sole_problem(configured({"here": tags}))
    assert words in problem
    assert problem.endswith("IPsec-ID [here] and connection [conn] are left out")


@pytest.mark.parametrize(
    ("local", "remote", "words"),
    [
        ({"Protocol": "tcp"}, {"Protocol": "udp"}, "expected the same Protocol as in Local-ID"),
        (
            {},
            {"ID-type": "IPV6_ADDR", "Address": "::1"},
            "expected addresses of the same family as in Local-ID",
        ),
    ],
)
def test_clients_that_do_not_fit(local: dict[str, str], remote: dict[str, str], words: str) -> None:
    """Both ends are of one family and one protocol."""
    assert words in sole_problem(configured({"here": local, "there": remote}))


def test_suites_of_ones_own() -> None:
    """Sections written by hand lead from the suite to its transform."""
    (suite,) = connection(HAND_MADE_SUITE, {"own-esp": {"ReplayWindow": "64"}}).suites
    (esp,) = suite.protocols
    (transform,) = esp.transforms
    assert (suite.section, esp.section, transform.section) == ("own-suite", "own-esp", "own-xf")
    assert esp.replay_window == 64
    assert transform.transform_id is EspTransform.AES
    assert transform.key_length == OfferAccept(256, 256, 256)
    assert transform.encapsulation is EncapsulationMode.TUNNEL
    assert transform.authentication is AuthenticationAlgorithm.HMAC_SHA2_256
    assert transform.group is GroupDescription.MODP_2048
    assert suite.group is GroupDescription.MODP_2048
    assert transform.lifetimes == ()


@pytest.mark.parametrize(
    ("tags", "transform_id", "authentication"),
    [
        ({}, EspTransform.AES, AuthenticationAlgorithm.HMAC_SHA2_256),
        (
            {"TRANSFORM_ID": "3DES", "KEY_LENGTH": None, "AUTHENTICATION_ALGORITHM": "HMAC_MD5"},
            EspTransform.TRIPLE_DES,
            AuthenticationAlgorithm.HMAC_MD5,
        ),
        (
            {"TRANSFORM_ID": "aes_gcm_16", "AUTHENTICATION_ALGORITHM": None},
            EspTransform.AES_GCM_16,
            AuthenticationAlgorithm.NONE,
        ),
        (
            {"ENCAPSULATION_MODE": None, "GROUP_DESCRIPTION": None},
            EspTransform.AES,
            AuthenticationAlgorithm.HMAC_SHA2_256,
        ),
    ],
)
def test_an_esp_transform(
    tags: dict[str, str | None],
    transform_id: EspTransform,
    authentication: AuthenticationAlgorithm,
) -> None:
    """A cipher comes with its authentication or has it built in; tunnel mode is the default."""
    transform = connection(HAND_MADE_SUITE, {"own-xf": tags}).suites[0].protocols[0].transforms[0]
    assert transform.transform_id == transform_id
    assert transform.authentication is authentication
    assert transform.encapsulation is EncapsulationMode.TUNNEL


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"TRANSFORM_ID": None}, "[own-xf]:TRANSFORM_ID is missing: expected one of 3DES, CAST,"),
        ({"TRANSFORM_ID": "AES-GCM-16"}, 'did you mean "AES_GCM_16"?'),
        ({"TRANSFORM_ID": "DES"}, "DES is unsafe and not supported"),
        ({"TRANSFORM_ID": "IDEA"}, "IDEA is not supported by this version"),
        ({"ENCAPSULATION_MODE": "UDP_ENCAP_TUNNEL"}, "is not written here: TUNNEL or TRANSPORT is"),
        ({"ENCAPSULATION_MODE": "TUNEL"}, 'expected one of TUNNEL, TRANSPORT; did you mean "TUN'),
        ({"AUTHENTICATION_ALGORITHM": None}, "AES without authentication is unsafe"),
        ({"AUTHENTICATION_ALGORITHM": "HMAC_SHA1"}, 'did you mean "HMAC_SHA"?'),
        (
            {"TRANSFORM_ID": "NULL", "AUTHENTICATION_ALGORITHM": None, "KEY_LENGTH": None},
            "NULL without authentication is unsafe",
        ),
        ({"TRANSFORM_ID": "AES_GMAC"}, "AES_GMAC authenticates by itself"),
        ({"AUTHENTICATION_ALGORITHM": "DES_MAC"}, "DES_MAC is unsafe and not supported"),
        ({"AUTHENTICATION_ALGORITHM": "NONE"}, "expected one of HMAC_MD5, HMAC_SHA, HMAC_SHA2_256"),
        ({"TRANSFORM_ID": "AES_GCM_16"}, "AES_GCM_16 authenticates by itself"),
        (
            {"TRANSFORM_ID": "AES_GCM_16", "AUTHENTICATION_ALGORITHM": None, "KEY_LENGTH": None},
            "[own-xf]:KEY_LENGTH is missing: expected the key length in bits",
        ),
        ({"TRANSFORM_ID": "3DES"}, "this cipher's keys have 192 bits; expected no such tag"),
        ({"KEY_LENGTH": "512"}, "expected 128, 192 or 256, inside the range after it"),
        ({"TRANSFORM_ID": "BLOWFISH", "KEY_LENGTH": "32"}, "expected 40 to 448 in steps of 8"),
        ({"GROUP_DESCRIPTION": "BP_224"}, "no implementation of this curve keeps its secrets"),
        ({"KEY_ROUNDS": "10"}, "this tag is not supported by this version"),
        ({"ECN_TUNNEL": "1"}, "this tag is not supported by this version"),
    ],
)
def test_an_esp_transform_with_a_fault(tags: dict[str, str | None], words: str) -> None:
    """A transform that is unsafe or not carried out never reaches the engine."""
    configuration = configured(HAND_MADE_SUITE, {"own-xf": tags})
    problem = sole_problem(configuration)
    assert words in problem
    assert "transform [own-xf], protocol [own-esp], suite [own-suite]" in problem
    assert configuration.connections == {}


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"own-suite": None}, "there is no section [own-suite]"),
        ({"own-suite": {"Protocols": ","}}, "expected the name of an IPsec-protocol section"),
        ({"own-suite": {"Protocols": "own-esp,QM-ESP-AES-SHA"}}, "IPCOMP at most once"),
        ({"own-suite": {"Protocols": "esp"}}, "there is no section [esp]"),
        ({"own-esp": {"PROTOCOL_ID": "ESP"}}, "expected one of IPSEC_AH, IPSEC_ESP, IPCOMP"),
        (
            {"own-esp": {"Transforms": None}},
            "expected the name of at least one ESP transform section",
        ),
        ({"own-esp": {"ReplayWindow": "many"}}, "expected a number from 0 to 4096"),
        ({"own-esp": {"Transforms": "own-xf,QM-ESP-AES-SHA-XF"}}, "differ in GROUP_DESCRIPTION"),
        (
            {"quick": {"Suites": None, "DOI": "IPSEC"}},
            "expected the name of at least one suite section",
        ),
        ({"quick": {"EXCHANGE_TYPE": "ID_PROT"}}, "[quick]:EXCHANGE_TYPE= ID_PROT: expected QUICK"),
        ({"quick": {"DOI": "ISAKMP"}}, "[quick]:DOI= ISAKMP: expected IPSEC"),
    ],
)
def test_a_suite_with_a_fault(sections: Sections, words: str) -> None:
    """A fault anywhere below a connection's only suite costs the connection."""
    configuration = configured(HAND_MADE_SUITE, sections)
    assert words in sole_problem(configuration)
    assert configuration.connections == {}


def test_a_bad_suite_leaves_the_others() -> None:
    """A connection offers and accepts what remains of its list."""
    suites = (
        "QM-ESP-AES-SUITE,QM-ESP-AES-SHA-SUITE,QM-ESP-NULL-SUITE,QM-ESP-AES-SHA-PFS-GRP27-SUITE"
    )
    configuration = configured({"quick": {"Suites": suites}})
    assert [s.section for s in configuration.connections["conn"].suites] == ["QM-ESP-AES-SHA-SUITE"]
    assert [problem.line for problem in configuration.problems] == [20, 20, 20]


def test_suites_with_different_groups() -> None:
    """All are accepted; one offer has room for one group, that of the first."""
    suites = (
        "QM-ESP-AES-SHA-PFS-GRP14-SUITE,QM-ESP-AES-SHA-PFS-GRP5-SUITE,"
        "QM-ESP-AESGCM-256-PFS-GRP14-SUITE"
    )
    configuration = configured({"quick": {"Suites": suites}})
    found = configuration.connections["conn"]
    assert len(found.suites) == 3
    assert [suite.section for suite in found.offered_suites] == [
        "QM-ESP-AES-SHA-PFS-GRP14-SUITE",
        "QM-ESP-AESGCM-256-PFS-GRP14-SUITE",
    ]
    (warning,) = configuration.warnings
    assert "one offer has room for one GROUP_DESCRIPTION" in warning.text


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"conn": {"Phase": None}}, "[conn]:Phase is missing: Phase= 2 is assumed"),
        ({"conn": {"Flags": "activeonly"}}, "the flag is ignored; did you mean"),
        ({"conn": {"PF-Tag": "vpn"}}, "this tag is not supported by this version and does nothing"),
        ({"here": {"Network": "10.1.0.9"}}, "10.1.0.0/16 is used"),
        ({"here": {"Port": "80"}}, "ignored, because the section has no Protocol"),
        (
            {"conn": {"Flags": "on-demand"}, "Phase 2": PASSIVE},
            "[conn]:Flags= on-demand: on-demand counts for connections in [Phase 2]:Connections",
        ),
        (
            {"conn": {"Without-SA": "block"}, "Phase 2": PASSIVE},
            "[conn]:Without-SA= block: the tag counts for connections in [Phase 2]:Connections",
        ),
        (
            {"quick": {"Suites": "QM-ESP-TRP-AES-SHA-SUITE"}},
            "between the two gateways alone, not of [here] 10.1.0.0/16",
        ),
        ({"conn": {"Flags": "ondemand"}}, "expected active-only or on-demand; the flag is ignored"),
        ({"Phase 2": {"Connections": "conn,"}}, "the list has an empty element"),
        ({"conn": {"Remote-ID": None, "RemoteID": "there"}}, 'did you mean "Remote-ID"?'),
        ({"quick": {"Suites": "QM-ESP-3DES-MD5-SUITE"}}, "weak by today's measure: 3DES, HMAC_MD5"),
    ],
)
def test_what_works_with_a_warning(sections: Sections, words: str) -> None:
    """What the daemon assumes or ignores it says, and goes on."""
    configuration = configured(sections)
    assert configuration.problems == ()
    assert set(configuration.connections) == {"conn"}
    (warning,) = configuration.warnings
    assert words in warning.text


@pytest.mark.parametrize(
    "fault",
    [
        {"conn": {"Without-SA": "blockk"}},
        {"quick": {"Suites": "QM-ESP-AES-257-SUITE"}},
        {"peer": {"Authentication": ""}},
        {"conn": {"ISAKMP-peer": "nobody"}},
    ],
    ids=str,
)
def test_a_listed_connection_with_a_fault_still_fails_closed(fault: Sections) -> None:
    """What is wrong elsewhere must not open what its identities close."""
    configuration = configured(fault)
    assert configuration.connections == {}
    (shut,) = configuration.shut
    assert (shut.section, str(shut.local), str(shut.remote)) == (
        "conn",
        "10.1.0.0/16",
        "10.2.0.1/32",
    )


def test_a_fault_in_local_id_closes_every_way_to_the_remote_side() -> None:
    """The narrower side is not known, so none is left out."""
    (shut,) = configured({"here": {"Netmask": "255.0.255.0"}}).shut
    assert (shut.local, str(shut.remote)) == (None, "10.2.0.1/32")


@pytest.mark.parametrize(
    ("changes", "warned"),
    [
        ({"conn": {"Without-SA": "clear", "Configuration": "nothing"}}, False),
        ({"there": {"Address": "somewhere"}}, True),
    ],
    ids=["asked for", "unknown"],
)
def test_what_may_leave_in_clear_after_a_fault(changes: Sections, warned: bool) -> None:
    """Only what the file opens, or what nobody can name: of that there is a warning."""
    configuration = configured(changes)
    assert configuration.shut == ()
    assert any("leave in clear" in w.text for w in configuration.warnings) is warned


@pytest.mark.parametrize(
    ("here", "there", "warned"),
    [
        ({"Protocol": "udp", "Port": "53"}, {"Protocol": "udp"}, True),
        ({"Protocol": "udp"}, {"Protocol": "udp", "Port": "53"}, True),
        ({"Protocol": "udp"}, {"Protocol": "udp"}, False),
        (
            {"Protocol": "udp", "Netmask": "255.255.255.255"},
            {"Protocol": "udp", "Port": "53"},
            False,
        ),
    ],
    ids=["our port", "the peer's port", "no port", "a host"],
)
def test_forwarded_fragments_have_no_ports(
    here: dict[str, str], there: dict[str, str], warned: bool
) -> None:
    """Routing rules cannot find them: who names ports of a network is told."""
    configuration = configured({"here": here, "there": there})
    assert any("carry no ports" in each.text for each in configuration.warnings) is warned
