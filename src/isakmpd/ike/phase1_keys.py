"""Derive what seals and proves a phase 1 exchange (RFC 2409 section 5 and appendix B)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from isakmpd.crypto.ciphers import Cbc, block_size
from isakmpd.crypto.hashes import ORIGINAL_HMAC_BLOCK, PrfKind, digest, equal
from isakmpd.crypto.signature_methods import signature_prf
from isakmpd.crypto.skeyid import SkeyId, cipher_key, from_pre_shared_key, from_signature
from isakmpd.ike.framing import Sealing, Unproven
from isakmpd.ike.key_agreement import KeyAgreement
from isakmpd.ike.phase1_proposal import Phase1Choice
from isakmpd.ike.pre_shared_keys import PeerKey
from isakmpd.wire.header import Header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import HashAlgorithm, NotifyType
from isakmpd.wire.payloads import Chain, Hash, Identification, Signature, decode_chain

# Hashes of which HMAC pads keys to 128 octets, and the original to 64.
HMAC_BLOCK = 128
_BLOCKS_DIFFER = (HashAlgorithm.SHA2_384, HashAlgorithm.SHA2_512)


@dataclass(frozen=True)
class Phase1Keys:
    """Hold the keys of one exchange, and compute the proofs that it needs.

    ``hmac_block`` in octets, None for the hash's own; ``longest_key`` is how the peer reads the
    lack of a KEY_LENGTH; ``key`` is None where signatures are the proofs; ``sa_body`` is the
    initiator's SA payload, as it was on the wire, and ``initiator_id_body`` its identity where that
    came in an earlier message than its HASH.
    """

    choice: Phase1Choice
    agreement: KeyAgreement
    cookies: tuple[bytes, bytes]
    sa_body: bytes
    key: PeerKey | None = field(repr=False)
    initiator_id_body: bytes | None = None
    hmac_block: int | None = None
    longest_key: bool = False
    skeyid: SkeyId = field(init=False, repr=False)

    def __post_init__(self) -> None:
        agreed = self.agreement
        kind = PrfKind(self.choice.hash, self.hmac_block)
        nonces_on = agreed.ni, agreed.nr, agreed.g_xy, *self.cookies
        if self.key is None:
            skeyid = from_signature(kind, *nonces_on)
        else:
            skeyid = from_pre_shared_key(kind, self.key.secret.reveal(), *nonces_on)
        object.__setattr__(self, "skeyid", skeyid)

    def hash_i(self, id_body: bytes) -> bytes:
        """Compute HASH_I over the initiator's identity, IDii_b."""
        agreed = self.agreement
        return self._prf(agreed.g_xi, agreed.g_xr, *self.cookies, self.sa_body, id_body)

    def hash_r(self, id_body: bytes) -> bytes:
        """Compute HASH_R over the responder's identity, IDir_b."""
        agreed = self.agreement
        swapped = self.cookies[1], self.cookies[0]
        return self._prf(agreed.g_xr, agreed.g_xi, *swapped, self.sa_body, id_body)

    def _prf(self, *parts: bytes) -> bytes:
        kind = self.skeyid.prf
        kind = PrfKind(signature_prf(self.choice.authentication, kind.hash), kind.block)
        return kind.keyed(self.skeyid.skeyid)(*parts)

    def hash_of(self, message: Chain, *, from_initiator: bool) -> bytes:
        """Compute the HASH that the sender of a message has to know; raises KeyError without ID."""
        if not from_initiator:
            return self.hash_r(message.body_of(Identification))
        id_body = self.initiator_id_body
        return self.hash_i(message.body_of(Identification) if id_body is None else id_body)

    def verify(self, message: Chain, *, from_initiator: bool) -> None:
        """Authenticate the sender of a message by its HASH; raises Unproven."""
        if not equal(message.one(Hash).data, self.hash_of(message, from_initiator=from_initiator)):
            raise Unproven("its HASH is wrong", NotifyType.INVALID_HASH_INFORMATION)

    def sealing(self) -> Sealing:
        """Make the cipher and the first IV: HASH(g^xi | g^xr), cut to one block."""
        cipher = Cbc(self.choice.encryption, self._cipher_key())
        return Sealing(cipher, self._iv()[: cipher.block_size])

    def _cipher_key(self) -> bytes:
        choice = self.choice
        return cipher_key(
            self.skeyid, choice.encryption, choice.key_length, longest=self.longest_key
        )

    def _iv(self) -> bytes:
        return digest(self.choice.hash, self.agreement.g_xi, self.agreement.g_xr)

    def labelled(self) -> Iterator[tuple[str, bytes]]:
        """Give every secret under the name that the RFC has for it, in the order of derivation."""
        yield "g^xy", self.agreement.g_xy
        yield "SKEYID", self.skeyid.skeyid
        yield "SKEYID_d", self.skeyid.skeyid_d
        yield "SKEYID_a", self.skeyid.skeyid_a
        yield "SKEYID_e", self.skeyid.skeyid_e
        yield "encryption key", self._cipher_key()
        yield "IV", self._iv()[: block_size(self.choice.encryption)]

    def reads(self, header: Header, body: bytes, iv: bytes | None, *, from_initiator: bool) -> bool:
        """Tell whether a message proves these keys; ``iv`` unless it is the first sealed one."""
        sealing = self.sealing()
        if iv is not None:
            sealing = Sealing(sealing.cipher, iv)
        try:
            chain = sealing.open(header, body) if header.encrypted else _in_clear(header, body)
            if self.key is not None:
                self.verify(chain, from_initiator=from_initiator)
            return self.key is not None or chain.first(Signature) is not None
        except (Malformed, KeyError):
            return False

    @property
    def padding(self) -> int:
        """Give the octets to which HMAC keys are padded."""
        return self.hmac_block or HMAC_BLOCK

    def with_the_other_block(self) -> Phase1Keys | None:
        """Derive as if the peer padded HMAC keys otherwise; None where that changes nothing."""
        if self.choice.hash not in _BLOCKS_DIFFER:
            return None
        original = self.hmac_block == ORIGINAL_HMAC_BLOCK
        return replace(self, hmac_block=None if original else ORIGINAL_HMAC_BLOCK)


def _in_clear(header: Header, body: bytes) -> Chain:
    return decode_chain(header.next_payload, body)
