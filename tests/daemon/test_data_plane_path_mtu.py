"""Packets too big for the path between the gateways, with a router on it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from isakmpd.daemon.data_plane import PATH_MTU_INTERVAL
from lab.capture import Capture
from lab.deadline import until
from lab.gateways import EAST_NET, WEST_NET
from lab.link import Port, connect
from lab.namespace import Namespace
from lab.ping import PATTERN, Ping, ping
from lab.traffic import ENCRYPTED
from tests.daemon.gateways import StaticGateway, flow, mirrored

pytestmark = [pytest.mark.root, pytest.mark.namespaces]

WEST, EAST = "192.0.2.1", "198.51.100.1"
WEST_LAN, EAST_LAN, EAST_HOST = "10.1.0.1", "10.2.0.1", "10.2.0.10"
EVERYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Routed:
    """Two gateways that reach each other through a router, a host behind each."""

    west: Namespace
    router: Namespace
    east: Namespace
    west_host: Namespace
    east_host: Namespace
    folder: Path

    def narrow(self, mtu: int) -> None:
        """Give the far half of the path another MTU, of which west hears only from the router."""
        self.router.ip("link", "set", "east", "mtu", f"{mtu}")
        self.east.ip("link", "set", "wan", "mtu", f"{mtu}")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Routed]:
    with contextlib.ExitStack() as stack:
        west, router, east, west_host, east_host = (
            stack.enter_context(Namespace(label))
            for label in ("west", "router", "east", "west-host", "east-host")
        )
        connect(Port(west, "wan", (f"{WEST}/24",)), Port(router, "west", ("192.0.2.254/24",)))
        connect(Port(east, "wan", (f"{EAST}/24",)), Port(router, "east", ("198.51.100.254/24",)))
        connect(Port(west, "lan", (f"{WEST_LAN}/24",)), Port(west_host, "lan", ("10.1.0.10/24",)))
        connect(
            Port(east, "lan", (f"{EAST_LAN}/24",)), Port(east_host, "lan", (f"{EAST_HOST}/24",))
        )
        for namespace in (west, router, east):
            namespace.forward()
        west.route("default", "192.0.2.254")
        east.route("default", "198.51.100.254")
        west_host.route("default", WEST_LAN)
        east_host.route("default", EAST_LAN)
        yield Routed(west, router, east, west_host, east_host, tmp_path_factory.mktemp("mtu"))


@contextlib.contextmanager
def tunnel(
    lab: Routed, local: str = WEST_NET, remote: str = EAST_NET, udp: bool = False
) -> Iterator[tuple[StaticGateway, StaticGateway]]:
    one = {**flow(local, remote, udp=udp), "there": EAST}
    with (
        StaticGateway(lab.west, lab.folder / "west", [one]) as west,
        StaticGateway(lab.east, lab.folder / "east", [mirrored(one)]) as east,
    ):
        yield west, east
    # What a kernel has learned of a path outlives the tunnel.
    for namespace in (lab.west, lab.east, lab.west_host, lab.east_host):
        namespace.ip("route", "flush", "cache")
    lab.narrow(1500)


def device_mtu(lab: Routed, gateway: StaticGateway) -> int:
    """Tell the MTU of west's TUN device."""
    shown = lab.west.ip("-o", "link", "show", gateway.device)
    return int(shown.split(" mtu ")[1].split()[0])


def pings(lab: Routed, size: int, *more: str, count: int = 3) -> tuple[int, str]:
    """Ping with ``size`` octets of payload; give the echoes received and what ping said."""
    running = Ping(
        lab.west_host, EAST_HOST, lab.folder, count=count, interval=0.1, size=size, more=more
    )
    return running.wait().received, running.output()


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
class TestPathMtu:
    """The path between the gateways takes 1500 octets at first, then less."""

    def test_senders_with_df_learn_what_fits(self, lab: Routed, udp: bool) -> None:
        with tunnel(lab, udp=udp) as (west, _):
            mtu = device_mtu(lab, west)
            received, output = pings(lab, 1472, "-M", "do")
            assert received == 0
            assert f"mtu={mtu}" in output or f"mtu = {mtu}" in output
            assert pings(lab, mtu - 28, "-M", "do")[0] == 3
            assert pings(lab, mtu - 27, "-M", "do")[0] == 0

    def test_senders_without_df_are_carried(self, lab: Routed, udp: bool) -> None:
        wire = Capture(lab.west, "wan", lab.folder)
        with tunnel(lab, udp=udp), wire:
            assert pings(lab, 1472, "-M", "dont")[0] == 3
            assert pings(lab, 5000, "-M", "dont")[0] == 3
        internet = [packet for packet in wire.packets if packet.source]  # not ARP
        assert all(packet.kind in ENCRYPTED for packet in internet)
        # Cut before they are encrypted: no outer packet is a fragment.
        assert not any(packet.octets[6] & 0x3F or packet.octets[7] for packet in internet)

    def test_a_path_that_narrows_is_noticed(self, lab: Routed, udp: bool) -> None:
        with tunnel(lab, udp=udp) as (west, _):
            assert pings(lab, 1400, "-M", "do")[0] == 3
            lab.narrow(1300)

            def learned() -> bool:
                ping(lab.west_host, EAST_HOST, lab.folder, 1)
                pings(lab, 1300, count=1)
                return device_mtu(lab, west) < 1300

            until(learned, 15, "the narrower path")
            received, output = pings(lab, 1300, "-M", "do")
            assert received == 0
            assert "mtu" in output
            assert pings(lab, 1200, "-M", "do")[0] == 3

    def test_without_df_a_narrowing_path_costs_at_most_the_first_packets(
        self, lab: Routed, udp: bool
    ) -> None:
        with tunnel(lab, udp=udp):
            assert pings(lab, 1400, "-M", "dont")[0] == 3
            lab.narrow(1300)
            assert pings(lab, 1400, "-M", "dont", count=10)[0] >= 8


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_nothing_loops_when_the_peer_is_behind_the_default_route(
    lab: Routed, mode: int, udp: bool
) -> None:
    for namespace in (lab.west, lab.east):
        for scope in ("all", "wan", "default"):
            namespace.sysctl(f"ipv4.conf.{scope}.rp_filter", mode)
    wire = Capture(lab.west, "wan", lab.folder)
    with tunnel(lab, EVERYWHERE, EVERYWHERE, udp) as (west, east), wire:
        assert pings(lab, 100)[0] == 3
        assert (west.carried()["packets"], east.carried()["packets"]) == ([3], [3])
    assert sum(packet.kind in ENCRYPTED for packet in wire.packets) == 6
    assert not any(PATTERN in packet.octets for packet in wire.packets)


def test_the_question_for_the_path_mtu_does_not_enter_the_tunnel(lab: Routed) -> None:
    """It would learn the tunnel's own MTU as the path's, and less at every further question."""
    with tunnel(lab, EVERYWHERE, EVERYWHERE) as (west, _):
        before = device_mtu(lab, west)
        time.sleep(PATH_MTU_INTERVAL + 0.5)
        assert device_mtu(lab, west) == before > 1400


def test_a_host_selector_takes_the_hosts_own_packets_and_not_its_esp(lab: Routed) -> None:
    """Ping names no source: the kernel chooses it after it has chosen the route."""
    with tunnel(lab, f"{WEST}/32", EAST_NET) as (west, _):
        assert ping(lab.west, EAST_HOST, lab.folder, 2).received == 2
        assert west.carried()["packets"] == [2]
