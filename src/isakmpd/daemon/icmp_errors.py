"""Read what ICMP says about datagrams a socket sent (ip(7), IP_RECVERR)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Final

from isakmpd.daemon.packet_info import SocketAddress
from isakmpd.ike.unreachable import Unreachable

_RECVERR: Final = {socket.AF_INET: (socket.IPPROTO_IP, 11), socket.AF_INET6: (41, 25)}
_EXTENDED_ERROR = struct.Struct("=IBBBxII")  # errno, origin, type, code, info, data
_ICMP, _ICMP6 = 2, 3  # who it comes from
_SPACE: Final = 512
_MOST: Final = 32  # read in one go; the kernel bounds what waits

_MEANING: Final = {
    # origin, type, code (RFC 792, RFC 1812 section 5.2.7.1; RFC 4443 section 3.1)
    (_ICMP, 3, 0): Unreachable.NETWORK,
    (_ICMP, 3, 1): Unreachable.HOST,
    (_ICMP, 3, 2): Unreachable.PORT,
    (_ICMP, 3, 3): Unreachable.PORT,
    (_ICMP, 3, 9): Unreachable.PROHIBITED,
    (_ICMP, 3, 10): Unreachable.PROHIBITED,
    (_ICMP, 3, 13): Unreachable.PROHIBITED,
    (_ICMP6, 1, 0): Unreachable.NETWORK,
    (_ICMP6, 1, 1): Unreachable.PROHIBITED,
    (_ICMP6, 1, 3): Unreachable.HOST,
    (_ICMP6, 1, 4): Unreachable.PORT,
}


def accept_errors(udp: socket.socket) -> None:
    """Have the kernel keep ICMP errors for this socket; whoever polls it must read them."""
    level, option = _RECVERR[socket.AddressFamily(udp.family)]
    udp.setsockopt(level, option, 1)


def waiting_errors(udp: socket.socket) -> Iterator[tuple[SocketAddress, Unreachable]]:
    """Take the errors that wait: where a datagram was sent to, and what was not reached.

    What says nothing about reaching them, such as a path MTU, is passed over.
    """
    level, option = _RECVERR[socket.AddressFamily(udp.family)]
    for _ in range(_MOST):
        try:
            _, ancillary, _, destination = udp.recvmsg(1, _SPACE, socket.MSG_ERRQUEUE)
        except OSError:  # nothing waits, or an error that the next call meets again
            return
        for got_level, kind, octets in ancillary:
            if (got_level, kind) != (level, option) or len(octets) < _EXTENDED_ERROR.size:
                continue
            _, origin, icmp_type, code, _, _ = _EXTENDED_ERROR.unpack_from(octets)
            meaning = _MEANING.get((origin, icmp_type, code))
            if meaning is not None and destination:
                yield destination, meaning
