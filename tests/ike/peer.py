"""A peer to test against: it speaks phase 1 and quick mode straight on, knowing nothing of ike/.

Its cryptography is the standard library's and OpenSSL's, its payloads are those of wire/. It checks
every proof the daemon sends and refuses with an AssertionError.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from isakmpd.crypto.groups import public_length
from isakmpd.crypto.modp import prime
from isakmpd.wire.addresses import Address
from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    Doi,
    EncryptionAlgorithm,
    ExchangeType,
    Flags,
    HashAlgorithm,
    NotifyType,
    PayloadType,
    Protocol,
)
from isakmpd.wire.payloads import (
    Chain,
    Delete,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatDiscoveryDraft,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
    VendorId,
    decode_chain,
    encode_chain,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.offers import Phase1, key_pair, security_association

HASHES = {
    HashAlgorithm.MD5: "md5",
    HashAlgorithm.SHA: "sha1",
    HashAlgorithm.SHA2_256: "sha256",
    HashAlgorithm.SHA2_384: "sha384",
    HashAlgorithm.SHA2_512: "sha512",
}
NAT_T_VENDORS = (
    Vendor.NAT_T_RFC,
    Vendor.NAT_T_DRAFT_03,
    Vendor.NAT_T_DRAFT_02,
    Vendor.NAT_T_DRAFT_02_PLAIN,
)


@dataclass
class Peer:
    """One end of a conversation; what it says next depends on what it heard."""

    address: Address
    remote: Address
    key: bytes = b"mekmitasdigoat"
    offer: Phase1 = field(default_factory=Phase1)
    vendors: tuple[bytes, ...] = (Vendor.NAT_T_RFC.value, Vendor.DPD.value)
    identity: Identity | None = None
    notifies: tuple[NotifyType, ...] = ()  # sent along with the last message
    cookie: bytes = b"peercook"
    nonce: bytes = b"the peer's nonce"
    port: int = 500
    remote_port: int = 500
    private_address: Address | None = None  # behind a NAT, where it differs from ``address``
    remote_private_address: Address | None = None  # likewise the daemon's
    floated: bool = False  # to the NAT-T ports: 4500 in place of 500
    hmac_block: int | None = None  # where it is not the hash's own

    def __post_init__(self) -> None:
        self.cookies = (self.cookie, bytes(8))
        self.exponent, self.public = key_pair(self.offer.group)
        self.with_proof: Callable[[], tuple[Payload, ...]] = lambda: ()  # sent along with ours
        self.heard_vendors: tuple[bytes, ...] = ()
        self.heard: list[Chain] = []
        self.daemon_id: Identity | None = None

    # Arithmetic of RFC 2409

    def prf(self, key: bytes, *parts: bytes) -> bytes:
        """HMAC with the negotiated hash, its key padded to the block this peer uses."""
        if self.hmac_block is None:
            return hmac.new(key, b"".join(parts), HASHES[self.offer.hash]).digest()
        if len(key) > self.hmac_block:
            key = self.digest(key)
        padded = key + bytes(self.hmac_block - len(key))
        inner = self.digest(bytes(octet ^ 0x36 for octet in padded), *parts)
        return self.digest(bytes(octet ^ 0x5C for octet in padded), inner)

    def digest(self, *parts: bytes) -> bytes:
        """The negotiated hash."""
        return hashlib.new(HASHES[self.offer.hash], b"".join(parts)).digest()

    def derive(self, ni: bytes, nr: bytes, g_xi: bytes, g_xr: bytes) -> None:
        """Everything from SKEYID to the first IV."""
        theirs = g_xi if self.public == g_xr else g_xr
        modulus = prime(self.offer.group)
        shared = pow(int.from_bytes(theirs), self.exponent, modulus)
        g_xy = shared.to_bytes(public_length(self.offer.group))
        cookies = b"".join(self.cookies)
        self.skeyid = self.root(ni, nr, g_xy)
        self.skeyid_d = self.prf(self.skeyid, g_xy, cookies, b"\0")
        self.skeyid_a = self.prf(self.skeyid, self.skeyid_d, g_xy, cookies, b"\1")
        skeyid_e = self.prf(self.skeyid, self.skeyid_a, g_xy, cookies, b"\2")
        wanted = self.offer.key_octets
        block = expanded = self.prf(skeyid_e, b"\0")
        while len(expanded) < wanted:
            block = self.prf(skeyid_e, block)
            expanded += block
        self.cipher_key = (skeyid_e if len(skeyid_e) >= wanted else expanded)[:wanted]
        self.iv = self.digest(g_xi, g_xr)[: self.block]
        self.g_xi, self.g_xr = g_xi, g_xr

    def root(self, ni: bytes, nr: bytes, g_xy: bytes) -> bytes:
        """SKEYID, which a pre-shared key makes without g^xy."""
        del g_xy
        return self.prf(self.key, ni, nr)

    @property
    def block(self) -> int:
        """The cipher's block size."""
        return 8 if self.offer.encryption == EncryptionAlgorithm.TRIPLE_DES_CBC else 16

    def cipher(self, iv: bytes) -> Cipher[CBC]:
        """The negotiated cipher."""
        triple = self.offer.encryption == EncryptionAlgorithm.TRIPLE_DES_CBC
        algorithm = TripleDES(self.cipher_key) if triple else AES(self.cipher_key)
        return Cipher(algorithm, CBC(iv))

    def proof(self, *, of_initiator: bool, sa: bytes, identity: bytes) -> bytes:
        """HASH_I or HASH_R."""
        first, second = self.cookies
        if of_initiator:
            return self.prf(self.skeyid, self.g_xi, self.g_xr, first, second, sa, identity)
        return self.prf(self.skeyid, self.g_xr, self.g_xi, second, first, sa, identity)

    # Framing

    def clear(
        self,
        *payloads: Payload,
        exchange: ExchangeType = ExchangeType.ID_PROT,
        message_id: int = 0,
        cookies: tuple[bytes, bytes] | None = None,
    ) -> bytes:
        """A message in clear."""
        first = payloads[0].type_on_wire if payloads else PayloadType.NONE
        pair = cookies or self.cookies
        header = Header(*pair, first, exchange, Flags.NONE, message_id)
        return header.encode(encode_chain(payloads))

    def seal(
        self, payloads: tuple[Payload, ...], iv: bytes, exchange: ExchangeType, message_id: int
    ) -> bytes:
        """An encrypted message; the next IV is its last block."""
        first = payloads[0].type_on_wire
        return self.seal_octets(first, encode_chain(payloads), iv, exchange, message_id)

    def seal_octets(
        self, first: PayloadType, body: bytes, iv: bytes, exchange: ExchangeType, message_id: int
    ) -> bytes:
        """An encrypted message of any octets."""
        header = Header(*self.cookies, first, exchange, Flags.ENCRYPTION, message_id)
        encryptor = self.cipher(iv).encryptor()
        return header.encode(encryptor.update(body + bytes(-len(body) % self.block)))

    def read(self, datagram: bytes, iv: bytes | None = None) -> Chain:
        """A message's payloads; encrypted ones want an IV."""
        header, body = decode_header(datagram)
        assert header.encrypted == (iv is not None)
        if iv is not None:
            body = self.cipher(iv).decryptor().update(body)
        chain = decode_chain(header.next_payload, body)
        assert not any(body[len(chain.octets) :]), "padding is zero"
        self.heard.append(chain)
        return chain

    # Main mode as initiator

    def sa(self) -> SecurityAssociation:
        """The phase 1 proposal."""
        return security_association(Protocol.ISAKMP, b"", (1, self.offer.attributes()))

    def announced(self) -> tuple[Payload, ...]:
        """Our vendor IDs."""
        return tuple(VendorId(octets) for octets in self.vendors)

    def mm1(self, *more: Payload) -> bytes:
        """HDR, SA."""
        self.sa_body = self.sa().body()
        return self.clear(self.sa(), *self.announced(), *more)

    def mm3(self, mm2: bytes) -> bytes:
        """HDR, KE, Ni."""
        header, _ = decode_header(mm2)
        self.cookies = header.initiator_cookie, header.responder_cookie
        chain = self.read(mm2)
        (proposal,) = chain.one(SecurityAssociation).proposals
        (chosen,) = proposal.transforms
        assert chosen.attributes in [
            transform.attributes
            for offered in self.sa().proposals
            for transform in offered.transforms
        ]
        self.heard_vendors = tuple(item.data for item in chain.all(VendorId))
        return self.clear(KeyExchange(self.public), Nonce(self.nonce), *self.nat_discovery())

    def mm5(self, mm4: bytes) -> bytes:
        """HDR*, IDii, HASH_I."""
        chain = self.read(mm4)
        self.check_nat_discovery(chain)
        public = chain.one(KeyExchange).value
        self.derive(self.nonce, chain.one(Nonce).data, self.public, public)
        return self.proved(of_initiator=True)

    def finish(self, mm6: bytes) -> None:
        """HDR*, IDir, HASH_R."""
        self.check_proof(mm6, of_initiator=False)

    # Main mode as responder

    def mm2(self, mm1: bytes) -> bytes:
        """HDR, SA."""
        header, _ = decode_header(mm1)
        assert header.responder_cookie == bytes(8)
        self.cookies = header.initiator_cookie, self.cookie
        chain = self.read(mm1)
        self.heard_vendors = tuple(item.data for item in chain.all(VendorId))
        return self.clear(self.chosen(chain), *self.announced())

    def mm4(self, mm3: bytes) -> bytes:
        """HDR, KE, Nr."""
        chain = self.read(mm3)
        self.check_nat_discovery(chain)
        public = chain.one(KeyExchange).value
        self.derive(chain.one(Nonce).data, self.nonce, public, self.public)
        return self.clear(KeyExchange(self.public), Nonce(self.nonce), *self.nat_discovery())

    def mm6(self, mm5: bytes) -> bytes:
        """HDR*, IDir, HASH_R."""
        self.check_proof(mm5, of_initiator=True)
        return self.proved(of_initiator=False)

    # Aggressive mode as initiator

    def am1(self, *more: Payload) -> bytes:
        """HDR, SA, KE, Ni, IDii."""
        self.sa_body = self.sa().body()
        payloads = (self.sa(), KeyExchange(self.public), Nonce(self.nonce), self.own_id)
        return self.clear(*payloads, *self.announced(), *more, exchange=ExchangeType.AGGRESSIVE)

    def am3(
        self, am2: bytes, *more: Payload, encrypted: bool = True, floats: bool = False
    ) -> bytes:
        """HDR[*], HASH_I; ``floats`` hashes the NAT-T ports already."""
        header, _ = decode_header(am2)
        assert header.exchange_type == ExchangeType.AGGRESSIVE
        self.cookies = header.initiator_cookie, header.responder_cookie
        chain = self.read(am2)
        self.heard_vendors = tuple(item.data for item in chain.all(VendorId))
        self.check_nat_discovery(chain)
        answer = chain.one(KeyExchange).value, chain.one(Nonce).data
        self.derive(self.nonce, answer[1], self.public, answer[0])
        self.check_hash(chain, chain.body_of(Identification), of_initiator=False)
        self.daemon_id = chain.one(Identification).identity
        proof = self.proof(of_initiator=True, sa=self.sa_body, identity=self.own_id.body())
        self.floated = floats
        payloads = (*self.proving(proof), *self.nat_discovery(), *more)
        if not encrypted:
            return self.clear(*payloads, exchange=ExchangeType.AGGRESSIVE)
        message = self.seal(payloads, self.iv, ExchangeType.AGGRESSIVE, 0)
        self.iv = message[-self.block :]
        return message

    # Aggressive mode as responder

    def am2(self, am1: bytes, *more: Payload) -> bytes:
        """HDR, SA, KE, Nr, IDir, HASH_R."""
        header, _ = decode_header(am1)
        assert header.exchange_type == ExchangeType.AGGRESSIVE
        assert header.responder_cookie == bytes(8)
        self.cookies = header.initiator_cookie, self.cookie
        chain = self.read(am1)
        kinds = [payload.type_on_wire for payload in chain.payloads]
        assert kinds[:4] == [PayloadType.SA, PayloadType.KE, PayloadType.NONCE, PayloadType.ID]
        self.heard_vendors = tuple(item.data for item in chain.all(VendorId))
        self.daemon_id_body = chain.body_of(Identification)
        self.daemon_id = chain.one(Identification).identity
        answer = self.chosen(chain)
        own = KeyExchange(self.public), Nonce(self.nonce)
        theirs = chain.one(KeyExchange).value, chain.one(Nonce).data
        self.derive(theirs[1], self.nonce, theirs[0], self.public)
        proof = self.proof(of_initiator=False, sa=self.sa_body, identity=self.own_id.body())
        return self.clear(
            answer,
            *own,
            self.own_id,
            *self.announced(),
            *self.nat_discovery(),
            *self.proving(proof),
            *more,
            exchange=ExchangeType.AGGRESSIVE,
        )

    def finish_aggressive(self, am3: bytes) -> None:
        """HDR*, HASH_I."""
        assert decode_header(am3)[0].exchange_type == ExchangeType.AGGRESSIVE
        chain = self.read(am3, self.iv)
        self.iv = am3[-self.block :]
        self.check_nat_discovery(chain)
        self.check_hash(chain, self.daemon_id_body, of_initiator=True)

    # Parts of both

    @property
    def own_id(self) -> Identification:
        """Who we say we are."""
        return Identification.of(self.identity or Identity.of_address(self.address))

    def chosen(self, chain: Chain) -> SecurityAssociation:
        """The offered transform that is ours, as it was offered."""
        self.sa_body = chain.body_of(SecurityAssociation)
        offered = chain.one(SecurityAssociation)
        (proposal,) = offered.proposals
        wanted = [
            transform
            for transform in proposal.transforms
            if set(replace(self.offer, seconds=None).attributes()) <= set(transform.attributes)
        ]
        return replace(offered, proposals=(replace(proposal, transforms=(wanted[0],)),))

    def check_hash(self, chain: Chain, identity: bytes, *, of_initiator: bool) -> None:
        """The daemon's proof is right, in a payload of the kind agreed on."""
        expected = self.proof(of_initiator=of_initiator, sa=self.sa_body, identity=identity)
        assert chain.one(Hash).data == expected

    def proved(self, *, of_initiator: bool) -> bytes:
        """HDR*, ID, HASH; with the notifies behind."""
        identity = self.own_id
        proof = self.proof(of_initiator=of_initiator, sa=self.sa_body, identity=identity.body())
        spi = b"".join(self.cookies)
        notifies = [
            Notification(Doi.IPSEC, Protocol.ISAKMP, kind, spi, b"") for kind in self.notifies
        ]
        payloads = (identity, *self.proving(proof), *notifies, *self.with_proof())
        message = self.seal(payloads, self.iv, ExchangeType.ID_PROT, 0)
        self.iv = message[-self.block :]
        return message

    def check_proof(self, message: bytes, *, of_initiator: bool) -> None:
        """The daemon's proof is right and its message in order."""
        chain = self.read(message, self.iv)
        assert chain.payloads[0].type_on_wire == PayloadType.ID
        self.iv = message[-self.block :]
        self.check_hash(chain, chain.body_of(Identification), of_initiator=of_initiator)
        self.daemon_id = chain.one(Identification).identity

    def proving(self, proof: bytes) -> tuple[Payload, ...]:
        """What carries HASH_I or HASH_R."""
        return (Hash(proof),)

    def nat_d(self, address: Address, port: int) -> NatDiscovery:
        """HASH(CKY-I | CKY-R | address | port), under the number of the RFC or of its drafts."""
        kind = NatDiscovery if self._both(Vendor.NAT_T_RFC) else NatDiscoveryDraft
        return kind(self.digest(*self.cookies, address.packed, port.to_bytes(2)))

    def _both(self, vendor: Vendor) -> bool:
        return vendor.value in self.vendors and vendor.value in self.heard_vendors

    @property
    def nat_t(self) -> bool:
        """Both ends announced RFC 3947, or one draft."""
        return any(map(self._both, NAT_T_VENDORS))

    def nat_discovery(self) -> tuple[Payload, ...]:
        """The remote end first, then our own as we know it."""
        if not self.nat_t:
            return ()
        own = self.private_address or self.address
        shift = 4000 if self.floated else 0
        return (
            self.nat_d(self.remote, self.remote_port + shift),
            self.nat_d(own, self.port + shift),
        )

    def check_nat_discovery(self, chain: Chain) -> None:
        """The daemon names our end as it sees it first, then its own; nothing unless agreed."""
        shift = 4000 if self.floated else 0
        expected = [
            self.nat_d(self.address, self.port + shift),
            self.nat_d(self.remote_private_address or self.remote, self.remote_port + shift),
        ]
        assert chain.all(NatDiscovery) == (expected if self.nat_t else [])

    # Phase 2

    def phase2_iv(self, message_id: int) -> bytes:
        """The first IV of an exchange."""
        return self.digest(self.iv, message_id.to_bytes(4))[: self.block]

    def protected(
        self, *payloads: Payload, message_id: int, exchange: ExchangeType = ExchangeType.INFO
    ) -> bytes:
        """HDR*, HASH(1) and the rest: how every exchange of phase 2 begins."""
        proof = Hash(self.prf(self.skeyid_a, message_id.to_bytes(4), encode_chain(payloads)))
        return self.seal((proof, *payloads), self.phase2_iv(message_id), exchange, message_id)

    def informed(self, datagram: bytes) -> Chain:
        """The daemon's informational message, its HASH checked."""
        header, _ = decode_header(datagram)
        assert header.exchange_type == ExchangeType.INFO
        chain = self.read(datagram, self.phase2_iv(header.message_id))
        expected = self.prf(self.skeyid_a, header.message_id.to_bytes(4), chain.after_first)
        assert chain.one(Hash).data == expected
        return chain

    def notify(
        self,
        kind: NotifyType,
        data: bytes = b"",
        *,
        spi: bytes | None = None,
        protocol: Protocol = Protocol.ISAKMP,
    ) -> Notification:
        """A notify that names the ISAKMP SA, or ``spi``."""
        named = b"".join(self.cookies) if spi is None else spi
        return Notification(Doi.IPSEC, protocol, kind, named, data)

    def delete(self, protocol: Protocol, *spis: bytes) -> Delete:
        """A Delete."""
        return Delete(Doi.IPSEC, protocol, spis)
