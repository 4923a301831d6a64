"""Start the hosts of a scenario, and the conversations between them."""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.simulation import gateways, roadwarriors
from isakmpd.simulation.node import Node
from isakmpd.simulation.scenario import Scenario
from isakmpd.simulation.traffic import Conversation
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
    server, *clients = roadwarriors.place(world, dict(scenario.tags))
    talks = tuple(
        Conversation(world, one, other, scenario.chatter)
        for client in clients
        for one, other in ((client, server), (server, client))
        if scenario.chatter
    )
    peers = {server.name: len(clients), **{client.name: 1 for client in clients}}
    return Cast((server, *clients), talks, peers)
