"""Active and passive: who is passive answers, keeps what is up, and begins nothing."""

from __future__ import annotations

from isakmpd.ike import ipsec
from isakmpd.ipsec.memory_packets import InnerPacket
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import Daemon, configuration
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_main_mode,
    answer_quick_mode,
    begin_main_mode,
    begin_quick_mode,
    proposal,
)
from tests.ike.test_guards import LANS, with_connection

DAY = 86400.0


def kinds(sent: list[tuple[float, bytes]]) -> list[ExchangeType]:
    """The exchange types of what was sent."""
    return [decode_header(octets)[0].exchange_type for _, octets in sent]


def becomes(daemon: Daemon, *, active: bool) -> None:
    """The administrator says M."""
    assert daemon.engine.set_active(active, daemon.now)
    daemon.settle()


def up(dpd: int = 0) -> Daemon:
    """A daemon whose connection is up, begun by itself."""
    daemon, peer = Daemon(configuration(answers=False, dpd=dpd)), a_peer(vendors=())
    qm1 = begin_main_mode(daemon, peer)
    begin_quick_mode(daemon, proposal(peer), qm1)
    daemon.sent()
    return daemon


def test_who_starts_passive_begins_when_told() -> None:
    """At once, and checks its connections from then on; the guard stands all the time."""
    daemon = Daemon(configuration(answers=False), active=False)
    assert daemon.passes(DAY) == []
    assert daemon.stack.guards
    assert not daemon.snapshot.active
    becomes(daemon, active=True)
    assert kinds(daemon.passes(0)) == [ExchangeType.ID_PROT]
    assert daemon.snapshot.active


def test_saying_it_twice_changes_nothing() -> None:
    daemon = Daemon(configuration(answers=False))
    assert not daemon.engine.set_active(True, daemon.now)
    becomes(daemon, active=False)
    assert not daemon.engine.set_active(False, daemon.now)


def test_what_is_asked_for_meanwhile_waits() -> None:
    """A connection named by c, and a reload that lists one."""
    daemon = Daemon(configuration(), active=False)
    assert daemon.engine.establish("lan", daemon.now)
    daemon.engine.configure(configuration(answers=False), daemon.now)
    assert daemon.passes(600) == []
    becomes(daemon, active=True)
    assert kinds(daemon.passes(0)) == [ExchangeType.ID_PROT]


def test_a_packet_begins_nothing() -> None:
    """It is held or refused as ever; the next one begins the connection once that is allowed."""
    lan = with_connection(configuration(answers=False), always_up=False, on_demand=True)
    daemon = Daemon(lan, active=False)
    daemon.stack.seal(InnerPacket(LANS.local[7], LANS.remote[7], b"anybody there?"), daemon.now)
    daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
    assert daemon.passes(600) == []
    becomes(daemon, active=True)
    assert daemon.passes(0) == []
    daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
    assert kinds(daemon.passes(0)) == [ExchangeType.ID_PROT]


def test_peers_are_answered() -> None:
    """Main mode and quick mode, and the tunnel carries."""
    daemon, peer = Daemon(configuration(), active=False), a_peer()
    answer_main_mode(daemon, peer)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)


def test_who_has_not_answered_is_called_no_longer() -> None:
    """The exchange ends at once, and begins anew with M active, without a pause for its failure."""
    daemon = Daemon(configuration(answers=False))
    daemon.begins()
    becomes(daemon, active=False)
    assert daemon.passes(DAY) == []
    assert daemon.snapshot.exchanges == ()
    becomes(daemon, active=True)
    assert kinds(daemon.passes(0)) == [ExchangeType.ID_PROT]


def test_what_is_up_lives_out_its_life() -> None:
    """No rekeying of ours: neither phase is negotiated anew, and both end with their time."""
    daemon = up()
    becomes(daemon, active=False)
    (pair,) = daemon.snapshot.ipsec_sas
    life = pair.expiry.seconds
    assert life is not None
    sent = daemon.passes(life - 1)
    assert daemon.stack.flows
    assert set(kinds(sent)) <= {ExchangeType.INFO}
    sent = daemon.passes(DAY)
    assert not daemon.snapshot.ipsec_sas
    assert not daemon.snapshot.isakmp_sas
    assert set(kinds(sent)) == {ExchangeType.INFO}, "Deletes"
    assert daemon.stack.guards


def test_a_rekeying_that_was_due_begins_with_activity() -> None:
    """The pair and its connection are found again as they were left."""
    daemon = up()
    becomes(daemon, active=False)
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.expiry.seconds is not None
    daemon.passes(pair.expiry.seconds - 10)
    becomes(daemon, active=True)
    assert ExchangeType.QUICK_MODE in kinds(daemon.passes(0))


def test_pairs_without_a_channel_stay_and_get_one_with_activity() -> None:
    """That no ISAKMP SA can be made is no sign of a dead peer as long as none is tried."""
    daemon = up(dpd=30)
    becomes(daemon, active=False)
    daemon.engine.teardown_peer("peer", daemon.now)
    assert set(kinds(daemon.passes(300))) == {ExchangeType.INFO}
    assert daemon.stack.flows
    becomes(daemon, active=True)
    assert kinds(daemon.passes(0)) == [ExchangeType.ID_PROT]
