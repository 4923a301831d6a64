"""What an authenticated peer can make us hold is bounded, and a line says so."""

from __future__ import annotations

from unittest.mock import Mock

import pytest

from isakmpd.ike import answering, ipsec_sas, phase2_exchange
from isakmpd.wire.numbers import NotifyType, Protocol
from tests.ike.daemon import configuration
from tests.ike.scenes import agreed, answer_quick_mode, met, proposal, refusal


def test_unfinished_quick_modes() -> None:
    """One for each connection and some more; the rest is not even deciphered, nor forgotten."""
    daemon, peer = met()
    limit = answering.QUICK_MODES + 1
    begun = [
        proposal(peer, message_id=number, spi=(0x1000 + number).to_bytes(4))
        for number in range(1, limit + 4)
    ]
    answered = [daemon.hears(quick.qm1()) for quick in begun]
    assert [bool(answer) for answer in answered] == [True] * limit + [False] * 3
    assert len(daemon.snapshot.exchanges) == limit
    assert (
        f"peer: quick mode is not answered: {limit} of the peer's are unfinished"
        in (daemon.log[-1])
    )
    daemon.hears(begun[0].qm3(answered[0][0]))
    late = proposal(peer, message_id=limit + 1, spi=(0x1001 + limit).to_bytes(4))
    answer_quick_mode(daemon, late)
    assert agreed(daemon, late), "repeated, it finds its place"


def test_pairs_of_a_peer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside two for each connection; the peer is told."""
    monkeypatch.setattr(ipsec_sas, "PAIRS_OF_PEER", 1)
    daemon, peer = met(configuration())
    for number in range(1, 4):
        quick = proposal(peer, message_id=number, spi=(0x1000 + number).to_bytes(4))
        answer_quick_mode(daemon, quick)
    refused = daemon.hears(proposal(peer, message_id=9, spi=b"\0\0\x90\x09").qm1())
    assert refusal(peer, refused).type == NotifyType.NO_PROPOSAL_CHOSEN
    assert "quick mode is refused: the peer has 3 IPsec SAs, 3 are allowed" in daemon.log[-1]
    assert len(daemon.stack.spis) == 3


def test_a_delete_of_very_many_spis(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs no look at every pair for every SPI, and what a quick mode remembers is little."""
    daemon, peer = met(configuration())
    for number in range(1, 7):
        quick = proposal(peer, message_id=number, spi=(0x1000 + number).to_bytes(4))
        answer_quick_mode(daemon, quick)
    unfinished = proposal(peer, message_id=0x77, spi=b"\0\0\x77\x77")
    daemon.hears(unfinished.qm1())
    sas = daemon.engine._negotiation.ipsec_sas
    looks = Mock(wraps=sas.of_peer)
    monkeypatch.setattr(sas, "of_peer", looks)
    spis = [number.to_bytes(4) for number in range(0x900000, 0x900000 + 16000)]
    delete = peer.delete(Protocol.IPSEC_ESP, *spis, (0x1006).to_bytes(4))
    daemon.hears(peer.protected(delete, message_id=0x78))
    assert looks.call_count < 100
    left = {pair.outbound.key.spi for pair in daemon.snapshot.ipsec_sas}
    assert 0x1006 not in left
    assert 0x1005 in left
    (running,) = daemon.engine._negotiation.exchanges.quick_modes()
    assert len(running._deleted) == phase2_exchange.DELETED_SPIS
