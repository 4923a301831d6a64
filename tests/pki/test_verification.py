"""A path is refused with the sentence that says why; certificates and lists are OpenSSL's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest

from isakmpd.pki.certificate import Certificate
from isakmpd.pki.revocation_list import RevocationList
from isakmpd.pki.rules import SOUND_ONLY, Rules
from isakmpd.pki.untrusted import Untrusted
from isakmpd.pki.verification import Authorities
from isakmpd.wire.numbers import NotifyType
from tests.pki.openssl_authority import AT, LEAF, ROOT, Authority, Workshop

WEAK = Rules(allow_weak=True)
WEST = "certificate C=SE, O=Example, CN=west"
CAN_BE_ALLOWED = "; [X509-certificates]:Allow-weak= yes would accept it"


@pytest.fixture(scope="module")
def root(workshop: Workshop) -> Authority:
    return workshop.root("Root", ROOT, "keyUsage=keyCertSign,cRLSign")


def refusal(judge: Callable[[], object]) -> tuple[str, NotifyType]:
    with pytest.raises(Untrusted) as refused:
        judge()
    return refused.value.reason, refused.value.notify


def judged(
    root: Authority,
    *chain: Certificate,
    lists: Sequence[RevocationList] = (),
    rules: Rules = SOUND_ONLY,
    at: datetime = AT,
) -> tuple[Certificate, ...]:
    return Authorities((root.certificate,), (), tuple(lists), rules).judge(
        chain[0], chain[1:], (), at
    )


def refused(
    root: Authority,
    *chain: Certificate,
    lists: Sequence[RevocationList] = (),
    rules: Rules = SOUND_ONLY,
    at: datetime = AT,
) -> tuple[str, NotifyType]:
    return refusal(lambda: judged(root, *chain, lists=lists, rules=rules, at=at))


def test_a_path_leads_from_leaf_to_root(root: Authority) -> None:
    leaf = root.issue("west", LEAF)
    assert judged(root, leaf) == (leaf, root.certificate)


def test_the_peer_may_send_what_is_in_between(root: Authority) -> None:
    middle = root.authority("Middle", ROOT)
    leaf = middle.issue("west", LEAF)
    assert judged(root, leaf, middle.certificate) == (leaf, middle.certificate, root.certificate)


def test_what_is_in_between_may_be_stored(root: Authority) -> None:
    middle = root.authority("Stored", ROOT)
    leaf = middle.issue("west", LEAF)
    trust = Authorities((root.certificate,), (middle.certificate,))
    assert trust.judge(leaf, (), (), AT) == (leaf, middle.certificate, root.certificate)


def test_a_root_of_2003_is_an_authority(workshop: Workshop) -> None:
    """Version 1, no basicConstraints, signed with MD5, serial number 0."""
    old = workshop.root("Old", md="md5")
    assert (old.certificate.version, old.certificate.serial) == (1, 0)
    assert judged(old, old.issue("west", LEAF))


# -- one test for each refusal: extensions, key, hash, the sentence ---------------------------


@pytest.mark.parametrize("rules", [SOUND_ONLY, WEAK])
def test_md5_is_refused_whatever_the_rules(root: Authority, rules: Rules) -> None:
    leaf = root.issue("west", LEAF, md="md5")
    assert refused(root, leaf, rules=rules) == (
        f"{WEST} is signed with MD5, which no tag allows",
        NotifyType.INVALID_CERTIFICATE,
    )


def test_sha1_is_refused_unless_allowed(root: Authority) -> None:
    leaf = root.issue("west", LEAF, md="sha1")
    assert refused(root, leaf) == (
        f"{WEST} is signed with SHA-1{CAN_BE_ALLOWED}",
        NotifyType.INVALID_CERTIFICATE,
    )
    assert judged(root, leaf, rules=WEAK)


def test_sha1_is_refused_in_between(root: Authority) -> None:
    middle = root.authority("Middle SHA-1", ROOT, md="sha1")
    reason, _ = refused(root, middle.issue("west", LEAF), middle.certificate)
    assert reason == (
        f"certificate C=SE, O=Example, CN=Middle SHA-1 is signed with SHA-1{CAN_BE_ALLOWED}"
    )


def test_rsa_of_1024_bits_is_refused_unless_allowed(root: Authority) -> None:
    leaf = root.issue("west", LEAF, key="rsa:1024")
    assert refused(root, leaf) == (
        f"{WEST} holds an RSA key of 1024 bits, expected 2048 at least{CAN_BE_ALLOWED}",
        NotifyType.INVALID_CERTIFICATE,
    )
    assert judged(root, leaf, rules=WEAK)


@pytest.mark.parametrize("rules", [SOUND_ONLY, WEAK])
@pytest.mark.parametrize("bits", [512, 1016])
def test_shorter_rsa_is_refused_whatever_the_rules(
    root: Authority, rules: Rules, bits: int
) -> None:
    leaf = root.issue("west", LEAF, key=f"rsa:{bits}")
    assert refused(root, leaf, rules=rules) == (
        f"{WEST} holds an RSA key of {bits} bits, expected 2048 at least",
        NotifyType.INVALID_CERTIFICATE,
    )


def test_the_key_of_the_root_counts(workshop: Workshop) -> None:
    small = workshop.root("Small", key="rsa:1024")
    leaf = small.issue("west", LEAF)
    assert refused(small, leaf)[0] == (
        "certificate C=SE, O=Example, CN=Small holds an RSA key of 1024 bits, "
        f"expected 2048 at least{CAN_BE_ALLOWED}"
    )
    assert judged(small, leaf, rules=WEAK)


@pytest.mark.parametrize("rules", [SOUND_ONLY, WEAK])
def test_an_elliptic_curve_below_224_bits_is_refused(root: Authority, rules: Rules) -> None:
    leaf = root.issue("west", LEAF, key="ec:prime192v1")
    assert refused(root, leaf, rules=rules) == (
        f"{WEST} holds an EC key of 192 bits, expected 224 at least",
        NotifyType.INVALID_CERTIFICATE,
    )


def test_a_dsa_key_is_refused(root: Authority) -> None:
    leaf = root.issue("west", LEAF, key="dsa")
    assert refused(root, leaf)[0] == f"{WEST} holds a DSA key, expected RSA or EC"


def test_a_leaf_that_may_not_sign(root: Authority) -> None:
    leaf = root.issue("west", LEAF, "keyUsage=keyEncipherment")
    assert refused(root, leaf) == (
        f"{WEST} may not sign: its keyUsage lacks digitalSignature and nonRepudiation",
        NotifyType.INVALID_CERTIFICATE,
    )


@pytest.mark.parametrize("usage", ["digitalSignature", "nonRepudiation,keyEncipherment"])
def test_a_leaf_that_may_sign(root: Authority, usage: str) -> None:
    assert judged(root, root.issue("west", LEAF, f"keyUsage={usage}"))


@pytest.mark.parametrize(
    "purpose",
    [
        *("anyExtendedKeyUsage", "serverAuth", "clientAuth", "1.3.6.1.5.5.7.3.5"),
        *("1.3.6.1.5.5.7.3.6", "1.3.6.1.5.5.7.3.7", "1.3.6.1.5.5.7.3.17", "1.3.6.1.5.5.8.2.2"),
    ],
)
def test_a_leaf_meant_for_ike(root: Authority, purpose: str) -> None:
    assert judged(root, root.issue("west", LEAF, f"extendedKeyUsage=codeSigning,{purpose}"))


def test_a_leaf_meant_for_something_else(root: Authority) -> None:
    leaf = root.issue("west", LEAF, "extendedKeyUsage=codeSigning")
    assert refused(root, leaf) == (
        f"{WEST} is not meant for IKE: its extendedKeyUsage is 1.3.6.1.5.5.7.3.3, "
        "expected ipsecIKE, serverAuth or clientAuth",
        NotifyType.INVALID_CERTIFICATE,
    )


@pytest.mark.parametrize(
    ("name", "extensions"),
    [
        ("Leaf", (LEAF,)),
        ("Plain", ()),
        ("Usage", (ROOT, "keyUsage=digitalSignature")),
    ],
)
def test_a_leaf_is_no_authority(root: Authority, name: str, extensions: tuple[str, ...]) -> None:
    middle = root.authority(name, *extensions)
    assert refused(root, middle.issue("west", LEAF), middle.certificate) == (
        f"certificate C=SE, O=Example, CN={name} is used as an authority's and is none: "
        "its basicConstraints lack CA:TRUE or its keyUsage lacks keyCertSign",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def test_a_path_longer_than_its_authority_allows(workshop: Workshop) -> None:
    short = workshop.root("Short", "basicConstraints=critical,CA:TRUE,pathlen:0")
    middle = short.authority("Below", ROOT)
    assert refused(short, middle.issue("west", LEAF), middle.certificate) == (
        "certificate C=SE, O=Example, CN=Short has more authorities below it than its "
        "pathLenConstraint of 0 allows",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def test_an_expired_certificate(root: Authority) -> None:
    leaf = root.issue("west", LEAF, start="20250101000000Z", end="20260102000000Z")
    assert refused(root, leaf) == (
        f"{WEST} expired 2026-01-02",
        NotifyType.INVALID_CERTIFICATE,
    )
    assert judged(root, leaf, at=datetime(2026, 1, 1, 12, tzinfo=UTC))


def test_the_time_is_the_one_given_in_whatever_zone(root: Authority) -> None:
    leaf = root.issue("west", LEAF, end="20260102000000Z")
    stockholm = ZoneInfo("Europe/Stockholm")
    assert judged(root, leaf, at=datetime(2026, 1, 2, 0, 30, tzinfo=stockholm))
    assert refused(root, leaf, at=datetime(2026, 1, 2, 1, 30, tzinfo=stockholm))


def test_a_certificate_of_the_future(root: Authority) -> None:
    leaf = root.issue("west", LEAF, start="20260801000000Z")
    assert refused(root, leaf)[0] == f"{WEST} is not valid before 2026-08-01"


def test_an_expired_authority(root: Authority) -> None:
    leaf = root.issue("west", LEAF, end="20300101000000Z")
    assert refused(root, leaf, at=datetime(2028, 1, 1, tzinfo=UTC))[0] == (
        "certificate C=SE, O=Example, CN=Root expired 2027-01-01"
    )


def test_an_unknown_authority(root: Authority, workshop: Workshop) -> None:
    stranger = workshop.root("Stranger", ROOT)
    leaf = stranger.issue("west", LEAF)
    assert refused(root, leaf) == (
        f"{WEST} is signed by unknown authority C=SE, O=Example, CN=Stranger",
        NotifyType.INVALID_CERT_AUTHORITY,
    )
    assert refused(root, leaf, stranger.certificate) == (
        f"{WEST} is signed by unknown authority C=SE, O=Example, CN=Stranger",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def test_a_self_signed_certificate(root: Authority, workshop: Workshop) -> None:
    own = workshop.root("Own", LEAF).certificate
    assert refused(root, own) == (
        "certificate C=SE, O=Example, CN=Own is self-signed, and in neither ca/ nor certs/",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def altered(certificate: Certificate) -> Certificate:
    return Certificate.of_der(certificate.der[:-1] + bytes([certificate.der[-1] ^ 1]))


def test_a_wrong_signature(root: Authority) -> None:
    assert refused(root, altered(root.issue("west", LEAF))) == (
        f"{WEST} is not signed by the key of C=SE, O=Example, CN=Root, "
        "which it names as its issuer",
        NotifyType.INVALID_CERTIFICATE,
    )


def test_self_signed_is_accepted_only_with_its_own_signature(workshop: Workshop) -> None:
    own = workshop.root("Alone", LEAF).certificate
    trust = Authorities(rules=Rules(accept_self_signed=True))
    trust.judge_self_signed(own, AT)
    reason, _ = refusal(lambda: trust.judge_self_signed(altered(own), AT))
    assert reason == (
        "certificate C=SE, O=Example, CN=Alone is not signed by the key of "
        "C=SE, O=Example, CN=Alone, which it names as its issuer"
    )


def test_a_critical_extension_nobody_knows(root: Authority) -> None:
    leaf = root.issue("west", LEAF, "1.2.3.4=critical,DER:0500")
    assert refused(root, leaf)[0] == f"{WEST}: unhandled critical extension"


def test_an_authority_limited_to_certain_names(root: Authority) -> None:
    limited = root.authority("Limited", ROOT, "nameConstraints=critical,permitted;DNS:example")
    good, bad = (
        limited.issue(name, LEAF, f"subjectAltName=DNS:{name}")
        for name in ("west.example", "west.evil")
    )
    assert judged(root, good, limited.certificate)
    assert refused(root, bad, limited.certificate) == (
        "certificate C=SE, O=Example, CN=west.evil: permitted subtree violation",
        NotifyType.INVALID_CERTIFICATE,
    )


def test_every_judgement_is_at_its_own_time(root: Authority) -> None:
    leaf = root.issue("west", LEAF, end="20260701000000Z")
    trust = Authorities((root.certificate,), (), (root.revocation_list(),))
    later = AT + timedelta(days=60)
    for at, passes in ((AT, True), (later, False), (AT, True)):
        if passes:
            assert trust.judge(leaf, (), (), at)
        else:
            assert (
                refusal(partial(trust.judge, leaf, (), (), at))[0] == f"{WEST} expired 2026-07-01"
            )


# -- revocation lists -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def revoker(workshop: Workshop) -> Authority:
    made = workshop.root("Revoker", ROOT, "keyUsage=keyCertSign,cRLSign")
    made.issue("revoked", LEAF)
    made.revoke("revoked")
    return made


REVOKED = (
    "certificate C=SE, O=Example, CN=revoked is revoked by C=SE, O=Example, CN=Revoker",
    NotifyType.INVALID_CERTIFICATE,
)


@pytest.mark.parametrize("identified", [False, True])
def test_a_revoked_certificate_with_and_without_key_identifier(
    revoker: Authority, identified: bool
) -> None:
    good, bad = revoker.issue("west", LEAF), certificate_of(revoker, "revoked")
    lists = [revoker.revocation_list(identified=identified)]
    assert (b"\x55\x1d\x23" in lists[0].der) is identified
    assert judged(revoker, good, lists=lists)
    assert refused(revoker, bad, lists=lists) == REVOKED


def certificate_of(authority: Authority, name: str) -> Certificate:
    return Certificate.of_file((authority.directory / f"{name}.crt").read_bytes())[0]


def test_a_revoked_authority(workshop: Workshop) -> None:
    top = workshop.root("Top", ROOT)
    middle = top.authority("Fallen", ROOT)
    leaf = middle.issue("west", LEAF)
    lists = [top.revocation_list(), middle.revocation_list()]
    assert judged(top, leaf, middle.certificate, lists=lists)
    top.revoke("Fallen")
    lists = [top.revocation_list(), middle.revocation_list()]
    assert refused(top, leaf, middle.certificate, lists=lists)[0] == (
        "certificate C=SE, O=Example, CN=Fallen is revoked by C=SE, O=Example, CN=Top"
    )


def test_every_authority_needs_a_list_where_there_is_one(
    root: Authority, revoker: Authority
) -> None:
    assert refused(root, root.issue("west", LEAF), lists=[revoker.revocation_list()]) == (
        f"{WEST} cannot be checked: there are revocation lists, "
        "but none of C=SE, O=Example, CN=Root",
        NotifyType.INVALID_CERTIFICATE,
    )


def test_a_list_out_of_date_is_named(revoker: Authority) -> None:
    lists = [revoker.revocation_list(end="20260301000000Z")]
    assert refused(revoker, revoker.issue("west", LEAF), lists=lists)[0] == (
        "revocation list crls/ca.crl of C=SE, O=Example, CN=Revoker is out of date since 2026-03-01"
    )


def test_a_list_of_the_future_is_named(revoker: Authority) -> None:
    lists = [revoker.revocation_list(start="20260701000000Z")]
    assert refused(revoker, revoker.issue("west", LEAF), lists=lists)[0] == (
        "revocation list crls/ca.crl of C=SE, O=Example, CN=Revoker is not valid before 2026-07-01"
    )


def wrongly_signed(listed: RevocationList) -> RevocationList:
    return RevocationList.of_der(listed.der[:-1] + bytes([listed.der[-1] ^ 1]), listed.path)


def test_a_wrongly_signed_list_is_named_and_does_not_open(revoker: Authority) -> None:
    lists = [wrongly_signed(revoker.revocation_list())]
    expected = (
        "revocation list crls/ca.crl of C=SE, O=Example, CN=Revoker "
        "is not signed by the authority's key"
    )
    leaf = revoker.issue("west", LEAF)
    assert refused(revoker, leaf, lists=lists)[0] == expected
    trust = Authorities((revoker.certificate,), (), tuple(lists))
    assert refusal(lambda: trust.judge_stored(leaf, AT))[0] == expected


def test_an_authority_that_may_not_revoke(workshop: Workshop) -> None:
    mute = workshop.root("Mute", ROOT, "keyUsage=keyCertSign")
    lists = [mute.revocation_list()]
    assert refused(mute, mute.issue("west", LEAF), lists=lists)[0] == (
        "revocation list crls/ca.crl of C=SE, O=Example, CN=Mute does not count: "
        "its authority's keyUsage lacks cRLSign"
    )


def test_a_list_of_the_peers_supplements_ours_and_never_replaces_them(
    workshop: Workshop, revoker: Authority
) -> None:
    earlier = workshop.root("Earlier", ROOT)
    leaf = earlier.issue("west", LEAF)
    before = replace(earlier.revocation_list(), path="")
    earlier.revoke("west")
    ours = earlier.revocation_list(start="20260201000000Z", end="20260301000000Z")
    anchors = (earlier.certificate, revoker.certificate)
    others = Authorities(anchors, (), (revoker.revocation_list(),))
    assert others.judge(leaf, (), (before,), AT)
    assert not Authorities(anchors)._supplements((before,))
    replacing = Authorities(anchors, (), (ours,))
    assert refusal(lambda: replacing.judge(leaf, (), (before,), AT))[0] == (
        "revocation list crls/ca.crl of C=SE, O=Example, CN=Earlier is out of date since 2026-03-01"
    )


# -- stored certificates: no path is needed ---------------------------------------------------


def test_a_stored_certificate_needs_no_authority(root: Authority) -> None:
    Authorities().judge_stored(root.issue("west", LEAF, md="sha1"), AT)


def test_a_stored_certificate_expires(root: Authority) -> None:
    leaf = root.issue("west", LEAF, end="20260102000000Z")
    assert refusal(lambda: Authorities().judge_stored(leaf, AT)) == (
        f"{WEST} expired 2026-01-02",
        NotifyType.INVALID_CERTIFICATE,
    )
    early = AT - timedelta(days=900)
    assert refusal(lambda: Authorities().judge_stored(leaf, early))[0] == (
        f"{WEST} is not valid before 2026-01-01"
    )


def test_a_stored_certificate_is_revoked(revoker: Authority) -> None:
    bad = certificate_of(revoker, "revoked")
    listed = revoker.revocation_list()
    for trust in (
        Authorities((), (), (listed,)),
        Authorities((revoker.certificate,), (), (listed,)),
    ):
        assert refusal(partial(trust.judge_stored, bad, AT)) == REVOKED


def test_a_stored_certificate_is_not_checked_against_an_outdated_list(revoker: Authority) -> None:
    listed = revoker.revocation_list(end="20260301000000Z")
    trust = Authorities((), (), (listed,))
    assert refusal(lambda: trust.judge_stored(revoker.issue("west", LEAF), AT))[0] == (
        "revocation list crls/ca.crl of C=SE, O=Example, CN=Revoker is out of date since 2026-03-01"
    )


def test_a_stored_certificate_with_a_weak_key(root: Authority) -> None:
    leaf = root.issue("west", LEAF, key="rsa:1024")
    assert refusal(lambda: Authorities().judge_stored(leaf, AT))[0] == (
        f"{WEST} holds an RSA key of 1024 bits, expected 2048 at least{CAN_BE_ALLOWED}"
    )
    Authorities(rules=WEAK).judge_stored(leaf, AT)
