"""A simulated NAT translates, forgets and drops as RFC 4787 allows, and as most boxes do."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from isakmpd.ike.ipsec import UdpEncapsulation
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.memory_packets import InnerPacket, MemoryEsp
from isakmpd.simulation.nat import Nat
from isakmpd.simulation.packets import (
    Datagram,
    End,
    Keepalive,
    Packet,
    destination,
    source,
    with_destination,
)

pytestmark = pytest.mark.simulation

OUTSIDE = ip_address("198.51.100.1")
ANNA = ip_address("192.168.1.10")
BERT = ip_address("192.168.1.11")
SERVER = ip_address("192.0.2.1")
STRANGER = ip_address("203.0.113.9")

INNER = InnerPacket(ANNA, SERVER, b"inner")
PACKETS: dict[str, Packet] = {
    "IKE": Datagram(Transport(ANNA, 4500, SERVER, 4500), b"ike"),
    "keepalive": Keepalive(Transport(ANNA, 4500, SERVER, 4500)),
    "ESP in UDP": MemoryEsp(ANNA, SERVER, UdpEncapsulation(4500, 4500), (), INNER),
}


@pytest.fixture
def nat() -> Nat:
    return Nat(OUTSIDE, timeout=60.0)


def ike(address: object, port: int = 500) -> Datagram:
    """Give a datagram from an inside host to the server."""
    inside = ip_address(str(address))
    return Datagram(Transport(inside, port, SERVER, port), b"ike")


def sent(nat: Nat, packet: Packet, now: float = 0.0) -> Packet:
    """Send a packet out through the NAT."""
    outside = nat.outbound(packet, now)
    assert outside is not None
    return outside


def answered(nat: Nat, outside: Packet, now: float = 1.0) -> Packet | None:
    """Have the receiver of a translated packet answer it."""
    remote, ours = destination(outside), source(outside)
    assert remote.port is not None
    assert ours.port is not None
    transport = Transport(remote.address, remote.port, ours.address, ours.port)
    return nat.inbound(Datagram(transport, b"answer"), now)


@pytest.mark.parametrize("kind", PACKETS)
def test_whatever_travels_in_udp_gets_the_outside_address_and_a_port(nat: Nat, kind: str) -> None:
    outside = sent(nat, PACKETS[kind])
    assert source(outside).address == OUTSIDE
    assert source(outside).port != 4500
    assert destination(outside) == End(SERVER, 4500)
    back = answered(nat, outside)
    assert back is not None
    assert destination(back) == End(ANNA, 4500)


def test_bare_esp_does_not_pass(nat: Nat) -> None:
    assert nat.outbound(MemoryEsp(ANNA, SERVER, None, (), INNER), 0) is None
    assert nat.inbound(MemoryEsp(SERVER, OUTSIDE, None, (), INNER), 0) is None
    assert nat.dropped == 2


def test_each_host_and_port_has_its_own_mapping_whatever_the_destination(nat: Nat) -> None:
    ends = [source(sent(nat, ike(host, port))) for host in (ANNA, BERT) for port in (500, 4500)]
    assert len(set(ends)) == 4
    elsewhere = with_destination(ike(ANNA), STRANGER, 500)
    assert source(sent(nat, elsewhere)) == ends[0]


def test_only_who_was_spoken_to_is_let_in(nat: Nat) -> None:
    outside = source(sent(nat, ike(ANNA)))
    assert outside.port is not None
    for address, port in ((STRANGER, 500), (SERVER, 4500)):
        transport = Transport(address, port, OUTSIDE, outside.port)
        assert nat.inbound(Datagram(transport, b"unasked"), 1) is None


@pytest.mark.parametrize(("silence", "same"), [(59.0, True), (61.0, False)])
def test_a_mapping_ends_when_its_conversation_does(nat: Nat, silence: float, same: bool) -> None:
    first = sent(nat, ike(ANNA), 0.0)
    assert answered(nat, first, 30.0)
    assert (answered(nat, first, 30.0 + silence) is not None) is same
    again = sent(nat, ike(ANNA), 60.0 + silence)
    assert (source(again) == source(first)) is same


def test_rebinding_gives_other_ports_and_moving_another_address(nat: Nat) -> None:
    first = sent(nat, ike(ANNA))
    nat.rebind()
    assert answered(nat, first) is None
    second = sent(nat, ike(ANNA))
    assert source(second).address == OUTSIDE
    assert source(second) != source(first)
    nat.move()
    third = sent(nat, ike(ANNA))
    assert source(third).address not in (OUTSIDE, SERVER)
    assert answered(nat, second) is None


def test_a_forwarded_port_is_open_to_all_and_stays(nat: Nat) -> None:
    nat.forward(500, ANNA)
    nat.rebind()
    nat.move()
    unasked = Datagram(Transport(STRANGER, 1, OUTSIDE, 500), b"unasked")
    inside = nat.inbound(unasked, 1000.0)
    assert inside == replace(unasked, transport=Transport(STRANGER, 1, ANNA, 500))
    assert source(sent(nat, ike(ANNA))) == End(OUTSIDE, 500)
    assert source(sent(nat, ike(BERT))).port != 500
