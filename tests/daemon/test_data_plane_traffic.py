"""Packets through two data planes in network namespaces: encrypted, and only those of a flow."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.capture import Capture
from lab.gateways import EAST_HOST, EAST_WAN, INNER, WEST_HOST, WEST_NET, TwoGateways, two_gateways
from lab.ping import PATTERN, Ping, ping
from lab.proof import NotProvedError, prove_encrypted
from lab.traffic import ENCRYPTED, Kind, count
from tests.daemon.gateways import flow, tunnel
from tests.daemon.static_gateway import ALGORITHMS

pytestmark = [pytest.mark.root, pytest.mark.namespaces]


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoGateways]:
    with two_gateways() as both:
        yield both


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_every_algorithm_carries_pings(lab: TwoGateways, udp: bool) -> None:
    """Each algorithm has a flow to an address of its own, so that one capture proves all."""
    hosts = {name: f"10.2.0.{100 + number}" for number, name in enumerate(ALGORITHMS)}
    flows = [
        flow(remote=f"{host}/32", algorithm=name, number=number, udp=udp)
        for number, (name, host) in enumerate(hosts.items())
    ]
    for host in hosts.values():
        lab.east_host.ip("address", "replace", f"{host}/24", "dev", "lan")
    with tunnel(lab, *flows) as (west, east), lab.capture() as capture:
        answered = {
            name: ping(lab.west_host, host, lab.folder, count=2, interval=0.01).received
            for name, host in hosts.items()
        }
        carried = (west.carried(), east.carried())
    each = {"drops": {}, "packets": [2] * len(hosts)}
    assert answered == dict.fromkeys(hosts, 2)
    assert carried == (each, each)
    pings = 2 * len(hosts)
    inner = (*INNER, *hosts.values())
    prove_encrypted(capture.packets, inner=inner, pattern=PATTERN, sent=pings, received=pings)
    expected, other = (Kind.ESP_IN_UDP, Kind.ESP) if udp else (Kind.ESP, Kind.ESP_IN_UDP)
    kinds = count(capture.packets)
    assert (kinds[expected], kinds.get(other, 0)) == (2 * pings, 0)


def test_without_a_data_plane_the_same_proof_fails(lab: TwoGateways) -> None:
    with lab.capture() as capture:
        echoes = ping(lab.west_host, EAST_HOST, lab.folder, count=2, interval=0.01)
    with pytest.raises(NotProvedError):
        prove_encrypted(
            capture.packets, inner=INNER, pattern=PATTERN, sent=2, received=echoes.received
        )


def test_the_gateway_itself_is_protected_when_it_speaks_from_its_lan(lab: TwoGateways) -> None:
    with tunnel(lab, flow()), lab.capture() as capture:
        echoes = ping(lab.west, EAST_HOST, lab.folder, count=2, source="10.1.0.1")
    assert echoes.received == 2
    prove_encrypted(capture.packets, inner=INNER, pattern=PATTERN, sent=2, received=2)


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_ipv6_inside_ipv4(lab: TwoGateways, udp: bool) -> None:
    nets = {"west": "fd01::/64", "east": "fd02::/64"}
    for gateway, host, net in (
        (lab.west, lab.west_host, "fd01::"),
        (lab.east, lab.east_host, "fd02::"),
    ):
        for namespace, end in ((gateway, "1"), (host, "10")):
            namespace.sysctl("ipv6.conf.lan.disable_ipv6", 0)
            for address in (f"fe80::{end}", f"{net}{end}"):  # routers solicit from the first
                namespace.ip("address", "replace", f"{address}/64", "dev", "lan", "nodad")
        host.ip("-6", "route", "replace", "default", "via", f"{net}1")
    with tunnel(lab, flow(nets["west"], nets["east"], udp=udp)), lab.capture() as capture:
        echoes = ping(lab.west_host, "fd02::10", lab.folder, count=2)
    assert echoes.received == 2
    prove_encrypted(
        capture.packets, inner=("fd01::10", "fd02::10"), pattern=PATTERN, sent=2, received=2
    )


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_ipv4_inside_ipv6(lab: TwoGateways, udp: bool) -> None:
    ends = {"here": "2001:db8::1", "there": "2001:db8::2"}
    for gateway, address in zip((lab.west, lab.east), ends.values(), strict=True):
        gateway.sysctl("ipv6.conf.wan.disable_ipv6", 0)
        gateway.ip("address", "replace", f"{address}/64", "dev", "wan", "nodad")
    with tunnel(lab, {**flow(udp=udp), **ends}) as (west, _), lab.capture() as capture:
        echoes = ping(lab.west_host, EAST_HOST, lab.folder, count=2)
        assert west.carried() == {"drops": {}, "packets": [2]}
    assert echoes.received == 2
    prove_encrypted(capture.packets, inner=INNER, pattern=PATTERN, sent=2, received=2)


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_the_outer_header_of_esp_repeats_the_traffic_class(lab: TwoGateways, udp: bool) -> None:
    with tunnel(lab, flow(udp=udp)), lab.capture() as capture:
        marked = Ping(lab.west_host, EAST_HOST, lab.folder, count=2, more=("-Q", "0xba"))
        assert marked.wait().received == 2
    encrypted = (packet for packet in capture.packets if packet.kind in ENCRYPTED)
    assert {packet.octets[1] for packet in encrypted} == {0xBA}


CONGESTED = """
table ip congestion {
    chain leaving {
        type filter hook postrouting priority 0
        oifname wan ip ecn set ce
    }
}
"""


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_congestion_between_the_gateways_is_told_inside(lab: TwoGateways, udp: bool) -> None:
    lan = Capture(lab.east, "lan", lab.folder)
    lab.west.run("nft", "-f", "-", stdin=CONGESTED)
    try:
        with tunnel(lab, flow(udp=udp)) as (_, east), lan:
            marked = Ping(lab.west_host, EAST_HOST, lab.folder, count=2, more=("-Q", "0xba"))
            assert marked.wait().received == 2
            assert ping(lab.west_host, EAST_HOST, lab.folder, count=1).received == 0
            assert east.carried()["drops"] == {"congestion": 1}
    finally:
        lab.west.run("nft", "delete", "table", "ip", "congestion")
    arrived = [packet for packet in lan.packets if packet.source == WEST_HOST]
    assert [packet.octets[1] for packet in arrived] == [0xBB, 0xBB]


def test_the_kernel_does_not_call_esp_unreachable(lab: TwoGateways) -> None:
    """All ESP travels in UDP, and a stray ESP packet still meets silence."""
    send = "import socket as s; s.socket(s.AF_INET, s.SOCK_RAW, 50).sendto(bytes(60), ('{}', 0))"
    with tunnel(lab, flow(udp=True)), lab.capture() as capture:
        lab.west.run("python3", "-c", send.format(EAST_WAN))
        ping(lab.west_host, EAST_HOST, lab.folder, count=1)
    kinds = count(capture.packets)
    assert (kinds[Kind.ESP], kinds.get(Kind.OTHER, 0)) == (1, 0)


def test_wrong_keys_are_counted_and_nothing_arrives(lab: TwoGateways) -> None:
    with tunnel(lab, flow()) as (_, east):
        assert ping(lab.west_host, EAST_HOST, lab.folder, count=1).received == 1
        send = (
            "import socket as s; s.socket(s.AF_INET, s.SOCK_RAW, 50)"
            f".sendto((0x1000).to_bytes(4) + (9).to_bytes(4) + bytes(80), ('{EAST_WAN}', 0))"
        )
        lab.west.run("python3", "-c", send)
        assert ping(lab.west_host, EAST_HOST, lab.folder, count=1).received == 1
        assert east.carried() == {"drops": {"not authentic": 1}, "packets": [2]}


@pytest.mark.parametrize("network", [WEST_NET, f"{WEST_HOST}/32"])
def test_networks_and_hosts_are_selectors(lab: TwoGateways, network: str) -> None:
    with tunnel(lab, flow(network)) as (west, _):
        assert ping(lab.west_host, EAST_HOST, lab.folder, count=1).received == 1
        assert west.carried()["packets"] == [1]
