"""Packets too big for the tunnel: cut where they may be, answered where they may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import ICMP, IP, ICMPerror, IPerror, fragment
from scapy.layers.inet6 import ICMPv6DestUnreach, ICMPv6PacketTooBig, IPv6
from scapy.packet import Packet

from isakmpd.esp.icmp import too_big
from isakmpd.esp.path_mtu import fragments, may_be_fragmented
from tests.esp import packets


def checked(octets: bytes) -> Packet:
    """Dissect a packet and compare its checksums with what scapy computes."""
    kind = IP if octets[0] >> 4 == 4 else IPv6
    packet = kind(octets)
    again = kind(octets)
    for layer in (IP, ICMP):
        if layer in again:
            del again[layer].chksum
    for kind_of_error in (ICMPv6PacketTooBig, ICMPv6DestUnreach):
        if kind_of_error in again:
            del again[kind_of_error].cksum
    assert bytes(kind(bytes(again))) == octets
    return packet


def test_ipv4_senders_learn_the_mtu() -> None:
    packet = packets.udp4(1500, flags="DF", tos=0x10)
    message = too_big(packet, 1382)
    assert message is not None
    answer = checked(message)
    assert (answer.src, answer.dst) == (packets.EAST_HOST, packets.WEST_HOST)
    assert (answer[ICMP].type, answer[ICMP].code, answer[ICMP].nexthopmtu) == (3, 4, 1382)
    assert len(message) == 576
    assert message[28:] == packet[:548]
    assert (IPerror in answer, ICMPerror in answer) == (True, False)


def test_ipv6_senders_learn_the_mtu() -> None:
    packet = packets.udp6(1500)
    message = too_big(packet, 1400)
    assert message is not None
    answer = checked(message)
    assert (answer.src, answer.dst) == (packets.EAST_HOST6, packets.WEST_HOST6)
    assert answer[ICMPv6PacketTooBig].mtu == 1400
    assert len(message) == 1280
    assert message[48:] == packet[:1232]


UNANSWERED = {
    "ICMP error": bytes(IP(src="10.1.0.1", dst="10.2.0.1") / ICMP(type=3, code=1) / bytes(600)),
    "later fragment": packets.udp4(1500, frag=20, flags="DF"),
    "group": packets.udp4(1500, dst="224.0.0.1", flags="DF"),
    "broadcast": packets.udp4(1500, dst="255.255.255.255", flags="DF"),
    "ICMPv6 error": bytes(IPv6(src="fd01::1", dst="fd02::1") / ICMPv6PacketTooBig() / bytes(1400)),
    "group6": packets.udp6(1500, dst="ff02::1"),
    "frag6": packets.udp6_fragment(3),
}


@pytest.mark.parametrize("packet", UNANSWERED.values(), ids=UNANSWERED)
def test_what_no_icmp_error_may_be_about(packet: bytes) -> None:
    assert too_big(packet, 1400) is None


def test_echo_requests_are_answered() -> None:
    assert too_big(packets.ping4(1500, flags="DF"), 1400) is not None


def test_no_mtu_below_the_least_is_announced() -> None:
    four, six = too_big(packets.udp4(1500), 10), too_big(packets.udp6(1500), 600)
    assert four is not None
    assert six is not None
    assert IP(four)[ICMP].nexthopmtu == 68
    assert IPv6(six)[ICMPv6PacketTooBig].mtu == 1280


@pytest.mark.parametrize(
    ("packet", "verdict"),
    [
        (packets.udp4(), True),
        (packets.udp4(flags="DF"), False),
        (packets.udp4(flags="MF"), True),
        (packets.udp6(), False),
    ],
)
def test_only_ipv4_without_df_may_be_fragmented(packet: bytes, verdict: bool) -> None:
    assert may_be_fragmented(packet) is verdict


@pytest.mark.parametrize("mtu", [68, 576, 1001, 1382, 1480])
@pytest.mark.parametrize("length", [1481, 1500, 4000])
def test_fragments_agree_with_scapy(mtu: int, length: int) -> None:
    packet = packets.udp4(length, id=77, ttl=9, tos=4)
    theirs = fragment(IP(packet), fragsize=(mtu - 20) // 8 * 8)  # type: ignore[no-untyped-call]
    assert fragments(packet, mtu) == [bytes(piece) for piece in theirs]


def test_a_fragment_of_a_fragment_keeps_its_place() -> None:
    packet = packets.udp4(1200, frag=100, flags="MF", id=5)
    pieces = [checked(piece) for piece in fragments(packet, 620)]
    assert [piece.frag for piece in pieces] == [100, 175]
    assert all(piece.flags == "MF" for piece in pieces)


def test_only_copied_options_are_repeated() -> None:
    security, nop, timestamp = b"\x82\x04AB", b"\x01", b"\x44\x04\x05\x00"
    options = timestamp + nop + security + b"\x00\x00\x00"
    plain = packets.udp4(1200)
    header = b"\x48" + plain[1:2] + (1212).to_bytes(2) + plain[4:20] + options
    first, second, *_ = fragments(header + plain[20:], 600)
    assert first[20:32] == options
    assert (second[0], second[20:24]) == (0x46, security)
    checked(second)


@pytest.mark.property
@given(st.integers(100, 3000), st.integers(68, 1600))
def test_fragments_fit_and_join_to_the_packet(length: int, mtu: int) -> None:
    packet = packets.udp4(length)
    pieces = fragments(packet, mtu)
    assert all(len(piece) <= mtu for piece in pieces)
    assert b"".join(piece[20:] for piece in pieces) == packet[20:]
