"""Notices cross a socket whole; what is none, and who is gone, disturbs nobody."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator

import pytest

from isakmpd.daemon.notices import (
    LONGEST_NOTICE,
    MOST_AT_ONCE,
    Notice,
    NoticeReceiver,
    NoticeSender,
    unheard,
)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a channel: the daemon's and the monitor's."""
    pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with pair[0], pair[1]:
        yield pair


Ends = tuple[socket.socket, socket.socket]


def test_each_notice_arrives_with_its_text(ends: Ends) -> None:
    """In the order in which they were sent."""
    sender, receiver = NoticeSender(ends[0]), NoticeReceiver(ends[1])
    for notice in Notice:
        sender(notice, f"text of {notice}")
    sender(Notice.READY)
    expected = [(notice, f"text of {notice}") for notice in Notice]
    assert receiver.receive() == [*expected, (Notice.READY, "")]
    assert receiver.receive() == []
    assert receiver.open


@pytest.mark.parametrize("packet", [b"nonsense", b"READY=1", b"\xff\xfe", b" ready", b"ready\n"])
def test_what_is_no_notice_is_nothing(ends: Ends, packet: bytes) -> None:
    """A process that went astray says nothing in another's name."""
    receiver = NoticeReceiver(ends[1])
    ends[0].send(packet)
    ends[0].send(b"alive ")
    assert receiver.receive() == [(Notice.ALIVE, "")]


def test_many_are_taken_a_part_at_a_time(ends: Ends) -> None:
    """A process that sends without end does not hold its monitor."""
    sender, receiver = NoticeSender(ends[0]), NoticeReceiver(ends[1])
    for _ in range(MOST_AT_ONCE + 1):
        sender(Notice.ALIVE)
    assert len(receiver.receive()) == MOST_AT_ONCE
    assert len(receiver.receive()) == 1
    assert receiver.open


def test_a_text_is_one_short_line(ends: Ends) -> None:
    """So it cannot smuggle a line into what the service manager is told."""
    sender, receiver = NoticeSender(ends[0]), NoticeReceiver(ends[1])
    sender(Notice.READY, "up\nMAINPID=1")
    sender(Notice.READY, "x" * 5000)
    (_, forged), (_, long) = receiver.receive()
    assert forged == "up MAINPID=1"
    assert len(long) < LONGEST_NOTICE


def test_a_monitor_that_does_not_listen_blocks_nobody(ends: Ends) -> None:
    """Nor does one that is gone, which can be noticed."""
    sender = NoticeSender(ends[0])
    for _ in range(5000):
        sender(Notice.ALIVE)
    assert not select.select([sender], [], [], 0)[0]
    ends[1].close()
    sender(Notice.ALIVE)
    assert select.select([sender], [], [], 0)[0]


def test_the_monitor_hears_what_was_said_last_and_then_the_end(ends: Ends) -> None:
    """What came before the process died counts."""
    receiver = NoticeReceiver(ends[1])
    NoticeSender(ends[0])(Notice.STOPPING, "over")
    ends[0].close()
    assert receiver.receive() == [(Notice.STOPPING, "over")]
    assert not receiver.open


def test_nobody_need_listen() -> None:
    """A service without a monitor runs as well."""
    unheard(Notice.READY, "text")
