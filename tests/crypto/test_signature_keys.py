"""Keys that sign: what openssl makes is read, and what either signs the other verifies."""

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from isakmpd.crypto.signature_keys import PrivateKey, UnusableKeyError, private_key, public_key
from isakmpd.wire.numbers import AuthenticationMethod

HASH = bytes(range(20))
KEY = rsa.generate_private_key(65537, 1024)  # noqa: S505  as those of 2003


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Write a private key as OpenSSL did in 2003."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def openssl(*arguments: str | Path, stdin: bytes = b"") -> bytes:
    """Run openssl."""
    return subprocess.run(
        ["openssl", *arguments], input=stdin, check=True, capture_output=True
    ).stdout


@pytest.mark.parametrize("bits", [1024, 2048, 4096])
@pytest.mark.parametrize("octets", [16, 20, 32, 48, 64])
def test_openssl_signs_alike(tmp_path: Path, bits: int, octets: int) -> None:
    """The bare hash, padded as PKCS#1 type 1: the same octets, as nothing in it is random."""
    file, hash_ = tmp_path / "key", bytes(octets)
    file.write_bytes(openssl("genrsa", str(bits)))
    signed = openssl("pkeyutl", "-sign", "-inkey", file, stdin=hash_)
    key = private_key(file.read_bytes())
    assert key.sign(hash_) == signed
    assert key.public.verifies(hash_, signed)
    assert (key.public.kind, key.public.bits) == ("RSA", bits)
    assert str(key.public) == f"RSA {bits}"


def test_a_key_of_8192_bits() -> None:
    """The longest that is asked for."""
    key = private_key(openssl("genrsa", "8192"))
    assert key.public.verifies(HASH, key.sign(HASH))


@pytest.mark.parametrize(
    ("curve", "method", "octets", "name"),
    [
        (ec.SECP256R1(), AuthenticationMethod.ECDSA_256, 32, "P-256"),
        (ec.SECP384R1(), AuthenticationMethod.ECDSA_384, 48, "P-384"),
        (ec.SECP521R1(), AuthenticationMethod.ECDSA_521, 64, "P-521"),
    ],
)
def test_ecdsa(
    curve: ec.EllipticCurve, method: AuthenticationMethod, octets: int, name: str
) -> None:
    """Two numbers of the curve's length, alike each time (RFC 6979)."""
    key = private_key(pem(ec.generate_private_key(curve)))
    signed = key.sign(bytes(octets))
    assert len(signed) == 2 * ((curve.key_size + 7) // 8)
    assert signed == key.sign(bytes(octets))
    assert key.public.methods == (method,)
    assert str(key.public) == f"EC {name}"
    assert key.public.verifies(bytes(octets), signed)
    for wrong in (signed[:-1], signed + b"\0", bytes(len(signed)), b"", signed[::-1]):
        assert not key.public.verifies(bytes(octets), wrong)
    assert not key.public.verifies(bytes(octets - 1), signed)


def test_the_vector_of_rfc_4754() -> None:
    """Section 8.1: ECDSA-256."""
    numbers = ec.EllipticCurvePublicNumbers(
        0x2442A5CC0ECD015FA3CA31DC8E2BBC70BF42D60CBCA20085E0822CB04235E970,
        0x6FC98BD7E50211A4A27102FA3549DF79EBCB4BF246B80945CDDFE7D509BBFD7D,
        ec.SECP256R1(),
    ).public_key()
    key = public_key(numbers.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
    hash_ = bytes.fromhex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")
    signed = bytes.fromhex(
        "CB28E0999B9C7715FD0A80D8E47A77079716CBBF917DD72E97566EA1C066957C"
        "86FA3BB4E26CAD5BF90B7F81899256CE7594BB1EA0C89212748BFF3B3D5B0315"
    )
    assert key.verifies(hash_, signed)


def block(length: int, *parts: bytes) -> bytes:
    """Sign with the bare power whatever is said to be the padded block."""
    octets = b"".join(parts)
    assert len(octets) == length
    numbers = KEY.private_numbers()
    number = pow(int.from_bytes(octets), numbers.d, numbers.public_numbers.n)
    return number.to_bytes(length)


FF = b"\xff"
SHA1 = bytes.fromhex("3021300906052b0e03021a05000414")
FORGERIES = {
    "hash cut": block(128, b"\0\1", FF * 106, b"\0", HASH[:19]),
    "hash and more": block(128, b"\0\1", FF * 104, b"\0", HASH, b"\0"),
    "padding cut, rubbish behind (CVE-2006-4339)": block(
        128, b"\0\1", FF * 8, b"\0", HASH, bytes(97)
    ),
    "a DigestInfo": block(128, b"\0\1", FF * 90, b"\0", SHA1, HASH),
    "padding with a hole": block(128, b"\0\1", FF * 50, b"\xfe", FF * 54, b"\0", HASH),
    "type 2": block(128, b"\0\2", FF * 105, b"\0", HASH),
    "type 0": block(128, b"\0\0", bytes(105), b"\0", HASH),
}


@pytest.mark.parametrize("signature", FORGERIES.values(), ids=FORGERIES)
def test_a_forgery(signature: bytes) -> None:
    """Only the one block that there is will do."""
    assert not private_key(pem(KEY)).public.verifies(HASH, signature)


def test_the_block_itself() -> None:
    """The forgeries above differ from this alone."""
    key = private_key(pem(KEY))
    good = block(128, b"\0\1", FF * 105, b"\0", HASH)
    assert good == key.sign(HASH)
    assert key.public.verifies(HASH, good)
    modulus = KEY.public_key().public_numbers().n
    for wrong in (good[:-1], b"\0" + good, (int.from_bytes(good) + modulus).to_bytes(129), b""):
        assert not key.public.verifies(HASH, wrong)
    assert not key.public.verifies(bytes(126), good)


def test_an_exponent_of_three() -> None:
    """A cube root that ends in rubbish is none of ours (CVE-2006-4339)."""
    key = private_key(pem(rsa.generate_private_key(3, 1024)))  # noqa: S505
    wanted = b"\0\1" + FF * 8 + b"\0" + HASH
    target = int.from_bytes(wanted + bytes(128 - len(wanted)))
    low, high = 0, 1 << 342
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if middle**3 < target else (low, middle)
    assert (low**3).to_bytes(128).startswith(wanted)
    assert not key.public.verifies(HASH, low.to_bytes(128))


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("form", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_every_form_of_a_private_key(encoding: Encoding, form: PrivateFormat) -> None:
    """PKCS#1, SEC 1 and PKCS#8."""
    for key in (KEY, ec.generate_private_key(ec.SECP256R1())):
        found = private_key(key.private_bytes(encoding, form, NoEncryption()))
        assert found.public == private_key(pem(key)).public


@pytest.mark.parametrize("encoding", [Encoding.PEM, Encoding.DER])
@pytest.mark.parametrize("form", [PublicFormat.SubjectPublicKeyInfo, PublicFormat.PKCS1])
def test_every_form_of_a_public_key(encoding: Encoding, form: PublicFormat) -> None:
    """SubjectPublicKeyInfo and RSAPublicKey, as ``openssl rsa`` writes both."""
    found = public_key(KEY.public_key().public_bytes(encoding, form))
    assert found == private_key(pem(KEY)).public
    assert hash(found) == hash(private_key(pem(KEY)).public)


def test_keys_that_cannot_be_used() -> None:
    """Each says what it is."""
    encrypted = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    of_dsa = dsa.generate_private_key(2048).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    of_edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )
    for octets, words in (
        (encrypted, "the key is encrypted, expected one without a passphrase"),
        (of_dsa, "it holds a DSA key, expected RSA or EC"),
        (of_edwards, "it holds an Ed25519 key, expected RSA or EC"),
        (pem(ec.generate_private_key(ec.SECP256K1())), "on the curve secp256k1"),
        (b"rubbish", "it holds no private key that can be read"),
        (b"-----BEGIN RSA PRIVATE KEY-----\n", "it holds no private key that can be read"),
        (b"", "it holds no private key that can be read"),
        (bytes(70000), "it has 70000 octets, expected 65536 at most"),
    ):
        with pytest.raises(UnusableKeyError, match=words):
            private_key(octets)
    with pytest.raises(UnusableKeyError, match="it holds no public key that can be read"):
        public_key(b"rubbish")


def test_a_public_exponent_is_bounded() -> None:
    """A peer chooses what we compute with."""
    numbers = rsa.RSAPublicNumbers((1 << 65) + 1, KEY.public_key().public_numbers().n)
    octets = numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(UnusableKeyError, match="exponent of more than 64 bits"):
        public_key(octets)


def test_a_private_key_shows_nothing() -> None:
    """Nor do its containers."""
    key = private_key(pem(KEY))
    assert isinstance(key, PrivateKey)
    secret = KEY.private_numbers().d
    assert str(secret) not in repr(key)
    assert f"{secret:x}" not in repr(key)
