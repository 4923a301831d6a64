"""Make a keyring of the octets of the PKI directories' files; a broken file harms no other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from isakmpd.crypto.signature_keys import UnusableKeyError, private_key, public_key
from isakmpd.pki.certificate import Certificate
from isakmpd.pki.identity_names import identity_of_file, identity_of_name, same_distinguished_name
from isakmpd.pki.keyring import Keyring, OwnKey, StoredCertificate, StoredKey
from isakmpd.pki.revocation_list import RevocationList
from isakmpd.pki.rules import Rules
from isakmpd.pki.strength import WEAK_RSA_BITS
from isakmpd.pki.untrusted import Untrusted
from isakmpd.pki.verification import Authorities, openssl_certificate
from isakmpd.wire.identities import Identity

File = tuple[str, bytes]  # path as the log shall name it, octets
Problem = tuple[str, str]  # path, reason


@dataclass(frozen=True, slots=True)
class Files:
    """Hold what was read from the directories.

    `private_key` is the file of the tag Private-key. `private_keys` are (name, path, octets), the
    name being that of the file: an address, a host name or user@host. `public_keys` are (kind,
    name, path, octets), the kind being the directory: ipv4, ipv6, fqdn or ufqdn.
    """

    authorities: tuple[File, ...] = ()
    certificates: tuple[File, ...] = ()
    revocation_lists: tuple[File, ...] = ()
    private_key: File | None = field(default=None, repr=False)
    private_keys: tuple[tuple[str, str, bytes], ...] = field(default=(), repr=False)
    public_keys: tuple[tuple[str, str, str, bytes], ...] = ()


def build(files: Files, rules: Rules) -> tuple[Keyring, tuple[Problem, ...]]:
    """Give the keyring and, for each file that could not be used, its path and the reason.

    A revocation list that its authority did not sign is among the problems, and is kept: without
    it what it was to revoke would pass.
    """
    problems: list[Problem] = []
    anchors = tuple(_certificates(files.authorities, problems))
    stored = tuple(_certificates(files.certificates, problems))
    lists = tuple(_revocation_lists(files, problems))
    between = tuple(each.certificate for each in stored if _is_authority(each.certificate))
    roots = tuple(dict.fromkeys(each.certificate for each in anchors))
    problems += _wrongly_signed(lists, (*roots, *between))
    trust = Authorities(roots, between, lists, rules)
    keyring = Keyring(
        rules,
        trust if roots or stored or rules.accept_self_signed else None,
        stored,
        tuple(_raw_keys(files, problems)),
        tuple(_own_keys(files, problems)),
    )
    return keyring, tuple(problems)


def _certificates(files: Iterable[File], problems: list[Problem]) -> Iterable[StoredCertificate]:
    for path, octets in files:
        try:
            for certificate in Certificate.of_file(octets):
                openssl_certificate(certificate)
                yield StoredCertificate(certificate, path)
        except (Untrusted, ValueError) as error:
            problems.append((path, str(error)))


def _revocation_lists(files: Files, problems: list[Problem]) -> Iterable[RevocationList]:
    for path, octets in files.revocation_lists:
        try:
            yield RevocationList.of_file(octets, path)
        except ValueError as error:
            problems.append((path, str(error)))


def _is_authority(certificate: Certificate) -> bool:
    usages = certificate.purposes.usages or frozenset()
    return bool(certificate.purposes.authority) or "key_cert_sign" in usages


def _wrongly_signed(
    lists: Iterable[RevocationList], authorities: Iterable[Certificate]
) -> Iterable[Problem]:
    known = tuple(authorities)
    for each in lists:
        issuers = [one for one in known if same_distinguished_name(one.subject, each.issuer)]
        if not issuers:
            yield each.path, "its authority is in neither ca/ nor certs/"
        elif not any(each.is_signed_by(issuer) for issuer in issuers):
            yield each.path, "it is not signed by the key of the authority it names"


def _own_keys(files: Files, problems: list[Problem]) -> Iterable[OwnKey]:
    found = [(identity_of_name(name), path, octets) for name, path, octets in files.private_keys]
    if files.private_key is not None:
        # The file of the tag Private-key lies in the same directory, and is no identity's.
        found = [each for each in found if each[1] != files.private_key[0]]
        yield from _own_key(None, *files.private_key, problems)
    for identity, path, octets in found:
        yield from _own_key(identity, path, octets, problems)


def _own_key(
    identity: Identity | None, path: str, octets: bytes, problems: list[Problem]
) -> Iterable[OwnKey]:
    try:
        key = private_key(octets)
    except UnusableKeyError as error:
        problems.append((path, str(error)))
        return
    if key.public.kind == "RSA" and key.public.bits < WEAK_RSA_BITS:
        reason = f"it holds an RSA key of {key.public.bits} bits, expected {WEAK_RSA_BITS} at least"
        problems.append((path, reason))
        return
    yield OwnKey(identity, key, path)


def _raw_keys(files: Files, problems: list[Problem]) -> Iterable[StoredKey]:
    for kind, name, path, octets in files.public_keys:
        try:
            identity = identity_of_file(kind, name)
            key = public_key(octets)
        except ValueError as error:
            problems.append((path, str(error)))
            continue
        if kind in ("ipv4", "ipv6") and str(identity) != name:
            problems.append((path, f"taken as the key of {identity}, its shortest spelling"))
        yield StoredKey(identity, key, path)
