"""The FIFO: made afresh, private, never ended by a writer, removed at exit."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from isakmpd.daemon.fifo import CommandSource, FifoError, open_command_source


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a FIFO that is not there yet."""
    return tmp_path / "isakmpd.fifo"


@pytest.fixture
def fifo(path: Path) -> Iterator[CommandSource]:
    """Make the FIFO."""
    made = open_command_source(path)
    yield made
    made.close()


def say(path: Path, octets: bytes) -> None:
    """Write as `echo ... > isakmpd.fifo` does."""
    descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    os.write(descriptor, octets)
    os.close(descriptor)


def test_it_is_a_fifo_for_its_owner(path: Path) -> None:
    """0600, whatever the umask."""
    before = os.umask(0)
    try:
        open_command_source(path)
    finally:
        os.umask(before)
    assert path.lstat().st_mode == stat.S_IFIFO | 0o600


def test_writers_come_and_go(path: Path, fifo: CommandSource) -> None:
    """The end of one writer is not the end of the FIFO."""
    assert fifo.read() == b""
    say(path, b"S\n")
    assert fifo.read() == b"S\n"
    assert fifo.read() == b""
    say(path, b"c west")
    say(path, b"-east\n")
    assert fifo.read() == b"c west-east\n"


def test_it_goes_at_exit(path: Path) -> None:
    """Closing twice does no harm."""
    fifo = open_command_source(path)
    fifo.close()
    fifo.close()
    assert not path.exists()


def test_what_a_crash_left_behind_is_replaced(path: Path) -> None:
    """Nobody reads that FIFO any more."""
    os.mkfifo(path, 0o666)
    fifo = open_command_source(path)
    say(path, b"S\n")
    assert fifo.read() == b"S\n"
    assert stat.S_IMODE(path.lstat().st_mode) == 0o600
    fifo.close()


def test_a_link_is_replaced_not_followed(path: Path, tmp_path: Path) -> None:
    """Only the link goes."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    path.symlink_to(victim)
    open_command_source(path).close()
    assert victim.read_text() == "precious"


def test_a_regular_file_there_is_fatal(path: Path) -> None:
    """It may be somebody's data; -f was probably mistyped."""
    path.write_text("precious")
    with pytest.raises(FifoError, match=rf"^will not replace {path} by a FIFO: it is a regular"):
        open_command_source(path)
    assert path.read_text() == "precious"


def test_a_running_daemon_keeps_its_fifo(path: Path, fifo: CommandSource) -> None:
    """A second start by mistake does not make the first one deaf."""
    with pytest.raises(FifoError, match="is read by a running daemon"):
        open_command_source(path)
    say(path, b"S\n")
    assert fifo.read() == b"S\n"


def test_the_fifo_of_a_successor_stays(path: Path) -> None:
    """A daemon that ends late removes only what it made."""
    old = open_command_source(path)
    path.unlink()
    new = open_command_source(path)
    old.close()
    assert path.exists()
    new.close()


def test_a_directory_that_is_not_there_is_said(tmp_path: Path) -> None:
    """Fatal, in a sentence."""
    path = tmp_path / "missing" / "isakmpd.fifo"
    with pytest.raises(FifoError, match=rf"^cannot make the FIFO {path}: No such file"):
        open_command_source(path)


def test_standard_input_has_an_end() -> None:
    """With -f - whoever started the daemon may close it."""
    read, write = os.pipe()
    source = CommandSource(read)
    os.write(write, b"S\n")
    os.close(write)
    assert source.read() == b"S\n"
    assert source.read() is None
    source.close()
    os.close(read)


def test_a_dash_means_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No FIFO is made then."""
    monkeypatch.chdir(tmp_path)
    source = open_command_source(Path("-"))
    assert source.fileno() == 0
    source.close()
    assert list(tmp_path.iterdir()) == []
