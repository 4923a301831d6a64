"""Place two gateways, west and east, with a LAN behind each, and perhaps a NAT before them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from ipaddress import IPv4Address

from isakmpd.config.model import Configuration
from isakmpd.simulation.configurations import Peering, Tunnel, configuration
from isakmpd.simulation.nat import Nat
from isakmpd.simulation.node import Node
from isakmpd.simulation.world import World
from isakmpd.wire.addresses import Address

WEST = IPv4Address("192.0.2.1")
EAST = IPv4Address("192.0.2.2")
ADDRESSES = {"west": WEST, "east": EAST}  # under which each is reached
HOSTS = {"west": IPv4Address("10.1.0.7"), "east": IPv4Address("10.2.0.7")}
BEHIND = IPv4Address("192.168.1.2")  # the address inside a NAT, the same on both sides
_LANS = {"west": "10.1.0.0", "east": "10.2.0.0"}
_OTHER = {"west": "east", "east": "west"}


class Situation(Enum):
    """Tell who is behind a NAT; east's lets everybody reach ports 500 and 4500."""

    OPEN = ()
    WEST = ("west",)
    EAST = ("east",)
    BOTH = ("west", "east")

    def __str__(self) -> str:
        behind = " and ".join(self.value) or "nobody"
        return f"{behind} behind a NAT"


def gateway(
    side: str, tags: Mapping[str, str], *, always_up: bool, situation: Situation = Situation.OPEN
) -> Configuration:
    """Configure ``west`` or ``east``; ``tags`` replace the template's values.

    ``local_net`` and ``remote_net`` are networks of 256 addresses; empty, the tunnel is between
    the gateways themselves. Who cannot know where its peer is awaits it as the Default peer.
    """
    other = _OTHER[side]
    unknown = other == "west" and other in situation.value
    local = tags.get("local_net", _LANS[side])
    remote = tags.get("remote_net", _LANS[other])
    tunnel = Tunnel("lan", "peer", _network(local), _network(remote), always_up and not unknown)
    peer = Peering("peer", None if unknown else ADDRESSES[other])
    return configuration(side, [peer], [tunnel], tags)


def _network(address: str) -> str | None:
    return f"{address}/255.255.255.0" if address else None


def place(
    world: World,
    side: str,
    tags: Mapping[str, str],
    *,
    always_up: bool,
    situation: Situation = Situation.OPEN,
) -> Node:
    """Start a gateway where the situation has it; its NAT becomes ``world.nats[side]``."""
    found = gateway(side, tags, always_up=always_up, situation=situation)
    address = BEHIND if side in situation.value else ADDRESSES[side]
    host = HOSTS[side] if tags.get("local_net", _LANS[side]) else address
    nat = Nat(ADDRESSES[side]) if side in situation.value else None
    if nat is not None and side == "east":
        nat.forward(500, BEHIND)
        nat.forward(4500, BEHIND)
    return world.add(side, address, found, host=host, nat=nat)


def reached(node: Node) -> Address:
    """Tell under which address the others find a node's host."""
    return ADDRESSES[node.name] if node.host == node.address else node.host
