"""Both phases rekey again and again under pings, and next to none of the pings gets lost.

The scenarios run beside each other: each spends its time waiting for lifetimes to pass.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass

import pytest

from lab.ability import why_no_peer
from lab.capture import Capture
from lab.deadline import until
from lab.gateways import (
    EAST_LAN,
    EAST_NET,
    EAST_WAN,
    INNER,
    WEST_LAN,
    WEST_NET,
    WEST_WAN,
    TwoGateways,
    two_gateways,
)
from lab.isakmpd import Isakmpd
from lab.nat import WEST_PRIVATE, AcrossNat, across_nat
from lab.ping import PATTERN, Echoes, Ping
from lab.proof import Proof, prove_encrypted
from lab.strongswan import AGGRESSIVE_WITH_KEYS, StrongSwan, gateway_configuration
from lab.traffic import Kind
from tests.interop.configurations import AGGRESSIVE, CONNECTION, EAST_TO_WEST, Gateway, strongswan
from tests.interop.scenarios import running

pytestmark = [pytest.mark.namespaces, pytest.mark.root]
Record = Callable[[str, object], None]

REKEYINGS = 3
WITHIN = 60.0  # seconds
INTERVAL = 0.02  # seconds between pings
PHASES = ("phase 1", "quick mode")
SHORT = {"Default-phase-1-lifetime": "10,5:60", "Default-phase-2-lifetime": "8,5:60"}
LONG = {"Default-phase-1-lifetime": "60,5:60", "Default-phase-2-lifetime": "60,5:60"}
SHORT_IKE = "reauth_time = 8s\n over_time = 4s\n rand_time = 0s"
SHORT_CHILD = "rekey_time = 6s\n life_time = 9s\n rand_time = 0s"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what a scenario showed: how often each phase was rekeyed, and what became of pings."""

    rekeyings: Counter[str]
    echoes: Echoes
    proof: Proof

    def __str__(self) -> str:
        """Return a line for the table of results."""
        count = self.rekeyings
        return (
            f"{count['phase 1']} and {count['quick mode']} rekeyings,"
            f" {len(self.echoes.lost)} of {self.echoes.sent} pings lost; {self.proof}"
        )


def ended(log: str, role: str) -> Counter[str]:
    """Count the exchanges that succeeded, by phase: those we have `begun`, `answered`, or `any`."""
    suffix = {"begun": r"(?! \(as responder\))", "answered": r" \(as responder\)", "any": ""}[role]
    return Counter(re.findall(rf"isakmpd: (phase 1|quick mode) done{suffix}", log))


def observe(
    isakmpd: Isakmpd, role: str, lab: TwoGateways, wire: Capture, wanted: int = REKEYINGS
) -> Outcome:
    """Ping through the tunnel until both phases were rekeyed often enough, or time is over."""
    isakmpd.wait_tunnel(CONNECTION)
    pings = Ping(lab.west, EAST_LAN, lab.folder, interval=INTERVAL, source=WEST_LAN)
    pings.wait_answer(1)
    before = ended(isakmpd.log(), role)

    def rekeyed() -> bool:
        after = ended(isakmpd.log(), role)
        return all(after[phase] - before[phase] >= wanted for phase in PHASES)

    until(rekeyed, WITHIN, f"{wanted} rekeyings of each phase, {role} by {isakmpd.namespace.label}")
    echoes = pings.stop()
    rekeyings = ended(isakmpd.log(), role)
    rekeyings.subtract(before)
    packets = wire.stop()
    if isinstance(lab, AcrossNat):  # the answerer knows an address where nobody has port 500
        packets = [packet for packet in packets if not lab.is_complaint(packet)]
    proof = prove_encrypted(
        packets, inner=INNER, pattern=PATTERN, sent=echoes.sent, received=echoes.received
    )
    return Outcome(rekeyings, echoes, proof)


def we_rekey() -> Outcome:
    """Let our daemon begin both phases, with lifetimes far shorter than the peer's."""
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder)
        charon.configure(strongswan())
        isakmpd = Isakmpd(lab.west, lab.folder, str(Gateway(begins=True, general=SHORT)))
        with charon, lab.capture() as wire, isakmpd:
            return observe(isakmpd, "begun", lab, wire)


def strongswan_rekeys() -> Outcome:
    """Let strongSwan begin both phases, with lifetimes far shorter than ours."""
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder)
        charon.configure(strongswan(more_ike=SHORT_IKE, more_child=SHORT_CHILD))
        isakmpd = Isakmpd(lab.west, lab.folder, str(Gateway(general=LONG)))
        with charon, lab.capture() as wire, isakmpd:
            charon.initiate(CONNECTION)
            return observe(isakmpd, "answered", lab, wire)


def strongswan_and_we_rekey() -> Outcome:
    """Let both ends want the tunnel and rekey it at about the same time."""
    with two_gateways(hosts=False) as lab:
        charon = StrongSwan(lab.east, lab.folder)
        started = f"{SHORT_CHILD}\n start_action = start"
        charon.configure(strongswan(more_ike=SHORT_IKE, more_child=started))
        isakmpd = Isakmpd(lab.west, lab.folder, str(Gateway(begins=True, general=SHORT)))
        with charon, lab.capture() as wire, isakmpd:
            return observe(isakmpd, "any", lab, wire, 2 * REKEYINGS)


def two_of_ours() -> Outcome:
    """Let two of our own daemons speak bare ESP."""
    with two_gateways(hosts=False) as lab:
        return _two_of_ours(lab, WEST_WAN)


def two_of_ours_both_begin() -> Outcome:
    """Let two of our own daemons both want the tunnel, with the same lifetimes."""
    with two_gateways(hosts=False) as lab:
        west = Isakmpd(lab.west, lab.folder, str(Gateway(begins=True, general=SHORT)))
        east = Gateway(EAST_WAN, WEST_WAN, (EAST_TO_WEST,), begins=True, general=SHORT)
        with Isakmpd(lab.east, lab.folder, str(east)), west, lab.capture() as wire:
            return observe(west, "any", lab, wire)


def two_of_ours_across_a_nat() -> Outcome:
    """Let two of our own daemons find the NAT between them and speak ESP in UDP."""
    with across_nat() as lab:
        return _two_of_ours(lab, WEST_PRIVATE)


def _two_of_ours(lab: TwoGateways, west_address: str) -> Outcome:
    begins = Gateway(west_address, begins=True, general={**SHORT, "NAT-T-Keepalive": 1})
    answers = Gateway(EAST_WAN, WEST_WAN, (EAST_TO_WEST,), general=LONG)
    west = Isakmpd(lab.west, lab.folder, str(begins))
    east = Isakmpd(lab.east, lab.folder, str(answers))
    with east, Capture(lab.east, "wan", lab.folder) as wire, west:
        return observe(west, "begun", lab, wire)


def we_rekey_in_aggressive_mode_behind_a_nat() -> Outcome:
    """Let our daemon, behind a NAT, begin both phases, the first in aggressive mode."""
    with across_nat() as lab:
        charon = StrongSwan(lab.east, lab.folder, AGGRESSIVE_WITH_KEYS)
        charon.configure(
            gateway_configuration(
                local=EAST_WAN,
                remote=WEST_WAN,
                remote_id=WEST_PRIVATE,
                local_net=EAST_NET,
                remote_net=WEST_NET,
                more_ike="aggressive = yes",
            )
        )
        ours = Gateway(WEST_PRIVATE, begins=True, exchange=AGGRESSIVE, general=SHORT)
        isakmpd = Isakmpd(lab.west, lab.folder, str(ours))
        with charon, Capture(lab.east, "wan", lab.folder) as wire, isakmpd:
            return observe(isakmpd, "begun", lab, wire)


def strongswan_rekeys_in_aggressive_mode_behind_a_nat() -> Outcome:
    """Let strongSwan, behind a NAT, begin both phases, the first in aggressive mode."""
    with across_nat() as lab:
        charon = StrongSwan(lab.west, lab.folder)
        charon.configure(
            gateway_configuration(
                local=WEST_PRIVATE,
                remote=EAST_WAN,
                local_net=WEST_NET,
                remote_net=EAST_NET,
                more_ike=f"aggressive = yes\n {SHORT_IKE}",
                more_child=SHORT_CHILD,
            )
        )
        ours = Gateway(EAST_WAN, WEST_WAN, (EAST_TO_WEST,), exchange=AGGRESSIVE, general=LONG)
        isakmpd = Isakmpd(lab.east, lab.folder, str(ours))
        with charon, Capture(lab.east, "wan", lab.folder) as wire, isakmpd:
            charon.initiate(CONNECTION)
            return observe(isakmpd, "answered", lab, wire)


Scenario = Callable[[], Outcome]
Outcomes = Mapping[Scenario, Future[Outcome]]
WITH_STRONGSWAN = (
    we_rekey,
    strongswan_rekeys,
    strongswan_and_we_rekey,
    we_rekey_in_aggressive_mode_behind_a_nat,
    strongswan_rekeys_in_aggressive_mode_behind_a_nat,
)
BOTH_OURS = (two_of_ours, two_of_ours_both_begin, two_of_ours_across_a_nat)


@pytest.fixture(scope="module")
def outcomes() -> Iterator[Outcomes]:
    """Run all scenarios that can run here, at once."""
    scenarios = BOTH_OURS if why_no_peer() else (*BOTH_OURS, *WITH_STRONGSWAN)
    with running(scenarios) as futures:
        yield futures


@pytest.mark.peer
@pytest.mark.parametrize("scenario", WITH_STRONGSWAN)
def test_rekeying_with_strongswan_loses_at_most_one_ping_each(
    outcomes: Outcomes, scenario: Scenario, record_property: Record
) -> None:
    """Whoever rekeys, charon changes SAs at its own moment, and one packet may meet the gap."""
    outcome = outcomes[scenario].result()
    record_property("result", outcome)
    assert len(outcome.echoes.lost) <= outcome.rekeyings.total(), str(outcome)
    assert outcome.proof.kinds[Kind.ESP_IN_UDP] > 0


@pytest.mark.parametrize(
    ("scenario", "kind"),
    list(zip(BOTH_OURS, (Kind.ESP, Kind.ESP, Kind.ESP_IN_UDP), strict=True)),
)
def test_rekeying_between_two_of_ours_loses_nothing(
    outcomes: Outcomes,
    scenario: Scenario,
    kind: Kind,
    record_property: Record,
) -> None:
    """Neither phase drops a single ping when it is rekeyed, in bare ESP and across a NAT."""
    outcome = outcomes[scenario].result()
    record_property("result", outcome)
    assert outcome.echoes.lost == (), str(outcome)
    assert outcome.proof.kinds[kind] >= 2 * outcome.echoes.sent
    assert (outcome.proof.kinds.get(Kind.KEEPALIVE, 0) > 0) == (kind is Kind.ESP_IN_UDP)
