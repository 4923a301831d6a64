"""CERT payloads of three encodings are read; too many, too large and broken ones are refused."""

from __future__ import annotations

import pytest

from isakmpd.pki.cert_payloads import MOST_CERTIFICATES, MOST_LISTS, Received, received
from isakmpd.pki.untrusted import UnusableCertificateError
from isakmpd.wire.payloads import Certificate as CertPayload
from tests.pki.openssl_authority import LEAF, ROOT, Authority, Workshop, openssl

PKCS7, X509, X509_FOR_KEY_EXCHANGE, LIST, KEYNOTE = 1, 4, 5, 7, 11


@pytest.fixture(scope="module")
def root(workshop: Workshop) -> Authority:
    made = workshop.root("Sender", ROOT)
    made.issue("west", LEAF)
    return made


def refusal(*payloads: CertPayload) -> str:
    with pytest.raises(UnusableCertificateError) as refused:
        received(payloads)
    return refused.value.reason


def test_certificates_and_lists_come_in_the_order_sent(root: Authority) -> None:
    west, listed = root.issue("west", LEAF), root.revocation_list()
    sent = [
        CertPayload(X509, west.der),
        CertPayload(KEYNOTE, b"whatever"),
        CertPayload(X509_FOR_KEY_EXCHANGE, b"whatever"),
        CertPayload(X509, root.certificate.der),
        CertPayload(X509, west.der),
        CertPayload(LIST, listed.der),
    ]
    assert received(sent) == Received((west, root.certificate), (listed,))


def test_pkcs7_holds_certificates_and_lists(root: Authority) -> None:
    listed = root.revocation_list()
    bag = openssl(
        *("crl2pkcs7", "-outform", "DER", "-in", root.directory / "list.crl"),
        *("-certfile", root.directory / "west.crt", "-certfile", root.path),
    )
    found = received([CertPayload(PKCS7, bag)])
    assert [str(each) for each in found.certificates] == [
        "C=SE, O=Example, CN=west",
        "C=SE, O=Example, CN=Sender",
    ]
    assert found.lists == (listed,)


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("", "PKCS#7 is 0 DER elements, expected one"),
        ("3000", "PKCS#7 of another type, expected signedData"),
        ("300f06092a864886f70d010701a0020400", "PKCS#7 of another type, expected signedData"),
        ("300d06092a864886f70d010702a000", "PKCS#7 signedData is 0 DER elements, expected one"),
        ("3005", "DER element of 5 octets where 0 are left"),
        ("3080", "DER element with a length that cannot be read"),
        ("30850000000000", "DER element with a length that cannot be read"),
        ("30", "DER ends within an element's header"),
    ],
)
def test_pkcs7_that_is_none(octets: str, reason: str) -> None:
    assert refusal(CertPayload(PKCS7, bytes.fromhex(octets))) == reason


def test_a_broken_certificate_is_refused(root: Authority) -> None:
    assert refusal(CertPayload(X509, root.certificate.der[:-1])).startswith(
        "not a usable X.509 certificate: "
    )
    assert refusal(CertPayload(LIST, root.certificate.der)).startswith(
        "not a usable revocation list: "
    )


def test_what_a_peer_sends_is_bounded(root: Authority) -> None:
    certificate = CertPayload(X509, root.certificate.der)
    listed = CertPayload(LIST, root.revocation_list().der)
    assert received([certificate] * MOST_CERTIFICATES + [listed] * MOST_LISTS)
    assert refusal(*[certificate] * (MOST_CERTIFICATES + 1)) == (
        "more than 16 certificates were sent"
    )
    assert refusal(*[listed] * (MOST_LISTS + 1)) == "more than 8 revocation lists were sent"
    assert refusal(CertPayload(X509, bytes(65537))) == (
        "CERT payload of 65537 octets, expected 65536 at most"
    )
    bag = openssl("crl2pkcs7", "-nocrl", "-outform", "DER", "-certfile", root.path)
    assert refusal(*[CertPayload(PKCS7, bag)] * (MOST_CERTIFICATES + 1)) == (
        "more than 16 certificates were sent"
    )
