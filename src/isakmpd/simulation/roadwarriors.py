"""Place a server, two clients behind one NAT and a peer with an address of its own."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address

from isakmpd.config.model import Configuration
from isakmpd.simulation.configurations import Peering, Tunnel, configuration
from isakmpd.simulation.nat import Nat
from isakmpd.simulation.node import Node
from isakmpd.simulation.world import World

SERVER = IPv4Address("192.0.2.1")
HOME = IPv4Address("198.51.100.1")  # the NAT of anna and bert
CARL = IPv4Address("203.0.113.7")
CLIENTS = {
    "anna": IPv4Address("192.168.1.10"),
    "bert": IPv4Address("192.168.1.11"),
    "carl": CARL,
}
AT_HOME = ("anna", "bert")
LANS = {"server": "10.2.0", "anna": "10.1.1", "bert": "10.1.2", "carl": "10.1.3"}


def place(world: World, tags: Mapping[str, str]) -> tuple[Node, ...]:
    """Start everybody, the server first; ``world.nats`` knows the clients' NAT by either name."""
    server = world.add("server", SERVER, _server(tags), host=_host("server"))
    home = Nat(HOME)
    clients = [
        world.add(
            name,
            address,
            _client(name, tags),
            host=_host(name),
            nat=home if name in AT_HOME else None,
        )
        for name, address in CLIENTS.items()
    ]
    return server, *clients


def _server(tags: Mapping[str, str]) -> Configuration:
    """Await whoever comes as the Default peer, and carl by his address."""
    peers = [Peering("anybody", None), Peering("carl", CARL)]
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


def _client(name: str, tags: Mapping[str, str]) -> Configuration:
    tunnel = Tunnel("lan", "server", _network(name), _network("server"), always_up=True)
    return configuration(name, [Peering("server", SERVER)], [tunnel], tags)


def _network(name: str) -> str:
    return f"{LANS[name]}.0/255.255.255.0"


def _host(name: str) -> IPv4Address:
    return IPv4Address(f"{LANS[name]}.7")
