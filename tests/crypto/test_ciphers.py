"""Phase 1 ciphers: published answers, and one long-lived context that equals fresh ones."""

from collections.abc import Callable

import Crypto.Cipher.AES
import Crypto.Cipher.Blowfish
import Crypto.Cipher.CAST
import Crypto.Cipher.DES
import Crypto.Cipher.DES3
import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import CAST5, Blowfish, TripleDES
from cryptography.hazmat.primitives.ciphers import BlockCipherAlgorithm, Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.crypto.ciphers import SUPPORTED, Cbc, block_size, has_key_length, key_octets
from isakmpd.wire.numbers import EncryptionAlgorithm

AES_CBC = EncryptionAlgorithm.AES_CBC
TRIPLE_DES = EncryptionAlgorithm.TRIPLE_DES_CBC
BLOWFISH, CAST = EncryptionAlgorithm.BLOWFISH_CBC, EncryptionAlgorithm.CAST_CBC
DES = EncryptionAlgorithm.DES_CBC

COUNTING_IV = bytes(range(16)).hex()
SP_800_38A = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
THREE_KEYS = "0123456789abcdef23456789abcdef01456789abcdef0123"

CAST_KEY = "0123456712345678234567893456789a"

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
    "FIPS 81 table C1": (
        DES,
        "0123456789abcdef",
        "1234567890abcdef",
        b"Now is the time for all ".hex(),
        "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6",
    ),
    "RFC 2144 B.1, 128 bits": (CAST, CAST_KEY, "00" * 8, "0123456789abcdef", "238b4fe5847e44b2"),
    "RFC 2144 B.1, 80 bits": (
        CAST,
        CAST_KEY[:20],
        "00" * 8,
        "0123456789abcdef",
        "eb6a711a2c02271b",
    ),
    "RFC 2144 B.1, 40 bits": (
        CAST,
        CAST_KEY[:10],
        "00" * 8,
        "0123456789abcdef",
        "7ac816d16e9b302e",
    ),
    "Blowfish vectors of Eric Young, 128 bits, CBC": (
        BLOWFISH,
        "0123456789abcdeff0e1d2c3b4a59687",
        "fedcba9876543210",
        (b"7654321 Now is the time for " + bytes(4)).hex(),
        "6b77b4d63006dee605b156e27403979358deb9e7154616d959f1652bd5ff92cc",
    ),
    "Blowfish vectors of Eric Young, 40 bits": (
        BLOWFISH,
        "f0e1d2c3b4",
        "00" * 8,
        "fedcba9876543210",
        "b39e44481bdb1e6e",
    ),
    "Blowfish vectors of Bruce Schneier, 448 bits": (
        BLOWFISH,
        "f0e1d2c3b4a5968778695a4b3c2d1e0f001122334455667704689104c2fd3b2f"
        "584023641aba61761f1f1f1f0e0e0e0effffffffffffffff",
        "00" * 8,
        "fedcba9876543210",
        "c04504012e4e1f53",
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


LIBRARY: dict[EncryptionAlgorithm, Callable[[bytes], BlockCipherAlgorithm]] = {
    AES_CBC: AES,
    TRIPLE_DES: TripleDES,
    BLOWFISH: Blowfish,
    CAST: CAST5,
    DES: lambda key: TripleDES(3 * key),
}


def fresh(algorithm: EncryptionAlgorithm, key: bytes, iv: bytes) -> Cipher[CBC]:
    """The library's cipher, used as its manual says: one context a message."""
    return Cipher(LIBRARY[algorithm](key), CBC(iv))


ANOTHER_LIBRARY = {
    AES_CBC: Crypto.Cipher.AES,
    TRIPLE_DES: Crypto.Cipher.DES3,
    BLOWFISH: Crypto.Cipher.Blowfish,
    CAST: Crypto.Cipher.CAST,
    DES: Crypto.Cipher.DES,
}


@pytest.mark.parametrize(
    ("algorithm", "octets"),
    [(algorithm, size) for algorithm, kind in SUPPORTED.items() for size in sorted(kind.key_sizes)],
    ids=str,
)
def test_every_key_length_agrees_with_another_library(
    algorithm: EncryptionAlgorithm, octets: int
) -> None:
    """Pycryptodome's ciphers, which share no code with OpenSSL's, give the same octets."""
    module = ANOTHER_LIBRARY[algorithm]
    key, text = bytes(range(7, 7 + octets)), bytes(range(96))
    iv = bytes(range(100, 100 + block_size(algorithm)))
    expected = module.new(key, module.MODE_CBC, iv=iv).encrypt(text)
    cipher = Cbc(algorithm, key)
    assert cipher.encrypt(iv, text) == expected
    assert cipher.decrypt(iv, expected) == text


@st.composite
def conversations(
    draw: st.DrawFn,
) -> tuple[EncryptionAlgorithm, bytes, list[tuple[bool, bytes, bytes]]]:
    """A cipher, a key, and messages to encrypt or decrypt, each with an IV of its own."""
    algorithm = draw(st.sampled_from(sorted(SUPPORTED)))
    kind = SUPPORTED[algorithm]
    octets = draw(st.sampled_from(sorted(kind.key_sizes)))
    key = draw(st.binary(min_size=octets, max_size=octets))
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
        (TRIPLE_DES, 192, 24),  # superfluous, and true
        (BLOWFISH, None, 56),  # RFC 2409 appendix B
        (BLOWFISH, 40, 5),
        (BLOWFISH, 128, 16),
        (BLOWFISH, 448, 56),
        (CAST, None, 16),  # RFC 2409 appendix B
        (CAST, 40, 5),
        (CAST, 128, 16),
        (DES, None, 8),
        (DES, 56, 8),
        (DES, 64, 8),
    ],
)
def test_key_lengths(algorithm: EncryptionAlgorithm, key_length: int | None, octets: int) -> None:
    """A negotiated KEY_LENGTH in bits becomes octets, silence the cipher's default."""
    assert key_octets(algorithm, key_length) == octets
    Cbc(algorithm, bytes(range(octets)))


@pytest.mark.parametrize(
    ("algorithm", "octets"),
    [(AES_CBC, 32), (TRIPLE_DES, 24), (BLOWFISH, 56), (CAST, 16), (DES, 8)],
)
def test_to_the_original_silence_means_the_longest_key(
    algorithm: EncryptionAlgorithm, octets: int
) -> None:
    """It differs for AES only, and only where no KEY_LENGTH was negotiated."""
    assert key_octets(algorithm, None, longest=True) == octets
    assert key_octets(AES_CBC, 128, longest=True) == 16


@pytest.mark.parametrize(
    ("algorithm", "has"),
    [(AES_CBC, True), (BLOWFISH, True), (CAST, True), (TRIPLE_DES, False), (DES, False)],
)
def test_whether_key_length_says_anything(algorithm: EncryptionAlgorithm, has: bool) -> None:
    """It must not stand with a cipher of fixed key length (RFC 2409 appendix A)."""
    assert has_key_length(algorithm) is has


@pytest.mark.parametrize("key_length", [0, 1, 64, 127, 129, 160, 512, 65535])
def test_impossible_key_lengths(key_length: int) -> None:
    """AES has three key lengths only."""
    with pytest.raises(ValueError, match=f"KEY_LENGTH {key_length}, expected 128, 192, 256"):
        key_octets(AES_CBC, key_length)


@pytest.mark.parametrize(
    ("algorithm", "key_length", "expected"),
    [
        (BLOWFISH, 0, "40 to 448 in steps of 8"),
        (BLOWFISH, 32, "40 to 448 in steps of 8"),
        (BLOWFISH, 129, "40 to 448 in steps of 8"),
        (BLOWFISH, 456, "40 to 448 in steps of 8"),
        (CAST, 39, "40 to 128 in steps of 8"),
        (CAST, 136, "40 to 128 in steps of 8"),
        (TRIPLE_DES, 0, "192"),
        (TRIPLE_DES, 64, "192"),
        (TRIPLE_DES, 128, "192"),
        (TRIPLE_DES, 168, "192"),
        (DES, 40, "56, 64"),
    ],
)
def test_key_lengths_of_no_such_cipher(
    algorithm: EncryptionAlgorithm, key_length: int, expected: str
) -> None:
    """A cipher of fixed key length knows its own only."""
    wrong = f"{algorithm} with KEY_LENGTH {key_length}, expected {expected}$"
    with pytest.raises(ValueError, match=wrong):
        key_octets(algorithm, key_length)


@pytest.mark.parametrize("algorithm", SUPPORTED, ids=str)
def test_keys_of_a_wrong_size(algorithm: EncryptionAlgorithm) -> None:
    """A key the cipher cannot take is refused."""
    sizes = SUPPORTED[algorithm].key_sizes
    for octets in {0, 4, 8, 15, 17, 20, 33, 57, 64} - sizes:
        with pytest.raises(ValueError, match=f"key of {octets} octets"):
            Cbc(algorithm, bytes(octets))


@pytest.mark.parametrize(
    "algorithm", [EncryptionAlgorithm.IDEA_CBC, EncryptionAlgorithm(77)], ids=str
)
def test_other_ciphers_are_named(algorithm: EncryptionAlgorithm) -> None:
    """A cipher this build lacks is refused by name, wherever it is asked for."""
    for ask in (
        block_size,
        has_key_length,
        lambda one: key_octets(one, None),
        lambda one: Cbc(one, bytes(16)),
    ):
        with pytest.raises(ValueError, match=f"cipher {algorithm} is not supported"):
            ask(algorithm)
