"""Exchange Diffie-Hellman values and nonces, which main and aggressive mode do alike (RFC 2409)."""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.crypto.groups import InvalidPublicValue, KeyPair, generate, public_length
from isakmpd.ike.entropy import Entropy
from isakmpd.ike.nonces import new_nonce, read_nonce
from isakmpd.ike.refused import Refused
from isakmpd.wire.numbers import GroupDescription, NotifyType
from isakmpd.wire.payloads import Chain, KeyExchange, Nonce, Payload


@dataclass(frozen=True, slots=True)
class OwnContribution:
    """Hold what we put in: a key pair of the group, and a nonce."""

    pair: KeyPair
    nonce: bytes

    @classmethod
    def fresh(cls, group: GroupDescription, entropy: Entropy) -> OwnContribution:
        """Draw both."""
        return cls(generate(group, entropy), new_nonce(entropy))

    def payloads(self) -> tuple[Payload, Payload]:
        """Give what the peer is told: KE and NONCE."""
        return KeyExchange(self.pair.public), Nonce(self.nonce)


@dataclass(frozen=True, slots=True)
class PeerContribution:
    """Hold what the peer puts in: its public value, of the group's length, and its nonce."""

    public: bytes
    nonce: bytes

    @classmethod
    def read(cls, message: Chain, group: GroupDescription) -> PeerContribution:
        """Read KE and NONCE; raises Refused for a length that group or RFC forbid."""
        nonce = read_nonce(message)
        public = message.one(KeyExchange).value
        if len(public) != public_length(group):
            raise Refused(
                f"a Diffie-Hellman value of {len(public)} octets, expected "
                f"{public_length(group)} for {group}",
                NotifyType.INVALID_KEY_INFORMATION,
            )
        return cls(public, nonce)


@dataclass(frozen=True, slots=True)
class KeyAgreement:
    """Hold what both ends have once the values crossed: g^xi, g^xr, g^xy, Ni_b and Nr_b."""

    g_xi: bytes
    g_xr: bytes
    ni: bytes
    nr: bytes
    g_xy: bytes = field(repr=False)


def agree(own: OwnContribution, peers: PeerContribution, *, initiator: bool) -> KeyAgreement:
    """Compute g^xy, whichever end we are; raises Refused for a public value that is unsafe."""
    public = own.pair.public
    if peers.public == public:
        raise Refused(
            "the peer sends our own Diffie-Hellman value back", NotifyType.INVALID_KEY_INFORMATION
        )
    try:
        g_xy = own.pair.shared_secret(peers.public)
    except InvalidPublicValue as fault:
        raise Refused(
            f"the peer's Diffie-Hellman value is unsafe: {fault}",
            NotifyType.INVALID_KEY_INFORMATION,
        ) from fault
    if initiator:
        return KeyAgreement(public, peers.public, own.nonce, peers.nonce, g_xy)
    return KeyAgreement(peers.public, public, peers.nonce, own.nonce, g_xy)
