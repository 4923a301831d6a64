"""What crossed a wire: frames read from a pcap file, each told apart as IKE, ESP or neither."""

import ipaddress
import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from pathlib import Path
from typing import NamedTuple

ETHERNET, PCAP_MAGIC = 1, 0xA1B2C3D4
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
NEIGHBOUR_DISCOVERY = range(133, 137)
MULTICAST_LISTENERS = (130, 131, 132, 143)
IKE_PORT, NAT_T_PORT = 500, 4500
NON_ESP_MARKER = bytes(4)
ISAKMP_HEADER_OCTETS = 28


class Protocol(IntEnum):
    """The IP protocol numbers that matter here."""

    HOP_BY_HOP = 0
    UDP = 17
    ESP = 50
    ICMPV6 = 58


class Kind(Enum):
    """What a packet is on the outside."""

    IKE = "IKE"
    ESP = "ESP"
    ESP_IN_UDP = "ESP in UDP"
    KEEPALIVE = "NAT keepalive"
    NEIGHBOUR = "ARP or neighbour discovery"
    OTHER = "other"


ENCRYPTED = frozenset({Kind.ESP, Kind.ESP_IN_UDP})


@dataclass(frozen=True, slots=True)
class Packet:
    """One captured packet: when it crossed, from where to where, and all its octets from IP on."""

    at: float
    kind: Kind
    source: str
    destination: str
    octets: bytes

    def contains(self, address: str) -> bool:
        """Tell whether an address stands anywhere in the packet, header or payload."""
        return ipaddress.ip_address(address).packed in self.octets

    def __str__(self) -> str:
        """Return one line for a failure message."""
        start = self.octets[:32].hex(" ")
        return f"{self.source} > {self.destination} {self.kind.value}, starts {start}"


class _Datagram(NamedTuple):
    protocol: int
    source: str
    destination: str
    fragment: tuple[int, int]
    payload: bytes


def read(path: Path) -> list[Packet]:
    """Read a pcap file of an Ethernet device; fragments take the kind of their first one."""
    packets: list[Packet] = []
    fragmented: dict[tuple[str, str, int, int], Kind] = {}
    for at, frame in _frames(path.read_bytes()):
        (ethertype,) = struct.unpack_from("!H", frame, 12)
        octets = frame[14:]
        if ethertype not in (IPV4, IPV6):
            kind = Kind.NEIGHBOUR if ethertype == ARP else Kind.OTHER
            packets.append(Packet(at, kind, "", "", octets))
            continue
        datagram = _ipv4(octets) if ethertype == IPV4 else _ipv6(octets)
        identification, offset = datagram.fragment
        key = (datagram.source, datagram.destination, datagram.protocol, identification)
        kind = fragmented.get(key, Kind.OTHER) if offset else _classify(datagram)
        if not offset:
            fragmented[key] = kind
        packets.append(Packet(at, kind, datagram.source, datagram.destination, octets))
    return packets


def count(packets: Collection[Packet]) -> dict[Kind, int]:
    """Count packets by kind, in the order of Kind, leaving out kinds that did not occur."""
    totals = {kind: sum(packet.kind is kind for packet in packets) for kind in Kind}
    return {kind: total for kind, total in totals.items() if total}


def _frames(pcap: bytes) -> Iterator[tuple[float, bytes]]:
    magic, _, _, _, _, _, link = struct.unpack_from("=IHHiIII", pcap)
    if magic != PCAP_MAGIC or link != ETHERNET:
        raise ValueError(f"not a pcap file of an Ethernet device: {magic:#x}, link type {link}")
    at = 24
    while at + 16 <= len(pcap):
        seconds, fraction, captured, original = struct.unpack_from("=IIII", pcap, at)
        if captured != original:
            raise ValueError("the capture cut a packet short: nothing is proved about its rest")
        yield seconds + fraction / 1e6, pcap[at + 16 : at + 16 + captured]
        at += 16 + captured


def _ipv4(octets: bytes) -> _Datagram:
    header = (octets[0] & 15) * 4
    total, identification, fragment = struct.unpack_from("!HHH", octets, 2)
    source, destination = (str(ipaddress.IPv4Address(octets[at : at + 4])) for at in (12, 16))
    payload = octets[header:total]
    return _Datagram(octets[9], source, destination, (identification, fragment & 0x1FFF), payload)


def _ipv6(octets: bytes) -> _Datagram:
    length, protocol = struct.unpack_from("!HB", octets, 4)
    source, destination = (str(ipaddress.IPv6Address(octets[at : at + 16])) for at in (8, 24))
    return _Datagram(protocol, source, destination, (0, 0), octets[40 : 40 + length])


def _classify(datagram: _Datagram) -> Kind:
    match datagram.protocol:
        case Protocol.ESP:
            return Kind.ESP
        case Protocol.UDP:
            return _classify_udp(datagram.payload)
        case Protocol.ICMPV6 if datagram.payload[0] in NEIGHBOUR_DISCOVERY:
            return Kind.NEIGHBOUR
        case Protocol.HOP_BY_HOP if datagram.payload[8] in MULTICAST_LISTENERS:
            return Kind.NEIGHBOUR
    return Kind.OTHER


def _classify_udp(octets: bytes) -> Kind:
    source, destination, length = struct.unpack_from("!HHH", octets)
    payload = octets[8:]
    if NAT_T_PORT in (source, destination):
        return _on_nat_t_port(payload, length - 8)
    if IKE_PORT in (source, destination) and _is_isakmp(payload, length - 8):
        return Kind.IKE
    return Kind.OTHER


def _on_nat_t_port(payload: bytes, length: int) -> Kind:
    if payload == b"\xff":
        return Kind.KEEPALIVE
    if payload[:4] == NON_ESP_MARKER:
        return Kind.IKE if _is_isakmp(payload[4:], length - 4) else Kind.OTHER
    return Kind.ESP_IN_UDP if length > len(NON_ESP_MARKER) else Kind.OTHER


def _is_isakmp(message: bytes, length: int) -> bool:
    """Tell whether octets are an ISAKMP message of exactly this length (RFC 2408 3.1).

    The port alone proves nothing: clear traffic to port 500 is not IKE.
    """
    if len(message) < ISAKMP_HEADER_OCTETS:
        return False
    (stated,) = struct.unpack_from("!I", message, 24)
    return message[17] >> 4 in (1, 2) and stated == length
