"""Compute Internet checksums (RFC 1071) and repair them where addresses or ports change."""

from __future__ import annotations

from isakmpd.esp.inner import DCCP, ICMPV6, TCP, UDP, UDP_LITE, upper_layer

# Where the checksum lies of a protocol that covers the addresses of the IP header.
_CHECKSUM_AT = {TCP: 16, UDP: 6, DCCP: 6, UDP_LITE: 6, ICMPV6: 2}
PROTOCOLS_TO_TRANSLATE = frozenset({TCP, UDP, DCCP, UDP_LITE})


def checksum(octets: bytes) -> int:
    """Compute the Internet checksum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    return ~_sum(int.from_bytes(octets)) & 0xFFFF


def updated(before: int, old: bytes, new: bytes) -> int:
    """Give the checksum after whole 16 bit words ``old`` became ``new`` (RFC 1624 section 3)."""
    inverted = int.from_bytes(old) ^ ((1 << 8 * len(old)) - 1)
    return ~_sum((before ^ 0xFFFF) + _sum(inverted) + _sum(int.from_bytes(new))) & 0xFFFF


def with_header_checksum(header: bytes) -> bytes:
    """Give an IPv4 header its checksum."""
    cleared = header[:10] + b"\0\0" + header[12:]
    return cleared[:10] + checksum(cleared).to_bytes(2) + cleared[12:]


def upper_layer_of(packet: bytes) -> tuple[int, int]:
    """Give the protocol of a whole IP packet and where it begins, 0 for nowhere."""
    if packet[0] >> 4 == 4:
        return packet[9], (packet[0] & 15) * 4
    return upper_layer(packet)


def repaired(packet: bytes, old: bytes, new: bytes) -> bytes:
    """Make a checksum over ``old`` addresses and ports one over ``new`` (RFC 3948 section 3.1.2).

    ``packet`` is a whole IP packet. A UDP checksum of 0 stays: the sender computed none.
    """
    protocol, begin = upper_layer_of(packet)
    at = _CHECKSUM_AT.get(protocol)
    if old == new or at is None or not begin or len(packet) < begin + at + 2:
        return packet
    if protocol == ICMPV6 and packet[0] >> 4 == 4:
        return packet
    at += begin
    before = int.from_bytes(packet[at : at + 2])
    if not before and protocol == UDP:
        return packet
    after = updated(before, old, new)
    if not after and protocol == UDP:
        after = 0xFFFF  # RFC 768: 0 would mean none
    return packet[:at] + after.to_bytes(2) + packet[at + 2 :]


def _sum(number: int) -> int:
    """Add the 16 bit digits of a number in ones' complement."""
    # A number is congruent to the sum of its 16 bit digits modulo 2**16 - 1.
    return number % 0xFFFF or (0xFFFF if number else 0)
