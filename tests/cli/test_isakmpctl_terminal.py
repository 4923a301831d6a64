"""isakmpctl on terminals, slow and narrow ones too: status, watch, and how they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.fake_daemon import Replies, connection, fake_daemon, sas, told
from tests.cli.terminal import Terminal

ISAKMPCTL = [sys.executable, "-m", "isakmpd.cli.isakmpctl"]
FAILURE = "no compatible proposal found ([main-mode]:Transforms decides)"
DOWN = connection("lab", "waiting", failure=FAILURE, next_check_in=4.2)
REPLIES: Replies = {"s": [told(connection("west-east"), DOWN, unnamed=[sas()])]}


def command(folder: Path, *words: str) -> list[str]:
    """Make a command line."""
    return [*ISAKMPCTL, "--run-dir", str(folder), *words]


def test_a_wide_terminal_gets_a_table(tmp_path: Path) -> None:
    """A failure stands below in full; its brackets are no markup."""
    replies: Replies = {"s": [told(connection("west", peer="b"), DOWN, unnamed=[sas()])]}
    with fake_daemon(tmp_path, replies):
        with Terminal(command(tmp_path, "status"), columns=100) as terminal:
            assert terminal.ended() == 3
        assert terminal.screen.text.splitlines() == [
            "isakmpd 0.1.0, process 4711, up for 1h 02m, userspace IPsec stack; 2 of 3 tunnels up",
            "",
            "Tunnel     State    Peer         Local        Remote       Left          In    Out",
            "─" * 82,
            "west       up       b 192.0.2.2  10.1.0.0/24  10.2.0.0/24  19m 59s   1.2 MB  890 B",
            "lab        waiting  branch       10.1.0.0/24  10.2.0.0/24  retry 4s       -      -",
            "<unnamed>  up       192.0.2.2    -            -            19m 59s   1.2 MB  890 B",
            "",
            f"lab: {FAILURE}",
        ]
        assert b"\x1b[32mup" in terminal.raw


@pytest.mark.parametrize("columns", [20, 40, 80])
def test_a_narrow_terminal_gets_lines_that_fit(tmp_path: Path, columns: int) -> None:
    """Nothing is cut off; the screen checks that nothing runs over its edge."""
    with (
        fake_daemon(tmp_path, REPLIES),
        Terminal(command(tmp_path, "status"), columns, lines=60) as terminal,
    ):
        assert terminal.ended() == 3
    words = terminal.screen.text.split()
    for shown in (
        "west-east",
        "10.1.0.0/24",
        "19m",
        "retry",
        "<unnamed>",
        FAILURE.rsplit(maxsplit=1)[-1],
    ):
        assert shown in words


def test_watch_shows_what_changes_and_sends_little(tmp_path: Path) -> None:
    """A terminal of 9600 baud carries less than a thousand octets a second."""
    up = connection("west-east", sas=[sas(hard_in=600.0)])
    replies: Replies = {"s": [told(connection("west-east"), DOWN)] * 3 + [told(up, DOWN)]}
    with (
        fake_daemon(tmp_path, replies),
        Terminal(command(tmp_path, "watch")) as terminal,
    ):
        terminal.until(lambda: "19m 59s" in terminal.screen.text)
        before = terminal.screen.sent
        assert terminal.screen.other
        assert not terminal.screen.cursor_shown
        assert f"lab: {FAILURE}" in terminal.screen.text
        terminal.until(lambda: "10m 00s" in terminal.screen.text)
        assert terminal.screen.sent - before < 1000
        assert "q ends" in terminal.screen.text.splitlines()[0]
        terminal.type("q")
        assert terminal.ended() == 0
        assert_restored(terminal)


def assert_restored(terminal: Terminal) -> None:
    """See the terminal as it was."""
    assert not terminal.screen.other
    assert terminal.screen.cursor_shown
    assert terminal.modes_now() == terminal.modes


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (lambda terminal: terminal.type("q"), 0),
        (lambda terminal: terminal.type("\x03"), 0),
        (lambda terminal: terminal.signal(signal.SIGTERM), 128 + signal.SIGTERM),
        (lambda terminal: terminal.signal(signal.SIGHUP), 128 + signal.SIGHUP),
    ],
)
@pytest.mark.parametrize("silent", [False, True])
def test_watch_restores_the_terminal_however_it_ends(
    tmp_path: Path, end: Callable[[Terminal], None], status: int, silent: bool
) -> None:
    """Also while the daemon owes an answer."""
    with (
        fake_daemon(tmp_path, dict(REPLIES)) as daemon,
        Terminal(command(tmp_path, "watch")) as terminal,
    ):
        terminal.until(lambda: "west-east" in terminal.screen.text)
        if silent:
            heard = len(daemon.heard)
            daemon.replies.clear()
            terminal.until(lambda: len(daemon.heard) > heard)
        end(terminal)
        began = time.monotonic()
        assert terminal.ended() == status
        assert time.monotonic() - began < 1
        assert_restored(terminal)
        assert b"Traceback" not in terminal.raw


def test_watch_can_be_suspended(tmp_path: Path) -> None:
    """The shell gets its screen, and fg brings the view back."""
    with fake_daemon(tmp_path, REPLIES), Terminal(command(tmp_path, "watch")) as terminal:
        terminal.until(lambda: "west-east" in terminal.screen.text)
        terminal.type("\x1a")
        terminal.until(lambda: not terminal.screen.other)
        assert_restored(terminal)
        os.waitpid(terminal.process, os.WUNTRACED)
        terminal.signal(signal.SIGCONT)
        terminal.until(lambda: terminal.screen.other and "west-east" in terminal.screen.text)
        terminal.type("q")
        assert terminal.ended() == 0


def test_watch_scrolls_and_follows_the_terminals_size(tmp_path: Path) -> None:
    """More tunnels than lines can be seen."""
    names = [f"tunnel-{number:02}" for number in range(40)]
    replies: Replies = {"s": [told(*map(connection, names))]}
    with fake_daemon(tmp_path, replies), Terminal(command(tmp_path, "watch")) as terminal:
        terminal.until(lambda: "tunnel-00" in terminal.screen.text)
        assert "tunnel-39" not in terminal.screen.text
        for key in ("j", "\x1b[B", " ", "\x1b[6~", " ", " ", " "):
            shown = terminal.screen.text
            terminal.type(key)
            time.sleep(0.1)
            if "tunnel-39" not in shown:
                terminal.until(_differs(terminal, shown))
        assert "tunnel-39" in terminal.screen.text
        assert "q ends" in terminal.screen.text.splitlines()[0]
        terminal.type("b")
        terminal.until(lambda: "tunnel-39" not in terminal.screen.text)
        terminal.resize(60, 130)
        terminal.until(lambda: {"tunnel-00", "tunnel-39"} <= set(terminal.screen.text.split()))
        terminal.type("q")
        assert terminal.ended() == 0


def _differs(terminal: Terminal, shown: str) -> Callable[[], bool]:
    return lambda: terminal.screen.text != shown


def test_watch_outlives_the_daemon(tmp_path: Path) -> None:
    """It says that it is gone, and shows the next one."""
    with Terminal(
        ["sh", "-c", f"sleep 1; exec {' '.join(command(tmp_path, 'watch'))}"]
    ) as terminal:
        with fake_daemon(tmp_path, REPLIES):
            terminal.until(lambda: "west-east" in terminal.screen.text)
        terminal.until(lambda: "isakmpd is not running" in terminal.screen.text)
        assert "west-east" in terminal.screen.text
        with fake_daemon(tmp_path, {"s": [told(connection("second-life"))]}):
            terminal.until(lambda: "second-life" in terminal.screen.text.split())
            assert "west-east" not in terminal.screen.text
        terminal.type("q")
        assert terminal.ended() == 0


@pytest.mark.parametrize("name", ["dumb", ""])
def test_watch_refuses_what_cannot_place_its_cursor(tmp_path: Path, name: str) -> None:
    """In a sentence."""
    with Terminal(command(tmp_path, "watch"), columns=200, name=name) as terminal:
        assert terminal.ended() == 1
        assert "watch needs a terminal" in terminal.screen.text


def test_watch_without_a_daemon_says_so_on_the_ordinary_screen(tmp_path: Path) -> None:
    """And ends."""
    with Terminal(command(tmp_path, "watch"), columns=200) as terminal:
        assert terminal.ended() == 1
        assert b"\x1b[?1049h" not in terminal.raw
        assert "isakmpd is not running" in terminal.screen.text


def test_a_secret_that_is_typed_is_not_shown(tmp_path: Path) -> None:
    """As a passphrase is asked for."""
    line = "C set [branch]:Authentication=hidden-words"
    with fake_daemon(tmp_path, {line: [{"ok": True, "lines": [], "result": ""}]}) as daemon:
        words = command(tmp_path, "set", "branch", "Authentication", "-")
        with Terminal(words) as terminal:
            terminal.until(lambda: "Value of [branch]:Authentication:" in terminal.screen.text)
            terminal.type("hidden-words\n")
            assert terminal.ended() == 0
        assert daemon.commands == [line]
        assert b"hidden" not in terminal.raw


def test_an_interruption_ends_it_quietly(tmp_path: Path) -> None:
    """While it waits for an answer; the answer file does not stay."""
    with fake_daemon(tmp_path, {}) as daemon:
        process = subprocess.Popen(command(tmp_path, "reload"), stderr=subprocess.PIPE)
        deadline = time.monotonic() + 10
        while not daemon.heard:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, complaint = process.communicate(timeout=10)
    assert (process.returncode, complaint) == (130, b"")


@pytest.mark.parametrize("words", [["status"], ["status", "--brief"], ["status", "--json"]])
def test_a_closed_pipe_ends_it_quietly(tmp_path: Path, words: list[str]) -> None:
    """As head leaves it."""
    many = told(*(connection(f"tunnel-{number}") for number in range(2000)))
    reading, writing = os.pipe()
    os.close(reading)
    with fake_daemon(tmp_path, {"s": [many]}):
        ended = subprocess.run(
            command(tmp_path, *words), stdout=writing, stderr=subprocess.PIPE, check=False
        )
    os.close(writing)
    assert (ended.returncode, ended.stderr) == (141, b"")


@pytest.mark.parametrize("words", [["status"], ["--help"]])
def test_output_that_cannot_be_written_is_an_error(tmp_path: Path, words: list[str]) -> None:
    """A full disk is not passed over in silence."""
    with fake_daemon(tmp_path, REPLIES), Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command(tmp_path, *words), stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (ended.returncode, ended.stderr) == (1, b"isakmpctl: No space left on device\n")


def test_no_output_at_all_is_no_fault(tmp_path: Path) -> None:
    """Where standard output is closed, the exit status tells."""
    line = " ".join(command(tmp_path, "status"))
    with fake_daemon(tmp_path, REPLIES):
        ended = subprocess.run(["sh", "-c", f"{line} >&-"], stderr=subprocess.PIPE, check=False)
    assert (ended.returncode, ended.stderr) == (3, b"")


def test_help_and_version_survive_a_closed_pipe() -> None:
    """They are printed by argparse."""
    for word in ("--help", "--version"):
        reading, writing = os.pipe()
        os.close(reading)
        ended = subprocess.run(
            [*ISAKMPCTL, word], stdout=writing, stderr=subprocess.PIPE, check=False
        )
        os.close(writing)
        assert b"Traceback" not in ended.stderr
        assert b"Exception" not in ended.stderr
