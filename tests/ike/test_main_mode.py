"""Main mode with a pre-shared key, both roles, as the figure in RFC 2409 section 5.4."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from isakmpd.ike.phase1_proposal import offer
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    EncapsulationMode,
    EncryptionAlgorithm,
    ExchangeType,
    Flags,
    GroupDescription,
    HashAlgorithm,
    IdType,
    NotifyType,
    PayloadType,
)
from isakmpd.wire.payloads import (
    KeyExchange,
    NatDiscovery,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
    VendorId,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase1
from tests.ike.peer import Peer
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_main_mode,
    begin_main_mode,
    begin_quick_mode,
    joined,
    proposal,
)

AES = EncryptionAlgorithm.AES_CBC
TRIPLE_DES = EncryptionAlgorithm.TRIPLE_DES_CBC
G = GroupDescription
H = HashAlgorithm

# What the section is called, and what it means.
ALGORITHMS = {
    "AES-128-SHA": Phase1(),
    "AES-192-SHA": Phase1(key_length=192),
    "AES-256-SHA": Phase1(key_length=256),
    "3DES-SHA": Phase1(TRIPLE_DES, None),
    "AES-128-MD5": Phase1(hash=H.MD5),
    "AES-256-SHA2-256": Phase1(key_length=256, hash=H.SHA2_256),
    "AES-128-SHA2-384": Phase1(hash=H.SHA2_384),
    "AES-256-SHA2-512": Phase1(key_length=256, hash=H.SHA2_512),
    "3DES-MD5": Phase1(TRIPLE_DES, None, H.MD5),
    "AES-256-MD5": Phase1(key_length=256, hash=H.MD5),
    "AES-128-SHA-GRP1": Phase1(group=G.MODP_768),
    "AES-128-SHA-GRP2": Phase1(group=G.MODP_1024),
    "AES-128-SHA-GRP5": Phase1(group=G.MODP_1536),
    "AES-128-SHA-GRP14": Phase1(group=G.MODP_2048),
    "AES-128-SHA-GRP15": Phase1(group=G.MODP_3072),
    "AES-128-SHA-GRP16": Phase1(group=G.MODP_4096),
    "AES-128-SHA-GRP17": Phase1(group=G.MODP_6144),
    "AES-128-SHA-GRP18": Phase1(group=G.MODP_8192),
}


def kinds(payloads: tuple[Payload, ...]) -> list[PayloadType]:
    """The payload types, in the order sent."""
    return [payload.type_on_wire for payload in payloads]


@pytest.mark.parametrize("section", ALGORITHMS)
def test_the_daemon_answers(section: str) -> None:
    """Every algorithm: the proofs of both ends are right, which takes the same keys."""
    daemon, peer = Daemon(configuration(transforms=section)), a_peer(ALGORITHMS[section])
    answer_main_mode(daemon, peer)
    (sa,) = daemon.snapshot.isakmp_sas
    assert (sa.encryption, sa.hash, sa.group) == (
        peer.offer.encryption,
        peer.offer.hash,
        peer.offer.group,
    )
    assert sa.key_length == peer.offer.key_length
    assert daemon.log == []


@pytest.mark.parametrize("section", ALGORITHMS)
def test_the_daemon_begins(section: str) -> None:
    """Every algorithm the other way round, and quick mode follows by itself."""
    daemon = Daemon(configuration(answers=False, transforms=section))
    peer = a_peer(ALGORITHMS[section])
    qm1 = begin_main_mode(daemon, peer)
    assert decode_header(qm1)[0].exchange_type == ExchangeType.QUICK_MODE
    assert daemon.log == []


def test_what_the_initiator_sends() -> None:
    """HDR, SA / HDR, KE, Ni / HDR*, IDii, HASH_I."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    begin_main_mode(daemon, peer)
    mm1, mm3, mm5 = (chain.payloads for chain in peer.heard)
    assert kinds(mm1) == [PayloadType.SA, *[PayloadType.VENDOR] * (len(mm1) - 1)]
    announced = {payload.data for payload in mm1 if isinstance(payload, VendorId)}
    assert {Vendor.NAT_T_RFC.value, Vendor.DPD.value} <= announced
    assert kinds(mm3) == [PayloadType.KE, PayloadType.NONCE, *[PayloadType.NAT_D] * 2]
    assert kinds(mm5) == [PayloadType.ID, PayloadType.HASH, PayloadType.NOTIFY]


def test_what_the_responder_sends() -> None:
    """HDR, SA / HDR, KE, Nr / HDR*, IDir, HASH_R; the chosen transform as it was offered."""
    daemon, peer = Daemon(configuration()), a_peer()
    answer_main_mode(daemon, peer)
    mm2, mm4, mm6 = peer.heard
    assert mm2.body_of(SecurityAssociation) == peer.sa().body()
    assert {payload.data for payload in mm2.all(VendorId)} == set(peer.vendors)
    assert kinds(mm4.payloads) == [PayloadType.KE, PayloadType.NONCE, *[PayloadType.NAT_D] * 2]
    assert kinds(mm6.payloads) == [PayloadType.ID, PayloadType.HASH, PayloadType.NOTIFY]


def test_message_ids_are_zero_and_only_the_last_two_messages_are_encrypted() -> None:
    """RFC 2408 section 3.1 and RFC 2409 section 5."""
    daemon, peer = Daemon(configuration()), a_peer()
    mm2 = daemon.answers(peer.mm1())
    mm4 = daemon.answers(peer.mm3(mm2))
    mm6 = daemon.answers(peer.mm5(mm4))
    headers = [decode_header(octets)[0] for octets in (mm2, mm4, mm6)]
    assert [header.message_id for header in headers] == [0, 0, 0]
    assert [header.flags for header in headers] == [Flags.NONE, Flags.NONE, Flags.ENCRYPTION]
    assert {header.exchange_type for header in headers} == {ExchangeType.ID_PROT}


def test_nonces_and_cookies_are_fresh() -> None:
    """Two exchanges share nothing that should be unpredictable."""
    daemon = Daemon(configuration())
    seen = set()
    for cookie in (b"cookie 1", b"cookie 2"):
        peer = a_peer(cookie=cookie)
        answer_main_mode(daemon, peer)
        mm4 = peer.heard[1]
        seen |= {peer.cookies[1], mm4.one(Nonce).data, mm4.one(KeyExchange).value}
        assert len(mm4.one(Nonce).data) == 16
    assert len(seen) == 6


def test_a_transform_without_key_length_means_128_bits() -> None:
    """RFC 3602 section 5.3: a peer that leaves it out has AES-128."""
    daemon, peer = Daemon(configuration()), a_peer(Phase1(key_length=None))
    answer_main_mode(daemon, peer)
    assert daemon.snapshot.isakmp_sas[0].key_length is None


def test_the_first_acceptable_of_several_transforms_is_chosen() -> None:
    """The initiator's order decides, numbers are echoed."""
    daemon = Daemon(configuration(transforms="AES-256-SHA,3DES-SHA,AES-128-SHA"))
    peer = a_peer()
    ours = [Phase1(hash=H.MD5), Phase1(TRIPLE_DES, None), Phase1(key_length=256)]
    sa = replace(
        peer.sa(),
        proposals=(
            replace(
                peer.sa().proposals[0],
                transforms=tuple(
                    replace(peer.sa().proposals[0].transforms[0], number=7 + n, attributes=a)
                    for n, a in enumerate(o.attributes() for o in ours)
                ),
            ),
        ),
    )
    mm2 = peer.read(daemon.answers(peer.clear(sa)))
    (chosen,) = mm2.one(SecurityAssociation).proposals[0].transforms
    assert (chosen.number, chosen.attributes) == (8, ours[1].attributes())


def test_the_initiator_offers_all_its_transforms_and_takes_the_one_chosen() -> None:
    """One proposal, transforms numbered from 0 as the original does."""
    config = configuration(answers=False, transforms="AES-256-SHA2-256,3DES-SHA,AES-128-SHA")
    transforms = offer(config.peers["peer"]).proposals[0].transforms
    assert [transform.number for transform in transforms] == [0, 1, 2]
    daemon = Daemon(config)
    begin_main_mode(daemon, a_peer(Phase1(TRIPLE_DES, None)))
    assert daemon.snapshot.isakmp_sas[0].encryption == TRIPLE_DES


# Identities


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("", Identity.of_address(DAEMON)),
        (
            "ID= own\n[own]\nID-type= FQDN\nName= west.example",
            Identity(IdType.FQDN, b"west.example"),
        ),
        (
            "ID= own\n[own]\nID-type= USER_FQDN\nName= ike@west.example",
            Identity(IdType.USER_FQDN, b"ike@west.example"),
        ),
    ],
)
def test_the_identity_we_prove(tags: str, expected: Identity) -> None:
    """The configured one, else our address."""
    daemon, peer = Daemon(configuration(peer_tags=tags)), a_peer()
    answer_main_mode(daemon, peer)
    assert peer.daemon_id == expected


EXPECTS_EAST = "Remote-ID= theirs\n[theirs]\nID-type= FQDN\nName= east.example"


@pytest.mark.parametrize(
    ("identity", "shown"),
    [
        (Identity(IdType.FQDN, b"east.example.evil"), "FQDN east.example.evil"),
        (Identity(IdType.FQDN, b"east.exampl"), "FQDN east.exampl"),
        (Identity(IdType.FQDN, b"EAST.EXAMPLE"), "FQDN EAST.EXAMPLE"),
        (Identity(IdType.USER_FQDN, b"east.example"), "USER_FQDN east.example"),
        (Identity(IdType.KEY_ID, b"east.example"), f"KEY_ID {b'east.example'.hex()}"),
        (Identity.of_address(PEER), f"IPV4_ADDR {PEER}"),
    ],
)
def test_another_identity_than_remote_id_is_refused(identity: Identity, shown: str) -> None:
    """Type and full value count; the line names both and the tag that decides."""
    daemon = Daemon(configuration(peer_tags=EXPECTS_EAST))
    peer = a_peer(identity=identity)
    (notify,) = daemon.hears(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))
    assert peer.read(notify).one(Notification).type == NotifyType.INVALID_ID_INFORMATION
    assert daemon.log == [
        f"peer: phase 1 with {PEER}:500 failed: the peer proves to be {shown}, expected "
        "FQDN east.example ([peer]:Remote-ID decides)"
    ]
    assert daemon.snapshot.isakmp_sas == ()


def test_the_expected_identity_is_accepted() -> None:
    """The same bytes of the same type."""
    daemon = Daemon(configuration(peer_tags=EXPECTS_EAST))
    answer_main_mode(daemon, a_peer(identity=Identity(IdType.FQDN, b"east.example")))
    assert daemon.log == []


def test_an_initiator_that_refuses_the_identity_tells_the_peer_under_its_keys() -> None:
    """The responder holds the SA by then: it gets a protected Delete for it."""
    daemon = Daemon(configuration(answers=False, peer_tags=EXPECTS_EAST))
    peer = a_peer(identity=Identity(IdType.FQDN, b"west.example"))
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    (told,) = daemon.hears(peer.mm6(mm5))
    message = peer.informed(told)
    assert kinds(message.payloads) == [PayloadType.HASH, PayloadType.NOTIFY, PayloadType.DELETE]
    (line,) = daemon.log
    assert "FQDN west.example, expected FQDN east.example ([peer]:Remote-ID decides)" in line
    assert daemon.snapshot.isakmp_sas == ()


# NAT traversal (RFC 3947)


def test_no_nat_no_float() -> None:
    """NAT-D agrees on both sides: the exchange stays where it began and ESP travels bare."""
    daemon, _, _ = joined()
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.transport.remote_port == 500
    assert pair.outbound.udp is None


def test_no_nat_discovery_without_the_peers_vendor_id() -> None:
    """What the peer does not announce it does not get, even behind a NAT."""
    daemon, peer = (
        Daemon(configuration()),
        a_peer(vendors=(), private_address=IPv4Address("10.9.9.9")),
    )
    answer_main_mode(daemon, peer)
    assert [chain.all(NatDiscovery) for chain in peer.heard] == [[], [], []]
    assert [chain.all(VendorId) for chain in peer.heard] == [[], [], []]
    daemon = Daemon(configuration(answers=False))
    begin_main_mode(daemon, a_peer(vendors=()))
    assert daemon.snapshot.isakmp_sas[0].transport.remote_port == 500


def test_a_peer_behind_a_nat_floats_and_the_responder_follows() -> None:
    """MM5 comes from another port to 4500: from there on everything goes back there."""
    daemon, peer = Daemon(configuration()), a_peer(private_address=IPv4Address("10.9.9.9"))
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    peer.finish(daemon.answers(mm5, port=61234))
    (sa,) = daemon.snapshot.isakmp_sas
    assert (sa.transport.local_port, sa.transport.remote_port) == (4500, 61234)
    assert sa.transport.encapsulated
    assert daemon.verbose[-1] == "peer: the peer is behind a NAT, ESP travels in UDP"


def test_the_initiator_floats_with_message_5() -> None:
    """RFC 3947 section 4: the ports change as soon as NAT-D told of the NAT."""
    daemon = Daemon(configuration(answers=False))
    peer = a_peer(private_address=IPv4Address("10.9.9.9"))
    mm3 = daemon.answers(peer.mm2(daemon.begins()))
    daemon.hears(b"")
    (mm5,) = daemon.hears(peer.mm4(mm3))
    (qm1,) = daemon.hears(peer.mm6(mm5), port=4500)
    (sa,) = daemon.snapshot.isakmp_sas
    assert (sa.transport.local_port, sa.transport.remote_port) == (4500, 4500)
    quick = proposal(peer, replace(proposal(peer).offer, mode=EncapsulationMode.UDP_ENCAP_TUNNEL))
    quick.finish(daemon.answers(quick.qm2(qm1), port=4500))
    assert agreed(daemon, quick)
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.udp is not None
    assert (pair.outbound.udp.local_port, pair.outbound.udp.remote_port) == (4500, 4500)


def test_a_daemon_behind_a_nat_says_so_and_keeps_the_nat_open() -> None:
    """The peer hashes another address for our end: keepalives keep the mapping."""
    private = IPv4Address("10.8.8.8")
    daemon = Daemon(configuration(), address=private)
    peer = Peer(PEER, DAEMON, remote_private_address=private)
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    peer.finish(daemon.answers(mm5, port=4500))
    assert daemon.verbose[-1] == "peer: we are behind a NAT, ESP travels in UDP"
    daemon.passes(61)
    assert daemon.keepalives == 3


# INITIAL-CONTACT (RFC 2407 section 4.6.3.3)


def test_initial_contact_is_sent_to_a_peer_we_share_nothing_with() -> None:
    """The first main mode carries it, the next does not."""
    daemon, first = Daemon(configuration()), a_peer()
    answer_main_mode(daemon, first)
    daemon.passes(1)
    second = a_peer(cookie=b"cookie 2")
    answer_main_mode(daemon, second)
    said = [[n.type for n in peer.heard[2].all(Notification)] for peer in (first, second)]
    assert said == [[NotifyType.INITIAL_CONTACT], []]


def test_initial_contact_ends_what_was_shared_before_and_nothing_else() -> None:
    """Only older SAs of that very peer go."""
    daemon, _, _ = joined()
    daemon.passes(5)
    answer_main_mode(daemon, a_peer(cookie=b"cookie 2", notifies=(NotifyType.INITIAL_CONTACT,)))
    seen = daemon.snapshot
    assert [sa.initiator_cookie for sa in seen.isakmp_sas] == [b"cookie 2"]
    assert seen.ipsec_sas == ()
    assert daemon.stack.sas == {}


def test_initial_contact_of_another_identity_ends_nothing() -> None:
    """Two clients behind one address: one that starts anew does not cut off the other."""
    daemon, _, quick = joined()
    daemon.passes(5)
    other = a_peer(
        cookie=b"cookie 2",
        identity=Identity(IdType.FQDN, b"other.example"),
        notifies=(NotifyType.INITIAL_CONTACT,),
    )
    answer_main_mode(daemon, other)
    assert agreed(daemon, quick)
    assert len(daemon.snapshot.isakmp_sas) == 2


def test_initial_contact_without_the_key_ends_nothing() -> None:
    """The notify counts once its sender has proved the key."""
    daemon, _, _ = joined()
    before = daemon.state()
    thief = a_peer(cookie=b"cookie 2", key=b"guess", notifies=(NotifyType.INITIAL_CONTACT,))
    daemon.hears(thief.mm5(daemon.answers(thief.mm3(daemon.answers(thief.mm1())))))
    assert daemon.state() == before


def test_quick_mode_follows_main_mode() -> None:
    """Both roles' SAs in one piece: the daemon begins and all keys agree."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    qm1 = begin_main_mode(daemon, peer)
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, qm1)
    assert agreed(daemon, quick)
    (sa,) = daemon.snapshot.isakmp_sas
    (pair,) = daemon.snapshot.ipsec_sas
    cookies = f"{sa.initiator_cookie.hex()} {sa.responder_cookie.hex()}"
    spis = f"in {pair.inbound.key.spi:08x} out {pair.outbound.key.spi:08x}"
    assert daemon.verbose == [
        f"isakmpd: phase 1 done: initiator id {DAEMON}, responder id {PEER}, "
        f"src: {DAEMON} dst: {PEER}",
        f"peer: ISAKMP SA {cookies} with {PEER}:500: "
        "AES_CBC KEY_LENGTH 128 SHA PRE_SHARED MODP_1024, life 3600 s",
        f"isakmpd: quick mode done: src: {DAEMON} dst: {PEER}",
        f"lan: SA {spis} for 10.1.0.0/24 to 10.2.0.0/24: "
        "IPSEC_ESP AES KEY_LENGTH 128 HMAC_SHA TUNNEL MODP_1024, life 1200 s",
    ]


def test_only_what_proves_itself_moves_the_exchange() -> None:
    """Message 3 in clear from elsewhere is answered where message 1 came from."""
    daemon, peer = Daemon(configuration()), a_peer()
    mm2 = daemon.answers(peer.mm1())
    elsewhere = IPv4Address("198.51.100.7")
    mm3 = peer.mm3(mm2)
    daemon.engine.receive(mm3, Transport(DAEMON, 500, elsewhere, 61000), daemon.now)
    daemon.settle()
    (mm4,) = daemon.sent()
    assert (mm4.transport.remote, mm4.transport.remote_port) == (PEER, 500)
