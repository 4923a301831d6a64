"""This host has other addresses from one moment to the next."""

from __future__ import annotations

from ipaddress import IPv4Address

from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import DAEMON, Daemon, configuration
from tests.ike.scenes import begin_quick_mode, begun, joined, proposal

ELSEWHERE = IPv4Address("192.0.2.50")


def changed(daemon: Daemon, address: IPv4Address) -> list[ExchangeType]:
    """Give the host another address, and the kinds of messages that leave at once, from it."""
    daemon.address = address
    daemon.engine.addresses_changed(daemon.now)
    daemon.settle()
    daemon.engine.tick(daemon.now)
    daemon.settle()
    sent = daemon.sent()
    assert all(send.transport.local == address for send in sent)
    return [decode_header(send.octets)[0].exchange_type for send in sent]


def test_a_connection_without_a_way_begins_when_there_is_one() -> None:
    """At once, though its next try is a while off."""
    daemon = Daemon(configuration(answers=False, peer_tags=f"Local-address= {ELSEWHERE}"))
    assert daemon.passes(1) == []
    assert "phase 1 does not begin" in daemon.log[-1]
    assert changed(daemon, DAEMON) == []
    assert changed(daemon, ELSEWHERE) == [ExchangeType.ID_PROT]
    assert changed(daemon, ELSEWHERE) == []


def test_a_connection_that_failed_otherwise_waits_its_time() -> None:
    """A peer that does not answer is not called more often for it."""
    daemon, _, _ = begun()
    daemon.passes(200)
    daemon.sent()
    began = len(daemon.log)
    assert changed(daemon, DAEMON) == []
    assert daemon.log[began:] == []


def test_sas_at_an_address_that_is_gone_are_made_anew() -> None:
    """From the one that leads to the peer now; the old ones go without a message."""
    daemon, peer, qm1 = begun()
    begin_quick_mode(daemon, proposal(peer), qm1)
    before = daemon.state()
    assert changed(daemon, DAEMON) == []
    assert daemon.state() == before
    assert changed(daemon, ELSEWHERE) == [ExchangeType.ID_PROT]
    assert daemon.snapshot.ipsec_sas == ()
    assert daemon.stack.sas == {}
    assert daemon.log[-1] == (
        f"peer: this host no longer has {DAEMON}: the SAs with 192.0.2.2 are made anew from"
        " another address"
    )


def test_whoever_is_called_leaves_it_to_the_caller() -> None:
    """It may know the address by which it calls alone, and another host may have it by now."""
    daemon, _, _ = joined()
    before = daemon.state()
    assert changed(daemon, ELSEWHERE) == []
    assert daemon.state() == before


def test_who_is_passive_leaves_it_too() -> None:
    """It keeps what it has, and begins nothing."""
    daemon, peer, qm1 = begun()
    begin_quick_mode(daemon, proposal(peer), qm1)
    daemon.engine.set_active(False, daemon.now)
    before = daemon.state()
    assert changed(daemon, ELSEWHERE) == []
    assert daemon.state() == before
