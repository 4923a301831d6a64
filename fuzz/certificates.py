"""Fuzz what peers send to prove themselves: certificates, lists and names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from isakmpd.pki.cert_payloads import PKCS7, REVOCATION_LIST, X509_SIGNATURE, received
from isakmpd.pki.certificate import Certificate
from isakmpd.pki.keyring import Keyring
from isakmpd.pki.keyring_files import Files, build
from isakmpd.pki.rules import Rules
from isakmpd.pki.untrusted import Untrusted, UnusableCertificateError
from isakmpd.wire import payloads
from isakmpd.wire.distinguished_names import matches, oneline_of, text_of
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import AuthenticationMethod

_NOW = datetime(2026, 6, 1, tzinfo=UTC)
_LONGEST_SENTENCE = 2000
_METHODS = (AuthenticationMethod.RSA_SIG, AuthenticationMethod.ECDSA_256)
_ENCODINGS = (X509_SIGNATURE, REVOCATION_LIST, PKCS7)


def certificates(octets: bytes) -> None:
    """Read a CERT payload of each encoding and judge it: one sentence, or a key and its owner."""
    for encoding in _ENCODINGS:
        try:
            found = received([payloads.Certificate(encoding, octets)])
        except UnusableCertificateError as unusable:
            _judge(unusable.reason)
            continue
        for certificate in found.certificates:
            _prove(certificate)


def _prove(certificate: Certificate) -> None:
    str(certificate)
    for identity in certificate.identities[:4]:
        for method in _METHODS:
            try:
                proven = _keyring().prove(identity, method, [certificate], [], _NOW)
            except Untrusted as untrusted:
                _judge(untrusted.reason)
            else:
                assert certificate.carries(proven.identity)
                assert method in proven.key.methods


def _judge(reason: str) -> None:
    assert reason
    assert "\n" not in reason, reason
    assert len(reason) < _LONGEST_SENTENCE, reason


def names(octets: bytes) -> None:
    """Print and compare a name: printable whatever it is, and itself where it is one."""
    assert text_of(octets).isprintable()
    assert oneline_of(octets).isprintable()
    try:
        assert matches(octets, octets)
    except Malformed as malformed:
        _judge(str(malformed))


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


@cache
def _key(owner: str) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(sum(owner.encode()), ec.SECP256R1())


@cache
def _issued(common: str, *, authority: bool, days: int = 365) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common))
        .issuer_name(_name("CA"))
        .public_key(_key(common).public_key())
        .serial_number(7)
        .not_valid_before(_NOW - timedelta(days=365))
        .not_valid_after(_NOW - timedelta(days=365) + timedelta(days=2 * days))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
    )
    if not authority:
        alternative = x509.SubjectAlternativeName([x509.DNSName(common), x509.RFC822Name("a@b.c")])
        builder = builder.add_extension(alternative, critical=False)
    return builder.sign(_key("CA"), hashes.SHA256()).public_bytes(Encoding.DER)


@cache
def _keyring() -> Keyring:
    files = Files(authorities=(("ca", _issued("CA", authority=True)),))
    keyring, problems = build(files, Rules())
    assert not problems
    return keyring


def some_certificates() -> Iterator[bytes]:
    """Give good and expired ones, and a list."""
    yield _issued("CA", authority=True)
    yield _issued("west.example", authority=False)
    yield _issued("old.example", authority=False, days=30)
    revoked = x509.RevokedCertificateBuilder().serial_number(7).revocation_date(_NOW).build()
    listed = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(_name("CA"))
        .last_update(_NOW)
        .next_update(_NOW + timedelta(days=30))
        .add_revoked_certificate(revoked)
    )
    yield listed.sign(_key("CA"), hashes.SHA256()).public_bytes(Encoding.DER)


def some_names() -> Iterator[bytes]:
    """Give names short and long."""
    for common in ("west", "*", "a, b + c", "x" * 60):
        yield _name(common).public_bytes()
