"""Sign and verify what proves an identity in phase 1 (RFC 2409 section 5.1, RFC 4754).

RSA signs the hash itself, padded as PKCS#1 type 1 without a DigestInfo; ECDSA signs the hash of its
curve, as r | s.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    NoDigestInfo,
    Prehashed,
    decode_dss_signature,
    encode_dss_signature,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from isakmpd.crypto.hashes import equal
from isakmpd.wire.numbers import AuthenticationMethod

_Rsa = rsa.RSAPublicKey
_Elliptic = ec.EllipticCurvePublicKey
_LARGEST_FILE = 65536  # octets
_SMALLEST_RSA, _LARGEST_RSA = 512, 16384  # bits; what is too weak others judge
_LONGEST_EXPONENT = 64  # bits, as OpenSSL has it: a peer chooses what we compute with


class UnusableKeyError(ValueError):
    """Say in one sentence fragment why octets hold no key that can be used."""


@dataclass(frozen=True, slots=True)
class _Curve:
    method: AuthenticationMethod
    hash: hashes.HashAlgorithm
    octets: int  # of r and of s


_CURVES: dict[str, _Curve] = {
    "secp256r1": _Curve(AuthenticationMethod.ECDSA_256, hashes.SHA256(), 32),
    "secp384r1": _Curve(AuthenticationMethod.ECDSA_384, hashes.SHA384(), 48),
    "secp521r1": _Curve(AuthenticationMethod.ECDSA_521, hashes.SHA512(), 66),
}
_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Hold an RSA or EC key that verifies; two are equal when their SubjectPublicKeyInfo is."""

    der: bytes
    _key: _Rsa | _Elliptic = field(compare=False, repr=False)

    @property
    def kind(self) -> str:
        """Give RSA or EC."""
        return "RSA" if isinstance(self._key, _Rsa) else "EC"

    @property
    def bits(self) -> int:
        """Give the length of the modulus or of the curve's field."""
        return self._key.key_size

    @property
    def methods(self) -> tuple[AuthenticationMethod, ...]:
        """Give the authentication methods that such a key serves."""
        if isinstance(self._key, _Rsa):
            return (AuthenticationMethod.RSA_SIG,)
        return (_CURVES[self._key.curve.name].method,)

    def verifies(self, hash_: bytes, signature: bytes) -> bool:
        """Tell whether the signature is one of this very hash, to the last octet."""
        if isinstance(self._key, _Rsa):
            return _is_rsa_signature(self._key, hash_, signature)
        return _is_ecdsa_signature(self._key, hash_, signature)

    def __str__(self) -> str:
        if isinstance(self._key, _Rsa):
            return f"RSA {self.bits}"
        return f"EC {_NAMES[self._key.curve.name]}"


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Hold a key that signs; it never shows itself."""

    public: PublicKey
    _key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey = field(compare=False, repr=False)

    def sign(self, hash_: bytes) -> bytes:
        """Sign a hash; ECDSA without randomness (RFC 6979)."""
        if isinstance(self._key, rsa.RSAPrivateKey):
            return self._key.sign(hash_, padding.PKCS1v15(), NoDigestInfo())
        curve = _CURVES[self._key.curve.name]
        algorithm = ec.ECDSA(Prehashed(curve.hash), deterministic_signing=True)
        r, s = decode_dss_signature(self._key.sign(hash_, algorithm))
        return r.to_bytes(curve.octets) + s.to_bytes(curve.octets)


def private_key(octets: bytes) -> PrivateKey:
    """Read a private key, PKCS#1, PKCS#8 or SEC 1, PEM or DER; raises UnusableKeyError."""
    load = (
        serialization.load_pem_private_key
        if b"-----BEGIN" in octets
        else serialization.load_der_private_key
    )
    key = _loaded("private", octets, lambda: load(octets, None))
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UnusableKeyError(_other_kind(key))
    return PrivateKey(_public(key.public_key()), key)


def public_key(octets: bytes) -> PublicKey:
    """Read a SubjectPublicKeyInfo or RSAPublicKey, PEM or DER; raises UnusableKeyError."""
    load = (
        serialization.load_pem_public_key
        if b"-----BEGIN" in octets
        else serialization.load_der_public_key
    )
    return _public(_loaded("public", octets, lambda: load(octets)))


def _loaded(kind: str, octets: bytes, load: Callable[[], object]) -> object:
    if len(octets) > _LARGEST_FILE:
        raise UnusableKeyError(f"it has {len(octets)} octets, expected {_LARGEST_FILE} at most")
    try:
        return load()
    except TypeError as error:  # what the library raises where a passphrase is needed
        text = "the key is encrypted, expected one without a passphrase"
        raise UnusableKeyError(text) from error
    except (ValueError, UnsupportedAlgorithm, OverflowError) as error:
        text = f"it holds no {kind} key that can be read, expected PEM or DER of an RSA or EC key"
        raise UnusableKeyError(text) from error


def _public(key: object) -> PublicKey:
    if isinstance(key, _Rsa):
        if not _SMALLEST_RSA <= key.key_size <= _LARGEST_RSA:
            raise UnusableKeyError(
                f"it holds an RSA key of {key.key_size} bits, expected {_SMALLEST_RSA} to "
                f"{_LARGEST_RSA}"
            )
        if key.public_numbers().e.bit_length() > _LONGEST_EXPONENT:
            raise UnusableKeyError(
                f"it holds an RSA key with a public exponent of more than {_LONGEST_EXPONENT} bits"
            )
    elif isinstance(key, _Elliptic):
        if key.curve.name not in _CURVES:
            expected = ", ".join(_NAMES.values())
            raise UnusableKeyError(
                f"it holds an EC key on the curve {key.curve.name}, expected one of {expected}"
            )
    else:
        raise UnusableKeyError(_other_kind(key))
    return PublicKey(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), key)


_OTHER_KINDS = {
    "a DSA": (dsa.DSAPublicKey, dsa.DSAPrivateKey),
    "an Ed25519": (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey),
    "an Ed448": (ed448.Ed448PublicKey, ed448.Ed448PrivateKey),
}


def _other_kind(key: object) -> str:
    kind = next((name for name, types in _OTHER_KINDS.items() if isinstance(key, types)), "another")
    return f"it holds {kind} key, expected RSA or EC"


def _is_rsa_signature(key: _Rsa, hash_: bytes, signature: bytes) -> bool:
    """Reconstruct the whole block and compare: what is parsed can be forged (CVE-2006-4339)."""
    numbers = key.public_numbers()
    length = (key.key_size + 7) // 8
    number = int.from_bytes(signature)
    if len(signature) != length or number >= numbers.n or length < len(hash_) + 11:
        return False
    block = pow(number, numbers.e, numbers.n).to_bytes(length)  # nothing in it is secret
    expected = b"\0\1" + b"\xff" * (length - 3 - len(hash_)) + b"\0" + hash_
    return equal(block, expected)


def _is_ecdsa_signature(key: _Elliptic, hash_: bytes, signature: bytes) -> bool:
    curve = _CURVES[key.curve.name]
    if len(signature) != 2 * curve.octets or len(hash_) != curve.hash.digest_size:
        return False
    r, s = (int.from_bytes(half) for half in (signature[: curve.octets], signature[curve.octets :]))
    try:
        key.verify(encode_dss_signature(r, s), hash_, ec.ECDSA(Prehashed(curve.hash)))
    except (InvalidSignature, ValueError):
        return False
    return True
