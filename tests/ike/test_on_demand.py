"""A connection on demand: packets begin it, and only packets keep it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from isakmpd.config.model import Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.snapshot import SaFlags
from isakmpd.ipsec.memory_packets import InnerPacket
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import Daemon, configuration
from tests.ike.scenes import a_peer, begin_main_mode, begin_quick_mode, proposal
from tests.ike.test_guards import LANS, with_connection

PACKET = InnerPacket(LANS.local[7], LANS.remote[7], b"anybody there?")


def on_demand() -> Configuration:
    """A connection that is listed, and begun when packets want it."""
    return with_connection(configuration(answers=False), always_up=False, on_demand=True)


def wanted(daemon: Daemon) -> list[bytes]:
    """A packet wants the connection; what the daemon sends for it at once."""
    daemon.stack.seal(PACKET, daemon.now)
    daemon.settle()
    return [send.octets for send in daemon.sent()]


def up() -> Daemon:
    """A daemon whose connection was wanted, and has carried nothing so far."""
    daemon, peer = Daemon(on_demand()), a_peer(vendors=())
    daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
    qm1 = begin_main_mode(daemon, peer)
    begin_quick_mode(daemon, proposal(peer), qm1)
    assert daemon.stack.flows
    daemon.sent()
    return daemon


def kinds(sent: list[tuple[float, bytes]]) -> list[ExchangeType]:
    """The exchange types of what was sent."""
    return [decode_header(octets)[0].exchange_type for _, octets in sent]


def test_nothing_begins_before_a_packet_does() -> None:
    daemon = Daemon(on_demand())
    assert daemon.passes(600) == []
    (mm1,) = wanted(daemon)
    assert decode_header(mm1)[0].exchange_type == ExchangeType.ID_PROT


def test_one_exchange_however_many_packets() -> None:
    daemon = Daemon(on_demand())
    wanted(daemon)
    daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
    assert wanted(daemon) == []


@pytest.mark.parametrize("name", ["lan", "another"])
def test_what_is_not_on_demand_does_not_begin(name: str) -> None:
    """A stack that reports a passive connection, or one nobody knows."""
    daemon = Daemon(configuration())
    daemon.engine.on_stack(ipsec.Acquire(name, LANS), daemon.now)
    assert daemon.passes(0) == []


def test_a_dead_peer_is_not_hammered() -> None:
    """After a failure packets have to wait, the longer the more there were."""
    daemon = Daemon(on_demand())
    began: dict[bytes, float] = {}  # by the cookie of each attempt
    for _ in range(900):
        daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
        for after, octets in daemon.passes(1.0):
            cookie = decode_header(octets)[0].initiator_cookie
            began.setdefault(cookie, daemon.now - 1.0 + after)
    times = list(began.values())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert 8 <= len(times) <= 15
    assert gaps[0] < gaps[-1]
    assert gaps[-1] >= 0.75 * 60 + 34  # Check-interval, and what an exchange takes to fail
    assert daemon.engine.remembered <= 1


def test_what_was_taken_down_by_hand_stays_down() -> None:
    """Until the configuration is read again."""
    daemon = up()
    daemon.engine.teardown("lan", daemon.now)
    daemon.passes(30)
    assert daemon.stack.guards == {(LANS, "lan"): True}
    assert wanted(daemon) == []
    daemon.engine.configure(on_demand(), daemon.now, resume=False)
    daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
    assert daemon.passes(0) == []
    daemon.engine.configure(on_demand(), daemon.now)
    daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
    assert kinds(daemon.passes(0)) == [ExchangeType.QUICK_MODE]


def test_an_idle_pair_ends() -> None:
    """It is not rekeyed, its peer is told, and the next packet begins anew."""
    daemon = up()
    (pair,) = daemon.snapshot.ipsec_sas
    assert SaFlags.ONDEMAND in pair.flags
    assert pair.expiry.hard_in is not None
    sent = daemon.passes(pair.expiry.hard_in + 1)
    assert ExchangeType.QUICK_MODE not in kinds(sent)
    assert not daemon.stack.flows
    assert ExchangeType.INFO in kinds(sent)
    assert wanted(daemon)


def test_a_pair_that_carries_is_rekeyed() -> None:
    daemon = up()
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.expiry.soft_in is not None
    daemon.stack.seal(PACKET, daemon.now)
    assert ExchangeType.QUICK_MODE in kinds(daemon.passes(pair.expiry.soft_in + 1))


@pytest.mark.parametrize("change", [{"on_demand": False, "always_up": True}, {"on_demand": False}])
def test_a_configuration_may_change_its_mind(change: dict[str, bool]) -> None:
    """Always up begins at once; neither never."""
    daemon = Daemon(on_demand())
    changed = with_connection(on_demand(), **change)
    daemon.engine.configure(changed, daemon.now, resume=False)
    begins = bool(daemon.passes(1))
    assert begins is change.get("always_up", False)
    daemon.engine.on_stack(ipsec.Acquire("lan", LANS), daemon.now)
    assert daemon.passes(0) == []
