"""Draw by seed what simulated hosts go through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeVar

from isakmpd.ike.entropy import Entropy, SeededEntropy, fraction
from isakmpd.simulation.gateways import Situation
from isakmpd.simulation.link import Weather

T = TypeVar("T")


class Event(Enum):
    """Name what can happen to a node."""

    CRASH = "crashes"
    LEAVE = "leaves"
    BOOT = "boots"
    TEARDOWN = "is told to take its connections down"
    ESTABLISH = "is told to bring its connections up"
    DELETE = "is told to delete its ISAKMP SAs"
    REBIND = "gets other ports from its NAT"
    MOVE = "gets another address from its NAT"
    JUMP = "has its clock leap forward"
    SLEEP = "is suspended"
    AWAKE = "goes on"
    CUT = "is cut off"
    MUTE = "is no longer heard"
    DEAF = "hears nothing"
    HEAL = "is connected again"


# What ends what an event begins.
END = {
    Event.CRASH: Event.BOOT,
    Event.LEAVE: Event.BOOT,
    Event.SLEEP: Event.AWAKE,
    Event.CUT: Event.HEAL,
    Event.MUTE: Event.HEAL,
    Event.DEAF: Event.HEAL,
}
FAULTS = (Event.CRASH, Event.CRASH, Event.LEAVE, Event.TEARDOWN, Event.ESTABLISH, Event.DELETE)


@dataclass(frozen=True, slots=True)
class Happening:
    """Have an event happen to a node at a moment; ``seconds`` say by how much."""

    time: float
    node: str
    event: Event
    seconds: float = 0.0

    def __str__(self) -> str:
        by = f" by {self.seconds:.0f} s" if self.seconds else ""
        return f"at {self.time:.0f} s {self.node} {self.event.value}{by}"


@dataclass(frozen=True, slots=True)
class Scenario:
    """Say who wants the connection up, how, in what weather, and what happens; times in seconds."""

    seed: str
    roadwarriors: bool
    situation: Situation
    nat_timeout: float
    always_up: tuple[str, ...]
    tags: tuple[tuple[str, str], ...]
    weather: Weather
    fair_from: float
    happenings: tuple[Happening, ...]
    chatter: float  # between packets of the hosts, 0 for silence

    def __str__(self) -> str:
        happenings = "; ".join(map(str, self.happenings)) or "nothing happens"
        return (
            f"seed {self.seed}: {' and '.join(self.always_up)} always up, {self.situation}, "
            f"{dict(self.tags)}, {self.weather} until {self.fair_from:.0f} s, "
            f"chatter {self.chatter}; {happenings}"
        )


_TUNNELS = ("ESP-AES-128-SHA", "ESP-AES-256-SHA2-256", "ESP-3DES-MD5", "ESP-AESGCM-128")


_TRANSPORTS = ("ESP-TRP-AES-128-SHA", "ESP-TRP-3DES-MD5", "ESP-TRP-AESGCM-128")
_COMPRESSION = """\
[DEFLATED]
PROTOCOL_ID= IPCOMP
Transforms= DEFLATE-XF

[DEFLATE-XF]
TRANSFORM_ID= DEFLATE
ENCAPSULATION_MODE= TUNNEL
"""
# The protocols of suites nobody generates, in order of application.
_BUNDLES = {
    "ESP-AH": "QM-ESP-AES-128-SHA{pfs},QM-AH-SHA{pfs}",
    "COMPRESSED": "DEFLATED,QM-ESP-AES-128-SHA{pfs}",
    "COMPRESSED-ESP-AH": "DEFLATED,QM-ESP-3DES-MD5{pfs},QM-AH-MD5{pfs}",
}


@dataclass(frozen=True, slots=True)
class Family:
    """Bound what the scenarios of one family are drawn from."""

    events: tuple[Event, ...] = FAULTS
    exchanges: tuple[str, ...] = ("ID_PROT",)
    situations: tuple[Situation, ...] = (Situation.OPEN,)
    nat_timeouts: tuple[float, ...] = (60.0,)
    suites: tuple[str, ...] = _TUNNELS
    between_hosts: bool = False  # rather than networks
    on_demand: bool = False
    roadwarriors: bool = False
    chatters: tuple[float, ...] = (0.0, 0.0, 3.0, 0.5)


BOTH = ("ID_PROT", "AGGRESSIVE")
_BEHIND_NATS = (Situation.WEST, Situation.WEST, Situation.EAST, Situation.BOTH)
_PARTITIONS = (Event.CUT, Event.CUT, Event.MUTE, Event.DEAF)
FAMILIES = {
    "storm": Family(),
    "aggressive": Family(exchanges=("AGGRESSIVE",), situations=(Situation.OPEN, *_BEHIND_NATS)),
    "nat": Family(
        exchanges=BOTH,
        events=(*FAULTS, *(Event.REBIND, Event.MOVE) * 3),
        situations=_BEHIND_NATS,
        nat_timeouts=(30.0, 60.0, 300.0),
    ),
    "clock": Family(events=(*FAULTS, *(Event.JUMP, Event.SLEEP) * 3)),
    "partition": Family(events=(*FAULTS, *_PARTITIONS * 2)),
    "roadwarriors": Family(
        exchanges=BOTH,
        events=(*FAULTS, Event.REBIND, Event.MOVE, *_PARTITIONS),
        nat_timeouts=(30.0, 60.0, 300.0),
        situations=(Situation.OPEN, Situation.EAST),
        roadwarriors=True,
        chatters=(0.0, 10.0, 3.0),
    ),
    "l2tp": Family(
        events=(*FAULTS, Event.REBIND, Event.MOVE),
        exchanges=BOTH,
        situations=(Situation.OPEN, Situation.EAST),
        nat_timeouts=(30.0, 60.0, 300.0),
        suites=_TRANSPORTS,
        between_hosts=True,
        roadwarriors=True,
        chatters=(10.0, 2.0),
    ),
    "hosts": Family(
        events=(*FAULTS, Event.REBIND),
        exchanges=BOTH,
        situations=(Situation.OPEN, *_BEHIND_NATS),
        suites=_TRANSPORTS,
        between_hosts=True,
    ),
    "bundles": Family(suites=("AH-SHA", "AH-MD5", *_BUNDLES)),
    "demand": Family(
        events=(*FAULTS, *_PARTITIONS),
        situations=(Situation.OPEN, *_BEHIND_NATS),
        on_demand=True,
        chatters=(0.5, 3.0, 40.0),
    ),
}
DEFAULT_FAMILY = "storm"


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
    """Draw a scenario; the same seed gives the same one.

    A seed is a number behind its family's name and a slash; a bare number is of ``storm``.
    """
    name = seed.rpartition("/")[0] or DEFAULT_FAMILY
    family = FAMILIES[name]
    one = _Draw(SeededEntropy(f"{seed}/scenario"))
    fair_from = one.number(30, 400)
    situation = one.one(family.situations)
    return Scenario(
        seed,
        family.roadwarriors,
        situation,
        one.one(family.nat_timeouts),
        always_up=_always_up(one, situation),
        tags=tuple(sorted(_tags(one, family).items())),
        weather=_weather(one),
        fair_from=fair_from,
        happenings=_happenings(one, family, fair_from),
        chatter=one.one(family.chatters),
    )


def _always_up(one: _Draw, situation: Situation) -> tuple[str, ...]:
    """Draw who wants the connection up; whom a NAT hides must begin."""
    if "west" in situation.value:
        return ("west",)
    return one.one((("west",), ("east",), ("west", "east"), ("west", "east")))


def _tags(one: _Draw, family: Family) -> dict[str, str]:
    pfs = "-PFS-GRP1" if one.chance(0.5) else ""
    # Lifetimes are short enough for several rekeyings in the storm, or so long that what goes
    # cannot have gone by them.
    short = one.chance(0.4)
    return {
        "exchange": one.one(family.exchanges),
        "transforms": one.one(("AES-128-SHA-GRP1", "3DES-MD5-GRP1", "AES-256-SHA2-256-GRP1")),
        **_suite(one.one(family.suites), pfs),
        "retransmits": one.one(("2", "3", "4")),
        "dpd": one.one(("5", "10", "15")),
        "phase_1": one.one(("90", "150", "300")) if short else "86400",
        "phase_2": one.one(("60", "100", "200")) if short else "86400",
        **({"local_net": "", "remote_net": ""} if family.between_hosts else {}),
        **({"connection_tags": "Flags= on-demand"} if family.on_demand else {}),
    }


def _suite(name: str, pfs: str) -> dict[str, str]:
    """Give the tags that choose a suite."""
    if name not in _BUNDLES:
        return {"suites": f"QM-{name}{pfs}-SUITE"}
    protocols = _BUNDLES[name].format(pfs=pfs)
    return {"suites": name, "more": f"[{name}]\nProtocols= {protocols}\n\n{_COMPRESSION}"}


def _weather(one: _Draw) -> Weather:
    return Weather(
        loss=one.number(0, 0.4),
        duplication=one.one((0.0, 0.1, 0.3)),
        delay=one.one((0.005, 0.05, 0.3)),
        jitter=one.one((0.0, 0.1, 2.0, 10.0)),
    )


def _happenings(one: _Draw, family: Family, fair_from: float) -> tuple[Happening, ...]:
    """Draw what happens; what begins ends before the weather turns fair."""
    nodes = ("server", "anna", "bert", "carl", "dora") if family.roadwarriors else ("west", "east")
    found = []
    for _ in range(one.one((0, 0, 1, 1, 2, 3))):
        time, node = one.number(0, fair_from), one.one(nodes)
        event = one.one(family.events)
        leap = one.one((5.0, 60.0, 900.0, 7200.0)) if event is Event.JUMP else 0.0
        found.append(Happening(time, node, event, leap))
        if event in END:
            end = min(fair_from, time + one.number(0, 120))
            # A clock may stand still while its host sleeps.
            slow = end - time if event is Event.SLEEP and one.chance(0.5) else 0.0
            found.append(Happening(end, node, END[event], slow))
    return tuple(sorted(found, key=lambda happening: happening.time))
