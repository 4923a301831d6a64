"""Dead peer detection (RFC 3706), hardened: what counts as a sign of life, and what follows."""

from __future__ import annotations

import pytest

from isakmpd.ipsec.memory_packets import InnerPacket, Layer, MemoryEsp
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType, NotifyType
from isakmpd.wire.payloads import Notification
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.peer import Peer
from tests.ike.scenes import (
    a_peer,
    answer_main_mode,
    answer_quick_mode,
    begin_main_mode,
    begin_quick_mode,
    met,
    proposal,
)
from tests.ike.test_guards import LANS

THERE, ACK = NotifyType.R_U_THERE, NotifyType.R_U_THERE_ACK


def asks(peer: Peer, sequence: int, message_id: int) -> bytes:
    """An R-U-THERE."""
    return peer.protected(peer.notify(THERE, sequence.to_bytes(4)), message_id=message_id)


def questions(peer: Peer, sent: list[tuple[float, bytes]]) -> list[tuple[float, int]]:
    """When the daemon asked, and with which sequence number."""
    found = []
    for after, octets in sent:
        if decode_header(octets)[0].exchange_type == ExchangeType.INFO:
            for one in peer.informed(octets).all(Notification):
                if one.type == THERE:
                    found.append((after, int.from_bytes(one.data)))
    return found


def up(**tags: object) -> tuple[Daemon, Peer]:
    """A daemon that wants its tunnel up, and has it."""
    daemon = Daemon(configuration(answers=False, dpd=30, **tags))  # type: ignore[arg-type]
    peer = a_peer()
    qm1 = begin_main_mode(daemon, peer)
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, qm1)
    daemon.sent()
    return daemon, peer


@pytest.mark.parametrize(
    ("sequences", "answered"),
    [
        ((7, 8, 9), (True, True, True)),
        ((7, 7, 7), (True, True, True)),
        ((7, 6), (True, False)),
        ((0xFFFFFFFF, 0, 1), (True, True, True)),
        ((0, 0xFFFFFFFF), (True, False)),
    ],
    ids=["rising", "repeated", "falling", "begins again", "before the beginning"],
)
def test_sequence_numbers(sequences: tuple[int, ...], answered: tuple[bool, ...]) -> None:
    """They may repeat, and begin again after 2^32; what is older than the latest is refused."""
    daemon, peer = met()
    for number, (sequence, expected) in enumerate(zip(sequences, answered, strict=True)):
        answers = daemon.hears(asks(peer, sequence, 100 + number))
        assert bool(answers) is expected
        for answer in answers:
            assert peer.informed(answer).one(Notification).data == sequence.to_bytes(4)


@pytest.mark.parametrize("kind", [THERE, ACK, NotifyType.INITIAL_CONTACT])
@pytest.mark.parametrize("known", [True, False], ids=["cookies of an SA", "fresh cookies"])
def test_without_an_sa_nothing_is_touched(kind: NotifyType, known: bool) -> None:
    """The original crashed (REFERENCE 11.2 S1): one cleartext message with message ID 0."""
    daemon, peer = met()
    before = daemon.state()
    notify = peer.notify(kind, bytes(4))
    cookies = peer.cookies if known else (b"stranger", bytes(8))
    for message_id in (0, 5):
        message = peer.clear(
            notify, exchange=ExchangeType.INFO, message_id=message_id, cookies=cookies
        )
        assert daemon.hears(message) == []
    assert daemon.state() == before


def test_a_silent_peer_loses_its_sas_and_is_called_at_once() -> None:
    """Five questions, five seconds apart, all with one number; then phase 1 begins."""
    daemon, peer = up()
    sent = daemon.passes(60)
    asked = questions(peer, [each for each in sent if each[0] < 55])
    assert [after for after, _ in asked] == [30.0, 35.0, 40.0, 45.0, 50.0]
    assert len({sequence for _, sequence in asked}) == 1
    begun = [after for after, octets in sent if _first_of_phase1(octets)]
    assert begun == [55.0]
    assert not daemon.stack.sas
    assert daemon.stack.guards


def _first_of_phase1(octets: bytes) -> bool:
    return decode_header(octets)[0].exchange_type == ExchangeType.ID_PROT


def test_it_is_up_again_as_soon_as_the_peer_is() -> None:
    """A peer that was away for an hour and has lost its state: within one Check-interval."""
    daemon, _ = up()
    daemon.passes(3600)
    calls = [(after, octets) for after, octets in daemon.passes(75) if _first_of_phase1(octets)]
    assert calls, "Check-interval and its jitter"
    mm1 = calls[-1][1]
    peer = a_peer(cookie=b"reborn!!")
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(mm1))))
    qm1 = daemon.answers(peer.mm6(mm5))
    begin_quick_mode(daemon, proposal(peer), qm1)
    assert daemon.stack.flows


def test_esp_is_a_sign_of_life() -> None:
    """While packets arrive nobody asks."""
    daemon, peer = Daemon(configuration(dpd=30)), a_peer()
    answer_main_mode(daemon, peer)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    inbound = int.from_bytes(quick.their_spi)
    sa = next(sa for key, sa in daemon.stack.sas.items() if key.spi == inbound)
    inner = InnerPacket(LANS.remote[7], LANS.local[7], b"hello")
    for sequence in range(1, 10):
        assert questions(peer, daemon.passes(14)) == []
        layer = Layer(sa.key.protocol, inbound, sequence, sa.keys)
        daemon.stack.open(MemoryEsp(PEER, DAEMON, None, (layer,), inner), daemon.now)
    assert [after for after, _ in questions(peer, daemon.passes(31))] == [30.0]


def test_a_clock_that_jumps_breeds_no_storm() -> None:
    """Hours asleep: what is due happens once, and the tunnel comes back by itself."""
    daemon, _ = up()
    daemon.now += 5 * 3600
    daemon.engine.tick(daemon.now)
    daemon.settle()
    woken = daemon.sent()
    assert len(woken) <= 6
    assert len({send.octets for send in woken}) == len(woken)
    sent = daemon.passes(120)
    assert len(sent) <= 20
    begun = [octets for _, octets in [(0.0, w.octets) for w in woken] + sent]
    assert any(_first_of_phase1(octets) for octets in begun)


def test_a_clock_that_stands_still_or_goes_back_changes_nothing() -> None:
    daemon, _ = up()
    deadline = daemon.engine.deadline()
    for now in (daemon.now, daemon.now, daemon.now - 500):
        daemon.engine.tick(now)
        daemon.settle()
    assert daemon.sent() == []
    assert daemon.engine.deadline() == deadline
    assert daemon.stack.flows
