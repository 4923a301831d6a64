"""What cannot work with strongSwan says why in one line of our log, and disturbs nobody else."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from lab.deadline import until
from lab.gateways import EAST_LAN, WEST_LAN, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.namespace import CommandError
from lab.ping import Ping
from lab.strongswan import StrongSwan
from tests.interop.configurations import (
    CONNECTION,
    DEFAULT,
    SECRET,
    Algorithms,
    Gateway,
    Network,
    strongswan,
)

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

HERE, THERE = "10.11.0.0/24", "10.12.0.0/24"
NETWORK = Network("bad", HERE, THERE)  # the connection that cannot work
BAD_PEER = "192.0.2.3"  # a second address of the east gateway
GOOD = Gateway(begins=True, general={"Retransmits": 0})
OURS = Gateway(remote=BAD_PEER, networks=(NETWORK,), name="bad-peer")
AS_IT_SHOULD_BE = Network("bad", THERE, HERE)
STRONGER = Algorithms(ike="aes256-sha256-modp2048", esp="aes256-sha256")


@dataclass(frozen=True, slots=True)
class Fault:
    """Describe a peer's half of a tunnel that does not fit OURS, and what our log says of it."""

    name: str
    when_we_begin: str
    when_it_begins: str
    algorithms: Algorithms = DEFAULT
    secret: str = SECRET
    network: Network = AS_IT_SHOULD_BE

    def configuration(self) -> str:
        """Return the peer's half."""
        return strongswan(
            self.algorithms,
            name="bad",
            local=BAD_PEER,
            network=self.network,
            secret=self.secret,
        )


FAULTS = (
    Fault(
        "pre-shared key",
        "the pre-shared keys probably differ ([bad-peer]:Authentication decides)",
        "the pre-shared keys probably differ ([bad-peer]:Authentication decides)",
        secret="another",
    ),
    Fault(
        "phase 1 proposal",
        "it accepts none of our transforms ([bad-peer-phase-1]:Transforms decides)",
        "GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 in [AES-128-SHA-GRP2]",
        algorithms=replace(DEFAULT, ike=STRONGER.ike),
    ),
    Fault(
        "phase 2 proposal",
        "it accepts none of our proposals, or wants PFS otherwise "
        "([bad-peer-quick-mode]:Suites decides)",
        "GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in [QM-ESP-AES-128-SHA-PFS-GRP2-XF]",
        algorithms=replace(DEFAULT, esp=STRONGER.esp),
    ),
    Fault(
        "swapped networks",
        "it has no connection from 10.12.0.0/24 to 10.11.0.0/24 "
        "([bad]:Local-ID and Remote-ID decide)",
        "no connection of peer bad-peer has them as Remote-ID and Local-ID "
        "([bad] has 10.12.0.0/24 and 10.11.0.0/24)",
        network=NETWORK,
    ),
)


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoGateways]:
    """Two gateways, ours in the west, strongSwan's in the east under two addresses."""
    with two_gateways(hosts=False) as gateways:
        gateways.east.address(f"{BAD_PEER}/24", "wan")
        yield gateways


@pytest.fixture(scope="module")
def ends(lab: TwoGateways) -> Iterator[tuple[Isakmpd, StrongSwan]]:
    """Both daemons, with one tunnel up."""
    charon = StrongSwan(lab.east, lab.folder)
    charon.configure(strongswan())
    with charon, Isakmpd(lab.west, lab.folder, str(GOOD)) as isakmpd:
        isakmpd.wait_tunnel(CONNECTION)
        yield isakmpd, charon


@pytest.fixture
def bad(ends: tuple[Isakmpd, StrongSwan], request: pytest.FixtureRequest) -> Iterator[Fault]:
    """One fault, put into the running daemons beside the tunnel that works, and taken out again."""
    isakmpd, charon = ends
    fault: Fault = request.param
    isakmpd.configure(f"{GOOD}{OURS.sections()}")
    isakmpd.command("R")
    charon.configure(strongswan() + fault.configuration())
    yield fault
    isakmpd.command("t bad")
    with contextlib.suppress(CommandError):  # it may have given up by itself
        charon.terminate(ike="bad")
    until(lambda: BAD_PEER not in isakmpd.show(), 10, "no SA with the bad peer")


@pytest.mark.parametrize("beginner", ["isakmpd", "strongSwan"])
@pytest.mark.parametrize("bad", FAULTS, ids=lambda fault: fault.name, indirect=True)
def test_a_fault_is_named_and_disturbs_no_other_tunnel(
    lab: TwoGateways,
    ends: tuple[Isakmpd, StrongSwan],
    bad: Fault,
    beginner: str,
    record_property: Callable[[str, object], None],
) -> None:
    """One line of our log tells the cause whoever begins; a tunnel beside it loses no ping."""
    isakmpd, charon = ends
    (before,) = charon.children()
    seen = len(isakmpd.log())

    def lines(cause: str) -> list[str]:
        return [line for line in isakmpd.log()[seen:].splitlines() if cause in line]

    pings = Ping(lab.west, EAST_LAN, lab.folder, interval=0.02, source=WEST_LAN)
    pings.wait_answer(1)
    if beginner == "isakmpd":
        isakmpd.command("c bad")
        cause = bad.when_we_begin
    else:
        with pytest.raises(CommandError):
            charon.initiate("bad", seconds=2)
        cause = bad.when_it_begins
    until(lambda: lines(cause), 10, cause)
    (line,) = lines(cause)
    record_property("result", line)
    pings.wait_answer(50)
    assert pings.stop().lost == ()
    assert [child["spi-in"] for child in charon.children()] == [before["spi-in"]]
    assert "dropped message" not in isakmpd.log()[seen:]
