"""Draw what two gateways go through by seed, play it, and judge how they come out of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from functools import partial
from typing import TypeVar

from isakmpd.ike.entropy import Entropy, SeededEntropy, fraction
from isakmpd.simulation.agreement import count_sas, disagreements, leftovers
from isakmpd.simulation.gateways import ADDRESSES, gateway
from isakmpd.simulation.link import FAIR, Weather
from isakmpd.simulation.node import Node
from isakmpd.simulation.traffic import Conversation
from isakmpd.simulation.world import World

T = TypeVar("T")

REST = 600  # seconds of fair weather
CONVERGENCE = 180.0  # seconds after the last lost datagram
DUPLICATES_DIE_OUT = 200.0  # seconds after which nothing of an ended exchange is remembered
LINES_IN_A_MINUTE = 60  # more than that nobody reads
SIDES = ("west", "east")


class Event(Enum):
    """Name what can happen to a gateway."""

    CRASH = "crashes"
    LEAVE = "leaves"
    BOOT = "boots"
    TEARDOWN = "is told to take the connection down"
    ESTABLISH = "is told to bring the connection up"
    DELETE = "is told to delete its ISAKMP SAs"


_EVENTS = (Event.CRASH, Event.CRASH, Event.LEAVE, Event.TEARDOWN, Event.ESTABLISH, Event.DELETE)


@dataclass(frozen=True, slots=True)
class Happening:
    """Have an event happen to a side at a moment."""

    time: float
    side: str
    event: Event

    def __str__(self) -> str:
        return f"at {self.time:.0f} s {self.side} {self.event.value}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Say who wants the connection up, how, in what weather, and what happens; times in seconds."""

    seed: str
    always_up: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    weather: Weather
    fair_from: float
    happenings: tuple[Happening, ...]
    chatter: float  # between packets of the LANs, 0 for silence

    def __str__(self) -> str:
        happenings = "; ".join(map(str, self.happenings)) or "nothing happens"
        return (
            f"seed {self.seed}: {' and '.join(self.always_up)} always up, {dict(self.tags)}, "
            f"{self.weather} until {self.fair_from:.0f} s, chatter {self.chatter}; {happenings}"
        )


@dataclass(slots=True)
class Outcome:
    """Hold every way in which a scenario came out wrong, one sentence each."""

    scenario: Scenario
    disagreements: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    expensive: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    wire_digest: str = ""
    lost: int = 0  # datagrams

    @property
    def faults(self) -> list[str]:
        """List everything wrong."""
        return [
            *self.disagreements,
            *self.leftovers,
            *self.expensive,
            *self.down,
            *self.surplus,
            *self.noise,
        ]


class _Draw:
    """Draw values by seed."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy

    def number(self, least: float, most: float) -> float:
        return least + (most - least) * fraction(self._entropy)

    def one(self, values: Sequence[T]) -> T:
        return values[int(fraction(self._entropy) * len(values))]

    def chance(self, share: float) -> bool:
        return fraction(self._entropy) < share


def draw(seed: str) -> Scenario:
    """Draw a scenario; the same seed gives the same one."""
    one = _Draw(SeededEntropy(f"{seed}/scenario"))
    fair_from = one.number(30, 400)
    return Scenario(
        seed,
        always_up=one.one((("west",), ("east",), ("west", "east"), ("west", "east"))),
        tags=tuple(sorted(_tags(one).items())),
        weather=_weather(one),
        fair_from=fair_from,
        happenings=_happenings(one, fair_from),
        chatter=one.one((0.0, 0.0, 3.0, 0.5)),
    )


def _tags(one: _Draw) -> dict[str, str]:
    pfs = "-PFS-GRP1" if one.chance(0.5) else ""
    suite = one.one(("AES-128-SHA", "AES-256-SHA2-256", "3DES-MD5", "AESGCM-128"))
    # Lifetimes are short enough for several rekeyings in the storm, or so long that what goes
    # cannot have gone by them.
    short = one.chance(0.4)
    return {
        "transforms": one.one(("AES-128-SHA-GRP1", "3DES-MD5-GRP1", "AES-256-SHA2-256-GRP1")),
        "suites": f"QM-ESP-{suite}{pfs}-SUITE",
        "retransmits": one.one(("2", "3", "4")),
        "dpd": one.one(("5", "10", "15")),
        "phase_1": one.one(("90", "150", "300")) if short else "86400",
        "phase_2": one.one(("60", "100", "200")) if short else "86400",
    }


def _weather(one: _Draw) -> Weather:
    return Weather(
        loss=one.number(0, 0.4),
        duplication=one.one((0.0, 0.1, 0.3)),
        delay=one.one((0.005, 0.05, 0.3)),
        jitter=one.one((0.0, 0.1, 2.0, 10.0)),
    )


def _happenings(one: _Draw, fair_from: float) -> tuple[Happening, ...]:
    """Draw what happens; who stops starts again before the weather turns fair."""
    found = []
    for _ in range(one.one((0, 0, 1, 1, 2, 3))):
        time, side = one.number(0, fair_from), one.one(SIDES)
        event = one.one(_EVENTS)
        found.append(Happening(time, side, event))
        if event in (Event.CRASH, Event.LEAVE):
            back = min(fair_from, time + one.number(0, 120))
            found.append(Happening(back, side, Event.BOOT))
    return tuple(sorted(found, key=lambda happening: happening.time))


def play_seed(seed: str) -> Outcome:
    """Draw a scenario and play it, in whatever process."""
    return play(draw(seed))


def play(scenario: Scenario) -> Outcome:
    """Play a scenario to its end and judge it."""
    outcome = Outcome(scenario)
    play = _Play(scenario)
    play.storm()
    play.calm()
    outcome.disagreements = play.disagreements("after the storm")
    outcome.leftovers = play.leftovers("after the storm")
    outcome.down = play.down()
    outcome.surplus = play.rest()
    outcome.disagreements += play.disagreements("at rest")
    outcome.down += play.down()
    play.teardown()
    outcome.disagreements += play.disagreements("after teardown")
    play.end()
    outcome.leftovers += play.remains()
    outcome.expensive = play.expensive()
    outcome.noise = play.noise()
    outcome.log = play.log()
    outcome.wire_digest = play.world.wire_digest
    outcome.lost = play.world.link.lost
    return outcome


class _Play:
    """Be one performance."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.world = World(scenario.seed, scenario.weather)
        self.nodes = [self._add(side) for side in SIDES]
        west, east = self.nodes
        self._talks = [
            Conversation(self.world, one, other, scenario.chatter)
            for one, other in ((west, east), (east, west))
            if scenario.chatter
        ]

    def _add(self, side: str) -> Node:
        always_up = side in self.scenario.always_up
        tags = dict(self.scenario.tags)
        return self.world.add(side, ADDRESSES[side], gateway(side, always_up=always_up, **tags))

    def storm(self) -> None:
        for happening in self.scenario.happenings:
            self.world.at(happening.time, partial(self._happen, happening))
        for talk in self._talks:
            talk.go_on(self.scenario.fair_from + 10_000)
        self.world.run(self.scenario.fair_from)

    def _happen(self, happening: Happening) -> None:
        node = self.world.nodes[happening.side]
        match happening.event:
            case Event.BOOT:
                if not node.alive:
                    node.boot()
            case Event.CRASH if node.alive:
                node.crash()
            case Event.LEAVE if node.alive:
                node.leave()
            case Event.TEARDOWN if node.alive:
                node.teardown("lan")
            case Event.ESTABLISH if node.alive:
                node.establish("lan")
            case Event.DELETE if node.alive:
                node.teardown_peer("peer")

    def calm(self) -> None:
        """Let the weather turn fair and wait until both must agree."""
        weather = self.scenario.weather
        self.world.link.weather = replace(FAIR, delay=min(weather.delay, 0.05))
        last = max((self.world.link.last_loss or 0.0, self.scenario.fair_from))
        self.world.run(last + CONVERGENCE)

    def rest(self) -> list[str]:
        """Let a good while pass in fair weather; say where SAs pile up all the while."""
        fewest = {node.name: count_sas(node) for node in self.nodes}
        for _ in range(REST):
            self.world.run(self.world.now + 1)
            for node in self.nodes:
                fewest[node.name] = min(fewest[node.name], count_sas(node))
        return [
            f"{name} never holds fewer than {number} SAs of each kind in {REST} s"
            for name, number in fewest.items()
            if number > 1
        ]

    def teardown(self) -> None:
        """Take the connection down at both ends, for good."""
        for talk in self._talks:
            talk.go_on(0.0)
        for node in self.nodes:
            node.teardown("lan")
        self.world.run(self.world.now + 30)

    def end(self) -> None:
        """Let both gateways leave; their engines go on only to show what they still hold."""
        for node in self.nodes:
            node.engine.shutdown(self.world.now)
            node.settle()
        self.world.run(self.world.now + DUPLICATES_DIE_OUT)

    def disagreements(self, when: str) -> list[str]:
        self._become_quiet()
        return [f"{fault} {when}" for fault in disagreements(*self.nodes)]

    def leftovers(self, when: str) -> list[str]:
        self._become_quiet()
        return [f"{node.name}: {left} {when}" for node in self.nodes for left in leftovers(node)]

    def _become_quiet(self) -> None:
        """Let an exchange under way at this moment end: it is nobody's fault that it runs."""
        for _ in range(100):
            if not self.world.flying and not any(node.busy for node in self.nodes):
                return
            self.world.run(self.world.now + 0.1)

    def down(self) -> list[str]:
        """Say where a connection that is to be up is not, in fair weather."""
        return [
            f"the connection is down at {self.world.now:.0f} s at {node.name}, which wants it up"
            for node in self.nodes
            if node.engine.wants("lan") and not node.stack.flows
        ]

    def remains(self) -> list[str]:
        """Say what ended daemons still hold: nothing may be."""
        found = []
        for node in self.nodes:
            found += [f"{node.name}: {left} at the end" for left in leftovers(node)]
            deadline = node.engine.deadline()
            if deadline is not None:
                found.append(f"{node.name}: a timer is armed at the end, due {deadline:.0f}")
            if node.stack.sas or node.stack.flows or len(node.stack.spis):
                found.append(f"{node.name}: the stack is not empty at the end")
        return found

    def expensive(self) -> list[str]:
        limit = 3 * int(dict(self.scenario.tags)["retransmits"]) + 6
        return [
            f"{node.name} sent one message of {message} {number} times, {limit} are allowed"
            for node in self.nodes
            for message, number in node.sent.items()
            if number > limit
        ]

    def noise(self) -> list[str]:
        """Say where a log has more lines in a minute than anyone reads."""
        found = []
        for node in self.nodes:
            times = [line.time for line in node.log]
            for index, time in enumerate(times[LINES_IN_A_MINUTE:]):
                if time - times[index] < 60:
                    found.append(f"{node.name} logs over {LINES_IN_A_MINUTE} lines by {time:.0f} s")
                    break
        return found

    def log(self) -> list[str]:
        lines = [line for node in self.nodes for line in node.log]
        return [str(line) for line in sorted(lines, key=lambda line: line.time)]
