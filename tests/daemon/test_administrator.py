"""Those who write to the FIFO: many at once, without end, and one that reads it by mistake."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.loopback import configuration
from tests.daemon.services import InTest, in_test

WRITERS, LINES = 20, 200


@pytest.fixture
def west(tmp_path: Path) -> Iterator[InTest]:
    """A daemon that begins nothing by itself and says no more than it must."""
    with in_test(tmp_path, configuration("west", up=False), verbose=False) as west:
        yield west


def fork(act: Callable[[], object]) -> int:
    """Have a process of its own do something, and nothing else; give its ID."""
    child = os.fork()
    if child == 0:
        try:
            act()
        finally:
            os._exit(0)
    return child


def line(writer: int, number: int) -> bytes:
    """A command of 4096 octets with its newline, the most a pipe keeps whole."""
    head = f"C set [writer-{writer}]:line-{number}=".encode()
    return head + b"%05d" % number * ((4095 - len(head)) // 5 + 1)


def test_many_writers_keep_their_lines_whole(west: InTest) -> None:
    """Twenty at once, two hundred lines each, as long as may be: not one is lost or torn."""
    path = west.service.paths.fifo

    def write(writer: int) -> None:
        descriptor = os.open(path, os.O_WRONLY)
        for number in range(LINES):
            os.write(descriptor, line(writer, number)[:4095] + b"\n")

    writers = [fork(lambda writer=writer: write(writer)) for writer in range(WRITERS)]  # type: ignore[misc]
    before = len(west.log)
    bindings = west.service._configuration

    def arrived() -> int:
        found = bindings.bindings.sections()
        return sum(len(bindings.bindings.written_in(one)) for one in found if "writer" in one)

    west.until(lambda: arrived() == WRITERS * LINES, 60)
    for writer in writers:
        os.waitpid(writer, 0)
    for writer in range(WRITERS):
        for number in range(LINES):
            expected = line(writer, number)[:4095].split(b"=", 1)[1].decode()
            assert bindings.bindings.get(f"writer-{writer}", f"line-{number}") == expected
    assert west.log[before:] == []


@pytest.mark.parametrize(
    "command", [b"S\n", b"R\n", b"C set [x]:y=1 force\n", b"\n", b"x", b"\0", b"? 12345678 s\n"]
)
def test_a_writer_that_never_stops_starves_nobody(west: InTest, command: bytes) -> None:
    """Timers and packets have their turn, and so has the end."""
    path = west.service.paths.fifo
    octets = command * (65536 // len(command))

    def write() -> None:
        descriptor = os.open(path, os.O_WRONLY)
        while True:
            os.write(descriptor, octets)

    writer = fork(write)

    async def take_turns() -> None:
        for _ in range(20):
            await asyncio.sleep(0.01)

    try:
        # A starved timer never fires at all; how soon a shared machine lets it is not ours to say.
        west.loop.run_until_complete(asyncio.wait_for(take_turns(), 60))
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)


def test_lines_after_the_end_are_not_carried_out(west: InTest) -> None:
    """Q ends the daemon, whatever somebody writes behind it."""
    with west.service.paths.fifo.open("wb", buffering=0) as fifo:
        fifo.write(b"Q\nS\nX\n")
    west.loop.run_forever()
    assert west.log[-2:] == [
        "ui_shutdown_daemon: received shutdown command",
        "isakmpd: shutting down...",
    ]
    assert not west.service.paths.result.exists()


def test_who_reads_the_fifo_by_mistake_blocks_nobody(west: InTest) -> None:
    """He may take a command away; once he is gone all are ours again."""
    reader = os.open(west.service.paths.fifo, os.O_RDONLY | os.O_NONBLOCK)
    with west.service.paths.fifo.open("wb", buffering=0) as fifo:
        fifo.write(b"X\n")
        assert os.read(reader, 100) == b"X\n"
    west.loop.run_until_complete(asyncio.sleep(0.01))
    os.close(reader)
    west.command("S")
    west.until(west.service.paths.result.exists)


def test_half_a_line_waits_for_the_other_half(west: InTest) -> None:
    """From whomever it comes; a newline in front protects a command from what was left before."""
    for part in (b"t no", b"where\nt ", b"\nt else", b"where\n"):
        with west.service.paths.fifo.open("wb", buffering=0) as fifo:
            fifo.write(part)
        west.loop.run_until_complete(asyncio.sleep(0.01))
    assert [said for said in west.log if said.startswith("ui_")] == [
        "ui_teardown: there is no connection nowhere",
        'ui_teardown: command "t" malformed, expected t [main|quick] NAME',
        "ui_teardown: there is no connection elsewhere",
    ]
