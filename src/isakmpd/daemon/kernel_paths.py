"""Ask the kernel about paths: their MTU (RFC 1191, RFC 8201) and the source address it prefers.

Outer packets leave with the kernel's default: DF set while they fit what it knows of the path, cut
by it while they do not. So nothing is lost when our own knowledge, asked for now and then, is old.
"""

from __future__ import annotations

import contextlib
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

from isakmpd.privsep.requests import BindUdp, Privileged
from isakmpd.wire.addresses import Address

_QUESTION = {4: (socket.IPPROTO_IP, 14), 6: (socket.IPPROTO_IPV6, 24)}  # IP_MTU, IPV6_MTU
_ANY_PORT = 4500  # nothing is sent to it


class KernelPaths:
    """Hold a UDP socket for each local address, connected to one peer after the other."""

    def __init__(self, privileged: Privileged, mark: int) -> None:
        self._privileged = privileged
        self._mark = mark
        self._sockets: dict[Address, socket.socket] = {}

    def mtu(self, source: Address, destination: Address) -> int | None:
        """Give the path MTU from ``source`` to ``destination``, None where there is no path."""
        try:
            asking = self._socket(source)
            # Connecting again looks the route up again; the socket would keep an old one.
            asking.connect((str(destination), _ANY_PORT))
            return asking.getsockopt(*_QUESTION[destination.version])
        except OSError:
            return None

    def preferred_source(self, destination: Address) -> Address | None:
        """Give the address packets to ``destination`` get that have no source yet."""
        unspecified = IPv4Address(0) if destination.version == 4 else IPv6Address(0)
        try:
            with self._privileged.bind_udp(BindUdp(unspecified, 0, self._mark)) as asking:
                asking.connect((str(destination), _ANY_PORT))
                return ip_address(asking.getsockname()[0])
        except OSError:
            return None

    def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets.values():
            with contextlib.suppress(OSError):
                each.close()
        self._sockets.clear()

    def _socket(self, source: Address) -> socket.socket:
        found = self._sockets.get(source)
        if found is None:
            found = self._privileged.bind_udp(BindUdp(source, 0, self._mark))
            self._sockets[source] = found
        return found
