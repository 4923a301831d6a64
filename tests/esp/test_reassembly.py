"""The host's fragments become the packets they were, and forged ones fill no memory."""

from __future__ import annotations

import random

import pytest
from scapy.layers.inet import IP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment, fragment6

from isakmpd.esp.reassembly import LIFETIME, MOST_PACKETS, Reassembler
from tests.esp import packets


def pieces_of(packet: bytes) -> list[bytes]:
    """Cut with scapy."""
    if packet[0] >> 4 == 4:
        return [bytes(piece) for piece in fragment(IP(packet), 1000)]  # type: ignore[no-untyped-call]
    six = IPv6(packet)
    marked = IPv6(src=six.src, dst=six.dst) / IPv6ExtHdrFragment(id=9) / six.payload
    return [bytes(piece) for piece in fragment6(marked, 1280)]  # type: ignore[no-untyped-call]


PAST_THE_END = ((6, "MF"), (3, 0), (0, "MF"))  # 24 octets each; the second claims to be the last
WHOLE = [packets.udp4(4000, id=7), packets.udp4(65535, id=8), packets.udp6(4000)]


@pytest.mark.parametrize("packet", WHOLE, ids=["4000", "65535", "IPv6"])
@pytest.mark.parametrize("order", ["as sent", "reversed", "shuffled"])
def test_whole_again(packet: bytes, order: str) -> None:
    pieces = pieces_of(packet)
    if order == "reversed":
        pieces.reverse()
    elif order == "shuffled":
        random.Random(1).shuffle(pieces)
    assert len(pieces) > 3
    together = Reassembler()
    given = [together.add(piece, 0.0) for piece in pieces]
    assert given == [None] * (len(pieces) - 1) + [packet]


def test_packets_of_other_ends_and_numbers_do_not_mix() -> None:
    together = Reassembler()
    sent = [
        packets.udp4(2000, id=number, src=f"10.1.0.{host}") for number in (1, 2) for host in (1, 2)
    ]
    cut = [pieces_of(packet) for packet in sent]
    given = [together.add(pieces[turn], 0.0) for turn in range(len(cut[0])) for pieces in cut]
    assert [one for one in given if one] == sent


def test_pieces_that_overlap_make_no_packet() -> None:
    first, *others = pieces_of(packets.udp4(3000))
    together = Reassembler()
    assert [together.add(piece, 0.0) for piece in (first, first, *others)] == [None] * (
        len(others) + 2
    )


def test_pieces_beyond_the_last_make_no_packet() -> None:
    pieces = [packets.udp4(36 + 8, frag=frag, flags=flags) for frag, flags in PAST_THE_END]
    together = Reassembler()
    assert [together.add(piece, 0.0) for piece in pieces] == [None] * 3


def test_what_never_becomes_whole_goes() -> None:
    first, *others = pieces_of(packets.udp4(2000))
    together = Reassembler()
    together.add(first, 0.0)
    assert [together.add(piece, LIFETIME) for piece in others] == [None] * len(others)


def test_the_oldest_makes_room() -> None:
    cut = [pieces_of(packets.udp4(1500, id=number)) for number in range(MOST_PACKETS + 1)]
    together = Reassembler()
    for first, _ in cut:
        together.add(first, 0.0)
    whole = [together.add(last, 0.0) for _, last in reversed(cut)]
    assert [one is not None for one in whole] == [True] * MOST_PACKETS + [False]


def test_a_packet_longer_than_any_is_none() -> None:
    together = Reassembler()
    for offset in range(0, 8191, 100):
        assert together.add(packets.udp4(828, frag=offset, flags="MF"), 0.0) is None
    assert together.add(packets.udp4(828, frag=8190), 0.0) is None
