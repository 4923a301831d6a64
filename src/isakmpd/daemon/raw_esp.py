"""Send and receive ESP as IP protocol 50.

The sockets stay open also while all ESP travels in UDP: without one, the kernel answers peers with
protocol unreachable.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from struct import pack

from isakmpd.ipsec.sad import OuterPath
from isakmpd.privsep.requests import OpenRawEsp, Privileged
from isakmpd.wire.addresses import Address

# ESP packet, source, destination, traffic class of the outer header
Receive = Callable[[bytes, Address, Address, int], None]

BATCH = 64  # packets read before the event loop looks elsewhere
RECEIVE_BUFFER = 4 << 20
_LARGEST_PACKET = 65535
_IP_PKTINFO = 8  # linux/in.h; this Python does not name it
_ANCILLARY_SPACE = socket.CMSG_SPACE(20) + socket.CMSG_SPACE(4)

Ancillary = list[tuple[int, int, bytes]]


class RawEsp:
    """Hold one raw socket for each address family this host speaks."""

    def __init__(self, privileged: Privileged, mark: int, families: tuple[int, ...]) -> None:
        """Open the sockets; raises OSError, but not for a family the kernel lacks."""
        self.sockets: dict[int, socket.socket] = {}
        for version in families:
            try:
                request = OpenRawEsp(version, mark, RECEIVE_BUFFER)
                self.sockets[version] = privileged.open_raw_esp(request)
            except OSError as problem:
                if problem.errno != errno.EAFNOSUPPORT:
                    self.close()
                    raise
        if 6 in self.sockets:
            for option in (socket.IPV6_RECVPKTINFO, socket.IPV6_RECVTCLASS):
                self.sockets[6].setsockopt(socket.IPPROTO_IPV6, option, 1)

    def send(self, packet: bytes, path: OuterPath, traffic_class: int) -> int:
        """Send an ESP packet; returns 0, or the errno of a packet that did not leave."""
        outgoing = self.sockets.get(path.destination.version)
        if outgoing is None:
            return errno.EAFNOSUPPORT
        ancillary, destination = _route(path.source, path.destination, traffic_class)
        try:
            outgoing.sendmsg((packet,), ancillary, 0, destination)
        except OSError as problem:
            return problem.errno or errno.EIO
        return 0

    def drain(self, version: int, receive: Receive) -> None:
        """Hand over what has arrived, up to a batch."""
        if version == 4:
            self._drain_4(receive)
        else:
            self._drain_6(receive)

    def close(self) -> None:
        """Close the sockets."""
        for each in self.sockets.values():
            each.close()
        self.sockets.clear()

    def _drain_4(self, receive: Receive) -> None:
        read = self.sockets[4].recv
        for _ in range(BATCH):
            try:
                packet = read(_LARGEST_PACKET)
            except OSError:  # nothing more, or an ICMP error about an earlier packet
                return
            source, destination = _addresses(packet[12:20])
            header = (packet[0] & 15) * 4
            receive(packet[header:], source, destination, packet[1])

    def _drain_6(self, receive: Receive) -> None:
        read = self.sockets[6].recvmsg
        for _ in range(BATCH):
            try:
                packet, ancillary, _, sender = read(_LARGEST_PACKET, _ANCILLARY_SPACE)
            except OSError:
                return
            found = {kind: data for _, kind, data in ancillary}
            information = found.get(socket.IPV6_PKTINFO)
            if information is None:
                continue
            octet = int.from_bytes(found.get(socket.IPV6_TCLASS, b"\0"), "little") & 0xFF
            source = IPv6Address(sender[0].partition("%")[0])
            receive(packet, source, IPv6Address(information[:16]), octet)


@lru_cache(maxsize=4096)
def _addresses(octets: bytes) -> tuple[IPv4Address, IPv4Address]:
    return IPv4Address(octets[:4]), IPv4Address(octets[4:])


@lru_cache(maxsize=4096)
def _route(
    source: Address, destination: Address, traffic_class: int
) -> tuple[Ancillary, tuple[str, int]]:
    """Give what sendmsg needs to send from ``source`` with a traffic class."""
    ancillary: Ancillary
    if source.version == 4:
        ancillary = [(socket.IPPROTO_IP, _IP_PKTINFO, pack("=i4s4s", 0, source.packed, bytes(4)))]
        octet = (socket.IPPROTO_IP, socket.IP_TOS, pack("=i", traffic_class))
    else:
        information = pack("=16si", source.packed, 0)
        ancillary = [(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, information)]
        octet = (socket.IPPROTO_IPV6, socket.IPV6_TCLASS, pack("=i", traffic_class))
    if traffic_class:
        ancillary.append(octet)
    return ancillary, (str(destination), 0)
