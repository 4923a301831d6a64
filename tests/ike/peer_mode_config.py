"""The mode config of the test's peer, as straight on as its main mode."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ConfigurationType, ExchangeType
from isakmpd.wire.payloads import AttributePayload, Hash, encode_chain
from tests.ike.peer import Peer


def given(kind: int, octets: bytes = b"") -> Attribute:
    """An attribute with a length of its own."""
    return Attribute(int(kind), octets, basic=False)


@dataclass
class Transaction:
    """One transaction of a peer that has an ISAKMP SA."""

    peer: Peer
    message_id: int = 0x7A45AC71
    identifier: int = 0x1D1D

    def __post_init__(self) -> None:
        self.iv = self.peer.phase2_iv(self.message_id)

    def proof(self, rest: bytes) -> bytes:
        """prf(SKEYID_a, M-ID | ATTR)."""
        return self.peer.prf(self.peer.skeyid_a, self.message_id.to_bytes(4), rest)

    def says(
        self, kind: ConfigurationType, *attributes: Attribute, hash_octets: int | None = None
    ) -> bytes:
        """HDR*, HASH, ATTR."""
        payload = AttributePayload(kind, self.identifier, attributes)
        proof = self.proof(encode_chain((payload,)))
        if hash_octets is not None:
            proof = (proof + bytes(64))[:hash_octets]
        chain = (Hash(proof), payload)
        message = self.peer.seal(chain, self.iv, ExchangeType.TRANSACTION, self.message_id)
        self.iv = message[-self.peer.block :]
        return message

    def hears(self, datagram: bytes) -> AttributePayload:
        """The daemon's next message, its proof checked."""
        header, _ = decode_header(datagram)
        assert header.exchange_type == ExchangeType.TRANSACTION
        assert header.message_id == self.message_id
        chain = self.peer.read(datagram, self.iv)
        self.iv = datagram[-self.peer.block :]
        proof, payload = chain.payloads
        assert proof == Hash(self.proof(chain.after_first))
        assert isinstance(payload, AttributePayload)
        assert not any(attribute.basic for attribute in payload.attributes)
        return payload


def begun_by(daemon_says: bytes, peer: Peer) -> tuple[Transaction, AttributePayload]:
    """The transaction a daemon begins with a message, and what it says there."""
    transaction = Transaction(peer, decode_header(daemon_says)[0].message_id)
    payload = transaction.hears(daemon_says)
    transaction.identifier = payload.identifier
    return transaction, payload
