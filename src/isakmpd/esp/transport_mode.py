"""Take the header off a packet for transport mode, and put one on (RFC 4303 section 3.1.1)."""

from __future__ import annotations

from struct import pack

from isakmpd.esp.checksums import with_header_checksum
from isakmpd.esp.inner import (
    HOP_BY_HOP,
    IPV4_HEADER_LENGTH,
    IPV6_FRAGMENT,
    IPV6_HEADER_LENGTH,
    IPV6_ROUTING,
    NO_NEXT_HEADER,
)
from isakmpd.esp.packet import Dropped

TIME_TO_LIVE = 64
_LARGEST_LENGTH = 0xFFFF
_DONT_FRAGMENT = 0x4000
# What belongs to the way a packet takes, not to its ends, never stands inside ESP.
_NOT_INSIDE = frozenset({HOP_BY_HOP, IPV6_ROUTING, IPV6_FRAGMENT})


def addresses_of(packet: bytes) -> bytes:
    """Give the octets of a packet's source and destination address."""
    return packet[12:20] if packet[0] >> 4 == 4 else packet[8:40]


def is_fragment(packet: bytes) -> bool:
    """Tell whether a packet of the host is a fragment; only whole ones are protected."""
    if packet[0] >> 4 == 4:
        return bool(packet[6] & 0x3F or packet[7])
    return behind_hop_by_hop(packet)[0] == IPV6_FRAGMENT


def behind_hop_by_hop(packet: bytes) -> tuple[int, int]:
    """Give the first next header behind IPv6 hop-by-hop options, and where it begins."""
    following, at = packet[6], IPV6_HEADER_LENGTH
    if following == HOP_BY_HOP and len(packet) >= at + 8:
        following, at = packet[at], at + (packet[at + 1] + 1) * 8
    return following, at


def payload_of(packet: bytes) -> tuple[bytes, int]:
    """Give what transport mode protects of a whole packet, and its next header; raises Dropped.

    IPv4 options and hop-by-hop options stay behind: the outer header is ours.
    """
    if packet[0] >> 4 == 4:
        length = packet[2] << 8 | packet[3]
        return packet[(packet[0] & 15) * 4 : length], packet[9]
    next_header, at = behind_hop_by_hop(packet)
    if next_header == IPV6_ROUTING:
        raise Dropped("routing header")
    length = IPV6_HEADER_LENGTH + (packet[4] << 8 | packet[5])
    return packet[at:length], next_header


def packet_around(payload: bytes, next_header: int, addresses: bytes, traffic_class: int) -> bytes:
    """Put an IP header before what an ESP packet carried; raises Dropped.

    ``addresses`` are the octets of source and destination, ``traffic_class`` the octet of DSCP and
    ECN of the outer header, which in transport mode is the packet's own.
    """
    if next_header == NO_NEXT_HEADER:
        raise Dropped("dummy")
    if len(addresses) == 8:
        total = IPV4_HEADER_LENGTH + len(payload)
        if total > _LARGEST_LENGTH:
            raise Dropped("malformed inner packet")
        header = pack(
            ">BBHHHBBH", 0x45, traffic_class, total, 0, _DONT_FRAGMENT, TIME_TO_LIVE, next_header, 0
        )
        return with_header_checksum(header + addresses) + payload
    if next_header in _NOT_INSIDE or len(payload) > _LARGEST_LENGTH:
        raise Dropped("malformed inner packet")
    first = 6 << 28 | traffic_class << 20
    return pack(">IHBB", first, len(payload), next_header, TIME_TO_LIVE) + addresses + payload
