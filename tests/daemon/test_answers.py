"""Answers: one private file each, a bounded number of them, none left behind."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isakmpd.daemon.answers import MOST_ANSWERS, Answers
from isakmpd.daemon.run_files import RunFileError
from tests.daemon.loopback import configuration
from tests.daemon.services import InTest, in_test

TOKEN = "0123456789abcdef"


def read(folder: Path, token: str = TOKEN) -> dict[str, Any]:
    """Take an answer as a client does."""
    path = folder / f"isakmpd.result.{token}"
    found: dict[str, Any] = json.loads(path.read_text())
    path.unlink()
    return found


def test_an_answer_is_private_and_one_line(tmp_path: Path) -> None:
    Answers(tmp_path).write(TOKEN, ok=True, lines=["it is", 'a "line"'], result="a\nb\udc80\n")
    path = tmp_path / f"isakmpd.result.{TOKEN}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_bytes().count(b"\n") == 1
    assert read(tmp_path) == {"ok": True, "lines": ["it is", 'a "line"'], "result": "a\nb\udc80\n"}


def test_the_oldest_give_way(tmp_path: Path) -> None:
    """Who never reads fills no disk, and asking twice with a token counts once."""
    answers = Answers(tmp_path)
    for number in (*range(MOST_ANSWERS), *range(MOST_ANSWERS + 10)):
        answers.write(f"{number:08x}", ok=True, lines=(), result="")
    left = sorted(path.suffix for path in tmp_path.iterdir())
    assert left == [f".{number:08x}" for number in range(10, MOST_ANSWERS + 10)]


def test_all_go_and_nothing_else(tmp_path: Path) -> None:
    """Also those of a daemon that was killed; whatever is no answer of ours stays."""
    Answers(tmp_path).write(TOKEN, ok=True, lines=(), result="")
    (tmp_path / "isakmpd.result").write_text("kept")
    (tmp_path / "isakmpd.result.old").write_text("kept")
    (tmp_path / f"isakmpd.result.{'1' * 8}").symlink_to("isakmpd.result")
    (tmp_path / f"isakmpd.result.{'2' * 8}").mkdir()
    Answers(tmp_path).clear()
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "isakmpd.result",
        "isakmpd.result.11111111",
        "isakmpd.result.22222222",
        "isakmpd.result.old",
    ]


def test_what_stands_in_the_way_is_left_alone(tmp_path: Path) -> None:
    """A link that somebody put there leads nowhere."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / f"isakmpd.result.{TOKEN}").symlink_to(precious)
    with pytest.raises(RunFileError, match="symbolic link"):
        Answers(tmp_path).write(TOKEN, ok=True, lines=(), result="")
    assert precious.read_text() == "kept"


# Asked over the FIFO


@pytest.fixture
def west(tmp_path: Path) -> Iterator[InTest]:
    """A daemon whose peer does not answer, and which is not verbose."""
    with in_test(tmp_path, configuration("west", up=False), verbose=False) as west:
        yield west


def ask(west: InTest, command: str) -> dict[str, Any]:
    """Have a command carried out and answered."""
    west.command(f"? {TOKEN} {command}")
    return read(west.service.paths.result.parent)


@pytest.mark.parametrize(
    ("command", "ok", "lines"),
    [
        ("c link", True, ['ui_connect: setup connection "link"']),
        ("c nowhere", False, ["ui_connect: there is no connection or peer nowhere"]),
        ("t link", True, ['ui_teardown: teardown connection "link", phase 2']),
        ("t main east", True, ['ui_teardown: teardown connection "east", phase 1']),
        ("t 192.0.2.9", False, ["ui_teardown: there is no connection 192.0.2.9"]),
        ("T", True, ["ui_teardown_all: teardown of every connection"]),
        ("M active", True, ["ui_setmode: already in active mode"]),
        ("M passive", True, ["ui_setmode: switching to passive mode"]),
        (
            "D 8 200",
            False,
            ["log_debug_cmd: invalid debugging level 200 for class 8, expected 0 to 99"],
        ),
        ("D 8 20", True, ["log_debug_cmd: log level changed from 0 to 20 for class 8"]),
        ("p off", True, ["log_packet_stop: there is no capture to stop"]),
        ("d 1 -", False, [f'ui_delete: command "d {1:032x} -" found no SA']),
        ("X", False, None),
        ("C bogus", False, None),
        ("C rm [link]:nothing", False, ["conf_remove_now: no tag [link]:nothing, ignoring..."]),
        ("C set [link]:Phase=3", False, ["conf_set_now: duplicate tag [link]:Phase, ignoring..."]),
        ("C add [link]:Flags=active-only", True, ['ui_config: "C add [link]:Flags=active-only"']),
    ],
)
def test_what_came_of_a_command(
    west: InTest, command: str, ok: bool, lines: list[str] | None
) -> None:
    """One line each, as the log has it or would have it with -v."""
    answer = ask(west, command)
    assert (answer["ok"], answer["result"]) == (ok, "")
    if lines is None:
        assert len(answer["lines"]) == 1
        assert "expected" in answer["lines"][0]
    else:
        assert answer["lines"][: len(lines)] == lines


def test_a_capture_that_cannot_begin_is_a_failure(west: InTest, tmp_path: Path) -> None:
    assert not ask(west, "p on=/dev/null")["ok"]
    assert ask(west, f"p on={tmp_path}/one.pcap")["ok"]
    assert not ask(west, f"p on={tmp_path}/two.pcap")["ok"]
    assert ask(west, "p on")["ok"]
    assert json.loads(ask(west, "s")["result"])["capture"] == f"{tmp_path}/one.pcap"
    assert ask(west, "p off")["ok"]


def test_what_would_go_to_the_result_file_is_in_the_answer(west: InTest) -> None:
    """And the file of those who do not ask stays as it was."""
    west.command("C get [east]:Phase")
    assert west.service.paths.result.read_text() == "1\n"
    assert ask(west, "C get [General]:Retransmits")["result"] == "3\n"
    assert ask(west, "S")["result"] == ""
    status = json.loads(ask(west, "s")["result"])
    assert [one["name"] for one in status["connections"]] == ["link"]
    assert status["run_directory"] == str(west.service.paths.result.parent)
    assert west.service.paths.result.read_text() == "1\n"
    missing = ask(west, "C get [east]:Nothing")
    assert missing == {
        "ok": False,
        "lines": ["ui_config: there is no [east]:Nothing"],
        "result": "",
    }


def test_a_change_is_in_force_when_it_is_answered(west: InTest) -> None:
    """Or the answer says why it is not, every time one asks; then the rest mends it."""
    answer = ask(west, "C set [link]:Local-ID=nowhere force")
    assert answer["ok"]
    held = answer["lines"][1:]
    assert held[0].startswith("FIFO: [link]:Local-ID= nowhere: there is no section [nowhere]")
    assert held[-1] == "what C commands have changed comes into force once this is mended"
    assert ask(west, "C set [General]:Retransmits=7 force")["lines"][1:] == held
    current = west.service._configuration
    assert current.current.general.retransmits == 3
    assert len(ask(west, "C set [link]:Local-ID=link-west force")["lines"]) == 1
    assert current.current.general.retransmits == 7


def test_a_reload_is_told(west: InTest, tmp_path: Path) -> None:
    (line,) = ask(west, "R")["lines"]
    assert line == "isakmpd: the configuration is read anew, 1 connection and 1 peer"
    (tmp_path / "isakmpd.conf").chmod(0o644)
    answer = ask(west, "R")
    assert not answer["ok"]
    assert "the last good configuration stays in force" in answer["lines"][-1]


def test_a_report_is_told(west: InTest, tmp_path: Path) -> None:
    assert ask(west, "r")["lines"] == [f"ui_report: the report is in {tmp_path}/isakmpd.report"]
    (tmp_path / "isakmpd.report").unlink()
    (tmp_path / "isakmpd.report").mkdir()
    assert not ask(west, "r")["ok"]


def test_a_fault_of_ours_is_answered_too(west: InTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the line that tells of it; who asked need not wait for nothing."""
    monkeypatch.setattr(west.service.engine, "teardown_all", lambda _now: 1 / 0)
    answer = ask(west, "T")
    assert not answer["ok"]
    assert answer["lines"][-1].startswith("internal error: ZeroDivisionError")


def test_a_key_is_in_no_line(west: InTest) -> None:
    """It goes where one asked for it, and nowhere else."""
    answer = ask(west, "C set [east]:Authentication=mekmitasdigoat2 force")
    assert "mekmitasdigoat2" not in str(answer)
    assert ask(west, "C get [east]:Authentication")["result"] == "mekmitasdigoat2\n"
    assert "mekmitasdigoat2" not in "".join(west.log)


def test_none_is_there_before_or_after(tmp_path: Path) -> None:
    """A daemon that was killed may have left some."""
    left = tmp_path / f"isakmpd.result.{'f' * 8}"
    left.write_text("{}")
    with in_test(tmp_path, configuration("west", up=False)) as west:
        assert not left.exists()
        west.command(f"? {TOKEN} S")
        assert (tmp_path / f"isakmpd.result.{TOKEN}").exists()
    assert not [name for name in os.listdir(tmp_path) if name.startswith("isakmpd.result")]
