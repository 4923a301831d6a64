"""The quick mode of the test's peer, as straight on as its main mode."""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.crypto.groups import public_length
from isakmpd.crypto.modp import prime
from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    Doi,
    ExchangeType,
    Protocol,
)
from isakmpd.wire.payloads import (
    Chain,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    Payload,
    SecurityAssociation,
    encode_chain,
)
from tests.ike.offers import Part, Phase2, key_pair
from tests.ike.peer import Peer


@dataclass
class QuickMode:
    """One quick mode of a peer that has an ISAKMP SA."""

    peer: Peer
    offer: Phase2 = field(default_factory=Phase2)
    message_id: int = 0x51C0DE01
    spi: bytes = bytes.fromhex("0badcafe")
    nonce: bytes = b"quick mode nonce"
    ids: tuple[Identity, ...] = ()  # (initiator's, responder's)
    protocol: Protocol = Protocol.IPSEC_ESP
    beside: tuple[Part, ...] = ()
    more: tuple[Payload, ...] = ()  # behind all others
    returned: tuple[Identity, ...] | None = None  # where not the IDs that were proposed

    def __post_init__(self) -> None:
        self.iv = self.peer.phase2_iv(self.message_id)
        self.exponent, self.public = 0, b""
        if self.offer.group is not None:
            self.exponent, self.public = key_pair(self.offer.group, 0x7A11)
        self.their_public = b""
        self.inbound_keys = self.outbound_keys = b""
        self.keys: dict[tuple[Protocol, bytes], bytes] = {}  # by protocol and SPI

    @property
    def mid(self) -> bytes:
        """M-ID."""
        return self.message_id.to_bytes(4)

    def payloads(self) -> tuple[Payload, ...]:
        """SA, Ni, KE, IDci, IDcr."""
        sa = SecurityAssociation(Doi.IPSEC, 1, tuple(part.proposal() for part in self.parts))
        ke = (KeyExchange(self.public),) if self.public else ()
        return (sa, Nonce(self.nonce), *ke, *map(Identification.of, self.ids), *self.more)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The protocols of the bundle, often only one."""
        return (Part(self.protocol, self.spi, self.offer), *self.beside)

    def seal(self, *payloads: Payload) -> bytes:
        """The next message."""
        message = self.peer.seal(payloads, self.iv, ExchangeType.QUICK_MODE, self.message_id)
        self.iv = message[-self.peer.block :]
        return message

    def read(self, datagram: bytes) -> Chain:
        """The daemon's next message."""
        header, _ = decode_header(datagram)
        assert header.exchange_type == ExchangeType.QUICK_MODE
        assert header.message_id == self.message_id
        chain = self.peer.read(datagram, self.iv)
        self.iv = datagram[-self.peer.block :]
        return chain

    def qm1(self, payloads: tuple[Payload, ...] | None = None) -> bytes:
        """HDR*, HASH(1), SA, Ni, [KE], [IDci, IDcr]."""
        rest = payloads or self.payloads()
        proof = self.peer.prf(self.peer.skeyid_a, self.mid, encode_chain(rest))
        return self.seal(Hash(proof), *rest)

    def qm3(self, qm2: bytes) -> bytes:
        """HDR*, HASH(3)."""
        chain = self.read(qm2)
        expected = self.peer.prf(self.peer.skeyid_a, self.mid, self.nonce, chain.after_first)
        assert chain.payloads[0] == Hash(expected)
        assert [item.identity for item in chain.all(Identification)] == list(self.ids)
        ni, nr = self.nonce, chain.one(Nonce).data
        self.derive(chain, ni, nr)
        return self.seal(Hash(self.peer.prf(self.peer.skeyid_a, b"\0", self.mid, ni, nr)))

    def qm2(self, qm1: bytes, payloads: tuple[Payload, ...] | None = None) -> bytes:
        """HDR*, HASH(2), SA, Nr, [KE], [IDci, IDcr]."""
        header, _ = decode_header(qm1)
        self.message_id = header.message_id
        self.iv = self.peer.phase2_iv(self.message_id)
        chain = self.read(qm1)
        expected = self.peer.prf(self.peer.skeyid_a, self.mid, chain.after_first)
        assert chain.payloads[0] == Hash(expected)
        proposed = tuple(item.identity for item in chain.all(Identification))
        self.ids = proposed if self.returned is None else self.returned
        self.ni = chain.one(Nonce).data
        self.derive(chain, self.ni, self.nonce)
        rest = payloads or self.payloads()
        proof = self.peer.prf(self.peer.skeyid_a, self.mid, self.ni, encode_chain(rest))
        return self.seal(Hash(proof), *rest)

    def finish(self, qm3: bytes) -> None:
        """HDR*, HASH(3)."""
        chain = self.read(qm3)
        expected = self.peer.prf(self.peer.skeyid_a, b"\0", self.mid, self.ni, self.nonce)
        assert chain.payloads == (Hash(expected),)

    def derive(self, chain: Chain, ni: bytes, nr: bytes) -> None:
        """KEYMAT of both directions."""
        shared = b""
        if self.offer.group is not None:
            modulus = prime(self.offer.group)
            public = int.from_bytes(chain.one(KeyExchange).value)
            shared = pow(public, self.exponent, modulus).to_bytes(public_length(self.offer.group))
        self.their_spi = chain.one(SecurityAssociation).proposals[0].spi
        theirs = {p.protocol: p.spi for p in chain.one(SecurityAssociation).proposals}
        for part in self.parts:
            for spi in (part.spi, theirs.get(part.protocol, b"")):
                self.keys[part.protocol, spi] = self.keymat(part, shared, spi, ni, nr)
        self.inbound_keys = self.keys[self.protocol, self.spi]
        self.outbound_keys = self.keys[self.protocol, theirs.get(self.protocol, b"")]

    def keymat(self, part: Part, shared: bytes, spi: bytes, ni: bytes, nr: bytes) -> bytes:
        """KEYMAT = K1 | K2 | ..."""
        wanted = sum(part.offer.key_octets)
        seed = b"".join((shared, bytes([part.protocol]), spi, ni, nr))
        block = octets = self.peer.prf(self.peer.skeyid_d, seed)
        while len(octets) < wanted:
            block = self.peer.prf(self.peer.skeyid_d, block, seed)
            octets += block
        return octets[:wanted]
