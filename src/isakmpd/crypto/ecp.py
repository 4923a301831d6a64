"""Compute on the prime curves of RFC 5903, RFC 5114 and RFC 6954 as IKE has them."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from isakmpd.wire.numbers import GroupDescription

_UNCOMPRESSED = b"\4"  # what SEC 1 puts before X and Y, and IKE leaves out
_SURPLUS_OCTETS = 8  # reducing 64 bits more than the order has hides the remainder's bias


@dataclass(frozen=True, slots=True)
class Ecp:
    """Describe a curve over a prime field, of cofactor 1: every point but infinity is good."""

    curve: ec.EllipticCurve

    @property
    def shared_length(self) -> int:
        """Give the octets of the shared secret, the X of the common point (RFC 5903 section 7)."""
        return (self.curve.key_size + 7) // 8

    @property
    def public_length(self) -> int:
        """Give the octets of a public value, X and Y one after the other (RFC 5903 section 7)."""
        return 2 * self.shared_length

    @property
    def entropy_octets(self) -> int:
        """Give the random octets that a private key takes."""
        return self.shared_length + _SURPLUS_OCTETS

    def private_key(self, entropy: bytes) -> EcpPrivateKey:
        """Make ``entropy_octets`` random octets a scalar from 1 to n-1 (FIPS 186-5 A.2.1)."""
        scalar = int.from_bytes(entropy) % (self.curve.group_order - 1) + 1
        key = ec.derive_private_key(scalar, self.curve)
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        return EcpPrivateKey(self, point[1:], key)


@dataclass(frozen=True, slots=True)
class EcpPrivateKey:
    """Hold a private scalar and its point."""

    group: Ecp
    public: bytes
    _key: ec.EllipticCurvePrivateKey = field(repr=False, compare=False)

    def shared_secret(self, peer_public: bytes) -> bytes:
        """Compute the common point's X from ``public_length`` octets.

        Raises ValueError for coordinates beyond the field and for points off the curve.
        """
        try:
            point = ec.EllipticCurvePublicKey.from_encoded_point(
                self.group.curve, _UNCOMPRESSED + peer_public
            )
        except ValueError as fault:
            raise ValueError("is no point of the curve") from fault
        return self._key.exchange(ec.ECDH(), point)


GROUPS: dict[GroupDescription, Ecp] = {
    GroupDescription.ECP_256: Ecp(ec.SECP256R1()),
    GroupDescription.ECP_384: Ecp(ec.SECP384R1()),
    GroupDescription.ECP_521: Ecp(ec.SECP521R1()),
    GroupDescription.ECP_192: Ecp(ec.SECP192R1()),
    GroupDescription.ECP_224: Ecp(ec.SECP224R1()),
    GroupDescription.BP_256: Ecp(ec.BrainpoolP256R1()),
    GroupDescription.BP_384: Ecp(ec.BrainpoolP384R1()),
    GroupDescription.BP_512: Ecp(ec.BrainpoolP512R1()),
}
