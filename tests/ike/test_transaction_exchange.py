"""What holds for every transaction: proof, replay, duplicates, and how much is remembered."""

from __future__ import annotations

import pytest

from isakmpd.ike.mode_configuration import ANSWERED_LIMIT
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ConfigurationType, ExchangeType
from isakmpd.wire.payloads import AttributePayload
from tests.ike.daemon import Daemon
from tests.ike.peer_mode_config import Transaction, begun_by, given
from tests.ike.scenes import a_peer, agreed, begin_main_mode, joined, met
from tests.ike.test_mode_config import (
    ADDRESS,
    NAME_SERVER,
    TELLS,
    asked,
    assigned,
    client,
    configured,
)

T = ConfigurationType
WRONG_HASH_LENGTHS = [0, 1, 4, 19, 21, 32, 64]


@pytest.mark.parametrize("length", WRONG_HASH_LENGTHS)
def test_an_answer_with_another_length_of_hash_was_never_received(length: int) -> None:
    """The daemon goes on waiting, and takes the true one after it."""
    daemon, _, transaction = asked()
    before = transaction.iv
    assert daemon.hears(transaction.says(T.REPLY, ADDRESS, hash_octets=length)) == []
    assert "HASH of a transaction message is wrong" in daemon.log[-1]
    assert assigned(daemon) == []
    transaction.iv = before
    (qm1,) = daemon.hears(transaction.says(T.REPLY, ADDRESS, NAME_SERVER))
    assert decode_header(qm1)[0].exchange_type == ExchangeType.QUICK_MODE


@pytest.mark.parametrize("length", WRONG_HASH_LENGTHS)
def test_a_question_with_another_length_of_hash_makes_no_state(length: int) -> None:
    """Nor does it use up its message ID."""
    daemon, peer = met(configured(TELLS, ikecfg=False))
    before = daemon.engine.remembered
    assert daemon.hears(Transaction(peer).says(T.REQUEST, given(1), hash_octets=length)) == []
    assert daemon.engine.remembered == before
    transaction = Transaction(peer)
    reply = transaction.hears(daemon.answers(transaction.says(T.REQUEST, given(1))))
    assert reply.kind == T.REPLY


def test_a_replayed_set_changes_nothing() -> None:
    """A duplicate of the latest is answered as before; after that its message ID is spent."""
    daemon, peer = met(configured(None))
    first = Transaction(peer, message_id=1)
    recorded = first.says(T.SET, ADDRESS)
    ack = daemon.answers(recorded)
    assert daemon.hears(recorded) == [ack]
    second = Transaction(peer, message_id=2)
    daemon.answers(second.says(T.SET, given(1, b"\x0a\x09\0\6")))
    (after,) = assigned(daemon)
    requests = len(daemon.requests)
    assert daemon.hears(recorded) == [ack]  # as often as it asks within a minute, and no oftener
    daemon.passes(61.0)
    assert daemon.hears(recorded) == []
    assert assigned(daemon) == [after]
    assert len(daemon.requests) == requests


def test_a_repeated_set_troubles_the_stack_once() -> None:
    """What is in place already is only acknowledged."""
    daemon, peer = met(configured(None))
    for number in range(1, 5):
        transaction = Transaction(peer, message_id=number)
        assert transaction.hears(daemon.answers(transaction.says(T.SET, ADDRESS))).kind == T.ACK
    assert [type(request).__name__ for request in daemon.requests] == ["Assign"]


def test_the_answer_to_thousands_of_repeated_attributes_is_bounded() -> None:
    """A published fault of the original: each kind is answered once."""
    daemon, peer = met(configured(TELLS, ikecfg=False))
    transaction = Transaction(peer)
    request = transaction.says(T.REQUEST, *[given(kind) for kind in range(1, 17)] * 900)
    assert len(request) > 57_000
    answer = daemon.answers(request)
    assert len(transaction.hears(answer).attributes) == 15
    assert len(answer) < 300


def test_a_set_of_thousands_of_attributes_is_bounded() -> None:
    """One address, four servers, a few remarks, and an acknowledgement that names each once."""
    daemon, peer = met(configured(None))
    transaction = Transaction(peer)
    values = [given(kind, bytes([10, 0, number, 1])) for kind in (1, 3, 4) for number in range(250)]
    answer = daemon.answers(transaction.says(T.SET, *values, *[given(28673, b"x")] * 5000))
    assert [a.type for a in transaction.hears(answer).attributes] == [1, 3, 4]
    (assignment,) = assigned(daemon)
    assert len(assignment.addresses) == 1
    assert len(assignment.name_servers) == len(assignment.netbios_servers) == 4
    assert len([line for line in daemon.debug if "attribute" in line or "28673" in line]) < 30
    assert len(daemon.debug) < 80


def test_few_answered_transactions_are_remembered() -> None:
    """Of an ISAKMP SA; the oldest give way, and replies to their duplicates with them."""
    daemon, peer = met(configured(TELLS, ikecfg=False))
    before = daemon.engine.remembered
    requests = []
    for number in range(1, 5 * ANSWERED_LIMIT):
        transaction = Transaction(peer, message_id=number)
        requests.append(transaction.says(T.REQUEST, given(1)))
        daemon.answers(requests[-1])
    assert daemon.engine.remembered == before + ANSWERED_LIMIT
    assert daemon.hears(requests[0]) == []
    assert len(daemon.hears(requests[-1])) == 1
    daemon.passes(61.0)
    assert daemon.engine.remembered <= before


def test_who_asks_insists_and_who_answers_does_not() -> None:
    """The request goes out again as it was; the answer only for a duplicate."""
    daemon, peer = Daemon(client()), a_peer()
    request = begin_main_mode(daemon, peer)
    assert daemon.passes(8.0) == [(7.0, request)]
    transaction, _ = begun_by(request, peer)
    assert isinstance(peer.heard[-1].payloads[1], AttributePayload)
    daemon.hears(transaction.says(T.REPLY, ADDRESS))
    daemon, peer = met(configured(TELLS, ikecfg=False))
    daemon.answers(Transaction(peer).says(T.REQUEST, given(1)))
    assert daemon.passes(50.0) == []


def test_a_tunnel_does_not_notice_a_transaction() -> None:
    """It may come at any time."""
    daemon, peer, quick = joined(configured(TELLS, ikecfg=False))
    transaction = Transaction(peer)
    daemon.answers(transaction.says(T.REQUEST, given(1)))
    assert agreed(daemon, quick)
