"""Moments in which two ends could part ways, each played on purpose.

Every one of them was found by a seed of test_storms, or by asking what the next seed could find.
"""

from functools import partial

import pytest

from isakmpd.ike.entropy import SeededEntropy
from isakmpd.simulation.agreement import count_sas, snapshot
from isakmpd.simulation.link import FAIR, Weather
from isakmpd.simulation.node import Node
from isakmpd.simulation.packets import Datagram, Packet
from isakmpd.simulation.traffic import Conversation
from tests.simulation.scenes import (
    Pair,
    assert_agreement,
    assert_one_of_each,
    long_lived,
    talk,
    two_gateways,
)

pytestmark = pytest.mark.simulation

# In fair weather a message takes 10 ms: main mode 60, then the three of quick mode.
QM1_SENT, QM2_SENT, QM3_SENT = 0.06, 0.07, 0.08


def delayed_at(pair: Pair, moment: float) -> None:
    """Send what is sent at a moment on a way that takes five seconds."""
    pair.world.run(moment - 0.005)
    pair.world.link.weather = Weather(delay=5.0)
    pair.world.run(moment + 0.005)
    pair.world.link.weather = FAIR


def isakmp_cookies(node: Node) -> tuple[bytes, bytes]:
    """Give the cookies of the only ISAKMP SA."""
    (sa,) = snapshot(node).isakmp_sas
    return sa.initiator_cookie, sa.responder_cookie


def test_a_delete_that_overtakes_the_last_message_wins() -> None:
    """The initiator takes down what the responder has not completed yet."""
    pair = long_lived("overtaken last")
    delayed_at(pair, QM3_SENT)
    assert pair.west.stack.flows
    assert not pair.east.stack.flows
    pair.west.teardown("lan")
    pair.wait(60)
    assert not pair.west.stack.sas
    assert not pair.east.stack.sas
    assert_agreement(pair)


def test_a_delete_that_overtakes_the_answer_wins() -> None:
    """The responder takes down what the initiator is about to complete."""
    pair = long_lived("overtaken answer")
    delayed_at(pair, QM2_SENT)
    pair.east.teardown("lan")
    pair.wait(5)
    assert pair.lines(pair.west, "the peer has deleted the SA before it was complete")
    assert_agreement(pair)


def test_a_packet_that_overtakes_the_last_message_arrives() -> None:
    """The initiator may send as soon as it has the answer: the responder is ready by then."""
    pair = two_gateways("overtaking packet")
    delayed_at(pair, QM3_SENT)
    west = Conversation(pair.world, pair.west, pair.east, 0.1)
    west.go_on(pair.world.now + 1)
    pair.wait(2)
    assert not pair.east.stack.flows, "the last message is still on its way"
    assert west.missing() == []


def test_late_messages_breed_no_others() -> None:
    """Messages take longer than the first wait, so that each is sent again for nothing."""
    pair = two_gateways("late", weather=Weather(delay=8.0))
    pair.wait(60)
    pair.world.link.weather = FAIR
    pair.wait(120)
    assert_one_of_each(pair)
    for node in pair:
        assert max(node.sent.values()) <= 3 * 3 + 6


def test_a_responder_that_never_hears_the_last_message_gives_up_at_both_ends() -> None:
    pair = long_lived("no last")
    pair.world.run(QM3_SENT - 0.005)
    pair.lose_everything(50)
    assert not pair.east.stack.sas
    pair.wait(180)
    assert_one_of_each(pair)


def test_an_initiator_that_never_hears_the_end_of_main_mode_is_found_out() -> None:
    """The responder thinks it has an ISAKMP SA, until nobody answers it."""
    pair = long_lived("no end")
    pair.world.run(0.045)
    pair.lose_everything(60)
    assert pair.lines(pair.east, "phase 1 done")
    assert not pair.lines(pair.west, "phase 1 done")
    pair.wait(180)
    assert_one_of_each(pair)


@pytest.mark.parametrize("side", ["west", "east"])
@pytest.mark.parametrize("told", [True, False], ids=["told", "Delete lost"])
@pytest.mark.parametrize("interval", [0.0, 1.0], ids=["silent LANs", "talking LANs"])
def test_ipsec_sas_do_not_stay_without_an_isakmp_sa(side: str, told: bool, interval: float) -> None:
    """One end deletes the ISAKMP SA alone; both soon share another, and the traffic goes on."""
    pair = long_lived("no channel")
    pair.wait(10)
    before = set(pair.west.stack.sas)
    node = pair.world.nodes[side]
    if not told:
        pair.world.link.weather = Weather(loss=1.0)
    assert node.engine.delete_sa(isakmp_cookies(node), None, pair.world.now)
    node.settle()
    pair.world.link.weather = FAIR
    if interval:
        west, east = talk(pair, interval, 180)
        assert west.missing() == east.missing() == []
        assert set(pair.west.stack.sas) == before, "the IPsec SAs stay"
    else:
        pair.wait(180)
    assert_one_of_each(pair)


def test_a_rekeying_waits_for_phase_1_where_there_is_none() -> None:
    """The ISAKMP SA ends before the IPsec SA; the new one begins by rekeying it."""
    pair = two_gateways("waits", phase_1="60", phase_2="100", dpd="0")
    pair.wait(5)
    west, east = talk(pair, 0.1, 600)
    assert west.missing() == east.missing() == []
    assert_agreement(pair)


def test_what_was_taken_down_stays_down_when_phase_1_is_done() -> None:
    pair = long_lived("taken down")
    pair.world.run(0.03)
    pair.west.teardown("lan")
    pair.wait(60)
    assert not pair.west.stack.sas
    assert not pair.east.stack.sas
    assert_agreement(pair)


def test_a_failed_phase_1_does_not_rekey_a_fresh_one() -> None:
    """West's own attempt stays unanswered, east's succeeds: that is enough."""
    pair = long_lived("enough", always_up=("west", "east"))
    pair.wait(400)
    for node in pair:
        assert len(pair.lines(node, "phase 1 done")) == 2  # one each, side by side
    assert_one_of_each(pair)


@pytest.mark.parametrize("dpd", ["0", "10"])
def test_no_sa_outlives_its_lifetime(dpd: str) -> None:
    """Nobody can rekey, because the link is cut; the SAs go when their time is up."""
    pair = two_gateways("time is up", phase_1="90", phase_2="60", dpd=dpd)
    pair.wait(5)
    assert pair.up
    pair.lose_everything(100)
    assert [count_sas(node) for node in pair] == [0, 0]
    assert not pair.west.stack.sas
    assert not pair.east.stack.sas


def test_a_replayed_datagram_changes_nothing_and_is_not_answered() -> None:
    """Everything either end ever received comes once more, an hour later."""
    recorded: list[tuple[Node, Datagram]] = []
    pair = long_lived("replay")
    for node in pair:
        _record(node, recorded)
    pair.wait(30)
    pair.west.teardown("lan")
    pair.wait(30)
    pair.west.establish("lan")
    pair.wait(90)
    assert_one_of_each(pair)
    sas = [set(node.stack.sas) for node in pair]
    sent = [node.sent.total() for node in pair]
    originals = list(recorded)
    assert len(originals) > 15
    for node, datagram in originals:
        begins = datagram.octets[8:16] == bytes(8)  # which may begin an exchange: see below
        if not begins:
            node.deliver(datagram)
    assert [node.sent.total() for node in pair] == sent
    assert [set(node.stack.sas) for node in pair] == sas
    assert_agreement(pair)


def _record(node: Node, recorded: list[tuple[Node, Datagram]]) -> None:
    deliver = node.deliver

    def record(packet: Packet) -> None:
        if isinstance(packet, Datagram):
            recorded.append((node, packet))
        deliver(packet)

    node.deliver = record  # type: ignore[method-assign]


def test_replayed_first_messages_leave_nothing_but_half_open_exchanges() -> None:
    """Each is answered once, as any stranger's is, and forgotten when its time is up."""
    recorded: list[tuple[Node, Datagram]] = []
    pair = long_lived("replayed first")
    _record(pair.east, recorded)
    pair.wait(90)
    first = next(datagram for _, datagram in recorded)
    sent = pair.east.sent.total()
    for _ in range(1000):
        pair.east.deliver(first)
    assert pair.east.sent.total() - sent <= 8
    pair.wait(300)
    assert_one_of_each(pair)


def test_garbage_is_logged_sparingly_and_disturbs_no_tunnel() -> None:
    pair = two_gateways("garbage", phase_1="90", phase_2="60")
    pair.wait(5)
    entropy = SeededEntropy("garbage")
    genuine: list[tuple[Node, Datagram]] = []
    _record(pair.east, genuine)
    pair.wait(60)
    genuine = list(genuine)

    def spoil(number: int) -> None:
        datagram = genuine[number % len(genuine)][1]
        octets = bytearray(datagram.octets)
        octets[entropy(1)[0] % len(octets)] ^= entropy(1)[0] | 1
        cut = len(octets) if number % 3 else entropy(1)[0] % len(octets)
        pair.east.deliver(Datagram(datagram.transport, bytes(octets[:cut])))

    for number in range(5000):
        pair.world.at(pair.world.now + number * 0.02, partial(spoil, number))

    lines = len(pair.east.log)
    west, east = talk(pair, 0.1, 200)
    assert west.missing() == east.missing() == []
    assert len(pair.east.log) - lines < 200 / 10 * 6 + 50, "a few lines in ten seconds"
    pair.wait(200)
    assert_agreement(pair)


def test_who_has_nothing_left_is_believed_though_his_first_word_is_lost() -> None:
    """INITIAL-CONTACT has no protected place in aggressive mode: a message of its own brings it."""
    pair = two_gateways(
        "lost contact", always_up=("east",), exchange="AGGRESSIVE", phase_1="86400", phase_2="86400"
    )
    pair.wait(5)
    pair.west.crash()
    pair.west.boot()
    pair.east.teardown_peer("peer")
    pair.wait(0.025)  # the responder has yet to receive the third message
    pair.lose_from(pair.west, 0.5)
    pair.wait(60)
    assert_one_of_each(pair)
