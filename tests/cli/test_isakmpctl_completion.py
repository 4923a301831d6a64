"""bash and zsh complete the command line, and the scripts in packaging/completion are these."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from isakmpd.cli import isakmpctl
from isakmpd.cli.control_commands import COMMANDS
from tests.cli.fake_daemon import connection, fake_daemon, told

FILES = Path(__file__).parents[2] / "packaging" / "completion"
SHELLS = {"bash": FILES / "isakmpctl.bash", "zsh": FILES / "_isakmpctl"}
NAMES = {command.name for command in COMMANDS}
REPLIES = {"s": [told(*(connection(name) for name in ("west-east", "west $(x)", "lab;ls", "-")))]}


@pytest.mark.parametrize("shell", SHELLS)
def test_the_file_is_what_the_command_prints(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """isakmpctl completion SHELL > FILE makes it anew."""
    assert isakmpctl.main(["completion", shell]) == 0
    assert SHELLS[shell].read_text() == capsys.readouterr().out


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Put an isakmpctl into the path that is ours, whatever is installed."""
    folder = tmp_path / "bin"
    folder.mkdir()
    program = folder / "isakmpctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m isakmpd.cli.isakmpctl "$@"\n')
    program.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "HOME": str(tmp_path), "PS1": "", "TERM": "dumb"}


def complete_by_bash(words: list[str], environment: dict[str, str]) -> set[str]:
    """Give what bash offers for the last word, as a Tab would call the script."""
    script = (
        'source $1; shift; COMP_WORDS=(isakmpctl "$@"); COMP_CWORD=$#; compopt() { :; };'
        " _isakmpctl; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    ended = subprocess.run(
        ["bash", "-uc", script, "bash", SHELLS["bash"], *words],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    return set(ended.stdout.split("\n")) - {""}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ([""], NAMES),
        (["re"], {"reload", "report"}),
        (["-"], {"--run-dir", "--fifo", "--timeout", "--help"}),
        (["--run-dir", "/x", "sto"], {"stop"}),
        (["--timeout", "="], set()),
        (["status", "-"], {"--brief", "--json", "--help"}),
        (["up", "x", "-"], {"--no-wait", "--wait", "--help"}),
        (["down", "-"], {"--all", "--no-wait", "--wait", "--help"}),
        (["set", "a", "b", "--"], {"--force", "--help"}),
        (["log", "s"], {"sysdep", "sa"}),
        (["log", "sa", ""], set()),
        (["capture", "o"], {"on", "off"}),
        (["completion", ""], {"bash", "zsh"}),
        (["reload", ""], set()),
        (["up", "--wait", "5"], set()),
        (["nonsense", ""], set()),
    ],
)
def test_bash_offers_commands_and_options(
    environment: dict[str, str], words: list[str], offered: set[str]
) -> None:
    """Word by word."""
    assert complete_by_bash(words, environment) == offered


@pytest.mark.parametrize("way", [["--run-dir", "{}"], ["--run-dir", "=", "{}"]])
@pytest.mark.parametrize("command", ["up", "down", "status"])
def test_bash_asks_the_daemon_for_connections(
    environment: dict[str, str], tmp_path: Path, way: list[str], command: str
) -> None:
    """Of the run directory that was named; nothing in a name is run by the shell."""
    folder = tmp_path / "run"
    folder.mkdir()
    reach = [word.format(folder) for word in way]
    with fake_daemon(folder, REPLIES):
        assert complete_by_bash([*reach, command, ""], environment) == {"west-east", "lab\\;ls"}
        assert complete_by_bash([*reach, command, "w"], environment) == {"west-east"}
        assert complete_by_bash([*reach, command, "west-east", ""], environment) == set()


@pytest.mark.parametrize("shell", SHELLS)
def test_without_a_daemon_nothing_is_offered_and_nothing_said(
    environment: dict[str, str], tmp_path: Path, shell: str
) -> None:
    """At once."""
    began = time.monotonic()
    line = ["--run-dir", str(tmp_path), "up", ""]
    if shell == "bash":
        assert complete_by_bash(line, environment) == set()
    else:
        assert "isakmpd" not in complete_by_zsh(f"isakmpctl {' '.join(line)}", environment)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("words", [["--run-dir", ""], ["--fifo", ""], ["capture", "on", ""]])
def test_bash_offers_files(
    environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    """Or directories alone."""
    here = tmp_path / "here"
    (here / "folder").mkdir(parents=True)
    (here / "file").touch()
    monkeypatch.chdir(here)
    offered = {"folder"} if words[0] == "--run-dir" else {"folder", "file"}
    assert complete_by_bash(words, environment) == offered


def complete_by_zsh(line: str, environment: dict[str, str]) -> str:
    """Type a line and a Tab into an interactive zsh, and give what it shows."""
    setup = (
        f"fpath=({FILES} $fpath); autoload -U compinit; compinit -u -D; LISTMAX=1000;"
        " unsetopt list_ambiguous; setopt auto_list; zstyle ':completion:*' list-prompt '';"
        " PROMPT='READY> '; bindkey -e; stty columns 200 rows 100"
    )
    child, terminal = pty.fork()
    if child == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment)
    shown = ""
    try:
        os.write(terminal, f"{setup}\n".encode())
        shown = read_until(terminal, "\nREADY> ")
        os.write(terminal, f"{line}\t\t".encode())
        shown = read_until(terminal, None)
    finally:
        os.close(terminal)
        os.waitpid(child, 0)
    return shown


def read_until(terminal: int, mark: str | None) -> str:
    """Read until a mark was shown, or, without one, nothing more comes."""
    shown = b""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        readable, _, _ = select.select([terminal], [], [], 1.5)
        if readable:
            shown += os.read(terminal, 65536)
        elif mark is None and shown:
            break
        if mark is not None and mark in shown.decode(errors="replace").replace("\r", "\n"):
            break
    return shown.decode(errors="replace")


@pytest.mark.parametrize(
    ("line", "offered", "not_offered"),
    [
        ("isakmpctl re", ["reload", "report"], ["status"]),
        ("isakmpctl --run-dir {} up we", ["up west-east"], ["lab"]),
        ("isakmpctl --run-dir={} status ", ["west-east", "lab\\;ls"], ["$("]),
        ("isakmpctl status --", ["--brief", "--json"], ["--force"]),
        ("isakmpctl log s", ["sysdep", "sa"], ["crypto"]),
        ("isakmpctl capture o", ["on", "off"], []),
    ],
)
def test_zsh_completes(
    environment: dict[str, str],
    tmp_path: Path,
    line: str,
    offered: list[str],
    not_offered: list[str],
) -> None:
    """As it stands in an interactive shell."""
    folder = tmp_path / "run"
    folder.mkdir()
    with fake_daemon(folder, REPLIES):
        shown = complete_by_zsh(line.format(folder), environment)
    assert [one for one in offered if one not in shown] == [], shown
    assert [one for one in not_offered if one in shown] == [], shown
