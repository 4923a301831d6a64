"""Check what proves identities: that ours can be proved, and that somebody can prove theirs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from isakmpd.config.model import Peer
from isakmpd.crypto.signature_methods import SIGNATURES
from isakmpd.daemon.findings import Finding, Subject, warning_about
from isakmpd.daemon.opener import OWN_FILES
from isakmpd.daemon.pki_files import load_keyring, signs
from isakmpd.pki.keyring import Keyring, OwnCredential
from isakmpd.pki.untrusted import Unprovable
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod

if TYPE_CHECKING:
    from isakmpd.pki.certificate import Certificate

_SOON = timedelta(days=30)


def certificates(subject: Subject) -> Iterator[Finding]:
    """Look at certificates, lists and keys as they are today."""
    yield from certificates_at(subject, datetime.now(UTC))


def certificates_at(subject: Subject, at: datetime) -> Iterator[Finding]:
    """Look at certificates, lists and keys as they are at a time (aware)."""
    if not signs(subject.configuration):
        return
    findings: list[Finding] = []

    def report(path: str, text: str) -> None:
        findings.append(warning_about(path, text))

    keyring = load_keyring(subject.configuration, OWN_FILES, report)
    yield from findings
    yield from _lists(keyring, at)
    for peer in subject.configuration.peers.values():
        methods = _methods(peer)
        if methods:
            yield from _ours(subject, keyring, peer, methods, at)
            yield from _theirs(subject, keyring, peer)


def _methods(peer: Peer) -> list[AuthenticationMethod]:
    named = {transform.authentication for transform in peer.transforms}
    return sorted(SIGNATURES & named)


def _lists(keyring: Keyring, at: datetime) -> Iterator[Finding]:
    for each in keyring.trust.lists if keyring.trust else ():
        if not each.is_current(at):
            yield warning_about(
                each.path, "it is out of date, so that its authority's certificates are refused"
            )


def _ours(
    subject: Subject,
    keyring: Keyring,
    peer: Peer,
    methods: list[AuthenticationMethod],
    at: datetime,
) -> Iterator[Finding]:
    """Find out whether we can prove the identity that a peer is shown."""
    place = f"[{peer.section}]:ID"
    identity = peer.local_id or (
        Identity.of_address(peer.local_address) if peer.local_address else None
    )
    if identity is None:
        if not keyring.own_keys:
            yield subject.warning(peer.section, "ID", f"{place}: there is no private key of ours")
        return
    try:
        credential = keyring.own(identity, methods)
    except Unprovable as unprovable:
        yield subject.warning(peer.section, "ID", f"{place}: {unprovable.reason}")
        return
    for text in _doubts(credential, at):
        yield subject.warning(peer.section, "ID", f"{place}: {text}")


def _doubts(credential: OwnCredential, at: datetime) -> Iterator[str]:
    if not credential.chain:
        yield f"a raw key proves us: {credential.remark}"
        return
    leaf: Certificate = credential.chain[0]
    if leaf.not_after < at:
        yield f"our certificate {leaf} expired {leaf.not_after:%Y-%m-%d}"
    elif leaf.not_after < at + _SOON:
        yield f"our certificate {leaf} expires {leaf.not_after:%Y-%m-%d}"
    elif leaf.not_before > at:
        yield f"our certificate {leaf} is not valid before {leaf.not_before:%Y-%m-%d}"
    from isakmpd.pki.strength import weakness  # noqa: PLC0415  for those alone who sign

    weak = weakness(leaf)
    if weak:
        yield f"peers may refuse our certificate: {weak}"


def _theirs(subject: Subject, keyring: Keyring, peer: Peer) -> Iterator[Finding]:
    """Find out whether anything here could prove a peer."""
    if keyring.authorities or subject.configuration.pki.accept_self_signed:
        if peer.address or peer.remote_id or peer.remote_id_any:
            return
        if not keyring.stored and not keyring.raw_keys:
            yield subject.warning(
                peer.section,
                "Remote-ID",
                f"[{peer.section}]: without Address and Remote-ID a peer has to prove an identity "
                "for which a key or certificate is stored, and there is none",
            )
        return
    identity = peer.remote_id or (Identity.of_address(peer.address) if peer.address else None)
    if identity is None and (keyring.stored or keyring.raw_keys):
        return
    if identity is None or not keyring.knows(identity):
        yield subject.warning(
            peer.section,
            "Remote-ID",
            f"[{peer.section}]: nothing can prove {identity or 'this peer'}: ca/ has no authority, "
            "and neither certs/ nor pubkeys/ has a key for it",
        )
