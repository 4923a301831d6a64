"""Changes are noticed together and at rest, however many there are."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import socket
from collections.abc import Callable, Iterator

import pytest

from isakmpd.daemon import address_changes
from isakmpd.daemon.address_changes import REST, AddressChanges
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import WatchAddresses


class Scripted(InProcess):
    """Give the end of a pipe-like socket instead of netlink's."""

    def __init__(self) -> None:
        super().__init__()
        self.kernel, self.watching = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.kernel.setblocking(False)
        self.watching.setblocking(False)

    def watch_addresses(self, request: WatchAddresses) -> socket.socket:  # noqa: ARG002
        """Give it."""
        return self.watching


class Refusing(InProcess):
    """Be a kernel, or a filter, that has no netlink."""

    def watch_addresses(self, request: WatchAddresses) -> socket.socket:  # noqa: ARG002
        """Refuse."""
        raise OSError(errno.EAFNOSUPPORT, os.strerror(errno.EAFNOSUPPORT))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def run(loop: asyncio.AbstractEventLoop, seconds: float) -> None:
    """Let time pass."""
    loop.run_until_complete(asyncio.sleep(seconds))


def test_changes_close_to_each_other_are_one(loop: asyncio.AbstractEventLoop) -> None:
    """It looks when the first has rested; what comes later is another."""
    host, looks = Scripted(), list[float]()
    watch = AddressChanges(host, loop, lambda: looks.append(loop.time()), pytest.fail)
    run(loop, REST * 1.2)
    assert looks == []
    for _ in range(3):
        host.kernel.send(b"a message")
        run(loop, REST / 4)
    assert looks == []
    run(loop, REST)
    assert len(looks) == 1
    host.kernel.send(b"another")
    run(loop, REST * 1.2)
    assert len(looks) == 2
    watch.close()
    watch.close()
    host.kernel.close()


def test_a_storm_costs_a_few_looks_and_little_time(loop: asyncio.AbstractEventLoop) -> None:
    """As fast as it comes, nothing is read while it rests."""
    host, looks = Scripted(), list[float]()
    watch = AddressChanges(host, loop, lambda: looks.append(loop.time()), pytest.fail)

    async def storm() -> None:
        until = loop.time() + 5 * REST
        while loop.time() < until:
            for _ in range(100):
                try:
                    host.kernel.send(b"a message")
                except BlockingIOError:
                    break
            await asyncio.sleep(0.01)

    loop.run_until_complete(storm())
    run(loop, 2 * REST)
    assert 4 <= len(looks) <= 7
    watch.close()
    host.kernel.close()


def test_lost_messages_are_a_change(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOBUFS says that there were more than fitted; it is not the end of the watch."""
    host, looks = Scripted(), list[float]()
    watch = AddressChanges(host, loop, lambda: looks.append(loop.time()), pytest.fail)
    monkeypatch.setattr(address_changes, "_empty", _overrun_once(address_changes._empty))
    for number in (1, 2):
        host.kernel.send(b"a message")
        run(loop, REST * 1.2)
        assert len(looks) == number
    watch.close()
    host.kernel.close()


def _overrun_once(empty: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    """Have the first read of each emptying fail as an overrun does."""

    class Overrun:
        def __init__(self, real: socket.socket) -> None:
            self.real, self.failed = real, False

        def recv(self, size: int) -> bytes:
            if not self.failed:
                self.failed = True
                raise OSError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))
            return self.real.recv(size)

    return lambda watching: empty(Overrun(watching))  # type: ignore[arg-type]


def test_without_netlink_it_looks_from_time_to_time(
    loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so, once."""
    monkeypatch.setattr(address_changes, "INTERVAL", 0.05)
    lines, looks = list[str](), list[float]()
    watch = AddressChanges(Refusing(), loop, lambda: looks.append(loop.time()), lines.append)
    assert lines == [
        "the kernel does not tell of address changes (Address family not supported by protocol):"
        " isakmpd looks for them every 0.05 s"
    ]
    run(loop, 0.28)
    assert 3 <= len(looks) <= 5
    watch.close()
    seen = len(looks)
    run(loop, 0.1)
    assert len(looks) == seen


def test_a_look_that_fails_is_not_the_last(loop: asyncio.AbstractEventLoop) -> None:
    """A fault of ours costs one look."""
    host, looks, faults = Scripted(), list[float](), list[object]()
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))

    def look() -> None:
        looks.append(loop.time())
        raise ValueError

    watch = AddressChanges(host, loop, look, pytest.fail)
    for number in (1, 2):
        host.kernel.send(b"a message")
        run(loop, REST * 1.2)
        assert len(looks) == len(faults) == number
    watch.close()
    host.kernel.close()


def test_a_real_watch_costs_nothing_at_rest(loop: asyncio.AbstractEventLoop) -> None:
    """The kernel of this host, left alone."""
    looks = list[float]()
    watch = AddressChanges(InProcess(), loop, lambda: looks.append(loop.time()), pytest.fail)
    before = resource.getrusage(resource.RUSAGE_SELF)
    run(loop, 0.5)
    after = resource.getrusage(resource.RUSAGE_SELF)
    watch.close()
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.2
