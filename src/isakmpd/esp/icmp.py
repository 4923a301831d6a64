"""Tell senders why a packet is not carried (RFC 792, RFC 1191, RFC 4443).

Messages come from the packet's destination, the only address sure to be routed into the tunnel and
so to pass reverse path filters.
"""

from __future__ import annotations

from struct import pack

from isakmpd.esp.checksums import checksum, with_header_checksum
from isakmpd.esp.inner import (
    ICMP,
    ICMPV6,
    IPV4_HEADER_LENGTH,
    IPV6_HEADER_LENGTH,
    upper_layer,
)
from isakmpd.esp.path_mtu import SMALLEST_IPV4_MTU, SMALLEST_IPV6_MTU

HOP_LIMIT = 64

_OFFSET = 0x1FFF
_ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})  # RFC 1122 section 3.2.2
_LONGEST_ICMP = 576  # RFC 1812 section 4.3.2.3
_UNREACHABLE, _FRAGMENTATION_NEEDED, _PROHIBITED = 3, 4, 13
_UNREACHABLE_6, _PROHIBITED_6, _PACKET_TOO_BIG_6 = 1, 1, 2


def too_big(packet: bytes, mtu: int) -> bytes | None:
    """Build the message that tells a packet's sender the tunnel's MTU, in octets.

    None where no ICMP error may be sent: about an ICMP error, a later fragment, or to a group
    (RFC 1122 section 3.2.2, RFC 4443 section 2.4).
    """
    if packet[0] >> 4 == 6:
        return _error_6(packet, _PACKET_TOO_BIG_6, 0, max(mtu, SMALLEST_IPV6_MTU))
    return _error_4(packet, _FRAGMENTATION_NEEDED, max(mtu, SMALLEST_IPV4_MTU))


def prohibited(packet: bytes) -> bytes | None:
    """Build the message that tells a packet's sender that policy keeps it here; None as above."""
    if packet[0] >> 4 == 6:
        return _error_6(packet, _UNREACHABLE_6, _PROHIBITED_6, 0)
    return _error_4(packet, _PROHIBITED, 0)


def _error_4(packet: bytes, code: int, word: int) -> bytes | None:
    header = (packet[0] & 15) * 4
    group = packet[16] >= 0xE0 or packet[12] >= 0xE0
    later = int.from_bytes(packet[6:8]) & _OFFSET
    about_error = packet[9] == ICMP and len(packet) > header and packet[header] in _ICMP_ERRORS
    if group or later or about_error:
        return None
    quoted = packet[: _LONGEST_ICMP - IPV4_HEADER_LENGTH - 8]
    message = pack(">BBHI", _UNREACHABLE, code, 0, word) + quoted
    message = message[:2] + checksum(message).to_bytes(2) + message[4:]
    total = IPV4_HEADER_LENGTH + len(message)
    outer = pack(">BBHHHBBH", 0x45, 0, total, 0, 0, HOP_LIMIT, ICMP, 0)
    outer += packet[16:20] + packet[12:16]
    return with_header_checksum(outer) + message


def _error_6(packet: bytes, kind: int, code: int, word: int) -> bytes | None:
    protocol, offset = upper_layer(packet)
    group = packet[24] == 0xFF or packet[8] == 0xFF
    about_error = protocol == ICMPV6 and 0 < offset < len(packet) and packet[offset] < 128
    later = not offset
    if group or about_error or later:
        return None
    quoted = packet[: SMALLEST_IPV6_MTU - IPV6_HEADER_LENGTH - 8]
    message = pack(">BBHI", kind, code, 0, word) + quoted
    addresses = packet[24:40] + packet[8:24]
    pseudo = addresses + pack(">II", len(message), ICMPV6)
    message = message[:2] + checksum(pseudo + message).to_bytes(2) + message[4:]
    return pack(">IHBB", 6 << 28, len(message), ICMPV6, HOP_LIMIT) + addresses + message
