"""Read X.509 certificates once, into plain facts that verdicts are made of (RFC 5280, RFC 4945)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID

from isakmpd.crypto.signature_keys import PublicKey, UnusableKeyError
from isakmpd.crypto.signature_keys import public_key as read_public_key
from isakmpd.pki import der
from isakmpd.pki.identity_names import name_text, same_distinguished_name, same_identity
from isakmpd.pki.untrusted import UnusableCertificateError, reason_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, IdType

LARGEST = 65536  # octets; a peer's certificate waits in memory
_PEM = b"-----BEGIN "
_EMPTY_NAME = b"\x30\x00"
_EXTENSIONS = der.CONSTRUCTED + 3
_SUBJECT_ALTERNATIVE_NAME = b"\x55\x1d\x11"
_DIRECTORY_NAME = der.CONSTRUCTED + 4
_ADDRESS = der.PRIMITIVE + 7
_ADDRESS_TYPE = {4: IdType.IPV4_ADDR, 16: IdType.IPV6_ADDR}
_TEXT_TYPE = {der.PRIMITIVE + 1: IdType.USER_FQDN, der.PRIMITIVE + 2: IdType.FQDN}
_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment"),
    *("key_agreement", "key_cert_sign", "crl_sign"),
)
_KEY_KINDS = {
    rsa.RSAPublicKey: "RSA",
    ec.EllipticCurvePublicKey: "EC",
    dsa.DSAPublicKey: "DSA",
    ed25519.Ed25519PublicKey: "Ed25519",
    ed448.Ed448PublicKey: "Ed448",
}


@dataclass(frozen=True, slots=True)
class CertifiedKey:
    """Hold a certificate's key; `usable` is None where IKE knows no such kind, and says why."""

    kind: str  # "RSA", "EC", "DSA", ...
    bits: int
    usable: PublicKey | None
    unusable: str = ""


@dataclass(frozen=True, slots=True)
class Purposes:
    """Hold what a certificate's key may be used for; None where the extension is absent."""

    authority: bool | None = None  # basicConstraints
    path_length: int | None = None
    usages: frozenset[str] | None = None  # keyUsage, as the library names its bits
    extended: tuple[str, ...] | None = None  # extendedKeyUsage, dotted


@dataclass(frozen=True, slots=True)
class Certificate:
    """Hold a certificate; two are equal when their octets are."""

    der: bytes
    subject: bytes = field(compare=False)  # DER Names, as encoded
    issuer: bytes = field(compare=False)
    serial: int = field(compare=False)
    version: int = field(compare=False)
    identities: tuple[Identity, ...] = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    signature_hash: str | None = field(compare=False)  # "sha256"; None where the key implies it
    key: CertifiedKey = field(compare=False)
    purposes: Purposes = field(compare=False)

    @classmethod
    def of_der(cls, octets: bytes) -> Certificate:
        """Read one certificate; raises UnusableCertificateError, also for trailing octets."""
        if len(octets) > LARGEST:
            raise UnusableCertificateError(
                f"certificate of {len(octets)} octets, expected {LARGEST} at most"
            )
        try:
            # A serial number of 0 is what OpenSSL once gave every root, and no reason to warn.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _read(x509.load_der_x509_certificate(octets), octets)
        # A library's refusals of a peer's octets are of many classes, and grow.
        except Exception as error:
            reason = reason_of(error)
            raise UnusableCertificateError(f"not a usable X.509 certificate: {reason}") from error

    @classmethod
    def of_pem(cls, octets: bytes) -> tuple[Certificate, ...]:
        """Read every certificate of a PEM text; raises UnusableCertificateError for none."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = x509.load_pem_x509_certificates(octets)
        except Exception as error:
            reason = reason_of(error)
            raise UnusableCertificateError(f"no usable PEM certificate: {reason}") from error
        return tuple(cls.of_der(each.public_bytes(Encoding.DER)) for each in found)

    @classmethod
    def of_file(cls, octets: bytes) -> tuple[Certificate, ...]:
        """Read a file's certificates, PEM or DER; raises UnusableCertificateError for none."""
        return cls.of_pem(octets) if _PEM in octets else (cls.of_der(octets),)

    @property
    def public_key(self) -> PublicKey:
        """Give the key; raises UnusableCertificateError where IKE cannot sign with its kind."""
        if self.key.usable is None:
            raise UnusableCertificateError(f"certificate {self}: {self.key.unusable}")
        return self.key.usable

    @property
    def methods(self) -> tuple[AuthenticationMethod, ...]:
        """Give the authentication methods its key can sign for; none for a key of another kind."""
        return self.key.usable.methods if self.key.usable else ()

    @property
    def is_self_issued(self) -> bool:
        """Tell whether subject and issuer are one name, as those of every root are."""
        return self.subject == self.issuer

    def carries(self, identity: Identity) -> bool:
        """Tell whether the identity, its type and full value, stands in the certificate."""
        return any(same_identity(own, identity) for own in self.identities)

    def has_signed(self, other: Certificate) -> bool:
        """Tell whether the other names this one as its issuer and bears its signature."""
        if not same_distinguished_name(self.subject, other.issuer):
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mine = x509.load_der_x509_certificate(self.der)
            try:
                x509.load_der_x509_certificate(other.der).verify_directly_issued_by(mine)
            except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
                return False
        return True

    def __str__(self) -> str:
        if self.subject != _EMPTY_NAME:
            return name_text(self.subject)
        return f"of {self.identities[0]}" if self.identities else f"number {self.serial:x}"


def _read(read: x509.Certificate, octets: bytes) -> Certificate:
    to_be_signed = der.element(read.tbs_certificate_bytes, "tbsCertificate").children()
    # The version (explicit tag 0) may be missing; then come serial number, signature algorithm,
    # issuer, validity and subject (RFC 5280 section 4.1).
    first = 1 if to_be_signed[0].tag == der.CONSTRUCTED else 0
    issuer, subject = to_be_signed[first + 2].whole, to_be_signed[first + 4].whole
    return Certificate(
        der=octets,
        subject=subject,
        issuer=issuer,
        serial=read.serial_number,
        version=read.version.value + 1,
        identities=tuple(_identities(subject, to_be_signed)),
        not_before=read.not_valid_before_utc,
        not_after=read.not_valid_after_utc,
        signature_hash=_signature_hash(read),
        key=_key(read),
        purposes=_purposes(read.extensions),
    )


def _signature_hash(read: x509.Certificate) -> str | None:
    try:
        algorithm = read.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return f"algorithm {read.signature_algorithm_oid.dotted_string}"
    return algorithm.name if algorithm else None


def _key(read: x509.Certificate) -> CertifiedKey:
    try:
        key = read.public_key()
    except (UnsupportedAlgorithm, ValueError) as error:
        return CertifiedKey("unknown", 0, None, f"its key cannot be read: {error}")
    kind = next((name for cls, name in _KEY_KINDS.items() if isinstance(key, cls)), "unknown")
    bits = getattr(key, "key_size", 0)
    try:
        octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return CertifiedKey(kind, bits, read_public_key(octets))
    except UnusableKeyError as error:
        return CertifiedKey(kind, bits, None, str(error))


def _purposes(extensions: x509.Extensions) -> Purposes:
    found = {each.oid: each.value for each in extensions}
    constraints = found.get(ExtensionOID.BASIC_CONSTRAINTS)
    usage = found.get(ExtensionOID.KEY_USAGE)
    extended = found.get(ExtensionOID.EXTENDED_KEY_USAGE)
    return Purposes(
        constraints.ca if isinstance(constraints, x509.BasicConstraints) else None,
        constraints.path_length if isinstance(constraints, x509.BasicConstraints) else None,
        frozenset(name for name in _USAGES if getattr(usage, name))
        if isinstance(usage, x509.KeyUsage)
        else None,
        tuple(each.dotted_string for each in extended)
        if isinstance(extended, x509.ExtendedKeyUsage)
        else None,
    )


def _identities(subject: bytes, to_be_signed: tuple[der.Element, ...]) -> Iterator[Identity]:
    if subject != _EMPTY_NAME:
        yield Identity(IdType.DER_ASN1_DN, subject)
    for name in _alternative_names(to_be_signed):
        if name.tag in _TEXT_TYPE and name.content:
            yield Identity(_TEXT_TYPE[name.tag], name.content)
        elif name.tag == _ADDRESS and len(name.content) in _ADDRESS_TYPE:
            yield Identity(_ADDRESS_TYPE[len(name.content)], name.content)
        elif name.tag == _DIRECTORY_NAME:
            yield Identity(IdType.DER_ASN1_DN, der.element(name.content, "directoryName").whole)


def _alternative_names(to_be_signed: tuple[der.Element, ...]) -> tuple[der.Element, ...]:
    for part in to_be_signed:
        if part.tag != _EXTENSIONS:
            continue
        for extension in der.element(part.content, "extensions").children():
            identifier, *_, value = extension.children()
            if identifier.content == _SUBJECT_ALTERNATIVE_NAME:
                value.expect(der.OCTET_STRING, "extension value")
                return der.element(value.content, "subjectAltName").children()
    return ()
