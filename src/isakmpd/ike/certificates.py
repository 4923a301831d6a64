"""Send, request and judge certificates in phase 1 (RFC 4945 section 3)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from isakmpd.config.model import Peer
from isakmpd.crypto.signature_methods import SIGNATURES
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.refused import Refused
from isakmpd.pki.untrusted import Unprovable, Untrusted, UnusableCertificateError
from isakmpd.wire.identities import Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import AuthenticationMethod, NotifyType
from isakmpd.wire.payloads import Certificate, CertificateRequest, Chain, Payload

if TYPE_CHECKING:
    from isakmpd.ike.phase1_exchange import Phase1Exchange
    from isakmpd.pki import certificate
    from isakmpd.pki.cert_payloads import Received
    from isakmpd.pki.keyring import Keyring, OwnCredential, ProvenKey

PKCS7, X509_SIGNATURE, REVOCATION_LIST = 1, 4, 7  # RFC 2408 section 3.9
_READ = (PKCS7, X509_SIGNATURE, REVOCATION_LIST)
MOST_REQUESTS = 8  # sent and heeded: each is looked for in every chain of ours


def methods(peer: Peer) -> tuple[AuthenticationMethod, ...]:
    """List the signature methods that a peer's transforms name; ANY stands for all."""
    named = {transform.authentication for transform in peer.transforms}
    return tuple(method for method in sorted(SIGNATURES) if None in named or method in named)


def own(
    x: Phase1Exchange, methods: Collection[AuthenticationMethod], wanted: Sequence[bytes] = ()
) -> OwnCredential:
    """Find what proves our identity; raises Unprovable."""
    return x.context.keyring.own(x.local_id, methods, wanted)


def hindrance(x: Phase1Exchange, method: AuthenticationMethod) -> str:
    """Say why we cannot prove our identity by a method; nothing where we can."""
    try:
        own(x, [method])
    except Unprovable as unprovable:
        return unprovable.reason
    return ""


def payloads(chain: Sequence[certificate.Certificate]) -> tuple[Payload, ...]:
    """Send a chain, the leaf first, one payload each."""
    return tuple(Certificate(X509_SIGNATURE, each.der) for each in chain)


def requests(keyring: Keyring) -> tuple[Payload, ...]:
    """Ask for a certificate of each authority we trust, MOST_REQUESTS at most."""
    names = keyring.authorities[:MOST_REQUESTS]
    return tuple(CertificateRequest(X509_SIGNATURE, name) for name in names)


def wanted(message: Chain) -> tuple[bytes, ...]:
    """Give the authorities under one of which a peer wants our certificate (DER Names)."""
    asked = [one for one in message.all(CertificateRequest) if one.encoding == X509_SIGNATURE]
    return tuple(one.authority for one in asked if one.authority)[:MOST_REQUESTS]


def prove(
    x: Phase1Exchange, message: Chain, identity: Identity, method: AuthenticationMethod
) -> ProvenKey:
    """Find the key that speaks for a peer's identity; raises Refused where none does."""
    try:
        received = _received(x, message)
        at = x.context.calendar()
        return x.context.keyring.prove(identity, method, received.certificates, received.lists, at)
    except (Untrusted, UnusableCertificateError) as failure:
        raise Refused(failure.reason, failure.notify, _trusted(x, failure.notify)) from failure
    except Malformed as malformed:
        raise Refused(str(malformed), NotifyType.INVALID_CERTIFICATE) from malformed


def _received(x: Phase1Exchange, message: Chain) -> Received:
    """Read what a message carries; what nobody has taught us is passed over."""
    from isakmpd.pki import cert_payloads  # noqa: PLC0415 - a large library, for its users

    sent = message.all(Certificate)
    for one in sent:
        if one.encoding not in _READ:
            x.context.debug(
                LogClass.NEGOTIATION,
                10,
                "%s: a certificate of encoding %d is passed over, expected 1, 4 or 7",
                x.name,
                one.encoding,
            )
    return cert_payloads.received(sent)


def _trusted(x: Phase1Exchange, notify: NotifyType) -> tuple[Payload, ...]:
    return requests(x.context.keyring) if notify == NotifyType.INVALID_CERT_AUTHORITY else ()


def named(proven: ProvenKey) -> str:
    """Name what vouches for a key: its certificate, or the file it is stored in."""
    return f"certificate {proven.chain[0]}" if proven.chain else proven.source
