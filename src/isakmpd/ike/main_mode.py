"""Run main mode with a pre-shared key, both roles (RFC 2409 sections 5 and 5.4)."""

from __future__ import annotations

from isakmpd.crypto.ciphers import Cbc
from isakmpd.crypto.groups import InvalidPublicValue, KeyPair, generate, public_length
from isakmpd.crypto.hashes import PrfKind, digest, equal
from isakmpd.crypto.skeyid import SkeyId, cipher_key, from_pre_shared_key
from isakmpd.ike import phase1_proposal, steps
from isakmpd.ike.effects import Finish, Turn
from isakmpd.ike.framing import Sealing, Unproven
from isakmpd.ike.nat_traversal import detect, nat_discovery
from isakmpd.ike.nonces import new_nonce, read_nonce
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.phase1_proposal import Phase1Choice
from isakmpd.ike.refused import Refused
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import Doi, NotifyType, Protocol
from isakmpd.wire.payloads import (
    Chain,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
)


async def initiator(x: Phase1Exchange) -> None:
    """Begin an ISAKMP SA."""
    sa = phase1_proposal.offer(x.peer)
    reply = await Turn((sa, *x.vendor_ids()), steps.MM2, retransmit=True)
    x.learn_vendors(reply)
    choice = phase1_proposal.check(reply.one(SecurityAssociation), x.peer)

    pair = generate(choice.group, x.entropy)
    ni = new_nonce(x.entropy)
    reply = await Turn(
        (KeyExchange(pair.public), Nonce(ni), *_nat_discovery(x, choice)),
        steps.MM4,
        retransmit=True,
    )
    nr = read_nonce(reply)
    peer_public = reply.one(KeyExchange).value
    _detect_nat(x, choice, reply)
    skeyid = _derive(x, choice, pair, peer_public, ni, nr)
    x.sealing = _sealing(choice, skeyid, pair.public + peer_public)
    if x.nat.detected:
        x.float_transport()

    sent = _Proof(skeyid, pair.public, peer_public, x.initiator_cookie, x.responder_cookie, sa)
    # HASH_R swaps the public values and the cookies (RFC 2409 section 5).
    expected = _Proof(skeyid, peer_public, pair.public, x.responder_cookie, x.initiator_cookie, sa)
    identity = Identification.of(x.local_id)
    reply = await Turn(
        (identity, Hash(sent.hash(identity.body())), *_initial_contact(x)),
        steps.MM6,
        retransmit=True,
        proof=expected.verify,
    )
    try:
        remote_id = _accepted_id(x, reply)
    except Refused as refused:
        x.reject(choice, skeyid, reply, refused)
    x.complete(choice, skeyid, remote_id, reply)


async def responder(x: Phase1Exchange, first: Chain) -> None:
    """Answer a peer that begins an ISAKMP SA with main mode message ``first``."""
    x.learn_vendors(first)
    answer, choice = phase1_proposal.choose(first.one(SecurityAssociation), x.peer)
    sa_body = first.body_of(SecurityAssociation)
    del first  # a peer nobody knows yet can make it large
    message = await Turn((answer, *x.vendor_ids()), steps.MM3, retransmit=False)

    ni = read_nonce(message)
    peer_public = message.one(KeyExchange).value
    _check_public_length(choice, peer_public)
    pair = generate(choice.group, x.entropy)
    nr = new_nonce(x.entropy)
    _detect_nat(x, choice, message)
    skeyid = _derive(x, choice, pair, peer_public, ni, nr)
    expected = _Proof(
        skeyid, peer_public, pair.public, x.initiator_cookie, x.responder_cookie, sa_body
    )
    message = await Turn(
        (KeyExchange(pair.public), Nonce(nr), *_nat_discovery(x, choice)),
        steps.MM5,
        retransmit=False,
        then_sealed=_sealing(choice, skeyid, peer_public + pair.public),
        proof=expected.verify,
    )
    remote_id = _accepted_id(x, message)
    sent = _Proof(skeyid, pair.public, peer_public, x.responder_cookie, x.initiator_cookie, sa_body)
    identity = Identification.of(x.local_id)
    await Finish((identity, Hash(sent.hash(identity.body())), *_initial_contact(x)))
    x.complete(choice, skeyid, remote_id, message)


class _Proof:
    """Compute HASH_I or HASH_R (RFC 2409 section 5) from one end's point of view."""

    def __init__(
        self,
        skeyid: SkeyId,
        own_public: bytes,
        other_public: bytes,
        own_cookie: bytes,
        other_cookie: bytes,
        sa: SecurityAssociation | bytes,
    ) -> None:
        body = sa if isinstance(sa, bytes) else sa.body()
        self._prf = skeyid.prf.keyed(skeyid.skeyid)
        self._parts = (own_public, other_public, own_cookie, other_cookie, body)

    def hash(self, id_body: bytes) -> bytes:
        return self._prf(*self._parts, id_body)

    def verify(self, message: Chain) -> None:
        """Authenticate the peer; raises Unproven."""
        if not equal(message.one(Hash).data, self.hash(message.body_of(Identification))):
            raise Unproven("its HASH is wrong", NotifyType.INVALID_HASH_INFORMATION)


def _accepted_id(x: Phase1Exchange, message: Chain) -> Identity:
    """Hold the identity a peer has proved against the section's Remote-ID; raises Refused."""
    remote_id = message.one(Identification).identity
    wanted = x.peer.remote_id
    if wanted is not None and not wanted.same_subject(remote_id):
        raise Refused(
            f"the peer proves to be {remote_id.type} {remote_id}, expected "
            f"{wanted.type} {wanted} ([{x.peer.section}]:Remote-ID decides)",
            NotifyType.INVALID_ID_INFORMATION,
        )
    return remote_id


def _derive(
    x: Phase1Exchange, choice: Phase1Choice, pair: KeyPair, peer_public: bytes, ni: bytes, nr: bytes
) -> SkeyId:
    if x.peer.pre_shared_key is None:
        raise Refused(
            f"no pre-shared key for this peer ([{x.peer.section}]:Authentication is missing)",
            NotifyType.AUTHENTICATION_FAILED,
        )
    _check_public_length(choice, peer_public)
    if peer_public == pair.public:
        raise Refused(
            "the peer sends our own Diffie-Hellman value back", NotifyType.INVALID_KEY_INFORMATION
        )
    try:
        shared = pair.shared_secret(peer_public)
    except InvalidPublicValue as fault:
        raise Refused(
            f"the peer's Diffie-Hellman value is unsafe: {fault}",
            NotifyType.INVALID_KEY_INFORMATION,
        ) from fault
    key = x.peer.pre_shared_key.reveal()
    return from_pre_shared_key(
        PrfKind(choice.hash), key, ni, nr, shared, x.initiator_cookie, x.responder_cookie
    )


def _check_public_length(choice: Phase1Choice, public: bytes) -> None:
    if len(public) != public_length(choice.group):
        raise Refused(
            f"a Diffie-Hellman value of {len(public)} octets, expected "
            f"{public_length(choice.group)} for {choice.group}",
            NotifyType.INVALID_KEY_INFORMATION,
        )


def _sealing(choice: Phase1Choice, skeyid: SkeyId, publics: bytes) -> Sealing:
    """Make the keys and the first IV of the encrypted messages (RFC 2409 appendix B)."""
    cipher = Cbc(choice.encryption, cipher_key(skeyid, choice.encryption, choice.key_length))
    return Sealing(cipher, digest(choice.hash, publics)[: cipher.block_size])


def _nat_discovery(x: Phase1Exchange, choice: Phase1Choice) -> tuple[Payload, ...]:
    if not x.nat_t_possible:
        return ()
    cookies = x.initiator_cookie, x.responder_cookie
    return nat_discovery(choice.hash, *cookies, x.transport)


def _detect_nat(x: Phase1Exchange, choice: Phase1Choice, message: Chain) -> None:
    if x.nat_t_possible:
        cookies = x.initiator_cookie, x.responder_cookie
        expected = nat_discovery(choice.hash, *cookies, x.transport)
        x.nat = detect(message.all(NatDiscovery), expected)


def _initial_contact(x: Phase1Exchange) -> tuple[Payload, ...]:
    """Tell a peer we share nothing with to forget what it holds (RFC 2407 section 4.6.3.3)."""
    if not x.first_contact:
        return ()
    spi = x.initiator_cookie + x.responder_cookie
    return (Notification(Doi.IPSEC, Protocol.ISAKMP, NotifyType.INITIAL_CONTACT, spi, b""),)
