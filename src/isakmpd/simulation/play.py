"""Play a scenario, and judge how everybody comes out of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields, replace
from functools import partial

from isakmpd.ike import succession
from isakmpd.simulation.agreement import (
    count_sas,
    disagreements,
    down,
    exposed,
    leftovers,
    used_by_one_end,
    wanted,
    wanted_by_packets,
)
from isakmpd.simulation.cast import cast
from isakmpd.simulation.link import FAIR
from isakmpd.simulation.node import Node
from isakmpd.simulation.scenario import Event, Happening, Scenario, draw
from isakmpd.simulation.traffic import Conversation, misdelivered
from isakmpd.simulation.world import World

REST = 300  # seconds of fair weather
MAY_FLY = 2.0  # seconds a packet may be under way
GLANCE = 3  # seconds from one look at everybody to the next
CONVERGENCE = 120.0  # seconds after the last lost datagram
DUPLICATES_DIE_OUT = 200.0  # seconds after which nothing of an ended exchange is remembered
LINES_IN_A_MINUTE = 90  # with -v, where each SA makes two; more than that nobody reads
OVERLAP = succession.LINGER + succession.MARGIN  # seconds in which a rekeying is seen through


@dataclass(slots=True)
class Outcome:
    """Hold every way in which a scenario came out wrong, one sentence each."""

    scenario: Scenario
    disagreements: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    expensive: list[str] = field(default_factory=list)
    down: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    apart: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    in_clear: list[str] = field(default_factory=list)
    misdelivered: list[str] = field(default_factory=list)
    noise: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    wire_digest: str = ""
    lost: int = 0  # datagrams

    @property
    def faults(self) -> list[str]:
        """List everything wrong."""
        return [fault for name in PROPERTIES for fault in getattr(self, name)]


PROPERTIES = tuple(
    each.name
    for each in fields(Outcome)
    if each.name not in ("scenario", "log", "wire_digest", "lost")
)


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
    outcome.surplus, outcome.apart = play.rest()
    outcome.missing = play.missing()
    outcome.disagreements += play.disagreements("at rest")
    outcome.down += play.down()
    play.teardown()
    outcome.disagreements += play.disagreements("after teardown")
    outcome.in_clear = play.in_clear()
    play.end()
    outcome.leftovers += play.remains()
    outcome.expensive = play.expensive()
    outcome.misdelivered = [fault for node in play.nodes for fault in misdelivered(node)]
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
        self._cast = cast(self.world, scenario)
        self.nodes = self._cast.nodes

    def storm(self) -> None:
        for happening in self.scenario.happenings:
            self.world.at(happening.time, partial(self._happen, happening))
        for talk in self._cast.talks:
            talk.go_on(self.scenario.fair_from + 10_000)
        self.world.run(self.scenario.fair_from)

    def _happen(self, happening: Happening) -> None:
        node = self.world.nodes[happening.node]
        match happening.event:
            case Event.BOOT:
                if not node.alive:
                    node.boot()
            case Event.AWAKE:
                if node.asleep:
                    node.awake(happening.seconds)
            case Event.REBIND | Event.MOVE | Event.CUT | Event.MUTE | Event.DEAF | Event.HEAL:
                self._befall_its_path(node, happening.event)
            case _ if node.runs:
                _befall(node, happening)

    def _befall_its_path(self, node: Node, event: Event) -> None:
        nat = self.world.nats.get(node.name)
        match event:
            case Event.REBIND if nat is not None:
                nat.rebind()
            case Event.MOVE if nat is not None:
                nat.move()
            case Event.CUT | Event.MUTE | Event.DEAF | Event.HEAL:
                node.mute = event in (Event.CUT, Event.MUTE)
                node.deaf = event in (Event.CUT, Event.DEAF)

    def calm(self) -> None:
        """Let the weather turn fair and wait until both must agree."""
        weather = self.scenario.weather
        self.world.link.weather = replace(FAIR, delay=min(weather.delay, 0.05))
        last = max((self.world.link.last_loss or 0.0, self.scenario.fair_from))
        self.world.run(last + CONVERGENCE)

    def rest(self) -> tuple[list[str], list[str]]:
        """Let a good while pass in fair weather.

        Say where SAs pile up all the while, and where two ends use different ones for long.
        """
        fewest = {node.name: count_sas(node) for node in self.nodes}
        apart: Counter[str] = Counter()
        longest: Counter[str] = Counter()
        for _ in range(REST // GLANCE):
            self.world.run(self.world.now + GLANCE)
            for node in self.nodes:
                fewest[node.name] = min(fewest[node.name], count_sas(node))
            apart = Counter({pair: apart[pair] + GLANCE for pair in used_by_one_end(self.nodes)})
            longest |= apart
        return (
            [
                f"{name} never holds fewer than {number} SAs of each kind in {REST} s"
                for name, number in fewest.items()
                if number > self._cast.peers[name]
            ],
            [
                f"one end alone uses the pair {pair} for {seconds} s"
                for pair, seconds in longest.items()
                if seconds > OVERLAP
            ],
        )

    def missing(self) -> list[str]:
        """Say which packets did not arrive while all was well."""
        now = self.world.now
        return [
            f"{len(times)} packets from {talk.source.name} to {talk.destination.name} do not "
            f"arrive, the first of {times[0]:.1f} s"
            for talk in self._cast.talks
            if _is_wanted(talk) and (times := talk.missing(now - REST, now - MAY_FLY))
        ]

    def teardown(self) -> None:
        """Take the connections down at all ends, for good."""
        for node in self.nodes:
            for name in node.configuration.connections:
                node.teardown(name)
        self.world.run(self.world.now + 30)

    def end(self) -> None:
        """Let everybody leave; their engines go on only to show what they still hold."""
        for talk in self._cast.talks:
            talk.go_on(0.0)
        for node in self.nodes:
            node.engine.shutdown(node.now)
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
            f"{name} is down at {self.world.now:.0f} s at {node.name}, which wants it up"
            for node in self.nodes
            for name in down(node)
        ]

    def in_clear(self) -> list[str]:
        """Say who sent packets in clear of connections that are listed to be up."""
        return [
            f"{node.name} sends a packet of {name} in clear at {time:.0f} s"
            for node in self.nodes
            for time, name in exposed(node)
        ]

    def remains(self) -> list[str]:
        """Say what ended daemons still hold: nothing may be."""
        found = []
        for node in self.nodes:
            found += [f"{node.name}: {left} at the end" for left in leftovers(node)]
            deadline = node.engine.deadline()
            if deadline is not None:
                found.append(f"{node.name}: a timer is armed at the end, due {deadline:.0f}")
            stack = node.stack
            if stack.sas or stack.flows or stack.guards or len(stack.spis):
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


def _is_wanted(talk: Conversation) -> bool:
    """Tell whether an end wants all its connections up: so that the talk needs is among them."""
    return any(
        len(names) == len(node.configuration.connections)
        for node, names in (
            (talk.source, wanted_by_packets(talk.source)),
            (talk.source, wanted(talk.source)),
            (talk.destination, wanted(talk.destination)),
        )
    )


def _befall(node: Node, happening: Happening) -> None:
    """Have something happen to a daemon that runs."""
    match happening.event:
        case Event.CRASH:
            node.crash()
        case Event.LEAVE:
            node.leave()
        case Event.SLEEP:
            node.sleep()
        case Event.JUMP:
            node.jump(happening.seconds)
        case Event.TEARDOWN:
            for name in node.configuration.connections:
                node.teardown(name)
        case Event.ESTABLISH:
            for name in node.configuration.connections:
                node.establish(name)
        case Event.DELETE:
            for name in node.configuration.peers:
                node.teardown_peer(name)
