"""Two whole daemons: what a connection protects never leaves in clear, and packets can begin it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.capture import Capture
from lab.deadline import until
from lab.gateways import EAST_HOST, EAST_WAN, INNER, WEST_WAN, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from lab.ping import PATTERN, Ping, ping
from lab.traffic import ENCRYPTED, Packet
from tests.interop.configurations import CONNECTION, EAST_TO_WEST, Gateway

pytestmark = [pytest.mark.namespaces, pytest.mark.root]


@pytest.fixture
def lab() -> Iterator[TwoGateways]:
    """Two gateways with a host behind each, which reach each other in clear without a tunnel."""
    with two_gateways() as gateways:
        yield gateways


def gateway(host: Namespace, folder: Path, text: Gateway, tags: str = "") -> Isakmpd:
    """A gateway with tags added to its connection."""
    marker = f"ISAKMP-peer= {text.name}\n"
    assert str(text).count(marker) == 1
    return Isakmpd(host, folder, str(text).replace(marker, f"{marker}{tags}\n"))


def west(lab: TwoGateways, tags: str = "") -> Isakmpd:
    """The west gateway, whose connection is listed in [Phase 2]:Connections."""
    text = Gateway(begins=True, general={"Check-interval": 2})
    return gateway(lab.west, lab.folder, text, tags)


def east(lab: TwoGateways, *, begins: bool = False) -> Isakmpd:
    """The east gateway, which answers, and begins too if told so."""
    text = Gateway(EAST_WAN, WEST_WAN, (EAST_TO_WEST,), begins, general={"Check-interval": 2})
    return gateway(lab.east, lab.folder, text)


def answered_anew(pings: Ping) -> None:
    """Wait until a ping sent from now on is answered."""
    before = pings.output().count("icmp_seq=")
    until(lambda: pings.output().count("icmp_seq=") > before + 5, 20, "an answer")


def in_clear(wire: Capture) -> list[Packet]:
    """List the packets of the LANs that crossed unprotected."""
    return [
        packet
        for packet in wire.stop()
        if packet.kind not in ENCRYPTED
        and (PATTERN in packet.octets or any(packet.contains(address) for address in INNER))
    ]


def test_without_the_daemon_the_hosts_talk_in_clear(lab: TwoGateways) -> None:
    """Else the other tests would prove nothing."""
    with lab.capture() as wire:
        assert ping(lab.west_host, EAST_HOST, lab.folder).received == 3
    assert in_clear(wire)


def test_nothing_leaves_in_clear_whatever_becomes_of_the_tunnel(lab: TwoGateways) -> None:
    """Peer not there yet, tunnel up, taken down by hand, a peer killed, ourselves killed, back."""
    ours, theirs = west(lab), east(lab, begins=True)
    with ours, lab.capture() as wire:
        pings = Ping(lab.west_host, EAST_HOST, lab.folder, interval=0.02)
        with theirs:
            ours.wait_tunnel(CONNECTION)
            answered_anew(pings)
            ours.command(f"t {CONNECTION}")
            ours.command(f"c {CONNECTION}")
            ours.wait_tunnel(CONNECTION)
            answered_anew(pings)
            theirs.kill()
            ours.restart()
            theirs.start()
            ours.wait_tunnel(CONNECTION)
            answered_anew(pings)
            echoes = pings.stop()
    assert echoes.received > 15
    assert in_clear(wire) == []


def test_without_sa_clear_lets_packets_pass_as_the_original_did(lab: TwoGateways) -> None:
    """Whoever asks for it gets connectivity first."""
    with west(lab, "Without-SA= clear"), lab.capture() as wire:
        assert ping(lab.west_host, EAST_HOST, lab.folder).received == 3
    assert in_clear(wire)


def test_the_orderly_end_of_the_daemon_opens_the_way(lab: TwoGateways) -> None:
    """A connection that is removed is nobody's business any more."""
    with west(lab):
        assert ping(lab.west_host, EAST_HOST, lab.folder).received == 0
    assert ping(lab.west_host, EAST_HOST, lab.folder).received == 3


def test_packets_bring_up_a_connection_on_demand_and_none_is_lost(lab: TwoGateways) -> None:
    """They wait for the SA they asked for; nothing is negotiated before them."""
    with west(lab, "Flags= on-demand") as ours, east(lab), lab.capture() as wire:
        assert CONNECTION not in ours.show()
        assert ping(lab.west_host, EAST_HOST, lab.folder).received == 3
        assert f"SA name: {CONNECTION} (Phase 2)" in ours.show()
    assert in_clear(wire) == []
