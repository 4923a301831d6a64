"""Protected notifies and Deletes: dead peer detection, teardown, and who may say what."""

from dataclasses import replace

import pytest

from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import ExchangeType, IdType, NotifyType, PayloadType, Protocol
from isakmpd.wire.payloads import Delete, Notification
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.offers import Phase2
from tests.ike.peer import Peer
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_main_mode,
    answer_quick_mode,
    begin_main_mode,
    joined,
    met,
    proposal,
)


def questions(peer: Peer, sent: list[tuple[float, bytes]]) -> list[tuple[float, Notification]]:
    """The R-U-THEREs among what was sent, with their times."""
    found = []
    for when, octets in sent:
        header, _ = decode_header(octets)
        if header.exchange_type == ExchangeType.INFO and header.responder_cookie == peer.cookies[1]:
            notify = peer.informed(octets).first(Notification)
            if notify is not None and notify.type == NotifyType.R_U_THERE:
                found.append((when, notify))
    return found


# Dead peer detection (RFC 3706)


@pytest.mark.parametrize("sequence", [0, 1, 0x7FFF, 0xFFFFFFFF])
def test_r_u_there_is_answered_with_its_number(sequence: int) -> None:
    """Also where this end never asks."""
    daemon, peer = met(configuration(dpd=0))
    question = peer.notify(NotifyType.R_U_THERE, sequence.to_bytes(4))
    (answer,) = daemon.hears(peer.protected(question, message_id=5))
    notify = peer.informed(answer).one(Notification)
    assert notify == replace(question, type=NotifyType.R_U_THERE_ACK)


def test_an_older_r_u_there_is_not_answered() -> None:
    """RFC 3706 section 5.4: numbers do not go back."""
    daemon, peer = met()
    for number, message_id, answers in ((7, 1, 1), (7, 2, 1), (6, 3, 0), (8, 4, 1)):
        question = peer.notify(NotifyType.R_U_THERE, number.to_bytes(4))
        assert len(daemon.hears(peer.protected(question, message_id=message_id))) == answers
    assert daemon.log[-1].endswith("R-U-THERE 6 after 7")


def test_a_silent_peer_is_asked_and_its_answer_is_enough() -> None:
    """Once every interval, with a number that counts up."""
    daemon, peer, quick = joined(configuration(dpd=10))
    numbers = []
    for _ in range(4):
        ((_, question),) = questions(peer, daemon.passes(10))
        numbers.append(int.from_bytes(question.data))
        assert question.spi == b"".join(peer.cookies)
        ack = replace(question, type=NotifyType.R_U_THERE_ACK)
        assert daemon.hears(peer.protected(ack, message_id=0x100 + numbers[-1] % 0xFF)) == []
    assert numbers == list(range(numbers[0], numbers[0] + 4))
    assert numbers[0] < 0x8000
    assert agreed(daemon, quick)
    assert daemon.log == []


def test_a_peer_that_does_not_answer_is_dead() -> None:
    """Five questions of one number, 5 s apart; then everything shared with it goes."""
    daemon, peer, _ = joined(configuration(dpd=10))
    asked = questions(peer, daemon.passes(34.9))
    assert [when for when, _ in asked] == [10, 15, 20, 25, 30]
    assert len({question.data for _, question in asked}) == 1
    assert daemon.log == []
    daemon.passes(0.2)
    assert daemon.log == [
        f"peer: {PEER}:500 does not answer R-U-THERE: the peer is dead, its SAs are dropped"
    ]
    assert daemon.snapshot.isakmp_sas == ()
    assert daemon.stack.sas == {}
    assert daemon.stack.flows == {}


def test_an_ack_of_another_number_is_none() -> None:
    """A recorded or invented ACK keeps nobody alive."""
    daemon, peer, _ = joined(configuration(dpd=10))
    ((_, question),) = questions(peer, daemon.passes(10))
    wrong = (int.from_bytes(question.data) + 1).to_bytes(4)
    ack = replace(question, type=NotifyType.R_U_THERE_ACK, data=wrong)
    daemon.hears(peer.protected(ack, message_id=0x77))
    daemon.passes(26)
    assert daemon.stack.sas == {}


def test_a_peer_without_the_vendor_id_is_never_asked() -> None:
    """DPD is announced or absent."""
    daemon, peer = met(configuration(dpd=10), vendors=())
    assert questions(peer, daemon.passes(1000)) == []
    assert len(daemon.snapshot.isakmp_sas) == 1


# Delete


def test_a_delete_names_our_outbound_spi_and_takes_the_pair() -> None:
    """The sender's inbound SPI is our outbound one (RFC 2408 section 3.15)."""
    daemon, peer, quick = joined()
    other = proposal(peer, message_id=2, spi=b"\0\0\2\2")
    answer_quick_mode(daemon, other)
    delete = peer.delete(Protocol.IPSEC_ESP, quick.spi)
    daemon.hears(peer.protected(delete, message_id=8))
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.key.spi == 0x202
    assert agreed(daemon, other)
    assert daemon.verbose[-1] == "lan: the peer deleted SA 0badcafe"


@pytest.mark.parametrize(
    ("protocol", "spi"),
    [
        (Protocol.IPSEC_ESP, b"\1\2\3\4"),
        (Protocol.IPSEC_ESP, b""),
        (Protocol.IPSEC_ESP, b"\0\0\0\0" + bytes.fromhex("0badcafe")),
        (Protocol.IPSEC_AH, bytes.fromhex("0badcafe")),
        (Protocol.IPCOMP, bytes.fromhex("0badcafe")),
        (Protocol(77), bytes.fromhex("0badcafe")),
        (Protocol.ISAKMP, b"0123456789abcdef"),
        (Protocol.ISAKMP, b"peercook"),
        (Protocol.ISAKMP, b""),
    ],
)
def test_a_delete_of_what_we_do_not_have(protocol: Protocol, spi: bytes) -> None:
    """Nothing happens, and nothing else in the message is lost by it."""
    daemon, peer, quick = joined()
    before = daemon.state()
    spis = (spi,) if spi else ()
    daemon.hears(peer.protected(peer.delete(protocol, *spis), message_id=8))
    assert daemon.state() == before
    assert agreed(daemon, quick)


def test_our_inbound_spi_is_not_the_peers_to_delete() -> None:
    """A Delete of the SPI we chose means nothing."""
    daemon, peer, quick = joined()
    delete = peer.delete(Protocol.IPSEC_ESP, quick.their_spi)
    daemon.hears(peer.protected(delete, message_id=8))
    assert agreed(daemon, quick)


def test_a_delete_of_many_spis_takes_those_we_have() -> None:
    """One unknown SPI does not void the message."""
    daemon, peer, quick = joined()
    delete = peer.delete(Protocol.IPSEC_ESP, b"\1\2\3\4", quick.spi, b"\5\6\7\x08")
    daemon.hears(peer.protected(delete, message_id=8))
    assert daemon.stack.sas == {}


def test_the_peer_deletes_the_isakmp_sa() -> None:
    """By its cookies; the tunnel does not depend on it."""
    daemon, peer, quick = joined()
    delete = peer.delete(Protocol.ISAKMP, b"".join(peer.cookies))
    daemon.hears(peer.protected(delete, message_id=8))
    assert daemon.snapshot.isakmp_sas == ()
    assert agreed(daemon, quick)


def test_a_peer_cannot_delete_another_peers_sas() -> None:
    """Two clients behind one address and one section are two peers by their identities."""
    daemon, peer, quick = joined()
    other = a_peer(cookie=b"cookie 2", identity=Identity(IdType.FQDN, b"other.example"))
    answer_main_mode(daemon, other)
    daemon.hears(other.protected(other.delete(Protocol.IPSEC_ESP, quick.spi), message_id=8))
    cookies = b"".join(peer.cookies)
    daemon.hears(other.protected(other.delete(Protocol.ISAKMP, cookies), message_id=9))
    assert agreed(daemon, quick)
    assert len(daemon.snapshot.isakmp_sas) == 2


def test_initial_contact_in_a_message_of_its_own() -> None:
    """Some peers send it after main mode; it means the same."""
    daemon, old, _ = joined()
    daemon.passes(1)
    peer = a_peer(cookie=b"cookie 2")
    answer_main_mode(daemon, peer)
    daemon.passes(1)
    notify = peer.notify(NotifyType.INITIAL_CONTACT)
    daemon.hears(peer.protected(notify, message_id=4))
    (sa,) = daemon.snapshot.isakmp_sas
    assert sa.initiator_cookie == b"cookie 2"
    assert daemon.stack.sas == {}
    assert old.cookies != peer.cookies


def test_teardown_tells_the_peer_by_our_inbound_spi() -> None:
    """A Delete that the peer finds as its outbound SPI."""
    daemon, peer, quick = joined()
    assert daemon.engine.teardown("lan", daemon.now)
    ((_, octets),) = daemon.passes(0)
    assert peer.informed(octets).all(Delete) == [peer.delete(Protocol.IPSEC_ESP, quick.their_spi)]
    assert daemon.stack.sas == {}


def test_shutdown_deletes_everything_at_once() -> None:
    """IPsec SAs first, the ISAKMP SA that carries the message last."""
    daemon, peer, quick = joined()
    daemon.engine.shutdown(daemon.now)
    deletes = [peer.informed(octets).one(Delete) for _, octets in daemon.passes(0)]
    assert deletes == [
        peer.delete(Protocol.IPSEC_ESP, quick.their_spi),
        peer.delete(Protocol.ISAKMP, b"".join(peer.cookies)),
    ]
    assert daemon.snapshot.timers == ()


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (PayloadType.NOTIFY, bytes.fromhex("00000001 01 ff 8d28") + bytes(20)),
        (PayloadType.NOTIFY, bytes.fromhex("00000001 01 10")),
        (PayloadType.DELETE, bytes.fromhex("00000001 03 04 ffff 0badcafe")),
        (PayloadType.DELETE, bytes.fromhex("00000001 03 00 ffff 0badcafe")),
        (PayloadType.DELETE, bytes.fromhex("00000001 03 ff 0001 0badcafe")),
    ],
)
def test_sizes_that_lie(kind: PayloadType, body: bytes) -> None:
    """SPI sizes and counts beyond the payload, authenticated as they are: nothing happens."""
    daemon, peer, quick = joined()
    rest = bytes([0, 0]) + (4 + len(body)).to_bytes(2) + body
    proof = peer.prf(peer.skeyid_a, (8).to_bytes(4), rest)
    octets = bytes([kind, 0, 0, 24]) + proof + rest
    iv = peer.phase2_iv(8)
    assert daemon.hears(peer.seal_octets(PayloadType.HASH, octets, iv, ExchangeType.INFO, 8)) == []
    (line,) = daemon.log
    assert "due to notification type PAYLOAD_MALFORMED" in line
    assert agreed(daemon, quick)


# What a protected notify can end


def test_an_error_that_could_mean_two_quick_modes_ends_neither() -> None:
    """It is logged; by its SPI it would have been clear."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    begin_main_mode(daemon, peer)
    theirs = proposal(peer, Phase2(), message_id=3)
    daemon.answers(theirs.qm1())
    assert len(daemon.snapshot.exchanges) == 2
    vague = peer.notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=b"")
    daemon.hears(peer.protected(vague, message_id=8))
    assert daemon.log == [f"peer: {PEER}:500 says NO_PROPOSAL_CHOSEN"]
    assert len(daemon.snapshot.exchanges) == 2


def test_an_error_that_names_its_quick_mode_ends_that_one() -> None:
    """By the SPI we offered in it."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    qm1 = begin_main_mode(daemon, peer)
    theirs = proposal(peer, Phase2(), message_id=3)
    daemon.answers(theirs.qm1())
    ours = proposal(peer)
    ours.qm2(qm1)
    clear = peer.notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=ours.their_spi)
    daemon.hears(peer.protected(clear, message_id=8))
    assert [exchange.initiator for exchange in daemon.snapshot.exchanges] == [False]
    assert len(daemon.log) == 1


@pytest.mark.parametrize(
    "kind",
    [
        NotifyType.CONNECTED,
        NotifyType.REPLAY_STATUS,
        NotifyType(40501),
    ],
)
def test_a_status_ends_nothing(kind: NotifyType) -> None:
    """Protected statuses during quick mode are logged and no more."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    begin_main_mode(daemon, peer)
    daemon.hears(peer.protected(peer.notify(kind), message_id=8))
    assert daemon.log == [f"peer: {PEER}:500 says {kind}"]
    assert len(daemon.snapshot.exchanges) == 1


def test_the_peer_refuses_as_initiator() -> None:
    """It does not like our answer and says so: our half of the SA goes at once."""
    daemon, peer = met()
    quick = proposal(peer)
    daemon.answers(quick.qm1())
    assert len(daemon.stack.sas) == 1
    daemon.hears(peer.protected(peer.notify(NotifyType.INVALID_ID_INFORMATION), message_id=8))
    assert daemon.stack.sas == {}
    (line,) = daemon.log
    assert line.startswith(f"lan: quick mode with {PEER}:500 failed: the peer says INVALID_ID")
