"""Give the engine its randomness as an argument, so that a run can be repeated.

All that is drawn comes from here: cookies, message IDs, nonces, private keys of every group, SPIs,
waits. What a library would draw by itself, as for a signature, has to be derived (RFC 6979).
"""

from __future__ import annotations

import hashlib
from typing import Protocol


class Entropy(Protocol):
    """Give octets nobody can predict."""

    def __call__(self, length: int, /) -> bytes:
        """Give ``length`` fresh octets."""


class SeededEntropy:
    """Give the same octets for the same seed: for the simulator and ``-r``, never for real keys.

    Daemons that talk to each other need seeds of their own: with one in common both draw the same
    cookies, and each takes the other for an echo. Draws are served in the order in which they are
    asked for, which on a real clock is that of the packets and timers.
    """

    def __init__(self, seed: str) -> None:
        self._key = hashlib.sha256(seed.encode()).digest()
        self._counter = 0

    def __call__(self, length: int) -> bytes:
        """Give the next ``length`` octets of the sequence."""
        octets = b""
        while len(octets) < length:
            self._counter += 1
            octets += hashlib.sha256(self._key + self._counter.to_bytes(8)).digest()
        return octets[:length]


def fraction(entropy: Entropy) -> float:
    """Draw a number from 0 up to, not including, 1."""
    return int.from_bytes(entropy(4)) / 2**32


def cookie(entropy: Entropy) -> bytes:
    """Draw an ISAKMP cookie, which is never zero (RFC 2408 section 2.5.3)."""
    octets = entropy(8)
    return octets if any(octets) else b"\1" + octets[1:]


def message_id(entropy: Entropy) -> int:
    """Draw a message ID, which is never zero (RFC 2408 section 3.1)."""
    return int.from_bytes(entropy(4)) or 1
