"""Two gateways of which one is passive: the other's rekeyings keep the tunnel up."""

import pytest

from isakmpd.simulation.agreement import count_sas
from tests.simulation.scenes import Pair, assert_agreement, talk, two_gateways

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(120)]


def said(pair: Pair, *, active: bool) -> None:
    """West's administrator says M."""
    pair.west.engine.set_active(active, pair.west.now)
    pair.west.settle()


def test_the_active_end_keeps_the_tunnel_alive() -> None:
    """It rekeys both phases and asks for life, and is answered; no packet is lost."""
    pair = two_gateways(
        "passive west", always_up=("west", "east"), phase_1="90", phase_2="60", dpd="10"
    )
    pair.wait(5)
    said(pair, active=False)
    before = len(pair.west.log)
    west, east = talk(pair, 0.1, 600)
    assert west.missing() == east.missing() == []
    done = [line.text for line in pair.west.log[before:] if "done" in line.text]
    assert len(done) > 10
    assert all("as responder" in line for line in done)
    assert_agreement(pair)


def test_two_passive_ends_have_nothing_until_one_is_told() -> None:
    """Their SAs end in good order, both guard what went through them, and one M brings it back."""
    pair = two_gateways("both passive", always_up=("west", "east"), phase_1="90", phase_2="60")
    pair.wait(5)
    for node in pair:
        node.engine.set_active(False, node.now)
        node.settle()
    pair.wait(600)
    assert [count_sas(node) for node in pair] == [0, 0]
    talk(pair, 1, 5)
    assert pair.west.in_clear == pair.east.in_clear == []
    said(pair, active=True)
    assert pair.until_up(5) < 5
