"""Say where a datagram came to and where one leaves from (ip(7), ipv6(7): IP_PKTINFO)."""

from __future__ import annotations

import socket
import struct
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address

Ancillary = list[tuple[int, int, bytes]]
SocketAddress = tuple[str, int] | tuple[str, int, int, int]

_IP_PKTINFO: Final = 8  # linux/in.h; this Python does not name it
_PKTINFO_4 = struct.Struct("=i4s4s")  # interface, local address, destination in the header
_PKTINFO_6 = struct.Struct("=16si")  # destination, interface
ANCILLARY_SPACE: Final = socket.CMSG_SPACE(_PKTINFO_6.size)


def tell(udp: socket.socket) -> None:
    """Have the kernel tell of every datagram which local address it came to."""
    if udp.family == socket.AF_INET:
        udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
    else:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)


@lru_cache(maxsize=4096)
def arrival(
    packet_info: bytes, local_port: int, source: SocketAddress, encapsulated: bool
) -> Transport | None:
    """Name both ends of a datagram; None for one that was not sent to an address of ours alone."""
    local: Address
    if len(packet_info) == _PKTINFO_4.size:
        _, ours, destination = _PKTINFO_4.unpack(packet_info)
        if ours != destination:  # a broadcast or multicast
            return None
        local = IPv4Address(ours)
    else:
        destination, interface = _PKTINFO_6.unpack(packet_info)
        local = IPv6Address(destination)
        if local.is_multicast:
            return None
        if local.is_link_local:
            local = IPv6Address(f"{local}%{interface}")
    if source[1] == 0:  # nobody can be answered there
        return None
    return Transport(local, local_port, address_of(*source), source[1], encapsulated)


def address_of(host: str, _port: int, _flow: int = 0, scope: int = 0) -> Address:
    """Read a socket address, keeping the interface of a link-local one."""
    address = ip_address(host.partition("%")[0])
    return IPv6Address(f"{address}%{scope}") if scope else address


def _interface_of(address: IPv6Address) -> int:
    scope = address.scope_id
    if scope is None:
        return 0
    return int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)


def socket_address(address: Address, port: int) -> SocketAddress:
    """Write a socket address; raises OSError for an interface that is not there."""
    if isinstance(address, IPv4Address):
        return (str(address), port)
    return (str(address).partition("%")[0], port, 0, _interface_of(address))


def leave_from(local: Address) -> Ancillary:
    """Have a datagram leave from one of our addresses."""
    if isinstance(local, IPv4Address):
        info = _PKTINFO_4.pack(0, local.packed, bytes(4))
        return [(socket.IPPROTO_IP, _IP_PKTINFO, info)]
    info = _PKTINFO_6.pack(local.packed, _interface_of(local))
    return [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, info)]
