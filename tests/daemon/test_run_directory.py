"""A run directory belongs to one daemon, whose remains go when it has died."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from isakmpd.daemon.run_directory import RunDirectory
from isakmpd.daemon.run_files import RunFileError, RunPaths


def occupied(folder: Path) -> RunDirectory:
    """Take a directory."""
    return RunDirectory(folder, RunPaths.under(folder))


def left(folder: Path) -> list[str]:
    """Name what is there."""
    return sorted(path.name for path in folder.iterdir())


def dead() -> int:
    """Give the process ID of a process that has ended."""
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_what_a_dead_daemon_left_goes(tmp_path: Path) -> None:
    """FIFO, answers and pid file; not the journal of what refuses packets, nor what others put."""
    one = occupied(tmp_path)
    one.begun()
    assert (tmp_path / "isakmpd.pid").read_text() == f"{os.getpid()}\n"
    os.mkfifo(tmp_path / "isakmpd.fifo")
    stay = ["isakmpd.journal", "isakmpd.result", "isakmpd.result.txt", "notes"]
    for name in (*stay, "isakmpd.result.0123456789abcdef"):
        (tmp_path / name).touch()
    assert one.rules_stay
    one.leave()
    assert left(tmp_path) == stay


def test_a_fifo_that_is_read_and_a_pid_file_of_another_stay(tmp_path: Path) -> None:
    """Another daemon was told to put its own there."""
    one = occupied(tmp_path)
    one.begun()
    os.mkfifo(tmp_path / "isakmpd.fifo")
    reader = os.open(tmp_path / "isakmpd.fifo", os.O_RDONLY | os.O_NONBLOCK)
    (tmp_path / "isakmpd.pid").write_text("1\n")
    one.leave()
    os.close(reader)
    assert left(tmp_path) == ["isakmpd.fifo", "isakmpd.pid"]
    assert not one.rules_stay


@pytest.mark.parametrize(
    ("text", "stays"),
    [("{dead}\n", False), ("{own}\n", True), ("99999999999\n", False), ("-1\n", True), ("x", True)],
)
def test_the_pid_file_of_a_dead_process_goes_at_once(
    tmp_path: Path, text: str, stays: bool
) -> None:
    """Nobody shall send a signal to whoever has the number by then; the rest is replaced later."""
    (tmp_path / "isakmpd.pid").write_text(text.format(dead=dead(), own=os.getpid()))
    one = occupied(tmp_path)
    assert (tmp_path / "isakmpd.pid").exists() is stays
    one.begun()
    one.leave()
    assert left(tmp_path) == []


def test_it_stays_taken_while_a_process_that_inherited_it_lives(tmp_path: Path) -> None:
    """A monitor that was killed leaves a daemon that is still at work."""
    first = occupied(tmp_path)
    told, tell = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(tell)
        os.read(told, 1)
        os._exit(0)
    os.close(told)
    os.close(first._lock._descriptor)  # as the kernel does for a killed process
    with pytest.raises(RunFileError, match="another isakmpd uses the run directory"):
        occupied(tmp_path)
    os.close(tell)
    os.waitpid(child, 0)
    occupied(tmp_path).leave()
    assert left(tmp_path) == []


def test_standard_input_is_no_fifo_to_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where there is a FIFO of that name."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("-")
    RunDirectory(tmp_path, RunPaths.under(tmp_path, fifo=Path("-"))).leave()
    assert left(tmp_path) == ["-"]
