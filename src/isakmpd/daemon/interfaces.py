"""Look up the addresses of network interfaces, which a configuration may name."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from isakmpd.wire.addresses import Address

_SIOCGIFCONF: Final = 0x8912
_SIOCGIFADDR: Final = 0x8915
_SIOCGIFNETMASK: Final = 0x891B
_INTERFACE_REQUEST = struct.Struct("=16s2sH4s16x")  # struct ifreq holding a sockaddr_in
_INTERFACE_LIST = struct.Struct("@iP")  # struct ifconf
_LISTED = struct.Struct("=16s4x4s")  # what SIOCGIFCONF fills in of a struct ifreq
_ENTRY: Final = 24 + 2 * struct.calcsize("P")  # octets of a struct ifreq
_SPARE_ENTRIES: Final = 16  # for addresses that come between the two questions
_IPV4_ROUTES = Path("/proc/net/route")
_IPV6_ROUTES = Path("/proc/net/ipv6_route")
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")
_GLOBAL_SCOPE: Final = "00"
_ROUTE_UP: Final = 0x1
_ROUTE_REJECT: Final = 0x200
_NOWHERE: Final = "0" * 32
_ALL_ONES: Final = (1 << 128) - 1


def address_of_interface(name: str, family: int = 0) -> Address | None:
    """Give an address of an interface, or for ``default`` of the one the default route leaves by.

    ``family`` is 4, 6 or 0 for either. It is the first IPv4 address, or the first IPv6 address
    that is not link-local, else one that is; None where there is none.
    """
    found = _address_and_mask(name, family)
    return found[0] if found else None


def netmask_of_interface(name: str, family: int = 0) -> Address | None:
    """Give the mask of the address that ``address_of_interface`` gives."""
    found = _address_and_mask(name, family)
    return found[1] if found else None


def addresses_of_interface(name: str, families: tuple[int, ...] = (4, 6)) -> tuple[Address, ...]:
    """Give every address of an interface, of ``default`` as above; () where there is none.

    IPv4 comes first and link-local IPv6, with the interface as its scope, last.
    """
    found: list[Address] = []
    if 4 in families:
        found += _addresses_4(_default_interface_4() if name == "default" else name)
    if 6 in families:
        pairs = _addresses_6(_default_interface_6() if name == "default" else name)
        found += [address for address, _ in pairs]
    return tuple(dict.fromkeys(found))


def _address_and_mask(name: str, family: int) -> tuple[Address, Address] | None:
    found: tuple[Address, Address] | None = None
    if family in (0, 4):
        found = _address_4(_default_interface_4() if name == "default" else name)
    if family in (0, 6) and found is None:
        found = _address_6(_default_interface_6() if name == "default" else name)
    return found


def _address_4(name: str) -> tuple[IPv4Address, IPv4Address] | None:
    address, mask = _ask(name, _SIOCGIFADDR), _ask(name, _SIOCGIFNETMASK)
    return (address, mask) if address and mask else None


def _ask(name: str, request: int) -> IPv4Address | None:
    octets = name.encode()
    if not 0 < len(octets) < 16:
        return None
    question = _INTERFACE_REQUEST.pack(octets, bytes(2), 0, bytes(4))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        try:
            answer = fcntl.ioctl(asking, request, question)
        except OSError:
            return None
    return IPv4Address(_INTERFACE_REQUEST.unpack(answer)[3])


def _addresses_4(name: str) -> list[IPv4Address]:
    """List what the interface has under its own name and under labels such as ``eth0:1``."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as asking:
        length = _list_interfaces(asking, array.array("B"))
        entries = array.array("B", bytes(length + _SPARE_ENTRIES * _ENTRY))
        length = _list_interfaces(asking, entries)
    listed = entries.tobytes()[:length]
    found: list[IPv4Address] = []
    for at in range(0, length, _ENTRY):
        label, octets = _LISTED.unpack_from(listed, at)
        if label.rstrip(b"\0").partition(b":")[0] == name.encode():
            found.append(IPv4Address(octets))
    return found


def _list_interfaces(asking: socket.socket, entries: array.array[int]) -> int:
    """Fill in an entry for each IPv4 address; without room the answer is how much it takes."""
    where = entries.buffer_info()[0] if entries else 0
    answer = fcntl.ioctl(asking, _SIOCGIFCONF, _INTERFACE_LIST.pack(len(entries), where))
    return int(_INTERFACE_LIST.unpack(answer)[0])


def _address_6(name: str) -> tuple[IPv6Address, IPv6Address] | None:
    return next(iter(_addresses_6(name)), None)


def _addresses_6(name: str) -> list[tuple[IPv6Address, IPv6Address]]:
    """List the addresses of an interface with their masks, link-local ones last."""
    of_interface = [row for row in _rows(_IPV6_ADDRESSES) if row[5] == name]
    of_interface.sort(key=lambda row: row[3] != _GLOBAL_SCOPE)
    found: list[tuple[IPv6Address, IPv6Address]] = []
    for octets, index, prefix, *_ in of_interface:
        address = IPv6Address(bytes.fromhex(octets))
        if address.is_link_local:
            address = IPv6Address(f"{address}%{int(index, 16)}")
        found.append((address, IPv6Address(~((1 << 128 - int(prefix, 16)) - 1) & _ALL_ONES)))
    return found


def _default_interface_4() -> str:
    """Name the interface of the default route with the lowest metric."""
    defaults = [
        (int(row[6]), row[0])
        for row in _rows(_IPV4_ROUTES)[1:]
        if row[1] == row[7] == "00000000" and int(row[3], 16) & _ROUTE_UP
    ]
    return min(defaults, default=(0, ""))[1]


def _default_interface_6() -> str:
    defaults = [
        (int(row[5], 16), row[9])
        for row in _rows(_IPV6_ROUTES)
        if row[:2] == [_NOWHERE, "00"] and not int(row[8], 16) & _ROUTE_REJECT
    ]
    return min(defaults, default=(0, ""))[1]


def _rows(table: Path) -> list[list[str]]:
    try:
        return [line.split() for line in table.read_text(encoding="ascii").splitlines()]
    except OSError:
        return []
