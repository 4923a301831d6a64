"""Headers taken off and put on for transport mode agree with scapy's."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

import pytest
from scapy.layers.inet import IP, UDP, IPOption_Router_Alert
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)

from isakmpd.esp.packet import Dropped
from isakmpd.esp.transport_mode import addresses_of, is_fragment, packet_around, payload_of
from tests.esp import packets

SIX: Any = {"src": packets.WEST_HOST6, "dst": packets.EAST_HOST6}
UPPER = UDP(sport=1111, dport=2222) / b"text"


@pytest.mark.parametrize(
    ("packet", "header", "next_header"),
    [
        (packets.udp4(), 20, 17),
        (packets.tcp4(), 20, 6),
        (packets.ping4(), 20, 1),
        (bytes(IP(dst="10.2.0.1", options=[IPOption_Router_Alert()]) / UPPER), 24, 17),
        (packets.udp6(), 40, 17),
        (bytes(IPv6(**SIX) / IPv6ExtHdrHopByHop() / UPPER), 48, 17),
        (bytes(IPv6(**SIX) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UPPER), 48, 60),
    ],
    ids=["UDP", "TCP", "ICMP", "options", "UDP6", "hop-by-hop", "destination options"],
)
def test_what_is_protected_begins_behind_the_headers_of_the_way(
    packet: bytes, header: int, next_header: int
) -> None:
    assert payload_of(packet) == (packet[header:], next_header)
    assert payload_of(packet + b"padding of the link") == (packet[header:], next_header)


def test_a_packet_to_another_first_hop_is_not_carried() -> None:
    routed = bytes(IPv6(**SIX) / IPv6ExtHdrRouting(addresses=["fd03::1"]) / UPPER)
    with pytest.raises(Dropped, match="routing header"):
        payload_of(routed)


@pytest.mark.parametrize("traffic_class", [0, 0xB8, 0xBB])
def test_the_host_gets_a_header_between_the_ends(traffic_class: int) -> None:
    four = packets.udp4(tos=traffic_class, ttl=64, id=0, flags="DF")
    six = packets.udp6(tc=traffic_class, hlim=64)
    for packet in (four, six):
        payload, next_header = payload_of(packet)
        assert packet_around(payload, next_header, addresses_of(packet), traffic_class) == packet


def test_addresses_are_source_and_destination() -> None:
    ends = (packets.WEST_HOST, packets.EAST_HOST), (packets.WEST_HOST6, packets.EAST_HOST6)
    for packet, pair in zip((packets.udp4(), packets.udp6()), ends, strict=True):
        assert addresses_of(packet) == b"".join(ip_address(end).packed for end in pair)


@pytest.mark.parametrize(
    ("next_header", "length", "family", "reason"),
    [
        (59, 10, 4, "dummy"),
        (59, 10, 6, "dummy"),
        (17, 65516, 4, "malformed"),
        (17, 65536, 6, "malformed"),
        (0, 10, 6, "malformed"),
        (43, 10, 6, "malformed"),
        (44, 10, 6, "malformed"),
    ],
)
def test_what_is_no_packet_is_dropped(
    next_header: int, length: int, family: int, reason: str
) -> None:
    with pytest.raises(Dropped, match=reason):
        packet_around(bytes(length), next_header, bytes(8 if family == 4 else 32), 0)


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [
        (packets.udp4(flags="DF"), False),
        (packets.udp4(flags="MF"), True),
        (packets.udp4(frag=1), True),
        (packets.udp4(frag=256), True),
        (packets.udp6(), False),
        (packets.udp6_fragment(0), True),
        (packets.udp6_fragment(9), True),
        (bytes(IPv6(**SIX) / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(nh=17) / UPPER), True),
    ],
)
def test_fragments_are_known(packet: bytes, verdict: bool) -> None:
    assert is_fragment(packet) is verdict
