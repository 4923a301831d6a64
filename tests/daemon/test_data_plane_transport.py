"""Transport mode between real sockets of two hosts: outbound by rule, inbound by injection."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.deadline import until
from lab.gateways import EAST_WAN, WEST_WAN, TwoGateways, two_gateways
from lab.link import Port, connect
from lab.namespace import Namespace
from lab.traffic import Kind, Packet
from tests.daemon.gateways import StaticGateway, flow, tunnel

pytestmark = [pytest.mark.root, pytest.mark.namespaces]

WEST6, EAST6 = "2001:db8::1", "2001:db8::2"
UDP, TCP = 17, 6

# Answers every datagram with the sender's port and the datagram itself.
UDP_SERVER = """
import socket, sys
here, port = sys.argv[1:]
with socket.socket(socket.AF_INET6 if ":" in here else socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind((here, int(port)))
    print("ready", flush=True)
    while True:
        octets, sender = s.recvfrom(65535)
        print(sender[0], sender[1], len(octets), flush=True)
        s.sendto(octets, sender)
"""
UDP_CLIENT = """
import socket, sys
here, port, there, there_port, size, text = sys.argv[1:]
with socket.socket(socket.AF_INET6 if ":" in there else socket.AF_INET, socket.SOCK_DGRAM) as s:
    s.bind((here, int(port)))
    s.connect((there, int(there_port)))
    s.settimeout(3)
    sent = (text.encode() * 65535)[:int(size)]
    s.send(sent)
    print(s.recv(65535) == sent)
"""
TCP_SERVER = """
import socket, sys
with socket.create_server((sys.argv[1], int(sys.argv[2]))) as server:
    print("ready", flush=True)
    while True:
        connection, _ = server.accept()
        with connection:
            while octets := connection.recv(65535):
                connection.sendall(octets)
"""
TCP_CLIENT = """
import socket, sys
there, port, size = sys.argv[1:]
with socket.create_connection((there, int(port)), timeout=5) as s:
    sent = bytes(range(256)) * (int(size) // 256)
    got = b""
    for at in range(0, len(sent), 16384):
        s.sendall(sent[at:at + 16384])
        while len(got) < min(at + 16384, len(sent)):
            got += s.recv(65535)
    print(got == sent)
"""


@contextlib.contextmanager
def serving(namespace: Namespace, folder: Path, program: str, *words: str) -> Iterator[Path]:
    """Run a server; gives the file in which it says whom it served."""
    said = folder / f"server-{namespace.label}.txt"
    said.unlink(missing_ok=True)
    process = namespace.spawn(sys.executable, "-c", program, *words, output=said)
    until(lambda: said.exists() and "ready" in said.read_text(), 10, "the server")
    yield said
    process.kill()
    process.wait()


def says(namespace: Namespace, program: str, *words: str) -> bool:
    """Run a client and tell whether it got back what it sent."""
    done = namespace.run(sys.executable, "-c", program, *words, check=False)
    return done.stdout.strip() == "True"


def in_clear(packets: list[Packet]) -> list[Packet]:
    return [packet for packet in packets if packet.kind is Kind.OTHER]


def between_hosts(protocol: int, **more: Any) -> dict[str, Any]:
    """Describe a transport mode flow between the gateways themselves."""
    ends = flow(f"{WEST_WAN}/32", f"{EAST_WAN}/32", protocol=protocol, transport=True)
    return {**ends, **more}


@pytest.fixture(scope="module")
def lab() -> Iterator[TwoGateways]:
    with two_gateways(hosts=False) as both:
        for gateway, address in ((both.west, WEST6), (both.east, EAST6)):
            gateway.sysctl("ipv6.conf.wan.disable_ipv6", 0)
            gateway.ip("address", "replace", f"{address}/64", "dev", "wan", "nodad")
        yield both


@pytest.mark.parametrize("mode", [0, 1, 2])
@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_udp_whatever_the_reverse_path_filter(lab: TwoGateways, mode: int, udp: bool) -> None:
    for gateway in (lab.west, lab.east):
        for scope in ("all", "default", "wan"):
            gateway.sysctl(f"ipv4.conf.{scope}.rp_filter", mode)
    one = between_hosts(UDP, udp=udp, remote_port=1701)
    with (
        tunnel(lab, one) as (west, east),
        serving(lab.east, lab.folder, UDP_SERVER, EAST_WAN, "1701"),
        lab.capture() as capture,
    ):
        assert says(lab.west, UDP_CLIENT, WEST_WAN, "4321", EAST_WAN, "1701", "100", "hello")
        carried = {"drops": {}, "packets": [1]}
        assert (west.carried(), east.carried()) == (carried, carried)
    assert in_clear(capture.packets) == []


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
@pytest.mark.parametrize(("west", "east"), [(WEST_WAN, EAST_WAN), (WEST6, EAST6)], ids=["4", "6"])
@pytest.mark.parametrize("size", [1372, 1472, 4000, 60000])
def test_datagrams_of_every_size_arrive_whole(
    lab: TwoGateways, udp: bool, west: str, east: str, size: int
) -> None:
    """What is longer than the path takes is protected whole, and cut outside (RFC 4303 3.1.1)."""
    ends = {"here": west, "there": east}
    length = 128 if ":" in west else 32
    hosts = {"local": f"{west}/{length}", "remote": f"{east}/{length}"}
    one = {**between_hosts(UDP, udp=udp, remote_port=1701), **ends, **hosts}
    with (
        tunnel(lab, one) as (west_plane, east_plane),
        serving(lab.east, lab.folder, UDP_SERVER, east, "1701"),
        lab.capture() as capture,
    ):
        assert says(lab.west, UDP_CLIENT, west, "4321", east, "1701", f"{size}", "hello")
        assert west_plane.carried()["packets"] == east_plane.carried()["packets"] == [1]
    assert not any(b"hellohello" in packet.octets for packet in capture.packets)


@pytest.mark.parametrize("udp", [False, True], ids=["raw", "UDP"])
def test_tcp_in_both_directions(lab: TwoGateways, udp: bool) -> None:
    with (
        tunnel(lab, between_hosts(TCP, udp=udp)),
        serving(lab.east, lab.folder, TCP_SERVER, EAST_WAN, "8080"),
        serving(lab.west, lab.folder, TCP_SERVER, WEST_WAN, "8081"),
        lab.capture() as capture,
    ):
        assert says(lab.west, TCP_CLIENT, EAST_WAN, "8080", f"{1 << 20}")
        assert says(lab.east, TCP_CLIENT, WEST_WAN, "8081", f"{1 << 18}")
    assert in_clear(capture.packets) == []
    # A run of packets in UDP is one to whoever captures on the host that sends it.
    assert sum(packet.kind in (Kind.ESP, Kind.ESP_IN_UDP) for packet in capture.packets) > 300
    # Segments fit: no outer packet is a fragment.
    assert not any(packet.octets[6] & 0x3F for packet in capture.packets if packet.source)


def test_other_ports_and_protocols_keep_their_path(lab: TwoGateways) -> None:
    with (
        tunnel(lab, between_hosts(UDP, remote_port=1701)) as (west, _),
        serving(lab.east, lab.folder, UDP_SERVER, EAST_WAN, "1702"),
        lab.capture() as capture,
    ):
        assert says(lab.west, UDP_CLIENT, WEST_WAN, "4321", EAST_WAN, "1702", "100", "hello")
        assert west.carried() == {"drops": {}, "packets": [0]}
    assert len(in_clear(capture.packets)) == 2


class TestClientsBehindOneNat:
    """Two clients with the same private port, and a server that must tell them apart: L2TP."""

    server, router = "203.0.113.1", "203.0.113.2"
    clients = ("172.16.0.2", "172.16.0.3")

    @pytest.fixture
    def hosts(self) -> Iterator[tuple[Namespace, tuple[Namespace, ...]]]:
        with contextlib.ExitStack() as stack:
            server, router, *clients = (
                stack.enter_context(Namespace(label))
                for label in ("server", "router", "one", "two")
            )
            router.forward()
            outside = Port(router, "outside", (f"{self.router}/24",))
            connect(Port(server, "wan", (f"{self.server}/24",)), outside)
            router.ip("link", "add", "inside", "type", "bridge")
            router.address("172.16.0.1/24", "inside")
            router.ip("link", "set", "inside", "up")
            for number, (client, address) in enumerate(zip(clients, self.clients, strict=True)):
                connect(Port(client, "wan", (f"{address}/24",)), Port(router, f"to{number}", ()))
                router.ip("link", "set", f"to{number}", "master", "inside")
                client.route("default", "172.16.0.1")
            rules = "".join(
                f"ip saddr {address} udp sport 4500 snat to {self.router}:{5000 + number}\n"
                for number, address in enumerate(self.clients)
            )
            chain = f"chain out {{\ntype nat hook postrouting priority srcnat;\n{rules}}}\n"
            router.run("nft", "-f", "-", stdin=f"table ip nat {{\n{chain}}}\n")
            yield server, tuple(clients)

    @staticmethod
    def _flow(number: int, here: str, there: str) -> dict[str, Any]:
        ends = {"here": here, "there": there, "local": f"{here}/32", "remote": f"{there}/32"}
        ports = {"local_port": 1701, "remote_port": 1701}
        return {
            **between_hosts(UDP, udp=True),
            **ends,
            **ports,
            "number": number,
            "peer": f"{number}",
        }

    def test_each_is_answered(
        self,
        hosts: tuple[Namespace, tuple[Namespace, ...]],
        tmp_path: Path,
    ) -> None:
        server, clients = hosts
        with contextlib.ExitStack() as stack:
            at_server = []
            for number, (client, address) in enumerate(zip(clients, self.clients, strict=True)):
                one = self._flow(number, self.server, self.router)
                at_server.append(
                    {**one, "udp_port": 5000 + number, "originals": [self.server, address]}
                )
                other = {**self._flow(number, address, self.server), "mirrored": True}
                originals = {"originals": [self.router, self.server]}
                gateway = StaticGateway(client, tmp_path / client.label, [other | originals])
                stack.enter_context(gateway)
            plane = stack.enter_context(StaticGateway(server, tmp_path / "server", at_server))
            said = stack.enter_context(serving(server, tmp_path, UDP_SERVER, self.server, "1701"))
            # Each opens its mapping in the NAT: the server's answers find the way only then.
            for turn in ("first", "second"):
                for client, address in zip(clients, self.clients, strict=True):
                    words = (address, "1701", self.server, "1701", "100", f"{turn} {address}")
                    assert says(client, UDP_CLIENT, *words), plane.status()
            assert plane.carried() == {"drops": {}, "packets": [2, 2]}
        senders = [line.rsplit(" ", 1)[0] for line in said.read_text().splitlines()[1:]]
        assert senders == [f"{self.router} 1701", f"{self.router} 49152"] * 2
