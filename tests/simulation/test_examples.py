"""The examples do what they say: both ends meet, or one meets a peer of its kind."""

from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.simulation.agreement import disagreements
from isakmpd.simulation.nat import Nat
from isakmpd.simulation.node import Node
from isakmpd.simulation.world import World
from isakmpd.wire.numbers import EncapsulationMode

pytestmark = pytest.mark.simulation
EXAMPLES = Path(__file__).parents[2] / "examples"
SERVER = IPv4Address("203.0.113.1")
GATEWAY = IPv4Address("203.0.113.9")
HOST = IPv4Address("192.168.1.10")
HOUSES = IPv4Address("198.51.100.20"), IPv4Address("198.51.100.21")
ASSIGNED = "10.9.0.7"
# The example's other end: a concentrator that knows the group, and gives a user an address.
CONCENTRATOR = f"""\
[Phase 1]
Default= sales

[Phase 2]
Passive-connections= office

[sales]
Phase= 1
Configuration= aggressive-mode
Authentication= the key of the group
Flags= ikecfg

[aggressive-mode]
EXCHANGE_TYPE= AGGRESSIVE
Transforms= 3DES-SHA-GRP2

[ufqdn/user@example.com]
Mode= GET
Attributes= Lifetime
Address= {ASSIGNED}

[office]
Phase= 2
ISAKMP-peer= sales
Configuration= quick-mode
Local-ID= office-lan

[office-lan]
ID-type= IPV4_ADDR_SUBNET
Network= 10.0.0.0
Netmask= 255.0.0.0

[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-3DES-SHA-SUITE
"""


def example(name: str) -> str:
    """Read an example."""
    return (EXAMPLES / name).read_text()


def read(text: str) -> Configuration:
    """Read a configuration in which nothing is wrong."""
    found = parse(text, "isakmpd.conf")
    assert not found.problems, [str(problem) for problem in found.problems]
    return found


def test_clients_of_the_l2tp_server_in_two_houses() -> None:
    """Both have the same address at home, and each has SAs of its own with the server."""
    world = World("l2tp-example")
    server = world.add("server", SERVER, read(example("l2tp-server/server.conf")))
    clients = [
        world.add(
            f"client-{number}", HOST, read(example("l2tp-server/client.conf")), nat=Nat(house)
        )
        for number, house in enumerate(HOUSES)
    ]
    world.run(10)
    assert not disagreements(server, *clients)
    assert len(server.stack.flows) == 2
    for node in (server, *clients):
        sas = node.stack.sas.values()
        assert {(sa.mode, sa.udp is not None) for sa in sas} == {
            (EncapsulationMode.TRANSPORT, True)
        }


def client_of_the_concentrator(text: str) -> tuple[Node, Node]:
    """Let a client meet a concentrator."""
    world = World("vendor-example")
    concentrator = world.add("concentrator", GATEWAY, read(CONCENTRATOR))
    client = world.add("client", HOST, read(text), nat=Nat(HOUSES[0]))
    world.run(30)
    return concentrator, client


def test_a_user_of_the_concentrator_reaches_the_office() -> None:
    """With the USER_FQDN that the example's comment names, the tunnel is from what was assigned."""
    text = example("vendor-gateway/isakmpd.conf")
    named = text.replace(
        "KEY_ID\nName=			SALES", "USER_FQDN\nName=			user@example.com"
    )
    assert named != text
    concentrator, client = client_of_the_concentrator(named)
    assert not disagreements(concentrator, client)
    (flow,) = client.stack.flows
    assert flow.selector.local == ip_network(ASSIGNED)
    assert flow.selector.remote == ip_network("10.0.0.0/8")
    assert len(concentrator.stack.flows) == 1


def test_a_group_without_an_address_is_told_so() -> None:
    """The group proves itself as it is written; who gives it no address is named."""
    _, client = client_of_the_concentrator(example("vendor-gateway/isakmpd.conf"))
    assert not client.stack.flows
    lines = [line.text for line in client.log if "mode config has brought none" in line.text]
    assert lines
    assert "[ipv4/203.0.113.9]:Attributes asks for one" in lines[0]


def test_travellers_have_addresses_of_their_own() -> None:
    """Each, behind a NAT of its own, is known by its name and has the address of that name."""
    world = World("travellers-example")
    gateway = world.add("gateway", SERVER, read(example("road-warriors/gateway.conf")))
    ann = example("road-warriors/ann.conf")
    keys = read(example("road-warriors/gateway.conf")).keys_by_id
    shown = {name: keys[f"{name}@example.com"].reveal().hex() for name in ("ann", "bob")}
    bob = ann.replace("ann@", "bob@").replace(shown["ann"], shown["bob"])
    travellers = [
        world.add(name, HOST, read(text), nat=Nat(house))
        for name, text, house in zip(("ann", "bob"), (ann, bob), HOUSES, strict=True)
    ]
    world.run(30)
    assert not disagreements(gateway, *travellers)
    assert [str(flow.selector.local) for one in travellers for flow in one.stack.flows] == [
        "10.9.0.7/32",
        "10.9.0.8/32",
    ]
    assert len(gateway.stack.flows) == 2
