"""Build and check ESP packets with the counters of one SA (RFC 4303 sections 3.3 and 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from isakmpd.crypto.esp_ciphers import EspCipher
from isakmpd.esp.replay import ReplayWindow

LAST_SEQUENCE = 0xFFFFFFFF
# At a million packets a second this leaves four minutes to rekey.
SOFT_SEQUENCE = 0xF0000000
SMALLEST_PACKET = 8

_HEADER = Struct(">II")
_PADDING = bytes(range(1, 256))


class Dropped(Exception):  # noqa: N818 - a verdict on a packet, not an error of ours
    """Say in two or three words why a packet is not carried; drops are counted by it."""


def _trailers(alignment: int, next_header: int) -> tuple[bytes, ...]:
    """Give the padding, pad length and next header for every remainder of a payload's length."""
    table = []
    for remainder in range(alignment):
        padding = -(remainder + 2) % alignment
        table.append(_PADDING[:padding] + bytes((padding, next_header)))
    return tuple(table)


class Sealer:
    """Seal the packets of one outbound SA, numbering them from 1 and never beyond 2**32 - 1."""

    __slots__ = ("_alignment", "_seal", "_spi", "_trailers", "cipher", "sequence")

    def __init__(self, spi: int, cipher: EspCipher, sequence: int = 0) -> None:
        self.cipher = cipher
        self.sequence = sequence
        self._spi = spi
        self._seal: Callable[[bytes, bytes], bytes] = cipher.seal
        self._alignment = cipher.alignment
        self._trailers: dict[int, tuple[bytes, ...]] = {}

    def seal(self, payload: bytes, next_header: int) -> bytes:
        """Number, pad, encrypt and authenticate a payload; raises Dropped after the last number."""
        if self.sequence >= LAST_SEQUENCE:
            raise Dropped("sequence numbers exhausted")
        self.sequence += 1
        trailers = self._trailers.get(next_header)
        if trailers is None:
            trailers = self._trailers[next_header] = _trailers(self._alignment, next_header)
        return self._seal(
            _HEADER.pack(self._spi, self.sequence),
            payload + trailers[len(payload) % self._alignment],
        )


class Opener:
    """Open the packets of one inbound SA: new, authentic and well padded, in that order."""

    __slots__ = ("_open", "cipher", "replay")

    def __init__(self, cipher: EspCipher, replay: ReplayWindow) -> None:
        self.cipher = cipher
        self.replay = replay
        self._open: Callable[[bytes], bytes] = cipher.open

    def open(self, packet: bytes) -> tuple[bytes, int]:
        """Give the payload and its next header; raises Dropped or NotAuthentic.

        ``packet`` has at least SMALLEST_PACKET octets; payload padding (RFC 4303 section 2.7)
        is still on it.
        """
        sequence = int.from_bytes(packet[4:8])
        if not self.replay.fresh(sequence):
            raise Dropped("replayed")
        plaintext = self._open(packet)
        self.replay.record(sequence)
        if len(plaintext) < 2:
            raise Dropped("no trailer")
        padding, next_header = plaintext[-2], plaintext[-1]
        if not padding:
            return plaintext[:-2], next_header
        end = len(plaintext) - 2 - padding
        # RFC 4303 section 2.4: the receiver should inspect the padding 1, 2, 3...
        if end < 0 or plaintext[end:-2] != _PADDING[:padding]:
            raise Dropped("bad padding")
        return plaintext[:end], next_header


def spi_of(packet: bytes) -> int:
    """Read the SPI of an ESP packet of at least SMALLEST_PACKET octets."""
    return int.from_bytes(packet[:4])


def sequence_of(packet: bytes) -> int:
    """Read the sequence number of an ESP packet of at least SMALLEST_PACKET octets."""
    return int.from_bytes(packet[4:8])


def largest_payload(room: int, cipher: EspCipher) -> int:
    """Tell how long a payload may be for its ESP packet to fit into ``room`` octets."""
    body = room - cipher.overhead
    return max(body - body % cipher.alignment - 2, 0)
