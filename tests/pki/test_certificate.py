"""What a certificate says is read once; what is none is refused in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isakmpd.pki.certificate import LARGEST, Certificate
from isakmpd.pki.untrusted import UnusableCertificateError
from isakmpd.wire.distinguished_names import der_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, IdType
from tests.pki.openssl_authority import LEAF, ROOT, Authority, Workshop, openssl

WEST = Identity.of_name(IdType.FQDN, "west.example")


@pytest.fixture(scope="module")
def root(workshop: Workshop) -> Authority:
    return workshop.root("Reading", ROOT)


@pytest.fixture(scope="module")
def west(root: Authority) -> Certificate:
    return root.issue("west", LEAF, "subjectAltName=DNS:west.example,IP:10.0.0.1")


def unusable(octets: bytes) -> str:
    with pytest.raises(UnusableCertificateError) as refusal:
        Certificate.of_der(octets)
    assert str(refusal.value) == refusal.value.reason
    assert "\n" not in refusal.value.reason
    return refusal.value.reason


def test_every_entry_of_subject_alt_name_is_an_identity(root: Authority) -> None:
    read = root.issue(
        "many",
        "subjectAltName=DNS:a.example,URI:http://x,IP:10.0.0.1,RID:1.2.3,email:a@b,"
        "IP:2001:db8::1,DNS:b.example,dirName:other,otherName:1.2.3;UTF8:x",
        "[other]\nCN=elsewhere",
    )
    assert read.identities == (
        Identity(IdType.DER_ASN1_DN, der_of("C=SE, O=Example, CN=many")),
        Identity.of_name(IdType.FQDN, "a.example"),
        Identity(IdType.IPV4_ADDR, bytes([10, 0, 0, 1])),
        Identity.of_name(IdType.USER_FQDN, "a@b"),
        Identity(IdType.IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001")),
        Identity.of_name(IdType.FQDN, "b.example"),
        Identity(IdType.DER_ASN1_DN, der_of("CN=elsewhere")),
    )


def test_a_name_behind_a_nul_is_another(root: Authority) -> None:
    # dNSName "west.example" NUL ".evil"
    name = b"west.example\0.evil"
    entry = bytes([0x82, len(name)]) + name
    read = root.issue("nul", f"subjectAltName=DER:{(bytes([0x30, len(entry)]) + entry).hex()}")
    assert not read.carries(WEST)
    assert read.carries(Identity(IdType.FQDN, name))


@pytest.mark.parametrize(
    "encoded",
    [
        "30078705ffffffffff",  # iPAddress of five octets
        "3005820377fc74",  # dNSName beyond ASCII
        "3005820a77",  # longer than its sequence
        "30808202776500",  # indefinite length
        "0500",  # no sequence
        "00",
    ],
)
def test_subject_alt_name_in_an_odd_encoding(root: Authority, encoded: str) -> None:
    path = root.sign(
        "/CN=odd",
        root.workshop.key(),
        (f"subjectAltName=DER:{encoded}",),
        "odd",
        "sha256",
        "20260101000000Z",
        "20270101000000Z",
    )
    with pytest.raises(UnusableCertificateError, match=r"^not a usable X.509 certificate: "):
        Certificate.of_file(path.read_bytes())


def test_subject_and_issuer_are_the_octets_encoded(root: Authority, west: Certificate) -> None:
    assert west.subject in west.der
    assert west.issuer == root.certificate.subject
    assert root.certificate.is_self_issued
    assert not west.is_self_issued
    assert str(west) == "C=SE, O=Example, CN=west"


def test_a_certificate_without_a_subject_is_named_by_what_it_has(root: Authority) -> None:
    path = root.sign(
        "/",
        root.workshop.key(),
        ("subjectAltName=critical,DNS:west.example",),
        "nobody",
        "sha256",
        "20260101000000Z",
        "20270101000000Z",
    )
    (read,) = Certificate.of_file(path.read_bytes())
    assert read.identities == (WEST,)
    assert str(read) == "of west.example"


def test_the_files_of_others_hold_more_than_one_certificate(
    root: Authority, west: Certificate
) -> None:
    leaf = root.directory / "west.crt"
    with_text = openssl("x509", "-in", leaf, "-text")
    bundle = with_text + root.workshop.key().read_bytes() + root.path.read_bytes()
    assert Certificate.of_file(bundle) == (west, root.certificate)
    assert Certificate.of_file(west.der) == (west,)


@pytest.mark.parametrize(
    ("key", "methods", "why"),
    [
        ("rsa:2048", (AuthenticationMethod.RSA_SIG,), ""),
        ("ec:prime256v1", (AuthenticationMethod.ECDSA_256,), ""),
        ("ec:secp384r1", (AuthenticationMethod.ECDSA_384,), ""),
        ("ec:secp521r1", (AuthenticationMethod.ECDSA_521,), ""),
        ("ec:secp256k1", (), "curve secp256k1"),
        ("ed25519", (), "Ed25519"),
        ("dsa", (), "DSA"),
    ],
)
def test_the_kind_of_key_tells_the_methods(
    root: Authority, key: str, methods: tuple[AuthenticationMethod, ...], why: str
) -> None:
    read = root.issue("kinds", LEAF, key=key)
    assert read.methods == methods
    if methods:
        assert read.public_key.methods == methods
    else:
        with pytest.raises(UnusableCertificateError, match=f"CN=kinds: .*{why}"):
            _ = read.public_key


def test_trailing_octets(west: Certificate) -> None:
    assert unusable(west.der + b"\0").startswith("not a usable X.509 certificate: ")


def test_a_version_that_does_not_exist(west: Certificate) -> None:
    version = bytes.fromhex("a003020102")
    assert unusable(west.der.replace(version, bytes.fromhex("a003020109"), 1)).startswith(
        "not a usable X.509 certificate: 9 is not a valid X509 version"
    )


def test_too_many_octets(west: Certificate) -> None:
    assert unusable(west.der.ljust(LARGEST + 1)) == (
        "certificate of 65537 octets, expected 65536 at most"
    )


@pytest.mark.parametrize("octets", [b"", b"\x30", b"\x30\x80", b"x" * 100])
def test_no_certificate_at_all(octets: bytes) -> None:
    assert unusable(octets)


@pytest.mark.parametrize("octets", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n", b"\xff" * 9])
def test_a_file_without_certificate(octets: bytes) -> None:
    with pytest.raises(UnusableCertificateError):
        Certificate.of_file(octets)


@settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_mutants_are_read_or_refused_and_never_more(west: Certificate, data: st.DataObject) -> None:
    octets = bytearray(west.der)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(octets) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set":
                octets[at] = data.draw(st.integers(0, 255))
            case "cut":
                del octets[at : at + data.draw(st.integers(1, 8))]
            case _:
                octets[at:at] = data.draw(st.binary(min_size=1, max_size=8))
    try:
        read = Certificate.of_der(bytes(octets))
    except UnusableCertificateError as refusal:
        said = refusal.reason
    else:
        said = str(read)
        read.carries(WEST)
    assert "\n" not in said
    assert len(said) < 300
