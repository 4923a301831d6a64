"""A tunnel with strongSwan through a NAT that gives every flow another port, either side behind."""

import struct
from collections.abc import Iterator

import pytest

from lab.capture import Capture
from lab.gateways import (
    EAST_LAN,
    EAST_NET,
    EAST_WAN,
    INNER,
    WEST_LAN,
    WEST_NET,
    WEST_WAN,
    TwoGateways,
)
from lab.isakmpd import Isakmpd
from lab.nat import WEST_PRIVATE, across_nat
from lab.ping import PATTERN, ping
from lab.proof import prove_encrypted
from lab.strongswan import StrongSwan, gateway_configuration
from lab.traffic import ENCRYPTED, Packet
from tests.interop.configurations import CONNECTION, EAST_TO_WEST, Gateway

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]


@pytest.fixture
def lab() -> Iterator[TwoGateways]:
    """Two gateways, the west one behind a NAT."""
    with across_nat() as gateways:
        yield gateways


def prove_through_nat(lab: TwoGateways, wire: Capture) -> None:
    """Ping both ways; on the public side every ESP packet of west comes from a translated port."""
    there = ping(lab.west, EAST_LAN, lab.folder, source=WEST_LAN)
    back = ping(lab.east, WEST_LAN, lab.folder, source=EAST_LAN)
    assert (there.received, back.received) == (3, 3)
    packets = wire.stop()
    prove_encrypted(packets, inner=INNER, pattern=PATTERN, sent=6, received=6)
    ports = {
        source_port(one) for one in packets if one.kind in ENCRYPTED and one.source == WEST_WAN
    }
    assert len(ports) == 1
    assert ports != {4500}


def source_port(packet: Packet) -> int:
    """Read the source port of a UDP packet without IP options."""
    (port,) = struct.unpack_from("!H", packet.octets, 20)
    return int(port)


def test_our_daemon_is_behind_the_nat(lab: TwoGateways) -> None:
    """We float to port 4500 and keep answering a charon that sees us under another port."""
    charon = StrongSwan(lab.east, lab.folder)
    charon.configure(
        gateway_configuration(
            local=EAST_WAN,
            remote=WEST_WAN,
            remote_id=WEST_PRIVATE,
            local_net=EAST_NET,
            remote_net=WEST_NET,
        )
    )
    ours = Isakmpd(lab.west, lab.folder, str(Gateway(WEST_PRIVATE, begins=True)))
    with charon, Capture(lab.east, "wan", lab.folder) as wire, ours:
        ours.wait_tunnel(CONNECTION)
        charon.wait_children(1)
        prove_through_nat(lab, wire)


def test_strongswan_is_behind_the_nat(lab: TwoGateways) -> None:
    """We answer a charon under whatever port the NAT gives it, in both phases and in ESP."""
    charon = StrongSwan(lab.west, lab.folder)
    charon.configure(
        gateway_configuration(
            local=WEST_PRIVATE, remote=EAST_WAN, local_net=WEST_NET, remote_net=EAST_NET
        )
    )
    ours = Isakmpd(lab.east, lab.folder, str(Gateway(EAST_WAN, WEST_WAN, (EAST_TO_WEST,))))
    with charon, Capture(lab.east, "wan", lab.folder) as wire, ours:
        charon.initiate(CONNECTION)
        ours.wait_tunnel(CONNECTION)
        prove_through_nat(lab, wire)
