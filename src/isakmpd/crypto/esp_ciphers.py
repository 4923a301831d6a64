"""Seal and open the octets of ESP packets (RFC 4303 section 3.2) with keys set up once."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.hmac import HMAC

HEADER_LENGTH = 8  # SPI and sequence number


class NotAuthentic(Exception):  # noqa: N818 - a verdict on a packet, not an error of ours
    """Say that a packet's ICV is wrong or its length impossible."""


class EspCipher(Protocol):
    """Turn a header and a padded plaintext into an ESP packet, and back.

    ``alignment`` is what the plaintext's length must be a multiple of; ``overhead`` counts the
    octets a packet gains beside its plaintext: header, IV and ICV.
    """

    alignment: int
    overhead: int

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Encrypt and authenticate; ``header`` is the SPI and a fresh sequence number."""

    def open(self, packet: bytes) -> bytes:
        """Authenticate, then decrypt; raises NotAuthentic."""


class AesGcm:
    """AES-GCM with a 16 octet ICV (RFC 4106), the sequence number serving as the IV.

    ``key`` is 16, 24 or 32 octets of AES key and 4 of salt (RFC 4106 section 8.1).
    """

    __slots__ = ("_aead", "_salt", "alignment", "overhead")

    iv_length = 8
    icv_length = 16

    def __init__(self, key: bytes) -> None:
        if len(key) not in (20, 28, 36):
            raise ValueError(f"an AES-GCM key with salt has 20, 28 or 36 octets, not {len(key)}")
        self._aead = AESGCM(key[:-4])
        self._salt = key[-4:]
        self.alignment = 4
        self.overhead = HEADER_LENGTH + self.iv_length + self.icv_length

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Encrypt and authenticate; the IV is unique because sequence numbers never wrap."""
        iv = b"\0\0\0\0" + header[4:]
        return header + iv + self._aead.encrypt(self._salt + iv, plaintext, header)

    def open(self, packet: bytes) -> bytes:
        """Authenticate and decrypt in one step; raises NotAuthentic."""
        try:
            return self._aead.decrypt(self._salt + packet[8:16], packet[16:], packet[:8])
        except InvalidTag:
            raise NotAuthentic from None
        except ValueError:  # a nonce cut short by the packet's end
            raise NotAuthentic from None


class CbcHmac:
    """A block cipher in CBC mode (RFC 3602, RFC 2451) beside a truncated HMAC (RFC 4868).

    One context serves all packets of an SA. Encrypting a fresh random block first gives a block
    nobody can predict, which is the packet's IV (RFC 3602 section 3); decrypting starts with the
    IV, and what that block decrypts to is of no interest.
    """

    __slots__ = (
        "_decryptor",
        "_encryptor",
        "_entropy",
        "_hmac",
        "_icv_length",
        "_smallest",
        "alignment",
        "overhead",
    )

    def __init__(
        self,
        algorithm: AES | TripleDES,
        authenticator: HMAC,
        icv_length: int,
        entropy: Callable[[int], bytes],
    ) -> None:
        block = algorithm.block_size // 8
        context = Cipher(algorithm, modes.CBC(bytes(block)))
        self._encryptor = context.encryptor()
        self._decryptor = context.decryptor()
        self._hmac = authenticator
        self._entropy = entropy
        self._icv_length = icv_length
        self._smallest = HEADER_LENGTH + 2 * block + icv_length
        self.alignment = block
        self.overhead = HEADER_LENGTH + block + icv_length

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Encrypt under a random IV, then authenticate header, IV and ciphertext."""
        body = header + self._encryptor.update(self._entropy(self.alignment) + plaintext)
        authenticator = self._hmac.copy()
        authenticator.update(body)
        return body + authenticator.finalize()[: self._icv_length]

    def open(self, packet: bytes) -> bytes:
        """Check the ICV in constant time and only then decrypt; raises NotAuthentic."""
        body = packet[: -self._icv_length]
        if len(packet) < self._smallest or (len(body) - HEADER_LENGTH) % self.alignment:
            raise NotAuthentic
        authenticator = self._hmac.copy()
        authenticator.update(body)
        icv = authenticator.finalize()[: self._icv_length]
        if not hmac.compare_digest(icv, packet[-self._icv_length :]):
            raise NotAuthentic
        return self._decryptor.update(body[HEADER_LENGTH:])[self.alignment :]


HMACS: dict[str, tuple[type[hashes.HashAlgorithm], int, int]] = {
    # name: hash, octets of key, octets of ICV
    "HMAC-MD5-96": (hashes.MD5, 16, 12),  # RFC 2403
    "HMAC-SHA1-96": (hashes.SHA1, 20, 12),  # RFC 2404
    "HMAC-SHA2-256-128": (hashes.SHA256, 32, 16),  # RFC 4868
    "HMAC-SHA2-384-192": (hashes.SHA384, 48, 24),
    "HMAC-SHA2-512-256": (hashes.SHA512, 64, 32),
}


def truncated_hmac(name: str, key: bytes) -> tuple[HMAC, int]:
    """Key an authenticator of RFC 2403, 2404 or 4868 and tell the length of its ICV.

    Raises ValueError for a key of another length than the RFC fixes.
    """
    algorithm, key_length, icv_length = HMACS[name]
    if len(key) != key_length:
        raise ValueError(f"a key of {name} has {key_length} octets, not {len(key)}")
    return HMAC(key, algorithm()), icv_length


def aes_cbc_hmac(
    key: bytes, hmac_name: str, hmac_key: bytes, entropy: Callable[[int], bytes]
) -> CbcHmac:
    """Pair AES-CBC (RFC 3602) with an authenticator; raises ValueError for impossible keys."""
    if len(key) not in (16, 24, 32):
        raise ValueError(f"an AES key has 16, 24 or 32 octets, not {len(key)}")
    return CbcHmac(AES(key), *truncated_hmac(hmac_name, hmac_key), entropy)


def triple_des_cbc_hmac(
    key: bytes, hmac_name: str, hmac_key: bytes, entropy: Callable[[int], bytes]
) -> CbcHmac:
    """Pair 3DES-CBC (RFC 2451) with an authenticator; raises ValueError for impossible keys."""
    if len(key) != 24:
        raise ValueError(f"a 3DES key has 24 octets, not {len(key)}")
    return CbcHmac(TripleDES(key), *truncated_hmac(hmac_name, hmac_key), entropy)
