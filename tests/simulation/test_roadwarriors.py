"""A server whose clients share NATs, addresses and ports keeps them apart."""

from collections.abc import Iterator

import pytest

from isakmpd.simulation import roadwarriors
from isakmpd.simulation.agreement import count_sas, disagreements, leftovers
from isakmpd.simulation.node import Node
from isakmpd.simulation.traffic import Conversation, Ports, answering, misdelivered
from isakmpd.simulation.world import World

pytestmark = pytest.mark.simulation

TAGS = {"suites": "QM-ESP-TRP-AES-128-SHA-PFS-GRP1-SUITE", "transforms": "AES-128-SHA-GRP1"}
PORTS = Ports(roadwarriors.L2TP_PORT, roadwarriors.L2TP_PORT)


class DialIn:
    """Hold an L2TP server and the clients that speak to it."""

    def __init__(self, *, behind: bool, exchange: str) -> None:
        self.world = World(f"dial in {behind} {exchange}")
        tags = {**TAGS, "exchange": exchange}
        self.server, *self.clients = roadwarriors.place(self.world, tags, behind=behind, l2tp=True)
        answering(self.server, self.clients)
        self.talks = [
            Conversation(
                self.world, client, self.server, 2.0, address=roadwarriors.SERVER, ports=PORTS
            )
            for client in self.clients
        ]
        self.world.run(5)
        for talk in self.talks:
            talk.go_on(1e9)

    def __iter__(self) -> Iterator[Node]:
        yield from (self.server, *self.clients)

    def wait(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.world.run(self.world.now + seconds)


@pytest.mark.parametrize("exchange", ["ID_PROT", "AGGRESSIVE"])
@pytest.mark.parametrize("behind", [False, True], ids=["open server", "server behind a NAT"])
def test_every_client_of_an_l2tp_server_gets_its_own_answers(behind: bool, exchange: str) -> None:
    """An hour, in which both phases are rekeyed and one NAT restarts."""
    scene = DialIn(behind=behind, exchange=exchange)
    scene.wait(300)
    scene.world.nats["anna"].rebind()
    scene.wait(3300)
    assert not [line for node in scene for line in misdelivered(node)]
    for client, talk in zip(scene.clients, scene.talks, strict=True):
        assert talk.missing(until=scene.world.now - 1) == []
        assert len(client.received) > 0.99 * len(scene.server.received) / len(scene.clients)
    assert count_sas(scene.server) == len(scene.clients)
    assert not disagreements(*scene)
    assert not [left for node in scene for left in leftovers(node)]


def test_a_client_that_leaves_takes_only_its_own_sas_along() -> None:
    scene = DialIn(behind=False, exchange="ID_PROT")
    scene.wait(30)
    anna, *others = scene.clients
    anna.leave()
    scene.wait(5)
    assert count_sas(scene.server) == len(others)
    before = [len(client.received) for client in others]
    scene.wait(30)
    assert all(
        len(client.received) >= number + 14 for client, number in zip(others, before, strict=True)
    )
