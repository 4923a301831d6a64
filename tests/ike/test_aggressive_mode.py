"""Aggressive mode with a pre-shared key, both roles, as the figure in RFC 2409 section 5.4."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from isakmpd.config.model import Configuration
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import ExchangeType, Flags, NotifyType
from isakmpd.wire.payloads import (
    Hash,
    KeyExchange,
    Nonce,
    Notification,
    Payload,
    SecurityAssociation,
    VendorId,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase1
from tests.ike.peer import Peer
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_aggressive_mode,
    answer_quick_mode,
    begin_aggressive_mode,
    begin_quick_mode,
    converse,
    proposal,
)
from tests.ike.test_main_mode import ALGORITHMS


def aggressive(**tags: object) -> Configuration:
    """A gateway whose peer's section says AGGRESSIVE."""
    return configuration(exchange="AGGRESSIVE", **tags)  # type: ignore[arg-type]


def kinds(payloads: tuple[Payload, ...]) -> str:
    """The payload types in the order sent, vendor IDs aside."""
    return " ".join(str(one.type_on_wire) for one in payloads if not isinstance(one, VendorId))


def quick_mode(octets: bytes) -> bool:
    """Tell whether a datagram is one of quick mode's."""
    return decode_header(octets)[0].exchange_type == ExchangeType.QUICK_MODE


def informed(peer: Peer, sent: list[bytes]) -> list[NotifyType]:
    """The types of the protected notifies among what was sent."""
    messages = [one for one in sent if decode_header(one)[0].exchange_type == ExchangeType.INFO]
    return [n.type for one in messages for n in peer.informed(one).all(Notification)]


@pytest.mark.parametrize("section", ALGORITHMS)
def test_the_daemon_answers(section: str) -> None:
    """Every algorithm: both proofs are right, and quick mode stands on the same keys."""
    daemon, peer = Daemon(aggressive(transforms=section)), a_peer(ALGORITHMS[section])
    answer_aggressive_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)
    assert daemon.log == []


@pytest.mark.parametrize("section", ALGORITHMS)
def test_the_daemon_begins(section: str) -> None:
    """Every algorithm the other way round; quick mode follows by itself."""
    daemon = Daemon(aggressive(answers=False, transforms=section))
    peer = a_peer(ALGORITHMS[section])
    more = begin_aggressive_mode(daemon, peer)
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, more[-1])
    assert agreed(daemon, quick)
    assert daemon.log == []


def test_what_the_initiator_sends() -> None:
    """HDR, SA, KE, Ni, IDii / HDR*, HASH_I; message 3 is encrypted (section 5)."""
    daemon, peer = Daemon(aggressive(answers=False)), a_peer()
    am1 = daemon.begins()
    am3, *_ = daemon.hears(peer.am2(am1))
    peer.finish_aggressive(am3)
    first, third = (chain.payloads for chain in peer.heard)
    assert kinds(first) == "SA KE NONCE ID"
    assert kinds(third) == "HASH NAT_D NAT_D"
    headers = [decode_header(octets)[0] for octets in (am1, am3)]
    assert [header.flags for header in headers] == [Flags.NONE, Flags.ENCRYPTION]
    assert {header.exchange_type for header in headers} == {ExchangeType.AGGRESSIVE}
    assert {header.message_id for header in headers} == {0}


def test_what_the_responder_sends() -> None:
    """HDR, SA, KE, Nr, IDir, HASH_R; the chosen transform as it was offered."""
    daemon, peer = Daemon(aggressive()), a_peer()
    answer_aggressive_mode(daemon, peer)
    (second,) = peer.heard
    assert kinds(second.payloads) == "SA KE NONCE ID NAT_D NAT_D HASH"
    assert second.body_of(SecurityAssociation) == peer.sa().body()
    assert {one.data for one in second.all(VendorId)} == set(peer.vendors)


def test_message_3_may_come_in_clear() -> None:
    """RFC 2409 leaves it open; the first IV of phase 2 then is that of phase 1."""
    daemon, peer = Daemon(aggressive()), a_peer()
    answer_aggressive_mode(daemon, peer, encrypted=False)
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)


def test_the_first_iv_is_cut_to_a_block() -> None:
    """A digest is longer than a block: phase 2 starts from as much of it as fits."""
    offer = ALGORITHMS["3DES-MD5"]
    daemon, peer = Daemon(aggressive(transforms="3DES-MD5")), a_peer(offer)
    answer_aggressive_mode(daemon, peer, encrypted=False)
    assert len(peer.iv) == 8
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)


def test_two_of_ours() -> None:
    """Begun by the one, answered by the other, up to the tunnel."""
    west = Daemon(aggressive(answers=False))
    east = Daemon(aggressive(mirrored=True), address=PEER)
    converse(east, west, [west.begins()])
    for daemon in (west, east):
        assert len(daemon.snapshot.isakmp_sas) == len(daemon.snapshot.ipsec_sas) == 1
        assert daemon.log == []


def test_initial_contact_follows_under_the_new_sa() -> None:
    """Aggressive mode has no protected place for it (RFC 2407 section 4.6.3.3)."""
    daemon, peer = Daemon(aggressive()), a_peer()
    assert informed(peer, answer_aggressive_mode(daemon, peer)) == [NotifyType.INITIAL_CONTACT]
    again = a_peer(cookie=b"cookie 2")
    assert informed(again, answer_aggressive_mode(daemon, again)) == []
    daemon, peer = Daemon(aggressive(answers=False)), a_peer()
    said = informed(peer, begin_aggressive_mode(daemon, peer))
    assert said == [NotifyType.INITIAL_CONTACT, NotifyType.R_U_THERE]


def test_initial_contact_within_aggressive_mode_ends_nothing() -> None:
    """Nothing covers it there: whoever relays the messages could add it."""
    daemon, peer = Daemon(aggressive()), a_peer()
    answer_aggressive_mode(daemon, peer)
    daemon.passes(10)
    second = a_peer(cookie=b"cookie 2")
    am2 = daemon.answers(second.am1(second.notify(NotifyType.INITIAL_CONTACT)))
    daemon.hears(second.am3(am2, second.notify(NotifyType.INITIAL_CONTACT)))
    assert len(daemon.snapshot.isakmp_sas) == 2


# Loss, duplicates, disorder


def test_a_lost_message_2_is_sent_again_for_the_same_message_1() -> None:
    """Only as often as an honest initiator asks, in no more than twice its octets."""
    daemon, peer = Daemon(aggressive()), a_peer()
    am1 = peer.am1()
    (am2,) = daemon.hears(am1)
    answers = [daemon.hears(am1) for _ in range(20)]
    assert answers[:7] == [[am2]] * 7
    assert answers[8:] == [[]] * 12
    assert daemon.passes(119) == [], "nobody answered yet: nothing goes out by itself"


@pytest.mark.parametrize("vendors", [(), (Vendor.NAT_T_RFC.value,)])
@pytest.mark.parametrize("section", ["AES-128-SHA-GRP1", "AES-256-SHA2-512", "AES-128-MD5"])
def test_a_spoofed_message_1_is_hardly_amplified(section: str, vendors: tuple[bytes, ...]) -> None:
    """Each is answered once, with less than twice its octets."""
    daemon = Daemon(aggressive(transforms=section))
    am1 = a_peer(ALGORITHMS[section], vendors=vendors, nonce=bytes(8)).am1()
    (am2,) = daemon.hears(am1)
    assert len(am2) < 2 * len(am1)
    assert daemon.passes(119) == []


def test_half_open_exchanges_are_bounded_in_aggressive_mode_too() -> None:
    """An address has sixteen; the oldest give way to newer ones."""
    daemon = Daemon(aggressive())
    for number in range(40):
        daemon.hears(a_peer(cookie=b"flood%03d" % number).am1())
    running = [one for one in daemon.snapshot.exchanges if one.name == "peer"]
    assert len(running) <= 16
    peer = a_peer(cookie=b"honest 1")
    answer_aggressive_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1


BAD_AM2: dict[str, tuple[Callable[[Peer, bytes], bytes], str]] = {
    "another transform": (
        lambda peer, am1: with_offer(peer, am1, Phase1(key_length=256)),
        "the peer answers with a transform we did not offer: AES_CBC KEY_LENGTH 256 SHA PRE_SHARED "
        "MODP_1024",
    ),
    "our own value back": (
        lambda peer, am1: swapped(peer, am1, peer.read(am1).one(KeyExchange)),
        "the peer sends our own Diffie-Hellman value back",
    ),
    "a value that is unsafe": (
        lambda peer, am1: swapped(peer, am1, KeyExchange(bytes(127) + b"\1")),
        "the peer's Diffie-Hellman value is unsafe: MODP_1024 public value outside 2..p-2",
    ),
    "a value of another length": (
        lambda peer, am1: swapped(peer, am1, KeyExchange(bytes(96))),
        "a Diffie-Hellman value of 96 octets, expected 128 for MODP_1024",
    ),
    "a short nonce": (
        lambda peer, am1: swapped(peer, am1, Nonce(bytes(7))),
        "a nonce of 7 octets, expected 8 to 256",
    ),
}


def with_offer(peer: Peer, am1: bytes, offer: Phase1) -> bytes:
    """Message 2 with another transform than was offered."""
    return swapped(peer, am1, a_peer(offer).sa())


def swapped(peer: Peer, am1: bytes, other: Payload) -> bytes:
    """Message 2 with one payload in place of the right one."""
    chain = peer.read(peer.am2(am1))
    payloads = [other if one.type_on_wire == other.type_on_wire else one for one in chain.payloads]
    return peer.clear(*payloads, exchange=ExchangeType.AGGRESSIVE)


@pytest.mark.parametrize("case", BAD_AM2)
def test_message_2_that_nobody_could_use(case: str) -> None:
    """One line; nothing is established."""
    make, reason = BAD_AM2[case]
    daemon, peer = Daemon(aggressive(answers=False)), a_peer()
    daemon.hears(make(peer, daemon.begins()))
    assert daemon.log[0] == f"peer: phase 1 with {PEER}:500 failed: {reason}"
    assert daemon.snapshot.isakmp_sas == ()


def test_a_forged_message_2_does_not_end_the_exchange() -> None:
    """Who cannot prove it counts as not heard: the true answer is still taken."""
    daemon, peer = Daemon(aggressive(answers=False)), a_peer()
    am1 = daemon.begins()
    forger = a_peer(key=b"guess", cookie=b"forger's", vendors=(Vendor.OPENBSD.value,))
    daemon.hears(forger.am2(am1))
    am3, *_ = daemon.hears(peer.am2(am1))
    peer.finish_aggressive(am3)
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_a_forged_message_3_does_not_end_the_exchange() -> None:
    """Neither nonsense under the right cookies nor another HASH."""
    daemon, peer = Daemon(aggressive()), a_peer()
    am3 = peer.am3(daemon.answers(peer.am1()))
    daemon.hears(am3[:28] + bytes(16) + am3[44:])
    daemon.hears(peer.clear(Hash(bytes(20)), exchange=ExchangeType.AGGRESSIVE))
    assert daemon.snapshot.isakmp_sas == ()
    daemon.hears(am3)
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_a_lost_message_3_is_sent_again_for_the_same_message_2() -> None:
    """The initiator is done and answers duplicates of message 2."""
    daemon, peer = Daemon(aggressive(answers=False)), a_peer()
    am2 = peer.am2(daemon.begins())
    am3, *_ = daemon.hears(am2)
    daemon.passes(3)
    assert daemon.hears(am2) == [am3]


def test_message_1_is_repeated_until_answered() -> None:
    """The initiator insists."""
    daemon = Daemon(aggressive(answers=False))
    am1 = daemon.begins()
    sent = daemon.passes(100)
    assert [octets for _, octets in sent[:3]] == [am1] * 3


def test_a_duplicate_of_message_3_changes_nothing() -> None:
    """One SA, and no answer."""
    daemon, peer = Daemon(aggressive()), a_peer()
    am3 = peer.am3(daemon.answers(peer.am1()))
    daemon.hears(am3)
    assert daemon.hears(am3) == []
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_quick_mode_may_overtake_message_3() -> None:
    """What came too early is kept until it can be read, and message 2 goes out again."""
    daemon, peer = Daemon(aggressive()), a_peer()
    am2 = daemon.answers(peer.am1())
    am3 = peer.am3(am2)
    quick = proposal(peer)
    assert daemon.hears(quick.qm1()) == [am2]
    answers = daemon.hears(am3)
    (qm2,) = [one for one in answers if quick_mode(one)]
    daemon.hears(quick.qm3(qm2))
    assert agreed(daemon, quick)
    assert daemon.log == []


def test_little_is_kept_of_what_comes_too_early() -> None:
    """Four datagrams, 8 KiB in all; message 2 is repeated no more often than for duplicates."""
    daemon, peer = Daemon(aggressive()), a_peer()
    am2 = daemon.answers(peer.am1())
    am3 = peer.am3(am2)
    notify = peer.notify(NotifyType.CONNECTED, bytes(3000))
    early = [peer.protected(notify, message_id=number) for number in range(1, 20)]
    answers = [daemon.hears(octets) for octets in early]
    assert answers == [[am2]] * 7 + [[]] * 12
    daemon.hears(am3)
    assert len([line for line in daemon.log if "CONNECTED" in line]) == 2


def test_a_lost_message_3_is_missed_and_repeated() -> None:
    """Two of ours without a quick mode: the initiator's R-U-THERE finds out."""
    west = Daemon(aggressive())
    east = Daemon(aggressive(mirrored=True), address=PEER)
    west.engine.establish("peer", west.now)
    ((_, am1),) = west.passes(0)
    (am2,) = east.hears(am1, source=DAEMON)
    _lost, *more = west.hears(am2)
    (again,) = east.hears(more[-1], source=DAEMON)
    assert again == am2
    (am3,) = west.hears(again)
    east.hears(am3, source=DAEMON)
    assert len(east.snapshot.isakmp_sas) == len(west.snapshot.isakmp_sas) == 1
    assert west.log == east.log == []


@pytest.mark.parametrize("other", ["ID_PROT", "AGGRESSIVE"])
def test_the_mode_must_be_the_configured_one(other: str) -> None:
    """One sentence with the tag that decides; the peer is told in clear, once."""
    daemon, peer = Daemon(configuration(exchange=other)), a_peer()
    first = peer.am1() if other == "ID_PROT" else peer.mm1()
    (told,) = daemon.hears(first)
    assert peer.read(told).one(Notification).type == NotifyType.UNSUPPORTED_EXCHANGE_TYPE
    assert len(told) <= len(first)
    seen = "AGGRESSIVE" if other == "ID_PROT" else "ID_PROT"
    assert daemon.log == [
        f"peer: phase 1 with {PEER}:500 failed: the peer begins with exchange type {seen}, "
        f"expected {other} ([main-mode]:EXCHANGE_TYPE decides)"
    ]
    assert daemon.hears(first) == []
    assert len(daemon.log) == 1


def test_an_offer_of_one_that_the_other_does_not_have() -> None:
    """Message 1 with nothing acceptable is refused as in main mode."""
    daemon, peer = Daemon(aggressive()), a_peer(Phase1(key_length=256))
    (told,) = daemon.hears(peer.am1())
    assert peer.read(told).one(Notification).type == NotifyType.NO_PROPOSAL_CHOSEN
    assert "KEY_LENGTH: got 256, expected 128" in daemon.log[0]
