"""The same seed gives the same world, in whatever process and with whatever hash seed."""

import os
import subprocess
import sys
from hashlib import sha256

import pytest

from isakmpd.simulation.play import play_seed

pytestmark = pytest.mark.simulation

SEEDS = ("3", "19", "nat/42", "l2tp/7", "demand/5", "clock/11")

_PRINT_DIGESTS = """
import sys
from hashlib import sha256
from isakmpd.simulation.play import play_seed
for seed in sys.argv[1:]:
    outcome = play_seed(seed)
    print(sha256("\\n".join(outcome.log).encode()).hexdigest(), outcome.wire_digest)
"""


def digests_here() -> list[str]:
    """Give the digests of log and wire, as this process computes them."""
    outcomes = [play_seed(seed) for seed in SEEDS]
    return [f"{sha256(chr(10).join(o.log).encode()).hexdigest()} {o.wire_digest}" for o in outcomes]


@pytest.mark.parametrize("hash_seed", ["0", "1", "4294967295"])
def test_the_same_seed_gives_the_same_log_and_the_same_datagrams(hash_seed: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", _PRINT_DIGESTS, *SEEDS],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines() == digests_here()


def test_another_seed_gives_another_world() -> None:
    assert len(set(digests_here())) == len(SEEDS)
