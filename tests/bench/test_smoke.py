"""The benchmark still runs, on as little as it can be asked for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.peer
def test_every_pairing_gives_numbers(tmp_path: Path) -> None:
    """Two tunnels and one round; every sample is there and positive."""
    results = tmp_path / "results.json"
    tiny = ("--handshakes", "--tunnels", "2", "--rounds", "1", "--suites", "1")
    done = subprocess.run(
        [sys.executable, "-m", "bench", *tiny, "--json", str(results)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "isakmpd / charon" in done.stdout
    (suite,) = json.loads(results.read_text())["handshakes"].values()
    assert len(suite) == 5
    for samples in suite.values():
        assert all(len(one) == 1 and one[0] > 0 for one in samples.values())


@pytest.mark.namespaces
def test_a_start_is_measured_until_ready(tmp_path: Path) -> None:
    """With either stack, with its CPU, and to its end."""
    results = tmp_path / "results.json"
    tiny = ("--startup", "--connections", "3", "--rounds", "1", "--json", str(results))
    done = subprocess.run(
        [sys.executable, "-m", "bench", *tiny],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Start-up with 3 connections" in done.stdout
    measured = json.loads(results.read_text())["startup"]
    assert set(measured) == {"none", "userspace"}
    for samples in measured.values():
        assert all(len(one) == 1 and one[0] > 0 for one in samples.values())
        assert samples["cpu"][0] < samples["ready"][0] * 2
