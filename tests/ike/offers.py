"""What the test's peer offers and chooses."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.crypto.groups import public_length
from isakmpd.crypto.modp import prime
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    Doi,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    GroupDescription,
    HashAlgorithm,
    IpcompTransform,
    Protocol,
)
from isakmpd.wire.payloads import (
    Proposal,
    SecurityAssociation,
    Transform,
)

AUTHENTICATION_KEYS = {
    AuthenticationAlgorithm.NONE: 0,
    AuthenticationAlgorithm.HMAC_MD5: 16,
    AuthenticationAlgorithm.HMAC_SHA: 20,
    AuthenticationAlgorithm.HMAC_SHA2_256: 32,
    AuthenticationAlgorithm.HMAC_SHA2_384: 48,
    AuthenticationAlgorithm.HMAC_SHA2_512: 64,
}


@dataclass(frozen=True)
class Phase1:
    """What the peer offers, or chooses, in main mode."""

    encryption: EncryptionAlgorithm = EncryptionAlgorithm.AES_CBC
    key_length: int | None = 128
    hash: HashAlgorithm = HashAlgorithm.SHA
    group: GroupDescription = GroupDescription.MODP_1024
    seconds: int | None = 3600
    authentication: int = 1
    more: tuple[Attribute, ...] = ()
    unnamed_octets: int = 16  # the key where no KEY_LENGTH says

    def attributes(self) -> tuple[Attribute, ...]:
        """The transform's attributes, numbered by RFC 2409 appendix A."""
        found = [
            Attribute.of(1, self.encryption),
            Attribute.of(2, self.hash),
            Attribute.of(3, self.authentication),
            Attribute.of(4, self.group),
        ]
        if self.seconds is not None:
            found += [Attribute.of(11, 1), Attribute.of(12, self.seconds)]
        if self.key_length is not None:
            found.append(Attribute.of(14, self.key_length))
        return (*found, *self.more)

    @property
    def key_octets(self) -> int:
        """The cipher's key."""
        triple = self.encryption == EncryptionAlgorithm.TRIPLE_DES_CBC
        return 24 if triple else (self.key_length or 8 * self.unnamed_octets) // 8


@dataclass(frozen=True)
class Phase2:
    """What the peer offers, or chooses, in quick mode."""

    transform: EspTransform | AhTransform | IpcompTransform = EspTransform.AES
    key_length: int | None = 128
    authentication: AuthenticationAlgorithm = AuthenticationAlgorithm.HMAC_SHA
    group: GroupDescription | None = GroupDescription.MODP_1024
    mode: EncapsulationMode = EncapsulationMode.TUNNEL
    seconds: int | None = 1200
    kilobytes: int | None = None
    more: tuple[Attribute, ...] = ()

    def attributes(self) -> tuple[Attribute, ...]:
        """The transform's attributes, numbered by RFC 2407 section 4.5."""
        found = []
        if self.seconds is not None:
            found += [Attribute.of(1, 1), Attribute.of(2, self.seconds)]
        if self.kilobytes is not None:
            found += [Attribute.of(1, 2), Attribute.of(2, self.kilobytes)]
        found.append(Attribute.of(4, self.mode))
        if self.authentication:
            found.append(Attribute.of(5, self.authentication))
        if self.group is not None:
            found.append(Attribute.of(3, self.group))
        if self.key_length is not None:
            found.append(Attribute.of(6, self.key_length))
        return (*found, *self.more)

    @property
    def key_octets(self) -> tuple[int, int]:
        """What is taken of KEYMAT: encryption, then authentication."""
        if isinstance(self.transform, IpcompTransform):
            return 0, 0
        if isinstance(self.transform, AhTransform):
            return 0, AUTHENTICATION_KEYS[self.authentication]
        encryption = (self.key_length or 128) // 8
        if self.transform == EspTransform.TRIPLE_DES:
            encryption = 24
        if self.transform == EspTransform.AES_GCM_16:
            encryption += 4
        return encryption, AUTHENTICATION_KEYS[self.authentication]


@dataclass(frozen=True)
class Part:
    """What the peer offers, or chooses, beside its first protocol: a bundle."""

    protocol: Protocol
    spi: bytes
    offer: Phase2

    def proposal(self, number: int = 1) -> Proposal:
        """The proposal payload."""
        transform = Transform(1, self.offer.transform, self.offer.attributes())
        return Proposal(number, self.protocol, self.spi, (transform,))


def security_association(
    protocol: Protocol, spi: bytes, *transforms: tuple[int, tuple[Attribute, ...]]
) -> SecurityAssociation:
    """One proposal of the given (transform id, attributes)."""
    numbered = tuple(Transform(at, *transform) for at, transform in enumerate(transforms, 1))
    return SecurityAssociation(Doi.IPSEC, 1, (Proposal(1, protocol, spi, numbered),))


def key_pair(group: GroupDescription, exponent: int = 0x6B2F) -> tuple[int, bytes]:
    """A secret exponent, short to be quick, and its public value."""
    return exponent, pow(2, exponent, prime(group)).to_bytes(public_length(group))
