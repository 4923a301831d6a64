"""Read the certificates and revocation lists that CERT payloads carry (RFC 4945 section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from isakmpd.pki import der
from isakmpd.pki.certificate import Certificate
from isakmpd.pki.revocation_list import RevocationList
from isakmpd.pki.untrusted import UnusableCertificateError
from isakmpd.wire import payloads

PKCS7, X509_SIGNATURE, REVOCATION_LIST = 1, 4, 7  # RFC 2408 section 3.9
MOST_CERTIFICATES = 16
MOST_LISTS = 8
_LARGEST = 65536  # octets of one CERT payload
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_CERTIFICATES_OF_PKCS7, _LISTS_OF_PKCS7 = der.CONSTRUCTED, der.CONSTRUCTED + 1


@dataclass(frozen=True, slots=True)
class Received:
    """Hold what a peer sent, in its order."""

    certificates: tuple[Certificate, ...] = ()
    lists: tuple[RevocationList, ...] = ()


def received(sent: Iterable[payloads.Certificate]) -> Received:
    """Read CERT payloads; those of other encodings are passed over.

    At most MOST_CERTIFICATES certificates and MOST_LISTS lists are taken. Raises
    UnusableCertificateError for more, and for one that cannot be read.
    """
    certificates: list[Certificate] = []
    lists: list[RevocationList] = []
    for encoding, octets in _unpacked(sent):
        if encoding == X509_SIGNATURE:
            if len(certificates) == MOST_CERTIFICATES:
                raise UnusableCertificateError(
                    f"more than {MOST_CERTIFICATES} certificates were sent"
                )
            certificates.append(Certificate.of_der(octets))
        elif encoding == REVOCATION_LIST:
            if len(lists) == MOST_LISTS:
                raise UnusableCertificateError(f"more than {MOST_LISTS} revocation lists were sent")
            lists.append(RevocationList.of_der(octets))
    return Received(tuple(dict.fromkeys(certificates)), tuple(dict.fromkeys(lists)))


def _unpacked(sent: Iterable[payloads.Certificate]) -> Iterator[tuple[int, bytes]]:
    for each in sent:
        if len(each.data) > _LARGEST:
            raise UnusableCertificateError(
                f"CERT payload of {len(each.data)} octets, expected {_LARGEST} at most"
            )
        if each.encoding == PKCS7:
            yield from _inside_pkcs7(each.data)
        else:
            yield each.encoding, each.data


def _inside_pkcs7(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Give what a SignedData holds (RFC 2315 section 9.1); what it signs does not matter."""
    content = der.element(octets, "PKCS#7").children()
    if len(content) != 2 or content[0].content != _SIGNED_DATA:
        raise UnusableCertificateError("PKCS#7 of another type, expected signedData")
    signed_data = der.element(content[1].content, "PKCS#7 signedData")
    for part in signed_data.children():
        if part.tag == _CERTIFICATES_OF_PKCS7:
            yield from ((X509_SIGNATURE, each.whole) for each in part.children())
        elif part.tag == _LISTS_OF_PKCS7:
            yield from ((REVOCATION_LIST, each.whole) for each in part.children())
