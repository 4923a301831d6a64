"""Every target runs, deep enough to find what is planted, and finds nothing else in a while."""

from __future__ import annotations

import importlib.util
import platform
import re
import sys
from pathlib import Path

import pytest

from fuzz.__main__ import fuzz
from fuzz.targets import TARGETS

SECONDS = 5
# Wheels of atheris exist for these; elsewhere its source takes clang's libFuzzer to build.
WHEELS = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)
needs_atheris = pytest.mark.skipif(
    not WHEELS or importlib.util.find_spec("atheris") is None,
    reason="atheris has no wheel for this Python and machine",
)


def test_atheris_is_there_where_it_has_a_wheel() -> None:
    """It is locked as all else that the tests need: what follows is not skipped in silence."""
    assert not WHEELS or importlib.util.find_spec("atheris") is not None


@pytest.mark.parametrize("name", TARGETS)
def test_every_seed_is_sound(name: str) -> None:
    """There are some, and a target that always fails would find nothing."""
    seeds = list(TARGETS[name].seeds())
    assert len(seeds) >= 4
    for seed in seeds:
        TARGETS[name].run(seed)
        TARGETS[name].run(seed[: len(seed) // 2])
        TARGETS[name].run(seed[::-1])


@pytest.mark.parametrize("name", TARGETS)
@needs_atheris
def test_a_short_run(name: str, tmp_path: Path) -> None:
    """A few seconds of inputs, more than a mere replay of the seeds."""
    done = fuzz(name, SECONDS, tmp_path)
    assert done.returncode == 0, done.stdout[-5000:]
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stdout)
    assert runs
    assert int(runs[1]) > 4 * len(list(TARGETS[name].seeds()))
    assert "cov:" in done.stdout
    assert list((tmp_path / name / "corpus").iterdir()), "nothing new was reached"


@needs_atheris
def test_a_fault_is_found_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule above can fail: a seed that breaks a rule ends the run, and is written down."""
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "sitecustomize.py").write_text(
        "import isakmpd.wire.header as header\n"
        "def broken(datagram):\n"
        "    raise IndexError('planted')\n"
        "header.decode_header = broken\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(planted))
    done = fuzz("wire", SECONDS, tmp_path)
    assert done.returncode != 0
    assert "IndexError: planted" in done.stdout
    assert list((tmp_path / "wire").glob("crash-*"))
