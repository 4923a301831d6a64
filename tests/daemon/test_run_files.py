"""Files of the run directory: private, never half written, never through a link."""

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from isakmpd.daemon.run_files import (
    RunFileError,
    RunLock,
    RunPaths,
    remove_pid,
    write_pid,
    write_whole,
)


def mode_of(path: Path) -> int:
    """Tell the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_the_defaults_are_the_original_s() -> None:
    """Everything below /var/run."""
    assert RunPaths.under() == RunPaths(
        fifo=Path("/var/run/isakmpd.fifo"),
        pid=Path("/var/run/isakmpd.pid"),
        report=Path("/var/run/isakmpd.report"),
        result=Path("/var/run/isakmpd.result"),
        capture=Path("/var/run/isakmpd.pcap"),
    )


def test_a_run_directory_moves_them_all_and_an_option_one() -> None:
    """-f, -i, -R and -l win over --run-dir."""
    paths = RunPaths.under(Path("/run/west"), pid=Path("/tmp/west.pid"), capture=Path("/tmp/w"))
    assert paths == RunPaths(
        fifo=Path("/run/west/isakmpd.fifo"),
        pid=Path("/tmp/west.pid"),
        report=Path("/run/west/isakmpd.report"),
        result=Path("/run/west/isakmpd.result"),
        capture=Path("/tmp/w"),
    )


def test_relative_names_hold_after_a_change_of_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But a dash stays a dash: it means standard input."""
    monkeypatch.chdir(tmp_path)
    paths = RunPaths.under(Path("run"), report=Path("west.report"), fifo=Path("-"))
    assert paths.result == tmp_path / "run" / "isakmpd.result"
    assert paths.report == tmp_path / "west.report"
    assert paths.fifo == Path("-")


def test_a_file_holds_the_new_text_alone_and_is_private(tmp_path: Path) -> None:
    """A shorter text leaves nothing of a longer one, whatever the umask and the old mode."""
    path = tmp_path / "isakmpd.result"
    path.write_text("a longer text from before\n")
    path.chmod(0o644)
    write_whole(path, "10.77.0.1\n")
    assert path.read_text() == "10.77.0.1\n"
    assert mode_of(path) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_reader_never_sees_half(tmp_path: Path) -> None:
    """Somebody reads all the time while the file is written again and again."""
    path = tmp_path / "isakmpd.result"
    texts = ("a" * 300_000, "b" * 200_000)
    write_whole(path, texts[0])
    done = threading.Event()
    seen: set[str] = set()

    def read() -> None:
        while not done.is_set():
            seen.add(path.read_text())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(50):
        write_whole(path, texts[turn % 2])
    done.set()
    reader.join()
    assert seen
    assert seen <= set(texts)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """In a directory like /tmp anybody can put one there."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path = tmp_path / "isakmpd.result"
    path.symlink_to(victim)
    with pytest.raises(RunFileError, match=f"^will not replace {path}: it is a symbolic link$"):
        write_whole(path, "text")
    assert victim.read_text() == "precious"


def test_only_regular_files_are_replaced(tmp_path: Path) -> None:
    """Nobody loses a device or a FIFO to a mistyped option."""
    path = tmp_path / "isakmpd.report"
    os.mkfifo(path)
    with pytest.raises(RunFileError, match=r": it is not a regular file$"):
        write_whole(path, "text")
    assert stat.S_ISFIFO(path.lstat().st_mode)


@pytest.mark.root
def test_a_file_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """It may be a trap or a mistake, and says whose it is."""
    path = tmp_path / "isakmpd.report"
    path.write_text("mine")
    os.chown(path, 65534, 65534)
    with pytest.raises(RunFileError, match=r": it belongs to user 65534$"):
        write_whole(path, "text")
    assert path.read_text() == "mine"


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The sentence names the file that was wanted."""
    path = tmp_path / "missing" / "isakmpd.result"
    with pytest.raises(RunFileError, match=rf"^cannot write {path}: No such file or directory$"):
        write_whole(path, "text")


def test_the_process_id_is_for_everybody(tmp_path: Path) -> None:
    """Digits and a newline."""
    path = tmp_path / "isakmpd.pid"
    write_pid(path, 4711)
    assert path.read_text() == "4711\n"
    assert mode_of(path) == 0o644


@pytest.mark.parametrize(("process_id", "stays"), [(4711, False), (4712, True), (471, True)])
def test_a_daemon_removes_its_own_process_id_only(
    tmp_path: Path, process_id: int, stays: bool
) -> None:
    """Another one may have started meanwhile."""
    path = tmp_path / "isakmpd.pid"
    write_pid(path, 4711)
    remove_pid(path, process_id)
    assert path.exists() is stays
    remove_pid(tmp_path / "missing", process_id)


def test_a_run_directory_is_for_one_daemon_at_a_time(tmp_path: Path) -> None:
    """The second is told, and may have it afterwards; nothing of the lock stays."""
    first = RunLock(tmp_path)
    with pytest.raises(
        RunFileError,
        match=f"^another isakmpd uses the run directory {tmp_path}; stop that, or name another",
    ):
        RunLock(tmp_path)
    first.release()
    second = RunLock(tmp_path)
    assert (tmp_path / "isakmpd.lock").stat().st_mode & 0o777 == 0o600
    second.release()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_file_was_just_removed_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock on a file without a name would keep nobody out."""
    first = [RunLock(tmp_path)]
    real = fcntl.flock

    def flock(descriptor: int, operation: int) -> None:
        if first:
            first.pop().release()
        real(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", flock)
    second = RunLock(tmp_path)
    with pytest.raises(RunFileError, match=r"another isakmpd"):
        RunLock(tmp_path)
    second.release()


def test_a_lock_left_by_a_crash_holds_nobody_up(tmp_path: Path) -> None:
    """The file alone means nothing."""
    (tmp_path / "isakmpd.lock").touch(0o600)
    RunLock(tmp_path).release()


def test_a_lock_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """It would lock, and later remove, something else."""
    precious = tmp_path / "precious"
    precious.touch()
    (tmp_path / "isakmpd.lock").symlink_to(precious)
    with pytest.raises(RunFileError, match=r"^cannot lock .*/isakmpd\.lock: "):
        RunLock(tmp_path)
    assert precious.exists()


def test_without_a_run_directory_there_is_nothing_to_lock(tmp_path: Path) -> None:
    """The sentence names it."""
    with pytest.raises(RunFileError, match=f"^there is no run directory {tmp_path}/nowhere$"):
        RunLock(tmp_path / "nowhere")
