"""Build and judge certificate paths: OpenSSL's verifier, then what it lets pass (RFC 5280 6)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from cryptography import x509
from OpenSSL import crypto

from isakmpd.pki.certificate import Certificate
from isakmpd.pki.identity_names import name_text, same_distinguished_name
from isakmpd.pki.purposes import judge_leaf, judge_purposes
from isakmpd.pki.revocation_list import RevocationList, newest_of
from isakmpd.pki.rules import SOUND_ONLY, Rules
from isakmpd.pki.strength import judge_key, judge_strength, sound_hash
from isakmpd.pki.untrusted import Untrusted
from isakmpd.wire.numbers import NotifyType

_REVOCATION_CHECKS = crypto.X509StoreFlags.CRL_CHECK | crypto.X509StoreFlags.CRL_CHECK_ALL


@dataclass(frozen=True)
class Authorities:
    """Hold whom we trust, what they revoked, and the authorities known in between.

    Where one revocation list is held, every authority of a path needs one.
    """

    anchors: tuple[Certificate, ...] = ()
    between: tuple[Certificate, ...] = ()
    lists: tuple[RevocationList, ...] = ()
    rules: Rules = SOUND_ONLY

    def judge(
        self,
        leaf: Certificate,
        others: Sequence[Certificate],
        lists: Sequence[RevocationList],
        at: datetime,
    ) -> tuple[Certificate, ...]:
        """Give the path from a peer's certificate to one of ours, both included.

        `others` and `lists` are what the peer sent besides; `at` is the time, aware. A list of the
        peer's counts only where we hold lists but none of that authority. Raises Untrusted.
        """
        supplements = self._supplements(lists)
        store = self._store(supplements)
        untrusted = [openssl_certificate(each) for each in others] + self._between
        chain = self._verified(store, leaf, untrusted, at, (*self.lists, *supplements))
        judge_strength(chain, self.rules)
        judge_purposes(chain)
        return chain

    def judge_self_signed(self, leaf: Certificate, at: datetime) -> None:
        """Judge a certificate that only its own key vouches for; raises Untrusted."""
        store = crypto.X509Store()
        store.add_cert(openssl_certificate(leaf))
        store.set_flags(crypto.X509StoreFlags.CHECK_SS_SIGNATURE)
        self._verified(store, leaf, [], at)
        judge_strength((leaf, leaf), self.rules)
        self.judge_stored(leaf, at)

    def judge_stored(self, leaf: Certificate, at: datetime) -> None:
        """Judge a certificate that the administrator put into certs/, whoever issued it.

        Raises Untrusted when it is out of its time, weak, revoked, or not meant for signing.
        """
        if at > leaf.not_after:
            raise _expired(leaf)
        if at < leaf.not_before:
            raise _not_yet_valid(leaf)
        judge_key(leaf, self.rules)
        judge_leaf(leaf)
        newest = newest_of(leaf.issuer, self.lists)
        if newest is None:
            return
        issuers = [
            each
            for each in (*self.anchors, *self.between)
            if same_distinguished_name(each.subject, leaf.issuer)
        ]
        if issuers and not any(newest.is_signed_by(each) for each in issuers):
            raise _wrongly_signed(newest)
        if leaf.serial in newest.revoked:
            raise _revoked(leaf)
        if not newest.is_current(at):
            raise _out_of_date(newest, at)

    def _supplements(self, lists: Sequence[RevocationList]) -> tuple[RevocationList, ...]:
        if not self.lists:
            return ()
        return tuple(
            each
            for each in lists
            if newest_of(each.issuer, self.lists) is None and sound_hash(each.signature_hash)
        )

    def _verified(
        self,
        store: crypto.X509Store,
        leaf: Certificate,
        untrusted: list[crypto.X509],
        at: datetime,
        lists: tuple[RevocationList, ...] = (),
    ) -> tuple[Certificate, ...]:
        store.set_time(at.astimezone(UTC))
        context = crypto.X509StoreContext(store, openssl_certificate(leaf), untrusted)
        try:
            return tuple(_certificate(each) for each in context.get_verified_chain())
        except crypto.X509StoreContextError as error:
            failed = _certificate(error.certificate)
            raise _Failure(
                error.errors[0], str(error), leaf, failed, lists, at
            ).verdict() from error

    @cached_property
    def _between(self) -> list[crypto.X509]:
        return [openssl_certificate(each) for each in self.between]

    @cached_property
    def _trusted(self) -> list[crypto.X509]:
        return [openssl_certificate(each) for each in self.anchors]

    def _store(self, supplements: tuple[RevocationList, ...]) -> crypto.X509Store:
        """Make a store for one judgement: OpenSSL keeps the first time a store is given."""
        store = crypto.X509Store()
        for anchor in self._trusted:
            store.add_cert(anchor)
        for each in (*self.lists, *supplements):
            store.add_crl(x509.load_der_x509_crl(each.der))
        if self.lists:
            store.set_flags(_REVOCATION_CHECKS)
        return store


def openssl_certificate(certificate: Certificate) -> crypto.X509:
    """Read a certificate for OpenSSL's verifier; raises Untrusted where only OpenSSL cannot."""
    try:
        return crypto.load_certificate(crypto.FILETYPE_ASN1, certificate.der)
    except crypto.Error as error:
        raise Untrusted(
            f"certificate {certificate} cannot be read by OpenSSL", NotifyType.INVALID_CERTIFICATE
        ) from error


def _certificate(read: crypto.X509) -> Certificate:
    return Certificate.of_der(crypto.dump_certificate(crypto.FILETYPE_ASN1, read))


@dataclass(frozen=True, slots=True)
class _Failure:
    """Hold what OpenSSL said of a path, to be said again as a sentence."""

    code: int  # X509_V_ERR_...
    message: str
    leaf: Certificate
    certificate: Certificate  # of the path, where it failed
    lists: tuple[RevocationList, ...]
    at: datetime

    def verdict(self) -> Untrusted:
        said = _VERDICTS.get(self.code)
        if said is not None:
            return said(self)
        return Untrusted(
            f"certificate {self.certificate}: {self.message}", NotifyType.INVALID_CERTIFICATE
        )

    @property
    def issuer(self) -> str:
        return name_text(self.certificate.issuer)

    def of_list(self, say: Callable[[RevocationList], Untrusted]) -> Untrusted:
        found = newest_of(self.certificate.issuer, self.lists)
        return say(found) if found else self.no_list()

    def no_list(self) -> Untrusted:
        return Untrusted(
            f"certificate {self.certificate} cannot be checked: there are revocation lists, "
            f"but none of {self.issuer}",
            NotifyType.INVALID_CERTIFICATE,
        )


def _unknown_authority(failure: _Failure) -> Untrusted:
    return Untrusted(
        f"certificate {failure.certificate} is signed by unknown authority {failure.issuer}",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def _self_signed(failure: _Failure) -> Untrusted:
    return Untrusted(
        f"certificate {failure.certificate} is self-signed, and in neither ca/ nor certs/",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def _unknown_root(failure: _Failure) -> Untrusted:
    return Untrusted(
        f"certificate {failure.leaf} is signed by unknown authority {failure.certificate}",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def _wrong_signature(failure: _Failure) -> Untrusted:
    return Untrusted(
        f"certificate {failure.certificate} is not signed by the key of {failure.issuer}, "
        "which it names as its issuer",
        NotifyType.INVALID_CERTIFICATE,
    )


def _no_authority(failure: _Failure) -> Untrusted:
    return Untrusted(
        f"certificate {failure.certificate} is used as an authority's and is none: "
        "its basicConstraints lack CA:TRUE or its keyUsage lacks keyCertSign",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def _path_too_long(failure: _Failure) -> Untrusted:
    return Untrusted(
        f"certificate {failure.certificate} has more authorities below it than its "
        f"pathLenConstraint of {failure.certificate.purposes.path_length} allows",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def _expired(certificate: Certificate) -> Untrusted:
    return Untrusted(
        f"certificate {certificate} expired {certificate.not_after:%Y-%m-%d}",
        NotifyType.INVALID_CERTIFICATE,
    )


def _not_yet_valid(certificate: Certificate) -> Untrusted:
    return Untrusted(
        f"certificate {certificate} is not valid before {certificate.not_before:%Y-%m-%d}",
        NotifyType.INVALID_CERTIFICATE,
    )


def _revoked(certificate: Certificate) -> Untrusted:
    return Untrusted(
        f"certificate {certificate} is revoked by {name_text(certificate.issuer)}",
        NotifyType.INVALID_CERTIFICATE,
    )


def _wrongly_signed(revocation_list: RevocationList) -> Untrusted:
    return Untrusted(
        f"{revocation_list} is not signed by the authority's key", NotifyType.INVALID_CERTIFICATE
    )


def _out_of_date(revocation_list: RevocationList, at: datetime) -> Untrusted:
    due = revocation_list.next_update
    if due is not None and due < at:
        reason = f"{revocation_list} is out of date since {due:%Y-%m-%d}"
    else:
        reason = f"{revocation_list} is not valid before {revocation_list.this_update:%Y-%m-%d}"
    return Untrusted(reason, NotifyType.INVALID_CERTIFICATE)


def _may_not_revoke(failure: _Failure) -> Untrusted:
    return failure.of_list(
        lambda found: Untrusted(
            f"{found} does not count: its authority's keyUsage lacks cRLSign",
            NotifyType.INVALID_CERTIFICATE,
        )
    )


# By X509_V_ERR_... of OpenSSL's x509_vfy.h.
_VERDICTS: dict[int, Callable[[_Failure], Untrusted]] = {
    2: _unknown_authority,
    3: _Failure.no_list,
    7: _wrong_signature,
    8: lambda failure: failure.of_list(_wrongly_signed),
    9: lambda failure: _not_yet_valid(failure.certificate),
    10: lambda failure: _expired(failure.certificate),
    11: lambda failure: failure.of_list(lambda found: _out_of_date(found, failure.at)),
    12: lambda failure: failure.of_list(lambda found: _out_of_date(found, failure.at)),
    18: _self_signed,
    19: _unknown_root,
    20: _unknown_authority,
    21: _unknown_authority,
    23: lambda failure: _revoked(failure.certificate),
    25: _path_too_long,
    32: _no_authority,
    33: _Failure.no_list,
    35: _may_not_revoke,
    79: _no_authority,
}
