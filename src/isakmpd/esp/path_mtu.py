"""Deal with packets too big for the tunnel (RFC 4301 section 8.2, RFC 1191, RFC 8200).

A packet that may be fragmented is fragmented before it is encapsulated: its destination then
reassembles it, and the tunnel's far end, which would have to hold fragments of authenticated
packets from anyone who can send it some, does not.
"""

from __future__ import annotations

from struct import pack

from isakmpd.esp.inner import (
    ICMP,
    ICMPV6,
    IPV4_HEADER_LENGTH,
    IPV6_HEADER_LENGTH,
    upper_layer,
)

SMALLEST_IPV4_MTU = 68
SMALLEST_IPV6_MTU = 1280
HOP_LIMIT = 64

_DONT_FRAGMENT = 0x4000
_MORE_FRAGMENTS = 0x2000
_OFFSET = 0x1FFF
_ICMP_ERRORS = frozenset({3, 4, 5, 11, 12})  # RFC 1122 section 3.2.2
_LONGEST_ICMP = 576  # RFC 1812 section 4.3.2.3
_UNREACHABLE, _FRAGMENTATION_NEEDED = 3, 4
_PACKET_TOO_BIG = 2


def checksum(octets: bytes) -> int:
    """Compute the Internet checksum (RFC 1071)."""
    if len(octets) % 2:
        octets += b"\0"
    # A number is congruent to the sum of its 16 bit digits modulo 2**16 - 1.
    total = int.from_bytes(octets) % 0xFFFF
    if not total and any(octets):
        total = 0xFFFF
    return ~total & 0xFFFF


def may_be_fragmented(packet: bytes) -> bool:
    """Tell whether a router may fragment the packet: IPv4 without DF."""
    return packet[0] >> 4 == 4 and not packet[6] & 0x40


def too_big(packet: bytes, mtu: int) -> bytes | None:
    """Build the ICMP message that tells the packet's sender the tunnel's MTU.

    It comes from the packet's destination, the only address sure to be routed into the tunnel
    and so to pass reverse path filters. None where no ICMP error may be sent: about an ICMP
    error, a later fragment, or to a group (RFC 1122 section 3.2.2, RFC 4443 section 2.4).
    """
    if packet[0] >> 4 == 6:
        return _packet_too_big(packet, max(mtu, SMALLEST_IPV6_MTU))
    header = (packet[0] & 15) * 4
    group = packet[16] >= 0xE0 or packet[12] >= 0xE0
    later = int.from_bytes(packet[6:8]) & _OFFSET
    about_error = packet[9] == ICMP and len(packet) > header and packet[header] in _ICMP_ERRORS
    if group or later or about_error:
        return None
    quoted = packet[: _LONGEST_ICMP - IPV4_HEADER_LENGTH - 8]
    mtu = max(mtu, SMALLEST_IPV4_MTU)
    message = pack(">BBHHH", _UNREACHABLE, _FRAGMENTATION_NEEDED, 0, 0, mtu) + quoted
    message = message[:2] + checksum(message).to_bytes(2) + message[4:]
    total = IPV4_HEADER_LENGTH + len(message)
    outer = pack(">BBHHHBBH", 0x45, 0, total, 0, 0, HOP_LIMIT, ICMP, 0)
    outer += packet[16:20] + packet[12:16]
    return _with_header_checksum(outer) + message


def _packet_too_big(packet: bytes, mtu: int) -> bytes | None:
    protocol, offset = upper_layer(packet)
    group = packet[24] == 0xFF or packet[8] == 0xFF
    about_error = protocol == ICMPV6 and 0 < offset < len(packet) and packet[offset] < 128
    later = not offset
    if group or about_error or later:
        return None
    quoted = packet[: SMALLEST_IPV6_MTU - IPV6_HEADER_LENGTH - 8]
    message = pack(">BBHI", _PACKET_TOO_BIG, 0, 0, mtu) + quoted
    addresses = packet[24:40] + packet[8:24]
    pseudo = addresses + pack(">II", len(message), ICMPV6)
    message = message[:2] + checksum(pseudo + message).to_bytes(2) + message[4:]
    return pack(">IHBB", 6 << 28, len(message), ICMPV6, HOP_LIMIT) + addresses + message


def fragments(packet: bytes, mtu: int) -> list[bytes]:
    """Cut an IPv4 packet without DF into pieces of at most ``mtu`` octets (RFC 791 section 3.2)."""
    header_length = (packet[0] & 15) * 4
    header, data = packet[:header_length], packet[header_length:]
    flags = int.from_bytes(packet[6:8])
    first_offset, more_follow = flags & _OFFSET, flags & _MORE_FRAGMENTS
    later_header = _header_of_later(header)
    pieces, position = [], 0
    while position < len(data):
        own = header if position == 0 else later_header
        room = max(mtu - len(own), 8)
        room -= room % 8
        piece = data[position : position + room]
        last = position + len(piece) >= len(data)
        word = first_offset + position // 8 | (more_follow if last else _MORE_FRAGMENTS)
        total = len(own) + len(piece)
        renewed = own[:2] + total.to_bytes(2) + own[4:6] + word.to_bytes(2) + own[8:]
        pieces.append(_with_header_checksum(renewed) + piece)
        position += len(piece)
    return pieces


def _header_of_later(header: bytes) -> bytes:
    """Keep only the options every fragment repeats: those with the copied flag set."""
    kept, options = b"", header[IPV4_HEADER_LENGTH:]
    while options and options[0]:
        length = 1 if options[0] == 1 else options[1] if len(options) > 1 else 0
        if not 1 <= length <= len(options):
            break
        if options[0] & 0x80:
            kept += options[:length]
        options = options[length:]
    kept += bytes(-len(kept) % 4)
    words = (IPV4_HEADER_LENGTH + len(kept)) // 4
    return bytes((0x40 | words,)) + header[1:IPV4_HEADER_LENGTH] + kept


def _with_header_checksum(header: bytes) -> bytes:
    cleared = header[:10] + b"\0\0" + header[12:]
    return cleared[:10] + checksum(cleared).to_bytes(2) + cleared[12:]
