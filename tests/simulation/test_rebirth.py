"""A connection that is to be up comes back by itself, whatever became of the peer."""

import pytest

from tests.simulation.scenes import Pair, assert_one_of_each, long_lived

pytestmark = pytest.mark.simulation

# Silence for an interval, then five questions five seconds apart, then phase 1 and phase 2.
NOTICED = 10 + 5 * 5 + 5


def settled(*always_up: str) -> Pair:
    """Give two gateways whose connection is up, with lifetimes too long to matter."""
    pair = long_lived("rebirth", always_up=always_up)
    pair.wait(30)
    assert pair.up
    return pair


@pytest.mark.parametrize("who", ["west", "east"])
@pytest.mark.parametrize("always_up", [("west",), ("east",), ("west", "east")])
def test_a_peer_that_lost_its_state_is_noticed_and_the_connection_comes_back(
    who: str, always_up: tuple[str, ...]
) -> None:
    pair = settled(*always_up)
    node = pair.world.nodes[who]
    node.crash()
    pair.wait(2)
    node.boot()
    pair.wait(NOTICED)
    assert pair.up
    pair.wait(30)
    assert_one_of_each(pair)


def test_a_peer_that_was_away_for_long_is_back_soon_after_it_is_reachable() -> None:
    """Attempts are a Check-interval apart at most, so that nobody waits longer than that."""
    pair = settled("west")
    pair.east.crash()
    pair.wait(3600)
    assert not pair.west.stack.sas
    pair.east.boot()
    assert pair.until_up(200) < 60 * 1.25 + 10


def test_an_outage_of_minutes_ends_in_one_tunnel() -> None:
    pair = settled("west", "east")
    pair.lose_everything(600)
    assert not pair.up
    assert pair.until_up(200) < 60 * 1.25 + 10
    pair.wait(60)
    assert_one_of_each(pair)


def test_a_peer_that_leaves_takes_its_sas_along_and_brings_them_back() -> None:
    pair = settled("west")
    pair.east.leave()
    pair.wait(1)
    assert not pair.west.stack.sas
    pair.east.boot()
    assert pair.until_up(200) < 60 + 10


def test_a_dead_peer_is_asked_five_times_and_then_left_alone() -> None:
    pair = long_lived("dead")
    pair.wait(30)
    pair.west.teardown("lan")
    pair.wait(1)
    pair.east.crash()
    before = pair.west.sent.total()
    pair.wait(3600)
    assert pair.west.sent.total() - before == 5
    assert pair.lines(pair.west, "the peer is dead") == [
        "peer: 192.0.2.2:500 does not answer R-U-THERE: the peer is dead, its SAs are dropped"
    ]
    assert pair.west.engine.deadline() is None
