"""Mode config with strongSwan: who has addresses assigns one, and a tunnel from it carries pings.

Either end can be the client, and the address can be asked for (pull) or told (push).
"""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial

import pytest

from lab.deadline import until
from lab.gateways import (
    EAST_LAN,
    EAST_NET,
    EAST_WAN,
    WEST_LAN,
    WEST_NET,
    WEST_WAN,
    TwoGateways,
    two_gateways,
)
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from lab.ping import PATTERN, ping
from lab.proof import Proof, prove_encrypted
from lab.strongswan import AGGRESSIVE_WITH_KEYS, StrongSwan, gateway_configuration
from tests.interop.configurations import AGGRESSIVE, CONNECTION, MAIN, Gateway, Network
from tests.interop.footprint import footprint
from tests.interop.scenarios import running

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

OURS_TO_GIVE = "10.9.0.7"
THEIRS_TO_GIVE = "10.9.0.1"
POOLS = "pools {\n pool {\n  addrs = 10.9.0.0/24\n  dns = 10.2.0.53\n }\n}\n"
PULL, PUSH = "", "pull = no\n"
SAYS_AGGRESSIVE = "aggressive = yes\n"


@dataclass(frozen=True, slots=True)
class Case:
    """Say who is the client, in which mode phase 1 is, and what decides whether it asks."""

    name: str
    strongswan_is_client: bool
    way: str  # charon's
    flags: str = "ikecfg"
    section: str = ""  # what [ipv4/...] holds
    exchange: str = MAIN

    def __str__(self) -> str:
        return self.name

    def ours(self) -> Gateway:
        """Return our side."""
        local, remote = (
            (WEST_NET, f"{OURS_TO_GIVE}/32") if self.strongswan_is_client else ("", EAST_NET)
        )
        return Gateway(
            networks=(Network(CONNECTION, local, remote),),
            begins=not self.strongswan_is_client,
            exchange=self.exchange,
            flags=self.flags,
            more=f"\n[ipv4/{EAST_WAN}]\n{self.section}" if self.section else "",
        )

    def theirs(self) -> str:
        """Return charon's side."""
        more = "vips = 0.0.0.0\n" if self.strongswan_is_client else "pools = pool\n"
        more += self.way + (SAYS_AGGRESSIVE if self.exchange == AGGRESSIVE else "")
        text = gateway_configuration(
            local=EAST_WAN,
            remote=WEST_WAN,
            local_net="dynamic" if self.strongswan_is_client else EAST_NET,
            remote_net=WEST_NET if self.strongswan_is_client else "dynamic",
            more_ike=more,
        )
        return text if self.strongswan_is_client else text + POOLS


GIVES = f"Address= {OURS_TO_GIVE}\nNetmask= 255.255.255.255\n"
ASKS = "Mode= GET\nAttributes= Address, Netmask, Nameserver\n"
CASES = (
    Case("strongSwan asks us", True, PULL, flags="", section=GIVES),
    Case("we tell strongSwan", True, PUSH, section=GIVES),
    Case("we ask strongSwan", False, PULL, section=ASKS),
    Case("strongSwan tells us", False, PUSH),
    Case("strongSwan asks us after aggressive mode", True, PULL, "", GIVES, AGGRESSIVE),
    Case("we ask strongSwan after aggressive mode", False, PULL, "ikecfg", ASKS, AGGRESSIVE),
)


def addresses(host: Namespace) -> str:
    """List the addresses of a host with their devices."""
    return host.ip("-o", "-4", "address", "show")


def tunnel_from_an_assigned_address(case: Case) -> Proof:
    """Bring the tunnel up, ping both ways between the assigned address and the other's LAN."""
    with two_gateways(hosts=False) as lab:
        bare = footprint(lab.west)
        charon = StrongSwan(lab.east, lab.folder, AGGRESSIVE_WITH_KEYS)
        charon.configure(case.theirs())
        with charon, lab.capture() as wire, Isakmpd(lab.west, lab.folder, str(case.ours())) as ours:
            if case.strongswan_is_client:
                charon.initiate(CONNECTION)
            ours.wait_tunnel(CONNECTION)
            charon.wait_children(1)
            west, east = assigned(case, lab)
            there = ping(lab.west, east, lab.folder, source=west)
            back = ping(lab.east, west, lab.folder, source=east)
            packets = wire.stop()
        assert footprint(lab.west) == bare
        assert THEIRS_TO_GIVE not in addresses(lab.west)
    assert (there.received, back.received) == (3, 3)
    return prove_encrypted(packets, inner=(west, east), pattern=PATTERN, sent=6, received=6)


def assigned(case: Case, lab: TwoGateways) -> tuple[str, str]:
    """Give the inner addresses, ours first, once the client has the one it was given."""
    client, given = (
        (lab.east, OURS_TO_GIVE) if case.strongswan_is_client else (lab.west, THEIRS_TO_GIVE)
    )
    until(lambda: given in addresses(client), 10, f"{given} at {client.label}")
    return (WEST_LAN, given) if case.strongswan_is_client else (given, EAST_LAN)


SCENARIOS = {case: partial(tunnel_from_an_assigned_address, case) for case in CASES}


@pytest.fixture(scope="module")
def proofs() -> Iterator[Mapping[Callable[[], Proof], Future[Proof]]]:
    """Run all cases at once."""
    with running(list(SCENARIOS.values())) as futures:
        yield futures


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_tunnel_begins_at_an_assigned_address(
    proofs: Mapping[Callable[[], Proof], Future[Proof]],
    case: Case,
    record_property: Callable[[str, object], None],
) -> None:
    """The address is on the client's device while the tunnel is up, and pings cross both ways."""
    record_property("result", proofs[SCENARIOS[case]].result())
