"""Encrypt ISAKMP messages: the block ciphers of RFC 2409 appendix A, in CBC mode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Blowfish, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from isakmpd.wire.numbers import EncryptionAlgorithm


@dataclass(frozen=True, slots=True)
class CipherKind:
    """Say what a cipher takes: its block in octets, and keys in octets by KEY_LENGTH in bits.

    ``default_octets`` is the key where no KEY_LENGTH was negotiated (RFC 2409 appendix B). A cipher
    whose keys all have one length must come without KEY_LENGTH (appendix A); peers that repeat the
    length there are understood.
    """

    block_size: int
    default_octets: int
    octets_by_length: Mapping[int, int]
    make: Callable[[bytes], BlockCipherAlgorithm]

    @property
    def key_sizes(self) -> frozenset[int]:
        """Give the sizes of keys in octets."""
        return frozenset(self.octets_by_length.values())


def _each(lengths: Iterable[int]) -> dict[int, int]:
    return {bits: bits // 8 for bits in lengths}


def _single_des(key: bytes) -> TripleDES:
    # Encrypting, decrypting and encrypting under one key is DES exactly; the library has no DES.
    return TripleDES(3 * key)


SUPPORTED: dict[EncryptionAlgorithm, CipherKind] = {
    EncryptionAlgorithm.AES_CBC: CipherKind(16, 16, _each((128, 192, 256)), AES),
    EncryptionAlgorithm.TRIPLE_DES_CBC: CipherKind(8, 24, {192: 24}, TripleDES),
    EncryptionAlgorithm.BLOWFISH_CBC: CipherKind(8, 56, _each(range(40, 449, 8)), Blowfish),
    EncryptionAlgorithm.CAST_CBC: CipherKind(8, 16, _each(range(40, 129, 8)), CAST5),
    # 56 bits count, in octets that have a parity bit each.
    EncryptionAlgorithm.DES_CBC: CipherKind(8, 8, {56: 8, 64: 8}, _single_des),
}


def _kind(algorithm: EncryptionAlgorithm) -> CipherKind:
    kind = SUPPORTED.get(algorithm)
    if kind is None:
        raise ValueError(f"cipher {algorithm} is not supported")
    return kind


def has_key_length(algorithm: EncryptionAlgorithm) -> bool:
    """Tell whether KEY_LENGTH chooses among keys; raises ValueError outside SUPPORTED."""
    return len(_kind(algorithm).key_sizes) > 1


def key_octets(
    algorithm: EncryptionAlgorithm, key_length: int | None, *, longest: bool = False
) -> int:
    """Give a key's octets for the negotiated KEY_LENGTH in bits, None where there is none.

    Without KEY_LENGTH, ``longest`` takes the cipher's longest key, as OpenBSD's isakmpd does: that
    makes AES' key 32 octets, where others mean 16. Raises ValueError for a cipher outside SUPPORTED
    and for a length the cipher does not have.
    """
    kind = _kind(algorithm)
    if key_length is None:
        return max(kind.key_sizes) if longest else kind.default_octets
    octets = kind.octets_by_length.get(key_length)
    if octets is None:
        known = _spelled(list(kind.octets_by_length))
        raise ValueError(f"{algorithm} with KEY_LENGTH {key_length}, expected {known}")
    return octets


def _spelled(lengths: list[int]) -> str:
    if len(lengths) < 5:
        return ", ".join(map(str, lengths))
    step = lengths[1] - lengths[0]
    return f"{lengths[0]} to {lengths[-1]} in steps of {step}"


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
        if len(key) not in kind.key_sizes:
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
