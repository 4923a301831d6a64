"""Guarded packets never pass in clear: without a tunnel, before it, and across a crash."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import ip_interface
from typing import Any

import pytest

from lab.deadline import until
from lab.gateways import (
    EAST_HOST,
    EAST_NET,
    EAST_WAN,
    WEST_NET,
    WEST_WAN,
    TwoGateways,
    two_gateways,
)
from lab.ping import PATTERN, Ping, ping
from lab.traffic import Kind, Packet
from tests.daemon.gateways import StaticGateway, flow, mirrored

pytestmark = [pytest.mark.root, pytest.mark.namespaces]

EVERYWHERE = "0.0.0.0/0"


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoGateways]:
    with two_gateways() as both:
        yield both


def west(lab: TwoGateways, *flows: dict[str, Any], **more: Any) -> StaticGateway:
    return StaticGateway(lab.west, lab.folder / "west", list(flows), **more)


def east(lab: TwoGateways, *flows: dict[str, Any]) -> StaticGateway:
    return StaticGateway(lab.east, lab.folder / "east", [mirrored(one) for one in flows])


def in_clear(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.kind is Kind.OTHER or PATTERN in packet.octets]


def test_without_an_sa_senders_are_told_and_nothing_leaves(lab: TwoGateways) -> None:
    with west(lab, guards=[flow()]) as gateway, lab.capture() as capture:
        pings = Ping(lab.west_host, EAST_HOST, lab.folder, count=3, interval=0.1)
        assert pings.wait().received == 0
        assert "Packet filtered" in pings.output()
        assert gateway.status()["drops"]["guarded, no SA"] == 3
    assert in_clear(capture.packets) == []
    assert ping(lab.west_host, EAST_HOST, lab.folder, count=1).received == 1


def test_a_guard_of_everything_lets_ike_and_the_lan_through(lab: TwoGateways) -> None:
    """Strict reverse path filters ask which way an answer to IKE would go."""
    for scope in ("all", "default", "wan", "lan"):
        lab.west.sysctl(f"ipv4.conf.{scope}.rp_filter", 1)
    guard = flow(EVERYWHERE, EVERYWHERE)
    with west(lab, guards=[guard], ports=(501, 4501)), lab.capture() as capture:
        # The gateway holds the socket itself; the kernel counts what it has given to it.
        before = _udp_received(lab)
        send = "import socket as s; u = s.socket(s.AF_INET, s.SOCK_DGRAM); u.sendto(bytes(28), {})"
        lab.east.run("python3", "-c", send.format((WEST_WAN, 501)))
        time.sleep(0.2)
        assert _udp_received(lab) == before + 1
        assert ping(lab.west, "10.1.0.10", lab.folder, count=1, source="10.1.0.1").received == 1
        assert ping(lab.west, EAST_WAN, lab.folder, count=1).received == 1  # a route of its own
        assert ping(lab.west_host, EAST_HOST, lab.folder, count=1).received == 0
    for scope in ("all", "default", "wan", "lan"):
        lab.west.sysctl(f"ipv4.conf.{scope}.rp_filter", 0)
    assert not any(packet.contains(EAST_HOST) for packet in capture.packets)


def _udp_received(lab: TwoGateways) -> int:
    """Count the datagrams the kernel has given to sockets."""
    shown = lab.west.run("cat", "/proc/net/snmp").stdout
    return int([line for line in shown.splitlines() if line.startswith("Udp:")][1].split()[1])


def test_held_packets_leave_through_the_flow_that_comes(lab: TwoGateways) -> None:
    one = flow()
    with (
        west(lab, guards=[{**one, "hold": True}]) as gateway,
        east(lab, one) as other,
        lab.capture() as capture,
    ):
        pings = Ping(lab.west_host, EAST_HOST, lab.folder, count=5, interval=0.1)
        time.sleep(0.8)
        reports = gateway.status()["reports"]
        assert len([report for report in reports if report.startswith("Acquire(")]) == 1
        gateway.status(install=one)
        assert pings.wait().received == 5
        assert other.carried()["packets"] == [5]
    assert in_clear(capture.packets) == []


@pytest.mark.parametrize("remote", [EAST_NET, EVERYWHERE])
def test_nothing_leaves_in_clear_across_a_crash_and_a_restart(
    lab: TwoGateways, remote: str
) -> None:
    one = flow(WEST_NET, remote)
    guards = [one]
    with east(lab, one) as other, lab.capture() as capture:
        first = west(lab, one, guards=guards)
        pings = Ping(lab.west_host, EAST_HOST, lab.folder, interval=0.005)
        pings.wait_answer(20)
        first.kill()
        time.sleep(0.3)
        answered = _answers(pings)
        with west(lab, guards=guards) as second:
            time.sleep(0.3)
            assert _answers(pings) == answered
            successor = {**one, "number": 1}  # other keys, as after another handshake
            other.status(install=mirrored(successor))
            second.status(install=successor)
            until(lambda: _answers(pings) > answered + 20, 10, "answers through the successor")
            echoes = pings.stop()
    assert echoes.lost
    assert in_clear(capture.packets) == []


def _answers(pings: Ping) -> int:
    return pings.output().count("bytes from")


class TestAssignedAddresses:
    """The host's own packets get the assigned address without naming it."""

    @pytest.mark.parametrize(
        ("assigned", "remote", "beyond"),
        [
            ("10.9.0.10/32", EAST_NET, EAST_HOST),
            ("10.9.0.10/32", EVERYWHERE, EAST_HOST),
            ("fd09::10/128", "fd02::/64", "fd02::10"),
        ],
    )
    def test_from_assigned_to_withdrawn(
        self, lab: TwoGateways, assigned: str, remote: str, beyond: str
    ) -> None:
        if ":" in assigned:
            for namespace, end in ((lab.east, "1"), (lab.east_host, "10")):
                namespace.sysctl("ipv6.conf.lan.disable_ipv6", 0)
                for lan in (f"fe80::{end}", f"fd02::{end}"):
                    namespace.ip("address", "replace", f"{lan}/64", "dev", "lan", "nodad")
            lab.east_host.ip("-6", "route", "replace", "default", "via", "fd02::1")
        address, one = str(ip_interface(assigned).ip), flow(assigned, remote)
        with (
            west(lab, one, assigned=[assigned]) as gateway,
            east(lab, one),
            lab.capture() as capture,
        ):
            assert address in lab.west.ip("address", "show", gateway.device)
            assert gateway.device not in lab.west.ip("route", "show", "table", "main")
            assert ping(lab.west, beyond, lab.folder, count=2).received == 2
            assert gateway.carried()["packets"] == [2]
        assert in_clear(capture.packets) == []
        assert address not in lab.west.ip("address")
