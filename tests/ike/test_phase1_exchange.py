"""What phase 1 says when it fails: both ends ours, on one clock."""

from collections.abc import Callable

import pytest

from isakmpd.wire.numbers import ExchangeType, NotifyType
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.peer import Peer
from tests.ike.scenes import a_peer, agreed, proposal


def meet(west: Daemon, east: Daemon, seconds: float) -> None:
    """Let two engines talk over a link without delay."""
    for _ in range(int(seconds * 10)):
        for sender, receiver in ((west, east), (east, west)):
            waiting = [octets for _, octets in sender.passes(0.1)]
            while waiting:
                answers = receiver.hears(waiting.pop(0), source=sender.address)
                for answer in answers:
                    waiting += sender.hears(answer, source=receiver.address)


GIVEN_UP = (
    f"giving up on exchange peer, no response from peer {PEER}:500; the peer said {{}} "
    "(unauthenticated)"
)


def attempt(
    *, seconds: float = 41, west: dict[str, str], east: dict[str, str]
) -> tuple[Daemon, Daemon]:
    """West begins with one configuration, east answers with another."""
    begins = Daemon(configuration(answers=False, **west))  # type: ignore[arg-type]
    answers = Daemon(configuration(mirrored=True, **east), address=PEER)  # type: ignore[arg-type]
    meet(begins, answers, seconds)
    return begins, answers


def test_different_keys_are_named_as_the_probable_cause_on_both_sides() -> None:
    """One line each, with section and tag."""
    west, east = attempt(west={"key": "one"}, east={"key": "other"})
    (east_line,) = east.log
    assert east_line.startswith(
        f"peer: main mode message 5 from {DAEMON}:500 proves nothing, it decrypts to nonsense: "
    )
    assert east_line.endswith("the pre-shared keys probably differ ([peer]:Authentication decides)")
    (west_line,) = west.log
    assert west_line.startswith(f"peer: phase 1 with {PEER}:500 failed: giving up on exchange peer")
    assert west_line.endswith(
        "(unauthenticated); the pre-shared keys probably differ ([peer]:Authentication decides)"
    )
    assert west.snapshot.isakmp_sas == east.snapshot.isakmp_sas == ()


def test_different_keys_in_aggressive_mode() -> None:
    """The initiator sees it in message 2, and tells the responder in clear."""
    west, east = attempt(
        seconds=121,
        west={"key": "one", "exchange": "AGGRESSIVE"},
        east={"key": "other", "exchange": "AGGRESSIVE"},
    )
    causes = "the pre-shared keys probably differ ([peer]:Authentication decides)"
    assert west.log[0] == (
        f"peer: aggressive mode message 2 from {PEER}:500 proves nothing, its HASH is wrong: "
        f"{causes}, or the peer has none for IPV4_ADDR {DAEMON} ([peer]:ID decides)"
    )
    assert not any("giving up" in line for line in west.log), "the reason is told once"
    assert east.log[0] == (
        f"peer: phase 1 with {DAEMON}:500 failed: not finished after 120 s "
        "([General]:Exchange-max-time); the peer said INVALID_HASH_INFORMATION (unauthenticated); "
        f"{causes}"
    )
    assert west.snapshot.isakmp_sas == east.snapshot.isakmp_sas == ()


@pytest.mark.parametrize(
    ("begins", "answers"), [("ID_PROT", "AGGRESSIVE"), ("AGGRESSIVE", "ID_PROT")]
)
def test_main_against_aggressive_mode(begins: str, answers: str) -> None:
    """Both ends name the tag, each its own."""
    west, east = attempt(west={"exchange": begins}, east={"exchange": answers})
    assert east.log == [
        f"peer: phase 1 with {DAEMON}:500 failed: the peer begins with exchange type {begins}, "
        f"expected {answers} ([main-mode]:EXCHANGE_TYPE decides)"
    ]
    assert west.log == [
        f"peer: phase 1 with {PEER}:500 failed: {GIVEN_UP.format('UNSUPPORTED_EXCHANGE_TYPE')}; it "
        f"does not answer exchange type {begins} ([main-mode]:EXCHANGE_TYPE decides)"
    ]


def test_the_responder_does_not_tell_of_different_keys_twice() -> None:
    """Retransmissions and the end of the exchange add no line."""
    daemon, peer = Daemon(configuration()), a_peer(key=b"other")
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    notifies = [daemon.hears(mm5) for _ in range(4)]
    assert [len(sent) for sent in notifies] == [1, 0, 0, 0]
    assert len(notifies[0][0]) <= len(mm5)
    daemon.passes(300)
    assert len(daemon.log) == 1
    assert daemon.snapshot.exchanges == ()


def test_a_responder_with_another_key_is_told_from_message_6() -> None:
    """The initiator's own line, should the peer send something encrypted with its key."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    peer.check_proof(mm5, of_initiator=True)
    peer.key = b"other"
    peer.derive(peer.heard[1].bodies[1], peer.nonce, peer.g_xi, peer.g_xr)
    peer.iv = mm5[-16:]
    daemon.hears(peer.proved(of_initiator=False))
    (line,) = daemon.log
    assert line.startswith(f"peer: main mode message 6 from {PEER}:500 proves nothing")
    assert "keys probably differ ([peer]:Authentication decides)" in line


def test_a_forged_proof_does_not_end_the_exchange() -> None:
    """Whoever sees the messages but has no key cannot spoil them: the true message succeeds."""
    daemon, peer = Daemon(configuration()), a_peer()
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    daemon.hears(mm5[:-40] + bytes(40))
    peer.finish(daemon.answers(mm5))
    assert len(daemon.log) == 1
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_no_common_transform() -> None:
    """Each end names the difference, and where to look."""
    west, east = attempt(west={"transforms": "3DES-SHA"}, east={})
    assert east.log == [
        f"peer: phase 1 with {DAEMON}:500 failed: no compatible proposal found: "
        "ENCRYPTION_ALGORITHM: got 3DES_CBC, expected AES_CBC in [AES-128-SHA] "
        "([main-mode]:Transforms decides)"
    ]
    assert west.log == [
        f"peer: phase 1 with {PEER}:500 failed: {GIVEN_UP.format('NO_PROPOSAL_CHOSEN')}; it "
        "accepts none of our transforms, nearest of its own: ENCRYPTION_ALGORITHM: got AES_CBC, "
        "expected 3DES_CBC in [3DES-SHA] ([main-mode]:Transforms decides)"
    ]


def test_an_identity_the_responder_does_not_expect() -> None:
    """Each end names the tag on its side that decides."""
    expects = "Remote-ID= theirs\n[theirs]\nID-type= FQDN\nName= west.example"
    west, east = attempt(west={}, east={"peer_tags": expects})
    assert east.log == [
        f"peer: phase 1 with {DAEMON}:500 failed: the peer proves to be IPV4_ADDR {DAEMON}, "
        "expected FQDN west.example ([peer]:Remote-ID decides)"
    ]
    assert west.log == [
        f"peer: phase 1 with {PEER}:500 failed: the peer says INVALID_ID_INFORMATION: it expects "
        f"FQDN west.example, we are IPV4_ADDR {DAEMON} ([peer]:ID decides)"
    ]


def test_an_identity_the_initiator_does_not_expect() -> None:
    """The responder's SA goes with a protected Delete: nobody keeps half a conversation."""
    expects = "Remote-ID= theirs\n[theirs]\nID-type= FQDN\nName= east.example"
    west, east = attempt(seconds=2, west={"peer_tags": expects}, east={})
    assert west.log == [
        f"peer: phase 1 with {PEER}:500 failed: the peer proves to be IPV4_ADDR {PEER}, expected "
        "FQDN east.example ([peer]:Remote-ID decides)"
    ]
    assert east.snapshot.isakmp_sas == ()
    assert any("says INVALID_ID_INFORMATION" in line for line in east.log)


@pytest.mark.parametrize(
    ("fault", "responder", "initiator"),
    [
        (
            {"suites": "QM-ESP-AES-256-SHA-PFS-SUITE"},
            "no compatible proposal found: KEY_LENGTH: got 256, expected 128 in "
            "[QM-ESP-AES-128-SHA-PFS-XF] ([quick-mode]:Suites decides)",
            "the peer says NO_PROPOSAL_CHOSEN: it accepts none of our proposals, nearest of its "
            "own: KEY_LENGTH: got 128, expected 256 in [QM-ESP-AES-256-SHA-PFS-XF] "
            "([quick-mode]:Suites decides)",
        ),
        (
            {"suites": "QM-ESP-AES-128-SHA-SUITE"},
            "no compatible proposal found: GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in "
            "[QM-ESP-AES-128-SHA-PFS-XF] ([quick-mode]:Suites decides)",
            "the peer says NO_PROPOSAL_CHOSEN: it accepts none of our proposals, nearest of its "
            "own: GROUP_DESCRIPTION: got MODP_1024, expected no PFS in [QM-ESP-AES-128-SHA-XF] "
            "([quick-mode]:Suites decides)",
        ),
    ],
)
def test_quick_mode_refused_between_two_of_ours(
    fault: dict[str, str], responder: str, initiator: str
) -> None:
    """One line each, at once, without waiting for a timeout."""
    west, east = attempt(seconds=1, west=fault, east={})
    assert east.log == [f"lan: quick mode with {DAEMON}:500 failed: {responder}"]
    assert west.log == [f"lan: quick mode with {PEER}:500 failed: {initiator}"]


# What is said in clear is a hint and no more


HINTS: dict[str, Callable[[Peer], tuple[bytes, bytes]]] = {
    "under the exchange's cookies": lambda peer: peer.cookies,
    "under the initiator's cookie alone": lambda peer: (peer.cookies[0], bytes(8)),
    "under fresh cookies, as the original does": lambda _: (b"fresh ck", bytes(8)),
}


@pytest.mark.parametrize("case", HINTS)
def test_a_notify_in_clear_appears_in_the_final_line(case: str) -> None:
    """Whichever cookies it comes under; until then the exchange goes on."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm1 = daemon.begins()
    peer.mm2(mm1)
    notify = peer.notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=b"")
    hint = peer.clear(notify, exchange=ExchangeType.INFO, message_id=3, cookies=HINTS[case](peer))
    assert daemon.hears(hint) == []
    assert daemon.log == []
    daemon.passes(41)
    assert daemon.log == [
        f"peer: phase 1 with {PEER}:500 failed: {GIVEN_UP.format('NO_PROPOSAL_CHOSEN')}; it "
        "accepts none of our transforms ([main-mode]:Transforms decides), or has no section for "
        f"our address {DAEMON} ([peer]:Local-address decides it, there [Phase 1])"
    ]


def test_a_hint_does_not_stop_the_exchange() -> None:
    """Anybody can send one."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm2 = peer.mm2(daemon.begins())
    for kind in (NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.PAYLOAD_MALFORMED):
        notify = peer.notify(kind, spi=b"")
        daemon.hears(
            peer.clear(notify, exchange=ExchangeType.INFO, cookies=(b"fresh ck", bytes(8)))
        )
    qm1 = daemon.answers(peer.mm6(daemon.answers(peer.mm4(daemon.answers(mm2)))))
    quick = proposal(peer)
    quick.finish(daemon.answers(quick.qm2(qm1)))
    assert agreed(daemon, quick)
    assert daemon.log == []


def test_a_thousand_hints_are_three() -> None:
    """What strangers say takes no memory and no lines."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    peer.mm2(daemon.begins())
    for kind in range(1, 1000):
        notify = peer.notify(NotifyType(kind), spi=b"")
        daemon.hears(
            peer.clear(notify, exchange=ExchangeType.INFO, cookies=(b"fresh ck", bytes(8)))
        )
    assert len(daemon.verbose) == 3
    daemon.passes(41)
    (line,) = daemon.log
    assert (
        "the peer said INVALID_PAYLOAD_TYPE and DOI_NOT_SUPPORTED and SITUATION_NOT_SUPPORTED"
        in line
    )


def test_an_encrypted_notify_before_there_is_an_sa_hints_at_the_key() -> None:
    """strongSwan, which cannot read message 5, answers under keys that we do not have."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer(key=b"other")
    daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    notify = peer.notify(NotifyType.PAYLOAD_MALFORMED)
    assert daemon.hears(peer.protected(notify, message_id=9)) == []
    daemon.passes(41)
    assert daemon.log[-1].endswith(
        f"{GIVEN_UP.format('something encrypted that we cannot read')}; the pre-shared keys "
        "probably differ ([peer]:Authentication decides)"
    )


def test_a_peer_behind_a_nat_that_never_answers_on_4500() -> None:
    """The key may differ, or a firewall knows only port 500."""
    daemon = Daemon(configuration(answers=False))
    peer = a_peer(private_address=DAEMON)
    daemon.hears(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    daemon.passes(41)
    assert (
        "a firewall drops UDP port 4500, though port 500 was answered, or the pre-shared keys "
        "probably differ ([peer]:Authentication decides)"
    ) in daemon.log[0]
