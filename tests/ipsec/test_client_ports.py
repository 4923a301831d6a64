"""The ports under which the host sees clients behind one NAT."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from isakmpd.ike.ipsec import Selector
from isakmpd.ipsec.client_ports import (
    FIRST_PORT,
    LAST_PORT,
    MOST_PORTS,
    Client,
    ClientPorts,
    Place,
    seen_port,
)

UDP = 17
NAT = ip_address("198.51.100.7")
ANY = Selector(ip_network("203.0.113.9"), ip_network("198.51.100.7"), UDP)
L2TP = Selector(ANY.local, ANY.remote, UDP, 1701, 1701)


def enter(ports: ClientPorts, number: int, selector: Selector = ANY) -> Client:
    return ports.enter(NAT, Place(NAT, 61000 + number), selector)


def test_one_place_is_one_client_as_long_as_it_has_sas() -> None:
    ports = ClientPorts()
    first, again = enter(ports, 1, L2TP), enter(ports, 1, L2TP)
    assert first is again
    ports.leave(first, L2TP)
    assert ports.owner(int(NAT), UDP, 1701) == (first, 1701)
    ports.leave(again, L2TP)
    assert ports.owner(int(NAT), UDP, 1701) is None
    assert not ports


def test_the_earliest_keeps_its_port_and_the_others_get_one() -> None:
    ports = ClientPorts()
    clients = [enter(ports, number, L2TP) for number in range(3)]
    seen = [client.ports[UDP, 1701] for client in clients]
    assert seen == [1701, FIRST_PORT, FIRST_PORT + 1]
    assert [ports.owner(int(NAT), UDP, port) for port in seen] == [(one, 1701) for one in clients]


def test_nobody_gets_the_port_another_is_seen_at() -> None:
    ports = ClientPorts()
    first, second = enter(ports, 1), enter(ports, 2)
    assert seen_port(second, UDP, 5555) == FIRST_PORT
    assert seen_port(first, UDP, FIRST_PORT) == FIRST_PORT + 1
    assert seen_port(second, UDP, 6666) == FIRST_PORT + 2
    assert seen_port(first, UDP, 6666) == 6666


def test_protocols_have_ports_of_their_own() -> None:
    ports = ClientPorts()
    enter(ports, 1)
    second = enter(ports, 2)
    for protocol in (UDP, 6):
        second.neighbours.next_port = FIRST_PORT
        assert seen_port(second, protocol, 5555) == FIRST_PORT


def test_a_port_rests_before_it_is_given_again() -> None:
    ports = ClientPorts()
    enter(ports, 1)
    assert enter(ports, 2, L2TP).ports[UDP, 1701] == FIRST_PORT
    ports.leave(enter(ports, 2), ANY)
    ports.leave(enter(ports, 2), ANY)
    assert enter(ports, 3, L2TP).ports[UDP, 1701] == FIRST_PORT + 1


def test_addresses_have_ports_of_their_own() -> None:
    ports = ClientPorts()
    enter(ports, 1, L2TP)
    elsewhere = ip_address("198.51.100.8")
    assert ports.enter(elsewhere, Place(elsewhere, 4500), L2TP).ports == {(UDP, 1701): 1701}


def test_a_client_holds_so_many_and_no_more_but_what_its_selectors_name() -> None:
    ports = ClientPorts()
    enter(ports, 1)
    client = enter(ports, 2, L2TP)
    for port in range(2000, 2000 + 2 * MOST_PORTS):
        seen_port(client, UDP, port)
    assert len(client.ports) == MOST_PORTS + 1
    assert (UDP, 1701) in client.ports
    assert len(client.neighbours.owners) == MOST_PORTS + 1


def test_a_port_that_no_selector_names_any_more_is_one_like_others() -> None:
    """Else a client could take every port from its neighbours, one quick mode after another."""
    ports = ClientPorts()
    enter(ports, 1)
    client = enter(ports, 2, L2TP)
    for port in range(2000, 2000 + 3 * MOST_PORTS):
        named = replace(L2TP, remote_port=port)
        enter(ports, 2, named)
        ports.leave(enter(ports, 2, named), named)
        assert (UDP, port) in client.named
        ports.leave(client, named)
    assert set(client.named) == {(UDP, 1701)}
    assert len(client.ports) <= MOST_PORTS + 2
    assert (UDP, 1701) in client.ports


def test_when_all_are_taken_there_is_none() -> None:
    ports = ClientPorts()
    enter(ports, 0)
    clients = [enter(ports, number) for number in range(1, 18)]
    every = range(FIRST_PORT, LAST_PORT + 1)
    for number, _ in enumerate(every):
        seen_port(clients[number // MOST_PORTS], UDP, number % MOST_PORTS)
    with pytest.raises(LookupError, match="49152 to 65535 are taken"):
        seen_port(clients[16], UDP, 5555)
