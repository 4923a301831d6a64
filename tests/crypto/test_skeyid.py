"""SKEYID and the cipher's key: NIST's vectors, and expansion where SKEYID_e is too short."""

import hashlib
import hmac
import json
from pathlib import Path

import pytest

from isakmpd.crypto.hashes import ORIGINAL_HMAC_BLOCK, PrfKind
from isakmpd.crypto.skeyid import SkeyId, cipher_key, from_pre_shared_key, from_signature
from isakmpd.wire.numbers import EncryptionAlgorithm, HashAlgorithm

AES = EncryptionAlgorithm.AES_CBC
TRIPLE_DES = EncryptionAlgorithm.TRIPLE_DES_CBC
HASHES = {
    "SHA-1": HashAlgorithm.SHA,
    "SHA-256": HashAlgorithm.SHA2_256,
    "SHA-384": HashAlgorithm.SHA2_384,
    "SHA-512": HashAlgorithm.SHA2_512,
}
VECTORS = Path(__file__).parents[1] / "vectors"
# A selection of CAVS 17.3's, each combination of method, hash and lengths at least once.
NIST = [json.loads(line) for line in (VECTORS / "ikev1_kdf.jsonl").read_text().splitlines()]
# The same inputs through the original's own HMAC, compiled: it pads keys to 64 octets.
ORIGINAL = [json.loads(line) for line in (VECTORS / "original_kdf.jsonl").read_text().splitlines()]


def name(vector: dict[str, str]) -> str:
    """Tell vectors apart in the list of tests."""
    return (
        f"{vector['method']}-{vector['hash']}-{len(vector['Ni']) // 2}-{len(vector['g^xy']) // 2}"
    )


@pytest.mark.parametrize("vector", NIST, ids=name)
def test_nist_vectors(vector: dict[str, str]) -> None:
    """SKEYID, _d, _a and _e come out as in NIST's component test vectors (SP 800-135)."""
    check(vector, PrfKind(HASHES[vector["hash"]]))


@pytest.mark.parametrize("vector", ORIGINAL, ids=name)
def test_the_originals_vectors(vector: dict[str, str]) -> None:
    """With its HMAC block they come out as the original computes them."""
    check(vector, PrfKind(HASHES[vector["hash"]], ORIGINAL_HMAC_BLOCK))


def check(vector: dict[str, str], prf: PrfKind) -> None:
    """Derive all keys anew."""
    octets = {key: bytes.fromhex(v) for key, v in vector.items() if key not in ("method", "hash")}
    nonces = octets["Ni"], octets["Nr"]
    cookies = octets["CKY_I"], octets["CKY_R"]
    if vector["method"] == "psk":
        key = octets["pre-shared-key"]
        derived = from_pre_shared_key(prf, key, *nonces, octets["g^xy"], *cookies)
    else:
        derived = from_signature(prf, *nonces, octets["g^xy"], *cookies)
    assert derived.prf == prf
    assert derived.skeyid == octets["SKEYID"]
    assert derived.skeyid_d == octets["SKEYID_d"]
    assert derived.skeyid_a == octets["SKEYID_a"]
    assert derived.skeyid_e == octets["SKEYID_e"]


def test_every_method_and_hash_has_its_vectors() -> None:
    """The selection covers both methods with every hash NIST tests."""
    assert {(v["method"], v["hash"]) for v in NIST} == {
        (method, algorithm) for method in ("psk", "sig") for algorithm in HASHES
    }


def with_skeyid_e(algorithm: HashAlgorithm, skeyid_e: bytes) -> SkeyId:
    """Keys of which only SKEYID_e matters."""
    return SkeyId(PrfKind(algorithm), b"", b"", b"", skeyid_e)


@pytest.mark.parametrize(
    ("algorithm", "name", "cipher", "key_length", "octets"),
    [
        (HashAlgorithm.MD5, "md5", AES, 192, 24),
        (HashAlgorithm.MD5, "md5", AES, 256, 32),
        (HashAlgorithm.MD5, "md5", TRIPLE_DES, None, 24),
        (HashAlgorithm.SHA, "sha1", AES, 192, 24),
        (HashAlgorithm.SHA, "sha1", AES, 256, 32),
        (HashAlgorithm.SHA, "sha1", TRIPLE_DES, None, 24),
    ],
)
def test_a_short_skeyid_e_is_expanded(
    algorithm: HashAlgorithm,
    name: str,
    cipher: EncryptionAlgorithm,
    key_length: int | None,
    octets: int,
) -> None:
    """K = K1 | K2, with K1 = prf(SKEYID_e, 0) and K2 = prf(SKEYID_e, K1) (RFC 2409 appendix B)."""
    skeyid_e = bytes(range(hmac.new(b"", digestmod=name).digest_size))
    k1 = hmac.digest(skeyid_e, b"\0", name)
    k2 = hmac.digest(skeyid_e, k1, name)
    derived = with_skeyid_e(algorithm, skeyid_e)
    assert cipher_key(derived, cipher, key_length) == (k1 + k2)[:octets]


def hmac_of_64_octet_block(name: str, key: bytes, text: bytes) -> bytes:
    """HMAC as OpenBSD's isakmpd computes it: every hash's key is padded to 64 octets."""
    if len(key) > 64:
        key = hashlib.new(name, key).digest()
    inner, outer = (bytes(octet ^ pad for octet in key.ljust(64, b"\0")) for pad in (0x36, 0x5C))
    return hashlib.new(name, outer + hashlib.new(name, inner + text).digest()).digest()


@pytest.mark.parametrize("key_octets", [6, 64, 65, 128, 200])
@pytest.mark.parametrize(
    ("algorithm", "name"), [(HashAlgorithm.SHA2_384, "sha384"), (HashAlgorithm.SHA2_512, "sha512")]
)
def test_the_originals_hmac_block_goes_into_every_key(
    algorithm: HashAlgorithm, name: str, key_octets: int
) -> None:
    """SKEYID and all that follows use one prf; with 64 octets none equals the RFC's."""
    prf = PrfKind(algorithm, ORIGINAL_HMAC_BLOCK)
    key, ni, nr, shared, cky_i, cky_r = (
        bytes([octet]) * length for octet, length in enumerate((key_octets, 16, 16, 128, 8, 8))
    )
    derived = from_pre_shared_key(prf, key, ni, nr, shared, cky_i, cky_r)
    skeyid = hmac_of_64_octet_block(name, key, ni + nr)
    skeyid_d = hmac_of_64_octet_block(name, skeyid, shared + cky_i + cky_r + b"\0")
    skeyid_a = hmac_of_64_octet_block(name, skeyid, skeyid_d + shared + cky_i + cky_r + b"\1")
    skeyid_e = hmac_of_64_octet_block(name, skeyid, skeyid_a + shared + cky_i + cky_r + b"\2")
    assert derived == SkeyId(prf, skeyid, skeyid_d, skeyid_a, skeyid_e)
    assert derived.hash == algorithm
    signed = from_signature(prf, ni, nr, shared, cky_i, cky_r)
    assert signed.skeyid == hmac_of_64_octet_block(name, ni + nr, shared)
    standard = from_pre_shared_key(PrfKind(algorithm), key, ni, nr, shared, cky_i, cky_r)
    for tag in ("skeyid", "skeyid_d", "skeyid_a", "skeyid_e"):
        assert getattr(standard, tag) != getattr(derived, tag)


@pytest.mark.parametrize(
    ("algorithm", "size", "cipher", "key_length", "octets"),
    [
        (HashAlgorithm.MD5, 16, AES, 128, 16),
        (HashAlgorithm.MD5, 16, AES, None, 16),
        (HashAlgorithm.SHA, 20, AES, 128, 16),
        (HashAlgorithm.SHA2_256, 32, AES, 256, 32),
        (HashAlgorithm.SHA2_256, 32, TRIPLE_DES, None, 24),
        (HashAlgorithm.SHA2_512, 64, AES, 192, 24),
    ],
)
def test_a_long_enough_skeyid_e_is_cut(
    algorithm: HashAlgorithm,
    size: int,
    cipher: EncryptionAlgorithm,
    key_length: int | None,
    octets: int,
) -> None:
    """The cipher's key is the most significant octets of SKEYID_e (RFC 2409 appendix B)."""
    skeyid_e = bytes(range(size))
    derived = with_skeyid_e(algorithm, skeyid_e)
    assert cipher_key(derived, cipher, key_length) == skeyid_e[:octets]


def test_the_original_means_aes_256_by_silence() -> None:
    """Without KEY_LENGTH OpenBSD's isakmpd takes the cipher's longest key."""
    derived = with_skeyid_e(HashAlgorithm.SHA2_512, bytes(range(64)))
    assert cipher_key(derived, AES, None) == bytes(range(16))
    assert cipher_key(derived, AES, None, longest=True) == bytes(range(32))
    assert cipher_key(derived, AES, 192, longest=True) == bytes(range(24))


def test_the_key_is_expanded_with_the_prf_of_the_sa() -> None:
    """Blowfish's 56 octets need K1 | K2 of SHA2-384, with the HMAC block that made SKEYID_e."""
    skeyid_e = bytes(range(48))
    prf = PrfKind(HashAlgorithm.SHA2_384, ORIGINAL_HMAC_BLOCK)
    k1 = hmac_of_64_octet_block("sha384", skeyid_e, b"\0")
    k2 = hmac_of_64_octet_block("sha384", skeyid_e, k1)
    derived = SkeyId(prf, b"", b"", b"", skeyid_e)
    assert cipher_key(derived, EncryptionAlgorithm.BLOWFISH_CBC, None) == (k1 + k2)[:56]


def test_no_text_form_shows_a_key() -> None:
    """A log line or traceback with the value in it gives nothing away."""
    shown = repr(
        SkeyId(PrfKind(HashAlgorithm.SHA), *(b"secret %d" % number for number in range(4)))
    )
    assert "SHA" in shown
    assert "secret" not in shown
