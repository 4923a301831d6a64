"""What the benchmark computes from samples, and the CPU clock it reads."""

import os
import subprocess
import sys
import time

import pytest

from bench.clock import cpu_seconds, wait_quiet
from bench.figures import ratio, ratios_line, table, told
from lab.deadline import TooLateError

BUSY = "while True: pass"


def test_samples_are_told_by_their_median_and_extremes() -> None:
    assert told([3.0, 1.0, 2.004]) == "2.00 (1.00-3.00)"
    assert told([]) == "-"


def test_a_ratio_is_one_of_medians() -> None:
    assert ratio([1.0, 2.0, 90.0], [4.0, 4.0, 1.0]) == 0.5
    assert ratios_line({"initiator": 0.5, "responder": 2.0}) == "initiator 0.50, responder 2.00"


def test_a_table_lines_numbers_up_to_the_right() -> None:
    assert table(("who", "ms"), [("isakmpd", "1.5"), ("charon", "12.25")]).splitlines() == [
        "who         ms",
        "-------  -----",
        "isakmpd    1.5",
        "charon   12.25",
    ]


def test_the_clock_agrees_with_what_a_process_says_of_itself() -> None:
    before, own = cpu_seconds(os.getpid()), time.process_time()
    sum(range(1_000_000))
    spent = cpu_seconds(os.getpid()) - before
    assert spent == pytest.approx(time.process_time() - own, abs=0.005)


def test_a_descendant_counts_and_keeps_a_process_from_being_quiet() -> None:
    shell = f"'{sys.executable}' -c '{BUSY}' & wait"
    with subprocess.Popen(["sh", "-c", shell], start_new_session=True) as parent:
        try:
            time.sleep(0.5)
            assert cpu_seconds(parent.pid) > 0.1
            with pytest.raises(TooLateError):
                wait_quiet([parent.pid], seconds=0.5)
        finally:
            os.killpg(parent.pid, 9)


def test_quiet_comes_with_the_last_work_done() -> None:
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(30)"]) as sleeper:
        ended = wait_quiet([sleeper.pid])
        sleeper.kill()
    assert began <= ended < time.monotonic()
