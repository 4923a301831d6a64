"""A NAT that translates anew under running pings: the tunnel goes on by itself."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import pytest

from lab.capture import Capture
from lab.deadline import until
from lab.gateways import EAST_LAN, EAST_NET, EAST_WAN, INNER, WEST_LAN, WEST_NET, WEST_WAN
from lab.isakmpd import Isakmpd
from lab.nat import ANOTHER_PUBLIC, WEST_PRIVATE, AcrossNat, across_nat
from lab.ping import PATTERN, Echoes, Ping, ping
from lab.proof import Proof, prove_encrypted
from lab.strongswan import AGGRESSIVE_WITH_KEYS, StrongSwan, gateway_configuration
from lab.traffic import ENCRYPTED
from tests.interop.configurations import (
    AGGRESSIVE,
    CONNECTION,
    EAST_TO_WEST,
    MAIN,
    Gateway,
)
from tests.interop.scenarios import running

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

OURS, STRONGSWAN = "isakmpd", "strongSwan"
SOON = {"DPD-check-interval": 2, "NAT-T-Keepalive": 1}
MOVES = {"another port": WEST_WAN, "another address": ANOTHER_PUBLIC}
WITHIN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Case:
    """Say who is behind the NAT, who in front of it, and what the NAT changes."""

    behind: str
    before: str
    move: str
    exchange: str = MAIN

    def __str__(self) -> str:
        return f"{self.exchange}: {self.behind} behind, {self.before} in front, {self.move}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what a case showed; ``sources`` is where packets of the one behind came from."""

    sources: int
    negotiations: int
    echoes: Echoes
    proof: Proof

    def __str__(self) -> str:
        """Return a line for the table of results."""
        lost = f"{len(self.echoes.lost)} of {self.echoes.sent} pings lost"
        return f"{self.negotiations} negotiations after it, {lost}; {self.proof}"


CASES = (
    *(
        Case(behind, before, move)
        for behind, before in ((OURS, OURS), (STRONGSWAN, OURS), (OURS, STRONGSWAN))
        for move in MOVES
    ),
    Case(STRONGSWAN, OURS, "another port", AGGRESSIVE),
)


def west(case: Case, lab: AcrossNat) -> Isakmpd | StrongSwan:
    """Make the one behind the NAT, which begins."""
    if case.behind == OURS:
        ours = Gateway(WEST_PRIVATE, begins=True, exchange=case.exchange, general=SOON)
        return Isakmpd(lab.west, lab.folder, str(ours))
    charon = StrongSwan(lab.west, lab.folder, "keep_alive = 1s")
    charon.configure(
        gateway_configuration(
            local=WEST_PRIVATE,
            remote=EAST_WAN,
            local_net=WEST_NET,
            remote_net=EAST_NET,
            more_ike="aggressive = yes" if case.exchange == AGGRESSIVE else "",
            more_child="start_action = start",
        )
    )
    return charon


def east(case: Case, lab: AcrossNat) -> Isakmpd | StrongSwan:
    """Make the one in front of the NAT, which knows of no address to expect the other at."""
    if case.before == OURS:
        ours = Gateway(
            EAST_WAN, networks=(EAST_TO_WEST,), exchange=case.exchange, general=SOON, stranger=True
        )
        return Isakmpd(lab.east, lab.folder, str(ours))
    charon = StrongSwan(lab.east, lab.folder, AGGRESSIVE_WITH_KEYS)
    charon.configure(
        gateway_configuration(
            local=EAST_WAN,
            remote="%any",
            remote_id=WEST_PRIVATE,
            local_net=EAST_NET,
            remote_net=WEST_NET,
        )
    )
    return charon


def negotiations(*daemons: Isakmpd | StrongSwan) -> int:
    """Count the exchanges of both phases that our daemons have finished."""
    logs = [daemon.log() for daemon in daemons if isinstance(daemon, Isakmpd)]
    return sum(log.count("phase 1 done") + log.count("quick mode done") for log in logs)


def translated_anew(case: Case) -> Outcome:
    """Let the NAT translate anew under pings, wait until pings cross again, both ways."""
    with across_nat() as lab:
        one, other = west(case, lab), east(case, lab)
        with other, Capture(lab.east, "wan", lab.folder) as wire, one:
            (lab.folder / "own").mkdir()  # pings overwrite each other's notes
            for daemon in (one, other):
                if isinstance(daemon, Isakmpd):
                    daemon.wait_tunnel(CONNECTION)
                else:
                    daemon.wait_children(1)
            before = negotiations(one, other)
            pings = Ping(lab.west, EAST_LAN, lab.folder, interval=0.1, source=WEST_LAN)
            pings.wait_answer(1)
            lab.rebind(MOVES[case.move])
            until(lambda: crosses(lab), WITHIN, "the tunnel to go on")
            pings.wait_answer(30)
            back = ping(lab.east, WEST_LAN, lab.folder, source=EAST_LAN)
            echoes = pings.stop()
            after = negotiations(one, other)
            packets = [packet for packet in wire.stop() if not lab.is_complaint(packet)]
    assert back.received == back.sent
    sources = {
        (packet.source, packet.octets[20:22])
        for packet in packets
        if packet.kind in ENCRYPTED and packet.source != EAST_WAN
    }
    proof = prove_encrypted(packets, inner=INNER, pattern=PATTERN, sent=3, received=3)
    return Outcome(len(sources), after - before, echoes, proof)


def crosses(lab: AcrossNat) -> bool:
    """Tell whether a ping of its own crosses the tunnel."""
    return ping(lab.west_host, EAST_LAN, lab.folder / "own", count=1, source=WEST_LAN).received == 1


SCENARIOS = {case: partial(translated_anew, case) for case in CASES}


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Mapping[Callable[[], Outcome], Future[Outcome]]]:
    """Run all cases at once."""
    with running(list(SCENARIOS.values())) as futures:
        yield futures


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_tunnel_goes_on_when_the_nat_translates_anew(
    outcomes: Mapping[Callable[[], Outcome], Future[Outcome]],
    case: Case,
    record_property: Callable[[str, object], None],
) -> None:
    """The packets come from elsewhere and pings cross again; we need not negotiate for that."""
    outcome = outcomes[SCENARIOS[case]].result()
    record_property("result", outcome)
    assert outcome.sources >= 2
    if case.before == OURS:
        assert outcome.negotiations == 0
