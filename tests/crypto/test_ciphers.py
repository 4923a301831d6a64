"""Phase 1 ciphers: published answers, and one long-lived context that equals fresh ones."""

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.crypto.ciphers import SUPPORTED, Cbc, block_size, key_octets
from isakmpd.wire.numbers import EncryptionAlgorithm

AES_CBC = EncryptionAlgorithm.AES_CBC
TRIPLE_DES = EncryptionAlgorithm.TRIPLE_DES_CBC

COUNTING_IV = bytes(range(16)).hex()
SP_800_38A = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
THREE_KEYS = "0123456789abcdef23456789abcdef01456789abcdef0123"

# name: cipher, key, IV, plaintext, ciphertext
VECTORS = {
    "RFC 3602 case 1": (
        AES_CBC,
        "06a9214036b8a15b512e03d534120006",
        "3dafba429d9eb430b422da802c9fac41",
        b"Single block msg".hex(),
        "e353779c1079aeb82708942dbe77181a",
    ),
    "RFC 3602 case 2": (
        AES_CBC,
        "c286696d887c9aa0611bbb3e2025a45a",
        "562e17996d093d28ddb3ba695a2e6f58",
        bytes(range(32)).hex(),
        "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1",
    ),
    "SP 800-38A F.2.3, AES-192": (
        AES_CBC,
        "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
        COUNTING_IV,
        SP_800_38A,
        "4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a",
    ),
    "SP 800-38A F.2.5, AES-256": (
        AES_CBC,
        "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
        COUNTING_IV,
        SP_800_38A,
        "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d",
    ),
    "FIPS 81 table C1, one key three times": (
        TRIPLE_DES,
        "0123456789abcdef" * 3,
        "1234567890abcdef",
        b"Now is the time for all ".hex(),
        "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6",
    ),
    "SP 800-67 B.1, first block": (
        TRIPLE_DES,
        THREE_KEYS,
        "00" * 8,
        b"The qufc".hex(),
        "a826fd8ce53b855f",
    ),
    "SP 800-67 B.1, second block chained": (
        TRIPLE_DES,
        THREE_KEYS,
        "a826fd8ce53b855f",
        bytes(
            a ^ b for a, b in zip(b"k brown ", bytes.fromhex("a826fd8ce53b855f"), strict=True)
        ).hex(),
        "cce21c8112256fe6",
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_vectors(name: str) -> None:
    """The published answers come out, both ways."""
    algorithm, *texts = VECTORS[name]
    key, iv, plaintext, ciphertext = map(bytes.fromhex, texts)
    cipher = Cbc(algorithm, key)
    assert cipher.encrypt(iv, plaintext) == ciphertext
    assert cipher.decrypt(iv, ciphertext) == plaintext


def fresh(algorithm: EncryptionAlgorithm, key: bytes, iv: bytes) -> Cipher[CBC]:
    """The library's cipher, used as its manual says: one context a message."""
    return Cipher((AES if algorithm == AES_CBC else TripleDES)(key), CBC(iv))


@st.composite
def conversations(
    draw: st.DrawFn,
) -> tuple[EncryptionAlgorithm, bytes, list[tuple[bool, bytes, bytes]]]:
    """A cipher, a key, and messages to encrypt or decrypt, each with an IV of its own."""
    algorithm = draw(st.sampled_from(sorted(SUPPORTED)))
    kind = SUPPORTED[algorithm]
    bits = draw(st.sampled_from(kind.key_lengths or (kind.default_bits,)))
    key = draw(st.binary(min_size=bits // 8, max_size=bits // 8))
    size = kind.block_size
    block = st.binary(min_size=size, max_size=size)
    text = st.lists(block, max_size=4).map(b"".join)
    return algorithm, key, draw(st.lists(st.tuples(st.booleans(), block, text), max_size=6))


@pytest.mark.property
@given(conversations())
def test_one_context_equals_many(
    conversation: tuple[EncryptionAlgorithm, bytes, list[tuple[bool, bytes, bytes]]],
) -> None:
    """Whatever was encrypted or decrypted before, each message comes out as if it were alone."""
    algorithm, key, messages = conversation
    cipher = Cbc(algorithm, key)
    for encrypting, iv, text in messages:
        alone = fresh(algorithm, key, iv)
        if encrypting:
            assert cipher.encrypt(iv, text) == alone.encryptor().update(text)
        else:
            assert cipher.decrypt(iv, text) == alone.decryptor().update(text)


@pytest.mark.parametrize("algorithm", SUPPORTED, ids=str)
def test_sizes_that_do_not_fit(algorithm: EncryptionAlgorithm) -> None:
    """Part blocks and wrong IVs are refused, and leave the context as it was."""
    size = block_size(algorithm)
    cipher = Cbc(algorithm, bytes(range(key_octets(algorithm, None))))
    assert cipher.block_size == size
    iv, text = bytes(size), bytes(range(size))
    before = cipher.encrypt(iv, text)
    for operation in (cipher.encrypt, cipher.decrypt):
        for length in (1, size - 1, size + 1, 3 * size - 1):
            with pytest.raises(ValueError, match=f"text of {length} octets"):
                operation(iv, bytes(length))
        for length in (0, size - 1, size + 1):
            with pytest.raises(ValueError, match=f"IV of {length} octets, expected {size}"):
                operation(bytes(length), text)
    assert cipher.encrypt(iv, text) == before
    assert cipher.decrypt(iv, before) == text


@pytest.mark.parametrize(
    ("algorithm", "key_length", "octets"),
    [
        (AES_CBC, None, 16),  # peers other than the original mean 128 bits by silence
        (AES_CBC, 128, 16),
        (AES_CBC, 192, 24),
        (AES_CBC, 256, 32),
        (TRIPLE_DES, None, 24),
    ],
)
def test_key_lengths(algorithm: EncryptionAlgorithm, key_length: int | None, octets: int) -> None:
    """A negotiated KEY_LENGTH in bits becomes octets, silence the cipher's default."""
    assert key_octets(algorithm, key_length) == octets
    Cbc(algorithm, bytes(range(octets)))


@pytest.mark.parametrize("key_length", [0, 1, 64, 127, 129, 160, 512, 65535])
def test_impossible_key_lengths(key_length: int) -> None:
    """AES has three key lengths only."""
    with pytest.raises(ValueError, match=f"KEY_LENGTH {key_length}, expected 128, 192, 256"):
        key_octets(AES_CBC, key_length)


@pytest.mark.parametrize("key_length", [0, 64, 128, 168, 192])
def test_triple_des_has_no_key_length(key_length: int) -> None:
    """KEY_LENGTH must not stand with a cipher of fixed key length (RFC 2409 appendix A)."""
    with pytest.raises(ValueError, match=f"KEY_LENGTH {key_length}, expected none"):
        key_octets(TRIPLE_DES, key_length)


@pytest.mark.parametrize("octets", [0, 8, 15, 17, 20, 33, 64])
@pytest.mark.parametrize("algorithm", SUPPORTED, ids=str)
def test_keys_of_a_wrong_size(algorithm: EncryptionAlgorithm, octets: int) -> None:
    """A key the cipher cannot take is refused."""
    with pytest.raises(ValueError, match=f"key of {octets} octets"):
        Cbc(algorithm, bytes(octets))


@pytest.mark.parametrize(
    "algorithm", [EncryptionAlgorithm.DES_CBC, EncryptionAlgorithm(77)], ids=str
)
def test_other_ciphers_are_named(algorithm: EncryptionAlgorithm) -> None:
    """A cipher this build lacks is refused by name, wherever it is asked for."""
    for ask in (block_size, lambda one: key_octets(one, None), lambda one: Cbc(one, bytes(16))):
        with pytest.raises(ValueError, match=f"cipher {algorithm} is not supported"):
            ask(algorithm)
