"""Thousands of scenarios in bad weather: `make soak ARGS="--seeds 5000 --families nat,l2tp"`.

Plays every family of scenarios, each scenario by its own seed, and prints every fault with the seed
that brings it back. It ends with a table of the families, and with status 1 if there were faults.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

from isakmpd.simulation.play import Outcome, play_seed
from isakmpd.simulation.scenario import FAMILIES


def seeds(families: list[str], first: int, number: int) -> Iterator[str]:
    """Name ``number`` seeds of each family, in turn, so that an early end is fair to all."""
    for each in range(first, first + number):
        for family in families:
            yield f"{family}/{each}"


def outcomes(played: Iterator[str], until: float, processes: int) -> Iterator[Outcome]:
    """Play seeds until none is left, or until a moment on the monotonic clock, in seconds."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running: set[Future[Outcome]] = set()
        while True:
            room = 2 * processes - len(running) if time.monotonic() < until else 0
            running |= {pool.submit(play_seed, seed) for seed in itertools.islice(played, room)}
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def main() -> int:
    """Soak and report; the exit status tells whether there were faults."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="scenarios of each family")
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with")
    parser.add_argument("--families", default=",".join(FAMILIES), help="which, by name")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="when to stop")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    families = options.families.split(",")
    if unknown := set(families) - set(FAMILIES):
        parser.error(f"no family {', '.join(sorted(unknown))}: there are {', '.join(FAMILIES)}")
    began = time.monotonic()
    until = began + options.minutes * 60
    played: Counter[str] = Counter()
    faulty: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    named = seeds(families, options.first, options.seeds)
    for outcome in outcomes(named, until, options.processes):
        family = outcome.scenario.seed.rpartition("/")[0]
        played[family] += 1
        lost[family] += outcome.lost
        if outcome.faults:
            faulty[family] += 1
            print(f"{outcome.scenario}\n    " + "\n    ".join(outcome.faults), flush=True)
        if played.total() % 1000 == 0:
            print(f"{played.total()} scenarios, {faulty.total()} with faults", flush=True)
    print(f"{'family':<14}{'scenarios':>10}{'faulty':>8}{'datagrams lost':>16}")
    for family in families:
        print(f"{family:<14}{played[family]:>10}{faulty[family]:>8}{lost[family]:>16}")
    print(f"{(time.monotonic() - began) / 60:.1f} min")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
