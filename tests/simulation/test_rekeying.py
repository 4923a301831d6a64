"""Rekeying loses no packet, whoever begins it and however often, and leaves nothing behind."""

import pytest

from isakmpd.ike import informational, ipsec_sas, isakmp_sas
from isakmpd.simulation.agreement import count_sas, snapshot
from isakmpd.simulation.link import Weather
from isakmpd.simulation.node import Node
from tests.simulation.scenes import Pair, assert_agreement, talk, two_gateways

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(300)]

MONTH = 30 * 86400.0

ONE_DELAY = [Weather(delay=0.01), Weather(delay=0.1)]
WEATHERS = [*ONE_DELAY, Weather(delay=0.01, jitter=0.09), Weather(delay=0.02, duplication=0.5)]


def pairs_made(node: Node) -> int:
    """Count the quick modes a node has seen through."""
    return sum("quick mode done" in line.text for line in node.log)


def phase_1s_made(node: Node) -> int:
    """Count the main modes a node has seen through."""
    return sum("phase 1 done" in line.text for line in node.log)


def assert_nothing_lost(pair: Pair, seconds: float, interval: float) -> None:
    """Every packet the LANs send each other arrives, and none twice."""
    west, east = talk(pair, interval, seconds)
    assert west.missing() == []
    assert east.missing() == []
    assert west.repeated() == east.repeated() == 0


@pytest.mark.parametrize("weather", WEATHERS, ids=str)
@pytest.mark.parametrize("always_up", [("west",), ("east",), ("west", "east")])
def test_no_packet_is_lost_by_rekeying_both_phases(
    always_up: tuple[str, ...], weather: Weather
) -> None:
    pair = two_gateways(
        f"rekey {weather}", always_up=always_up, weather=weather, phase_1="90", phase_2="60"
    )
    pair.wait(5)
    assert_nothing_lost(pair, 400, interval=0.05)
    assert pairs_made(pair.west) >= 6
    assert phase_1s_made(pair.west) >= 4


@pytest.mark.parametrize("weather", ONE_DELAY, ids=str)
def test_no_packet_is_lost_when_both_ends_rekey_at_once(
    monkeypatch: pytest.MonkeyPatch, weather: Weather
) -> None:
    """Both ends then have two new pairs, and drop the same one of them."""
    for module in (ipsec_sas, isakmp_sas):
        monkeypatch.setattr(module, "soft_share", lambda _context, initiator: 0.8)  # noqa: ARG005
    pair = two_gateways(
        "at once", always_up=("west", "east"), weather=weather, phase_1="150", phase_2="60"
    )
    pair.wait(5)
    assert_nothing_lost(pair, 400, interval=0.02)
    begun = [sum("done:" in line.text for line in node.log) for node in pair]
    assert min(begun) >= 6, "each end begins rekeyings"
    pair.wait(20)
    assert_agreement(pair)


def test_rekeying_by_volume_loses_no_packet() -> None:
    """A pair is replaced before it has carried all it may, however long its time is."""
    more = "\n".join(
        (
            *("[volume]", "LIFE_TYPE= KILOBYTES", "LIFE_DURATION= 64", ""),
            *("[suite]", "Protocols= esp", ""),
            *("[esp]", "PROTOCOL_ID= IPSEC_ESP", "Transforms= transform", ""),
            *("[transform]", "TRANSFORM_ID= AES", "KEY_LENGTH= 128", "ENCAPSULATION_MODE= TUNNEL"),
            *("AUTHENTICATION_ALGORITHM= HMAC_SHA", "Life= volume"),
        )
    )
    pair = two_gateways("volume", suites="suite", more=more)
    pair.wait(5)
    assert_nothing_lost(pair, 400, interval=0.05)
    assert pairs_made(pair.west) >= 6


def test_sas_made_side_by_side_are_reduced_to_one() -> None:
    """Both ends begin at the same moment, and both hold two of each for a few seconds only."""
    pair = two_gateways("side by side", always_up=("west", "east"), dpd="30")
    pair.wait(1)
    assert max(count_sas(node) for node in pair) == 2
    pair.wait(20)
    assert [count_sas(node) for node in pair] == [1, 1]
    assert_agreement(pair)
    assert not [line for node in pair for line in pair.lines(node, "dropped")]


def test_a_month_passes_with_default_lifetimes() -> None:
    """Hundreds of rekeyings lose nothing, and the engine is no bigger after than before."""
    pair = two_gateways("month", always_up=("west", "east"), dpd="30")
    pair.wait(20)
    west, east = talk(pair, 60.0, MONTH)
    assert west.missing() == []
    assert east.missing() == []
    assert pairs_made(pair.west) > MONTH / 1200
    assert phase_1s_made(pair.west) > MONTH / 3600
    for node in pair:
        assert count_sas(node) <= 2
        assert len(snapshot(node).timers) < 20
        assert node.engine.remembered < 10
        assert not node.engine.unanswered
    pair.wait(20)
    assert_agreement(pair)


def test_an_isakmp_sa_is_replaced_before_its_message_ids_are_used_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is remembered against replay stays bounded, and nobody notices."""
    limit = 64
    monkeypatch.setattr(informational, "MESSAGE_ID_LIMIT", limit)
    pair = two_gateways("worn", phase_1="86400", phase_2="86400", dpd="5")
    pair.wait(5)
    assert_nothing_lost(pair, 3600, interval=2.0)
    assert phase_1s_made(pair.west) > 5
    assert not pair.lines(pair.west, "it is deleted")
    for node in pair:
        assert all(len(sa.used_message_ids) < limit for sa in node.engine._negotiation.isakmp_sas)
    assert_agreement(pair)
