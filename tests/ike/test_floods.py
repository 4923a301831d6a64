"""Floods: what strangers can make the daemon keep, compute, log and send is bounded."""

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from isakmpd.ike.exchanges import HALF_OPEN_LIMIT, HALF_OPEN_LIMIT_OF_ADDRESS
from isakmpd.wire.numbers import (
    NotifyType,
)
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.offers import Phase1
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_main_mode,
    answer_quick_mode,
    joined,
    phase1_sa,
    proposal,
)

DROPPED = f"dropped message from {PEER} port 500"


def due_to(kind: str, reason: str) -> str:
    """The line of a dropped message."""
    return f"{DROPPED} due to notification type {kind}: {reason}"


def test_a_flood_of_first_messages_is_bounded_and_others_get_through() -> None:
    """The oldest half-open exchanges give way; tunnels and honest peers go on."""
    daemon, peer, _ = joined()
    for number in range(3000):
        cookie = b"f" + number.to_bytes(7)
        daemon.hears(a_peer(cookie=cookie).mm1())
    exchanges = daemon.snapshot.exchanges
    assert 0 < len(exchanges) <= HALF_OPEN_LIMIT_OF_ADDRESS
    assert len(daemon.snapshot.timers) < 100
    assert len(daemon.log) <= 60
    honest = a_peer(cookie=b"honest c")
    answer_main_mode(daemon, honest)
    again = proposal(peer, message_id=3, spi=b"\0\0\3\3")
    answer_quick_mode(daemon, again)
    assert agreed(daemon, again)


def test_a_flood_from_everywhere_is_bounded_in_all() -> None:
    """With a Default peer, addresses cost an attacker nothing: one limit holds for all."""
    more = "[everyone]\nPhase= 1\nConfiguration= main-mode\nAuthentication= mekmitasdigoat\n"
    daemon = Daemon(configuration(phase_1="Default= everyone", more=more))
    for number in range(2 * HALF_OPEN_LIMIT):
        source = IPv4Address(0x0B000000 + number)
        daemon.hears(a_peer(cookie=b"f" + number.to_bytes(7)).mm1(), source=source)
    assert len(daemon.snapshot.exchanges) == HALF_OPEN_LIMIT
    assert len(daemon.log) <= 60
    daemon.passes(200)
    assert daemon.snapshot.exchanges == ()
    assert daemon.snapshot.timers == ()


def test_peers_that_proved_to_receive_are_not_pushed_out() -> None:
    """Whoever has answered our cookie keeps its place against those who have not."""
    daemon, peer = Daemon(configuration()), a_peer(cookie=b"honest c")
    mm4 = daemon.answers(peer.mm3(daemon.answers(peer.mm1())))
    for number in range(100):
        daemon.hears(a_peer(cookie=b"f" + number.to_bytes(7)).mm1())
    peer.finish(daemon.answers(peer.mm5(mm4)))


def test_message_3_needs_our_cookie() -> None:
    """A spoofed sender cannot make us compute: message 3 under a zero cookie is none."""
    daemon, peer = Daemon(configuration()), a_peer()
    mm3 = peer.mm3(daemon.answers(peer.mm1()))
    assert daemon.hears(mm3[:8] + bytes(8) + mm3[16:]) == []
    assert daemon.log == [
        due_to("INVALID_COOKIE", "a first message under the cookie of another exchange")
    ]
    assert [exchange.step for exchange in daemon.snapshot.exchanges] == [0]
    peer.finish(daemon.answers(peer.mm5(daemon.answers(mm3))))


def test_refusals_are_answered_rarely_and_never_at_length() -> None:
    """A flood of bad proposals gets a handful of notifies, a tiny message none at all."""
    daemon = Daemon(configuration())
    answers = [
        daemon.hears(a_peer(Phase1(key_length=256), cookie=b"f" + n.to_bytes(7)).mm1())
        for n in range(500)
    ]
    assert sum(map(len, answers)) <= 5
    tiny = replace(a_peer().sa(), proposals=())
    daemon.passes(300)
    assert daemon.hears(a_peer().clear(tiny)) == []


def test_an_address_nobody_configured() -> None:
    """The line says which section would decide; the answer is one short notify, given rarely."""
    daemon = Daemon(configuration())
    stranger = IPv4Address("198.51.100.9")
    (answer,) = daemon.hears(a_peer().mm1(), source=stranger)
    assert len(answer) <= len(a_peer().mm1())
    (notify,) = a_peer().read(answer).payloads
    assert notify == replace(a_peer().notify(NotifyType.NO_PROPOSAL_CHOSEN), spi=answer[:16])
    assert daemon.log == [
        f"{stranger}: phase 1 with {stranger}:500 failed: no peer section for {stranger} "
        f"([Phase 1]:{stranger} or Default decides)"
    ]
    more = [daemon.hears(a_peer().mm1(), source=stranger) for _ in range(100)]
    assert sum(map(len, more)) < 5
    assert len(daemon.log) == 1


def test_a_proposal_of_the_largest_size_is_read_quickly_and_refused() -> None:
    """255 transforms, none of them right."""
    peer = a_peer()
    (transform,) = peer.sa().proposals[0].transforms
    many = tuple(
        replace(transform, number=n, attributes=Phase1(key_length=256).attributes())
        for n in range(255)
    )
    daemon = Daemon(configuration(transforms="AES-128-SHA,AES-128-MD5,AES-192-SHA,3DES-SHA"))
    daemon.hears(peer.clear(phase1_sa(peer, transforms=many)))
    (line,) = daemon.log
    assert "no compatible proposal found" in line
    assert len(line) < 300


def test_the_message_ids_an_sa_remembers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit the ISAKMP SA goes, the tunnel does not."""
    monkeypatch.setattr("isakmpd.ike.informational.MESSAGE_ID_LIMIT", 100)
    daemon, peer, quick = joined()
    for number in range(1, 100):
        question = peer.notify(NotifyType.R_U_THERE, number.to_bytes(4))
        daemon.hears(peer.protected(question, message_id=number))
        if not daemon.snapshot.isakmp_sas:
            break
    (line,) = daemon.log
    assert "all we remember against replay" in line
    assert daemon.snapshot.isakmp_sas == ()
    assert agreed(daemon, quick)
