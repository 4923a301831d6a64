"""Whose key speaks for whom: our own credential, a peer's certificate, a stored one, a raw key."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isakmpd.pki.certificate import Certificate
from isakmpd.pki.keyring import EMPTY, Keyring
from isakmpd.pki.keyring_files import Files, build
from isakmpd.pki.revocation_list import RevocationList
from isakmpd.pki.rules import SOUND_ONLY, Rules
from isakmpd.pki.untrusted import Unprovable, Untrusted, UnusableCertificateError
from isakmpd.wire.distinguished_names import der_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import AuthenticationMethod, IdType, NotifyType
from tests.pki.openssl_authority import AT, LEAF, ROOT, Authority, Workshop, openssl

RSA, EC = AuthenticationMethod.RSA_SIG, AuthenticationMethod.ECDSA_256
WEST, EAST = (Identity.of_name(IdType.FQDN, name) for name in ("west.example", "east.example"))
MAIL = Identity.of_name(IdType.USER_FQDN, "ann@example.org")
SAN = "subjectAltName=DNS:west.example,email:ann@example.org,IP:10.0.0.1,IP:2001:db8::1"


def distinguished(text: str) -> Identity:
    return Identity(IdType.DER_ASN1_DN, der_of(text))


@pytest.fixture(scope="module")
def root(workshop: Workshop) -> Authority:
    return workshop.root("Keyring root", ROOT)


@pytest.fixture(scope="module")
def west(root: Authority) -> Certificate:
    return root.issue("west", LEAF, SAN)


def keyring(files: Files, rules: Rules = SOUND_ONLY) -> Keyring:
    made, problems = build(files, rules)
    assert not problems
    return made


def trusting(root: Authority, rules: Rules = SOUND_ONLY, **more: object) -> Keyring:
    authorities = (("ca/root.crt", root.path.read_bytes()),)
    return keyring(Files(authorities=authorities, **more), rules)  # type: ignore[arg-type]


def stored(certificate: Certificate, name: str = "west") -> tuple[tuple[str, bytes], ...]:
    return ((f"certs/{name}.crt", certificate.der),)


def public(key: Path) -> bytes:
    return openssl("pkey", "-in", key, "-pubout")


def refused(
    ring: Keyring,
    *sent: Certificate,
    identity: Identity = WEST,
    method: AuthenticationMethod = RSA,
    lists: tuple[RevocationList, ...] = (),
) -> tuple[str, NotifyType]:
    with pytest.raises(Untrusted) as refusal:
        ring.prove(identity, method, sent, lists, AT)
    return refusal.value.reason, refusal.value.notify


def unprovable(ring: Keyring, identity: Identity, *methods: AuthenticationMethod) -> str:
    with pytest.raises(Unprovable) as refusal:
        ring.own(identity, methods or (RSA,))
    return refusal.value.reason


# -- theirs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "identity",
    [
        WEST,
        MAIL,
        Identity(IdType.IPV4_ADDR, bytes([10, 0, 0, 1])),
        Identity(IdType.IPV6_ADDR, bytes.fromhex("20010db8000000000000000000000001")),
        distinguished("C=SE, O=Example, CN=west"),
        distinguished("C=se, O=EXAMPLE, CN=West"),
    ],
)
def test_a_certificate_speaks_for_each_identity_in_it(
    root: Authority, west: Certificate, identity: Identity
) -> None:
    proven = trusting(root).prove(identity, RSA, (west,), (), AT)
    assert (proven.key, proven.source) == (west.public_key, "its certificate")
    assert proven.chain == (west, root.certificate)


@pytest.mark.parametrize(
    "identity",
    [
        EAST,
        Identity.of_name(IdType.FQDN, "west.example.evil"),
        Identity.of_name(IdType.FQDN, "west.exampl"),
        Identity.of_name(IdType.KEY_ID, "west.example"),
        Identity.of_name(IdType.USER_FQDN, "west.example"),
        distinguished("C=SE, O=Example"),
        distinguished("CN=west"),
    ],
)
def test_a_certificate_speaks_for_no_other(
    root: Authority, west: Certificate, identity: Identity
) -> None:
    reason, notify = refused(trusting(root), west, identity=identity)
    assert reason.startswith("certificate C=SE, O=Example, CN=west does not carry the identity ")
    assert reason.endswith(
        "it is sent with; it carries asn1_dn/C=SE, O=Example, CN=west, fqdn/west.example, "
        "ufqdn/ann@example.org, ipv4/10.0.0.1, ..."
    )
    assert notify is NotifyType.INVALID_ID_INFORMATION


def test_no_certificate_and_no_key(root: Authority) -> None:
    for ring in (trusting(root), EMPTY):
        assert refused(ring) == (
            "no certificate was sent with the identity fqdn/west.example, and neither certs/ "
            "nor pubkeys/ holds a key for it",
            NotifyType.CERTIFICATE_UNAVAILABLE,
        )


def test_without_authorities_nothing_is_believed(west: Certificate) -> None:
    assert refused(EMPTY, west) == (
        "no authority is in ca/ and no certificate in certs/ to judge its certificate by",
        NotifyType.INVALID_CERT_AUTHORITY,
    )


def test_a_certificate_of_another_kind_than_the_method(root: Authority, west: Certificate) -> None:
    assert refused(trusting(root), west, method=EC)[0] == (
        "certificate C=SE, O=Example, CN=west cannot sign with ECDSA_256: it holds an RSA 2048 key"
    )
    edwards = root.issue("edwards", LEAF, SAN, key="ed25519")
    assert refused(trusting(root), edwards)[0].startswith(
        "certificate C=SE, O=Example, CN=edwards cannot sign with RSA_SIG: it holds an Ed25519 key"
    )
    elliptic = root.issue("elliptic", LEAF, SAN, key="ec:prime256v1")
    assert trusting(root).prove(WEST, EC, (elliptic,), (), AT).key.methods == (EC,)


def test_a_stored_certificate_needs_none_sent_and_no_authority(west: Certificate) -> None:
    ring = keyring(Files(certificates=stored(west)))
    proven = ring.prove(WEST, RSA, (), (), AT)
    assert (proven.key, proven.source) == (west.public_key, "certs/west.crt")
    assert ring.prove(WEST, RSA, (west,), (), AT).source == "certs/west.crt"
    assert ring.knows(WEST)
    assert not ring.knows(EAST)


def test_a_stored_certificate_expires(root: Authority) -> None:
    old = root.issue("old", LEAF, SAN, end="20260102000000Z")
    assert refused(keyring(Files(certificates=stored(old))))[0] == (
        "certificate C=SE, O=Example, CN=old expired 2026-01-02"
    )


def test_a_certificate_renewed_at_the_peer_counts_by_its_authority(root: Authority) -> None:
    old = root.issue("renewed", LEAF, SAN, end="20260102000000Z")
    renewed = root.issue("renewed", LEAF, SAN, key="rsa:3072")
    ring = trusting(root, certificates=stored(old))
    assert ring.prove(WEST, RSA, (renewed,), (), AT).key == renewed.public_key


def test_a_raw_key(workshop: Workshop, root: Authority) -> None:
    key = public(workshop.key("rsa:2048", "raw"))
    ring = keyring(Files(public_keys=(("fqdn", "west.example", "pubkeys/fqdn/west.example", key),)))
    proven = ring.prove(WEST, RSA, (), (), AT)
    assert (proven.source, proven.chain) == ("pubkeys/fqdn/west.example", ())
    ring.still_good(proven, AT)
    assert ring.knows(WEST)
    with pytest.raises(Untrusted, match=r"fqdn/west\.example is no longer in pubkeys/fqdn/west"):
        EMPTY.still_good(proven, AT)
    assert refused(ring, method=EC) == (
        "the key stored for fqdn/west.example cannot sign with ECDSA_256",
        NotifyType.INVALID_KEY_INFORMATION,
    )
    # Its certificate tells another key: that one must be vouched for.
    assert refused(ring, root.issue("west", LEAF, SAN))[1] is NotifyType.INVALID_CERT_AUTHORITY


def test_a_weak_raw_key(workshop: Workshop) -> None:
    files = Files(
        public_keys=(
            ("fqdn", "west.example", "pubkeys/fqdn/west.example", public(workshop.key("rsa:1024"))),
        )
    )
    assert refused(keyring(files))[0] == (
        "pubkeys/fqdn/west.example holds an RSA key of 1024 bits, expected 2048 at least; "
        "[X509-certificates]:Allow-weak= yes would accept it"
    )
    assert keyring(files, Rules(allow_weak=True)).prove(WEST, RSA, (), (), AT)


def test_self_signed_only_where_allowed(workshop: Workshop, root: Authority) -> None:
    own = workshop.root("Self", LEAF, SAN).certificate
    assert "is self-signed" in refused(trusting(root), own)[0]
    ring = keyring(Files(), Rules(accept_self_signed=True))
    proven = ring.prove(WEST, RSA, (own,), (), AT)
    assert proven.source == "its self-signed certificate"
    ring.still_good(proven, AT)
    forged = Certificate.of_der(own.der[:-1] + bytes([own.der[-1] ^ 1]))
    assert "is not signed by the key of" in refused(ring, forged)[0]


def test_what_was_proven_ends_with_a_revocation_or_its_authority(workshop: Workshop) -> None:
    other = workshop.root("Ending", ROOT)
    leaf = other.issue("west", LEAF, SAN)
    proven = trusting(other).prove(WEST, RSA, (leaf,), (), AT)
    trusting(other).still_good(proven, AT)
    other.revoke("west")
    lists = (("crls/ca.crl", other.revocation_list().der),)
    with pytest.raises(Untrusted, match="CN=west is revoked by C=SE, O=Example, CN=Ending"):
        trusting(other, revocation_lists=lists).still_good(proven, AT)
    with pytest.raises(Untrusted, match="unknown authority C=SE, O=Example, CN=Ending"):
        trusting(workshop.root("Successor", ROOT)).still_good(proven, AT)


def mutant(octets: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    return bytes(changed)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_mutants_vouch_for_no_other_key_and_raise_nothing_else(
    chain: tuple[Keyring, Certificate, Certificate], data: st.DataObject
) -> None:
    ring, leaf, middle = chain
    victim = data.draw(st.sampled_from(["leaf", "middle"]))
    try:
        sent = [
            Certificate.of_der(mutant(each.der, data)) if name == victim else each
            for name, each in (("leaf", leaf), ("middle", middle))
        ]
        proven = ring.prove(WEST, RSA, sent, (), AT)
    except (Untrusted, UnusableCertificateError) as refusal:
        said = refusal.reason
    else:
        assert proven.key == leaf.public_key
        said = str(proven.chain[0])
    assert "\n" not in said
    assert len(said) < 1000


@pytest.fixture(scope="module")
def chain(root: Authority) -> tuple[Keyring, Certificate, Certificate]:
    middle = root.authority("Mutable", ROOT)
    return trusting(root), middle.issue("west", LEAF, SAN), middle.certificate


# -- ours -------------------------------------------------------------------------------------


def test_our_certificate_is_found_by_our_id(workshop: Workshop, west: Certificate) -> None:
    key = workshop.key()
    ring = keyring(
        Files(certificates=stored(west), private_key=("private/local.key", key.read_bytes()))
    )
    for identity in (WEST, MAIL):
        mine = ring.own(identity, (RSA,))
        assert (mine.identity, mine.chain, mine.remark) == (identity, (west,), "")
        assert west.public_key.verifies(bytes(20), mine.key.sign(bytes(20)))
    assert ring.can_sign(WEST) == (RSA,)
    assert "key=Private" not in repr(ring)


def test_our_name_goes_as_our_certificate_encodes_it(workshop: Workshop, root: Authority) -> None:
    leaf = root.issue("Name", LEAF)
    key = ("private/local.key", workshop.key().read_bytes())
    ring = keyring(Files(certificates=stored(leaf), private_key=key))
    mine = ring.own(distinguished("C=SE, O=example, CN=NAME"), (RSA,))
    assert mine.identity.data == leaf.subject
    assert unprovable(ring, distinguished("CN=other")) == (
        "no certificate in certs/ carries our ID asn1_dn/CN=other"
    )


def test_a_raw_key_proves_us_where_no_certificate_does(workshop: Workshop) -> None:
    files = Files(
        private_key=("private/local.key", workshop.key("rsa:2048", "raw").read_bytes()),
        private_keys=(
            ("west.example", "private/west.example", workshop.key("ec:prime256v1").read_bytes()),
        ),
    )
    ring = keyring(files)
    assert ring.can_sign(WEST) == (EC, RSA)
    assert ring.can_sign(EAST) == (RSA,)
    mine = ring.own(EAST, (RSA,))
    assert mine.chain == ()
    assert mine.remark == "no certificate in certs/ carries our ID fqdn/east.example"
    assert unprovable(ring, EAST, EC) == (
        "no private key for our ID fqdn/east.example can sign with ECDSA_256"
    )


def test_several_identities_with_a_key_each(workshop: Workshop, root: Authority) -> None:
    first = root.issue("first", LEAF, "subjectAltName=DNS:west.example", key="rsa:2048")
    second = root.issue("second", LEAF, "subjectAltName=DNS:east.example", key="ec:prime256v1")
    ring = keyring(
        Files(
            certificates=stored(first) + stored(second, "east"),
            private_keys=(
                ("west.example", "private/west.example", workshop.key().read_bytes()),
                ("k", "private/k", workshop.key("ec:prime256v1").read_bytes()),
            ),
        )
    )
    assert ring.own(WEST, (RSA, EC)).chain == (first,)
    assert ring.own(EAST, (RSA, EC)).chain == (second,)


def test_no_private_key(west: Certificate) -> None:
    ring = keyring(Files(certificates=stored(west)))
    assert unprovable(ring, WEST) == (
        "there is no private key to prove our ID fqdn/west.example with"
    )


def test_a_private_key_that_is_not_the_certificates(workshop: Workshop, west: Certificate) -> None:
    key = ("private/local.key", workshop.key("rsa:2048", "raw").read_bytes())
    ring = keyring(Files(certificates=stored(west), private_key=key))
    sentence = (
        "certificate C=SE, O=Example, CN=west carries our ID {}, "
        "but none of our private keys is its own"
    )
    assert ring.own(WEST, (RSA,)).remark == sentence.format("fqdn/west.example")
    name = "C=SE, O=Example, CN=west"
    assert unprovable(ring, distinguished(name)) == sentence.format(f"asn1_dn/{name}")


def test_our_chain_holds_what_is_between_and_not_the_root(
    workshop: Workshop, root: Authority
) -> None:
    middle = root.authority("Own middle", ROOT)
    leaf = middle.issue("west", LEAF, SAN)
    key = ("private/local.key", workshop.key().read_bytes())
    ours, between, top = stored(leaf), stored(middle.certificate), stored(root.certificate)
    for ring in (
        keyring(Files(private_key=key, certificates=ours + between, authorities=top)),
        keyring(Files(private_key=key, certificates=ours, authorities=top + between)),
        keyring(Files(private_key=key, certificates=ours + between)),
    ):
        assert ring.own(WEST, (RSA,)).chain == (leaf, middle.certificate)


def test_the_authority_a_peer_wants_decides(workshop: Workshop, root: Authority) -> None:
    wanted = workshop.root("Wanted", ROOT)
    middle = wanted.authority("Wanted middle", ROOT)
    ours = middle.issue("ours", LEAF, SAN)
    longer = root.issue("longer", LEAF, SAN, end="20280101000000Z")
    ring = keyring(
        Files(
            authorities=stored(root.certificate) + stored(wanted.certificate),
            certificates=stored(ours) + stored(longer) + stored(middle.certificate),
            private_key=("private/local.key", workshop.key().read_bytes()),
        )
    )
    assert ring.authorities == (root.certificate.subject, wanted.certificate.subject)
    assert ring.own(WEST, (RSA,)).chain == (longer,)
    assert ring.own(WEST, (RSA,), [wanted.certificate.subject]).chain[0] == ours
    assert ring.own(WEST, (RSA,), [middle.certificate.subject]).chain[0] == ours
    assert ring.own(WEST, (RSA,), [der_of("CN=nobody")]).chain == (longer,)
