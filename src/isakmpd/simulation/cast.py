"""Start the hosts of a scenario, and the conversations between them."""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.simulation import gateways, roadwarriors
from isakmpd.simulation.node import Node
from isakmpd.simulation.scenario import Scenario
from isakmpd.simulation.traffic import Conversation, Ports, answering
from isakmpd.simulation.world import World


@dataclass(frozen=True, slots=True)
class Cast:
    """Hold who plays."""

    nodes: tuple[Node, ...]
    talks: tuple[Conversation, ...] = ()
    peers: dict[str, int] = field(default_factory=dict)  # how many each node has


def cast(world: World, scenario: Scenario) -> Cast:
    """Start everybody."""
    found = _roadwarriors(world, scenario) if scenario.roadwarriors else _gateways(world, scenario)
    for nat in world.nats.values():
        nat.timeout = scenario.nat_timeout
    return found


def _gateways(world: World, scenario: Scenario) -> Cast:
    west, east = (
        gateways.place(
            world,
            side,
            dict(scenario.tags),
            always_up=side in scenario.always_up,
            situation=scenario.situation,
        )
        for side in ("west", "east")
    )
    talks = tuple(
        Conversation(world, one, other, scenario.chatter, address=gateways.reached(other))
        for one, other in ((west, east), (east, west))
        if scenario.chatter
    )
    return Cast((west, east), talks, {"west": 1, "east": 1})


def _roadwarriors(world: World, scenario: Scenario) -> Cast:
    tags = dict(scenario.tags)
    behind = "east" in scenario.situation.value
    l2tp = "local_net" in tags
    server, *clients = roadwarriors.place(world, tags, behind=behind, l2tp=l2tp)
    peers = {server.name: len(clients), **{client.name: 1 for client in clients}}
    talk = _dial_in if l2tp else _between_networks
    return Cast((server, *clients), talk(world, server, clients, scenario.chatter), peers)


def _between_networks(
    world: World, server: Node, clients: list[Node], chatter: float
) -> tuple[Conversation, ...]:
    return tuple(
        Conversation(world, one, other, chatter)
        for client in clients
        for one, other in ((client, server), (server, client))
        if chatter
    )


def _dial_in(
    world: World, server: Node, clients: list[Node], chatter: float
) -> tuple[Conversation, ...]:
    """Have clients speak to a server that answers whoever speaks to it."""
    answering(server, clients)
    ports = Ports(roadwarriors.L2TP_PORT, roadwarriors.L2TP_PORT)
    return tuple(
        Conversation(world, client, server, chatter, address=roadwarriors.SERVER, ports=ports)
        for client in clients
    )
