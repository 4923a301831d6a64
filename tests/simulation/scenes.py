"""Set two simulated gateways up for a scene, and state the rules scenes share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from isakmpd.simulation.agreement import count_sas, disagreements, leftovers, snapshot
from isakmpd.simulation.gateways import Situation, place
from isakmpd.simulation.link import FAIR, Weather
from isakmpd.simulation.node import Node
from isakmpd.simulation.traffic import Conversation
from isakmpd.simulation.world import World

STORM = Weather(loss=1.0)


@dataclass
class Pair:
    """Hold two gateways and the world they live in."""

    world: World
    west: Node
    east: Node

    def __iter__(self) -> Iterator[Node]:
        yield from (self.west, self.east)

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.world.run(self.world.now + seconds)

    def lose_everything(self, seconds: float) -> None:
        """Cut the link for a while."""
        self.world.link.weather = STORM
        self.wait(seconds)
        self.world.link.weather = FAIR

    def lose_from(self, node: Node, seconds: float) -> None:
        """Lose for a while what a node sends."""
        node.mute = True
        self.wait(seconds)
        node.mute = False

    @property
    def up(self) -> bool:
        """Tell whether LAN packets have a tunnel at both ends."""
        return all(node.alive and node.stack.flows for node in self)

    def until_up(self, limit: float) -> float:
        """Wait until the connection is up; give the seconds it took, or more than ``limit``."""
        began = self.world.now
        while not self.up and self.world.now - began <= limit:
            self.wait(0.5)
        return self.world.now - began

    def lines(self, node: Node, words: str) -> list[str]:
        """List the lines of a node's log that hold ``words``."""
        return [line.text for line in node.log if words in line.text]


def two_gateways(
    seed: str,
    *,
    always_up: tuple[str, ...] = ("west",),
    weather: Weather = FAIR,
    situation: Situation = Situation.OPEN,
    east_tags: dict[str, str] | None = None,
    **tags: str,
) -> Pair:
    """Start west and east; ``tags`` are for both, ``east_tags`` for east alone."""
    world = World(seed, weather)

    def add(side: str, tags: dict[str, str]) -> Node:
        return place(world, side, tags, always_up=side in always_up, situation=situation)

    return Pair(world, add("west", tags), add("east", {**tags, **(east_tags or {})}))


def long_lived(seed: str, *, always_up: tuple[str, ...] = ("west",)) -> Pair:
    """Start two gateways in fair weather whose SAs live too long for lifetimes to matter."""
    return two_gateways(seed, always_up=always_up, phase_1="86400", phase_2="86400")


def talk(pair: Pair, interval: float, seconds: float) -> list[Conversation]:
    """Have both LANs send packets to each other for a while, and wait for them."""
    talks = [
        Conversation(pair.world, pair.west, pair.east, interval),
        Conversation(pair.world, pair.east, pair.west, interval),
    ]
    for one in talks:
        one.go_on(pair.world.now + seconds)
    pair.wait(seconds + 1)
    return talks


def assert_agreement(pair: Pair) -> None:
    """Both ends hold the same SAs with the same keys, and nothing beside them."""
    assert not disagreements(pair.west, pair.east)
    assert not [left for node in pair for left in leftovers(node)]


def assert_one_of_each(pair: Pair) -> None:
    """Each end holds one ISAKMP SA and one pair of ESP SAs, the same ones."""
    for node in pair:
        assert count_sas(node) == 1
        assert len(snapshot(node).isakmp_sas) == len(snapshot(node).ipsec_sas) == 1
    assert_agreement(pair)
