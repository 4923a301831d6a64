"""Hashes and the pseudo-random function: the RFCs' HMAC answers, and agreement with hashlib."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.crypto.hashes import (
    ORIGINAL_HMAC_BLOCK,
    SUPPORTED,
    Prf,
    PrfKind,
    digest,
    digest_length,
    equal,
)
from isakmpd.wire.numbers import HashAlgorithm

MD5, SHA = HashAlgorithm.MD5, HashAlgorithm.SHA
SHA256, SHA384, SHA512 = HashAlgorithm.SHA2_256, HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512
NAMES = {MD5: "md5", SHA: "sha1", SHA256: "sha256", SHA384: "sha384", SHA512: "sha512"}
LENGTHS = {MD5: 16, SHA: 20, SHA256: 32, SHA384: 48, SHA512: 64}

HI = b"Hi There"
WHAT = b"what do ya want for nothing?"
LARGE_KEY = b"Test Using Larger Than Block-Size Key - Hash Key First"
LARGE_BOTH = b"Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"
COUNTING = bytes(range(1, 26))

RFC_2202 = [
    (MD5, b"\x0b" * 16, HI, "9294727a3638bb1c13f48ef8158bfc9d"),
    (MD5, b"Jefe", WHAT, "750c783e6ab0b503eaa86e310a5db738"),
    (MD5, b"\xaa" * 16, b"\xdd" * 50, "56be34521d144c88dbb8c733f0e8b3f6"),
    (MD5, COUNTING, b"\xcd" * 50, "697eaf0aca3a3aea3a75164746ffaa79"),
    (MD5, b"\xaa" * 80, LARGE_KEY, "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"),
    (MD5, b"\xaa" * 80, LARGE_BOTH, "6f630fad67cda0ee1fb1f562db3aa53e"),
    (SHA, b"\x0b" * 20, HI, "b617318655057264e28bc0b6fb378c8ef146be00"),
    (SHA, b"Jefe", WHAT, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
    (SHA, b"\xaa" * 20, b"\xdd" * 50, "125d7342b9ac11cd91a39af48aa17b4f63f175d3"),
    (SHA, COUNTING, b"\xcd" * 50, "4c9007f4026250c6bc8414f9bf50c86c2d7235da"),
    (SHA, b"\xaa" * 80, LARGE_KEY, "aa4ae5e15272d00e95705637ce8a3b55ed402112"),
    (SHA, b"\xaa" * 80, LARGE_BOTH, "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"),
]
RFC_4231 = [
    (
        SHA256,
        b"\x0b" * 20,
        HI,
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        SHA384,
        b"\x0b" * 20,
        HI,
        "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59c"
        "faea9ea9076ede7f4af152e8b2fa9cb6",
    ),
    (
        SHA512,
        b"\x0b" * 20,
        HI,
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
        "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    ),
    (SHA256, b"Jefe", WHAT, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    (
        SHA384,
        b"Jefe",
        WHAT,
        "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e"
        "8e2240ca5e69e2c78b3239ecfab21649",
    ),
    (
        SHA512,
        b"Jefe",
        WHAT,
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
    ),
    (
        SHA256,
        b"\xaa" * 131,
        LARGE_KEY,
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        SHA384,
        b"\xaa" * 131,
        LARGE_KEY,
        "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c6"
        "0c2ef6ab4030fe8296248df163f44952",
    ),
    (
        SHA512,
        b"\xaa" * 131,
        LARGE_KEY,
        "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
        "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
    ),
]

algorithms = st.sampled_from(sorted(SUPPORTED))
parts = st.lists(st.binary(max_size=200), max_size=4)


@pytest.mark.parametrize(("algorithm", "key", "data", "expected"), RFC_2202 + RFC_4231)
def test_hmac_vectors(algorithm: HashAlgorithm, key: bytes, data: bytes, expected: str) -> None:
    """The PRF gives the answers of RFC 2202 (MD5, SHA-1) and RFC 4231 (SHA-2)."""
    assert Prf(algorithm, key)(data).hex() == expected


@pytest.mark.property
@given(algorithms, st.binary(max_size=300), parts, parts)
def test_a_prf_serves_many_calls(
    algorithm: HashAlgorithm, key: bytes, first: list[bytes], second: list[bytes]
) -> None:
    """Calls do not disturb one another, and parts count as their concatenation."""
    prf = Prf(algorithm, key)
    for call in (first, second, first):
        assert prf(*call) == hmac.digest(key, b"".join(call), NAMES[algorithm])


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 127, 128, 129, 300])
@pytest.mark.parametrize("algorithm", SUPPORTED, ids=str)
def test_keys_around_the_block_size(algorithm: HashAlgorithm, length: int) -> None:
    """SHA-384 and SHA-512 have blocks of 128 octets: the original pads their keys to 64."""
    key = bytes(n % 251 for n in range(length))
    assert Prf(algorithm, key)(HI) == hmac.digest(key, HI, NAMES[algorithm])


@pytest.mark.parametrize("length", [0, 1, 63, 64, 65, 127, 128, 129, 300])
@pytest.mark.parametrize("algorithm", SUPPORTED, ids=str)
def test_the_originals_block_of_64_octets(algorithm: HashAlgorithm, length: int) -> None:
    """It is RFC 2104's for MD5, SHA and SHA2-256, and another function for the two longer hashes.

    The construction is spelled out here: hash((key ^ opad) | hash((key ^ ipad) | text)).
    """
    key = bytes(n % 251 for n in range(length))
    name = NAMES[algorithm]
    short = hashlib.new(name, key).digest() if length > 64 else key
    number = int.from_bytes(short.ljust(64, b"\0"))
    ipad, opad = ((number ^ int.from_bytes(bytes([pad]) * 64)).to_bytes(64) for pad in (0x36, 0x5C))
    expected = hashlib.new(name, opad + hashlib.new(name, ipad + HI).digest()).digest()
    assert PrfKind(algorithm, ORIGINAL_HMAC_BLOCK).keyed(key)(HI) == expected
    standard = PrfKind(algorithm).keyed(key)(HI)
    assert standard == hmac.digest(key, HI, name)
    assert (standard == expected) is (algorithm in (MD5, SHA, SHA256))


@pytest.mark.parametrize("algorithm", SUPPORTED, ids=str)
def test_a_block_of_128_octets_is_the_rfcs_for_every_hash(algorithm: HashAlgorithm) -> None:
    """MD5, SHA and SHA2-256 have no more than 64, whatever a configuration allows."""
    for key in (b"key", b"k" * 100, b"k" * 200):
        assert PrfKind(algorithm, 128).keyed(key)(HI) == PrfKind(algorithm).keyed(key)(HI)


def test_a_block_shorter_than_the_digest_is_refused() -> None:
    """A hashed key would not fit into it."""
    with pytest.raises(ValueError, match="HMAC block of 63 octets, shorter than a digest of SHA2"):
        PrfKind(SHA512, 63).keyed(b"key")


@pytest.mark.property
@given(algorithms, parts)
def test_digests(algorithm: HashAlgorithm, octets: list[bytes]) -> None:
    """A digest is the hash of the concatenation, call after call."""
    expected = hashlib.new(NAMES[algorithm], b"".join(octets)).digest()
    assert digest(algorithm, *octets) == digest(algorithm, *octets) == expected


@pytest.mark.parametrize("algorithm", SUPPORTED, ids=str)
def test_lengths(algorithm: HashAlgorithm) -> None:
    """Lengths are those of the algorithms."""
    assert digest_length(algorithm) == len(digest(algorithm)) == LENGTHS[algorithm]


def test_every_supported_hash_is_tested() -> None:
    """A hash added to SUPPORTED needs its vectors here."""
    assert set(LENGTHS) == SUPPORTED == {row[0] for row in RFC_2202 + RFC_4231}


@pytest.mark.parametrize("algorithm", [HashAlgorithm.TIGER, HashAlgorithm(99)], ids=str)
def test_other_hashes_are_named(algorithm: HashAlgorithm) -> None:
    """A hash this build lacks is refused by name, wherever it is asked for."""
    for ask in (digest, digest_length, lambda one: Prf(one, b"key")):
        with pytest.raises(ValueError, match=f"hash {algorithm} is not supported"):
            ask(algorithm)


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        (b"", b"", True),
        (b"abc", b"abc", True),
        (b"abc", b"abd", False),
        (b"abc", b"ab", False),
        (b"", b"a", False),
    ],
)
def test_equal(a: bytes, b: bytes, same: bool) -> None:
    """A prefix is not equal: the original's HASH check compared only as far as the peer sent."""
    assert equal(a, b) is same
    assert equal(b, a) is same
