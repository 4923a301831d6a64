"""Certificates for the engine's tests, made in memory: an authority, hosts and what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from cryptography.x509.oid import NameOID

from isakmpd.pki.keyring import Keyring
from isakmpd.pki.keyring_files import Files, build
from isakmpd.pki.rules import Rules

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
BEGINS, ENDS = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
CURVES: Mapping[int, ec.EllipticCurve] = {
    9: ec.SECP256R1(),
    10: ec.SECP384R1(),
    11: ec.SECP521R1(),
}


def key_of(owner: str, curve: int = 0) -> Key:
    """A key that is made once; ``curve`` is an authentication method of RFC 4754, 0 for RSA."""
    return _key_of(owner, curve)


@cache
def _key_of(_owner: str, curve: int) -> Key:
    if curve:
        return ec.generate_private_key(CURVES[curve])
    return rsa.generate_private_key(65537, 2048)


def name(common: str) -> x509.Name:
    """C=SE, O=Example, CN=common."""
    parts = ((NameOID.COUNTRY_NAME, "SE"), (NameOID.ORGANIZATION_NAME, "Example"))
    return x509.Name(
        [
            *(x509.NameAttribute(*part) for part in parts),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


@dataclass(frozen=True)
class Authority:
    """Who signs certificates; its own is signed by ``above`` or by itself."""

    common: str
    above: Authority | None = None

    @property
    def certificate(self) -> x509.Certificate:
        return _authority(self)

    @property
    def subject(self) -> bytes:
        return self.certificate.subject.public_bytes()

    def issue(
        self,
        common: str,
        *names: x509.GeneralName,
        curve: int = 0,
        ends: datetime = ENDS,
    ) -> x509.Certificate:
        """A host's certificate with its alternative names."""
        builder = _builder(common, key_of(common, curve), name(self.common), ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), False)
        return builder.sign(key_of(self.common), hashes.SHA256())

    def revokes(self, *revoked: x509.Certificate) -> bytes:
        """A revocation list, PEM."""
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(name(self.common))
            .last_update(BEGINS)
            .next_update(ENDS)
        )
        for each in revoked:
            one = x509.RevokedCertificateBuilder().serial_number(each.serial_number)
            builder = builder.add_revoked_certificate(one.revocation_date(BEGINS).build())
        return builder.sign(key_of(self.common), hashes.SHA256()).public_bytes(Encoding.PEM)


def _builder(common: str, key: Key, issuer: x509.Name, ends: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(BEGINS)
        .not_valid_after(ends)
    )


@cache
def _authority(one: Authority) -> x509.Certificate:
    issuer = one.above or one
    builder = _builder(one.common, key_of(one.common), name(issuer.common), ENDS)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    return builder.sign(key_of(issuer.common), hashes.SHA256())


ROOT = Authority("Root")
STRICT = Rules()


def address(text: str) -> x509.GeneralName:
    return x509.IPAddress(IPv4Address(text))


def host(text: str) -> x509.GeneralName:
    return x509.DNSName(text)


def user(text: str) -> x509.GeneralName:
    return x509.RFC822Name(text)


def pem(one: x509.Certificate) -> bytes:
    return one.public_bytes(Encoding.PEM)


def private_pem(key: Key) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_pem(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def keyring(
    *certificates: x509.Certificate,
    key: Key | None = None,
    authorities: Iterable[Authority] = (ROOT,),
    lists: Iterable[bytes] = (),
    raw: Iterable[tuple[str, str, Key]] = (),
    rules: Rules = STRICT,
) -> Keyring:
    """What a daemon with these files in its directories holds."""
    files = Files(
        tuple((f"ca/{each.common}.crt", pem(each.certificate)) for each in authorities),
        tuple((f"certs/{at}.crt", pem(each)) for at, each in enumerate(certificates)),
        tuple((f"crls/{at}.crl", each) for at, each in enumerate(lists)),
        ("private/local.key", private_pem(key)) if key is not None else None,
        (),
        tuple((kind, file, f"pubkeys/{kind}/{file}", public_pem(one)) for kind, file, one in raw),
    )
    made, problems = build(files, rules)
    assert problems == ()
    return made
