"""Say what probably made phase 1 fail, and which section and tag decide.

What the peer said comes first, then what routers said, then the step that was not answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from isakmpd.ike import certificates, explanation, phase1_proposal
from isakmpd.ike.phase1_proposal import NoCommonTransform
from isakmpd.ike.refused import Refused
from isakmpd.wire.distinguished_names import text_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import ExchangeType, LifeType, NotifyType
from isakmpd.wire.payloads import (
    CertificateRequest,
    Chain,
    Identification,
    Notification,
    SecurityAssociation,
)

if TYPE_CHECKING:
    from isakmpd.ike.phase1_exchange import Phase1Exchange
    from isakmpd.ike.sa import IsakmpSa


def cause(x: Phase1Exchange) -> str:
    """Name the probable cause of an exchange that goes no further; nothing where there is none."""
    heard = x.hearsay
    if heard.other_version or NotifyType.INVALID_MAJOR_VERSION in heard.notifies:
        return (
            f"the peer does not speak IKEv1 ([{x.name}]:Address leads to it): it has to be "
            "enabled there, isakmpd has no other"
        )
    for kind in heard.notifies:
        if kind in _OF_CERTIFICATES:
            return _OF_CERTIFICATES[kind](x.local_id, heard.wanted)
    for kind in _MEANING:
        if kind in heard.notifies:
            return _MEANING[kind](x, heard.wanted)
    if x.hint:
        return keys_differ(x) if x.is_keyed else ""
    if heard.unreachable is not None:
        port = f"UDP port {x.transport.remote_port}"
        return (
            f"ICMP says of {port} there: {heard.unreachable.value} ([{x.name}]:Address and Port "
            "lead there)"
        )
    return _silence(x)


def refusal(x: Phase1Exchange, notification: Notification) -> str:
    """Say what an error means that the peer reports under the keys, which do not differ then."""
    if notification.type == NotifyType.AUTHENTICATION_FAILED:
        if x.signs:
            return distrusted(x.name, x.local_id)
        return _refused_though_keyed(x)
    if (of_certificates := _OF_CERTIFICATES.get(notification.type)) is not None:
        return of_certificates(x.local_id, explanation.of(notification, x.vendors))
    meaning = _MEANING.get(notification.type)
    if meaning is None:
        return ""
    return meaning(x, explanation.of(notification, x.vendors))


def keys_differ(x: Phase1Exchange, *, padding_tried: bool = False) -> str:
    """Say so, and which section holds ours; ``padding_tried`` tells that it is not the padding."""
    text = f"the pre-shared keys probably differ ([{x.key_section}]:Authentication decides)"
    if x.signs:
        text = x.distrust or distrusted(x.name, x.local_id)
    if x.padding_varies and not padding_tried:
        text += f", or HMAC keys are padded otherwise ([{x.name}]:HMAC-block decides)"
    if x.initiator and x.exchange_type == ExchangeType.AGGRESSIVE and not x.signs:
        # A responder answers whom it does not know as if it did.
        text += f", or the peer has none for {named(x.local_id)} ([{x.name}]:ID decides)"
    return text


def distrusted(section: str, ours: Identity) -> str:
    """Say why a peer may not accept our signature, which it may not tell."""
    return (
        "the peer probably does not trust our certificate or key (its authority, dates or "
        f"revocation: the log there says which), or does not expect {named(ours)} "
        f"([{section}]:ID decides)"
    )


def given_up(sa: IsakmpSa) -> str:
    """Say what it means that a peer deletes the SA which signatures have just made."""
    return (
        f"{sa.transport.peer} deletes the ISAKMP SA right after phase 1: "
        f"{distrusted(sa.name, sa.local_id)}"
    )


def unexpected_identity(section: str, ours: Identity, wanted: Chain) -> str:
    """Say that the peer expects another identity, and which, where it says so."""
    expected = next((payload.identity for payload in wanted.all(Identification)), None)
    if expected is None:
        return f"it does not expect {named(ours)} ([{section}]:ID decides)"
    return f"it expects {named(expected)}, we are {named(ours)} ([{section}]:ID decides)"


def disowned(sa: IsakmpSa, notification: Notification) -> str:
    """Say that a peer gives up the SA it has just made, since it does not accept our identity."""
    wanted = explanation.of(notification, sa.vendors)
    meaning = _OF_CERTIFICATES.get(notification.type)
    if meaning is not None:
        why = meaning(sa.local_id, wanted)
    elif sa.proven is not None and notification.type == NotifyType.AUTHENTICATION_FAILED:
        why = distrusted(sa.name, sa.local_id)
    else:
        why = unexpected_identity(sa.name, sa.local_id, wanted)
    return f"phase 1 with {sa.transport.peer} failed: the peer says {notification.type}: {why}"


def named(identity: Identity) -> str:
    """Print an identity with its type."""
    return f"{identity.type} {identity}"


# What errors mean


def _wrong_signature(ours: Identity, _wanted: Chain) -> str:
    return f"it has another certificate or key for {named(ours)} than the one we sign with"


def _wrong_certificate(ours: Identity, _wanted: Chain) -> str:
    return (
        f"it refuses the certificate of {named(ours)}, which has expired, is revoked or too weak, "
        "or serves another purpose: the log there says which"
    )


def _wrong_authority(_ours: Identity, wanted: Chain) -> str:
    trusted = [text_of(one.authority) for one in wanted.all(CertificateRequest)]
    known = f": it trusts {' and '.join(trusted)}" if trusted else ""
    return f"it does not trust the authority that signed our certificate (ca/ there decides){known}"


def _no_certificate(ours: Identity, _wanted: Chain) -> str:
    return f"it has neither certificate nor key for {named(ours)} (certs/ here, pubkeys/ there)"


_OF_CERTIFICATES: Mapping[NotifyType, Callable[[Identity, Chain], str]] = {
    NotifyType.INVALID_SIGNATURE: _wrong_signature,
    NotifyType.INVALID_CERTIFICATE: _wrong_certificate,
    NotifyType.INVALID_CERT_AUTHORITY: _wrong_authority,
    NotifyType.CERTIFICATE_UNAVAILABLE: _no_certificate,
}
OF_CERTIFICATES = frozenset(_OF_CERTIFICATES)


def _no_proposal(x: Phase1Exchange, wanted: Chain) -> str:
    configuration = x.peer.configuration
    decides = f"([{configuration}]:Transforms decides)"
    unknown = (
        f"no section for our address {x.transport.local} ([{x.name}]:Local-address decides it, "
        "there [Phase 1])"
    )
    sa = wanted.first(SecurityAssociation)
    if sa is None:
        signing = (
            ", cannot prove itself by their signatures" if certificates.methods(x.peer) else ""
        )
        return f"it accepts none of our transforms {decides}{signing}, or has {unknown}"
    if not sa.proposals:
        return f"it has {unknown}"
    try:
        phase1_proposal.choose(sa, x.peer, longest_key=x.with_original)
    except NoCommonTransform as refused:
        nearest = "; ".join(map(str, refused.differences))
    except Refused:
        nearest = "a proposal that makes no sense"
    else:
        nearest = _lifetimes(x, sa)
    return f"it accepts none of our transforms, nearest of its own: {nearest} {decides}"


def _lifetimes(x: Phase1Exchange, sa: SecurityAssociation) -> str:
    """Compare lifetimes, which are left when all else would do: its own may be a range."""
    theirs = phase1_proposal.lifetimes(sa)
    ours = [
        f"expected {life.duration} {life.type.name.lower()} in [{life.section}]"
        for life in x.peer.transforms[0].lifetimes
        if life.type == LifeType.SECONDS
    ]
    return f"LIFE_DURATION: got {theirs.seconds} seconds, {', '.join(ours) or 'expected none'}"


def _wrong_mode(x: Phase1Exchange, _wanted: Chain) -> str:
    return (
        f"it does not answer exchange type {x.exchange_type} "
        f"([{x.peer.configuration}]:EXCHANGE_TYPE decides)"
    )


def _wrong_identity(x: Phase1Exchange, wanted: Chain) -> str:
    return unexpected_identity(x.name, x.local_id, wanted)


def _not_authenticated(x: Phase1Exchange, _wanted: Chain) -> str:
    return f"{_refused_though_keyed(x)}, or {keys_differ(x)}"


def _refused_though_keyed(x: Phase1Exchange) -> str:
    return (
        f"it does not expect {named(x.local_id)} ([{x.name}]:ID decides) or does not do exchange "
        f"type {x.exchange_type} ([{x.peer.configuration}]:EXCHANGE_TYPE decides)"
    )


_MEANING: Mapping[NotifyType, Callable[[Phase1Exchange, Chain], str]] = {
    NotifyType.NO_PROPOSAL_CHOSEN: _no_proposal,
    NotifyType.UNSUPPORTED_EXCHANGE_TYPE: _wrong_mode,
    NotifyType.INVALID_EXCHANGE_TYPE: _wrong_mode,
    NotifyType.INVALID_ID_INFORMATION: _wrong_identity,
    NotifyType.AUTHENTICATION_FAILED: _not_authenticated,
}


# What silence means


def _silence(x: Phase1Exchange) -> str:
    return _unanswered(x) if x.initiator else _not_continued(x)


def _unanswered(x: Phase1Exchange) -> str:
    if x.transport.encapsulated:
        return (
            f"a firewall drops UDP port {x.transport.remote_port}, though port {x.peer.port} was "
            f"answered, or {keys_differ(x)}"
        )
    if x.is_keyed:
        return keys_differ(x)
    if x.step == 0:
        return (
            f"nobody answers on UDP port {x.transport.remote_port}: the peer is down or elsewhere "
            f"([{x.name}]:Address decides), does not know {x.transport.local} "
            f"([{x.name}]:Local-address decides), or a firewall drops IKE"
        )
    return (
        "the peer has chosen one of our transforms and says no more: it refuses our key exchange, "
        "or its larger answer is lost on the way"
    )


def _not_continued(x: Phase1Exchange) -> str:
    """Say why an initiator may not go on after our answer."""
    if x.step == 0 and x.exchange_type == ExchangeType.AGGRESSIVE:
        return (
            f"the peer does not accept our answer: {keys_differ(x)}, it expects another identity "
            f"than {named(x.local_id)} ([{x.name}]:ID decides), or does not get what we send"
        )
    if x.step == 0:
        return (
            "the peer does not go on from our first answer: it does not get what we send, or "
            "refuses it"
        )
    if x.nat.detected and not x.transport.encapsulated:
        return (
            f"its next message comes to UDP port {x.context.nat_t_port}, since there is a NAT: a "
            "firewall probably drops that port"
        )
    return "the peer does not go on from our key exchange: it does not get it, or refuses it"
