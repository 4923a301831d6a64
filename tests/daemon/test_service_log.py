"""Log settings of a running daemon: who decides, and when a change comes into force."""

from __future__ import annotations

from pathlib import Path

import pytest

from isakmpd.control.log_levels import KEYS_WARNING
from lab.deadline import until
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from tests.daemon.loopback import CARRY_NOTHING, answered, configuration, daemon, wait_down

pytestmark = pytest.mark.namespaces


def changed(before: int, level: int, number: int) -> str:
    """The line about a change."""
    return f"log level changed from {before} to {level} for class {number}"


def reloaded(one: Isakmpd, general: str) -> str:
    """Write another [General], reload, and give what was logged of it."""
    before = len(answered(one))
    one.configure(configuration("west", (), general=general))
    one.command("R")
    return answered(one)[before:]


def test_loglevel_follows_reloads_and_commands_but_not_against_d(tmp_path: Path) -> None:
    """-D stands above the file; D stands until the file says something else than before."""
    text = configuration("west", (), general="Loglevel= 8=20,7=30\n")
    with (
        Namespace("loopback") as namespace,
        daemon(namespace, tmp_path, "west", text, *CARRY_NOTHING, "-D", "8=50") as one,
    ):
        log = answered(one)
        assert changed(0, 30, 7) in log
        assert changed(0, 50, 8) in log
        assert "from 0 to 20" not in log
        one.command("D 7 90")
        assert "log level" not in reloaded(one, "Loglevel= 8=60,7=30\n")
        assert changed(90, 40, 7) in reloaded(one, "Loglevel= 8=60,7=40\n")
        assert changed(40, 0, 7) in reloaded(one, "")
        before = len(answered(one))
        one.command("C set [General]:Loglevel=3=99 force")
        until(lambda: KEYS_WARNING in one.log()[before:], 5, "the warning")
        assert changed(99, 0, 3) in reloaded(one, "")
        assert KEYS_WARNING in reloaded(one, "Loglevel= A=90\n")


class Quiet(Isakmpd):
    """A daemon without -v."""

    def _command(self) -> list[str]:
        return [word for word in super()._command() if word != "-v"]


def test_logverbose_follows_reloads(tmp_path: Path) -> None:
    """The lines of -v come and go with the file."""
    with Namespace("loopback") as namespace:
        east = daemon(namespace, tmp_path, "east", configuration("east"))
        (tmp_path / "west").mkdir()
        west = Quiet(namespace, tmp_path / "west", configuration("west"), CARRY_NOTHING)
        with east, west:
            west.wait_tunnel("link")
            assert "done" not in west.log()
            for general, lines in (("Logverbose= 1\n", 1), ("", 0)):
                west.configure(configuration("west", general=general))
                west.command("R")
                west.command("t link")
                wait_down(west, "link")
                before = len(west.log())
                west.command("c link")
                west.wait_tunnel("link")
                said = answered(west)[before:]
                assert said.count("isakmpd: quick mode done: src: 127.0.0.1 dst: 127.0.") == lines
                assert said.count("link: SA in ") == lines
