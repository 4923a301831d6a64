"""Look up the addresses of network interfaces, which Listen-on may name."""

from __future__ import annotations

import fcntl
import socket
import struct
from ipaddress import IPv4Address
from pathlib import Path

_SIOCGIFADDR = 0x8915
_INTERFACE_REQUEST = struct.Struct("=16s2sH4s8x8x")  # struct ifreq holding a sockaddr_in
_ROUTES = Path("/proc/net/route")


def address_of_interface(name: str) -> IPv4Address | None:
    """Give the first IPv4 address of an interface, or of the default route's for ``default``."""
    if name == "default":
        return _address_of_default_route()
    octets = name.encode()
    if not 0 < len(octets) < 16:
        return None
    request = _INTERFACE_REQUEST.pack(octets, bytes(2), 0, bytes(4))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        try:
            answer = fcntl.ioctl(asking, _SIOCGIFADDR, request)
        except OSError:
            return None
    return IPv4Address(_INTERFACE_REQUEST.unpack(answer)[3])


def _address_of_default_route() -> IPv4Address | None:
    try:
        lines = _ROUTES.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return None
    routes = [line.split() for line in lines]
    defaults = [
        (int(route[6]), route[0])
        for route in routes
        if route[1] == route[7] == "00000000" and int(route[3], 16) & 1
    ]
    return address_of_interface(min(defaults)[1]) if defaults else None
