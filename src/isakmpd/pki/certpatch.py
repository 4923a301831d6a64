"""Give a certificate another subjectAltName and sign it anew (RFC 5280 section 4.2.1.6)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from isakmpd.crypto.signature_keys import UnusableKeyError, private_key
from isakmpd.pki.certificate import Certificate
from isakmpd.pki.untrusted import UnusableCertificateError

_Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class UnpatchableError(ValueError):
    """Say in one sentence fragment why no certificate comes of what was given."""


def _fqdn(text: str) -> x509.GeneralName:
    if not text or "@" in text or any(blank in text for blank in " \t/"):
        raise ValueError(text)
    return x509.DNSName(text)


def _ufqdn(text: str) -> x509.GeneralName:
    user, at, host = text.partition("@")
    if not (user and at and host) or " " in text:
        raise ValueError(text)
    return x509.RFC822Name(text)


# What each type of identity is called, how it looks, and how it becomes an entry.
_ENTRIES: Mapping[str, tuple[str, Callable[[str], x509.GeneralName]]] = {
    "ip": ("an IPv4 or IPv6 address", lambda text: x509.IPAddress(ip_address(text))),
    "fqdn": ("a host name in ASCII", _fqdn),
    "ufqdn": ("user@host in ASCII", _ufqdn),
}
TYPES = tuple(_ENTRIES)


def patched(certificate: bytes, authority_key: bytes, kind: str, identity: str) -> bytes:
    """Give the certificate, PEM, with the identity as its only subjectAltName, signed anew.

    `certificate` and `authority_key` are PEM or DER, `kind` is one of TYPES. Serial number, names,
    validity, key and the other extensions stay. Raises UnpatchableError.
    """
    entry = _entry(kind, identity)
    key = _signing_key(authority_key)
    try:
        given = (
            x509.load_pem_x509_certificate(certificate)
            if b"-----BEGIN" in certificate
            else x509.load_der_x509_certificate(certificate)
        )
        _must_be_its_issuer(key, given)
        made = _signed(given, entry, key)
        before, after = (
            Certificate.of_der(each.public_bytes(serialization.Encoding.DER))
            for each in (given, made)
        )
    except (ValueError, UnsupportedAlgorithm, UnusableCertificateError) as error:
        if isinstance(error, UnpatchableError):
            raise
        reason = str(error).partition("\n")[0]
        raise UnpatchableError(f"the certificate cannot be used: {reason}") from None
    if (before.subject, before.issuer) != (after.subject, after.issuer):
        raise UnpatchableError("the certificate's names cannot be kept as they are encoded")
    return made.public_bytes(serialization.Encoding.PEM)


def _entry(kind: str, identity: str) -> x509.GeneralName:
    looks, make = _ENTRIES[kind]
    try:
        return make(identity)
    except ValueError:
        raise UnpatchableError(f"identity {identity!r} is not {looks}, as -t {kind} says") from None


def _signing_key(octets: bytes) -> _Key:
    try:
        private_key(octets)
    except UnusableKeyError as error:
        raise UnpatchableError(f"the CA's key cannot be used: {error}") from None
    load = (
        serialization.load_pem_private_key
        if b"-----BEGIN" in octets
        else serialization.load_der_private_key
    )
    key = load(octets, None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise UnpatchableError("the CA's key cannot be used: expected RSA or EC")
    return key


def _must_be_its_issuer(key: _Key, given: x509.Certificate) -> None:
    """Raise UnpatchableError unless the key made the signature that is to be replaced."""
    public, algorithm = key.public_key(), given.signature_hash_algorithm
    different = UnpatchableError("the certificate is not signed by this CA key")
    if algorithm is None:
        raise different
    how = given.signature_algorithm_parameters
    try:
        if isinstance(public, rsa.RSAPublicKey) and isinstance(how, padding.PKCS1v15 | padding.PSS):
            public.verify(given.signature, given.tbs_certificate_bytes, how, algorithm)
        elif isinstance(public, ec.EllipticCurvePublicKey) and isinstance(how, ec.ECDSA):
            public.verify(given.signature, given.tbs_certificate_bytes, how)
        else:
            raise different
    except InvalidSignature:
        raise different from None


def _signed(given: x509.Certificate, entry: x509.GeneralName, key: _Key) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        given.issuer,
        given.subject,
        given.public_key(),
        given.serial_number,
        given.not_valid_before_utc.replace(tzinfo=None),
        given.not_valid_after_utc.replace(tzinfo=None),
    )
    for extension in given.extensions:
        if not isinstance(extension.value, x509.SubjectAlternativeName):
            builder = builder.add_extension(extension.value, extension.critical)
    # Without a subject the name here is the only one, and must be understood.
    names = x509.SubjectAlternativeName([entry])
    builder = builder.add_extension(names, critical=not list(given.subject))
    return builder.sign(key, hashes.SHA256())
