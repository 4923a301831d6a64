"""Whatever the weather does to datagrams, two gateways come out of it in agreement.

ISAKMPD_SEEDS plays that many scenarios instead of the usual number.
"""

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from isakmpd.simulation.play import Outcome, play_seed
from isakmpd.simulation.scenario import Event, draw

SEEDS = int(os.environ.get("ISAKMPD_SEEDS", "300"))

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(60 + SEEDS)]


@pytest.fixture(scope="module")
def outcomes() -> Iterator[list[Outcome]]:
    """Play the scenarios of every seed, on all processors."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield list(pool.map(play_seed, map(str, range(SEEDS)), chunksize=8))


def test_both_ends_hold_the_same_sas_180_seconds_after_the_last_loss(
    outcomes: list[Outcome],
) -> None:
    """The same SAs with the same keys, or neither end holds one; lifetimes have no part in it."""
    assert_none((outcome.scenario, outcome.disagreements) for outcome in outcomes)


def test_nothing_is_left_behind(outcomes: list[Outcome]) -> None:
    """No exchange, timer, waiting request, SPI or SA that no living SA explains."""
    assert_none((outcome.scenario, outcome.leftovers) for outcome in outcomes)


def test_no_message_costs_more_than_three_times_the_retransmits_and_six(
    outcomes: list[Outcome],
) -> None:
    assert_none((outcome.scenario, outcome.expensive) for outcome in outcomes)


def test_a_connection_that_is_to_be_up_is_up_once_the_weather_is_fair(
    outcomes: list[Outcome],
) -> None:
    assert_none((outcome.scenario, outcome.down) for outcome in outcomes)


def test_sas_do_not_pile_up(outcomes: list[Outcome]) -> None:
    assert_none((outcome.scenario, outcome.surplus) for outcome in outcomes)


def test_no_log_floods(outcomes: list[Outcome]) -> None:
    assert_none((outcome.scenario, outcome.noise) for outcome in outcomes)


def test_the_scenarios_are_worth_playing(outcomes: list[Outcome]) -> None:
    """Most of them lose datagrams, and every event and role comes up often."""
    scenarios = [draw(str(seed)) for seed in range(SEEDS)]
    enough = SEEDS // 20
    assert sum(outcome.lost > 0 for outcome in outcomes) > SEEDS * 0.9
    for event in Event:
        assert sum(any(h.event is event for h in s.happenings) for s in scenarios) > enough, event
    for always_up in (("west",), ("east",), ("west", "east")):
        assert sum(scenario.always_up == always_up for scenario in scenarios) > enough
    assert sum(dict(scenario.tags)["phase_2"] != "86400" for scenario in scenarios) > enough


def assert_none(found: Iterable[tuple[object, list[str]]]) -> None:
    """Fail with the first faults and the seeds they come from."""
    faulty = [(scenario, faults) for scenario, faults in found if faults]
    report = "\n".join(f"{scenario}:\n    {faults[:3]}" for scenario, faults in faulty[:5])
    assert not faulty, f"{len(faulty)} scenarios have faults, among them\n{report}"
