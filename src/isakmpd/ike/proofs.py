"""Prove who we are in phase 1 and judge the peer's proof (RFC 2409 sections 5.1 and 5.4).

A proof is HASH_I or HASH_R, which only who has the pre-shared key can compute, or a signature of
it, with the certificates that say whose key has signed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from isakmpd.ike import certificates, peer_identity, phase1_proposal
from isakmpd.ike.framing import Unproven
from isakmpd.ike.phase1_keys import Phase1Keys
from isakmpd.ike.phase1_proposal import Phase1Choice
from isakmpd.ike.pre_shared_keys import PeerKey
from isakmpd.ike.refused import Refused
from isakmpd.pki.untrusted import Unprovable
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, ExchangeType, NotifyType
from isakmpd.wire.payloads import Chain, Hash, Identification, Payload, Signature

if TYPE_CHECKING:
    from isakmpd.ike.phase1_exchange import Phase1Exchange
    from isakmpd.pki.keyring import OwnCredential, ProvenKey

PRE_SHARED = AuthenticationMethod.PRE_SHARED
FindKey = Callable[[], PeerKey]


class Proof(Protocol):
    """Be how both sides prove themselves in one exchange."""

    @property
    def key(self) -> PeerKey | None:
        """Give the pre-shared key from which SKEYID is derived, None where there is none."""

    @property
    def requests(self) -> tuple[Payload, ...]:
        """Ask for certificates."""

    def asked(self, message: Chain) -> None:
        """Note what certificates the peer asks for."""

    def payloads(self, keys: Phase1Keys, identity: Identification) -> tuple[Payload, ...]:
        """Prove our identity: HASH, or certificates and SIG."""

    def check(self, keys: Phase1Keys) -> Callable[[Chain], None]:
        """Judge a message that has to prove its sender; the function raises Unproven."""

    def accept(self, identity: Identity) -> Identity:
        """Accept who the peer proves to be; raises Refused."""


def agreed(x: Phase1Exchange, choice: Phase1Choice, find_key: FindKey) -> Proof:
    """Give the proof that both sides have agreed on; raises Refused where we cannot sign."""
    if choice.authentication == PRE_SHARED:
        return _ByPreSharedKey(x, find_key)
    return _BySignature(x, choice.authentication)


def unprovable(x: Phase1Exchange) -> Mapping[AuthenticationMethod, str]:
    """Tell why we cannot prove our identity by methods the peer's section names."""
    signing = certificates.methods(x.peer)
    reasons = {method: certificates.hindrance(x, method) for method in signing}
    by_address = x.initiator or x.exchange_type == ExchangeType.ID_PROT
    if signing and by_address and not x.has_key:
        reasons[PRE_SHARED] = f"[{x.peer.section}]:Authentication is missing"
    return {method: reason for method, reason in reasons.items() if reason}


def prepare(x: Phase1Exchange) -> None:
    """Settle which identity we send before a method is chosen: as a certificate encodes it."""
    offered = {each.authentication for each in phase1_proposal.offerable(x.peer, x.unprovable)}
    signing = [m for m in certificates.methods(x.peer) if m in offered]
    if signing:
        x.certified_id = certificates.own(x, signing).identity


def requests(x: Phase1Exchange) -> tuple[Payload, ...]:
    """Ask for certificates before a method is chosen, where one of the offered takes them."""
    signing = set(certificates.methods(x.peer)) - x.unprovable.keys()
    return certificates.requests(x.context.keyring) if signing else ()


class _ByPreSharedKey:
    """Prove by HASH_I and HASH_R (RFC 2409 section 5.4)."""

    requests: tuple[Payload, ...] = ()

    def __init__(self, x: Phase1Exchange, find_key: FindKey) -> None:
        self._x = x
        self._find_key = find_key

    @cached_property
    def key(self) -> PeerKey:
        """Find the key; raises Refused without one."""
        return self._find_key()

    def asked(self, message: Chain) -> None:
        """Pass over requests: there are no certificates."""

    def payloads(self, keys: Phase1Keys, identity: Identification) -> tuple[Payload, ...]:
        """Give the HASH of our side."""
        return (Hash(_hash(self._x, keys, identity)),)

    def check(self, keys: Phase1Keys) -> Callable[[Chain], None]:
        """Compare the HASH of the other side."""
        return lambda message: keys.verify(message, from_initiator=not self._x.initiator)

    def accept(self, identity: Identity) -> Identity:
        """Accept what the key vouches for."""
        return peer_identity.accept(self._x, identity, self.key)


class _BySignature:
    """Prove by signatures of HASH_I and HASH_R (RFC 2409 section 5.1)."""

    key = None

    def __init__(self, x: Phase1Exchange, method: AuthenticationMethod) -> None:
        self._x = x
        self._method = method
        self._wanted: tuple[bytes, ...] = ()
        self._verdict: ProvenKey | Refused = Refused("no message was looked at", None)
        try:
            x.certified_id = self._credential().identity
        except Unprovable as unprovable_:
            raise Refused(
                f"we cannot prove ourselves with {method}: {unprovable_.reason}",
                NotifyType.AUTHENTICATION_FAILED,
            ) from unprovable_

    @property
    def requests(self) -> tuple[Payload, ...]:
        """Ask for certificates of the authorities we trust."""
        return certificates.requests(self._x.context.keyring)

    def asked(self, message: Chain) -> None:
        """Note under which authorities the peer wants our certificate."""
        self._wanted += certificates.wanted(message)

    def payloads(self, keys: Phase1Keys, identity: Identification) -> tuple[Payload, ...]:
        """Give our certificates and the signature of our side's HASH."""
        credential = self._credential()
        if credential.remark:
            self._x.context.verbose(f"{self._x.name}: a raw key proves us: {credential.remark}")
        signature = Signature(credential.key.sign(_hash(self._x, keys, identity)))
        return (*certificates.payloads(credential.chain), signature)

    def _credential(self) -> OwnCredential:
        return certificates.own(self._x, [self._method], self._wanted)

    def check(self, keys: Phase1Keys) -> Callable[[Chain], None]:
        """Judge certificates and signature.

        What is sealed comes from who has agreed on keys with us: that is refused under them, and
        afterwards. In clear anybody can have sent it: it counts as never received.
        """

        def judge(message: Chain) -> None:
            try:
                self._verdict = self._judged(keys, message)
            except Refused as refused:
                if not self._x.hears_sealed:
                    notify = refused.notify or NotifyType.AUTHENTICATION_FAILED
                    raise Unproven(refused.reason, notify) from refused
                self._verdict = refused

        return judge

    def _judged(self, keys: Phase1Keys, message: Chain) -> ProvenKey:
        from_initiator = not self._x.initiator
        identity = self._x.claimed_id or peer_identity.read(message)
        proven = certificates.prove(self._x, message, identity, self._method)
        hash_ = keys.hash_of(message, from_initiator=from_initiator)
        if not proven.key.verifies(hash_, message.one(Signature).data):
            raise Refused(
                f"the signature of {identity.type} {identity} is wrong: none of the {proven.key} "
                f"key of {certificates.named(proven)}",
                NotifyType.INVALID_SIGNATURE,
            )
        return proven

    def accept(self, identity: Identity) -> Identity:
        """Accept what the signer's key speaks for."""
        if isinstance(self._verdict, Refused):
            raise self._verdict
        return peer_identity.accept_signer(self._x, identity, self._verdict)


def _hash(x: Phase1Exchange, keys: Phase1Keys, identity: Identification) -> bytes:
    return (keys.hash_i if x.initiator else keys.hash_r)(identity.body())
