"""A revocation list is read once; the latest of an authority counts."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isakmpd.pki.revocation_list import RevocationList, newest_of
from isakmpd.pki.untrusted import UnusableCertificateError
from tests.pki.openssl_authority import LEAF, ROOT, Authority, Workshop


@pytest.fixture(scope="module")
def root(workshop: Workshop) -> Authority:
    return workshop.root("Lists", ROOT)


def test_what_a_list_says(root: Authority, workshop: Workshop) -> None:
    gone = root.issue("gone", LEAF)
    root.revoke("gone")
    read = root.revocation_list("crls/lists.crl")
    assert read.issuer == root.certificate.subject
    assert read.revoked == {gone.serial}
    assert (read.this_update, read.next_update) == (
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )
    assert str(read) == "revocation list crls/lists.crl of C=SE, O=Example, CN=Lists"
    assert str(RevocationList.of_der(read.der)) == "revocation list of C=SE, O=Example, CN=Lists"
    assert read.is_signed_by(root.certificate)
    assert not read.is_signed_by(workshop.root("Lists of another", ROOT).certificate)
    assert not read.is_signed_by(root.issue("elliptic", LEAF, key="ec:prime256v1"))


def test_the_newest_counts(root: Authority) -> None:
    earlier, later = (
        root.revocation_list(f"crls/{month}", start=f"2026{month}01000000Z")
        for month in ("02", "03")
    )
    issuer = root.certificate.subject
    assert newest_of(issuer, (later, earlier)) is later
    assert newest_of(issuer, (earlier, later)) is later
    assert newest_of(issuer[:-1] + b"?", (earlier,)) is None


@pytest.mark.parametrize("octets", [b"", b"0", b"-----BEGIN X509 CRL-----\n?"])
def test_what_is_no_list(octets: bytes) -> None:
    with pytest.raises(UnusableCertificateError, match="usable"):
        RevocationList.of_file(octets, "crls/x")


def test_trailing_octets(root: Authority) -> None:
    with pytest.raises(UnusableCertificateError, match="not a usable revocation list: "):
        RevocationList.of_der(root.revocation_list().der + b"\0")


def test_a_version_that_does_not_exist(root: Authority) -> None:
    octets = root.revocation_list().der
    with pytest.raises(UnusableCertificateError, match="usable revocation list: 9 is not a valid"):
        RevocationList.of_der(octets.replace(b"\2\1\1\x30", b"\2\1\x09\x30", 1))


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_mutants_are_read_or_refused_and_never_signed_as_another(
    root: Authority, data: st.DataObject
) -> None:
    octets = bytearray(_sound_list(root).der)
    for _ in range(data.draw(st.integers(1, 3))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        read = RevocationList.of_der(bytes(octets))
    except UnusableCertificateError as refusal:
        said = refusal.reason
    else:
        said = str(read)
        if read.is_signed_by(root.certificate):
            # Not everything outside of what is signed is looked at, such as its unused bits.
            assert _facts(read) == _facts(_sound_list(root))
    assert "\n" not in said


def _facts(read: RevocationList) -> tuple[object, ...]:
    return read.issuer, read.this_update, read.next_update, read.revoked


@cache
def _sound_list(root: Authority) -> RevocationList:
    return root.revocation_list()
