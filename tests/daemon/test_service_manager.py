"""The service manager hears what sd_notify(3) says it hears, and nobody else speaks to it."""

from __future__ import annotations

import contextlib
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from isakmpd.daemon.service_manager import ServiceManager


@pytest.fixture(params=["path", "abstract"])
def heard(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[socket.socket]:
    """The service manager's socket."""
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(name if request.param == "path" else f"\0{name}")
        listening.settimeout(5)
        yield listening


def address_of(listening: socket.socket) -> str:
    """Write a socket's name as NOTIFY_SOCKET has it."""
    name = listening.getsockname()
    return f"@{name[1:].decode()}" if isinstance(name, bytes) else str(name)


def test_each_state_is_told(heard: socket.socket) -> None:
    """With the words of sd_notify(3), one assignment a line."""
    manager = ServiceManager(address_of(heard), 2.0)
    manager.ready(7, "2 of 3 connections up")
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    manager.reloading()
    manager.alive("3 of 3 connections up")
    manager.alive("")
    manager.stopping("shutting down")
    told = [heard.recv(4096).decode() for _ in range(5)]
    reload = re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=(\d+)\nSTATUS=.+", told.pop(1))
    assert reload
    assert before <= int(reload[1]) < before + 5_000_000
    assert told == [
        "READY=1\nMAINPID=7\nSTATUS=2 of 3 connections up",
        "WATCHDOG=1\nSTATUS=3 of 3 connections up",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=shutting down",
    ]


@pytest.mark.parametrize(
    ("given", "interval"),
    [
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "7"}, 0.5),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2000000"}, 0.5),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": "8"}, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "soon"}, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "0"}, None),
        ({"NOTIFY_SOCKET": "/n", "WATCHDOG_USEC": "-5"}, None),
        ({"NOTIFY_SOCKET": "/n"}, None),
        ({"WATCHDOG_USEC": "2000000"}, None),
        ({}, None),
    ],
)
def test_the_environment_says_it_once(given: dict[str, str], interval: float | None) -> None:
    """It is gone from there afterwards; a watchdog is ours alone, and two beats make half of it."""
    environment = {"PATH": "/bin", **given}
    assert ServiceManager.from_environment(environment, 7).beat_interval == interval
    assert environment == {"PATH": "/bin"}


@pytest.mark.parametrize(
    "address", ["", "/nowhere/notify", "@nobody-here", "no path", "/" + "x" * 200]
)
def test_without_a_manager_nothing_happens(address: str) -> None:
    """A name that is none, and one nobody listens at, is no reason to stop."""
    ServiceManager(address).ready(7, "up")


def test_a_manager_that_does_not_read_holds_nobody_up_for_long(heard: socket.socket) -> None:
    """Its socket is full: a sign of life is lost at once, anything else after a second."""
    manager = ServiceManager(address_of(heard))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as filling:
        filling.setblocking(False)
        filling.connect(heard.getsockname())
        with contextlib.suppress(BlockingIOError):
            while True:
                filling.send(b"x")
    began = time.monotonic()
    for _ in range(100):
        manager.alive("")
    assert time.monotonic() - began < 0.5
    manager.reloading()
    assert 0.5 < time.monotonic() - began < 3
