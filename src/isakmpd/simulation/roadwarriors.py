"""Place a server, two clients behind one NAT, a third behind another, and a peer without one."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from isakmpd.config.model import Configuration
from isakmpd.simulation.configurations import Peering, Tunnel, configuration
from isakmpd.simulation.nat import Nat
from isakmpd.simulation.node import Node
from isakmpd.simulation.world import World

SERVER = IPv4Address("192.0.2.1")
CARL = IPv4Address("203.0.113.7")
CLIENTS = {
    "anna": IPv4Address("192.168.1.10"),
    "bert": IPv4Address("192.168.1.11"),
    "dora": IPv4Address("192.168.1.10"),  # in another house: the same as anna's
    "carl": CARL,
}
HOUSES = {"anna": "one", "bert": "one", "dora": "other"}
OUTSIDE = {"one": IPv4Address("198.51.100.1"), "other": IPv4Address("198.51.100.129")}
BEHIND = IPv4Address("192.168.1.10")  # the server's, behind a NAT; anna has the same
L2TP_PORT = 1701
L2TP = {"protocol": "udp", "port": str(L2TP_PORT)}
LANS = {"server": "10.2.0", "anna": "10.1.1", "bert": "10.1.2", "carl": "10.1.3", "dora": "10.1.4"}


def place(
    world: World, tags: Mapping[str, str], *, behind: bool = False, l2tp: bool = False
) -> tuple[Node, ...]:
    """Start everybody, the server first; ``world.nats`` knows a NAT by whoever is behind it.

    ``behind`` puts the server behind a NAT that lets everybody reach its ports; with ``l2tp`` the
    hosts themselves speak UDP on port 1701 in transport mode, rather than networks to each other.
    """
    address = BEHIND if behind else SERVER
    nat = Nat(SERVER) if behind else None
    if nat is not None:
        nat.forward(500, BEHIND)
        nat.forward(4500, BEHIND)
    server = world.add(
        "server",
        address,
        _server(tags, str(address) if l2tp else None),
        host=address if l2tp else _host("server"),
        nat=nat,
    )
    nats = {house: Nat(outside) for house, outside in OUTSIDE.items()}
    clients = [
        world.add(
            name,
            address,
            _client(name, tags, l2tp=l2tp),
            host=address if l2tp else _host(name),
            nat=nats[HOUSES[name]] if name in HOUSES else None,
        )
        for name, address in CLIENTS.items()
    ]
    return server, *clients


def _server(tags: Mapping[str, str], l2tp: str | None) -> Configuration:
    """Await whoever comes as the Default peer, and carl by his address."""
    peers = [Peering("anybody", None), Peering("carl", CARL)]
    if l2tp is not None:
        tunnels = [
            Tunnel("l2tp", "anybody", l2tp, None, always_up=False, **L2TP),
            Tunnel("l2tp-carl", "carl", l2tp, str(CARL), always_up=False, **L2TP),
        ]
        return configuration("server", peers, tunnels, tags)
    tunnels = [
        Tunnel(
            f"lan-{name}",
            "carl" if name == "carl" else "anybody",
            _network("server"),
            _network(name),
            always_up=name == "carl",
        )
        for name in CLIENTS
    ]
    return configuration("server", peers, tunnels, tags)


def _client(name: str, tags: Mapping[str, str], *, l2tp: bool) -> Configuration:
    if l2tp:
        own = str(CLIENTS[name])
        tunnel = Tunnel("l2tp", "server", own, str(SERVER), always_up=True, **L2TP)
    else:
        tunnel = Tunnel("lan", "server", _network(name), _network("server"), always_up=True)
    return configuration(name, [Peering("server", SERVER)], [tunnel], tags)


def _network(name: str) -> str:
    return f"{LANS[name]}.0/255.255.255.0"


def _host(name: str) -> IPv4Address:
    return IPv4Address(f"{LANS[name]}.7")
