"""Peers who have proved who they are and mean harm: it stays between them and the daemon."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from isakmpd.ike.answering import QUICK_MODES
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    ConfigurationType,
    IdType,
    NotifyType,
    Protocol,
)
from isakmpd.wire.payloads import (
    Delete,
    Identification,
    Nonce,
    Payload,
    Proposal,
    Transform,
    VendorId,
)
from tests.ike.bystander import ADDRESS, Bystander, with_bystander
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.offers import Phase2
from tests.ike.peer_mode_config import Transaction, given
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_main_mode,
    answer_quick_mode,
    proposal,
)


class Scene:
    """A daemon with two tunnels: the hostile peer's and the bystander's."""

    def __init__(self, **tags: object) -> None:
        self.daemon = Daemon(with_bystander(configuration(**tags)))  # type: ignore[arg-type]
        self.bystander = Bystander.of(self.daemon)
        self.peer = a_peer()
        answer_main_mode(self.daemon, self.peer)
        self.quick = proposal(self.peer)
        answer_quick_mode(self.daemon, self.quick)
        self.number = 0x1000
        self.held = self.bystander.held()

    def says(self, *payloads: Payload) -> list[bytes]:
        """An informational message of the hostile peer's."""
        self.number += 1
        return self.daemon.hears(self.peer.protected(*payloads, message_id=self.number))

    def proposes(self, **tags: object) -> QuickMode:
        """A quick mode of its own, with an SPI of its own."""
        self.number += 1
        tags = {"message_id": self.number, "spi": self.number.to_bytes(4), **tags}
        return proposal(self.peer, **tags)  # type: ignore[arg-type]

    def nobody_else_notices(self) -> None:
        """The bystander's tunnel stands and can be made anew."""
        assert self.bystander.held() == self.held
        assert self.bystander.unharmed()


# What it says about others' SAs: a message each.

Says = Callable[[Scene], tuple[Payload, ...]]


def bystanders_cookies(scene: Scene) -> bytes:
    """They name the ISAKMP SA with the bystander."""
    return b"".join(scene.bystander.peer.cookies)


ABOUT_OTHERS: dict[str, Says] = {
    "Delete of another's outbound SPI": lambda s: (
        s.peer.delete(Protocol.IPSEC_ESP, s.bystander.quick.spi),
    ),
    "Delete of another's inbound SPI": lambda s: (
        s.peer.delete(Protocol.IPSEC_ESP, s.bystander.quick.their_spi),
    ),
    "Delete of another's ISAKMP SA": lambda s: (
        s.peer.delete(Protocol.ISAKMP, bystanders_cookies(s)),
    ),
    "Delete of another's ISAKMP SA beside its own SPI": lambda s: (
        s.peer.delete(Protocol.IPSEC_ESP, s.quick.spi, s.bystander.quick.spi),
        s.peer.delete(Protocol.ISAKMP, bystanders_cookies(s)),
    ),
    "INITIAL-CONTACT": lambda s: (s.peer.notify(NotifyType.INITIAL_CONTACT),),
    "INITIAL-CONTACT with another's cookies": lambda s: (
        s.peer.notify(NotifyType.INITIAL_CONTACT, spi=bystanders_cookies(s)),
    ),
    "INVALID-COOKIE with another's cookies": lambda s: (
        s.peer.notify(NotifyType.INVALID_COOKIE, spi=bystanders_cookies(s)),
    ),
    "INVALID-SPI with another's SPI": lambda s: (
        s.peer.notify(
            NotifyType.INVALID_SPI, spi=s.bystander.quick.spi, protocol=Protocol.IPSEC_ESP
        ),
    ),
    "RESPONDER-LIFETIME for another's SA": lambda s: (
        s.peer.notify(
            NotifyType.RESPONDER_LIFETIME,
            bytes.fromhex("8001000180020001"),
            spi=s.bystander.quick.spi,
            protocol=Protocol.IPSEC_ESP,
        ),
    ),
    "R-U-THERE-ACK for another": lambda s: (
        s.peer.notify(NotifyType.R_U_THERE_ACK, bytes(4), spi=bystanders_cookies(s)),
    ),
    "Delete of 16,000 SPIs, another's among them": lambda s: (
        s.peer.delete(
            Protocol.IPSEC_ESP,
            *(number.to_bytes(4) for number in range(0xB001 - 8000, 0xB001 + 8000)),
        ),
    ),
    "200 Deletes": lambda s: tuple(
        s.peer.delete(Protocol.IPSEC_ESP, (0xAFFF + number).to_bytes(4)) for number in range(200)
    ),
    "a Delete of nothing": lambda s: (
        Delete(s.peer.delete(Protocol.ISAKMP).doi, Protocol.ISAKMP, ()),
    ),
}


@pytest.mark.parametrize("case", ABOUT_OTHERS)
def test_what_it_says_about_others(case: str) -> None:
    """June 2004: a peer could delete anybody's SAs. Only its own heed it."""
    scene = Scene()
    said = ABOUT_OTHERS[case](scene)
    answers = scene.says(*said)
    assert len(answers) <= 1
    scene.daemon.passes(20)
    scene.nobody_else_notices()


def test_the_same_cookies_from_another_address_are_not_another_peer() -> None:
    """A message under the bystander's cookies needs the bystander's keys."""
    scene = Scene()
    forged = replace_cookies(
        scene.peer.protected(
            scene.peer.notify(NotifyType.INITIAL_CONTACT), message_id=scene.number
        ),
        bystanders_cookies(scene),
    )
    for source in (PEER, ADDRESS):
        assert scene.daemon.hears(forged, source=source) == []
    scene.nobody_else_notices()


def replace_cookies(message: bytes, cookies: bytes) -> bytes:
    """The message under other cookies."""
    return cookies + message[16:]


def test_initial_contact_in_main_mode_ends_its_own_only() -> None:
    """January 2004: by address alone, everybody behind it."""
    scene = Scene()
    again = a_peer(cookie=b"cookie 2", notifies=(NotifyType.INITIAL_CONTACT,))
    answer_main_mode(scene.daemon, again)
    pairs = scene.daemon.snapshot.ipsec_sas
    assert [pair.outbound.key.destination for pair in pairs] == [ADDRESS]
    scene.nobody_else_notices()


# What it can make us do and hold


def test_very_many_quick_modes_that_it_never_finishes() -> None:
    """A bounded number is answered; when they are over there is nothing left of them."""
    scene = Scene()
    answered = 0
    for _ in range(300):
        answered += any(len(x) > 100 for x in scene.daemon.hears(scene.proposes().qm1()))
    assert answered <= QUICK_MODES + 2
    assert scene.daemon.engine.remembered < 40
    assert len(scene.daemon.log) <= 12
    scene.nobody_else_notices()
    scene.daemon.passes(130)
    assert len(scene.daemon.stack.sas) == 2 * len(scene.daemon.snapshot.ipsec_sas)
    assert {len(flow) for flow in scene.daemon.stack.flows.values()} == {1}


def test_very_many_quick_modes_that_it_finishes() -> None:
    """Only so many generations of one tunnel are kept, however often it rekeys."""
    scene = Scene()
    for _ in range(60):
        quick = scene.proposes()
        scene.daemon.now += 0.125
        (qm2,) = [x for x in scene.daemon.hears(quick.qm1()) if x[18] == 32]
        scene.daemon.hears(quick.qm3(qm2))
        assert agreed(scene.daemon, quick)
    assert len(scene.daemon.snapshot.ipsec_sas) <= 10
    assert scene.bystander.held() == scene.held


def test_very_many_main_modes_that_it_finishes() -> None:
    """ISAKMP SAs of one peer are bounded too."""
    scene = Scene()
    for number in range(40):
        scene.daemon.now += 1
        answer_main_mode(scene.daemon, a_peer(cookie=b"cook%04d" % number))
    assert len(scene.daemon.snapshot.isakmp_sas) <= 10
    scene.nobody_else_notices()


def test_an_spi_that_another_has_at_the_same_address_is_not_taken_over() -> None:
    """Two peers behind one NAT: the second to name an SPI does not replace the first one's SA."""
    scene = Scene()
    daemon = scene.daemon
    held = dict(daemon.stack.sas)
    again = scene.proposes(spi=scene.quick.spi)
    daemon.hears(again.qm1())
    assert daemon.stack.sas.items() >= held.items()
    assert any("SPI is in use" in line for line in daemon.log)
    scene.nobody_else_notices()


PROPOSALS = 30  # with 255 transforms each: more is not in a datagram


def many_transforms() -> tuple[Payload, ...]:
    """7,650 transforms nobody has, in quick mode's SA payload."""
    transforms = tuple(Transform(number, 77, ()) for number in range(255))
    proposals = tuple(
        Proposal(number, Protocol.IPSEC_ESP, b"\0\0\7\7", transforms) for number in range(PROPOSALS)
    )
    sa = a_peer().sa()
    return (replace(sa, proposals=proposals),)


def large_id() -> Identification:
    """A client identity of 60,000 octets."""
    return Identification.of(Identity(IdType.FQDN, b"x" * 60000))


OVERSIZED: dict[str, Callable[[Scene], tuple[Payload, ...]]] = {
    "7,650 transforms": lambda s: (*many_transforms(), *s.proposes().payloads()[1:]),
    "an attribute of 60,000 octets": lambda s: s.proposes(
        offer=Phase2(more=(Attribute(6, b"\xff" * 60000, basic=False),))
    ).payloads(),
    "15,000 attributes": lambda s: s.proposes(
        offer=Phase2(more=(Attribute.of(1, 1),) * 15000)
    ).payloads(),
    "a nonce of 60,000 octets": lambda s: s.proposes(nonce=bytes(60000)).payloads(),
    "an identity of 60,000 octets": lambda s: (
        *s.proposes().payloads()[:-2],
        large_id(),
        small_id(),
    ),
    "250 identities": lambda s: (*s.proposes().payloads(), *[small_id()] * 250),
    "1,000 vendor IDs": lambda s: (*s.proposes().payloads(), *[VendorId(b"x")] * 1000),
    "1,000 nonces": lambda s: (*s.proposes().payloads(), *[Nonce(bytes(16))] * 1000),
}


def small_id() -> Identification:
    """A client identity of four octets."""
    return Identification.of(Identity.of_address(IPv4Address("10.2.0.1")))


@pytest.mark.parametrize("case", OVERSIZED)
def test_oversized_quick_modes(case: str) -> None:
    """Refused, or taken for what is right in them, soon and in few words."""
    scene = Scene()
    quick = scene.proposes()
    message = quick.qm1(OVERSIZED[case](scene))
    assert len(message) <= 65507
    began = time.process_time()
    scene.daemon.hears(message)
    assert time.process_time() - began < 1.0, "seconds of this process alone"
    assert sum(map(len, scene.daemon.log)) < 2000
    scene.nobody_else_notices()


def test_thousands_of_notifies_in_one_message() -> None:
    """A chain has so many payloads and no more."""
    scene = Scene()
    notify = scene.peer.notify(NotifyType.R_U_THERE, bytes(4))
    assert scene.says(*[notify] * 3000) == []
    assert len(scene.daemon.log) == 1
    scene.nobody_else_notices()


def test_a_question_is_answered_once_for_each_message() -> None:
    """200 R-U-THERE in one message are no amplifier."""
    scene = Scene()
    notify = scene.peer.notify(NotifyType.R_U_THERE, bytes(4))
    answers = scene.says(*[notify] * 200)
    assert len(answers) == 1
    scene.nobody_else_notices()


def test_very_many_transactions() -> None:
    """Answered, and few of them remembered."""
    scene = Scene()
    for number in range(200):
        request = Transaction(scene.peer, 0x9000 + number)
        scene.daemon.hears(request.says(ConfigurationType.REQUEST, given(1)))
    assert scene.daemon.engine.remembered < 40
    assert len(scene.daemon.snapshot.timers) < 64
    scene.nobody_else_notices()


def test_errors_for_the_log_are_few() -> None:
    """A thousand authenticated complaints do not fill the disk."""
    scene = Scene()
    for _ in range(1000):
        scene.says(scene.peer.notify(NotifyType.INVALID_PAYLOAD_TYPE))
    assert len(scene.daemon.log) <= 10
    scene.nobody_else_notices()


def test_what_a_stranger_makes_us_hold_is_bounded() -> None:
    """Large first messages of main and aggressive mode, from one address, without end."""
    daemon = Daemon(with_bystander(configuration()))
    bystander = Bystander.of(daemon)
    peers = [a_peer(cookie=b"f" + number.to_bytes(7)) for number in range(80)]
    heap = [VendorId(bytes(3000))] * 5
    first = [peer.mm1(*heap) for peer in peers[:40]] + [peer.am1(*heap) for peer in peers[40:]]
    gc.collect()
    tracemalloc.start()
    for message in first:
        daemon.hears(message)
        daemon.captured.clear()
        daemon.debug.clear()
    gc.collect()
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 16 * 64 * 1024, "octets: sixteen exchanges of a datagram each, and their keys"
    assert bystander.unharmed()
