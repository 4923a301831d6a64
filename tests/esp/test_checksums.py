"""Checksums repaired in place agree with checksums computed from scratch."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt

from isakmpd.esp.checksums import checksum, repaired, updated

words = st.binary(min_size=1, max_size=40).map(lambda octets: octets * 2)


@pytest.mark.property
@given(st.binary(min_size=1, max_size=100))
def test_the_checksum_is_rfc_1071s(octets: bytes) -> None:
    total = 0
    padded = octets + bytes(len(octets) % 2)
    for position in range(0, len(padded), 2):
        total += int.from_bytes(padded[position : position + 2])
        total = (total & 0xFFFF) + (total >> 16)
    assert checksum(octets) == ~total & 0xFFFF


@pytest.mark.property
@given(words, st.data())
def test_an_update_is_what_computing_anew_gives(octets: bytes, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(octets) // 2 - 1)) * 2
    new = data.draw(st.binary(min_size=2, max_size=2))
    rest = b"\1\0"  # RFC 1624 section 3: data that sums to zero has two checksums
    changed = octets[:at] + new + octets[at + 2 :] + rest
    assert updated(checksum(octets + rest), octets[at : at + 2], new) == checksum(changed)


def test_the_example_of_rfc_1624() -> None:
    assert updated(0xDD2F, bytes.fromhex("5555"), bytes.fromhex("3285")) == 0x0000


SEEN = {4: ("192.0.2.7", "198.51.100.9"), 6: ("2001:db8:1::7", "2001:db8:2::9")}
ORIGINAL = {4: ("10.0.0.7", "172.16.3.9"), 6: ("fd01::7", "fd02::9")}


def packet(version: int, upper: object, ends: tuple[str, str], *, options: bool = False) -> bytes:
    header = IP(src=ends[0], dst=ends[1], id=7) if version == 4 else IPv6(src=ends[0], dst=ends[1])
    if options:
        header = header / IPv6ExtHdrDestOpt()
    return bytes(header / upper)


def octets_of(ends: tuple[str, str]) -> bytes:
    return b"".join(ip_address(end).packed for end in ends)


UPPER = {
    "TCP": TCP(sport=1, dport=2) / b"text",
    "UDP": UDP(sport=1, dport=2) / b"text",
    "odd UDP": UDP(sport=1, dport=2) / b"odd",
}
CASES = [
    *((4, name, upper, False) for name, upper in (*UPPER.items(), ("ICMP", ICMP() / b"text"))),
    *(
        (6, name, upper, options)
        for options in (False, True)
        for name, upper in (*UPPER.items(), ("ICMPv6", ICMPv6EchoRequest(data=b"text")))
    ),
]


@pytest.mark.parametrize(("version", "name", "upper", "options"), CASES)
def test_addresses_a_nat_has_changed(version: int, name: str, upper: object, options: bool) -> None:
    """What the peer has summed over its own addresses becomes right for those we see."""
    sent = packet(version, upper, ORIGINAL[version], options=options)
    wanted = packet(version, upper, SEEN[version], options=options)
    begin = 20 if version == 4 else 40
    readdressed = wanted[:begin] + sent[begin:]
    old, new = octets_of(ORIGINAL[version]), octets_of(SEEN[version])
    assert repaired(readdressed, old, new) == wanted
    assert (readdressed == wanted) is (name == "ICMP")


def test_a_udp_checksum_of_none_stays_none() -> None:
    sent = packet(4, UDP(sport=1, dport=2, chksum=0) / b"text", SEEN[4])
    assert repaired(sent, octets_of(ORIGINAL[4]), octets_of(SEEN[4])) == sent


def test_a_udp_checksum_never_becomes_none() -> None:
    sent = packet(4, UDP(sport=1, dport=2, chksum=0xDD2F) / b"text", SEEN[4])
    (after,) = [repaired(sent, bytes.fromhex("5555"), bytes.fromhex("3285"))[26:28]]
    assert after == b"\xff\xff"


@pytest.mark.parametrize("length", range(20, 38))
def test_a_packet_that_ends_before_its_checksum_is_left_alone(length: int) -> None:
    sent = packet(4, TCP(), SEEN[4])[:length]
    assert repaired(sent, b"\1\2", b"\3\4") == sent
