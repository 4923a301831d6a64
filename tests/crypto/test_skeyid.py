"""SKEYID and the cipher's key: NIST's vectors, and expansion where SKEYID_e is too short."""

import hmac
import json
from pathlib import Path

import pytest

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
# A selection of CAVS 17.3's, each combination of method, hash and lengths at least once.
NIST = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "ikev1_kdf.jsonl").read_text().splitlines()
]


def name(vector: dict[str, str]) -> str:
    """Tell vectors apart in the list of tests."""
    return (
        f"{vector['method']}-{vector['hash']}-{len(vector['Ni']) // 2}-{len(vector['g^xy']) // 2}"
    )


@pytest.mark.parametrize("vector", NIST, ids=name)
def test_nist_vectors(vector: dict[str, str]) -> None:
    """SKEYID, _d, _a and _e come out as in NIST's component test vectors (SP 800-135)."""
    octets = {key: bytes.fromhex(v) for key, v in vector.items() if key not in ("method", "hash")}
    algorithm = HASHES[vector["hash"]]
    nonces = octets["Ni"], octets["Nr"]
    cookies = octets["CKY_I"], octets["CKY_R"]
    if vector["method"] == "psk":
        key = octets["pre-shared-key"]
        derived = from_pre_shared_key(algorithm, key, *nonces, octets["g^xy"], *cookies)
    else:
        derived = from_signature(algorithm, *nonces, octets["g^xy"], *cookies)
    assert derived.hash == algorithm
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
    return SkeyId(algorithm, b"", b"", b"", skeyid_e)


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


def test_no_text_form_shows_a_key() -> None:
    """A log line or traceback with the value in it gives nothing away."""
    shown = repr(SkeyId(HashAlgorithm.SHA, b"secret 1", b"secret 2", b"secret 3", b"secret 4"))
    assert "SHA" in shown
    assert "secret" not in shown
