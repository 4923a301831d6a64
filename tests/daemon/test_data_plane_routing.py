"""What enters the tunnel and what keeps its path, and that nothing stays behind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.capture import Capture
from lab.gateways import (
    EAST_HOST,
    EAST_LAN,
    EAST_NET,
    EAST_WAN,
    INNER,
    WEST_HOST,
    WEST_LAN,
    WEST_NET,
    WEST_WAN,
    TwoGateways,
    two_gateways,
)
from lab.namespace import Namespace
from lab.ping import PATTERN, ping
from lab.proof import prove_encrypted
from lab.traffic import Kind, Packet
from tests.daemon.gateways import StaticGateway, flow, mirrored, tunnel

pytestmark = [pytest.mark.root, pytest.mark.namespaces]

EVERYWHERE = "0.0.0.0/0"
SEND_UDP = """
import socket
sending = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sending.bind(("{source}", {source_port}))
sending.sendto(b"clear or not", ("{destination}", {destination_port}))
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoGateways]:
    with two_gateways() as both:
        yield both


def send_udp(
    namespace: Namespace, source: str, source_port: int, destination: str, destination_port: int
) -> None:
    """Send one datagram."""
    script = SEND_UDP.format(
        source=source,
        source_port=source_port,
        destination=destination,
        destination_port=destination_port,
    )
    namespace.run("python3", "-c", script)


def routing_of(namespace: Namespace) -> str:
    """Print all rules and routes of a namespace."""
    shown = [
        namespace.ip(family, *what)
        for family in ("-4", "-6")
        for what in (("rule",), ("route", "show", "table", "all"))
    ]
    return "\n".join(shown)


def rp_filter(namespace: Namespace, mode: int) -> None:
    """Set the reverse path filter of all devices, present and future."""
    for scope in ("all", "default", "wan", "lan"):
        namespace.sysctl(f"ipv4.conf.{scope}.rp_filter", mode)


def in_clear(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.kind is Kind.OTHER]


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize(
    ("local", "remote"),
    [(WEST_NET, EAST_NET), (WEST_NET, EVERYWHERE), (EVERYWHERE, EVERYWHERE)],
)
@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_nothing_loops_whatever_the_selector_and_reverse_path_filter(
    lab: TwoGateways, mode: int, local: str, remote: str, udp: bool
) -> None:
    for gateway in (lab.west, lab.east):
        rp_filter(gateway, mode)
    with tunnel(lab, flow(local, remote, udp=udp)) as (west, east), lab.capture() as capture:
        echoes = ping(lab.west_host, EAST_HOST, lab.folder, count=3, interval=0.05)
        carried = west.carried(), east.carried()
    assert echoes.received == 3
    prove_encrypted(capture.packets, inner=INNER, pattern=PATTERN, sent=3, received=3)
    assert carried[0]["packets"] == carried[1]["packets"] == [3]
    esp = sum(packet.kind in (Kind.ESP, Kind.ESP_IN_UDP) for packet in capture.packets)
    assert esp == 6
    for gateway in (lab.west, lab.east):
        rp_filter(gateway, 0)


def test_the_gateway_still_reaches_its_own_lan_when_everything_else_is_tunnelled(
    lab: TwoGateways,
) -> None:
    with tunnel(lab, flow(WEST_NET, EVERYWHERE)) as (west, _):
        assert ping(lab.west, WEST_HOST, lab.folder, count=1, source=WEST_LAN).received == 1
        assert ping(lab.west_host, WEST_LAN, lab.folder, count=1).received == 1
        assert ping(lab.west_host, EAST_HOST, lab.folder, count=1).received == 1
        assert west.carried()["packets"] == [1]


def test_other_addresses_keep_their_path(lab: TwoGateways) -> None:
    lab.west_host.ip("address", "replace", "10.1.0.11/24", "dev", "lan")
    with tunnel(lab, flow(f"{WEST_HOST}/32", f"{EAST_HOST}/32")) as (west, _):
        with lab.capture() as capture:
            # another source, another destination, the gateways themselves
            assert ping(lab.west_host, EAST_HOST, lab.folder, 1, source="10.1.0.11").received == 1
            assert ping(lab.west_host, EAST_LAN, lab.folder, 1, source=WEST_HOST).received == 1
            assert ping(lab.west, EAST_WAN, lab.folder, 1).received == 1
        assert len(in_clear(capture.packets)) == 6
        assert west.carried()["packets"] == [0]


def test_other_protocols_keep_their_path(lab: TwoGateways) -> None:
    with tunnel(lab, flow(protocol=1)), lab.capture() as capture:
        assert ping(lab.west_host, EAST_HOST, lab.folder, 1).received == 1
        send_udp(lab.west_host, WEST_HOST, 1111, EAST_HOST, 2222)
    clear = in_clear(capture.packets)
    assert [(packet.octets[9], packet.source) for packet in clear if packet.octets[9] == 17] == [
        (17, WEST_HOST)
    ]
    # The answer to the datagram nobody waits for is ICMP, so it is protected.
    assert len(clear) == 1
    assert sum(packet.kind is Kind.ESP for packet in capture.packets) == 3


@pytest.mark.parametrize(
    ("ports", "tunnelled"),
    [
        ({"local_port": 1111}, [(1111, 2222), (1111, 3333)]),
        ({"remote_port": 2222}, [(1111, 2222), (4444, 2222)]),
        ({"local_port": 1111, "remote_port": 2222}, [(1111, 2222)]),
    ],
    ids=["local port", "remote port", "both ports"],
)
def test_other_ports_keep_their_path(
    lab: TwoGateways, ports: dict[str, int], tunnelled: list[tuple[int, int]]
) -> None:
    sent = [(1111, 2222), (1111, 3333), (4444, 2222), (4444, 3333)]
    with tunnel(lab, {**flow(protocol=17), **ports}) as (_, east), lab.capture() as capture:
        for source_port, destination_port in sent:
            send_udp(lab.west_host, WEST_HOST, source_port, EAST_HOST, destination_port)
        assert east.carried()["packets"] == [len(tunnelled)]
    in_view = [
        (int.from_bytes(packet.octets[20:22]), int.from_bytes(packet.octets[22:24]))
        for packet in in_clear(capture.packets)
        if packet.octets[9] == 17
    ]
    assert in_view == [pair for pair in sent if pair not in tunnelled]


def test_a_narrow_flow_beside_a_wide_one(lab: TwoGateways) -> None:
    wide, narrow = flow(number=1), flow(f"{WEST_HOST}/32", f"{EAST_HOST}/32", number=2)
    with tunnel(lab, wide, narrow) as (_, east):
        assert ping(lab.west_host, EAST_HOST, lab.folder, 1).received == 1
        assert ping(lab.west_host, EAST_LAN, lab.folder, 1, source=WEST_HOST).received == 1
        assert east.carried()["packets"] == [1, 1]


def test_a_clean_end_leaves_rules_and_routes_as_they_were(lab: TwoGateways) -> None:
    before = routing_of(lab.west)
    flows = (
        flow(),
        flow(EVERYWHERE, EVERYWHERE, number=1),
        flow("fd01::/64", "fd02::/64", number=2),
    )
    with tunnel(lab, *flows) as (west, _):
        during = routing_of(lab.west)
        assert west.device in during
        assert list((lab.folder / "west").iterdir())
    assert routing_of(lab.west) == before
    assert not list((lab.folder / "west").iterdir())


class TestCrash:
    """A killed daemon fails closed, and the next start puts everything right."""

    stranger: tuple[str, ...] = ("from", "198.51.100.7", "lookup", "4711", "priority", "20500")

    @pytest.fixture(autouse=True)
    def _strangers_rule(self, lab: TwoGateways) -> Iterator[None]:
        lab.west.ip("rule", "add", *self.stranger)
        yield
        lab.west.ip("rule", "delete", *self.stranger)

    def test_packets_of_a_flow_never_pass_in_clear(self, lab: TwoGateways) -> None:
        with tunnel(lab, flow()) as (west, _):
            west.kill()
            with lab.capture() as capture:
                echoes = ping(lab.west_host, EAST_HOST, lab.folder, 2)
        assert echoes.received == 0
        assert not capture.packets or not in_clear(capture.packets)
        self._restart(lab, [])

    def test_the_next_start_removes_what_was_left_and_nothing_else(self, lab: TwoGateways) -> None:
        before = routing_of(lab.west)
        with tunnel(lab, flow(), flow("fd01::/64", "fd02::/64", number=1)) as (west, _):
            west.kill()
            assert routing_of(lab.west) != before
        notes = self._restart(lab, [])
        assert routing_of(lab.west) == before
        assert any("killed predecessor" in note for note in notes)

    def test_the_next_start_carries_packets_again(self, lab: TwoGateways) -> None:
        before = routing_of(lab.west)
        with tunnel(lab, flow()) as (west, _):
            west.kill()
            with StaticGateway(lab.west, lab.folder / "west", [flow()]):
                assert ping(lab.west_host, EAST_HOST, lab.folder, 2).received == 2
        assert routing_of(lab.west) == before

    @staticmethod
    def _restart(lab: TwoGateways, flows: list[dict[str, Any]]) -> list[str]:
        with StaticGateway(lab.west, lab.folder / "west", flows) as west:
            return west.notes


class TestSeveralInstances:
    """Two daemons on one machine, each with its own run directory."""

    def test_each_has_its_own_device_table_and_mark(self, lab: TwoGateways, tmp_path: Path) -> None:
        before = routing_of(lab.west)
        with StaticGateway(lab.west, tmp_path / "one", [flow()], ports=(500, 4500)) as one:
            first = routing_of(lab.west)
            elsewhere = flow("10.1.9.0/24", "10.2.9.0/24")
            with StaticGateway(lab.west, tmp_path / "two", [elsewhere], ports=(501, 4501)) as two:
                assert one.device != two.device
            assert routing_of(lab.west) == first
            with StaticGateway(lab.east, tmp_path / "east", [mirrored(flow())]):
                assert ping(lab.west_host, EAST_HOST, lab.folder, 1).received == 1
        assert routing_of(lab.west) == before

    def test_one_run_directory_serves_one(self, lab: TwoGateways, tmp_path: Path) -> None:
        with (
            StaticGateway(lab.west, tmp_path / "one", [flow()]),
            pytest.raises(AssertionError, match="another isakmpd uses this run directory"),
        ):
            StaticGateway(lab.west, tmp_path / "one", [], ports=(501, 4501))

    def test_a_second_one_does_not_take_the_dead_ones_table(
        self, lab: TwoGateways, tmp_path: Path
    ) -> None:
        before = routing_of(lab.west)
        one = StaticGateway(lab.west, tmp_path / "one", [flow()])
        one.kill()
        with StaticGateway(lab.west, tmp_path / "two", [flow("10.1.9.0/24")]) as two:
            assert two.device != one.device
            with StaticGateway(lab.west, tmp_path / "one", [], ports=(501, 4501)):
                assert ping(lab.west, WEST_WAN, lab.folder, 1).received == 1
            assert two.device in routing_of(lab.west)
        assert routing_of(lab.west) == before


def test_the_wire_between_is_what_the_other_tests_look_at(lab: TwoGateways) -> None:
    """A capture on the LAN sees what the tunnel hides: the tests above do not pass by blindness."""
    lan = Capture(lab.west, "lan", lab.folder)
    with tunnel(lab, flow()), lan:
        ping(lab.west_host, EAST_HOST, lab.folder, 1)
    assert any(PATTERN in packet.octets for packet in lan.packets)
