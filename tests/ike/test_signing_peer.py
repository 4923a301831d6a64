"""Signatures with a peer that is not ours: what each message holds, and what it may not."""

from __future__ import annotations

from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from isakmpd.pki.keyring import Keyring
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType, PayloadType, Protocol
from isakmpd.wire.payloads import Certificate, CertificateRequest, Notification, Payload
from tests.ike.authority import ROOT, Authority, address, host, key_of, keyring, name
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase1
from tests.ike.peer_signatures import SigningPeer
from tests.ike.scenes import (
    answer_aggressive_mode,
    answer_main_mode,
    begin_aggressive_mode,
    begin_main_mode,
)

P = PayloadType
BETWEEN = Authority("Between", ROOT)
WEST = ROOT.issue("west", address(str(DAEMON)), host("west.example"))
EAST = ROOT.issue("east", address(str(PEER)), host("east.example"))


def rsa_key(owner: str) -> rsa.RSAPrivateKey:
    key = key_of(owner)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def a_signer(**tags: object) -> SigningPeer:
    """A peer with east's certificate that expects west's key."""
    given: dict[str, object] = {
        "signing_key": rsa_key("east"),
        "daemon_key": rsa_key("west").public_key(),
        "certificates": (EAST.public_bytes(Encoding.DER),),
    }
    return SigningPeer(PEER, DAEMON, offer=Phase1(authentication=3), **{**given, **tags})  # type: ignore[arg-type]


def daemon(
    *, begins: bool = False, exchange: str = "ID_PROT", tags: str = "", keys: Keyring | None = None
) -> Daemon:
    config = configuration(
        answers=not begins, transforms="AES-128-SHA-RSA_SIG", exchange=exchange, peer_tags=tags
    )
    return Daemon(config, keyring=keys or keyring(WEST, key=key_of("west")))


def kinds(payloads: tuple[Payload, ...]) -> list[PayloadType]:
    return [each.type_on_wire for each in payloads]


def test_main_mode_as_initiator() -> None:
    """HDR, KE, Ni, CERTREQ / HDR*, IDii, CERT, SIG_I."""
    ours, peer = daemon(begins=True), a_signer()
    begin_main_mode(ours, peer)
    _, mm3, mm5 = (chain.payloads for chain in peer.heard)
    assert kinds(mm3)[:3] == [P.KE, P.NONCE, P.CERTREQ]
    assert kinds(mm5) == [P.ID, P.CERT, P.SIG, P.NOTIFY]
    assert peer.requested == [ROOT.subject]
    assert peer.daemon_certificates == [WEST.public_bytes(Encoding.DER)]
    (sa,) = ours.snapshot.isakmp_sas
    assert str(sa.authentication) == "RSA_SIG"
    assert sa.proved_by == "certificate C=SE, O=Example, CN=east"
    assert ours.log == []


def test_main_mode_as_responder() -> None:
    """HDR, KE, Nr, CERTREQ / HDR*, IDir, CERT, SIG_R."""
    ours, peer = daemon(), a_signer()
    answer_main_mode(ours, peer)
    _, mm4, mm6 = (chain.payloads for chain in peer.heard)
    assert kinds(mm4)[:3] == [P.KE, P.NONCE, P.CERTREQ]
    assert kinds(mm6)[:3] == [P.ID, P.CERT, P.SIG]
    assert ours.log == []


@pytest.mark.parametrize("encrypted", [True, False])
def test_aggressive_mode_as_responder(encrypted: bool) -> None:
    """HDR, SA, KE, Nr, IDir, CERT, SIG_R / HDR[*], CERT, SIG_I."""
    ours, peer = daemon(exchange="AGGRESSIVE"), a_signer()
    answer_aggressive_mode(ours, peer, encrypted=encrypted)
    found = kinds(peer.heard[0].payloads)
    assert found[:4] == [P.SA, P.KE, P.NONCE, P.ID]
    assert found[-2:] == [P.CERT, P.SIG]
    assert P.CERTREQ in found
    assert len(ours.snapshot.isakmp_sas) == 1


def test_aggressive_mode_as_initiator() -> None:
    """HDR, SA, KE, Ni, IDii, CERTREQ / HDR*, CERT, SIG_I."""
    ours, peer = daemon(begins=True, exchange="AGGRESSIVE"), a_signer()
    begin_aggressive_mode(ours, peer)
    assert P.CERTREQ in kinds(peer.heard[0].payloads)
    assert kinds(peer.heard[1].payloads)[:2] == [P.CERT, P.SIG]
    assert len(ours.snapshot.isakmp_sas) == 1


def test_raw_keys_take_no_certificate() -> None:
    """Neither end sends one; the files name whose keys they are."""
    keys = keyring(key=key_of("west"), authorities=(), raw=[("ipv4", str(PEER), key_of("east"))])
    ours, peer = daemon(keys=keys), a_signer(certificates=())
    answer_main_mode(ours, peer)
    assert (peer.daemon_certificates, peer.requested) == ([], [])
    (sa,) = ours.snapshot.isakmp_sas
    assert sa.proved_by == "pubkeys/ipv4/192.0.2.2"


def test_a_chain_goes_along() -> None:
    """Leaf first, the root left out; the peer's intermediate is taken too."""
    leaf = BETWEEN.issue("west", address(str(DAEMON)))
    chain = [leaf.public_bytes(Encoding.DER), BETWEEN.certificate.public_bytes(Encoding.DER)]
    theirs = BETWEEN.issue("east", address(str(PEER)))
    ours = daemon(keys=keyring(leaf, BETWEEN.certificate, key=key_of("west")))
    peer = a_signer(certificates=(theirs.public_bytes(Encoding.DER), chain[1]))
    answer_main_mode(ours, peer)
    assert peer.daemon_certificates == chain
    assert len(ours.snapshot.isakmp_sas) == 1


def test_the_authority_the_peer_wants_decides() -> None:
    """Of two certificates for our ID the one under it, whichever is valid longer."""
    other = Authority("Other")
    second = other.issue("west", address(str(DAEMON)))
    keys = keyring(WEST, second, key=key_of("west"), authorities=(ROOT, other))
    for authority, sent in ((ROOT, WEST), (other, second)):
        ours, peer = daemon(keys=keys), a_signer()
        mm3 = peer.mm3(ours.answers(peer.mm1(CertificateRequest(4, authority.subject))))
        peer.finish(ours.answers(peer.mm5(ours.answers(mm3))))
        assert peer.daemon_certificates == [sent.public_bytes(Encoding.DER)]


@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
def test_our_distinguished_name_goes_out_as_certified(exchange: str) -> None:
    """To the octet, however the file spells it."""
    tags = "ID= us\nRemote-ID= them\n[us]\nID-type= DER_ASN1_DN\nName= /C=se/O=EXAMPLE/CN=west\n"
    tags += "[them]\nID-type= DER_ASN1_DN\nName= C=SE, O=Example, CN=*"
    own = Identity(IdType.DER_ASN1_DN, name("west").public_bytes())
    theirs = Identity(IdType.DER_ASN1_DN, name("east").public_bytes())
    ours, peer = daemon(exchange=exchange, tags=tags), a_signer(identity=theirs)
    if exchange == "ID_PROT":
        answer_main_mode(ours, peer)
    else:
        answer_aggressive_mode(ours, peer)
    assert peer.daemon_id == own
    (sa,) = ours.snapshot.isakmp_sas
    assert sa.initiator_id == "C=SE, O=Example, CN=east"


def test_other_certificate_encodings_are_passed_over() -> None:
    """Whoever debugs negotiation sees them."""
    ours, peer = daemon(), a_signer(others=(Certificate(11, b"KeyNote"), Certificate(2, b"PGP")))
    answer_main_mode(ours, peer)
    assert len(ours.snapshot.isakmp_sas) == 1
    assert [line for line in ours.debug if "encoding" in line]


FORGED: dict[str, dict[str, object]] = {
    "trailing octets": {"tail": b"\0" * 40},
    "another key's": {"signing_key": rsa_key("another")},
}


@pytest.mark.parametrize("case", FORGED)
def test_no_other_signature_passes(case: str) -> None:
    """Refused with one line, and without an SA."""
    ours, peer = daemon(), a_signer(**FORGED[case])
    told = ours.hears(peer.mm5(ours.answers(peer.mm3(ours.answers(peer.mm1())))))
    assert peer.read(told[0]).one(Notification).type == NotifyType.INVALID_SIGNATURE
    (line,) = ours.log
    assert "the signature of IPV4_ADDR 192.0.2.2 is wrong" in line
    assert ours.snapshot.isakmp_sas == ()


@pytest.mark.parametrize(
    "sent",
    [Certificate(4, b""), Certificate(4, b"\x30\x03\x02\x01\x01"), Certificate(1, b"junk")],
    ids=["empty", "no certificate", "no PKCS#7"],
)
def test_a_certificate_nobody_can_read_is_refused(sent: Certificate) -> None:
    """With a line, not a traceback."""
    ours, peer = daemon(), a_signer(others=(sent,))
    told = ours.hears(peer.mm5(ours.answers(peer.mm3(ours.answers(peer.mm1())))))
    assert peer.read(told[0]).one(Notification).type == NotifyType.INVALID_CERTIFICATE
    assert len(ours.log) == 1


@pytest.mark.parametrize("begins", [True, False])
def test_a_delete_right_after_phase_1_is_explained(begins: bool) -> None:
    """Other daemons say no more than that when they do not accept us."""
    ours, peer = daemon(begins=begins), a_signer()
    if begins:
        begin_main_mode(ours, peer)
    else:
        answer_main_mode(ours, peer)
    spi = b"".join(peer.cookies)
    ours.hears(peer.protected(peer.delete(Protocol.ISAKMP, spi), message_id=7))
    (line,) = ours.log
    assert "deletes the ISAKMP SA right after phase 1: the peer probably does not trust" in line


def test_a_forged_message_3_in_clear_counts_as_never_received() -> None:
    """Anybody could have sent it; the peer's own still comes through."""
    ours, peer = daemon(exchange="AGGRESSIVE"), a_signer()
    am2 = ours.answers(peer.am1())
    sound = peer.signing_key
    peer.signing_key = rsa_key("another")
    ours.hears(peer.am3(am2, encrypted=False))
    assert "proves nothing: the signature of IPV4_ADDR 192.0.2.2 is wrong" in ours.log[0]
    assert ours.snapshot.isakmp_sas == ()
    peer.signing_key = sound
    ours.hears(peer.am3(am2, encrypted=False))
    assert len(ours.snapshot.isakmp_sas) == 1


def test_more_certificates_than_any_chain_has_are_refused() -> None:
    """Before any of them is looked at twice."""
    many = tuple(Certificate(4, EAST.public_bytes(Encoding.DER)) for _ in range(17))
    ours, peer = daemon(), a_signer(others=many)
    ours.hears(peer.mm5(ours.answers(peer.mm3(ours.answers(peer.mm1())))))
    assert "more than 16 certificates" in ours.log[0]
    assert ours.snapshot.isakmp_sas == ()


@pytest.mark.parametrize("seed", range(8))
def test_mutated_certificates_are_refused(seed: int) -> None:
    """One line each at most, whatever octets change, and the daemon lives on."""
    random = Random(seed)
    sound = EAST.public_bytes(Encoding.DER)
    ours = daemon()
    for number in range(16):
        octets = bytearray(sound)
        for _ in range(random.randint(1, 3)):
            octets[random.randrange(len(octets))] ^= random.randint(1, 255)
        if random.random() < 0.2:
            del octets[random.randrange(len(octets)) :]
        peer = a_signer(certificates=(bytes(octets),), cookie=b"cookie%02d" % number)
        before = len(ours.log)
        ours.hears(peer.mm5(ours.answers(peer.mm3(ours.answers(peer.mm1())))))
        assert len(ours.log) - before <= 1  # a peer has its share of lines
        assert ours.snapshot.isakmp_sas == ()
        ours.passes(121.0)
    assert ours.log != []
    answer_main_mode(ours, a_signer())
    assert len(ours.snapshot.isakmp_sas) == 1
