"""Many tunnels between one isakmpd and one charon at once, each a row of a table of cases.

A row has outer addresses of its own at charon's end and inner networks of its own at both ends, so
that each is a tunnel like any other, and one capture shows what crossed for which.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lab.deadline import TooLateError, until
from lab.gateways import WEST_WAN, WEST_WAN6, two_gateways
from lab.isakmpd import Isakmpd
from lab.ping import PATTERN, Echoes, Ping
from lab.proof import Proof, prove_encrypted
from lab.strongswan import AGGRESSIVE_WITH_KEYS, StrongSwan, gateway_configuration
from lab.traffic import Packet
from tests.interop.configurations import (
    AGGRESSIVE,
    DEFAULT,
    MAIN,
    SECRET,
    Algorithms,
    Gateway,
    Name,
    Network,
    address_name,
    together,
)

WITHIN = 90.0  # seconds for all tunnels of a table together
PINGS = 3
FIRST = 10  # the first row's last octet of addresses
ISAKMPD, STRONGSWAN = "isakmpd", "strongSwan"
# With it, charon takes many peers of one address for an attack.
OPTIONS = f"dos_protection = no\n {AGGRESSIVE_WITH_KEYS}"
# An identity may stand in many rows: INITIAL-CONTACT in one is not to end the others.
MANY = "unique = never\n        "


@dataclass(frozen=True, slots=True)
class Row:
    """Describe one tunnel. What is left out is as in every other row.

    ``outer`` and ``inner`` are IP versions. ``ours`` and ``theirs`` are the identities; without
    them it is the address. ``stranger``: we do not know the peer's address. ``chosen`` is what
    charon must end up with, as `list-sas` names it; ``clear`` marks ESP that does not encrypt;
    ``begun_by`` who can begin.
    """

    name: str
    algorithms: Algorithms = DEFAULT
    exchange: str = MAIN
    ours: Name | None = None
    theirs: Name | None = None
    secret: str = SECRET
    stranger: bool = False
    key_stands_in: str = ""
    outer: int = 4
    inner: int = 4
    chosen: tuple[tuple[str, str], ...] = ()
    more: str = ""
    clear: bool = False
    begun_by: tuple[str, ...] = (ISAKMPD, STRONGSWAN)

    def __str__(self) -> str:
        return self.name


class Ends(NamedTuple):
    """The addresses of a tunnel, ours first."""

    ours: str
    theirs: str


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A row begun by one of the two, and its place in the table, which decides the addresses."""

    row: Row
    beginner: str
    number: int

    def __str__(self) -> str:
        return f"{self.row} begun by {self.beginner}"

    @property
    def name(self) -> str:
        """Name the connection."""
        return f"net{self.number}"

    @property
    def outer(self) -> Ends:
        """Give the gateways' addresses."""
        if self.row.outer == 6:
            return Ends(WEST_WAN6, f"2001:db8::{self.number:x}")
        return Ends(WEST_WAN, f"192.0.2.{self.number}")

    @property
    def inner(self) -> Ends:
        """Give the addresses that ping each other."""
        if self.row.inner == 6:
            return Ends(f"fd01:0:0:{self.number:x}::1", f"fd02:0:0:{self.number:x}::1")
        return Ends(f"10.1.{self.number}.1", f"10.2.{self.number}.1")

    @property
    def networks(self) -> Ends:
        """Give the networks they are in."""
        if self.row.inner == 6:
            return Ends(f"fd01:0:0:{self.number:x}::/64", f"fd02:0:0:{self.number:x}::/64")
        return Ends(f"10.1.{self.number}.0/24", f"10.2.{self.number}.0/24")

    def isakmpd(self) -> Gateway:
        """Return our side."""
        row = self.row
        return Gateway(
            *self.outer,
            networks=(Network(self.name, *self.networks),),
            begins=self.beginner == ISAKMPD,
            secret=row.secret,
            algorithms=row.algorithms,
            name="strangers" if row.stranger else f"peer{self.number}",
            exchange=row.exchange,
            identity=row.ours,
            remote_identity=None if row.stranger else row.theirs,
            stranger=row.stranger,
            key_stands_in=row.key_stands_in.format(address=self.outer.theirs),
            more=row.more,
        )

    def strongswan(self) -> str:
        """Return charon's side."""
        row = self.row
        return gateway_configuration(
            name=f"gw{self.number}",
            child=self.name,
            local=self.outer.theirs,
            remote=self.outer.ours,
            local_id=str(row.theirs or address_name(self.outer.theirs)),
            remote_id=str(row.ours or address_name(self.outer.ours)),
            local_net=self.networks.theirs,
            remote_net=self.networks.ours,
            secret=row.secret,
            ike=row.algorithms.ike,
            esp=row.algorithms.esp,
            more_ike=MANY + ("aggressive = yes" if row.exchange == AGGRESSIVE else ""),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what became of one tunnel.

    ``spis``: those we show, outbound and inbound; ``children`` and ``there``, ``back``: charon's
    SAs, and pings from our side and from the other; ``packets``: what crossed the wire between its
    outer addresses; ``notes``: what both daemons logged of it.
    """

    spis: tuple[str, ...]
    children: tuple[Mapping[str, Any], ...]
    there: Echoes
    back: Echoes
    packets: Sequence[Packet]
    notes: str

    def prove(self, tunnel: Tunnel) -> Proof:
        """Demand one pair of SAs that both ends agree on, every ping, and nothing but ESP."""
        assert len(self.children) == 1, self.notes
        (child,) = self.children
        assert self.spis == (child["spi-in"], child["spi-out"]), self.notes
        assert (self.there.received, self.back.received) == (PINGS, PINGS), self.notes
        chosen = tuple((key, child.get(key)) for key, _ in tunnel.row.chosen)
        assert chosen == tunnel.row.chosen
        return prove_encrypted(
            self.packets,
            inner=() if tunnel.row.clear else tunnel.inner,
            pattern=None if tunnel.row.clear else PATTERN,
            sent=2 * PINGS,
            received=2 * PINGS,
        )


def of_each_role(rows: Sequence[Row]) -> tuple[Tunnel, ...]:
    """Give each row once for each side that can begin it."""
    cases = [(row, beginner) for row in rows for beginner in row.begun_by]
    return tuple(Tunnel(*case, number) for number, case in enumerate(cases, FIRST))


def run(tunnels: Sequence[Tunnel], more: str = "") -> Mapping[Tunnel, Outcome]:
    """Bring all tunnels up at once, ping through each both ways, and look at what crossed.

    ``more`` are sections of isakmpd.conf that tunnels share.
    A tunnel that does not come up is an outcome too: the table shows which one.
    """
    ipv6 = any(6 in (tunnel.row.outer, tunnel.row.inner) for tunnel in tunnels)
    with two_gateways(hosts=False, ipv6=ipv6) as lab:
        for tunnel in tunnels:
            lab.west.address(_host(tunnel.inner.ours))
            lab.east.address(_host(tunnel.inner.theirs))
            lab.east.address(_host(tunnel.outer.theirs), "wan")
        charon = StrongSwan(lab.east, lab.folder, OPTIONS)
        charon.configure("".join(tunnel.strongswan() for tunnel in tunnels))
        text = together(tunnel.isakmpd() for tunnel in tunnels) + more
        with charon, lab.capture() as wire, Isakmpd(lab.west, lab.folder, text) as isakmpd:
            charon.order("initiate", ({"child": t.name} for t in _begun(tunnels, STRONGSWAN)))
            _wait_up(tunnels, isakmpd, charon)
            there = _ping(
                tunnels,
                lambda t: Ping(
                    lab.west, t.inner.theirs, lab.folder, count=PINGS, source=t.inner.ours
                ),
            )
            back = _ping(
                tunnels,
                lambda t: Ping(
                    lab.east, t.inner.ours, lab.folder, count=PINGS, source=t.inner.theirs
                ),
            )
            packets = wire.stop()
            spis, sas = _spis(isakmpd), charon.list_sas()
            logs = isakmpd.log(), charon.log()
    return {
        tunnel: Outcome(
            spis.get(tunnel.name, ()),
            tuple(_children(sas, tunnel.name)),
            there[tunnel],
            back[tunnel],
            [p for p in packets if tunnel.outer.theirs in (p.source, p.destination)],
            _notes(tunnel, *logs),
        )
        for tunnel in tunnels
    }


def _begun(tunnels: Sequence[Tunnel], beginner: str) -> Sequence[Tunnel]:
    return [tunnel for tunnel in tunnels if tunnel.beginner == beginner]


def _host(address: str) -> str:
    return f"{address}/{128 if ':' in address else 32}"


def _wait_up(tunnels: Sequence[Tunnel], isakmpd: Isakmpd, charon: StrongSwan) -> None:
    names = {tunnel.name for tunnel in tunnels}

    def up() -> bool:
        return len(charon.children()) >= len(names) and names <= _spis(isakmpd).keys()

    try:
        until(up, WITHIN, "every tunnel")
    except TooLateError:
        return  # what is missing is missing from the outcomes


def _ping(tunnels: Sequence[Tunnel], start: Callable[[Tunnel], Ping]) -> Mapping[Tunnel, Echoes]:
    pings = {tunnel: start(tunnel) for tunnel in tunnels}
    return {tunnel: ping.wait() for tunnel, ping in pings.items()}


def _spis(isakmpd: Isakmpd) -> dict[str, tuple[str, ...]]:
    """Read the SPIs of each connection, outbound first; several pairs follow each other."""
    found: dict[str, tuple[str, ...]] = {}
    for name, rest in re.findall(r"^SA name: (\S+) \(Phase 2\)\n((?:.+\n)*)", isakmpd.show(), re.M):
        found[name] = (*found.get(name, ()), *re.findall(r"^SPI \d: ([0-9a-f]+)", rest, re.M))
    return found


def _children(sas: Sequence[Mapping[str, Any]], name: str) -> Sequence[Mapping[str, Any]]:
    every = [child for sa in sas for child in sa.get("child-sas", {}).values()]
    return [each for each in every if each["name"] == name and each["state"] == "INSTALLED"]


def _notes(tunnel: Tunnel, ours: str, theirs: str) -> str:
    """Pick what both daemons logged of a tunnel, for whoever must find out why it failed."""
    words = (tunnel.name, f"peer{tunnel.number}", tunnel.outer.theirs)
    mine = re.compile("|".join(rf"\b{re.escape(word)}(?![\w:])" for word in words))
    its = re.compile(rf"gw{tunnel.number}\||{re.escape(tunnel.outer.theirs)}\[|{tunnel.name}\b")
    lines = ["isakmpd:", *filter(mine.search, ours.splitlines()), "charon:"]
    return "\n".join([*lines, *filter(its.search, theirs.splitlines())])
