"""Carry IKE and ESP-in-UDP datagrams between the network and the daemon.

One wildcard socket for each port and family serves every address, present and future: IP_PKTINFO
tells which local address a datagram came to and from which one it leaves. With Listen-on there is
one socket for each listed address and port instead, so that the others stay free for others.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import socket
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from isakmpd.control.report import ListeningSocket
from isakmpd.daemon import icmp_errors, packet_info, udp_runs
from isakmpd.daemon.interfaces import addresses_of_interface
from isakmpd.daemon.listen_on import DECIDES, WILDCARDS, AddressesOf, numbered, wanted
from isakmpd.daemon.packet_info import Ancillary, SocketAddress
from isakmpd.ike.transport import Transport
from isakmpd.ike.unreachable import Unreachable
from isakmpd.wire.addresses import Address

Bind = Callable[[Address, int], socket.socket]

NON_ESP_MARKER: Final = bytes(4)  # RFC 3948 section 2.2
KEEPALIVE: Final = b"\xff"  # RFC 3948 section 2.3

_ANCILLARY_SPACE: Final = (
    packet_info.ANCILLARY_SPACE + socket.CMSG_SPACE(4) + udp_runs.ANCILLARY_SPACE
)
_TRAFFIC_CLASS: Final = {
    4: (socket.IPPROTO_IP, socket.IP_TOS),
    6: (socket.IPPROTO_IPV6, socket.IPV6_TCLASS),
}
_TELL_TRAFFIC_CLASS: Final = {
    4: (socket.IPPROTO_IP, 13),  # IP_RECVTOS of linux/in.h; this Python does not name it
    6: (socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS),
}
_LOW_OCTET: Final = 0 if sys.byteorder == "little" else -1  # of one octet as of an int
_LARGEST_DATAGRAM: Final = 65535
# Datagrams read from one socket before the event loop looks elsewhere.
_BATCH: Final = 64
_MOST_PATHS: Final = 4096
# What an ICMP error about one datagram makes the next call on its socket fail with.
_LEFT_BY_ICMP: Final = frozenset(
    {
        errno.ECONNREFUSED,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
        errno.EACCES,
        errno.ENOPROTOOPT,
        errno.EMSGSIZE,
        errno.EHOSTDOWN,
        errno.EPROTO,
    }
)


@dataclass(frozen=True, slots=True)
class Ports:
    """Number our UDP ports; ``nat_t`` is None where NAT traversal is switched off."""

    ike: int = 500
    nat_t: int | None = 4500

    def all(self) -> tuple[int, ...]:
        """List the ports to bind, each once."""
        return (self.ike,) if self.nat_t in (None, self.ike) else (self.ike, self.nat_t or 0)


@dataclass(frozen=True, slots=True)
class _Listener:
    """Hold one bound socket; ``address`` is a wildcard unless Listen-on named one."""

    address: Address
    port: int
    encapsulated: bool
    socket: socket.socket


class EventLoop(Protocol):
    """Call back when a descriptor can be read, as asyncio's loop does."""

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> object:
        """Begin to watch a descriptor."""

    def remove_reader(self, fd: int, /) -> object:
        """Watch it no longer."""


def _ignore(_remote: Address, _port: int, _what: Unreachable) -> None:
    """Be the receiver of those who do not care."""


@dataclass(frozen=True, slots=True)
class Receivers:
    """Say who gets what arrives: the engine IKE messages, the data plane ESP packets.

    ``unreachable`` is told the remote address and port ICMP says cannot be reached.
    """

    ike: Callable[[bytes, Transport], None]
    esp: Callable[[bytes, Transport, int], None]  # the last is the octet of DSCP and ECN
    unreachable: Callable[[Address, int, Unreachable], None] = _ignore


class UdpSockets:
    """Own the daemon's UDP sockets: open them, read them, send from them.

    ``bind`` opens a UDP socket for an address and port, with whatever privilege and mark that
    takes; it sets IPV6_V6ONLY and never SO_REUSEADDR, which on Linux lets a second daemon take the
    first one's datagrams in silence. Port 0 asks for any free one, to look up a route.
    ``log`` takes a line. ``families`` holds 4, 6 or both. ``addresses_of`` looks up interfaces.
    """

    def __init__(
        self,
        bind: Bind,
        receivers: Receivers,
        loop: EventLoop,
        log: Callable[[str], None],
        *,
        ports: Ports = Ports(),
        families: tuple[int, ...] = (4, 6),
        addresses_of: AddressesOf = addresses_of_interface,
    ) -> None:
        self._bind = bind
        self._receivers = receivers
        self._loop = loop
        self._log = log
        self._ports = ports
        self._families = families
        self._addresses_of = addresses_of
        self._listen_on: tuple[str, ...] = ()
        self._listeners: dict[tuple[Address, int], _Listener] = {}
        self._paths: dict[
            tuple[Address, int, Address, int, int], tuple[socket.socket, Ancillary, SocketAddress]
        ] = {}
        self._told: frozenset[str] = frozenset()  # of where we cannot listen at present

    @property
    def listeners(self) -> tuple[ListeningSocket, ...]:
        """List what is bound."""
        return tuple(
            ListeningSocket(one.socket.fileno(), one.address, one.port, one.encapsulated)
            for one in self._listeners.values()
        )

    def listens_on(self, address: Address) -> bool:
        """Tell whether IKE can be spoken from an address."""
        if (numbered(address), self._ports.ike) in self._listeners:
            return True
        return (_wildcard(address), self._ports.ike) in self._listeners and self._is_ours(address)

    def listen(self, listen_on: Sequence[str] = ()) -> tuple[str, ...]:
        """Bind what ``listen_on`` asks for and release the rest; () asks for every address.

        Returns a sentence for each socket that could not be had: fatal when the daemon starts, a
        log line when it reloads. Addresses this host does not have (yet) and families it does not
        speak are logged, not returned; ``look_again`` tries the addresses again, and is all that
        is done where nothing else than before is asked for.
        """
        if self._listeners and tuple(listen_on) == self._listen_on:
            self.look_again()
            return ()
        self._listen_on = tuple(listen_on)
        self._told = frozenset()
        return self._listen()

    def look_again(self) -> None:
        """Follow the addresses of this host: bind what has come, release what has gone, say so."""
        before = self._served()
        told = self._told
        failures = self._listen()
        for failure in failures:
            if failure not in told:
                self._log(failure)
        self._told |= frozenset(failures)
        after = self._served()
        for address in before - after:
            self._log(f"udp: listening on {address} no longer, this host has it no more")
        for address in after - before:
            self._log(f"udp: listening on {address}, which has appeared")

    def local_address_for(self, remote: Address) -> Address | None:
        """Choose our address for a first message to ``remote``; None where there is no way to it.

        It is the first Listen-on address of the family, else the one the routing table prefers.
        """
        of_family = (a for a, _ in self._listeners if a.version == remote.version)
        first = next(of_family, None)
        if first is None:
            return None
        try:
            with self._bind(first, 0) as probe:
                # A connected UDP socket knows its source and has sent nothing.
                probe.connect(packet_info.socket_address(remote, self._ports.ike))
                return packet_info.address_of(*probe.getsockname())
        except OSError as error:
            self._log(f"udp: no local address to reach {remote} from: {_reason(error)}")
            return None

    def send(self, transport: Transport, octets: bytes) -> None:
        """Send an IKE message, behind the non-ESP marker where it is encapsulated."""
        self._send_or_log(transport, NON_ESP_MARKER + octets if transport.encapsulated else octets)

    def send_keepalive(self, transport: Transport) -> None:
        """Send a NAT keepalive."""
        self._send_or_log(transport, KEEPALIVE)

    def send_esp(
        self,
        local: Address,
        local_port: int,
        remote: Address,
        remote_port: int,
        octets: bytes,
        traffic_class: int = 0,
    ) -> int:
        """Send an ESP packet in UDP; returns 0, or the errno of a packet that did not leave.

        ``traffic_class`` is the octet of DSCP and ECN the outer header gets. It logs nothing: a
        broken path would fill the log with a line for each packet.
        """
        key = (local, local_port, remote, remote_port, traffic_class)
        path = self._paths.get(key) or self._find_path(key)
        if path is None:
            return errno.EADDRNOTAVAIL
        outgoing, ancillary, destination = path
        try:
            outgoing.sendmsg((octets,), ancillary, 0, destination)
        except OSError as error:
            return self._send_again(path, octets, error)
        return 0

    def send_esp_run(
        self,
        local: Address,
        local_port: int,
        remote: Address,
        remote_port: int,
        packets: Sequence[bytes],
        traffic_class: int = 0,
    ) -> int:
        """Send ESP packets, all as long as the first, the last maybe shorter; as ``send_esp``."""
        key = (local, local_port, remote, remote_port, traffic_class)
        path = self._paths.get(key) or self._find_path(key)
        if path is not None and len(packets) >= udp_runs.FEWEST_PACKETS:
            ancillary = [*path[1], udp_runs.cut_into(len(packets[0]))]
            # Not every device can: one by one, its packets leave all the same.
            with contextlib.suppress(OSError):
                path[0].sendmsg(packets, ancillary, 0, path[2])
                return 0
        return max(self.send_esp(*key[:4], packet, traffic_class) for packet in packets)

    def close(self) -> None:
        """Release every socket."""
        for key in list(self._listeners):
            self._release(key)

    # Opening

    def _listen(self) -> tuple[str, ...]:
        """Bind and release; what is only not there (yet) is logged once, failures are returned."""
        where = wanted(self._listen_on, self._families, self._addresses_of)
        present = [one for one in where.addresses if one not in where.listed or self._is_ours(one)]
        for key in [key for key in self._listeners if key[0] not in present]:
            self._release(key)
        complaints, failures = dict.fromkeys(where.complaints), list[str]()
        for address, port in itertools.product(where.addresses, self._ports.all()):
            if (address, port) in self._listeners:
                continue
            try:
                self._add(address, port)
            except OSError as error:
                if error.errno in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
                    complaints[_not_there(address, error)] = None
                else:
                    failures.append(
                        f"udp: cannot listen on {address} port {port}: {_reason(error)}"
                    )
        for complaint in complaints:
            if complaint not in self._told:
                self._log(complaint)
        self._told = frozenset(complaints)
        return tuple(failures)

    def _served(self) -> set[Address]:
        """Give the addresses on whose every port we listen."""
        keys, ports = self._listeners, self._ports.all()
        return {address for address, _ in keys if all((address, port) in keys for port in ports)}

    def _is_ours(self, address: Address) -> bool:
        if address.is_unspecified:
            return True
        try:
            self._bind(address, 0).close()  # only an address of this host can be bound
        except OSError:
            return False
        return True

    def _add(self, address: Address, port: int) -> None:
        opened = self._bind(address, port)
        opened.setblocking(False)
        packet_info.tell(opened)
        listener = _Listener(address, port, port == self._ports.nat_t, opened)
        icmp_errors.accept_errors(opened)
        if listener.encapsulated:
            udp_runs.accept_runs(opened)
            opened.setsockopt(*_TELL_TRAFFIC_CLASS[address.version], 1)
        self._listeners[address, port] = listener
        self._paths.clear()
        self._loop.add_reader(opened.fileno(), lambda: self._drain(listener))

    def _release(self, key: tuple[Address, int]) -> None:
        released = self._listeners.pop(key).socket
        self._paths.clear()
        self._loop.remove_reader(released.fileno())
        released.close()

    # Receiving

    def _drain(self, listener: _Listener) -> None:
        receive = listener.socket.recvmsg
        for number in range(_BATCH):
            try:
                octets, ancillary, flags, source = receive(_LARGEST_DATAGRAM, _ANCILLARY_SPACE)
            except OSError:  # nothing more, or an ICMP error about an earlier datagram
                if not number:
                    self._tell_errors(listener)
                return
            if flags & socket.MSG_TRUNC or not ancillary:
                continue
            # The kernel tells the address last, but for the traffic class where ESP comes too.
            traffic_class = 0
            if listener.encapsulated:
                traffic_class = ancillary.pop()[2][_LOW_OCTET]
            transport = packet_info.arrival(
                ancillary[-1][2], listener.port, source, listener.encapsulated
            )
            if transport is None:
                continue
            if len(ancillary) == 1:
                self._deliver(octets, transport, traffic_class)
                continue
            for datagram in udp_runs.pieces(octets, ancillary):
                self._deliver(datagram, transport, traffic_class)

    def _tell_errors(self, listener: _Listener) -> None:
        for destination, what in icmp_errors.waiting_errors(listener.socket):
            self._receivers.unreachable(packet_info.address_of(*destination), destination[1], what)

    def _deliver(self, octets: bytes, transport: Transport, traffic_class: int) -> None:
        if octets == KEEPALIVE:
            return
        if not transport.encapsulated:
            self._receivers.ike(octets, transport)
        elif octets[:4] == NON_ESP_MARKER:
            self._receivers.ike(octets[4:], transport)
        else:
            self._receivers.esp(octets, transport, traffic_class)

    # Sending

    def _send_or_log(self, transport: Transport, octets: bytes) -> None:
        failed = self.send_esp(
            transport.local, transport.local_port, transport.remote, transport.remote_port, octets
        )
        if failed:
            self._log(
                f"udp: sending to {transport.remote} port {transport.remote_port} from"
                f" {transport.local} port {transport.local_port}: {os.strerror(failed)}"
            )

    def _find_path(
        self, key: tuple[Address, int, Address, int, int]
    ) -> tuple[socket.socket, Ancillary, SocketAddress] | None:
        local, local_port, remote, remote_port, traffic_class = key
        listener = self._listeners.get((numbered(local), local_port))
        listener = listener or self._listeners.get((_wildcard(local), local_port))
        if listener is None or local.version != remote.version:
            return None
        if len(self._paths) >= _MOST_PATHS:
            self._paths.clear()
        ancillary = packet_info.leave_from(local)
        if traffic_class:
            ancillary.append((*_TRAFFIC_CLASS[local.version], struct.pack("=i", traffic_class)))
        path = (listener.socket, ancillary, packet_info.socket_address(remote, remote_port))
        self._paths[key] = path
        return path

    def _send_again(
        self,
        path: tuple[socket.socket, Ancillary, SocketAddress],
        octets: bytes,
        error: OSError,
    ) -> int:
        """Try once more after an ICMP error about an earlier datagram, which this call cleared."""
        if error.errno not in _LEFT_BY_ICMP:
            return error.errno or errno.EIO
        try:
            path[0].sendmsg((octets,), path[1], 0, path[2])
        except OSError as again:
            return again.errno or errno.EIO
        return 0


def _wildcard(address: Address) -> Address:
    return WILDCARDS[0] if address.version == 4 else WILDCARDS[1]


def _not_there(address: Address, error: OSError) -> str:
    until = "" if address.is_unspecified else f" until this host has it ({DECIDES})"
    return f"udp: not listening on {address}{until}: {_reason(error)}"


def _reason(error: OSError) -> str:
    text = error.strerror or str(error)
    if error.errno == errno.EADDRINUSE:
        return f"{text} (another IKE daemon holds it)"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"{text} (a port below 1024 takes root or CAP_NET_BIND_SERVICE)"
    return text
