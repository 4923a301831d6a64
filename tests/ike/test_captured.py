"""What the packet capture is shown: each message once, in clear, refused ones too."""

from __future__ import annotations

from isakmpd.wire.numbers import ConfigurationType, ExchangeType, NotifyType
from tests.ike.daemon import Daemon, configuration
from tests.ike.peer_mode_config import Transaction, given
from tests.ike.scenes import a_peer, met
from tests.ike.test_mode_config import TELLS, configured

X = ExchangeType


def since(daemon: Daemon, before: int) -> list[tuple[bool, int]]:
    """Direction and exchange type of what was captured."""
    return [(outgoing, octets[18]) for outgoing, octets in daemon.captured[before:]]


def test_an_offer_that_is_refused_is_captured_with_the_refusal() -> None:
    """Whoever looks for the reason finds the offer."""
    daemon, peer = Daemon(configuration(transforms="AES-256-SHA2-256-GRP14")), a_peer()
    daemon.hears(peer.mm1())
    assert since(daemon, 0) == [(False, X.ID_PROT), (True, X.INFO)]


def test_a_message_that_decrypts_and_fails_its_hash_is_captured() -> None:
    """It is refused, and there to be looked at."""
    daemon, peer = met(configured(TELLS, ikecfg=False))
    before = len(daemon.captured)
    message = Transaction(peer).says(ConfigurationType.REQUEST, given(1), hash_octets=19)
    assert daemon.hears(message) == []
    assert "HASH" in daemon.log[-1]
    assert since(daemon, before) == [(False, X.TRANSACTION)]


def test_ciphertext_under_another_key_is_not_captured() -> None:
    """There is nothing to show."""
    daemon, peer = Daemon(configuration()), a_peer(key=b"another key")
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    before = len(daemon.captured)
    daemon.hears(mm5)
    assert (False, X.ID_PROT) not in since(daemon, before)


def test_what_comes_or_goes_again_is_captured_once() -> None:
    """Neither the peer's repetition nor our answer to it, nor what our timer sends."""
    daemon, peer = Daemon(configuration()), a_peer()
    mm1 = peer.mm1()
    (mm2,) = daemon.hears(mm1)
    assert daemon.hears(mm1) == [mm2]
    assert since(daemon, 0) == [(False, X.ID_PROT), (True, X.ID_PROT)]
    begins = Daemon(configuration(answers=False))
    assert len(begins.passes(20.0)) == 3
    assert since(begins, 0) == [(True, X.ID_PROT)]


def test_a_notify_in_clear_is_captured() -> None:
    """It decides nothing and tells much."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    peer.mm2(daemon.begins())
    before = len(daemon.captured)
    daemon.hears(
        peer.clear(peer.notify(NotifyType.NO_PROPOSAL_CHOSEN), exchange=X.INFO, message_id=7)
    )
    assert since(daemon, before) == [(False, X.INFO)]
