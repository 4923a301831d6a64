"""ICMP errors explain a silence; they decide nothing, for anybody can send them."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from isakmpd.ike.unreachable import Unreachable
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.scenes import a_peer, begin_main_mode


@pytest.mark.parametrize("kind", Unreachable)
def test_the_sentence_at_the_end_says_what_icmp_said(kind: Unreachable) -> None:
    daemon = Daemon(configuration(answers=False))
    daemon.begins()
    daemon.engine.unreachable(PEER, 500, kind, daemon.now)
    sent = daemon.passes(33)
    assert [after for after, _ in sent] == [7.0, 16.0, 27.0], "all transmissions are made"
    daemon.passes(10)
    (line,) = [line for line in daemon.log if "giving up" in line]
    assert f"; ICMP says of UDP port 500 there: {kind.value}" in line


@pytest.mark.parametrize(
    ("remote", "port"), [(PEER, 4500), (IPv4Address("192.0.2.77"), 500)], ids=["port", "host"]
)
def test_errors_about_others_say_nothing(remote: IPv4Address, port: int) -> None:
    daemon = Daemon(configuration(answers=False))
    daemon.begins()
    daemon.engine.unreachable(remote, port, Unreachable.PORT, daemon.now)
    daemon.passes(60)
    assert not any("ICMP" in line for line in daemon.log)


def test_a_forged_error_ends_nothing() -> None:
    """Neither an exchange under way, nor an SA."""
    daemon = Daemon(configuration(answers=False))
    daemon.engine.unreachable(PEER, 500, Unreachable.PORT, daemon.now)
    begin_main_mode(daemon, a_peer())
    before = daemon.state()
    daemon.engine.unreachable(PEER, 500, Unreachable.HOST, daemon.now)
    daemon.settle()
    assert daemon.state() == before
