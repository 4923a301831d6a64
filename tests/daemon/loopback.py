"""Two daemons in one namespace that negotiate and carry nothing: as real as it gets without TUN."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.deadline import until
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace

SECRET = "sesam-oeffne-dich"
WEST, EAST = "127.0.0.1", "127.0.0.2"
CARRY_NOTHING = ("-K", "-n")

PHASE_1 = """\
[{peer}]
Phase=			1
Address=		{address}
Configuration=		main-mode
Authentication=		{secret}
"""

CONNECTION = """\
[{name}]
Phase=			2
ISAKMP-peer=		{peer}
Configuration=		quick-mode
Local-ID=		{name}-{local}
Remote-ID=		{name}-{remote}

[{name}-west]
ID-type=		IPV4_ADDR_SUBNET
Network=		10.1.{number}.0
Netmask=		255.255.255.0

[{name}-east]
ID-type=		IPV4_ADDR_SUBNET
Network=		10.2.{number}.0
Netmask=		255.255.255.0
"""

MODES = """\
[main-mode]
EXCHANGE_TYPE=		ID_PROT
Transforms=		AES-SHA-GRP14

[quick-mode]
EXCHANGE_TYPE=		QUICK_MODE
Suites=			QM-ESP-AES-SHA-SUITE
"""


def configuration(
    side: str,
    connections: tuple[str, ...] = ("link",),
    *,
    secret: str = SECRET,
    general: str = "",
    up: bool | None = None,
) -> str:
    """Write the isakmpd.conf of ``west``, which begins, or of ``east``, which answers."""
    peer = "east" if side == "west" else "west"
    here, there = (WEST, EAST) if side == "west" else (EAST, WEST)
    lists = "Connections" if (side == "west" if up is None else up) else "Passive-connections"
    parts = [
        f"[General]\nListen-on= {here}\n{general}\n[Phase 1]\n{there}= {peer}\n",
        f"[Phase 2]\n{lists}= {','.join(connections)}\n" if connections else "",
        PHASE_1.format(peer=peer, address=there, secret=secret),
        *(
            CONNECTION.format(name=name, peer=peer, local=side, remote=peer, number=number)
            for number, name in enumerate(connections)
        ),
        MODES,
    ]
    return "\n".join(parts)


@dataclass(frozen=True, slots=True)
class Pair:
    """West, which begins, and east, which answers."""

    namespace: Namespace
    west: Isakmpd
    east: Isakmpd


def daemon(namespace: Namespace, folder: Path, side: str, text: str, *options: str) -> Isakmpd:
    """Describe a daemon of one side, not yet started."""
    (folder / side).mkdir(exist_ok=True)
    return Isakmpd(namespace, folder / side, text, options or CARRY_NOTHING)


@contextlib.contextmanager
def pair(
    folder: Path, west: str = "", east: str = "", options: tuple[str, ...] = CARRY_NOTHING
) -> Iterator[Pair]:
    """Start both, each with the usual configuration unless another is given."""
    with Namespace("loopback") as namespace:
        both = (
            daemon(namespace, folder, "east", east or configuration("east"), *options),
            daemon(namespace, folder, "west", west or configuration("west"), *options),
        )
        with both[0], both[1]:
            yield Pair(namespace, both[1], both[0])


def sections(shown: str) -> list[str]:
    """List what ``S`` shows: ``name (Phase 2)`` and so on, in its order."""
    return re.findall(r"^SA name: (.*)$", shown, re.MULTILINE)


def has(one: Isakmpd, connection: str) -> bool:
    """Tell whether a connection has an SA."""
    return f"{connection} (Phase 2)" in sections(one.show())


def wait_down(one: Isakmpd, connection: str, seconds: float = 10) -> None:
    """Wait until a connection has no SA."""
    until(lambda: not has(one, connection), seconds, f"{connection} to go")


def answered(one: Isakmpd) -> str:
    """Wait until every command sent so far is carried out, and return the log."""
    one.show()
    return one.log()


def reported(one: Isakmpd) -> str:
    """Have the daemon write its report and return it."""
    report = one.folder / "isakmpd.report"
    report.unlink(missing_ok=True)
    one.command("r")
    until(report.exists, 5, "the report")
    return report.read_text()
