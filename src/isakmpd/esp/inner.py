"""Read from an IP packet what selectors look at (RFC 4301 section 4.4.1)."""

from __future__ import annotations

from typing import NamedTuple

HOP_BY_HOP, TCP, UDP, DCCP, IPV6_ROUTING, IPV6_FRAGMENT = 0, 6, 17, 33, 43, 44
AH, ICMP, ICMPV6, DESTINATION_OPTIONS, SCTP, UDP_LITE = 51, 1, 58, 60, 132, 136
IPV4, IPV6, NO_NEXT_HEADER = 4, 41, 59  # as next headers of ESP

IPV4_HEADER_LENGTH = 20
IPV6_HEADER_LENGTH = 40

PROTOCOLS_WITH_PORTS = frozenset({TCP, UDP, DCCP, SCTP, UDP_LITE})
_EXTENSION_HEADERS = frozenset({HOP_BY_HOP, IPV6_ROUTING, DESTINATION_OPTIONS, IPV6_FRAGMENT, AH})
_ONE_OCTET = tuple(bytes((value,)) for value in range(256))


class Endpoints(NamedTuple):
    """Hold what a selector compares; a port is None where the packet shows none."""

    version: int
    source: int
    destination: int
    protocol: int
    source_port: int | None
    destination_port: int | None


def total_length(packet: bytes) -> int:
    """Give the length an IP packet's header claims, 0 when it is no whole IPv4 or IPv6 header."""
    length = len(packet)
    if length >= IPV4_HEADER_LENGTH and packet[0] >> 4 == 4:
        header = (packet[0] & 15) * 4
        total = packet[2] << 8 | packet[3]
        return total if IPV4_HEADER_LENGTH <= header <= total else 0
    if length >= IPV6_HEADER_LENGTH and packet[0] >> 4 == 6:
        return IPV6_HEADER_LENGTH + (packet[4] << 8 | packet[5])
    return 0


def flow_key(packet: bytes) -> bytes:
    """Give the octets selectors look at; equal keys get equal verdicts.

    ``packet`` has passed ``total_length``. The key is protocol, source, destination and, where
    the packet shows them, source and destination port.
    """
    if packet[0] >> 4 == 4:
        protocol = packet[9]
        if protocol not in PROTOCOLS_WITH_PORTS or packet[6] & 0x1F or packet[7]:
            return packet[9:10] + packet[12:20]
        if packet[0] == 0x45:
            return packet[9:10] + packet[12:24]
        header = (packet[0] & 15) * 4
        return packet[9:10] + packet[12:20] + packet[header : header + 4]
    protocol, offset = upper_layer(packet)
    key = _ONE_OCTET[protocol] + packet[8:40]
    if protocol in PROTOCOLS_WITH_PORTS and offset:
        key += packet[offset : offset + 4]
    return key


def endpoints(key: bytes) -> Endpoints:
    """Read a flow key."""
    size = 4 if len(key) < IPV6_HEADER_LENGTH - 8 else 16
    ports = key[1 + 2 * size :]
    # A packet that ends amid its ports shows none.
    known = len(ports) == 4
    return Endpoints(
        4 if size == 4 else 6,
        int.from_bytes(key[1 : 1 + size]),
        int.from_bytes(key[1 + size : 1 + 2 * size]),
        key[0],
        int.from_bytes(ports[:2]) if known else None,
        int.from_bytes(ports[2:]) if known else None,
    )


def upper_layer(packet: bytes) -> tuple[int, int]:
    """Walk an IPv6 packet's extension headers to its protocol and where that begins.

    The offset is 0 where a fragment or a cut packet does not show the upper layer's header.
    """
    protocol, offset, end = packet[6], IPV6_HEADER_LENGTH, len(packet)
    while protocol in _EXTENSION_HEADERS:
        if offset + 8 > end:
            return protocol, 0
        following = packet[offset]
        if protocol == IPV6_FRAGMENT:
            if packet[offset + 2] or packet[offset + 3] & 0xF8:
                return following, 0
            offset += 8
        elif protocol == AH:
            offset += (packet[offset + 1] + 2) * 4
        else:
            offset += (packet[offset + 1] + 1) * 8
        protocol = following
    return protocol, offset
