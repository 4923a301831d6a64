"""Hash, and key a hash into the pseudo-random function of RFC 2409 section 4."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from isakmpd.wire.numbers import HashAlgorithm

if TYPE_CHECKING:
    from hashlib import _Hash

# Started once and copied per use. MD5 is for peers that know nothing better, not for security:
# so marked, it also starts where the system's policy bans it.
_STARTED = {
    HashAlgorithm.MD5: hashlib.md5(usedforsecurity=False),
    HashAlgorithm.SHA: hashlib.sha1(usedforsecurity=False),
    HashAlgorithm.SHA2_256: hashlib.sha256(),
    HashAlgorithm.SHA2_384: hashlib.sha384(),
    HashAlgorithm.SHA2_512: hashlib.sha512(),
}
SUPPORTED = frozenset(_STARTED)

ORIGINAL_HMAC_BLOCK = 64  # octets to which OpenBSD's isakmpd pads keys, whatever the hash

_INNER = bytes(octet ^ 0x36 for octet in range(256))
_OUTER = bytes(octet ^ 0x5C for octet in range(256))


def _start(algorithm: HashAlgorithm) -> _Hash:
    started = _STARTED.get(algorithm)
    if started is None:
        raise ValueError(f"hash {algorithm} is not supported")
    return started.copy()


def digest(algorithm: HashAlgorithm, *parts: bytes) -> bytes:
    """Hash the concatenation of ``parts``; raises ValueError for a hash outside SUPPORTED."""
    state = _start(algorithm)
    for part in parts:
        state.update(part)
    return state.digest()


def digest_length(algorithm: HashAlgorithm) -> int:
    """Give a hash's size in octets; raises ValueError for a hash outside SUPPORTED."""
    return _start(algorithm).digest_size


class Prf:
    """Be prf(key, ...), the HMAC (RFC 2104) of the negotiated hash, keyed once for many uses."""

    __slots__ = ("_inner", "_outer")

    def __init__(self, algorithm: HashAlgorithm, key: bytes, block: int | None = None) -> None:
        """Take a key of any length, padded to ``block`` octets, at most to the hash's own block.

        Raises ValueError for a hash outside SUPPORTED and a block that cannot hold its digest.
        """
        self._inner = _start(algorithm)
        self._outer = _start(algorithm)
        own = self._inner.block_size
        size = own if block is None else min(block, own)
        if size < self._inner.digest_size:
            raise ValueError(f"HMAC block of {size} octets, shorter than a digest of {algorithm}")
        if len(key) > size:
            key = digest(algorithm, key)
        padded = key.ljust(size, b"\0")
        self._inner.update(padded.translate(_INNER))
        self._outer.update(padded.translate(_OUTER))

    def __call__(self, *parts: bytes) -> bytes:
        """Authenticate the concatenation of ``parts``; the result has digest_length octets."""
        inner = self._inner.copy()
        for part in parts:
            inner.update(part)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()


@dataclass(frozen=True, slots=True)
class PrfKind:
    """Say which prf an ISAKMP SA uses: HMAC of ``hash``, with keys padded to ``block`` octets.

    None, as any size from the hash's own block on, is RFC 2104's HMAC; ORIGINAL_HMAC_BLOCK is what
    OpenBSD's isakmpd takes, which differs for SHA2-384 and SHA2-512.
    """

    hash: HashAlgorithm
    block: int | None = None

    def keyed(self, key: bytes) -> Prf:
        """Key the function; raises ValueError as Prf does."""
        return Prf(self.hash, key, self.block)


def equal(a: bytes, b: bytes) -> bool:
    """Tell whether two octet strings agree in length and content, in constant time per length."""
    return hmac.compare_digest(a, b)
