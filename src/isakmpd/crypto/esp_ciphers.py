"""Seal and open the octets of ESP packets (RFC 4303 section 3.2) with keys set up once."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Blowfish, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES

from isakmpd.crypto.truncated_hmac import Mac
from isakmpd.wire.numbers import EspTransform

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


COUNTER_IV_LENGTH = 8
_IV_START = bytes(4)  # before a sequence number, which never repeats and so makes an IV
_IV_END = HEADER_LENGTH + COUNTER_IV_LENGTH
_GCM_ICV_LENGTH = 16
_FIRST_COUNTER = (1).to_bytes(4)  # of the blocks of a packet (RFC 3686 section 4)


def _without_salt(mode: str, key: bytes) -> tuple[bytes, bytes]:
    if len(key) not in (20, 28, 36):
        raise ValueError(f"an {mode} key with salt has 20, 28 or 36 octets, not {len(key)}")
    return key[:-4], key[-4:]


class AesGcm:
    """AES-GCM with a 16 octet ICV (RFC 4106), the sequence number serving as the IV.

    ``key`` is 16, 24 or 32 octets of AES key and 4 of salt (RFC 4106 section 8.1).
    """

    __slots__ = ("_aead", "_salt", "alignment", "overhead")

    def __init__(self, key: bytes) -> None:
        aes_key, self._salt = _without_salt("AES-GCM", key)
        self._aead = AESGCM(aes_key)
        self.alignment = 4
        self.overhead = _IV_END + _GCM_ICV_LENGTH

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Encrypt and authenticate; the IV is unique because sequence numbers never wrap."""
        iv = _IV_START + header[4:]
        return header + iv + self._aead.encrypt(self._salt + iv, plaintext, header)

    def open(self, packet: bytes) -> bytes:
        """Authenticate and decrypt in one step; raises NotAuthentic."""
        try:
            return self._aead.decrypt(self._salt + packet[8:16], packet[16:], packet[:8])
        except InvalidTag:
            raise NotAuthentic from None
        except ValueError:  # a nonce cut short by the packet's end
            raise NotAuthentic from None


class AesGmac:
    """AES-GMAC: a 16 octet ICV over packets left legible (RFC 4543), keyed as AES-GCM is."""

    __slots__ = ("_aead", "_salt", "alignment", "overhead")

    def __init__(self, key: bytes) -> None:
        aes_key, self._salt = _without_salt("AES-GMAC", key)
        self._aead = AESGCM(aes_key)
        self.alignment = 4
        self.overhead = _IV_END + _GCM_ICV_LENGTH

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Authenticate header, IV and plaintext; the IV is the sequence number."""
        iv = _IV_START + header[4:]
        body = header + iv + plaintext
        return body + self._aead.encrypt(self._salt + iv, b"", body)

    def open(self, packet: bytes) -> bytes:
        """Check the ICV and give the plaintext as it lies there; raises NotAuthentic."""
        body, icv = packet[:-_GCM_ICV_LENGTH], packet[-_GCM_ICV_LENGTH:]
        if len(body) < _IV_END:
            raise NotAuthentic
        try:
            self._aead.decrypt(self._salt + body[HEADER_LENGTH:_IV_END], icv, body)
        except InvalidTag:
            raise NotAuthentic from None
        return body[_IV_END:]


class _Authenticated:
    """Append a truncated HMAC over all that stands before it (RFC 4303 section 2.8)."""

    __slots__ = ("_icv_length", "_mac", "_smallest", "alignment", "overhead")

    def __init__(self, mac: Mac, icv_length: int, iv_length: int, alignment: int) -> None:
        self._mac = mac
        self._icv_length = icv_length
        self.alignment = alignment
        self.overhead = HEADER_LENGTH + iv_length + icv_length
        self._smallest = self.overhead + alignment

    def _with_icv(self, body: bytes) -> bytes:
        mac = self._mac.copy()
        mac.update(body)
        return body + mac.finalize()[: self._icv_length]

    def _authentic(self, packet: bytes) -> bytes:
        """Check the ICV in constant time and take it off; raises NotAuthentic."""
        if len(packet) < self._smallest:
            raise NotAuthentic
        body = packet[: -self._icv_length]
        mac = self._mac.copy()
        mac.update(body)
        icv = mac.finalize()[: self._icv_length]
        if not hmac.compare_digest(icv, packet[-self._icv_length :]):
            raise NotAuthentic
        return body


class CbcHmac(_Authenticated):
    """A block cipher in CBC mode (RFC 3602, RFC 2451) beside a truncated HMAC (RFC 4868).

    One context serves all packets of an SA. Encrypting a fresh random block first gives a block
    nobody can predict, which is the packet's IV (RFC 3602 section 3); decrypting starts with the
    IV, and what that block decrypts to is of no interest.
    """

    __slots__ = ("_decryptor", "_encryptor", "_entropy")

    def __init__(
        self,
        algorithm: BlockCipherAlgorithm,
        mac: Mac,
        icv_length: int,
        entropy: Callable[[int], bytes],
    ) -> None:
        block = algorithm.block_size // 8
        super().__init__(mac, icv_length, block, block)
        context = Cipher(algorithm, modes.CBC(bytes(block)))
        self._encryptor = context.encryptor()
        self._decryptor = context.decryptor()
        self._entropy = entropy

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Encrypt under a random IV, then authenticate header, IV and ciphertext."""
        return self._with_icv(
            header + self._encryptor.update(self._entropy(self.alignment) + plaintext)
        )

    def open(self, packet: bytes) -> bytes:
        """Check the ICV and only then decrypt; raises NotAuthentic."""
        if (len(packet) - self.overhead) % self.alignment:
            raise NotAuthentic
        body = self._authentic(packet)
        return self._decryptor.update(body[HEADER_LENGTH:])[self.alignment :]


class CtrHmac(_Authenticated):
    """AES in counter mode (RFC 3686) beside a truncated HMAC, the sequence number being the IV.

    ``key`` is 16, 24 or 32 octets of AES key and 4 of nonce (RFC 3686 section 5.1).
    """

    __slots__ = ("_decryptor", "_encryptor", "_nonce")

    def __init__(self, key: bytes, mac: Mac, icv_length: int) -> None:
        aes_key, self._nonce = _without_salt("AES-CTR", key)
        super().__init__(mac, icv_length, COUNTER_IV_LENGTH, 4)
        context = Cipher(AES(aes_key), modes.CTR(bytes(16)))
        self._encryptor = context.encryptor()
        self._decryptor = context.decryptor()

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Encrypt, then authenticate; the IV is unique because sequence numbers never wrap."""
        iv = _IV_START + header[4:]
        self._encryptor.reset_nonce(self._nonce + iv + _FIRST_COUNTER)
        return self._with_icv(header + iv + self._encryptor.update(plaintext))

    def open(self, packet: bytes) -> bytes:
        """Check the ICV and only then decrypt; raises NotAuthentic."""
        body = self._authentic(packet)
        self._decryptor.reset_nonce(self._nonce + body[HEADER_LENGTH:_IV_END] + _FIRST_COUNTER)
        return self._decryptor.update(body[_IV_END:])


class NullHmac(_Authenticated):
    """The NULL cipher (RFC 2410): packets left legible, with a truncated HMAC."""

    __slots__ = ()

    def __init__(self, mac: Mac, icv_length: int) -> None:
        super().__init__(mac, icv_length, 0, 4)

    def seal(self, header: bytes, plaintext: bytes) -> bytes:
        """Authenticate header and plaintext."""
        return self._with_icv(header + plaintext)

    def open(self, packet: bytes) -> bytes:
        """Check the ICV and give the plaintext as it lies there; raises NotAuthentic."""
        return self._authentic(packet)[HEADER_LENGTH:]


@dataclass(frozen=True, slots=True)
class CbcKind:
    """Say which keys a block cipher takes in CBC mode, in octets and in a sentence."""

    make: Callable[[bytes], BlockCipherAlgorithm]
    key_sizes: Collection[int]
    rule: str


CBC_KINDS: dict[EspTransform, CbcKind] = {
    EspTransform.AES: CbcKind(AES, (16, 24, 32), "an AES key has 16, 24 or 32 octets"),
    EspTransform.TRIPLE_DES: CbcKind(TripleDES, (24,), "a 3DES key has 24 octets"),
    EspTransform.BLOWFISH: CbcKind(Blowfish, range(5, 57), "a Blowfish key has 5 to 56 octets"),
    EspTransform.CAST: CbcKind(CAST5, range(5, 17), "a CAST key has 5 to 16 octets"),
}


def cbc_hmac(
    transform: EspTransform,
    key: bytes,
    mac: Mac,
    icv_length: int,
    entropy: Callable[[int], bytes],
) -> CbcHmac:
    """Pair a cipher of CBC_KINDS with an authenticator; raises ValueError for impossible keys."""
    kind = CBC_KINDS[transform]
    if len(key) not in kind.key_sizes:
        raise ValueError(f"{kind.rule}, not {len(key)}")
    return CbcHmac(kind.make(key), mac, icv_length, entropy)
