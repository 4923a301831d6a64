"""Carry out privileged acts in this process, for as long as it has the privileges."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from ipaddress import IPv4Address
from struct import pack

from isakmpd.privsep import files
from isakmpd.privsep.netlink import RoutingNetlink
from isakmpd.privsep.requests import (
    Add,
    BindUdp,
    ListDirectory,
    MakeFifo,
    OpenFile,
    OpenRawEsp,
    OpenTun,
    Remove,
    RemoveFile,
    ReplaceFile,
    SetMtu,
    WatchAddresses,
)
from isakmpd.wire.addresses import Address

TUN_DEVICE = "/dev/net/tun"
LONGEST_DEVICE_NAME = 15

# linux/if_tun.h, linux/sockios.h, linux/if.h
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _SIOCSIFMTU = 0x8913, 0x8914, 0x8922
_IFF_UP = 1

# linux/rtnetlink.h: the groups that hear of links, of addresses and of routes, IPv4 and IPv6
_RTMGRP_LINK = 0x1
_RTMGRP_IPV4_IFADDR, _RTMGRP_IPV6_IFADDR = 0x10, 0x100
_RTMGRP_IPV4_ROUTE, _RTMGRP_IPV6_ROUTE = 0x40, 0x400
_CHANGES = (
    _RTMGRP_LINK
    | _RTMGRP_IPV4_IFADDR
    | _RTMGRP_IPV6_IFADDR
    | _RTMGRP_IPV4_ROUTE
    | _RTMGRP_IPV6_ROUTE
)
# One message tells as much as a thousand: in a storm the kernel drops the rest (ENOBUFS).
_CHANGES_BUFFER = 8192


class InProcess:
    """Implement ``Privileged`` with plain system calls."""

    def __init__(self) -> None:
        self._netlink: RoutingNetlink | None = None

    def bind_udp(self, request: BindUdp) -> socket.socket:
        """Give a bound, non-blocking UDP socket that IPv6 does not share with IPv4."""
        family = _family(request.address.version)
        bound = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if family == socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            _prepare(bound, request.mark, request.receive_buffer)
            bound.bind(_socket_address(request.address, request.port))
        except OSError:
            bound.close()
            raise
        return bound

    def open_raw_esp(self, request: OpenRawEsp) -> socket.socket:
        """Give a non-blocking raw socket of IP protocol 50."""
        raw = socket.socket(_family(request.version), socket.SOCK_RAW, socket.IPPROTO_ESP)
        try:
            _prepare(raw, request.mark, request.receive_buffer)
        except OSError:
            raw.close()
            raise
        return raw

    def watch_addresses(self, request: WatchAddresses) -> socket.socket:  # noqa: ARG002
        """Give a socket of rtnetlink's multicast groups (rtnetlink(7))."""
        watching = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        try:
            watching.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _CHANGES_BUFFER)
            watching.bind((0, _CHANGES))
        except OSError:
            watching.close()
            raise
        return watching

    def open_tun(self, request: OpenTun) -> int:
        """Create a TUN device, which speaks nothing of its own accord, and bring it up."""
        name = request.name.encode()
        if len(name) > LONGEST_DEVICE_NAME:
            raise OSError(errno.EINVAL, f"{request.name} is too long for a device name")
        descriptor = os.open(TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _attach(descriptor, name)
            _silence(request.name)
            self.change(SetMtu(request.name, request.mtu))
            _bring_up(name)
        except OSError:
            os.close(descriptor)
            raise
        return descriptor

    def open_file(self, request: OpenFile) -> int:
        """Open the file with the flags asked for."""
        return os.open(request.path, request.flags | os.O_CLOEXEC, request.mode)

    def list_directory(self, request: ListDirectory) -> tuple[str, ...]:
        """Give the names in order."""
        return files.names_in(request.path)

    def make_fifo(self, request: MakeFifo) -> int:
        """Make the FIFO and open both its sides."""
        return files.make_fifo(request.path)

    def replace_file(self, request: ReplaceFile) -> None:
        """Replace the file in one step."""
        files.replace_file(request.path, request.octets, request.mode)

    def remove_file(self, request: RemoveFile) -> None:
        """Remove the file if it is still the one meant."""
        files.remove_file(request.path, request.identity)

    def change(self, request: Add | Remove | SetMtu) -> None:
        """Change routes, rules, addresses or a device."""
        match request:
            case Add():
                self._routing().add(request.item)
            case Remove():
                self._routing().remove(request.item)
            case SetMtu():
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
                    fcntl.ioctl(
                        any_socket, _SIOCSIFMTU, pack("16si", request.device.encode(), request.mtu)
                    )

    def tables_in_rules(self) -> frozenset[int]:
        """Name the routing tables any rule looks up."""
        return self._routing().tables_in_rules()

    def close(self) -> None:
        """Close the netlink socket."""
        if self._netlink is not None:
            self._netlink.close()
            self._netlink = None

    def _routing(self) -> RoutingNetlink:
        if self._netlink is None:
            self._netlink = RoutingNetlink()
        return self._netlink


def _family(version: int) -> socket.AddressFamily:
    return socket.AF_INET if version == 4 else socket.AF_INET6


def _socket_address(address: Address, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    """Write a socket address; a link-local one names its interface by index or name."""
    if isinstance(address, IPv4Address) or address.scope_id is None:
        return str(address), port
    scope = address.scope_id
    index = int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)
    return str(address).partition("%")[0], port, 0, index


def _prepare(fresh: socket.socket, mark: int, receive_buffer: int) -> None:
    fresh.setblocking(False)
    if mark:
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
    if receive_buffer:
        so_rcvbufforce = 33  # asm-generic/socket.h
        try:
            fresh.setsockopt(socket.SOL_SOCKET, so_rcvbufforce, receive_buffer)
        except PermissionError:  # root of a user namespace stays below the system's limit
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)


def _attach(descriptor: int, name: bytes) -> None:
    try:
        fcntl.ioctl(descriptor, _TUNSETIFF, pack("16sH22x", name, _IFF_TUN | _IFF_NO_PI))
    except OSError as problem:
        # A device of another kind answers EINVAL, a TUN another process holds EBUSY.
        if problem.errno in (errno.EBUSY, errno.EINVAL) and _exists(name):
            raise FileExistsError(errno.EEXIST, f"the device {name.decode()} exists") from problem
        raise


def _exists(name: bytes) -> bool:
    try:
        socket.if_nametoindex(name.decode())
    except OSError:
        return False
    return True


def _silence(name: str) -> None:
    """Keep the kernel from giving the device an IPv6 address and soliciting routers on it."""
    try:
        descriptor = os.open(f"/proc/sys/net/ipv6/conf/{name}/addr_gen_mode", os.O_WRONLY)
    except OSError:
        return  # no IPv6 in this kernel, or /proc is read-only: noise, no harm
    try:
        os.write(descriptor, b"1")
    except OSError:
        return
    finally:
        os.close(descriptor)


def _bring_up(name: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        answer = fcntl.ioctl(any_socket, _SIOCGIFFLAGS, pack("16sH22x", name, 0))
        flags = int.from_bytes(answer[16:18], "little") | _IFF_UP
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, pack("16sH22x", name, flags))
