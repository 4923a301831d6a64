"""up and down wait until it has happened, or say why it did not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from isakmpd.cli import isakmpctl
from tests.cli.fake_daemon import connection, exchange, fake_daemon, said, sas, told

Statuses = list[dict[str, Any]]

UP = told(connection("west-east"))
DOWN = told(connection("west-east", "down", mode="manual", next_check_in=None))
NEGOTIATING = told(connection("west-east", "negotiating"))
TOLD_NO = told(
    connection("west-east", "negotiating"),
    exchanges=[
        exchange("elsewhere", heard="the peer said YES"),
        exchange("west-east"),
        exchange("branch", heard="the peer said NO"),
    ],
)
WAITING = told(connection("west-east", "waiting", failure="no response"))
REFUSED = told(
    connection("west-east", "waiting", failure="the peer said NO_PROPOSAL_CHOSEN", next_check_in=5)
)
PASSIVE = told(connection("west-east", "waiting"), active=False)
GONE = told(connection("lab"))


def run(folder: Path, words: str, statuses: Statuses, ok: bool = True) -> tuple[int, list[str]]:
    """Run isakmpctl beside a daemon that goes through some statuses; give what it was told."""
    refusal = "ui_connect: there is no connection or peer west-east"
    reply = said() if ok else said(refusal, ok=False)
    commands = ("c west-east", "t west-east", "T")
    with fake_daemon(folder, {"s": statuses, **{one: [reply] for one in commands}}) as daemon:
        ended = isakmpctl.main(["--run-dir", str(folder), *words.split()])
        return ended, daemon.commands


@pytest.mark.parametrize(
    ("words", "statuses", "command", "said_"),
    [
        ("up west-east", [DOWN, NEGOTIATING, UP], "c west-east", "west-east is up after 0."),
        ("up WEST-EAST", [DOWN, UP], "c west-east", "west-east is up after 0."),
        ("up west-east", [WAITING, WAITING, UP], "c west-east", "west-east is up after 0."),
        ("up west-east", [UP], None, "west-east is up already\n"),
        ("up west-east --no-wait", [DOWN], "c west-east", "isakmpd brings west-east up\n"),
        ("down west-east", [UP, UP, DOWN], "t west-east", "west-east is down\n"),
        ("down west-east", [NEGOTIATING, DOWN], "t west-east", "west-east is down\n"),
        ("down west-east", [DOWN], "t west-east", "west-east was down already\n"),
        ("down west-east --no-wait", [UP], "t west-east", "isakmpd takes west-east down\n"),
        ("down --all", [UP, told(unnamed=[sas()]), told()], "T", "every tunnel is down\n"),
        ("down --all --no-wait", [UP], "T", "isakmpd takes every tunnel down\n"),
    ],
)
def test_it_waits_until_it_has_happened(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: str,
    statuses: Statuses,
    command: str | None,
    said_: str,
) -> None:
    """And says so, with status 0."""
    assert run(tmp_path, words, list(statuses)) == (0, [command] if command else [])
    shown = capsys.readouterr()
    assert shown.out.startswith(said_)
    assert shown.err == ""


@pytest.mark.parametrize(
    ("words", "statuses", "complaint"),
    [
        (
            "up west-east",
            [DOWN, NEGOTIATING, REFUSED],
            "west-east did not come up: the peer said NO_PROPOSAL_CHOSEN; isakmpd tries again in",
        ),
        ("up west-east", [WAITING, REFUSED], "west-east did not come up: the peer said"),
        ("up west-east", [DOWN, PASSIVE], "west-east is not up: isakmpd is passive and leaves it"),
        (
            "up west-east --wait 0.3",
            [DOWN, NEGOTIATING],
            "west-east is negotiating after 0.3 s, and has not failed yet",
        ),
        (
            "up west-east --wait 0.3",
            [DOWN, TOLD_NO],
            "west-east is negotiating after 0.3 s, and has not failed yet; the peer said NO",
        ),
        ("up west-east", [DOWN, GONE], 'there is no connection "west-east"'),
        ("down west-east --wait 0.3", [UP], "west-east is still up after 0.3 s"),
        ("down --all --wait 0.3", [UP], "still up after 0.3 s: west-east"),
    ],
)
def test_it_says_why_it_did_not_happen(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: str,
    statuses: Statuses,
    complaint: str,
) -> None:
    """In the daemon's own words where it has failed, with status 1."""
    assert run(tmp_path, words, list(statuses))[0] == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"isakmpctl: {complaint}")


def test_a_failure_from_before_is_believed_only_after_a_while(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The new attempt may not have begun when we look."""
    began = time.monotonic()
    assert run(tmp_path, "up west-east", [WAITING])[0] == 1
    assert time.monotonic() - began >= 1
    assert "west-east did not come up: no response; isakmpd tries" in capsys.readouterr().err


@pytest.mark.parametrize("words", ["up west-east", "down west-east", "down --all"])
def test_a_refusal_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    """Nothing is waited for then."""
    assert run(tmp_path, words, [DOWN], ok=False)[0] == 1
    complaint = "isakmpctl: there is no connection or peer west-east\n"
    assert capsys.readouterr() == ("", complaint)
