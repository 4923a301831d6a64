"""The engine's picture of itself, as administrators will read it."""

from isakmpd.ike.snapshot import SaFlags
from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase2
from tests.ike.scenes import a_peer, begin_main_mode, begin_quick_mode, joined, proposal


def test_an_isakmp_sa() -> None:
    """Name, identities by role, what is left of its life."""
    daemon, peer, _ = joined()
    daemon.now += 100
    (sa,) = daemon.snapshot.isakmp_sas
    assert (sa.name, sa.initiator) == ("peer", False)
    assert (sa.initiator_cookie, sa.responder_cookie) == peer.cookies
    assert (sa.initiator_id, sa.responder_id) == (str(PEER), str(DAEMON))
    assert sa.expiry.seconds == 3600
    assert sa.expiry.hard_in is not None
    assert 3490 < sa.expiry.hard_in < 3500
    assert SaFlags.READY | SaFlags.DPD in sa.flags
    assert SaFlags.NAT_T not in sa.flags


def test_identities_are_told_by_the_roles_of_the_exchange() -> None:
    """As initiator our own comes first."""
    daemon = Daemon(configuration(answers=False))
    begin_main_mode(daemon, a_peer())
    (sa,) = daemon.snapshot.isakmp_sas
    assert (sa.initiator_id, sa.responder_id) == (str(DAEMON), str(PEER))
    (exchange,) = daemon.snapshot.exchanges
    assert (exchange.exchange_type, exchange.phase) == (ExchangeType.QUICK_MODE, 2)
    assert (exchange.name, exchange.initiator, exchange.step) == ("lan", True, 0)


def test_a_pair_of_ipsec_sas() -> None:
    """Both directions with their lengths of keys and what they carried."""
    daemon, _, quick = joined()
    (pair,) = daemon.snapshot.ipsec_sas
    assert (pair.name, pair.message_id) == ("lan", quick.message_id)
    assert (pair.encryption_key_length, pair.authentication_key_length) == (16, 20)
    assert pair.outbound.key.destination == PEER
    assert pair.inbound.key.destination == DAEMON
    assert pair.inbound_usage is not None
    assert pair.inbound_usage.packets == 0


def test_a_connection_that_failed_says_why() -> None:
    """The last failure stays to be read until a success."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    (connection,) = daemon.snapshot.connections
    assert (connection.name, connection.always_up, connection.state) == ("lan", True, "down")
    daemon.begins()
    daemon.passes(41)
    (connection,) = daemon.snapshot.connections
    assert connection.state == "down"
    assert connection.next_check_in is not None
    assert "nobody answers on UDP port 500" in connection.last_failure
    _, mm1 = daemon.passes(10)[0]
    assert daemon.snapshot.connections[0].state == "negotiating"
    qm1 = daemon.answers(peer.mm6(daemon.answers(peer.mm4(daemon.answers(peer.mm2(mm1))))))
    begin_quick_mode(daemon, proposal(peer, Phase2()), qm1)
    (connection,) = daemon.snapshot.connections
    assert (connection.state, connection.last_failure) == ("up", "")
