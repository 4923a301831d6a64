"""Find the addresses that [General]:Listen-on stands for at this moment."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from isakmpd.wire.addresses import Address

DECIDES: Final = "[General]:Listen-on"
WILDCARDS: Final = (IPv4Address("0.0.0.0"), IPv6Address("::"))  # noqa: S104

# name, families -> every address of the interface
AddressesOf = Callable[[str, tuple[int, ...]], Iterable[Address]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Hold where to listen, and a sentence for each element that stands for nothing.

    ``listed`` are the addresses the file itself names, which this host may lack.
    """

    addresses: tuple[Address, ...]
    listed: frozenset[Address]
    complaints: tuple[str, ...]


def wanted(
    listen_on: Sequence[str], families: tuple[int, ...], addresses_of: AddressesOf
) -> Wanted:
    """Evaluate the elements: addresses, or interfaces with all theirs; () asks for every address.

    Families that are not spoken are passed over.
    """
    if not listen_on:
        everywhere = tuple(one for one in WILDCARDS if one.version in families)
        return Wanted(everywhere, frozenset(), ())
    found: dict[Address, None] = {}
    listed: set[Address] = set()
    complaints: list[str] = []
    for text in listen_on:
        address = _parsed(text)
        if address is not None:
            listed.add(address)
        addresses = addresses_of(text, families) if address is None else (address,)
        if not addresses:
            complaints.append(f"udp: {DECIDES}= {text}: no address, nor an interface with one")
        elif isinstance(address, IPv6Address) and address.is_link_local and not address.scope_id:
            complaints.append(
                f"udp: {DECIDES}= {text}: a link-local address takes its interface, such as"
                f" {address}%eth0"
            )
            continue
        found |= dict.fromkeys(one for one in addresses if one.version in families)
    return Wanted(tuple(found), frozenset(listed), tuple(complaints))


def numbered(address: Address) -> Address:
    """Write the interface of a link-local address by its index, as the kernel does.

    An interface that is not there stays as it is written.
    """
    scope = address.scope_id if isinstance(address, IPv6Address) else None
    if scope is None or scope.isdecimal():
        return address
    try:
        return IPv6Address(f"{str(address).partition('%')[0]}%{socket.if_nametoindex(scope)}")
    except OSError:
        return address


def _parsed(text: str) -> Address | None:
    try:
        return numbered(ip_address(text))
    except ValueError:
        return None
