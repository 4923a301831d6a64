"""Two clients behind one NAT have a tunnel each to a server behind another, with strongSwan."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import chain

import pytest

from lab.capture import Capture
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from lab.nat import CLIENTS, HOME, OFFICE, SERVER, Office, clients_and_server_behind_nats
from lab.ping import PATTERN, Ping
from lab.proof import Proof, prove_encrypted
from lab.strongswan import AGGRESSIVE_WITH_KEYS, StrongSwan, gateway_configuration
from tests.interop.configurations import AGGRESSIVE, MAIN, Gateway, Network, together
from tests.interop.scenarios import running

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]

OURS, STRONGSWAN = "isakmpd", "strongSwan"
NETS = {"alice": "10.1.1.0/24", "bob": "10.1.2.0/24"}
HOSTS = {"alice": "10.1.1.1", "bob": "10.1.2.1"}
SERVERS_NET, SERVERS_HOST = "10.2.0.0/24", "10.2.0.1"
PINGS = 5


@dataclass(frozen=True, slots=True)
class Case:
    """Say what the clients run, what the server runs, and the exchange of phase 1."""

    clients: str
    server: str
    exchange: str = MAIN

    def __str__(self) -> str:
        return f"{self.exchange}: {self.clients} for clients, {self.server} for server"

    @property
    def more_ike(self) -> str:
        """Give what makes a charon speak the exchange."""
        return "aggressive = yes" if self.exchange == AGGRESSIVE else ""


CASES = (
    Case(STRONGSWAN, OURS),
    Case(STRONGSWAN, OURS, AGGRESSIVE),
    Case(OURS, STRONGSWAN),
    Case(OURS, STRONGSWAN, AGGRESSIVE),
    Case(OURS, OURS),
    Case(OURS, OURS, AGGRESSIVE),
)


def client(case: Case, host: Namespace, lab: Office) -> Isakmpd | StrongSwan:
    """Make a client, which begins the connection of its name."""
    name = host.label
    if case.clients == OURS:
        ours = Gateway(
            CLIENTS[name],
            OFFICE,
            (Network(name, NETS[name], SERVERS_NET),),
            begins=True,
            exchange=case.exchange,
        )
        return Isakmpd(host, lab.folder, str(ours))
    charon = StrongSwan(host, lab.folder)
    charon.configure(
        gateway_configuration(
            child=name,
            local=CLIENTS[name],
            remote=OFFICE,
            remote_id=SERVER,
            local_net=NETS[name],
            remote_net=SERVERS_NET,
            more_ike=case.more_ike,
            more_child="start_action = start",
        )
    )
    return charon


def server(case: Case, lab: Office) -> Isakmpd | StrongSwan:
    """Make the server, which waits for both."""
    if case.server == OURS:
        ours = (
            Gateway(
                SERVER,
                networks=(Network(name, SERVERS_NET, net),),
                exchange=case.exchange,
                stranger=True,
            )
            for name, net in NETS.items()
        )
        return Isakmpd(lab.server, lab.folder, together(ours))
    charon = StrongSwan(lab.server, lab.folder, AGGRESSIVE_WITH_KEYS)
    charon.configure(
        "".join(
            gateway_configuration(
                name=name,
                child=name,
                local=SERVER,
                remote=HOME,
                remote_id=CLIENTS[name],
                local_net=SERVERS_NET,
                remote_net=net,
                more_ike=case.more_ike,
            )
            for name, net in NETS.items()
        )
    )
    return charon


def wait_both(daemon: Isakmpd | StrongSwan) -> None:
    """Wait until the server has a tunnel to each client."""
    if isinstance(daemon, StrongSwan):
        daemon.wait_children(len(NETS), 60)
        return
    for name in NETS:
        daemon.wait_tunnel(name, 60)


def tunnels_of_two(case: Case) -> Proof:
    """Bring both tunnels up and ping through both at once, both ways."""
    with clients_and_server_behind_nats() as lab:
        lab.server.address(f"{SERVERS_HOST}/32")
        for host in lab.clients():
            host.address(f"{HOSTS[host.label]}/32")
        one, other = (client(case, host, lab) for host in lab.clients())
        waiting = server(case, lab)
        with Capture(lab.home, "outside", lab.folder) as wire, waiting, one, other:
            wait_both(waiting)
            pings = list(chain.from_iterable(both_ways(lab, host) for host in lab.clients()))
            received = [ping.wait().received for ping in pings]
            packets = wire.stop()
    assert received == [PINGS] * 4
    return prove_encrypted(
        packets,
        inner=(SERVERS_HOST, *HOSTS.values()),
        pattern=PATTERN,
        sent=4 * PINGS,
        received=4 * PINGS,
    )


def both_ways(lab: Office, host: Namespace) -> tuple[Ping, Ping]:
    """Begin to ping between a client's LAN and the server's."""
    here = HOSTS[host.label]
    return (
        Ping(host, SERVERS_HOST, lab.folder, count=PINGS, source=here),
        Ping(lab.server, here, lab.folder, count=PINGS, source=SERVERS_HOST),
    )


SCENARIOS = {case: partial(tunnels_of_two, case) for case in CASES}


@pytest.fixture(scope="module")
def proofs() -> Iterator[Mapping[Callable[[], Proof], Future[Proof]]]:
    """Run all cases at once."""
    with running(list(SCENARIOS.values())) as futures:
        yield futures


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_client_has_its_own_tunnel(
    proofs: Mapping[Callable[[], Proof], Future[Proof]],
    case: Case,
    record_property: Callable[[str, object], None],
) -> None:
    """Both tunnels carry pings at once, both ways, and nothing crosses in clear."""
    record_property("result", proofs[SCENARIOS[case]].result())
