"""Authenticate the packets of ESP and AH by HMACs cut short (RFC 2403, 2404, 2857 and 4868)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import Crypto.Hash.HMAC
import Crypto.Hash.RIPEMD160
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hmac import HMAC


class Mac(Protocol):
    """Be an HMAC keyed once: copied, fed and finished for every packet."""

    def copy(self) -> Self:
        """Begin a packet, leaving the keyed state as it is."""

    def update(self, data: bytes, /) -> None:
        """Take octets."""

    def finalize(self) -> bytes:
        """Give the whole digest."""


class _Ripemd160:
    """HMAC-RIPEMD160 as Mac has it; OpenSSL has the hash only where its policy lets it."""

    __slots__ = ("_keyed",)

    def __init__(self, keyed: Crypto.Hash.HMAC.HMAC) -> None:
        self._keyed = keyed

    def copy(self) -> _Ripemd160:
        return _Ripemd160(self._keyed.copy())

    def update(self, data: bytes, /) -> None:
        self._keyed.update(data)

    def finalize(self) -> bytes:
        return self._keyed.digest()


def _ripemd160(key: bytes) -> Mac:
    return _Ripemd160(Crypto.Hash.HMAC.new(key, digestmod=Crypto.Hash.RIPEMD160))


def _by_openssl(algorithm: type[hashes.HashAlgorithm]) -> Callable[[bytes], Mac]:
    return lambda key: HMAC(key, algorithm())


@dataclass(frozen=True, slots=True)
class HmacKind:
    """Say how an HMAC is keyed, and the octets of its key and of what is left of its digest."""

    start: Callable[[bytes], Mac]
    key_octets: int
    icv_octets: int


HMACS: dict[str, HmacKind] = {
    "HMAC-MD5-96": HmacKind(_by_openssl(hashes.MD5), 16, 12),
    "HMAC-SHA1-96": HmacKind(_by_openssl(hashes.SHA1), 20, 12),
    "HMAC-SHA2-256-128": HmacKind(_by_openssl(hashes.SHA256), 32, 16),
    "HMAC-SHA2-384-192": HmacKind(_by_openssl(hashes.SHA384), 48, 24),
    "HMAC-SHA2-512-256": HmacKind(_by_openssl(hashes.SHA512), 64, 32),
    "HMAC-RIPEMD160-96": HmacKind(_ripemd160, 20, 12),
}


def truncated_hmac(name: str, key: bytes) -> tuple[Mac, int]:
    """Key an authenticator of HMACS and tell the length of its ICV in octets.

    Raises ValueError for a key of another length than the RFC fixes.
    """
    kind = HMACS[name]
    if len(key) != kind.key_octets:
        raise ValueError(f"a key of {name} has {kind.key_octets} octets, not {len(key)}")
    return kind.start(key), kind.icv_octets
