"""Tell apart the clients behind one NAT that use the same ports in transport mode.

RFC 3948 section 5.2: to the host, all of them have the NAT's address. Two that speak from the same
port would be one to it, so all but the first get a source port of their own on the way in, and
what answers that port finds its way back.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, field
from itertools import chain
from typing import NamedTuple

from isakmpd.ike.ipsec import Selector
from isakmpd.wire.addresses import Address

FIRST_PORT, LAST_PORT = 49152, 65535  # RFC 6335: dynamic ports
MOST_PORTS = 1024  # of one client, beside those its selectors name


class Place(NamedTuple):
    """Name where a client's ESP comes from: the NAT's address, and its UDP port, 0 without UDP."""

    address: Address
    port: int


@dataclass(slots=True, eq=False)
class Client:
    """One client: where it is, and which of its ports the host sees as which."""

    neighbours: Neighbours
    place: Place
    users: int = 0
    ports: dict[tuple[int, int], int] = field(default_factory=dict)
    named: Counter[tuple[int, int]] = field(default_factory=Counter)  # by how many selectors

    @property
    def translated(self) -> bool:
        """Tell whether its packets may need another port than they have."""
        return bool(self.ports) or len(self.neighbours.clients) > 1


@dataclass(slots=True, eq=False)
class Neighbours:
    """All clients that the host sees at one address, the earliest first."""

    address: int
    clients: list[Client] = field(default_factory=list)
    owners: dict[tuple[int, int], tuple[Client, int]] = field(default_factory=dict)
    next_port: int = FIRST_PORT


class ClientPorts:
    """Keep the clients of all addresses; each lives as long as an SA that has entered it."""

    def __init__(self) -> None:
        self._neighbours: dict[int, Neighbours] = {}

    def enter(self, address: Address, place: Place, selector: Selector) -> Client:
        """Give the client at a place, which the host sees at ``address``, to one SA more."""
        neighbours = self._neighbours.setdefault(int(address), Neighbours(int(address)))
        client = next((one for one in neighbours.clients if one.place == place), None)
        if client is None:
            client = Client(neighbours, place)
            neighbours.clients.append(client)
        client.users += 1
        if selector.protocol and selector.remote_port:
            client.named[selector.protocol, selector.remote_port] += 1
            with contextlib.suppress(LookupError):
                seen_port(client, selector.protocol, selector.remote_port)
        return client

    def leave(self, client: Client, selector: Selector) -> None:
        """Take a client from an SA; with its last one, the ports are free again."""
        client.users -= 1
        if client.users:
            if selector.protocol and selector.remote_port:
                client.named -= Counter([(selector.protocol, selector.remote_port)])
            return
        neighbours = client.neighbours
        neighbours.clients.remove(client)
        for (protocol, _), port in client.ports.items():
            del neighbours.owners[protocol, port]
        if not neighbours.clients:
            del self._neighbours[neighbours.address]

    def owner(self, address: int, protocol: int, port: int) -> tuple[Client, int] | None:
        """Tell whose port the host sees at ``address``, and which one it is to the client."""
        neighbours = self._neighbours.get(address)
        return neighbours.owners.get((protocol, port)) if neighbours is not None else None

    def __bool__(self) -> bool:
        return bool(self._neighbours)


def seen_port(client: Client, protocol: int, port: int) -> int:
    """Give the port under which the host sees a client's; raises LookupError when all are taken.

    The earliest client keeps its own ports where it can.
    """
    seen = client.ports.get((protocol, port))
    if seen is not None:
        return seen
    owners = client.neighbours.owners
    earliest = client.neighbours.clients[0] is client
    if earliest and (protocol, port) not in owners:
        seen = port
    else:
        seen = _unused_port(client.neighbours, protocol)
    while len(client.ports) >= MOST_PORTS + len(client.named):
        _give_up_oldest(client)
    client.ports[protocol, port] = seen
    owners[protocol, seen] = (client, port)
    return seen


def _unused_port(neighbours: Neighbours, protocol: int) -> int:
    """Choose the port that has been unused for longest, as far as that is known."""
    start = neighbours.next_port
    for port in chain(range(start, LAST_PORT + 1), range(FIRST_PORT, start)):
        if (protocol, port) not in neighbours.owners:
            neighbours.next_port = port + 1 if port < LAST_PORT else FIRST_PORT
            return port
    raise LookupError(f"all of the ports {FIRST_PORT} to {LAST_PORT} are taken")


def _give_up_oldest(client: Client) -> None:
    oldest = next(port for port in client.ports if port not in client.named)
    del client.neighbours.owners[oldest[0], client.ports.pop(oldest)]
