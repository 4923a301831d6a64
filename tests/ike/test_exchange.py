"""Retransmission, duplicates, losses and deadlines: the driver under both exchanges."""

from collections.abc import Callable

import pytest

from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType
from isakmpd.wire.payloads import Nonce
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.scenes import a_peer, agreed, begin_main_mode, converse, met, proposal

# A scene leads to a daemon that has just sent a message it must insist on, or none.
Scene = Callable[[], tuple[Daemon, bytes]]


def main_mode_1() -> tuple[Daemon, bytes]:
    daemon = Daemon(configuration(answers=False))
    return daemon, daemon.begins()


def main_mode_3() -> tuple[Daemon, bytes]:
    daemon = Daemon(configuration(answers=False))
    return daemon, daemon.answers(a_peer().mm2(daemon.begins()))


def main_mode_5() -> tuple[Daemon, bytes]:
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    return daemon, daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))


def quick_mode_1() -> tuple[Daemon, bytes]:
    daemon = Daemon(configuration(answers=False))
    return daemon, begin_main_mode(daemon, a_peer())


def quick_mode_2() -> tuple[Daemon, bytes]:
    daemon, peer = met()
    return daemon, daemon.answers(proposal(peer).qm1())


def main_mode_2() -> tuple[Daemon, bytes]:
    daemon = Daemon(configuration())
    return daemon, daemon.answers(a_peer().mm1())


def main_mode_4() -> tuple[Daemon, bytes]:
    daemon, peer = Daemon(configuration()), a_peer()
    return daemon, daemon.answers(peer.mm3(daemon.answers(peer.mm1())))


def main_mode_6() -> tuple[Daemon, bytes]:
    daemon, peer = Daemon(configuration()), a_peer()
    return daemon, daemon.answers(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))


def quick_mode_3() -> tuple[Daemon, bytes]:
    daemon = Daemon(configuration(answers=False))
    peer = a_peer()
    qm1 = begin_main_mode(daemon, peer)
    return daemon, daemon.answers(proposal(peer).qm2(qm1))


INSISTED_ON = [main_mode_1, main_mode_3, main_mode_5, quick_mode_1, quick_mode_2]
REPEATED_ONLY_FOR_A_DUPLICATE = [main_mode_2, main_mode_4, main_mode_6, quick_mode_3]


@pytest.mark.parametrize("scene", INSISTED_ON)
def test_the_schedule_of_retransmission(scene: Scene) -> None:
    """After 7, 9 and 11 seconds the same octets; 13 seconds later the exchange is given up."""
    daemon, message = scene()
    again = [(when, octets) for when, octets in daemon.passes(39.9) if octets == message]
    assert again == [(7.0, message), (16.0, message), (27.0, message)]
    assert daemon.log == []
    assert message not in [octets for _, octets in daemon.passes(0.2)]
    (line,) = daemon.log
    assert "giving up on exchange" in line
    assert f"no response from peer {PEER}:500" in line


@pytest.mark.parametrize("scene", REPEATED_ONLY_FOR_A_DUPLICATE)
def test_no_timer_repeats_the_message(scene: Scene) -> None:
    """Who waits for the other to insist is no amplifier."""
    daemon, message = scene()
    assert message not in [octets for _, octets in daemon.passes(119)]


@pytest.mark.parametrize("retransmits", [0, 1, 5])
def test_retransmits_decides_how_often(retransmits: int) -> None:
    """[General]:Retransmits."""
    general = f"Retransmits= {retransmits}"
    daemon = Daemon(configuration(answers=False, general=general))
    message = daemon.begins()
    sent = [octets for _, octets in daemon.passes(60) if octets == message]
    assert len(sent) == retransmits


def test_duplicates_are_answered_by_the_side_without_a_timer() -> None:
    """A lost MM2, MM4 or MM6: the initiator insists and gets the same octets again."""
    daemon, peer = Daemon(configuration()), a_peer()
    answer = b""
    for say in (lambda _: peer.mm1(), peer.mm3, peer.mm5):
        message = say(answer)
        answer = daemon.answers(message)
        assert daemon.hears(message) == [answer]
        assert daemon.hears(message) == [answer]
    peer.finish(answer)
    assert len(daemon.snapshot.isakmp_sas) == 1
    assert daemon.log == []


def test_duplicates_are_not_answered_by_the_side_with_a_timer() -> None:
    """Else two peers breed datagrams without end."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm2 = peer.mm2(daemon.begins())
    mm3 = daemon.answers(mm2)
    assert daemon.hears(mm2) == []
    mm4 = peer.mm4(mm3)
    mm5 = daemon.answers(mm4)
    assert daemon.hears(mm4) == []
    assert daemon.hears(mm2) == []
    mm6 = peer.mm6(mm5)
    qm1 = daemon.answers(mm6)
    assert daemon.hears(mm6) == [], "the last word is not answered"
    quick = proposal(peer)
    qm2 = quick.qm2(qm1)
    qm3 = daemon.answers(qm2)
    assert daemon.hears(qm2) == [qm3], "a lost QM3 is wanted again"


def test_a_duplicate_of_the_last_word_is_not_answered_by_the_responder() -> None:
    """QM3 that arrives twice says nothing new."""
    daemon, peer = met()
    quick = proposal(peer)
    qm1 = quick.qm1()
    qm2 = daemon.answers(qm1)
    assert daemon.hears(qm1) == [], "its timer insists on QM2"
    qm3 = quick.qm3(qm2)
    assert daemon.hears(qm3) == []
    assert daemon.hears(qm3) == []
    assert daemon.hears(qm1) == []
    assert agreed(daemon, quick)


def test_one_duplicate_does_not_echo_between_two_of_ours() -> None:
    """Two engines, the last message of each exchange doubled by the network: silence follows."""
    west = Daemon(configuration(answers=False))
    east = Daemon(configuration(mirrored=True), address=PEER)
    datagrams = converse(east, west, [west.begins()])
    assert len(datagrams) == 9
    assert len(west.snapshot.ipsec_sas) == len(east.snapshot.ipsec_sas) == 1
    for sender, octets in datagrams:
        receiver = east if sender is west else west
        echo = converse(receiver, sender, [octets])
        assert len(echo) <= 2, "the duplicate, and the one answer it may have"
        answers = [duplicate for _, duplicate in echo[1:]]
        assert answers == [] or answers[0] in [o for s, o in datagrams if s is receiver]


def test_an_old_message_of_the_exchange_is_ignored() -> None:
    """Reordered datagrams neither answer nor disturb."""
    daemon, peer = Daemon(configuration()), a_peer()
    mm1 = peer.mm1()
    mm3 = peer.mm3(daemon.answers(mm1))
    mm4 = daemon.answers(mm3)
    assert daemon.hears(mm1) == []
    mm5 = peer.mm5(mm4)
    mm6 = daemon.answers(mm5)
    assert daemon.hears(mm3) == []
    peer.finish(mm6)
    assert daemon.log == []


def test_answers_to_duplicates_are_bounded() -> None:
    """A message replayed a thousand times gets a handful of answers."""
    daemon = Daemon(configuration())
    mm1 = a_peer().mm1()
    answers = [daemon.hears(mm1) for _ in range(1000)]
    assert 4 <= sum(map(len, answers)) <= 8


def test_a_finished_exchange_answers_for_a_minute() -> None:
    """Then it is forgotten, and a late duplicate finds an SA that knows the message ID."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    qm1 = begin_main_mode(daemon, peer)
    qm2 = proposal(peer).qm2(qm1)
    qm3 = daemon.answers(qm2)
    daemon.passes(59)
    assert daemon.hears(qm2) == [qm3]
    daemon.passes(2)
    assert daemon.hears(qm2) == []
    assert daemon.log == []


def test_a_new_message_in_a_finished_exchange_is_dropped() -> None:
    """One line; the SA stays."""
    daemon, peer = met()
    before = daemon.state()
    daemon.hears(peer.seal((Nonce(bytes(16)),), peer.iv, ExchangeType.ID_PROT, 0))
    assert daemon.log == [
        f"dropped message from {PEER} port 500 due to notification type PAYLOAD_MALFORMED: a new "
        "message in a ID_PROT exchange that is over"
    ]
    assert daemon.state() == before


def test_a_responder_left_alone_gives_up_at_exchange_max_time() -> None:
    """One line, and nothing is left."""
    daemon, _ = main_mode_4()
    daemon.passes(119)
    assert daemon.log == []
    daemon.passes(2)
    (line,) = daemon.log
    assert "not finished after 120 s ([General]:Exchange-max-time)" in line
    daemon.passes(61)
    assert daemon.snapshot.exchanges == ()
    assert daemon.snapshot.timers == ()


def test_nobody_answers() -> None:
    """The initiator names what may be the matter, and tries again with a new cookie."""
    daemon = Daemon(configuration(answers=False))
    first = daemon.begins()
    daemon.passes(41)
    assert daemon.log == [
        f"peer: phase 1 with {PEER}:500 failed: giving up on exchange peer, no response from peer "
        f"{PEER}:500; nobody answers on UDP port 500: the peer is down or elsewhere "
        f"([peer]:Address decides), does not know {DAEMON} ([peer]:Local-address decides), or a "
        "firewall drops IKE"
    ]
    _, again = daemon.passes(10)[0]
    assert decode_header(again)[0].initiator_cookie != decode_header(first)[0].initiator_cookie
