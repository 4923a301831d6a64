"""Read certificate revocation lists (RFC 5280 section 5)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from isakmpd.pki import der
from isakmpd.pki.certificate import Certificate
from isakmpd.pki.identity_names import name_text, same_distinguished_name
from isakmpd.pki.untrusted import UnusableCertificateError, reason_of

_PEM = b"-----BEGIN "


@dataclass(frozen=True, slots=True)
class RevocationList:
    """Hold a revocation list; two are equal when their octets are."""

    der: bytes
    issuer: bytes = field(compare=False)  # DER Name, as encoded
    this_update: datetime = field(compare=False)
    next_update: datetime | None = field(compare=False)
    signature_hash: str | None = field(compare=False)  # "sha256"; None where the key implies it
    revoked: frozenset[int] = field(compare=False, repr=False)  # serial numbers
    path: str = field(default="", compare=False)  # where it was read; empty for a peer's

    @classmethod
    def of_der(cls, octets: bytes, path: str = "") -> RevocationList:
        """Read one list; raises UnusableCertificateError, also for trailing octets."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _read(x509.load_der_x509_crl(octets), octets, path)
        # A library's refusals of a peer's octets are of many classes, and grow.
        except Exception as error:
            reason = reason_of(error)
            raise UnusableCertificateError(f"not a usable revocation list: {reason}") from error

    @classmethod
    def of_file(cls, octets: bytes, path: str) -> RevocationList:
        """Read a file's list, PEM or DER; raises UnusableCertificateError."""
        if _PEM not in octets:
            return cls.of_der(octets, path)
        try:
            read = x509.load_pem_x509_crl(octets)
        except Exception as error:
            reason = reason_of(error)
            raise UnusableCertificateError(f"no usable PEM revocation list: {reason}") from error
        return cls.of_der(read.public_bytes(Encoding.DER), path)

    def is_signed_by(self, authority: Certificate) -> bool:
        """Tell whether the authority's key signed the list."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                key = x509.load_der_x509_certificate(authority.der).public_key()
                # What is no key for signatures raises TypeError.
                return x509.load_der_x509_crl(self.der).is_signature_valid(key)  # type: ignore[arg-type]
            except (ValueError, TypeError, UnsupportedAlgorithm):
                return False

    def is_current(self, at: datetime) -> bool:
        """Tell whether the list is in force at this time (aware)."""
        return self.this_update <= at and (self.next_update is None or at <= self.next_update)

    def __str__(self) -> str:
        place = f"revocation list {self.path}" if self.path else "revocation list"
        return f"{place} of {name_text(self.issuer)}"


def newest_of(issuer: bytes, lists: Iterable[RevocationList]) -> RevocationList | None:
    """Give the latest list of an authority (DER Name), None if there is none."""
    own = [each for each in lists if same_distinguished_name(each.issuer, issuer)]
    return max(own, key=lambda each: each.this_update, default=None)


def _read(read: x509.CertificateRevocationList, octets: bytes, path: str) -> RevocationList:
    # An optional version comes before the signature algorithm and the issuer (RFC 5280 5.1.2).
    parts = der.element(read.tbs_certlist_bytes, "tbsCertList").children()
    first = 1 if parts[0].tag == der.INTEGER else 0
    algorithm = read.signature_hash_algorithm
    return RevocationList(
        der=octets,
        issuer=parts[first + 1].whole,
        this_update=read.last_update_utc,
        next_update=read.next_update_utc,
        signature_hash=algorithm.name if algorithm else None,
        revoked=frozenset(entry.serial_number for entry in read),
        path=path,
    )
