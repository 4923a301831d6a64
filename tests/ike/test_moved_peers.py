"""A NAT gives a peer another port or address: its SAs follow, for what is authentic and new."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import Direction
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.payloads import Notification
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase2
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import a_peer, answer_main_mode, answer_quick_mode, proposal
from tests.ike.test_road_warriors import NAT, OFFICE, Warrior, gateway

OTHER_NAT = IPv4Address("203.0.113.9")
HOME, MOVED = (NAT, 20001), (OTHER_NAT, 31000)
NO_DPD = (Vendor.NAT_T_RFC.value,)


def client() -> tuple[Daemon, Warrior, QuickMode]:
    """A client behind a NAT, connected."""
    daemon = Daemon(gateway())
    warrior = Warrior(daemon, 1, HOME[1], vendors=NO_DPD)
    warrior.meets()
    quick = warrior.joins(0x1001)
    daemon.sent()
    return daemon, warrior, quick


def places(daemon: Daemon) -> set[tuple[object, int]]:
    """Where the daemon's SAs lead, in the engine and in the stack, all of them."""
    seen = daemon.snapshot
    found: set[tuple[object, int]] = {sa.transport.place for sa in seen.isakmp_sas}
    for sa in daemon.stack.sas.values():
        outbound = sa.key.direction is Direction.OUTBOUND
        assert sa.udp
        found.add((sa.key.destination if outbound else sa.source, sa.udp.remote_port))
    keys = [key for bundle in daemon.stack.flows.values() for key in bundle]
    assert {key for key in keys if key not in daemon.stack.sas} == set()
    assert {p.outbound for p in seen.ipsec_sas} <= set(daemon.stack.sas.values())
    return found


def asks(warrior: Warrior, message_id: int, sequence: int = 7) -> bytes:
    """An R-U-THERE."""
    peer = warrior.peer
    question = peer.notify(NotifyType.R_U_THERE, sequence.to_bytes(4))
    return peer.protected(question, message_id=message_id)


def hears_from(daemon: Daemon, octets: bytes, place: tuple[IPv4Address, int]) -> list[bytes]:
    """Deliver a datagram to port 4500 that comes from somewhere."""
    return daemon.hears(octets, source=place[0], port=place[1], local_port=4500)


@pytest.mark.parametrize("place", [MOVED, (NAT, 20009)], ids=["elsewhere", "another port"])
def test_sas_follow_a_message_from_elsewhere(place: tuple[IPv4Address, int]) -> None:
    """Both ISAKMP SA and IPsec SAs; the answer already goes there."""
    daemon, warrior, _ = client()
    at = daemon.snapshot.isakmp_sas[0].transport.toward(place)
    daemon.engine.receive(asks(warrior, 21), at, daemon.now)
    daemon.settle()
    assert {send.transport.place for send in daemon.sent()} == {place}
    assert places(daemon) == {place}


def test_sas_follow_esp_from_elsewhere() -> None:
    daemon, _, quick = client()
    inbound = ipsec.SaKey(Direction.INBOUND, DAEMON, int.from_bytes(quick.their_spi))
    daemon.engine.on_stack(ipsec.PeerMoved(inbound, *MOVED), daemon.now)
    daemon.settle()
    assert places(daemon) == {MOVED}
    updates = [one for one in daemon.requests if isinstance(one, ipsec.UpdateSa)]
    assert len(updates) == 2


def test_quick_mode_from_elsewhere_makes_sas_that_lead_there() -> None:
    """Whether its first or its last message is the first to come from there."""
    for switches_at in (1, 3):
        daemon, warrior, _ = client()
        daemon.now += 10
        quick = QuickMode(
            warrior.peer,
            Phase2(),
            message_id=0x777,
            spi=b"\0\0\x30\3",
            ids=(Identity.of_address(warrior.inner), Identity.of_network(OFFICE)),
        )
        qm2 = hears_from(daemon, quick.qm1(), MOVED if switches_at == 1 else HOME)
        hears_from(daemon, quick.qm3(qm2[-1]), MOVED)
        assert len(daemon.snapshot.ipsec_sas) == 2
        assert places(daemon) == {MOVED}


def test_a_quick_mode_of_ours_goes_on_where_the_peer_is() -> None:
    """What is repeated is repeated there."""
    daemon, warrior, _ = client()
    daemon.engine.establish("dial-in", daemon.now)
    daemon.engine.teardown("dial-in", daemon.now)
    daemon.settle()
    daemon.engine.establish("dial-in", daemon.now)
    daemon.passes(0)
    daemon.sent()
    hears_from(daemon, asks(warrior, 22), MOVED)
    daemon.engine.tick(daemon.now + 8)
    daemon.settle()
    assert {send.transport.place for send in daemon.sent()} == {MOVED}


@pytest.mark.parametrize("forged", ["replayed", "in clear", "wrong HASH", "port 500"])
def test_nothing_else_moves_a_peer(forged: str) -> None:
    daemon, warrior, _ = client()
    question = asks(warrior, 23)
    if forged == "replayed":
        hears_from(daemon, question, HOME)
    elif forged == "in clear":
        peer = warrior.peer
        question = peer.clear(peer.notify(NotifyType.INVALID_COOKIE), message_id=24)
    elif forged == "wrong HASH":
        question = question[:-1] + bytes([question[-1] ^ 1])
    if forged == "port 500":
        daemon.hears(question, source=OTHER_NAT, port=500)
    else:
        hears_from(daemon, question, MOVED)
    assert places(daemon) == {HOME}


def test_without_a_nat_nobody_moves() -> None:
    """A peer that we see under its own address has no other."""
    daemon, peer = Daemon(configuration()), a_peer()
    answer_main_mode(daemon, peer)
    answer_quick_mode(daemon, proposal(peer))
    before = daemon.state()
    question = peer.notify(NotifyType.R_U_THERE, bytes(4))
    daemon.hears(peer.protected(question, message_id=5), source=OTHER_NAT)
    assert daemon.snapshot.isakmp_sas[0].transport.remote == PEER
    assert daemon.state() == before


def test_what_was_overtaken_does_not_lead_us_back() -> None:
    """A message sent before the move arrives after it; later the peer may really be back."""
    daemon, warrior, _ = client()
    late = asks(warrior, 25)
    hears_from(daemon, asks(warrior, 26), MOVED)
    hears_from(daemon, late, HOME)
    assert places(daemon) == {MOVED}
    daemon.passes(10)
    hears_from(daemon, asks(warrior, 27), HOME)
    assert places(daemon) == {HOME}


def test_it_is_the_same_peer_wherever_it_is() -> None:
    """A new phase 1 from where it has moved replaces the one from where it was."""
    daemon, warrior, _ = client()
    hears_from(daemon, asks(warrior, 28), MOVED)
    daemon.passes(10)
    again = Warrior(daemon, 2, MOVED[1], nat=OTHER_NAT, vendors=NO_DPD)
    again.meets(NotifyType.INITIAL_CONTACT)
    assert daemon.snapshot.ipsec_sas == ()
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_whoever_gets_the_place_that_was_left_is_another() -> None:
    daemon, warrior, _ = client()
    hears_from(daemon, asks(warrior, 29), MOVED)
    daemon.passes(10)
    neighbour = Warrior(daemon, 2, HOME[1], vendors=NO_DPD)
    neighbour.meets(NotifyType.INITIAL_CONTACT)
    neighbour.joins(0x2002)
    assert places(daemon) == {HOME, MOVED}
    assert len(daemon.stack.flows) == 2


def test_farewells_go_where_the_peer_is() -> None:
    daemon, warrior, _ = client()
    hears_from(daemon, asks(warrior, 30), MOVED)
    daemon.sent()
    daemon.engine.shutdown(daemon.now)
    daemon.settle()
    sent = daemon.sent()
    assert len(sent) == 2
    assert {send.transport.place for send in sent} == {MOVED}


def test_questions_go_where_the_peer_is() -> None:
    """Dead peer detection asks there, and its answer counts."""
    daemon = Daemon(gateway(dpd=30))
    warrior = Warrior(daemon, 1, HOME[1])
    warrior.meets()
    warrior.joins(0x1001)
    hears_from(daemon, asks(warrior, 31), MOVED)
    daemon.sent()
    sent = daemon.passes(31)
    question = warrior.peer.informed(sent[-1][1]).one(Notification)
    assert question.type == NotifyType.R_U_THERE
    ack = warrior.peer.notify(NotifyType.R_U_THERE_ACK, question.data)
    hears_from(daemon, warrior.peer.protected(ack, message_id=32), MOVED)
    assert places(daemon) == {MOVED}
    assert daemon.passes(29) == []


def test_keepalives_come_from_whoever_is_behind_a_nat() -> None:
    """Also from a responder (RFC 3948 section 4)."""
    seen_as = IPv4Address("198.51.100.1")
    daemon = Daemon(configuration())
    peer = a_peer(vendors=NO_DPD, remote_private_address=DAEMON)
    peer.remote = seen_as
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    peer.finish(daemon.answers(mm5, port=4500))
    assert daemon.snapshot.isakmp_sas[0].initiator is False
    daemon.passes(61)
    assert daemon.keepalives == 3


def test_a_question_held_back_moves_nobody() -> None:
    """Whoever kept one on its way, and lets it go later from a place of his own."""
    daemon, warrior, _ = client()
    held_back = asks(warrior, 21, sequence=7)
    hears_from(daemon, asks(warrior, 22, sequence=8), MOVED)
    daemon.passes(60)
    assert hears_from(daemon, held_back, (IPv4Address("203.0.113.66"), 666)) == []
    assert places(daemon) == {MOVED}
