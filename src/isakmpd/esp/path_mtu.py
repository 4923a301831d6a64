"""Cut packets too big for the tunnel (RFC 4301 section 8.2, RFC 791 section 3.2).

A packet that may be fragmented is fragmented before it is encapsulated: its destination then
reassembles it, and the tunnel's far end, which would have to hold fragments of authenticated
packets from anyone who can send it some, does not.
"""

from __future__ import annotations

from isakmpd.esp.checksums import with_header_checksum
from isakmpd.esp.inner import IPV4_HEADER_LENGTH

SMALLEST_IPV4_MTU = 68
SMALLEST_IPV6_MTU = 1280

_MORE_FRAGMENTS = 0x2000
_OFFSET = 0x1FFF


def may_be_fragmented(packet: bytes) -> bool:
    """Tell whether a router may fragment the packet: IPv4 without DF."""
    return packet[0] >> 4 == 4 and not packet[6] & 0x40


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
        pieces.append(with_header_checksum(renewed) + piece)
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
