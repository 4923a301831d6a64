"""Encrypt ISAKMP messages: the block ciphers of RFC 2409 appendix A, in CBC mode."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from isakmpd.wire.numbers import EncryptionAlgorithm


@dataclass(frozen=True, slots=True)
class CipherKind:
    """Say what a cipher takes: its block in octets and the KEY_LENGTH values it knows, in bits.

    ``default_bits`` holds where no KEY_LENGTH was negotiated; a cipher of one fixed key length
    knows no KEY_LENGTH at all (RFC 2409 appendix A).
    """

    block_size: int
    default_bits: int
    key_lengths: tuple[int, ...]
    make: Callable[[bytes], BlockCipherAlgorithm]


SUPPORTED: dict[EncryptionAlgorithm, CipherKind] = {
    EncryptionAlgorithm.AES_CBC: CipherKind(16, 128, (128, 192, 256), AES),
    EncryptionAlgorithm.TRIPLE_DES_CBC: CipherKind(8, 192, (), TripleDES),
}


def _kind(algorithm: EncryptionAlgorithm) -> CipherKind:
    kind = SUPPORTED.get(algorithm)
    if kind is None:
        raise ValueError(f"cipher {algorithm} is not supported")
    return kind


def key_octets(algorithm: EncryptionAlgorithm, key_length: int | None) -> int:
    """Give a key's octets for the negotiated KEY_LENGTH in bits, None where there is none.

    Raises ValueError for a cipher outside SUPPORTED and for a length the cipher does not have.
    """
    kind = _kind(algorithm)
    if key_length is None:
        return kind.default_bits // 8
    if key_length not in kind.key_lengths:
        known = ", ".join(map(str, kind.key_lengths)) or "none"
        raise ValueError(f"{algorithm} with KEY_LENGTH {key_length}, expected {known}")
    return key_length // 8


def block_size(algorithm: EncryptionAlgorithm) -> int:
    """Give a cipher's block, and so its IV, in octets; raises ValueError outside SUPPORTED."""
    return _kind(algorithm).block_size


class Cbc:
    """Encrypt and decrypt whole blocks under one key, each message with its own IV.

    The library's context is set up once and runs on from message to message, which costs a tenth
    of a new one: its chaining value is exchanged for the message's IV by XOR into the first block.
    """

    __slots__ = ("_decrypted_last", "_decryptor", "_encrypted_last", "_encryptor", "block_size")

    def __init__(self, algorithm: EncryptionAlgorithm, key: bytes) -> None:
        """Take a key of key_octets octets; raises ValueError for another size or cipher."""
        kind = _kind(algorithm)
        # The library would take one or two DES keys for three.
        if len(key) * 8 not in (kind.key_lengths or (kind.default_bits,)):
            raise ValueError(f"{algorithm} key of {len(key)} octets")
        self.block_size = kind.block_size
        zero = bytes(kind.block_size)
        cipher = Cipher(kind.make(key), CBC(zero))
        self._encryptor = cipher.encryptor()
        self._decryptor = cipher.decryptor()
        self._encrypted_last = zero
        self._decrypted_last = zero

    def encrypt(self, iv: bytes, plaintext: bytes) -> bytes:
        """Encrypt whole blocks into as many octets; raises ValueError for sizes that do not fit."""
        if not plaintext:
            return b""
        size = self._check(iv, plaintext)
        first = _xor(plaintext[:size], iv, self._encrypted_last)
        ciphertext = self._encryptor.update(first + plaintext[size:])
        self._encrypted_last = ciphertext[-size:]
        return ciphertext

    def decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        """Decrypt whole blocks into as many octets; raises ValueError for sizes that do not fit."""
        if not ciphertext:
            return b""
        size = self._check(iv, ciphertext)
        plaintext = self._decryptor.update(ciphertext)
        first = _xor(plaintext[:size], iv, self._decrypted_last)
        self._decrypted_last = ciphertext[-size:]
        return first + plaintext[size:]

    def _check(self, iv: bytes, text: bytes) -> int:
        size = self.block_size
        if len(iv) != size:
            raise ValueError(f"IV of {len(iv)} octets, expected {size}")
        if len(text) % size:
            raise ValueError(f"text of {len(text)} octets is no multiple of {size}")
        return size


def _xor(a: bytes, b: bytes, c: bytes) -> bytes:
    return (int.from_bytes(a) ^ int.from_bytes(b) ^ int.from_bytes(c)).to_bytes(len(a))
