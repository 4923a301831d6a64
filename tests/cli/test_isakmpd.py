"""isakmpd(8): each flag of the real program and what comes of it, started as an operator does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from isakmpd.cli import isakmpd
from isakmpd.cli.flags import FLAGS, help_text, usage
from isakmpd.daemon.options import Options
from lab.isakmpd import PROGRAM
from lab.namespace import Namespace
from tests.cli.test_flags import words_of_a_terminal

CONFIGURATION = """\
[General]
Listen-on= 127.0.0.1, ::1
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Namespace]:
    """One host for all daemons here."""
    with Namespace("flags") as namespace:
        yield namespace


@dataclass(frozen=True, slots=True)
class Run:
    """A daemon that has been told to write its report and to end."""

    status: int
    log: str
    report: str
    left: list[str]  # the files it leaves in its folder

    @property
    def listened(self) -> list[str]:
        """Where it listened."""
        return re.findall(r"udp_(?:encap_)?report: fd \d+ src (\S+)", self.report)


def started(host: Namespace, folder: Path, words: str, commands: str = "r\nQ\n") -> Run:
    """Run the daemon in ``folder`` with flags, its commands coming from standard input."""
    file = folder / "isakmpd.conf"
    file.touch(0o600)
    file.write_text(CONFIGURATION)
    usual: list[str | Path] = ["-d", "-K", "-n", "-f", "-", "-c", file, "--run-dir", folder]
    ended = host.run(
        PROGRAM, *usual, *words.format(here=folder).split(), stdin=commands, check=False
    )
    left = sorted(path.name for path in folder.iterdir() if path != file)
    reports = [path.read_text() for path in folder.glob("*report*")]
    return Run(ended.returncode, ended.stderr, "".join(reports), left)


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("-a", "-a: SAs are negotiated without flows"),
        ("-d", "isakmpd: starting"),
        ("-D 8=30", "log_debug_cmd: log level changed from 0 to 30 for class 8"),
        ("-D 11=30", "log_debug_cmd: invalid debugging class 11, expected 0 to 10 or A"),
        ("-D loud", 'log_debug_cmd: "loud" is no debug level, expected class=level or A=level'),
        ("-f -", "ui_shutdown_daemon: received shutdown command"),
        ("-n", "IPsec stack: none, as -n asks: nothing is carried"),
        ("-P 5000", "-P 5000 does nothing: what isakmpd begins leaves from port 500, too"),
        ("-r seed", "WARNING: -r seed makes every key predictable; it is for tests only"),
        ("-S", "-S: passive until M active, and without Deletes at the end"),
        ("-T", "-T: NAT traversal is neither offered nor accepted"),
    ],
)
def test_a_flag_says_in_the_log_what_it_does(
    host: Namespace, tmp_path: Path, words: str, says: str
) -> None:
    """In one line; and whatever a flag says, the daemon runs until it is told to end."""
    run = started(host, tmp_path, words)
    assert (run.status, run.log.count(says)) == (0, 1), run.log
    assert run.log.splitlines()[-1].endswith("isakmpd: exit")


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("words", "listens"),
    [
        ("", {"127.0.0.1:500", "127.0.0.1:4500", "::1:500", "::1:4500"}),
        ("-4", {"127.0.0.1:500", "127.0.0.1:4500"}),
        ("-6", {"::1:500", "::1:4500"}),
        ("-4 -6 -T", {"127.0.0.1:500", "::1:500"}),
        ("-4 -p 0x1388 -N radius", {"127.0.0.1:5000", "127.0.0.1:1812"}),
    ],
)
def test_where_it_listens(host: Namespace, tmp_path: Path, words: str, listens: set[str]) -> None:
    """Families and ports are as asked; without NAT traversal its port stays closed."""
    run = started(host, tmp_path, words)
    assert set(run.listened) == listens, run.report


@pytest.mark.namespaces
@pytest.mark.parametrize(
    ("words", "leaves"),
    [
        ("", ["isakmpd.report"]),
        ("-L", ["isakmpd.pcap", "isakmpd.report"]),
        ("-l {here}/capture", ["capture", "isakmpd.report"]),
        ("-R {here}/my-report", ["my-report"]),
    ],
)
def test_what_files_it_leaves(
    host: Namespace, tmp_path: Path, words: str, leaves: list[str]
) -> None:
    """Those that are of use afterwards, and nothing else."""
    assert started(host, tmp_path, words).left == leaves


@pytest.mark.namespaces
def test_commands_on_standard_input_are_all_carried_out(host: Namespace, tmp_path: Path) -> None:
    """With -f - no FIFO is made; the last line needs no end."""
    log = started(host, tmp_path, "", "D 8 30\nC set [a]:b=c\nno command\n\nQ").log
    said = [line.partition("Default ")[2] for line in log.splitlines()]
    assert "log_debug_cmd: log level changed from 0 to 30 for class 8" in said
    assert any("unrecognized command" in line for line in said)
    assert said[-1] == "isakmpd: exit"


# What starts nothing


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the program to its end, which is near."""
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)


def test_version() -> None:
    """The name and the number, for a script to read."""
    ended = run("--version")
    assert (ended.returncode, ended.stdout, ended.stderr) == (
        0,
        f"isakmpd {version('isakmpd')}\n",
        "",
    )


def test_help() -> None:
    """Usage and flags on standard output."""
    ended = run("--help")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, help_text(), "")


@pytest.mark.parametrize("words", ["-Z", "leftover", "-c", "-r seed", "--check -Z"])
def test_a_mistake_is_told_with_the_usage(words: str) -> None:
    """On standard error, with status 1."""
    ended = run(*words.split())
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith(usage())
    assert ended.stderr.count("isakmpd: ") == 1


@pytest.mark.parametrize(
    ("text", "status", "last"),
    [
        ("[General]\nUse-Keynote= no\n", 0, "0 faults, 1 warning"),
        ("[General]\nUse-Keynote= no\nRetransmitts= 3\n", 1, "1 fault, 1 warning"),
    ],
)
def test_check(tmp_path: Path, text: str, status: int, last: str) -> None:
    """The findings and their number on standard output; the status is for scripts."""
    file = tmp_path / "isakmpd.conf"
    file.touch(0o600)
    file.write_text(text)
    words = ("--check", "-n", "-p", "50500", "-N", "50501", "-c", file, "--run-dir", tmp_path)
    ended = run(*words)
    assert (ended.returncode, ended.stderr) == (status, ""), ended
    assert ended.stdout.splitlines()[-1] == f"{file}: {last}"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("flags", "redirection", "status"),
    [
        ("--help", ">&-", 1),
        ("--help", ">/dev/full", 1),
        ("-Z", "2>&-", 1),
        ("-Z", "2>/dev/full", 1),
        ("--check -c /nonexistent", "| :", 0),
    ],
)
def test_nobody_listening_is_no_traceback(flags: str, redirection: str, status: int) -> None:
    """Standard output or error is closed or full, or its reader leaves early as head(1) does."""
    words = f"{PROGRAM} {flags} {redirection}"
    ended = subprocess.run(["bash", "-c", words], capture_output=True, text=True, check=False)
    assert ended.stderr == ""
    assert ended.returncode == status


# Whatever is typed


@given(words_of_a_terminal())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_words_end_in_a_traceback(monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    """They start a daemon, or are answered with status 0 or 1."""
    started_with: list[Options] = []

    def start(options: Options) -> int:
        started_with.append(options)
        return 0

    monkeypatch.setattr(isakmpd, "run", start)
    status = isakmpd.main(words)
    assert status in (0, 1)
    assert not (started_with and status)


def test_every_flag_stands_in_a_table_above() -> None:
    """Here, or where a whole test tells of it."""
    told = {"c", "i", "K", "v", "run-dir"}  # by every test above, and by those of the daemon
    source = Path(__file__).read_text(encoding="utf-8")
    for flag in FLAGS:
        assert flag.name in told or re.search(rf'["( ]{re.escape(flag.written)}\b', source), flag
