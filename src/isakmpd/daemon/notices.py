"""Say how the daemon's process fares, to the monitor that watches over it.

A notice is one packet of a SOCK_SEQPACKET socket, its name and a text. The channel also tells the
daemon's process that its monitor is gone: it ends then.
"""

from __future__ import annotations

import contextlib
import socket
from enum import StrEnum
from itertools import islice
from typing import Final, Protocol

LONGEST_NOTICE: Final = 1024  # octets
MOST_AT_ONCE: Final = 64  # notices


class Notice(StrEnum):
    """Name what a process can say of itself."""

    READY = "ready"  # also at the end of a reload
    RELOADING = "reloading"
    STOPPING = "stopping"
    ALIVE = "alive"  # the engine and its event loop had their turn


_NAMES: Final = {str(one): one for one in Notice}


class Notices(Protocol):
    """Take notices; nothing is ever raised."""

    def __call__(self, notice: Notice, text: str = "") -> None:
        """Take a notice; ``text`` says more to whoever asks for the daemon's status."""


def unheard(notice: Notice, text: str = "") -> None:
    """Take a notice that nobody asked for."""
    del notice, text


class NoticeSender:
    """Be the daemon's end of the channel."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        channel.setblocking(False)

    def __call__(self, notice: Notice, text: str = "") -> None:
        """Send a notice, unless the monitor is gone or does not listen."""
        with contextlib.suppress(OSError):
            self._channel.send(f"{notice} {text}".encode()[:LONGEST_NOTICE])

    def fileno(self) -> int:
        """Give the descriptor to wait on: it can be read when the monitor is gone."""
        return self._channel.fileno()


class NoticeReceiver:
    """Be the monitor's end of the channel: it takes what is no notice for nothing."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self.open = True
        channel.setblocking(False)

    def fileno(self) -> int:
        """Give the descriptor to wait on while the channel is ``open``."""
        return self._channel.fileno()

    def receive(self) -> list[tuple[Notice, str]]:
        """Take the notices that have come, each with its text in one printable line.

        Of many it takes some: who sends without end keeps nobody from hearing signals.
        """
        found = []
        for packet in islice(iter(self._packet, b""), MOST_AT_ONCE):
            name, _, text = packet.decode(errors="replace").partition(" ")
            if name in _NAMES:
                shown = "".join(one if one.isprintable() else " " for one in text)
                found.append((_NAMES[name], shown))
        return found

    def _packet(self) -> bytes:
        try:
            packet = self._channel.recv(LONGEST_NOTICE)
        except BlockingIOError:
            return b""
        except OSError:
            packet = b""
        self.open = bool(packet)
        return packet
