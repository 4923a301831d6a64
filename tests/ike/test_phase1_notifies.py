"""Lifetimes told after the offer (RFC 2407 section 4.6.3.1): said, believed, and bounded."""

from __future__ import annotations

import pytest

from isakmpd.ike.lifetime import Lifetimes
from isakmpd.ike.responder_lifetime import SHORTEST, shortened
from isakmpd.wire.attributes import Attribute, encode_attributes
from isakmpd.wire.numbers import Doi, NotifyType, Protocol
from isakmpd.wire.payloads import Notification
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.offers import Phase1
from tests.ike.peer import Peer
from tests.ike.scenes import (
    a_peer,
    answer_aggressive_mode,
    answer_main_mode,
    begin_main_mode,
    converse,
)

TEN_MINUTES = """\
[ours]
ENCRYPTION_ALGORITHM= AES_CBC
KEY_LENGTH= 128,128:256
HASH_ALGORITHM= SHA
AUTHENTICATION_METHOD= PRE_SHARED
GROUP_DESCRIPTION= MODP_1024
Life= ten-minutes
[ten-minutes]
LIFE_TYPE= SECONDS
LIFE_DURATION= 600
"""
SHORT = {"transforms": "ours", "more": TEN_MINUTES}
QUIET = (Vendor.NAT_T_RFC.value,)


def attributes(*pairs: tuple[int, int]) -> bytes:
    """A notify's data."""
    return encode_attributes(tuple(Attribute.of(*pair) for pair in pairs))


def told(notifies: list[Notification]) -> list[bytes]:
    """What RESPONDER-LIFETIME notifies among them say."""
    return [n.data for n in notifies if n.type == NotifyType.RESPONDER_LIFETIME]


@pytest.mark.parametrize(
    ("offered", "said"),
    [(3600, [attributes((11, 1), (12, 600))]), (600, []), (300, [])],
)
def test_the_responder_tells_what_is_shorter(offered: int, said: list[bytes]) -> None:
    """In message 6 of main mode; in aggressive mode under the new SA."""
    daemon, peer = Daemon(configuration(**SHORT)), a_peer(Phase1(seconds=offered))  # type: ignore[arg-type]
    answer_main_mode(daemon, peer)
    assert told(peer.heard[-1].all(Notification)) == said
    assert life(daemon) == min(offered, 600)
    daemon = Daemon(configuration(exchange="AGGRESSIVE", **SHORT))  # type: ignore[arg-type]
    peer = a_peer(Phase1(seconds=offered))
    sent = answer_aggressive_mode(daemon, peer)
    assert [one for m in sent for one in told(peer.informed(m).all(Notification))] == said
    assert life(daemon) == min(offered, 600)


def test_a_life_that_was_not_offered_is_told() -> None:
    """The initiator would count on the default of eight hours."""
    daemon, peer = Daemon(configuration(**SHORT)), a_peer(Phase1(seconds=None))  # type: ignore[arg-type]
    answer_main_mode(daemon, peer)
    assert told(peer.heard[-1].all(Notification)) == [attributes((11, 1), (12, 600))]


def life(daemon: Daemon) -> float | None:
    """Seconds until the ISAKMP SA ends."""
    (sa,) = daemon.snapshot.isakmp_sas
    return sa.expiry.hard_in


def tells(peer: Peer, seconds: int) -> Notification:
    """The peer's RESPONDER-LIFETIME."""
    return peer.notify(NotifyType.RESPONDER_LIFETIME, attributes((11, 1), (12, seconds)))


@pytest.mark.parametrize(("seconds", "lives"), [(900, 900), (90000, 3600), (1, SHORTEST)])
def test_the_initiator_honours_it(seconds: int, lives: int) -> None:
    """Whether within message 6 or in a message of its own; never longer, never too short."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer(vendors=QUIET)
    peer.with_proof = lambda: (tells(peer, seconds),)
    begin_main_mode(daemon, peer)
    assert life(daemon) == lives
    daemon, peer = Daemon(configuration(answers=False)), a_peer(vendors=QUIET)
    begin_main_mode(daemon, peer)
    daemon.hears(peer.protected(tells(peer, seconds), message_id=9))
    assert life(daemon) == lives
    assert daemon.log == []


def test_a_responder_is_not_told() -> None:
    """Only who offered a life can be told of a shorter one."""
    daemon, peer = Daemon(configuration()), a_peer(vendors=QUIET)
    answer_main_mode(daemon, peer)
    daemon.hears(peer.protected(tells(peer, 900), message_id=9))
    assert life(daemon) == 3600


def test_one_about_another_sa_is_none_of_ours() -> None:
    """The SPI names the SA."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer(vendors=QUIET)
    begin_main_mode(daemon, peer)
    data = attributes((11, 1), (12, 900))
    other = peer.notify(NotifyType.RESPONDER_LIFETIME, data, spi=bytes(16))
    daemon.hears(peer.protected(other, message_id=9))
    assert life(daemon) == 3600


def test_in_clear_within_aggressive_mode_it_says_nothing() -> None:
    """HASH_R does not cover it."""
    daemon = Daemon(configuration(answers=False, exchange="AGGRESSIVE"))
    peer = a_peer(vendors=QUIET)
    am1 = daemon.begins()
    peer.am2(am1)
    daemon.hears(peer.am2(am1, tells(peer, 900)))
    assert life(daemon) == 3600


@pytest.mark.parametrize(
    ("data", "seconds"),
    [
        (attributes((11, 1), (12, 600)), 600),
        (attributes((1, 1), (2, 600)), 600),
        (attributes((11, 2), (12, 600)), 3600),
        (attributes((11, 2), (12, 600), (11, 1), (12, 700)), 700),
        (attributes((12, 600)), 600),
        (attributes((11, 1), (12, 0)), SHORTEST),
        (b"", 3600),
        (b"\x80", 3600),
        (encode_attributes((Attribute(12, b"\xff" * 4000, basic=False),)), 3600),
    ],
)
def test_what_a_notify_says(data: bytes, seconds: int) -> None:
    """Numbered as in phase 1 or as in phase 2; nonsense says nothing."""
    notify = Notification(Doi.IPSEC, Protocol.ISAKMP, NotifyType.RESPONDER_LIFETIME, b"", data)
    assert shortened(Lifetimes(3600), notify).seconds == seconds


def test_two_of_ours_agree() -> None:
    """The one that would wait longer hears of it, and both end the SA alike."""
    west = Daemon(configuration(answers=False))
    east = Daemon(configuration(mirrored=True, **SHORT), address=PEER)  # type: ignore[arg-type]
    converse(east, west, [west.begins()])
    assert life(west) == life(east) == 600
