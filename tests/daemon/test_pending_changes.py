"""What C commands change: together, in order, over file and defaults, until the next reload."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isakmpd.config.model import Configuration
from isakmpd.daemon import pending_changes
from tests.daemon.loopback import configuration
from tests.daemon.services import InTest, in_test


@pytest.fixture
def west(tmp_path: Path) -> Iterator[InTest]:
    """A daemon whose peer does not answer."""
    text = configuration("west", up=False, general="Check-interval= 77")
    with in_test(tmp_path, text, verbose=False) as west:
        yield west


@pytest.fixture
def taken(west: InTest, monkeypatch: pytest.MonkeyPatch) -> list[Configuration]:
    """Every configuration the engine was given."""
    configure = west.service.engine.configure
    taken: list[Configuration] = []

    def noted(configuration: Configuration, *arguments: Any, **named: Any) -> None:
        taken.append(configuration)
        configure(configuration, *arguments, **named)

    monkeypatch.setattr(west.service.engine, "configure", noted)
    return taken


def rest(west: InTest) -> None:
    """Let changes come into force."""
    west.loop.run_until_complete(asyncio.sleep(pending_changes.REST + 0.1))


def value(west: InTest, name: str) -> str | None:
    """What C get tells."""
    west.command(f"C get {name}")
    return west.service.paths.result.read_text() or None


def test_changes_that_follow_each_other_are_one(west: InTest, taken: list[Configuration]) -> None:
    """A peer that moves and changes its key is never the half of it."""
    for line in (
        "C set [east]:Address=127.0.0.9 force",
        "C set [Phase 1]:127.0.0.9=east force",
        "C rm [Phase 1]:127.0.0.2",
        "C set [east]:Authentication=another force",
    ):
        west.command(line)
        west.loop.run_until_complete(asyncio.sleep(pending_changes.REST / 3))
    assert taken == []
    rest(west)
    (one,) = taken
    peer = one.peers["east"]
    assert str(peer.address) == "127.0.0.9"
    assert peer.pre_shared_key is not None
    assert peer.pre_shared_key.reveal() == b"another"


def test_the_good_half_of_a_faulty_change_waits_too(
    west: InTest, taken: list[Configuration]
) -> None:
    """Until the other half is mended: then both are in force at once."""
    west.command("C set [General]:Retransmits=9\nC set [link]:Remote-ID=nowhere force\nt nobody")
    assert taken == []
    west.command("C set [link]:Remote-ID=link-east force\nt nobody")
    (one,) = taken
    assert one.general.retransmits == 9


@pytest.mark.parametrize(
    ("name", "first", "plain", "removed"),
    [
        ("[General]:Check-interval", "77\n", "77\n", None),  # of the file
        ("[General]:Retransmits", "3\n", "5\n", "3\n"),  # a default
        ("[AES-SHA]:Life", "LIFE_MAIN_MODE\n", "5\n", "LIFE_MAIN_MODE\n"),  # a generated section's
        ("[x]:y", None, "5\n", None),  # nobody's
    ],
)
def test_set_gives_way_to_what_somebody_wrote_and_to_nothing_else(
    west: InTest, name: str, first: str | None, plain: str, removed: str | None
) -> None:
    """Written into the file or the FIFO; with force it gives way to nothing."""
    assert value(west, name) == first
    west.command(f"C set {name}=5")
    assert value(west, name) == plain
    west.command(f"C set {name}=6")
    assert value(west, name) == plain
    west.command(f"C set {name}=7 force")
    assert value(west, name) == "7\n"
    west.command(f"C rm {name}")
    assert value(west, name) == removed


def test_a_reload_voids_them(west: InTest, taken: list[Configuration]) -> None:
    """Those in force and those that are not yet; the latter never come into force."""
    west.command("C set [General]:Retransmits=9\nt nobody\nC set [General]:Retransmits=8 force\nR")
    assert [one.general.retransmits for one in taken] == [9, 3]
    rest(west)
    assert len(taken) == 2
    assert value(west, "[General]:Retransmits") == "3\n"


def test_a_reload_that_fails_voids_nothing(
    west: InTest, taken: list[Configuration], tmp_path: Path
) -> None:
    """The last good configuration stays, with what was changed in it."""
    (tmp_path / "isakmpd.conf").chmod(0o644)
    west.command("C set [General]:Retransmits=9\nR")
    rest(west)
    assert [one.general.retransmits for one in taken] == [9]
