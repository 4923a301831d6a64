"""The client of the FIFO: whom it trusts, how long it waits, and what it leaves behind."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.cli import isakmpctl
from isakmpd.cli.fifo_client import Answer, ControlError, FifoClient
from tests.cli.fake_daemon import fake_daemon, said, write_private

NOBODY = 65534


def why_not(client: FifoClient, command: str = "R") -> str:
    """Ask in vain and return the sentence."""
    with pytest.raises(ControlError) as told:
        client.ask(command)
    return str(told.value)


def test_an_answer_is_read_and_removed(tmp_path: Path) -> None:
    """Each question has a token of its own."""
    with fake_daemon(tmp_path, {"R": [said("one", "two", ok=False, result="three")]}):
        client = FifoClient(tmp_path)
        assert client.ask("R") == Answer(False, ("one", "two"), "three")
        assert client.ask("R").ok is False
        assert [path.name for path in tmp_path.iterdir()] == ["isakmpd.fifo"]


def test_the_fifo_may_be_elsewhere(tmp_path: Path) -> None:
    """-f of the daemon moves the FIFO and nothing else."""
    with fake_daemon(tmp_path, {"R": [said()]}) as daemon:
        moved = tmp_path / "commands"
        daemon.fifo.rename(moved)
        daemon.fifo = moved
        assert FifoClient(tmp_path, moved).ask("R").ok


@pytest.mark.parametrize(
    ("prepare", "complaint"),
    [
        (lambda _: None, "isakmpd is not running, or has another run directory (--run-dir names"),
        (os.mkfifo, "nobody reads the FIFO"),
        (lambda fifo: fifo.touch(), "is no FIFO of isakmpd"),
        (lambda fifo: fifo.mkdir(), "cannot write to the FIFO"),
        (lambda fifo: fifo.symlink_to("/dev/null"), "cannot write to the FIFO"),
    ],
)
def test_without_a_daemon_it_says_so_at_once(
    tmp_path: Path, prepare: Callable[[Path], None], complaint: str
) -> None:
    """Writing to a FIFO nobody reads would block for ever."""
    prepare(tmp_path / "isakmpd.fifo")
    client = FifoClient(tmp_path)
    began = time.monotonic()
    assert complaint in why_not(client)
    assert not client.is_read()
    assert time.monotonic() - began < 1


@pytest.mark.root
def test_a_strangers_fifo_gets_no_commands(tmp_path: Path) -> None:
    """In a directory others can write to, whoever made it would read secrets."""
    with fake_daemon(tmp_path, {"R": [said()]}) as daemon:
        os.chown(daemon.fifo, NOBODY, -1)
        assert "belongs to user 65534, expected root" in why_not(FifoClient(tmp_path))
        assert daemon.heard == []
        # A daemon with a user of its own has a directory of its own.
        os.chown(tmp_path, NOBODY, -1)
        assert FifoClient(tmp_path).ask("R").ok


def _readable_by_others(path: Path, text: str) -> None:
    write_private(path, text)
    path.chmod(0o644)


def _link(path: Path, text: str) -> None:
    write_private(path.with_name("elsewhere"), text)
    path.symlink_to("elsewhere")


def _strangers(path: Path, text: str) -> None:
    begun = path.with_name("begun by a stranger")
    write_private(begun, text)
    if os.geteuid() == 0:
        os.chown(begun, NOBODY, -1)
    else:
        begun.chmod(0o644)
    begun.rename(path)


def _garbage(path: Path, text: str) -> None:
    write_private(path, text[:-3])


@pytest.mark.parametrize(
    ("writes", "complaint"),
    [
        (lambda path, _: path.mkdir(), "expected a regular file"),
        (lambda path, _: os.mkfifo(path, 0o600), "is no regular file"),
        (_readable_by_others, "has mode 0644, expected a regular file of mode 0600"),
        (_strangers, "expected a regular file of mode 0600 of root"),
        (_link, "cannot read the answer"),
        (_garbage, "something that is no answer"),
        (lambda path, _: write_private(path, '{"ok": 1}'), "something that is no answer"),
    ],
)
def test_an_answer_that_is_no_daemons_is_not_believed(
    tmp_path: Path, writes: Callable[[Path, str], None], complaint: str
) -> None:
    """Whoever can write to the run directory cannot tell us stories."""
    with fake_daemon(tmp_path, {"R": [said()]}) as daemon:
        # A file made readable in a second step may be caught before that.
        daemon.writes = lambda path, text: _at_once(path, text, writes)
        assert complaint in why_not(FifoClient(tmp_path))


def _at_once(path: Path, text: str, writes: Callable[[Path, str], None]) -> None:
    folder = path.with_name("preparing")
    folder.mkdir(exist_ok=True)
    writes(folder / path.name, text)
    (folder / path.name).rename(path)


def test_a_silent_daemon_is_given_up(tmp_path: Path) -> None:
    """After the time that was given, with what may be the reason."""
    with fake_daemon(tmp_path, {}):
        complaint = why_not(FifoClient(tmp_path, timeout=0.2))
    assert complaint.startswith("isakmpd does not answer within 0.2 s")
    assert f"its run directory another than {tmp_path}" in complaint


def _late(path: Path, text: str) -> None:
    time.sleep(0.3)
    write_private(path, text)


def test_a_late_answer_is_waited_for(tmp_path: Path) -> None:
    """A daemon may be busy."""
    with fake_daemon(tmp_path, {"R": [said()]}) as daemon:
        daemon.writes = _late
        assert FifoClient(tmp_path, timeout=5).ask("R").ok


def test_a_daemon_that_ends_first_is_noticed(tmp_path: Path) -> None:
    """Nobody waits out the time for it."""
    with fake_daemon(tmp_path, {}) as daemon:
        threading.Timer(0.2, daemon.stop).start()
        began = time.monotonic()
        assert why_not(FifoClient(tmp_path, timeout=60)) == "isakmpd ended before it answered"
        assert time.monotonic() - began < 5


def test_a_fifo_nobody_empties_is_given_up(tmp_path: Path) -> None:
    """The write does not block, and no part of a line is left in it."""
    fifo = tmp_path / "isakmpd.fifo"
    os.mkfifo(fifo, 0o600)
    reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
    filler = b"x" * 4096
    written = 0
    while True:
        try:
            written += os.write(reader, filler)
        except BlockingIOError:
            break
    assert "isakmpd does not read its commands" in why_not(FifoClient(tmp_path, timeout=0.2))
    assert len(os.read(reader, 2 * written)) == written
    os.close(reader)


@pytest.mark.property
@given(st.text(max_size=60))
def test_whatever_is_said_is_one_whole_line_or_refused(said_: str) -> None:
    """Nobody can smuggle in a second command."""
    with tempfile.TemporaryDirectory() as folder:
        fifo = Path(folder) / "isakmpd.fifo"
        os.mkfifo(fifo, 0o600)
        reader = os.open(fifo, os.O_RDWR | os.O_NONBLOCK)
        client = FifoClient(Path(folder))
        if said_.isprintable():
            client.tell(said_)
            assert os.read(reader, 65536) == b"\n" + said_.encode() + b"\n"
        else:
            with pytest.raises(ControlError, match="cannot go through the FIFO"):
                client.tell(said_)
        os.close(reader)


@pytest.mark.root
def test_who_may_not_write_is_told_who_may(tmp_path: Path) -> None:
    """Without root's rights."""
    with fake_daemon(tmp_path, {"R": [said()]}):
        folder = tmp_path.parent
        modes = [(path, path.stat().st_mode) for path in (tmp_path, folder, folder.parent)]
        for path, _ in modes:
            path.chmod(0o755)
        child = os.fork()
        if child == 0:
            os.setuid(NOBODY)
            told = why_not(FifoClient(tmp_path))
            os._exit(0 if "no permission to write to the FIFO" in told else 1)
        _, ended = os.waitpid(child, 0)
        for path, mode in modes:
            path.chmod(mode)
    assert ended == 0


def test_the_command_says_it_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, with status 1."""
    assert isakmpctl.main(["--run-dir", str(tmp_path), "status"]) == 1
    assert capsys.readouterr() == (
        "",
        "isakmpctl: isakmpd is not running, or has another run directory (--run-dir names it):"
        f" there is no FIFO {tmp_path}/isakmpd.fifo\n",
    )
