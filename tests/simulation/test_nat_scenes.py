"""Gateways with NATs between them: what a box forgets, its hosts make up for."""

import pytest

from isakmpd.simulation.agreement import ipsec_sas, isakmp_sas
from isakmpd.simulation.gateways import Situation
from isakmpd.simulation.traffic import Conversation, misdelivered
from tests.simulation.scenes import (
    STORM,
    Pair,
    assert_agreement,
    assert_one_of_each,
    talk,
    two_gateways,
)

pytestmark = pytest.mark.simulation

EXCHANGES = ["ID_PROT", "AGGRESSIVE"]


def behind_nats(
    situation: Situation, exchange: str = "ID_PROT", *, dpd: str = "10", keepalive: str = "20"
) -> Pair:
    """Give two gateways, one or both behind a NAT, whose connection is up."""
    pair = two_gateways(
        f"nat {situation} {exchange}",
        situation=situation,
        exchange=exchange,
        phase_1="86400",
        phase_2="86400",
        dpd=dpd,
        keepalive=keepalive,
    )
    pair.wait(5)
    assert pair.up
    return pair


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("situation", [s for s in Situation if s is not Situation.OPEN], ids=str)
def test_packets_cross_nats_in_udp(situation: Situation, exchange: str) -> None:
    pair = behind_nats(situation, exchange)
    assert all(sa.udp is not None for node in pair for sa in node.stack.sas.values())
    west, east = talk(pair, 0.5, 60)
    assert west.missing() == east.missing() == []
    assert not any(misdelivered(node) for node in pair)
    assert_one_of_each(pair)


def test_keepalives_hold_a_silent_mapping_open() -> None:
    """The LANs are silent for an hour, DPD is off, and the first packet from outside arrives."""
    pair = behind_nats(Situation.WEST, dpd="0")
    pair.world.nats["west"].timeout = 30.0
    pair.wait(3600)
    _, east = talk(pair, 1.0, 5)
    assert east.missing() == []


def test_without_keepalives_the_mapping_ends() -> None:
    """The NAT of the test before is worth something."""
    pair = behind_nats(Situation.WEST, dpd="0", keepalive="3600")
    pair.world.nats["west"].timeout = 30.0
    pair.wait(60)
    assert not pair.world.nats["west"].dropped
    _, east = talk(pair, 1.0, 5)
    assert east.missing()


@pytest.mark.parametrize("told", [True, False], ids=["told", "Delete lost"])
def test_who_waits_for_its_peer_drops_what_that_has_left(told: bool) -> None:
    """East cannot begin phase 1 with a peer behind a NAT: it gives it time to come back."""
    pair = behind_nats(Situation.WEST)
    if not told:
        pair.world.link.weather = STORM
    pair.west.leave()
    pair.east.teardown_peer("peer")
    pair.wait(60)
    assert not pair.east.stack.sas
    assert pair.lines(pair.east, "its SAs are dropped") or told
    assert_agreement(pair)


@pytest.mark.parametrize("moves", [False, True], ids=["other ports", "another address"])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_rebinding_costs_a_moment(exchange: str, moves: bool) -> None:
    """East follows west, with every SA, as soon as it hears from it."""
    pair = behind_nats(Situation.WEST, exchange)
    west = Conversation(pair.world, pair.west, pair.east, 0.2)
    east = Conversation(pair.world, pair.east, pair.west, 0.2)
    for one in (west, east):
        one.go_on(120)
    pair.wait(30)
    before = set(isakmp_sas(pair.west))
    nat = pair.world.nats["west"]
    nat.move() if moves else nat.rebind()
    pair.wait(100)
    assert west.missing() == []
    assert len(east.missing()) <= 3, "those under way, and sent before the next of west arrives"
    assert set(isakmp_sas(pair.west)) == before
    assert_one_of_each(pair)


def test_a_silent_host_is_followed_when_it_answers_for_its_life() -> None:
    """Nothing but DPD travels; the ISAKMP SA and the IPsec SA both survive the rebinding."""
    pair = behind_nats(Situation.WEST)
    pair.wait(30)
    before = [set(isakmp_sas(node)) | set(ipsec_sas(node)) for node in pair]
    pair.world.nats["west"].rebind()
    pair.wait(60)
    assert [set(isakmp_sas(node)) | set(ipsec_sas(node)) for node in pair] == before
    _, east = talk(pair, 1.0, 5)
    assert east.missing() == []
