"""Notice that links, addresses or routes of this host have changed (rtnetlink(7))."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from isakmpd.daemon.sentence import sentence
from isakmpd.privsep.requests import Privileged, WatchAddresses

REST: Final = 0.3  # seconds between a first message and the look at what has changed
INTERVAL: Final = 10.0  # seconds between two looks where the kernel tells nothing
_MOST_READ: Final = 64  # messages
_LARGEST: Final = 1  # octet: nobody reads what the messages say


class AddressChanges:
    """Call ``changed`` after changes, once for all that come within ``REST`` seconds.

    While it rests nothing is read, so a storm of messages costs a few system calls a second. Where
    the kernel refuses the socket it calls ``changed`` every ``INTERVAL`` seconds, and says so.
    """

    def __init__(
        self,
        privileged: Privileged,
        loop: asyncio.AbstractEventLoop,
        changed: Callable[[], object],
        log: Callable[[str], None],
    ) -> None:
        self._loop = loop
        self._changed = changed
        self._timer: asyncio.TimerHandle | None = None
        self._socket: socket.socket | None = None
        try:
            self._socket = privileged.watch_addresses(WatchAddresses())
        except OSError as problem:
            log(
                f"the kernel does not tell of address changes ({sentence(problem)}): isakmpd looks"
                f" for them every {INTERVAL:g} s"
            )
            self._timer = loop.call_later(INTERVAL, self._look)
        else:
            loop.add_reader(self._socket.fileno(), self._noticed)

    def close(self) -> None:
        """Notice nothing any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _noticed(self) -> None:
        if self._socket is not None:
            self._loop.remove_reader(self._socket.fileno())
            self._timer = self._loop.call_later(REST, self._rested)

    def _rested(self) -> None:
        self._timer = None
        if self._socket is not None:
            _empty(self._socket)
            # Before the look: what changes during it is noticed again.
            self._loop.add_reader(self._socket.fileno(), self._noticed)
        self._changed()

    def _look(self) -> None:
        self._timer = self._loop.call_later(INTERVAL, self._look)
        self._changed()


def _empty(watching: socket.socket) -> None:
    for _ in range(_MOST_READ):
        try:
            watching.recv(_LARGEST)
        except BlockingIOError:
            return
        except OSError:
            continue  # ENOBUFS: messages were lost, and one at least was not
