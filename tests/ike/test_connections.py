"""Connections as the administrator has them: renegotiated, taken down, tried again."""

from __future__ import annotations

from itertools import pairwise

from isakmpd.ike.snapshot import SaFlags
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import Daemon, configuration
from tests.ike.scenes import a_peer, begin_main_mode, begin_quick_mode, proposal

RENEGOTIATES = "Renegotiate-on-HUP= yes"


def kinds(sent: list[tuple[float, bytes]]) -> list[ExchangeType]:
    """The exchange types of what was sent."""
    return [decode_header(octets)[0].exchange_type for _, octets in sent]


def up(general: str = "") -> Daemon:
    """A daemon whose connection is up."""
    daemon, peer = Daemon(configuration(answers=False, general=general)), a_peer(vendors=())
    qm1 = begin_main_mode(daemon, peer)
    begin_quick_mode(daemon, proposal(peer), qm1)
    daemon.sent()
    return daemon


def test_hup_negotiates_anew_where_the_file_says_so() -> None:
    for general, negotiated in (("", []), (RENEGOTIATES, [ExchangeType.QUICK_MODE])):
        daemon = up(general)
        daemon.engine.configure(configuration(answers=False, general=general), daemon.now)
        assert kinds(daemon.passes(1)) == negotiated
        daemon.engine.configure(configuration(answers=False, general=general), daemon.now)
        assert kinds(daemon.passes(1)) == [], "one exchange for each connection"
        assert daemon.stack.flows


def test_commands_renegotiate_nothing() -> None:
    """What ``C`` changes takes force without a HUP."""
    daemon = up(RENEGOTIATES)
    config = configuration(answers=False, general=RENEGOTIATES)
    daemon.engine.configure(config, daemon.now, resume=False)
    assert daemon.passes(1) == []


def test_the_renegotiated_pair_lives_until_its_heir_does() -> None:
    daemon = up(RENEGOTIATES)
    config = configuration(answers=False, general=RENEGOTIATES)
    daemon.engine.configure(config, daemon.now)
    daemon.passes(60)
    (pair,) = daemon.snapshot.ipsec_sas
    assert SaFlags.REPLACED not in pair.flags
    assert daemon.stack.flows


def test_teardown_ends_the_call_of_a_silent_peer() -> None:
    """No retransmission follows, and nothing is left."""
    daemon = Daemon(configuration(answers=False))
    daemon.begins()
    daemon.engine.teardown("lan", daemon.now)
    assert daemon.passes(300) == []
    assert daemon.snapshot.exchanges == ()
    assert any("torn down by the administrator" in line for line in daemon.log)


def test_teardown_ends_a_quick_mode() -> None:
    daemon, peer = Daemon(configuration(answers=False)), a_peer(vendors=())
    begin_main_mode(daemon, peer)
    daemon.engine.teardown("lan", daemon.now)
    assert ExchangeType.QUICK_MODE not in kinds(daemon.passes(300))
    assert len(daemon.stack.spis) == 0


def test_a_failing_connection_is_tried_at_longer_and_longer_intervals() -> None:
    """Up to Check-interval, each phase 1 with a cookie of its own; at most one at a time."""
    daemon = Daemon(configuration(answers=False))
    began: dict[bytes, float] = {}
    for after, octets in daemon.passes(1800):
        began.setdefault(decode_header(octets)[0].initiator_cookie, after)
        assert len(daemon.snapshot.exchanges) <= 1
    gaps = [later - earlier for earlier, later in pairwise(began.values())]
    assert 40 < gaps[0] < 40 + 5 * 1.25 + 1
    assert all(40 < gap < 40 + 60 * 1.25 + 1 for gap in gaps)
    assert gaps[-1] > 40 + 60 * 0.75


def test_who_asks_for_a_connection_that_waits_after_a_failure_waits_no_longer() -> None:
    """As ``c`` does; one that is being negotiated is left alone."""
    daemon = Daemon(configuration(answers=False))
    while not any(one.last_failure for one in daemon.snapshot.connections):
        daemon.passes(1)
    assert daemon.passes(1) == []
    assert daemon.engine.establish("lan", daemon.now)
    assert kinds(daemon.passes(1)) == [ExchangeType.ID_PROT]
    assert daemon.engine.establish("lan", daemon.now)
    assert daemon.passes(1) == []


def test_an_isakmp_sa_that_goes_takes_its_unanswered_quick_mode_along() -> None:
    """The connection begins anew soon instead of waiting for an answer that cannot come."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer(vendors=())
    begin_main_mode(daemon, peer)
    daemon.engine.teardown_peer("peer", daemon.now)
    sent = daemon.passes(7)
    assert ExchangeType.ID_PROT in kinds(sent)
