"""Cables between namespaces, and what can go wrong on them."""

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from lab.namespace import Namespace

_counter = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Port:
    """One end of a cable: a device of a namespace and its addresses with prefix length."""

    namespace: Namespace
    device: str
    addresses: tuple[str, ...]


def connect(one: Port, other: Port) -> None:
    """Join two ports by a cable (a veth pair) that carries nothing of its own accord.

    A port without an IPv6 address speaks no IPv6: no neighbour discovery, no multicast reports.
    """
    one.namespace.ip(
        *("link", "add", "name", one.device, "type", "veth"),
        *("peer", "name", other.device, "netns", other.namespace.name),
    )
    for port in (one, other):
        if not any(":" in address for address in port.addresses):
            port.namespace.silence_ipv6(port.device)
        port.namespace.ip("link", "set", "dev", port.device, "addrgenmode", "none", "up")
        for address in port.addresses:
            port.namespace.address(address, port.device)


@contextlib.contextmanager
def loss(namespace: Namespace, percent: int, match: str = "") -> Iterator[None]:
    """Lose a percentage of what arrives at a namespace and meets an nftables match.

    A match is for example `iifname wan` or `udp dport 500`; 100 percent cuts the line.
    """
    table = f"loss{next(_counter)}"
    # nft refuses a comparison that is always true.
    chance = f"numgen random mod 100 < {percent}" if percent < 100 else ""
    script = (
        f"table inet {table} {{\n chain arriving {{\n"
        "  type filter hook prerouting priority -300; policy accept;\n"
        f"  {match} {chance} counter drop\n }}\n}}\n"
    )
    namespace.run("nft", "-f", "-", stdin=script)
    try:
        yield
    finally:
        namespace.run("nft", "delete", "table", "inet", table)
