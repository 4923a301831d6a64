"""Hold everything the PKI directories say about keys, as one immutable value (RFC 4945)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from isakmpd.pki.identity_names import named, same_distinguished_name, same_identity
from isakmpd.pki.rules import SOUND_ONLY, Rules
from isakmpd.pki.strength import judge_bits
from isakmpd.pki.untrusted import Unprovable, Untrusted
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, IdType, NotifyType

if TYPE_CHECKING:
    from isakmpd.crypto.signature_keys import PrivateKey, PublicKey
    from isakmpd.pki.certificate import Certificate
    from isakmpd.pki.revocation_list import RevocationList
    from isakmpd.pki.verification import Authorities

_NAMED = 4  # identities or certificates a sentence lists; more would drown the reason


@dataclass(frozen=True, slots=True)
class OwnCredential:
    """Hold what proves our identity.

    `identity` has the octets to send: a name as its certificate encodes it. `chain` goes from our
    certificate upwards without the root, and is empty for a raw key; `remark` then says which
    certificate was missed.
    """

    identity: Identity
    key: PrivateKey
    chain: tuple[Certificate, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class ProvenKey:
    """Hold a key that may speak for an identity, and why.

    `source` names what vouches for it: "certs/west.crt", "pubkeys/fqdn/west", "its certificate".
    `lists` are the revocation lists the peer sent.
    """

    key: PublicKey
    identity: Identity
    chain: tuple[Certificate, ...] = ()
    source: str = ""
    lists: tuple[RevocationList, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredCertificate:
    """Hold a certificate of certs/."""

    certificate: Certificate
    path: str


@dataclass(frozen=True, slots=True)
class StoredKey:
    """Hold a raw public key of pubkeys/ and whose it is."""

    identity: Identity
    key: PublicKey
    path: str


@dataclass(frozen=True, slots=True)
class OwnKey:
    """Hold a private key; `identity` is that of its file's name, None for that of Private-key."""

    identity: Identity | None
    key: PrivateKey
    path: str


@dataclass(frozen=True)
class Keyring:
    """Answer which key proves our identity and which key may speak for a peer's.

    `trust` is None where nothing was loaded, so that who has no PKI loads no library for it.
    """

    rules: Rules = SOUND_ONLY
    trust: Authorities | None = None
    stored: tuple[StoredCertificate, ...] = ()
    raw_keys: tuple[StoredKey, ...] = ()
    own_keys: tuple[OwnKey, ...] = field(default=(), repr=False)

    @property
    def authorities(self) -> tuple[bytes, ...]:
        """Give the DER subject Names of the trusted authorities, to be asked for (CERTREQ)."""
        anchors = self.trust.anchors if self.trust else ()
        return tuple(dict.fromkeys(each.subject for each in anchors))

    def own(
        self,
        identity: Identity,
        methods: Collection[AuthenticationMethod],
        wanted: Sequence[bytes] = (),
    ) -> OwnCredential:
        """Find key and chain for our identity, under a wanted authority (DER Names) if there is.

        A certificate that carries the identity is preferred to a raw key, and of several the one
        valid longest. Raises Unprovable when nothing fits.
        """
        found = [
            each for each in self._credentials(identity) if _fits(each.key.public.methods, methods)
        ]
        if not found:
            raise Unprovable(self._why_not(identity, methods))
        return max(found, key=lambda each: _is_under(each.chain, wanted))

    def can_sign(self, identity: Identity) -> tuple[AuthenticationMethod, ...]:
        """Give the methods by which we can prove this identity."""
        return tuple(
            dict.fromkeys(
                method for each in self._credentials(identity) for method in each.key.public.methods
            )
        )

    def prove(
        self,
        identity: Identity,
        method: AuthenticationMethod,
        certificates: Sequence[Certificate],
        lists: Sequence[RevocationList],
        at: datetime,
    ) -> ProvenKey:
        """Find the key that speaks for a peer's identity at this time (aware).

        A certificate the peer sent tells which key it signs with: it counts if it is stored or
        leads to an authority. Else a stored certificate counts, else a raw key. Raises Untrusted
        when none does.
        """
        refusals: list[Untrusted] = []
        sent = [each for each in certificates if each.carries(identity)]
        stored = [each.certificate for each in self._stored(identity)]
        for certificate in sent or stored:
            if method not in certificate.methods:
                refusals.append(_wrong_kind(certificate, method))
                continue
            try:
                return self._vouched(identity, certificate, certificates, lists, at)
            except Untrusted as refusal:
                refusals.append(refusal)
        keys = {each.key.usable for each in sent}
        for raw in self._raw(identity):
            if method in raw.key.methods and (not sent or raw.key in keys):
                judge_bits(f"{raw.path} holds", raw.key.kind, raw.key.bits, self.rules)
                return ProvenKey(raw.key, identity, source=raw.path)
        raise refusals[0] if refusals else self._nothing_for(identity, method, certificates)

    def knows(self, identity: Identity) -> bool:
        """Tell whether a raw key or a certificate is stored for this identity."""
        return any(self._stored(identity)) or any(self._raw(identity))

    def still_good(self, proven: ProvenKey, at: datetime) -> None:
        """Raise Untrusted if what once vouched for this key does so no longer."""
        if any(raw.key == proven.key for raw in self._raw(proven.identity)):
            return
        if not proven.chain:
            raise Untrusted(
                f"the key of {named(proven.identity)} is no longer in {proven.source}",
                NotifyType.INVALID_KEY_INFORMATION,
            )
        self._vouched(proven.identity, proven.chain[0], proven.chain, proven.lists, at)

    def _vouched(
        self,
        identity: Identity,
        certificate: Certificate,
        sent: Sequence[Certificate],
        lists: Sequence[RevocationList],
        at: datetime,
    ) -> ProvenKey:
        """Judge a certificate, as a stored one if it is, else by its path; raises Untrusted."""
        trust = self._trust()
        key = certificate.public_key
        for stored in self.stored:
            if stored.certificate == certificate:
                trust.judge_stored(certificate, at)
                return ProvenKey(key, identity, (certificate,), stored.path)
        if self.rules.accept_self_signed and certificate.is_self_issued:
            trust.judge_self_signed(certificate, at)
            return ProvenKey(key, identity, (certificate,), "its self-signed certificate")
        others = [each for each in sent if each != certificate]
        chain = trust.judge(certificate, others, lists, at)
        return ProvenKey(key, identity, chain, "its certificate", tuple(lists))

    def _trust(self) -> Authorities:
        if self.trust is None:
            raise Untrusted(
                "no authority is in ca/ and no certificate in certs/ to judge its certificate by",
                NotifyType.INVALID_CERT_AUTHORITY,
            )
        return self.trust

    def _stored(self, identity: Identity) -> Iterator[StoredCertificate]:
        return (each for each in self.stored if each.certificate.carries(identity))

    def _raw(self, identity: Identity) -> Iterator[StoredKey]:
        return (each for each in self.raw_keys if same_identity(each.identity, identity))

    def _credentials(self, identity: Identity) -> Iterator[OwnCredential]:
        """Give every way to prove an identity, the best first."""
        keys = {each.key.public: each.key for each in reversed(self.own_keys)}
        certified = sorted(
            (each.certificate for each in self._stored(identity)),
            key=lambda each: each.not_after,
            reverse=True,
        )
        for certificate in certified:
            key = keys.get(certificate.key.usable) if certificate.key.usable else None
            if key is not None:
                yield OwnCredential(
                    _as_certified(identity, certificate), key, self._chain(certificate)
                )
        if identity.type is IdType.DER_ASN1_DN:
            return
        remark = f"no certificate in certs/ carries our ID {named(identity)}"
        if certified:
            remark = self._no_key_for(certified[0], identity)
        for own in sorted(self.own_keys, key=lambda each: each.identity is None):
            if own.identity is None or same_identity(own.identity, identity):
                yield OwnCredential(identity, own.key, remark=remark)

    def _chain(self, leaf: Certificate) -> tuple[Certificate, ...]:
        """Climb from a certificate of ours to its root, which is left out."""
        between = self.trust.between + self.trust.anchors if self.trust else ()
        chain = [leaf]
        while not chain[-1].is_self_issued:
            issuer = next((each for each in between if each.has_signed(chain[-1])), None)
            if issuer is None or issuer in chain or issuer.is_self_issued:
                break
            chain.append(issuer)
        return tuple(chain)

    def _why_not(self, identity: Identity, methods: Collection[AuthenticationMethod]) -> str:
        wanted = " or ".join(str(each) for each in sorted(methods))
        if not self.own_keys:
            return f"there is no private key to prove our ID {named(identity)} with"
        carriers = [each.certificate for each in self._stored(identity)]
        if any(True for _ in self._credentials(identity)):
            return f"no private key for our ID {named(identity)} can sign with {wanted}"
        if carriers:
            return self._no_key_for(carriers[0], identity)
        return f"no certificate in certs/ carries our ID {named(identity)}"

    def _no_key_for(self, certificate: Certificate, identity: Identity) -> str:
        return (
            f"certificate {certificate} carries our ID {named(identity)}, "
            f"but none of our private keys is its own"
        )

    def _nothing_for(
        self, identity: Identity, method: AuthenticationMethod, sent: Sequence[Certificate]
    ) -> Untrusted:
        if any(self._raw(identity)):
            return Untrusted(
                f"the key stored for {named(identity)} cannot sign with {method}",
                NotifyType.INVALID_KEY_INFORMATION,
            )
        if not sent:
            return Untrusted(
                f"no certificate was sent with the identity {named(identity)}, and neither certs/ "
                "nor pubkeys/ holds a key for it",
                NotifyType.CERTIFICATE_UNAVAILABLE,
            )
        leaf = sent[0]
        carried = ", ".join(named(each) for each in leaf.identities[:_NAMED]) or "none"
        more = ", ..." if len(leaf.identities) > _NAMED else ""
        return Untrusted(
            f"certificate {leaf} does not carry the identity {named(identity)} it is sent with; "
            f"it carries {carried}{more}",
            NotifyType.INVALID_ID_INFORMATION,
        )


def _fits(
    offered: Collection[AuthenticationMethod], accepted: Collection[AuthenticationMethod]
) -> bool:
    return any(each in accepted for each in offered)


def _is_under(chain: Sequence[Certificate], wanted: Sequence[bytes]) -> bool:
    return any(
        same_distinguished_name(each.issuer, authority) for each in chain for authority in wanted
    )


def _as_certified(identity: Identity, certificate: Certificate) -> Identity:
    """Give a name in its certificate's encoding, which a peer may compare octet by octet."""
    if identity.type is not IdType.DER_ASN1_DN:
        return identity
    return next(each for each in certificate.identities if same_identity(each, identity))


def _wrong_kind(certificate: Certificate, method: AuthenticationMethod) -> Untrusted:
    held = certificate.key.unusable or f"it holds an {certificate.key.usable} key"
    return Untrusted(
        f"certificate {certificate} cannot sign with {method}: {held}",
        NotifyType.INVALID_CERTIFICATE,
    )


EMPTY = Keyring()
