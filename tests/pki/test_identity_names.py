"""Identities are compared by type and full value, and named as the directories name them."""

from __future__ import annotations

import pytest

from isakmpd.pki.identity_names import (
    identity_of_file,
    identity_of_name,
    name_text,
    named,
    same_distinguished_name,
    same_identity,
)
from isakmpd.wire.distinguished_names import der_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType

V4 = Identity(IdType.IPV4_ADDR, bytes([10, 0, 0, 1]))
V6 = Identity(IdType.IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001"))
HOST = Identity.of_name(IdType.FQDN, "west.example")
USER = Identity.of_name(IdType.USER_FQDN, "ann@example.org")
NAME = Identity(IdType.DER_ASN1_DN, der_of("C=SE, CN=west"))


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (V4, "ipv4/10.0.0.1"),
        (V6, "ipv6/2001:db8::1"),
        (HOST, "fqdn/west.example"),
        (USER, "ufqdn/ann@example.org"),
        (NAME, "asn1_dn/C=SE, CN=west"),
    ],
)
def test_names(identity: Identity, name: str) -> None:
    assert named(identity) == name


def test_only_names_are_compared_by_meaning() -> None:
    assert same_identity(NAME, Identity(IdType.DER_ASN1_DN, der_of("C=se, CN=WEST")))
    assert not same_identity(NAME, Identity(IdType.DER_ASN1_DN, der_of("C=SE, CN=west, O=x")))
    assert not same_identity(HOST, Identity.of_name(IdType.FQDN, "WEST.example"))
    assert not same_identity(HOST, Identity.of_name(IdType.FQDN, "west.example.org"))
    assert not same_identity(HOST, Identity.of_name(IdType.KEY_ID, "west.example"))
    assert same_distinguished_name(b"?", b"?")
    assert not same_distinguished_name(b"?", NAME.data)


def test_a_name_does_not_drown_its_sentence() -> None:
    assert len(name_text(der_of(f"CN={'x' * 900}"))) == 259
    assert len(name_text(b"?" * 60000)) == 259


@pytest.mark.parametrize(
    ("kind", "name", "identity"),
    [
        ("ipv4", "10.0.0.1", V4),
        ("ipv6", "2001:db8::1", V6),
        ("ipv6", "2001:0DB8:0:0::1", V6),
        ("fqdn", "west.example", HOST),
        ("ufqdn", "ann@example.org", USER),
    ],
)
def test_public_keys_are_named_after_their_holder(kind: str, name: str, identity: Identity) -> None:
    assert identity_of_file(kind, name) == identity
    assert identity_of_name(name) == identity


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("ipv4", "west", "'west' is no address, expected one in ipv4/"),
        ("ipv6", "10.0.0.1", "10.0.0.1 is an IPv4 address, expected none in ipv6/"),
    ],
)
def test_other_names(kind: str, name: str, reason: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the sentence is compared
        identity_of_file(kind, name)
    assert str(refusal.value) == reason
