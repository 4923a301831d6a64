"""Commands inside the test's own process: when changes take effect, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from isakmpd.daemon import pending_changes
from tests.daemon.loopback import configuration
from tests.daemon.services import InTest, in_test

LATE = (
    "C set [late]:Phase=2\n"
    "C set [late]:ISAKMP-peer=east\n"
    "C set [late]:Configuration=quick-mode\n"
    "C set [late]:Local-ID=late-here\n"
    "C set [late]:Remote-ID=link-east"
)
HERE = "C set [late-here]:ID-type=IPV4_ADDR\nC set [late-here]:Address=10.9.0.1"


@pytest.fixture
def west(tmp_path: Path) -> Iterator[InTest]:
    """A daemon whose peer does not answer."""
    with in_test(tmp_path, configuration("west", up=False), verbose=False) as west:
        west.until(lambda: west.service.engine)
        yield west


def known(west: InTest) -> set[str]:
    """Name the connections that are in force."""
    snapshot = west.service.engine.snapshot(west.service.now())
    return {connection.name for connection in snapshot.connections}


def since_start(west: InTest) -> list[str]:
    """List what was logged once the daemon ran."""
    start = west.log.index("IPsec stack: none, as -n asks: nothing is carried")
    return west.log[start + 1 :]


def test_changes_rest_before_they_take_effect(west: InTest) -> None:
    """Each may be one of many; nothing is logged about those that are complete in the end."""
    for line in (*LATE.splitlines(), *HERE.splitlines()):
        west.command(line)
        assert known(west) == {"link"}
    west.until(lambda: known(west) == {"link", "late"}, 2 * pending_changes.REST + 1)
    assert since_start(west) == []


@pytest.mark.parametrize("command", ["S", "r", "t nowhere", "c nowhere", "D T"])
def test_the_next_command_finds_them_in_force(west: InTest, command: str) -> None:
    """Whatever it is."""
    west.command(f"{LATE}\n{HERE}\n{command}")
    assert known(west) == {"link", "late"}


def test_an_unfinished_change_is_told_after_a_while(
    west: InTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, with what is missing; finishing it needs no further command."""
    monkeypatch.setattr(pending_changes, "PATIENCE", 0.2)
    west.command(LATE)
    west.until(lambda: since_start(west))
    assert since_start(west) == [
        "FIFO: [late]:Local-ID= late-here: there is no section [late-here];"
        " connection [late] is left out",
        "what C commands have changed comes into force once this is mended",
    ]
    west.command(HERE)
    west.until(lambda: "late" in known(west))
    assert since_start(west)[2:] == ["what C commands have changed is in force"]


def test_asking_for_it_tells_at_once_why_it_is_not_there(west: InTest) -> None:
    """Nobody waits for an answer that was never to come."""
    west.command(f"{LATE}\nc late")
    assert since_start(west)[0].startswith("FIFO: [late]:Local-ID= late-here: there is no section")
    assert since_start(west)[-1] == "ui_connect: there is no connection or peer late"


def test_a_reload_forgets_unfinished_changes(west: InTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not told about later."""
    monkeypatch.setattr(pending_changes, "PATIENCE", 0.1)
    west.command(f"{LATE}\nR")
    west.loop.call_later(0.3, west.loop.stop)
    west.loop.run_forever()
    assert known(west) == {"link"}
    (line,) = since_start(west)
    assert line == "isakmpd: the configuration is read anew, 1 connection and 1 peer"
    west.command("c nowhere")
    assert since_start(west)[1:] == ["ui_connect: there is no connection or peer nowhere"]


def test_a_result_that_cannot_be_written_is_told(west: InTest, tmp_path: Path) -> None:
    """And what stands in its place is left alone."""
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "isakmpd.result").symlink_to(precious)
    west.command("S")
    assert since_start(west) == [
        f"will not replace {tmp_path}/isakmpd.result: it is a symbolic link"
    ]
    assert precious.read_text() == "kept"


def test_a_passive_daemon_says_so_and_begins_nothing(west: InTest) -> None:
    """And what it was asked for meanwhile begins with M active."""
    for command, line in (
        ("M passive", "ui_setmode: switching to passive mode"),
        ("M passive", "ui_setmode: already in passive mode"),
        ("c link", 'ui_connect: setup connection "link", which begins once "M active" says so'),
        ("c east", 'ui_connect: phase 1 with east does not begin: "M active" has to be said first'),
    ):
        west.command(command)
        assert since_start(west)[-1] == line
    assert exchanges(west) == 0
    west.command("M active")
    assert since_start(west)[-1] == "ui_setmode: switching to active mode"
    west.until(lambda: exchanges(west) == 1)


def exchanges(west: InTest) -> int:
    """Count what is under way."""
    return len(west.service.engine.snapshot(west.service.now()).exchanges)


def test_another_stack_takes_a_restart(tmp_path: Path) -> None:
    """The tunnel that is would not survive; the daemon says so and goes on."""
    text = configuration("west", (), general="IPsec-stack= none")
    with in_test(tmp_path, text, kernel_takes_part=True) as west:
        west.command("C set [General]:IPsec-stack=userspace force\nD T")
        assert "[General]:IPsec-stack has changed; that takes a restart" in west.log


def test_levels_of_the_file_change_with_the_file_alone(tmp_path: Path) -> None:
    """A reload does not undo what D and -D said, unless Loglevel says otherwise than before."""
    text = configuration("west", (), general="Loglevel= 8=10")
    file = tmp_path / "isakmpd.conf"
    with in_test(tmp_path, text, log_levels=("6=20",)) as west:
        west.command("D 8 30\nR")
        west.log.clear()
        west.command("D 8 30\nD 6 20")
        assert west.log == [
            "log_debug_cmd: log level unchanged for class 8",
            "log_debug_cmd: log level unchanged for class 6",
        ]
        file.write_text(text.replace("8=10", "8=40"))
        west.command("R")
        west.log.clear()
        west.command("D 8 40")
        assert west.log == ["log_debug_cmd: log level unchanged for class 8"]
