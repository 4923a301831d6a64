"""A directory's files make a keyring; what cannot be used is named and harms nothing else."""

from __future__ import annotations

import pytest

from isakmpd.pki.keyring import EMPTY
from isakmpd.pki.keyring_files import Files, build
from isakmpd.pki.rules import SOUND_ONLY
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, IdType
from tests.pki.openssl_authority import AT, LEAF, ROOT, Authority, Workshop, openssl

RSA = AuthenticationMethod.RSA_SIG
WEST = Identity.of_name(IdType.FQDN, "west.example")


@pytest.fixture(scope="module")
def root(workshop: Workshop) -> Authority:
    return workshop.root("Files", ROOT)


def problems(files: Files) -> dict[str, str]:
    return dict(build(files, SOUND_ONLY)[1])


def test_no_files_make_an_empty_keyring() -> None:
    assert build(Files(), SOUND_ONLY) == (EMPTY, ())


def test_broken_files_are_named_and_the_others_work(root: Authority, workshop: Workshop) -> None:
    west = root.issue("west", LEAF, "subjectAltName=DNS:west.example")
    public = openssl("pkey", "-in", workshop.key(), "-pubout")
    keyring, found = build(
        Files(
            authorities=(("ca/bad", b"?"), ("ca/root.crt", root.path.read_bytes())),
            certificates=(("certs/bad", b"-----BEGIN CERTIFICATE-----"), ("certs/west", west.der)),
            revocation_lists=(("crls/bad", b""),),
            private_key=("private/local.key", workshop.key().read_bytes()),
            private_keys=(("bad", "private/bad", b"no key"),),
            public_keys=(
                ("ipv4", "10.0.0.300", "pubkeys/ipv4/10.0.0.300", public),
                ("ipv4", "::1", "pubkeys/ipv4/::1", public),
                ("fqdn", "bad", "pubkeys/fqdn/bad", b"no key"),
            ),
        ),
        SOUND_ONLY,
    )
    assert [path for path, _ in found] == [
        *("ca/bad", "certs/bad", "crls/bad"),
        *("pubkeys/ipv4/10.0.0.300", "pubkeys/ipv4/::1", "pubkeys/fqdn/bad", "private/bad"),
    ]
    said = dict(found)
    assert said["ca/bad"].startswith("not a usable X.509 certificate: ")
    assert said["certs/bad"].startswith("no usable PEM certificate: ")
    assert said["crls/bad"].startswith("not a usable revocation list: ")
    assert said["pubkeys/ipv4/10.0.0.300"] == ("'10.0.0.300' is no address, expected one in ipv4/")
    assert said["pubkeys/ipv4/::1"] == "::1 is an IPv6 address, expected none in ipv4/"
    assert keyring.own(WEST, (RSA,)).chain == (west,)
    assert keyring.prove(WEST, RSA, (west,), (), AT)


def test_any_spelling_of_an_ipv6_address_is_taken_and_the_shortest_named(
    workshop: Workshop,
) -> None:
    key = openssl("pkey", "-in", workshop.key(), "-pubout")
    path = "pubkeys/ipv6/2001:DB8:0::1"
    keyring, found = build(Files(public_keys=(("ipv6", "2001:DB8:0::1", path, key),)), SOUND_ONLY)
    assert found == ((path, "taken as the key of 2001:db8::1, its shortest spelling"),)
    address = Identity(IdType.IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001"))
    assert keyring.prove(address, RSA, (), (), AT).source == path


def test_a_list_that_its_authority_did_not_sign_is_named_and_kept(root: Authority) -> None:
    listed = root.revocation_list().der
    forged = listed[:-1] + bytes([listed[-1] ^ 1])
    authorities = (("ca/root.crt", root.path.read_bytes()),)
    files = Files(authorities=authorities, revocation_lists=(("crls/ca.crl", forged),))
    assert problems(files) == {
        "crls/ca.crl": "it is not signed by the key of the authority it names"
    }
    trust = build(files, SOUND_ONLY)[0].trust
    assert trust is not None
    assert [each.path for each in trust.lists] == ["crls/ca.crl"]
    assert problems(Files(revocation_lists=(("crls/ca.crl", listed),))) == {
        "crls/ca.crl": "its authority is in neither ca/ nor certs/"
    }
    good = Files(authorities=authorities, revocation_lists=(("crls/ca.crl", listed),))
    assert not problems(good)


def test_the_default_key_is_not_read_twice(workshop: Workshop) -> None:
    octets = workshop.key().read_bytes()
    keyring, found = build(
        Files(
            private_key=("private/local.key", octets),
            private_keys=(("local.key", "private/local.key", octets),),
        ),
        SOUND_ONLY,
    )
    assert not found
    assert [(each.identity, each.path) for each in keyring.own_keys] == [
        (None, "private/local.key")
    ]


@pytest.mark.parametrize(
    ("name", "identity"),
    [
        ("10.0.0.1", Identity(IdType.IPV4_ADDR, bytes([10, 0, 0, 1]))),
        ("ann@example.org", Identity.of_name(IdType.USER_FQDN, "ann@example.org")),
        ("west.example", WEST),
    ],
)
def test_a_private_key_is_named_after_an_identity(
    workshop: Workshop, name: str, identity: Identity
) -> None:
    keyring, _ = build(
        Files(private_keys=((name, f"private/{name}", workshop.key().read_bytes()),)), SOUND_ONLY
    )
    assert keyring.can_sign(identity) == (RSA,)
    assert not keyring.can_sign(Identity.of_name(IdType.FQDN, "other"))


def test_a_file_with_a_weak_private_key_is_named(workshop: Workshop) -> None:
    octets = workshop.key("rsa:512").read_bytes()
    assert problems(Files(private_key=("private/local.key", octets))) == {
        "private/local.key": "it holds an RSA key of 512 bits, expected 1024 at least"
    }
