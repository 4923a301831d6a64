"""Whatever befalls them, simulated hosts come out of it in agreement.

ISAKMPD_SEEDS plays that many scenarios of each family instead of the usual number.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from isakmpd.simulation.gateways import Situation
from isakmpd.simulation.play import Outcome, play_seed
from isakmpd.simulation.scenario import END, FAMILIES, draw

SEEDS = int(os.environ.get("ISAKMPD_SEEDS", "100"))

pytestmark = [pytest.mark.simulation, pytest.mark.timeout(60 + SEEDS)]

Outcomes = list[Outcome]


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """Give a process for each processor."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield pool


@pytest.fixture(scope="module", params=FAMILIES)
def outcomes(request: pytest.FixtureRequest, processes: ProcessPoolExecutor) -> Outcomes:
    """Play the scenarios of a family."""
    seeds = [f"{request.param}/{number}" for number in range(SEEDS)]
    return list(processes.map(play_seed, seeds, chunksize=8))


def test_both_ends_hold_the_same_sas_120_seconds_after_the_last_loss(outcomes: Outcomes) -> None:
    """The same SAs with the same keys, or neither end holds one; lifetimes have no part in it."""
    assert_none(outcomes, "disagreements")


def test_nothing_is_left_behind(outcomes: Outcomes) -> None:
    """No exchange, timer, waiting request, SPI or SA that no living SA explains."""
    assert_none(outcomes, "leftovers")


def test_no_message_costs_more_than_three_times_the_retransmits_and_six(
    outcomes: Outcomes,
) -> None:
    assert_none(outcomes, "expensive")


def test_a_connection_that_is_to_be_up_is_up_once_the_weather_is_fair(outcomes: Outcomes) -> None:
    assert_none(outcomes, "down")


def test_sas_do_not_pile_up(outcomes: Outcomes) -> None:
    assert_none(outcomes, "surplus")


def test_both_ends_use_the_same_pair_but_for_the_overlap_of_a_rekeying(outcomes: Outcomes) -> None:
    assert_none(outcomes, "apart")


def test_every_packet_arrives_while_all_is_well(outcomes: Outcomes) -> None:
    """Rekeyings go on, and lose nothing."""
    assert_none(outcomes, "missing")


def test_no_packet_of_a_connection_that_fails_closed_leaves_in_clear(outcomes: Outcomes) -> None:
    """From the first start to the orderly end, whatever falls between: crashes, sleep, commands."""
    assert_none(outcomes, "in_clear")


def test_nobody_receives_what_is_meant_for_another(outcomes: Outcomes) -> None:
    assert_none(outcomes, "misdelivered")


def test_no_log_floods(outcomes: Outcomes) -> None:
    assert_none(outcomes, "noise")


def test_the_scenarios_are_worth_playing(outcomes: Outcomes) -> None:
    """Most of them lose datagrams, and every event, role and situation comes up often."""
    scenarios = [outcome.scenario for outcome in outcomes]
    assert scenarios == [draw(scenario.seed) for scenario in scenarios]
    family = FAMILIES[scenarios[0].seed.rpartition("/")[0]]
    assert sum(outcome.lost > 0 for outcome in outcomes) > SEEDS * 0.9
    events = Counter(each for s in scenarios for each in {h.event for h in s.happenings})
    for event in {*family.events, *(END[event] for event in family.events if event in END)}:
        assert events[event] > SEEDS // 50, event
    roles = Counter(scenario.always_up for scenario in scenarios)
    situations = Counter(scenario.situation for scenario in scenarios)
    exchanges = Counter(dict(scenario.tags)["exchange"] for scenario in scenarios)
    assert all(situations[situation] > SEEDS // 10 for situation in family.situations)
    assert all(exchanges[exchange] > SEEDS // 4 for exchange in family.exchanges)
    if Situation.OPEN in family.situations:
        assert all(roles[each] > SEEDS // 30 for each in (("west",), ("east",), ("west", "east")))
    assert sum(dict(scenario.tags)["phase_2"] != "86400" for scenario in scenarios) > SEEDS // 5


def assert_none(outcomes: Outcomes, fault: str) -> None:
    """Fail with the first faults and the seeds they come from."""
    faulty = [(each.scenario, getattr(each, fault)) for each in outcomes if getattr(each, fault)]
    report = "\n".join(f"{scenario}:\n    {faults[:3]}" for scenario, faults in faulty[:5])
    assert not faulty, f"{len(faulty)} scenarios have faults, among them\n{report}"
