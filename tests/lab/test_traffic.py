"""Packets told apart, on hand-made captures: what is not provably IKE or ESP is neither."""

import struct
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from lab import traffic
from lab.proof import NotProvedError, prove_encrypted
from lab.traffic import Kind, Packet

WEST, EAST, INSIDE = "192.0.2.1", "192.0.2.2", "10.1.0.10"
ISAKMP = bytes(17) + b"\x10" + bytes(6) + struct.pack("!I", 40) + bytes(12)


def ipv4(protocol: int, payload: bytes, fragment: int = 0, source: str = WEST) -> bytes:
    """Build an IPv4 packet."""
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, fragment, 64, protocol, 0)
    return header + IPv4Address(source).packed + IPv4Address(EAST).packed + payload


def udp(port: int, payload: bytes, length: int | None = None) -> bytes:
    """Build a UDP datagram from and to one port."""
    return struct.pack("!HHHH", port, port, 8 + len(payload) if length is None else length, 0) + (
        payload
    )


def pcap(*frames: bytes, cut: int = 0) -> bytes:
    """Build a pcap file of Ethernet frames, each reported `cut` octets longer than it is."""
    octets = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for number, frame in enumerate(frames):
        octets += struct.pack("=IIII", number, 500_000, len(frame), len(frame) + cut) + frame
    return octets


def ethernet(packet: bytes, ethertype: int = 0x0800) -> bytes:
    """Build an Ethernet frame."""
    return bytes(12) + struct.pack("!H", ethertype) + packet


def read(folder: Path, *packets: bytes) -> list[Packet]:
    """Read IPv4 packets as a capture."""
    (folder / "wire.pcap").write_bytes(pcap(*map(ethernet, packets)))
    return traffic.read(folder / "wire.pcap")


@pytest.mark.parametrize(
    ("packet", "kind"),
    [
        (ipv4(17, udp(500, ISAKMP)), Kind.IKE),
        (ipv4(17, udp(4500, bytes(4) + ISAKMP)), Kind.IKE),
        (ipv4(17, udp(500, ISAKMP + b"!")), Kind.OTHER),
        (ipv4(17, udp(4500, bytes(4) + b"clear")), Kind.OTHER),
        (ipv4(17, udp(500, b"clear")), Kind.OTHER),
        (ipv4(17, udp(4500, b"\xff")), Kind.KEEPALIVE),
        (ipv4(17, udp(4500, b"\xfe")), Kind.OTHER),
        (ipv4(17, udp(4500, b"\x00\x00\x00\x01" + bytes(60))), Kind.ESP_IN_UDP),
        (ipv4(17, udp(53, b"clear")), Kind.OTHER),
        (ipv4(50, bytes(60)), Kind.ESP),
        (ipv4(1, bytes(60)), Kind.OTHER),
        (ipv4(4, ipv4(1, bytes(60))), Kind.OTHER),
    ],
)
def test_a_packet_is_told_by_all_its_octets(tmp_path: Path, packet: bytes, kind: Kind) -> None:
    """A port alone makes no packet IKE, and a protocol number other than 50 is not ESP."""
    (seen,) = read(tmp_path, packet)
    assert (seen.kind, seen.source, seen.destination) == (kind, WEST, EAST)
    assert seen.octets == packet


def test_fragments_take_the_kind_of_their_first(tmp_path: Path) -> None:
    """A later fragment has no ports; without its first one it is nothing known."""
    first, rest = ISAKMP[:24], ISAKMP[24:]
    start = ipv4(17, udp(500, first + rest, 8 + len(ISAKMP)), fragment=0x2000)
    assert [one.kind for one in read(tmp_path, start, ipv4(17, bytes(8), fragment=5))] == [
        Kind.IKE,
        Kind.IKE,
    ]
    (alone,) = read(tmp_path, ipv4(17, bytes(8), fragment=5))
    assert alone.kind is Kind.OTHER


def test_arp_is_a_neighbour(tmp_path: Path) -> None:
    """ARP is no IP packet and proves nothing either way."""
    (tmp_path / "wire.pcap").write_bytes(pcap(ethernet(bytes(28), 0x0806)))
    (seen,) = traffic.read(tmp_path / "wire.pcap")
    assert seen.kind is Kind.NEIGHBOUR


def test_a_cut_packet_is_refused(tmp_path: Path) -> None:
    """What tcpdump did not keep could have been in clear."""
    (tmp_path / "wire.pcap").write_bytes(pcap(ethernet(ipv4(50, bytes(60))), cut=1))
    with pytest.raises(ValueError, match="cut a packet short"):
        traffic.read(tmp_path / "wire.pcap")


def test_each_kind_of_leak_is_refused(tmp_path: Path) -> None:
    """The proof holds for two ESP packets and breaks by any one packet more, or one less."""
    there, back = ipv4(50, bytes(60)), ipv4(50, bytes(60), source="192.0.2.9")

    def prove(*packets: bytes) -> None:
        prove_encrypted(
            read(tmp_path, *packets), inner=[INSIDE], pattern=b"PATTERN", sent=1, received=1
        )

    prove(there, back)
    for packets, reason in {
        (there,): "only 1 and 0 ESP packets",
        (there, there): "only 2 and 0 ESP packets",
        (there, back, ipv4(1, bytes(8))): "neither IKE nor ESP",
        (there, back, ipv4(50, b"..PATTERN..")): "payload in clear",
        (there, back, ipv4(50, b".." + IPv4Address(INSIDE).packed)): "inner address 10.1.0.10",
    }.items():
        with pytest.raises(NotProvedError, match=reason):
            prove(*packets)


def test_no_ping_is_no_proof(tmp_path: Path) -> None:
    """A wire on which nothing was sent proves nothing."""
    with pytest.raises(NotProvedError, match="no ping was sent"):
        prove_encrypted(read(tmp_path), inner=[INSIDE], pattern=b"P", sent=0, received=0)
