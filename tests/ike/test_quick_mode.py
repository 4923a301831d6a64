"""Quick mode, both roles, as the figure in RFC 2409 section 5.5."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import Direction
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    GroupDescription,
    PayloadType,
    Protocol,
)
from isakmpd.wire.payloads import (
    Payload,
    SecurityAssociation,
)
from tests.ike.daemon import Daemon, configuration
from tests.ike.offers import Phase2
from tests.ike.scenes import (
    DAEMON_LAN,
    PEER_LAN,
    a_peer,
    agreed,
    answer_quick_mode,
    begin_quick_mode,
    begun,
    joined,
    met,
    proposal,
)

A = AuthenticationAlgorithm
G = GroupDescription
T = EspTransform

# What the suite is called, and what it means.
ALGORITHMS = {
    "QM-ESP-AES-128-SHA-SUITE": Phase2(group=None),
    "QM-ESP-AES-192-SHA-SUITE": Phase2(key_length=192, group=None),
    "QM-ESP-AES-256-SHA2-256-SUITE": Phase2(
        key_length=256, authentication=A.HMAC_SHA2_256, group=None
    ),
    "QM-ESP-AES-128-SHA2-384-SUITE": Phase2(authentication=A.HMAC_SHA2_384, group=None),
    "QM-ESP-AES-256-SHA2-512-SUITE": Phase2(
        key_length=256, authentication=A.HMAC_SHA2_512, group=None
    ),
    "QM-ESP-3DES-MD5-SUITE": Phase2(T.TRIPLE_DES, None, A.HMAC_MD5, group=None),
    "QM-ESP-3DES-SHA-PFS-GRP2-SUITE": Phase2(T.TRIPLE_DES, None),
    "QM-ESP-AESGCM-128-SUITE": Phase2(T.AES_GCM_16, 128, A.NONE, None),
    "QM-ESP-AESGCM-192-SUITE": Phase2(T.AES_GCM_16, 192, A.NONE, None),
    "QM-ESP-AESGCM-256-PFS-GRP14-SUITE": Phase2(T.AES_GCM_16, 256, A.NONE, G.MODP_2048),
    "QM-ESP-AES-128-SHA-PFS-SUITE": Phase2(),
    "QM-ESP-AES-128-SHA-PFS-GRP1-SUITE": Phase2(group=G.MODP_768),
    "QM-ESP-AES-128-SHA-PFS-GRP5-SUITE": Phase2(group=G.MODP_1536),
    "QM-ESP-AES-128-SHA-PFS-GRP14-SUITE": Phase2(group=G.MODP_2048),
    "QM-ESP-AES-128-SHA-PFS-GRP15-SUITE": Phase2(group=G.MODP_3072),
    "QM-ESP-AES-128-SHA-PFS-GRP16-SUITE": Phase2(group=G.MODP_4096),
    "QM-ESP-AES-128-SHA-PFS-GRP17-SUITE": Phase2(group=G.MODP_6144),
    "QM-ESP-AES-128-SHA-PFS-GRP18-SUITE": Phase2(group=G.MODP_8192),
}


def kinds(payloads: tuple[Payload, ...]) -> list[PayloadType]:
    """The payload types, in the order sent."""
    return [payload.type_on_wire for payload in payloads]


@pytest.mark.parametrize("suite", ALGORITHMS)
def test_the_daemon_answers(suite: str) -> None:
    """Every algorithm, with PFS and without: both ends derive the same keys."""
    daemon, peer = met(configuration(suites=suite))
    quick = proposal(peer, ALGORITHMS[suite])
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)
    assert daemon.log == []


@pytest.mark.parametrize("suite", ALGORITHMS)
def test_the_daemon_begins(suite: str) -> None:
    """The same the other way round."""
    daemon, peer, qm1 = begun(configuration(answers=False, suites=suite))
    quick = proposal(peer, ALGORITHMS[suite])
    begin_quick_mode(daemon, quick, qm1)
    assert agreed(daemon, quick)
    assert daemon.log == []


def test_what_the_initiator_sends() -> None:
    """HDR*, HASH(1), SA, Ni, KE, IDci, IDcr / HDR*, HASH(3)."""
    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, qm1)
    first, third = (chain.payloads for chain in peer.heard[-2:])
    assert kinds(first) == [
        PayloadType.HASH,
        PayloadType.SA,
        PayloadType.NONCE,
        PayloadType.KE,
        PayloadType.ID,
        PayloadType.ID,
    ]
    assert kinds(third) == [PayloadType.HASH]
    assert quick.ids == (DAEMON_LAN, PEER_LAN)
    header = decode_header(qm1)[0]
    assert header.message_id != 0
    assert header.encrypted


def test_what_the_responder_sends() -> None:
    """HDR*, HASH(2), SA, Nr, KE, IDci, IDcr; the chosen transform as it was offered."""
    _, peer, quick = joined()
    (second,) = peer.heard[-1:]
    assert kinds(second.payloads)[:3] == [PayloadType.HASH, PayloadType.SA, PayloadType.NONCE]
    (answer,) = second.one(SecurityAssociation).proposals
    assert answer.transforms[0].attributes == quick.offer.attributes()
    assert len(answer.spi) == 4
    assert answer.spi != quick.spi


def test_the_inbound_sa_exists_before_the_answer_leaves() -> None:
    """The peer may send on it the moment it has the answer."""
    daemon, peer = met()
    daemon.answers(proposal(peer).qm1())
    assert [key.direction for key in daemon.stack.sas] == [Direction.INBOUND]


def test_the_initiator_installs_both_before_its_last_message_leaves() -> None:
    """The responder may send on the SA the moment it has QM3."""
    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    quick.finish(daemon.answers(quick.qm2(qm1)))
    kinds_of = [type(request) for request in daemon.requests]
    assert kinds_of.count(ipsec.InstallSa) == 2
    assert agreed(daemon, quick)


def test_the_connection_is_found_by_both_ids() -> None:
    """And names the SAs."""
    daemon, _, _ = joined()
    assert [pair.name for pair in daemon.snapshot.ipsec_sas] == ["lan"]
    (flow,) = daemon.stack.flows
    assert (flow.selector.local, flow.selector.remote) == (
        IPv4Network("10.1.0.0/24"),
        IPv4Network("10.2.0.0/24"),
    )


def test_the_replay_window_is_on_in_both_roles() -> None:
    """CVE-2006-4436: whoever answered had none."""
    answered, _, _ = joined()
    begins, peer, qm1 = begun()
    begin_quick_mode(begins, proposal(peer), qm1)
    for daemon in (answered, begins):
        assert {sa.replay_window >= 16 for sa in daemon.stack.sas.values()} == {True}


# Lifetimes


@pytest.mark.parametrize(
    ("seconds", "kilobytes", "life", "octets"),
    [
        (600, None, 600, 0),
        (None, 1000, None, 1024000),
        (600, 1000, 600, 1024000),
        (None, None, 1200, 0),
        (70000, None, 70000, 0),
    ],
)
def test_lifetimes(
    seconds: int | None, kilobytes: int | None, life: int | None, octets: int
) -> None:
    """What the peer asks within our range holds; kilobytes become the stack's octets."""
    daemon, peer = met()
    quick = proposal(peer, Phase2(seconds=seconds, kilobytes=kilobytes))
    answer_quick_mode(daemon, quick)
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.expiry.hard_in == (1200 if seconds is None else life)
    assert pair.outbound.hard_octets == pair.inbound.hard_octets == octets
    assert pair.outbound.soft_octets <= octets * 0.9


def test_an_sa_is_deleted_at_the_end_of_its_life() -> None:
    """Hard expiry tells the peer."""
    daemon, peer = met()
    quick = proposal(peer, Phase2(seconds=100))
    answer_quick_mode(daemon, quick)
    sent = daemon.passes(100)
    assert daemon.stack.sas == {}
    assert [time for time, _ in sent] == [100]


# Several hosts and addresses


def test_esp_in_udp_is_proposed_and_accepted_behind_a_nat() -> None:
    """Encapsulation mode 3 (RFC 3947 section 5.1); a peer that says 1 cannot mean bare ESP."""
    daemon, peer = Daemon(configuration()), a_peer(private_address=IPv4Address("10.9.9.9"))
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    peer.finish(daemon.answers(mm5, port=4500))
    for mode in (
        EncapsulationMode.UDP_ENCAP_TUNNEL,
        EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
        EncapsulationMode.TUNNEL,
    ):
        quick = proposal(peer, Phase2(mode=mode), message_id=int(mode), spi=(mode << 8).to_bytes(4))
        answer_quick_mode(daemon, quick, port=4500)
        assert agreed(daemon, quick)
        assert daemon.snapshot.ipsec_sas[-1].outbound.udp == ipsec.UdpEncapsulation(4500, 4500)
        assert daemon.snapshot.ipsec_sas[-1].outbound.mode == EncapsulationMode.TUNNEL


# Rekeying


def test_the_peer_may_rekey_twice_before_it_deletes() -> None:
    """Every pair works until the peer deletes it; the newest carries what we send."""
    daemon, peer, first = joined()
    second, third = (
        proposal(peer, message_id=number, spi=number.to_bytes(4)) for number in (0x222, 0x333)
    )
    answer_quick_mode(daemon, second)
    answer_quick_mode(daemon, third)
    assert agreed(daemon, third)
    assert len(daemon.snapshot.ipsec_sas) == 3
    for number, quick in enumerate((first, second), 77):
        delete = peer.delete(Protocol.IPSEC_ESP, quick.spi)
        daemon.hears(peer.protected(delete, message_id=number))
    assert agreed(daemon, third)
    assert len(daemon.snapshot.ipsec_sas) == 1


def test_the_second_proposal_is_taken_where_the_first_will_not_do() -> None:
    """Proposal and transform numbers come back as they were offered."""
    daemon, peer = met()
    quick = proposal(peer)
    sa, *rest = quick.payloads()
    assert isinstance(sa, SecurityAssociation)
    (good,) = sa.proposals
    bad = replace(
        good, transforms=(replace(good.transforms[0], attributes=Phase2(group=None).attributes()),)
    )
    both = (bad, replace(good, number=2, spi=b"\x0b\xad\xf0\x0d"))
    answer = quick.read(daemon.answers(quick.qm1((replace(sa, proposals=both), *rest))))
    assert [proposal.number for proposal in answer.one(SecurityAssociation).proposals] == [2]


def test_two_esp_suites_may_differ_in_group_and_the_first_is_offered() -> None:
    """One offer has one KE payload; the other suite is still accepted from the peer."""
    suites = "QM-ESP-AES-128-SHA-PFS-SUITE,QM-ESP-AES-256-SHA-SUITE"
    daemon, peer, qm1 = begun(configuration(answers=False, suites=suites))
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, qm1)
    assert agreed(daemon, quick)
    (offered,) = peer.heard[-2].one(SecurityAssociation).proposals
    assert offered.transforms[0].attributes[-2:] == Phase2().attributes()[-2:]
    other = proposal(peer, Phase2(key_length=256, group=None), spi=b"\0\0\1\1")
    answer_quick_mode(daemon, other)
    assert agreed(daemon, other)
