"""What main mode refuses, and the sentence each refusal gets."""

from dataclasses import replace

import pytest

from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    EncryptionAlgorithm,
    GroupDescription,
    NotifyType,
    Protocol,
)
from isakmpd.wire.payloads import (
    KeyExchange,
    Nonce,
    Payload,
    SecurityAssociation,
)
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.offers import Phase1, key_pair
from tests.ike.scenes import a_peer, answer_main_mode, phase1_sa

# Main mode: what the messages hold

MM1_DIFFERENCES = {
    "cipher": (
        Phase1(encryption=EncryptionAlgorithm.TRIPLE_DES_CBC, key_length=None),
        "ENCRYPTION_ALGORITHM: got 3DES_CBC, expected AES_CBC in [AES-128-SHA]",
    ),
    "key length": (Phase1(key_length=256), "KEY_LENGTH: got 256, expected 128 in [AES-128-SHA]"),
    "an impossible key length": (
        Phase1(key_length=100),
        "KEY_LENGTH: got 100, impossible for AES_CBC",
    ),
    "group": (
        Phase1(group=GroupDescription.MODP_2048),
        "GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 in [AES-128-SHA]",
    ),
    "authentication": (
        Phase1(authentication=3),
        "AUTHENTICATION_METHOD: got RSA_SIG, expected PRE_SHARED in [AES-128-SHA]",
    ),
    "a life too long": (
        Phase1(seconds=90000),
        "LIFE_DURATION: got 90000, expected 60:86400 seconds in [LIFE_MAIN_MODE]",
    ),
    "a life of nothing": (Phase1(seconds=0), "LIFE_DURATION of 0 seconds is no life"),
    "a PRF": (Phase1(more=(Attribute.of(13, 1),)), "PRF is not supported"),
    "an attribute nobody knows": (
        Phase1(more=(Attribute.of(16000, 1),)),
        "Phase1Attribute_16000 is not supported",
    ),
    "an attribute twice": (
        Phase1(more=(Attribute.of(2, 1),)),
        "HASH_ALGORITHM is given twice",
    ),
    "a number of thousands of digits": (
        Phase1(key_length=None, more=(Attribute(14, b"\xff" * 4000, basic=False),)),
        "KEY_LENGTH of 4000 octets is too large",
    ),
}


@pytest.mark.parametrize("case", MM1_DIFFERENCES)
def test_a_main_mode_proposal_that_differs(case: str) -> None:
    """One line with both values, section and tag; the peer gets one notify in clear."""
    offer, difference = MM1_DIFFERENCES[case]
    daemon, peer = Daemon(configuration()), a_peer(offer)
    mm1 = peer.mm1()
    (answer,) = daemon.hears(mm1)
    (notify,) = peer.read(answer).payloads
    assert notify == replace(peer.notify(NotifyType.NO_PROPOSAL_CHOSEN), spi=answer[:16])
    assert len(answer) <= len(mm1)
    assert daemon.log == [
        f"peer: phase 1 with {PEER}:500 failed: no compatible proposal found: {difference} "
        "([main-mode]:Transforms decides)"
    ]
    for _ in range(5):
        assert daemon.hears(mm1) == [], "what is refused is refused once"
    assert len(daemon.log) == 1
    answer_main_mode(daemon, a_peer(cookie=b"cookie 2"))


def test_phase_1_proposals_of_odd_shape() -> None:
    """DOI, situation, protocol, number of proposals and of transforms."""
    peer = a_peer()
    sa = peer.sa()
    cases: list[tuple[SecurityAssociation, str]] = [
        (replace(sa, doi=9), "DOI Doi_9 is not IPSEC"),  # type: ignore[arg-type]
        (replace(sa, situation=4), "situation 4 is not identity only"),
        (replace(sa, proposals=()), "0 proposals in phase 1, expected 1"),
        (replace(sa, proposals=sa.proposals * 2), "2 proposals in phase 1, expected 1"),
        (
            phase1_sa(peer, protocol=Protocol.IPSEC_ESP),
            "phase 1 proposal for IPSEC_ESP, expected ISAKMP",
        ),
        (phase1_sa(peer, transforms=()), "the peer offers no transform"),
        (
            phase1_sa(peer, transforms=(replace(sa.proposals[0].transforms[0], transform_id=2),)),
            "transform id 2 is not KEY_IKE",
        ),
    ]
    for odd, sentence in cases:
        daemon = Daemon(configuration())
        daemon.hears(peer.clear(odd))
        (line,) = daemon.log
        assert sentence in line, line


BAD_MM3: dict[str, tuple[tuple[Payload, ...], str]] = {
    "short KE": (
        (KeyExchange(b"\2"), Nonce(bytes(16))),
        "a Diffie-Hellman value of 1 octets, expected 128 for MODP_1024",
    ),
    "empty KE": (
        (KeyExchange(b""), Nonce(bytes(16))),
        "a Diffie-Hellman value of 0 octets, expected 128 for MODP_1024",
    ),
    "KE of another group": (
        (KeyExchange(key_pair(GroupDescription.MODP_2048)[1]), Nonce(bytes(16))),
        "a Diffie-Hellman value of 256 octets, expected 128 for MODP_1024",
    ),
    "KE 0": (
        (KeyExchange(bytes(128)), Nonce(bytes(16))),
        "the peer's Diffie-Hellman value is unsafe: MODP_1024 public value outside 2..p-2",
    ),
    "KE 1": (
        (KeyExchange(bytes(127) + b"\1"), Nonce(bytes(16))),
        "the peer's Diffie-Hellman value is unsafe: MODP_1024 public value outside 2..p-2",
    ),
    "KE beyond p": (
        (KeyExchange(b"\xff" * 128), Nonce(bytes(16))),
        "the peer's Diffie-Hellman value is unsafe: MODP_1024 public value outside 2..p-2",
    ),
    **{
        f"nonce of {length}": (
            (KeyExchange(key_pair(GroupDescription.MODP_1024)[1]), Nonce(bytes(length))),
            f"a nonce of {length} octets, expected 8 to 256",
        )
        for length in (0, 7, 257)
    },
}


@pytest.mark.parametrize("case", BAD_MM3)
@pytest.mark.parametrize("answers", [True, False])
def test_key_exchange_and_nonce_of_main_mode(case: str, answers: bool) -> None:
    """Message 3 or 4 with unsafe values ends the exchange with one line and one notify."""
    payloads, sentence = BAD_MM3[case]
    daemon, peer = Daemon(configuration(answers=answers)), a_peer()
    if answers:
        peer.mm3(daemon.answers(peer.mm1()))
    else:
        daemon.answers(peer.mm2(daemon.begins()))
    message = peer.clear(*payloads)
    sent = daemon.hears(message)
    assert daemon.log == [f"peer: phase 1 with {PEER}:500 failed: {sentence}"]
    assert [len(octets) <= len(message) for octets in sent] == [True] * (len(message) > 100)
