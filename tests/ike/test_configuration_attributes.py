"""What mode config attributes say, and which of a peer's are believed."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from isakmpd.config.model import AddressPool
from isakmpd.ike import configuration_attributes as attributes
from isakmpd.ike.ipsec import Assignment
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import ConfigurationAttribute
from tests.ike.peer_mode_config import given

C = ConfigurationAttribute
OUTER = IPv4Address("192.0.2.2")
TEN = IPv4Address("10.9.0.5").packed
SIX = IPv6Address("2001:db8:9::5").packed

POOL = AddressPool(
    "ipv4/192.0.2.2",
    push=True,
    address=IPv4Address("10.9.0.5"),
    netmask=IPv4Address("255.255.255.0"),
    networks=(ip_network("10.1.0.0/16"), ip_network("2001:db8:1::/48")),
    name_servers=(IPv4Address("10.1.0.53"), IPv4Address("10.1.0.54"), IPv6Address("2001:db8::53")),
    netbios_servers=(IPv4Address("10.1.0.137"),),
    dhcp_servers=(IPv4Address("10.1.0.67"),),
)
SIX_POOL = AddressPool(
    "ipv4/192.0.2.2",
    push=True,
    address=IPv6Address("2001:db8:9::5"),
    netmask=IPv6Address("ffff:ffff:ffff:ffff::"),
    lifetime=7200,
)


def shown(found: tuple[Attribute, ...]) -> list[tuple[int, str]]:
    """Numbers and values, to compare by eye."""
    return [(attribute.type, attribute.octets.hex()) for attribute in found]


# Telling

REQUESTS = {
    (): [],
    ("Address",): [1, 8],
    ("address", "NETMASK"): [1, 2, 8, 9],
    ("Nameserver", "Address"): [1, 3, 8, 10],
    ("WINS-server", "DHCP-server", "Lifetime"): [4, 5, 6, 11, 12],
    ("Banner",): [],
}


@pytest.mark.parametrize("wanted", REQUESTS)
def test_a_request_asks_for_both_ip_versions(wanted: tuple[str, ...]) -> None:
    """Without values, each kind once, by number."""
    assert shown(attributes.requested(wanted)) == [(kind, "") for kind in REQUESTS[wanted]]


def test_a_set_tells_all_there_is() -> None:
    """Several servers are several attributes; no lifetime is made up."""
    assert shown(attributes.offered(POOL, prefix_octet=True)) == [
        (1, "0a090005"),
        (2, "ffffff00"),
        (3, "0a010035"),
        (3, "0a010036"),
        (4, "0a010089"),
        (6, "0a010043"),
        (10, "20010db8000000000000000000000053"),
        (13, "0a010000ffff0000"),
        (15, "20010db800010000000000000000000030"),
    ]


def test_an_ipv6_address_with_and_without_its_prefix_length() -> None:
    """The draft has 16 octets; what was built after RFC 7296 takes 17."""
    octets = IPv6Address("2001:db8:9::5").packed.hex()
    mask = "f" * 16 + "0" * 16
    assert shown(attributes.offered(SIX_POOL, prefix_octet=False)) == [
        (5, "00001c20"),
        (8, octets),
        (9, mask),
    ]
    assert shown(attributes.offered(SIX_POOL, prefix_octet=True))[1] == (8, octets + "40")


def test_a_section_without_values_has_nothing_to_tell() -> None:
    """Then nobody is sent a SET."""
    assert attributes.offered(AddressPool("fqdn/x", push=True), prefix_octet=True) == ()


# What is asked, what is answered.
REPLIES: dict[str, tuple[list[int], list[tuple[int, str]]]] = {
    "what the pool has": ([1, 2], [(1, "0a090005"), (2, "ffffff00")]),
    "in the order of the request": ([2, 1], [(2, "ffffff00"), (1, "0a090005")]),
    "several servers": ([3], [(3, "0a010035"), (3, "0a010036")]),
    "of the other IP version there is none": ([8, 9, 11, 12], [(n, "") for n in (8, 9, 11, 12)]),
    "a lifetime is told whoever asks": ([5], [(5, "000004b0")]),
    "no version of ours": ([7], [(7, "")]),
    "what is known here": ([14], [(14, "".join(f"{n:04x}" for n in range(1, 16)))]),
    "unknown, reserved and private ones": ([0, 16, 16383, 16384, 16520, 28672, 32767], []),
}


@pytest.mark.parametrize("case", REPLIES)
def test_a_reply_answers_what_was_asked(case: str) -> None:
    """No more, and what the pool has not with a length of zero."""
    asked, answer = REPLIES[case]
    request = [given(kind) for kind in asked]
    assert shown(attributes.replied(request, POOL, prefix_octet=True)) == answer


def test_without_a_section_nothing_is_told() -> None:
    """Every value has a length of zero."""
    request = [given(kind) for kind in (1, 2, 3, 5)]
    reply = attributes.replied(request, None, prefix_octet=True)
    assert shown(reply) == [(1, ""), (2, ""), (3, ""), (5, "")]


@for_all(st.lists(st.integers(0, 40) | st.integers(0, 32767), max_size=4000))
def test_whatever_is_asked_the_answer_is_bounded(asked: list[int]) -> None:
    """The longest answer names each of the fifteen kinds, as often as the pool has values."""
    reply = attributes.replied([given(kind) for kind in asked], POOL, prefix_octet=True)
    everything = attributes.replied(map(given, C), POOL, prefix_octet=True)
    assert len(reply) <= len(everything) == 16
    assert set(reply) <= set(everything)


# Being told

BELIEVED: dict[str, tuple[list[Attribute], Assignment]] = {
    "an address": ([given(1, TEN)], Assignment((ip_network("10.9.0.5"),))),
    "an IPv6 address as the draft has it": (
        [given(8, SIX)],
        Assignment((ip_network("2001:db8:9::5"),)),
    ),
    "an IPv6 address with its prefix length": (
        [given(8, SIX + b"\x40")],
        Assignment((ip_network("2001:db8:9::5"),)),
    ),
    "one of each IP version": (
        [given(8, SIX), given(1, TEN)],
        Assignment((ip_network("10.9.0.5"), ip_network("2001:db8:9::5"))),
    ),
    "servers, one by one": (
        [given(3, b"\x0a\1\0\x35"), given(3, b"\x0a\1\0\x36"), given(4, b"\x0a\1\0\x89")],
        Assignment(
            (),
            (ip_address("10.1.0.53"), ip_address("10.1.0.54")),
            (ip_address("10.1.0.137"),),
        ),
    ),
    "servers in a row": (
        [given(3, b"\x0a\1\0\x35\x0a\1\0\x36")],
        Assignment((), (ip_address("10.1.0.53"), ip_address("10.1.0.54"))),
    ),
    "a time": ([given(1, TEN), given(5, b"\0\0\x0e\x10")], Assignment(
        (ip_network("10.9.0.5"),), expires_in=3600
    )),
    "a time in two octets": ([given(1, TEN), given(5, b"\x0e\x10")], Assignment(
        (ip_network("10.9.0.5"),), expires_in=3600
    )),
    "a time in the basic form": (
        [given(1, TEN), Attribute(5, b"\x0e\x10", basic=True)],
        Assignment((ip_network("10.9.0.5"),), expires_in=3600),
    ),
    "a time too short to be meant": (
        [given(1, TEN), given(5, b"\0\0\0\1")],
        Assignment((ip_network("10.9.0.5"),), expires_in=60),
    ),
    "a netmask, of which nothing is made": (
        [given(1, TEN), given(2, b"\xff\xff\0\0")],
        Assignment((ip_network("10.9.0.5"),)),
    ),
    "values of no octets": ([given(kind) for kind in C], Assignment()),
}  # fmt: skip


@pytest.mark.parametrize("case", BELIEVED)
def test_what_is_believed(case: str) -> None:
    """Without a remark; the kinds with a value are those an ACK names."""
    sent, expected = BELIEVED[case]
    found = attributes.received(sent, OUTER)
    assert found.assignment == expected
    assert found.remarks == ()
    assert found.kinds == tuple(dict.fromkeys(a.type for a in sent if a.octets))


# What is sent, and how it is remarked.
NOT_BELIEVED: dict[str, tuple[Attribute, str]] = {
    "nowhere": (given(1, bytes(4)), "0.0.0.0 is unspecified"),
    "a network number": (given(1, b"\0\1\2\3"), "0.1.2.3 is reserved"),
    "ourselves": (given(1, b"\x7f\0\0\1"), "127.0.0.1 is a loopback address"),
    "a group": (given(1, b"\xe0\0\0\5"), "224.0.0.5 is a multicast address"),
    "everybody": (given(1, b"\xff" * 4), "255.255.255.255 is reserved"),
    "class E": (given(1, b"\xf0\0\0\1"), "240.0.0.1 is reserved"),
    "this link": (given(1, b"\xa9\xfe\1\1"), "169.254.1.1 is a link-local address"),
    "the peer": (given(1, OUTER.packed), "192.0.2.2 is the peer's own address"),
    "IPv6 nowhere": (given(8, bytes(16)), ":: is unspecified"),
    "IPv6 ourselves": (given(8, bytes(15) + b"\1"), "::1 is a loopback address"),
    "an IPv6 group": (given(8, b"\xff\2" + bytes(14)), "ff02:: is a multicast address"),
    "an IPv6 link": (given(8, b"\xfe\x80" + SIX[2:]), "fe80:db8:9::5 is a link-local address"),
    "IPv4 within IPv6": (
        given(8, bytes(10) + b"\xff\xff" + TEN),
        "is an IPv4 address in disguise",
    ),
    "an IPv6 prefix too long": (given(8, SIX + b"\x81"), "17 octets, expected 16"),
    "an IPv6 address cut short": (given(8, SIX[:15]), "15 octets, expected 16"),
    "IPv6 where IPv4 belongs": (given(1, SIX), "16 octets, expected 4"),
    "an address of three octets": (given(1, TEN[:3]), "3 octets, expected 4"),
    "an address in the basic form": (Attribute(1, b"\x0a\1", basic=True), "2 octets, expected 4"),
    "a netmask of three octets": (given(2, b"\xff" * 3), "3 octets, expected 4"),
    "a name server on ourselves": (given(3, b"\x7f\0\0\1"), "127.0.0.1 is a loopback address"),
    "a name server too many octets long": (given(3, TEN + b"\0"), "5 octets, expected 4"),
    "a time of nothing": (given(5, bytes(4)), "00000000 is no time"),
    "a time of five octets": (given(5, bytes(4) + b"\1"), "0000000001 is no time"),
    "subnets": (given(13, bytes(8)), "INTERNAL_IP4_SUBNET is ignored: this host has no use for"),
    "the number 0": (given(0, b"x"), "ConfigurationAttribute_0 is ignored: it is unknown"),
    "a number to come": (given(16, b"x"), "ConfigurationAttribute_16 is ignored: it is unknown"),
    "a private one": (given(20000, b"x"), "ConfigurationAttribute_20000 is ignored: it is unkn"),
    "a user name": (given(16521, b"joe"), "XAUTH attribute 16521 is ignored: it is unknown"),
    "a banner": (given(28672, b"Hello"), "Unity attribute 28672 is ignored: it is unknown"),
}


@pytest.mark.parametrize("case", NOT_BELIEVED)
def test_what_is_not_believed(case: str) -> None:
    """It is remarked and left out, and what stands beside it counts all the same."""
    attribute, remark = NOT_BELIEVED[case]
    found = attributes.received([attribute, given(4, b"\x0a\1\0\x89")], OUTER)
    assert found.assignment == Assignment(netbios_servers=(ip_address("10.1.0.137"),))
    assert found.kinds == (4,)
    (said,) = found.remarks
    assert remark in said


def test_a_second_address_of_an_ip_version_is_left() -> None:
    """This host takes one."""
    found = attributes.received([given(1, TEN), given(1, b"\x0a\x09\0\6")], OUTER)
    assert found.assignment == Assignment((ip_network("10.9.0.5"),))
    assert found.remarks == (
        "INTERNAL_IP4_ADDRESS is ignored: 10.9.0.6 is a second address of its IP version",
    )


@for_all(
    st.lists(
        st.builds(given, st.integers(0, 32767) | st.sampled_from(list(C)), st.binary(max_size=40)),
        max_size=200,
    )
)
def test_whatever_a_peer_says_what_is_kept_is_bounded(sent: list[Attribute]) -> None:
    """Two addresses, four servers of a kind, sixteen remarks; nothing is raised."""
    found = attributes.received(sent, OUTER)
    assert len(found.assignment.addresses) <= 2
    assert len(found.assignment.name_servers) <= attributes.SERVER_LIMIT
    assert len(found.assignment.netbios_servers) <= attributes.SERVER_LIMIT
    assert len(found.remarks) <= 16
    assert set(found.kinds) <= set(C)
    for network in found.assignment.addresses:
        assert network.num_addresses == 1
        assert not network.is_multicast
        assert not network.is_loopback
