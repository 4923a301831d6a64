"""Which packets an SA may carry, in both directions."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.esp.inner import Endpoints, endpoints, flow_key, total_length
from isakmpd.esp.selectors import TrafficSelector
from tests.esp import packets


def selector(
    local: str = "10.1.0.0/16",
    remote: str = "10.2.0.0/16",
    protocol: int = 0,
    local_port: int = 0,
    remote_port: int = 0,
) -> TrafficSelector:
    return TrafficSelector.of(
        ip_network(local), ip_network(remote), protocol, local_port, remote_port
    )


@dataclass(frozen=True)
class Case:
    """Say whether a selector covers a packet sent from its local to its remote side."""

    selector: TrafficSelector
    packet: bytes
    covered: bool
    why: str = field(default="", compare=False)


FRAGMENT = packets.udp4(frag=10)
FIRST_FRAGMENT = packets.udp4(flags="MF")
CASES = [
    Case(selector(), packets.udp4(), True, "networks"),
    Case(selector(), packets.ping4(), True, "any protocol"),
    Case(selector(), packets.udp4(src="10.3.0.1"), False, "source outside"),
    Case(selector(), packets.udp4(dst="10.3.0.1"), False, "destination outside"),
    Case(selector("10.1.0.1/32", "10.2.0.1/32"), packets.udp4(), True, "hosts"),
    Case(selector("10.1.0.2/32"), packets.udp4(), False, "another host"),
    Case(selector("0.0.0.0/0", "0.0.0.0/0"), packets.udp4(src="8.8.8.8"), True, "everything"),
    Case(selector("::/0", "::/0"), packets.udp4(), False, "IPv4 in an IPv6 selector"),
    Case(selector("0.0.0.0/0", "0.0.0.0/0"), packets.udp6(), False, "IPv6 in an IPv4 selector"),
    Case(selector(protocol=17), packets.udp4(), True, "UDP"),
    Case(selector(protocol=17), packets.tcp4(), False, "TCP is not UDP"),
    Case(selector(protocol=1), packets.ping4(), True, "ICMP"),
    Case(selector(protocol=17, local_port=1111), packets.udp4(), True, "source port"),
    Case(selector(protocol=17, local_port=1112), packets.udp4(), False, "another source port"),
    Case(selector(protocol=17, remote_port=2222), packets.udp4(), True, "destination port"),
    Case(selector(protocol=17, remote_port=1111), packets.udp4(), False, "ports the wrong way"),
    Case(selector(protocol=6, local_port=1111, remote_port=2222), packets.tcp4(), True, "TCP"),
    Case(selector(local_port=1111), packets.ping4(), False, "a protocol without ports"),
    Case(selector(), FRAGMENT, True, "a later fragment"),
    Case(selector(protocol=17), FRAGMENT, True, "its protocol is known"),
    Case(selector(protocol=17, remote_port=2222), FRAGMENT, False, "its ports are not"),
    Case(selector(protocol=17, remote_port=2222), FIRST_FRAGMENT, True, "a first fragment shows"),
    Case(selector("fd01::/16", "fd02::/16"), packets.udp6(), True, "IPv6"),
    Case(selector("fd01::/16", "fd02::/16", 58), packets.ping6(), True, "ICMPv6"),
    Case(selector("fd01::/16", "fd02::/16", 17, 1111, 2222), packets.udp6(), True, "IPv6 ports"),
    Case(
        selector("fd01::/16", "fd02::/16", 17, 1111, 2222),
        packets.udp6_behind_extension_headers(),
        True,
        "behind extension headers",
    ),
    Case(selector("fd01::/16", "fd02::/16", 17), packets.udp6_fragment(3), True, "fragment"),
    Case(selector("fd01::/16", "fd02::/16", 17, 1111), packets.udp6_fragment(3), False, "no port"),
    Case(selector("fd01::/16", "fd02::/16", 17, 1111), packets.udp6_fragment(0), True, "first"),
]


def ids(case: Case) -> str:
    return case.why


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_outgoing(case: Case) -> None:
    assert case.selector.sends(endpoints(flow_key(case.packet))) is case.covered


@pytest.mark.parametrize("case", CASES, ids=ids)
def test_incoming_is_the_mirror_image(case: Case) -> None:
    one = case.selector
    mirrored = TrafficSelector(
        one.version,
        one.remote,
        one.remote_mask,
        one.local,
        one.local_mask,
        one.protocol,
        one.remote_port,
        one.local_port,
    )
    assert mirrored.receives(endpoints(flow_key(case.packet))) is case.covered


def test_ipv4_options_do_not_hide_the_ports() -> None:
    plain = packets.udp4()
    with_options = b"\x46" + plain[1:20] + b"\x01\x01\x01\x00" + plain[20:]
    assert endpoints(flow_key(with_options)) == endpoints(flow_key(plain))


def test_two_address_families_in_a_selector_are_refused() -> None:
    with pytest.raises(ValueError, match="different address families"):
        selector("10.0.0.0/8", "fd00::/8")


def test_narrower_selectors_rank_higher() -> None:
    ranked = [
        selector("0.0.0.0/0", "0.0.0.0/0"),
        selector("0.0.0.0/0", "10.2.0.0/16"),
        selector(),
        selector(protocol=17),
        selector(protocol=17, remote_port=53),
        selector(protocol=17, local_port=53, remote_port=53),
        selector("10.1.0.1/32", "10.2.0.0/16"),
    ]
    assert all(wide.narrowness < narrow.narrowness for wide, narrow in pairwise(ranked))


@pytest.mark.parametrize(
    ("octets", "length"),
    [
        (b"", 0),
        (b"\x45" + bytes(18), 0),
        (packets.udp4(100), 100),
        (packets.udp4(100) + b"padding", 100),
        (packets.udp6(100), 100),
        (b"\x44" + packets.udp4()[1:], 0),  # a header of 16 octets
        (packets.udp4()[:2] + b"\x00\x13" + packets.udp4()[4:], 0),  # shorter than its header
        (b"\x75" + packets.udp4()[1:], 0),  # IP version 7
        (packets.udp6(100)[:39], 0),
    ],
)
def test_total_length(octets: bytes, length: int) -> None:
    assert total_length(octets) == length


@pytest.mark.property
@given(st.binary(max_size=120), st.sampled_from([b"\x45", b"\x46", b"\x60", b""]))
def test_no_packet_breaks_the_reading(octets: bytes, start: bytes) -> None:
    packet = start + octets
    if total_length(packet):
        found = endpoints(flow_key(packet))
        assert isinstance(found, Endpoints)
        assert found.version == packet[0] >> 4
