"""With Acquire-Only SAs are installed as ever, and flows and guards are somebody else's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from isakmpd.config.model import Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import Direction
from tests.ike.daemon import Daemon, configuration
from tests.ike.peer import Peer
from tests.ike.scenes import a_peer, answer_quick_mode, begin_main_mode, begin_quick_mode, proposal

ANOTHERS = (ipsec.InstallFlow, ipsec.RemoveFlow, ipsec.Guard, ipsec.Unguard)


def tagged(config: Configuration, *, on: bool = True) -> Configuration:
    """The configuration with [General]:Acquire-Only, or without it."""
    return replace(config, general=replace(config.general, acquire_only=on))


def up(config: Configuration, *, acquire_only: bool = False) -> tuple[Daemon, Peer]:
    """A daemon whose listed connection is up."""
    daemon, peer = Daemon(config, acquire_only=acquire_only), a_peer()
    qm1 = begin_main_mode(daemon, peer)
    begin_quick_mode(daemon, proposal(peer), qm1)
    return daemon, peer


def anothers(daemon: Daemon, since: int = 0) -> list[str]:
    """The requests about flows and guards, by name, in order."""
    return [type(one).__name__ for one in daemon.requests[since:] if isinstance(one, ANOTHERS)]


LISTED = configuration(answers=False)
NO_LOCAL_ID = replace(
    LISTED, connections={"lan": replace(LISTED.connections["lan"], local=None, remote=None)}
)


@pytest.mark.parametrize(
    ("config", "flag"),
    [(LISTED, True), (tagged(LISTED), False), (tagged(LISTED), True)],
    ids=["-a", "Acquire-Only", "both"],
)
def test_sas_come_and_go_and_nothing_else_is_touched(config: Configuration, flag: bool) -> None:
    """Up, rekeyed by the peer, taken down, brought up again, shut down."""
    daemon, peer = up(config, acquire_only=flag)
    assert {key.direction for key in daemon.stack.sas} == set(Direction)
    answer_quick_mode(daemon, proposal(peer, message_id=0x222, spi=b"\0\0\2\2"))
    daemon.passes(300)
    daemon.engine.teardown("lan", daemon.now)
    daemon.settle()
    assert daemon.stack.sas == {}
    daemon.engine.establish("lan", daemon.now)
    daemon.settle()
    daemon.engine.shutdown(daemon.now)
    daemon.settle()
    assert anothers(daemon) == []


def test_an_address_that_turns_up_later_is_no_reason_for_a_guard() -> None:
    """A connection without Local-ID is looked at again whenever it is negotiated."""
    daemon = Daemon(NO_LOCAL_ID, acquire_only=True)
    begin_main_mode(daemon, a_peer())
    assert anothers(daemon) == []


def test_without_it_there_are_flows_and_guards() -> None:
    """What the tests above look for exists."""
    daemon, _ = up(LISTED)
    assert anothers(daemon) == ["Guard", "InstallFlow"]


def test_a_reload_with_the_tag_gives_flows_and_guards_away() -> None:
    """Those that are ours go, once; the SAs stay and end without a word about flows."""
    daemon, _ = up(LISTED)
    sas, before = dict(daemon.stack.sas), len(daemon.requests)
    daemon.engine.configure(tagged(LISTED), daemon.now)
    daemon.settle()
    assert (daemon.stack.flows, daemon.stack.guards, daemon.stack.sas) == ({}, {}, sas)
    daemon.engine.configure(tagged(LISTED), daemon.now)
    daemon.engine.shutdown(daemon.now)
    daemon.settle()
    assert anothers(daemon, before) == ["Unguard", "RemoveFlow"]


def test_a_reload_without_the_tag_takes_them_back() -> None:
    """The guard first, then the flow of the SAs that are there."""
    daemon, _ = up(tagged(LISTED))
    daemon.engine.configure(LISTED, daemon.now)
    daemon.settle()
    assert anothers(daemon) == ["Guard", "InstallFlow"]
    (pair,) = daemon.snapshot.ipsec_sas
    assert list(daemon.stack.flows.values()) == [(pair.outbound.key,)]


def test_the_flag_outlives_a_reload() -> None:
    """Who started with -a keeps it, whatever the file says."""
    daemon, _ = up(LISTED, acquire_only=True)
    for on in (True, False):
        daemon.engine.configure(tagged(LISTED, on=on), daemon.now)
        daemon.settle()
    assert anothers(daemon) == []


def test_a_pair_that_gives_way_after_the_reload_leaves_no_flow() -> None:
    """The withdrawn connection's flow goes although the same reload brings the tag."""
    daemon, _ = up(LISTED)
    daemon.engine.configure(tagged(replace(LISTED, connections={})), daemon.now)
    daemon.settle()
    assert (daemon.stack.flows, daemon.stack.guards, daemon.stack.sas) == ({}, {}, {})
