"""Put together the fragments of the host's own packets: transport mode protects whole ones only.

RFC 4303 section 3.1.1. The host cuts what is longer than the device's MTU and hands over all
pieces at once, so that little and briefly is kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.esp.checksums import with_header_checksum
from isakmpd.esp.inner import IPV6_HEADER_LENGTH
from isakmpd.esp.transport_mode import behind_hop_by_hop

MOST_PACKETS = 32  # begun and not yet whole
LARGEST_PACKET = 0xFFFF
LIFETIME = 5.0  # seconds

_MORE = 1


@dataclass(slots=True)
class _Fragment:
    """One piece: where it belongs, its octets, and what the whole packet begins with."""

    key: bytes
    offset: int
    more: bool
    octets: bytes
    header: bytes


@dataclass(slots=True)
class _Begun:
    """A packet of which some pieces are there."""

    since: float
    pieces: dict[int, bytes] = field(default_factory=dict)
    octets: int = 0
    end: int | None = None
    header: bytes = b""


class Reassembler:
    """Collect fragments until packets are whole (RFC 791 section 3.2, RFC 8200 section 4.5)."""

    def __init__(self) -> None:
        self._begun: dict[bytes, _Begun] = {}

    def add(self, packet: bytes, now: float) -> bytes | None:
        """Take a fragment and give the whole packet once its last piece is there."""
        fragment = _fragment_4(packet) if packet[0] >> 4 == 4 else _fragment_6(packet)
        if fragment is None:
            return None
        self._expire(now)
        begun = self._begun.get(fragment.key)
        if begun is None:
            if len(self._begun) >= MOST_PACKETS:
                del self._begun[next(iter(self._begun))]
            begun = self._begun[fragment.key] = _Begun(now)
        begun.octets += len(fragment.octets)
        overlong = begun.octets + len(packet) - len(fragment.octets) > LARGEST_PACKET
        if overlong or fragment.offset in begun.pieces:
            del self._begun[fragment.key]  # RFC 5722: pieces that overlap make no packet
            return None
        begun.pieces[fragment.offset] = fragment.octets
        if not fragment.more:
            begun.end = fragment.offset + len(fragment.octets)
        if not fragment.offset:
            begun.header = fragment.header
        if begun.end is None or begun.octets < begun.end:
            return None
        del self._begun[fragment.key]
        return _whole(begun)

    def _expire(self, now: float) -> None:
        # Oldest first, as they were begun.
        while self._begun:
            key, begun = next(iter(self._begun.items()))
            if now - begun.since < LIFETIME:
                return
            del self._begun[key]


def _fragment_4(packet: bytes) -> _Fragment:
    length = packet[2] << 8 | packet[3]
    header = packet[: (packet[0] & 15) * 4]
    word = int.from_bytes(packet[6:8])
    key = packet[4:6] + packet[9:10] + packet[12:20]
    octets = packet[len(header) : length]
    return _Fragment(key, (word & 0x1FFF) * 8, bool(word & 0x2000), octets, header)


def _fragment_6(packet: bytes) -> _Fragment | None:
    _, at = behind_hop_by_hop(packet)
    length = IPV6_HEADER_LENGTH + (packet[4] << 8 | packet[5])
    if length < at + 8:
        return None
    word = int.from_bytes(packet[at + 2 : at + 4])
    # The hop-by-hop options stay behind in transport mode, so the first header names what follows.
    header = packet[:6] + packet[at : at + 1] + packet[7:IPV6_HEADER_LENGTH]
    key = packet[at + 4 : at + 8] + packet[8:40]
    return _Fragment(key, word & 0xFFF8, bool(word & _MORE), packet[at + 8 : length], header)


def _whole(begun: _Begun) -> bytes | None:
    body = b""
    for offset in sorted(begun.pieces):
        if offset != len(body):
            return None
        body += begun.pieces[offset]
    if len(body) != begun.end:
        return None
    header = begun.header
    if header[0] >> 4 == 6:
        return header[:4] + len(body).to_bytes(2) + header[6:] + body
    total = len(header) + len(body)
    return (
        with_header_checksum(header[:2] + total.to_bytes(2) + header[4:6] + b"\0\0" + header[8:])
        + body
    )
