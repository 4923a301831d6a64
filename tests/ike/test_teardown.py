"""Teardown by a peer's address: whoever is there, and nobody else."""

from __future__ import annotations

from ipaddress import IPv4Address

from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.scenes import a_peer, begin_main_mode, begin_quick_mode, joined, proposal
from tests.ike.test_activity import kinds
from tests.ike.test_road_warriors import Warrior, gateway, spis

ELSEWHERE = IPv4Address("192.0.2.77")


def test_phase_2_goes_and_stays_down() -> None:
    """The peer is told, and no check brings the connection back; phase 1 stays."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer(vendors=())
    qm1 = begin_main_mode(daemon, peer)
    begin_quick_mode(daemon, proposal(peer), qm1)
    daemon.sent()
    assert daemon.engine.teardown_address(PEER, 2, daemon.now)
    assert kinds(daemon.passes(600)) == [ExchangeType.INFO]
    assert daemon.snapshot.ipsec_sas == ()
    assert len(daemon.snapshot.isakmp_sas) == 1
    assert not daemon.engine.teardown_address(PEER, 2, daemon.now)


def test_phase_1_goes_and_phase_2_stays() -> None:
    daemon, _, _ = joined()
    assert daemon.engine.teardown_address(PEER, 1, daemon.now)
    daemon.settle()
    assert daemon.snapshot.isakmp_sas == ()
    assert len(daemon.snapshot.ipsec_sas) == 1


def test_nobody_there_is_told() -> None:
    """Nothing of anybody else's changes."""
    daemon, _, _ = joined()
    before = daemon.state()
    for phase in (1, 2):
        assert not daemon.engine.teardown_address(ELSEWHERE, phase, daemon.now)
    daemon.settle()
    assert daemon.state() == before


def test_an_exchange_with_nobody_yet_ends() -> None:
    """Phase 1 that nobody has answered, and the connection that waits for it tries again later."""
    daemon = Daemon(configuration(answers=False))
    daemon.begins()
    assert daemon.engine.teardown_address(PEER, 1, daemon.now)
    daemon.settle()
    assert daemon.snapshot.exchanges == ()
    assert ExchangeType.ID_PROT in kinds(daemon.passes(60))


def test_who_shares_the_connection_from_elsewhere_keeps_it() -> None:
    """Both phases of one traveller go, the other's stay."""
    daemon = Daemon(gateway())
    first, second = Warrior(daemon, 1, 20001), Warrior(daemon, 2, 20002, nat=ELSEWHERE)
    for number, warrior in ((0x1001, first), (0x2002, second)):
        warrior.meets()
        warrior.joins(number)
    for phase in (2, 1):
        assert daemon.engine.teardown_address(ELSEWHERE, phase, daemon.now)
        daemon.settle()
    assert spis(daemon) == {0x1001}
    (left,) = daemon.snapshot.isakmp_sas
    assert left.transport.remote == first.nat
