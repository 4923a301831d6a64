"""Move runs of ESP packets in one system call each way: UDP_SEGMENT and UDP_GRO (udp(7)).

A call costs as much as sealing or opening a packet; the kernel carries a run as one, too.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from struct import pack, unpack_from
from typing import Final

from isakmpd.ipsec.sad import OuterPath

# linux/udp.h; this Python does not name them
_UDP_SEGMENT: Final = 103
_UDP_GRO: Final = 104

ANCILLARY_SPACE: Final = socket.CMSG_SPACE(4)
# Fewer save little, and whoever captures on this host sees a run as one packet.
FEWEST_PACKETS: Final = 8
MOST_PACKETS: Final = 16  # a longer run saves little more, and its first packet waits for it
_MOST_OCTETS: Final = 60000

Ancillary = list[tuple[int, int, bytes]]


def accept_runs(receiving: socket.socket) -> None:
    """Have the kernel hand over datagrams of one sender together, where it can."""
    with contextlib.suppress(OSError):  # Linux before 5.0
        receiving.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)


def pieces(octets: bytes, ancillary: Ancillary) -> list[bytes]:
    """Cut what was received into datagrams, given the ancillary data of accept_runs' socket."""
    for level, kind, data in ancillary:
        if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
            (size,) = unpack_from("=i", data)
            return [octets[at : at + size] for at in range(0, len(octets), size)]
    return [octets]


def cut_into(size: int) -> tuple[int, int, bytes]:
    """Give the ancillary data that makes datagrams of ``size`` octets, the last maybe shorter."""
    return socket.IPPROTO_UDP, _UDP_SEGMENT, pack("=H", size)


class Run:
    """Gather packets of one path and traffic class, all as long as the first but the last."""

    def __init__(self, send: Callable[[OuterPath, list[bytes], int], None]) -> None:
        self._send = send
        self._path: OuterPath | None = None
        self._packets: list[bytes] = []
        self._size = 0
        self._most = 0
        self._class = 0

    def add(self, packet: bytes, path: OuterPath, traffic_class: int = 0) -> None:
        """Take a packet; what cannot stand with it in one run is sent before."""
        length = len(packet)
        if path is not self._path or length > self._size or traffic_class != self._class:
            self.flush()
            self._path, self._size, self._class = path, length, traffic_class
            self._most = max(min(MOST_PACKETS, _MOST_OCTETS // length), 1)
        self._packets.append(packet)
        if length < self._size or len(self._packets) >= self._most:
            self.flush()

    def flush(self) -> None:
        """Send what has been gathered."""
        packets, path = self._packets, self._path
        self._packets, self._path = [], None
        if packets and path is not None:
            self._send(path, packets, self._class)
