"""Make and read nonces (RFC 2409 section 5: 8 to 256 octets)."""

from isakmpd.ike.entropy import Entropy
from isakmpd.ike.refused import Refused
from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.payloads import Chain, Nonce

_OWN_LENGTH = 16
_LENGTHS = range(8, 257)


def new_nonce(entropy: Entropy) -> bytes:
    """Draw a nonce of our usual length, 16 octets."""
    return entropy(_OWN_LENGTH)


def read_nonce(message: Chain) -> bytes:
    """Give the peer's nonce; raises Refused for a length the RFC forbids."""
    nonce = message.one(Nonce).data
    if len(nonce) not in _LENGTHS:
        raise Refused(
            f"a nonce of {len(nonce)} octets, expected 8 to 256", NotifyType.PAYLOAD_MALFORMED
        )
    return nonce
