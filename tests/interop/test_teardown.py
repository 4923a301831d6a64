"""A tunnel with strongSwan ends on both sides whoever ends it, and nothing is left of it."""

from collections.abc import Iterator

import pytest

from lab.deadline import until
from lab.gateways import EAST_LAN, WEST_LAN, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.ping import ping
from lab.strongswan import StrongSwan
from tests.interop.configurations import CONNECTION, Gateway, strongswan
from tests.interop.footprint import footprint

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

PHASE_1, PHASE_2 = "(Phase 1/", "(Phase 2)"


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoGateways]:
    """Two gateways, ours in the west, strongSwan's in the east."""
    with two_gateways(hosts=False) as gateways:
        yield gateways


@pytest.fixture(scope="module")
def charon(lab: TwoGateways) -> Iterator[StrongSwan]:
    """The strongSwan that every test here meets."""
    peer = StrongSwan(lab.east, lab.folder)
    peer.configure(strongswan())
    with peer:
        yield peer


@pytest.fixture
def isakmpd(lab: TwoGateways, charon: StrongSwan) -> Iterator[Isakmpd]:
    """Our daemon with a tunnel up that strongSwan began and pings have crossed.

    However the test ends the tunnel, no device, rule or route of ours outlives the daemon.
    """
    bare = footprint(lab.west)
    with Isakmpd(lab.west, lab.folder, str(Gateway())) as daemon:
        charon.initiate(CONNECTION)
        daemon.wait_tunnel(CONNECTION)
        assert ping(lab.west, EAST_LAN, lab.folder, count=2, source=WEST_LAN).received == 2
        assert all(len(now) > len(bare[kind]) for kind, now in footprint(lab.west).items())
        yield daemon
    assert footprint(lab.west) == bare
    until(lambda: charon.list_sas() == [], 10, "charon without SAs")


def wait_gone(isakmpd: Isakmpd, phase: str) -> None:
    """Wait until our daemon shows no SA of a phase."""
    until(lambda: phase not in isakmpd.show(), 10, f"no SA {phase}")


@pytest.mark.parametrize("command", [f"t {CONNECTION}", "T"])
def test_our_administrator_takes_the_tunnel_down(
    isakmpd: Isakmpd, charon: StrongSwan, command: str
) -> None:
    """`t NAME` and `T` end the IPsec SAs at both ends, and leave the ISAKMP SA for the next."""
    isakmpd.command(command)
    wait_gone(isakmpd, PHASE_2)
    charon.wait_children(0)
    assert PHASE_1 in isakmpd.show()


def test_the_tunnel_comes_up_again_on_demand(isakmpd: Isakmpd, charon: StrongSwan) -> None:
    """After `t NAME`, `c NAME` negotiates anew under the ISAKMP SA that is left."""
    isakmpd.command(f"t {CONNECTION}")
    charon.wait_children(0)
    isakmpd.command(f"c {CONNECTION}")
    isakmpd.wait_tunnel(CONNECTION)
    charon.wait_children(1)
    assert len(charon.list_sas()) == 1


def test_our_daemon_leaves(isakmpd: Isakmpd, charon: StrongSwan) -> None:
    """After `Q`, charon holds no SA."""
    assert isakmpd.stop() == 0
    until(lambda: charon.list_sas() == [], 10, "charon without SAs")


@pytest.mark.parametrize("what", ["child", "ike"])
def test_strongswans_administrator_takes_the_tunnel_down(
    isakmpd: Isakmpd, charon: StrongSwan, what: str
) -> None:
    """A Delete of charon ends the SA it names here too, and the IPsec SAs with the ISAKMP SA."""
    if what == "child":
        charon.terminate(child=CONNECTION)
    else:
        charon.terminate(ike="gw")
        wait_gone(isakmpd, PHASE_1)
    wait_gone(isakmpd, PHASE_2)
    charon.wait_children(0)


def test_strongswan_leaves(isakmpd: Isakmpd, charon: StrongSwan) -> None:
    """A charon that is stopped deletes its SAs, and we hold none any more."""
    charon.stop()
    wait_gone(isakmpd, PHASE_2)
    wait_gone(isakmpd, PHASE_1)
    charon.start()
