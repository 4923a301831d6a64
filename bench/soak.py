"""Hours of virtual rekeying in bad weather: `make soak ARGS="--minutes 60 --first 500"`.

Plays scenario after scenario, each by its own seed, and prints every fault with the seed that
brings it back. It ends with the number played, and with status 1 if there were faults.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context

from isakmpd.simulation.play import Outcome, play_seed


def outcomes(first: int, until: float, processes: int) -> Iterator[Outcome]:
    """Play seeds from ``first`` on until a moment on the monotonic clock, in seconds."""
    seeds = itertools.count(first)
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        running: set[Future[Outcome]] = set()
        while True:
            while len(running) < 2 * processes and time.monotonic() < until:
                running.add(pool.submit(play_seed, str(next(seeds))))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)


def main() -> int:
    """Soak and report; the exit status tells whether there were faults."""
    parser = argparse.ArgumentParser(prog="python -m bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="how long to go on")
    parser.add_argument("--first", type=int, default=0, help="the seed to begin with")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    began = time.monotonic()
    played = faulty = lost = 0
    for outcome in outcomes(options.first, began + options.minutes * 60, options.processes):
        played += 1
        lost += outcome.lost
        if outcome.faults:
            faulty += 1
            print(f"{outcome.scenario}\n    " + "\n    ".join(outcome.faults), flush=True)
        if played % 500 == 0:
            print(f"{played} scenarios, {faulty} with faults, {lost} datagrams lost", flush=True)
    minutes = (time.monotonic() - began) / 60
    print(f"{played} scenarios in {minutes:.1f} min, {faulty} with faults, {lost} datagrams lost")
    return 1 if faulty else 0


if __name__ == "__main__":
    sys.exit(main())
