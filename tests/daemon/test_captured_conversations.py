"""Whole conversations of two engines, captured at both ends, as tcpdump and tshark decode them.

Main mode or aggressive mode, a transaction, quick mode, R-U-THERE and Deletes, in both address
families and through a NAT.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest

from isakmpd.config.model import AddressPool, Configuration
from isakmpd.daemon.capture import PacketCapture
from isakmpd.ike.outputs import Capture, Output, Send
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import ExchangeType
from tests.ike.daemon import Daemon, configuration

NAT = IPv4Address("198.51.100.1")
INSIDE = IPv4Address("10.9.9.9")
EAST = IPv4Address("192.0.2.2")
DPD = 30  # seconds
PORTS_OF_NAT = {500: 61500, 4500: 64500}
X = ExchangeType
# As the tools name them.
TSHARK = {X.ID_PROT: "2", X.AGGRESSIVE: "4", X.INFO: "5", X.TRANSACTION: "6", X.QUICK_MODE: "32"}
TCPDUMP = {
    X.ID_PROT: "phase 1 {} ident",
    X.AGGRESSIVE: "phase 1 {} agg",
    X.INFO: "phase 2/others {} inf",
    X.TRANSACTION: "phase 2/others {} #6",
    X.QUICK_MODE: "phase 2/others {} oakley-quick",
}


class Captured(Daemon):
    """A daemon with -L."""

    def __init__(self, path: Path, config: Configuration, address: Address) -> None:
        self.shown: list[Capture] = []
        self.path = path
        self._capture = PacketCapture(path, lambda _line: None, lambda: self.now)
        self._capture.start()
        super().__init__(config, address=address)

    def _carry_out(self, output: Output) -> None:
        if isinstance(output, Capture):
            self.shown.append(output)
            self._capture.write(output.transport, output.octets, output.outgoing)
        super()._carry_out(output)


@dataclass
class Way:
    """What lies between west and east: a NAT in front of west, or nothing."""

    west: Captured
    east: Captured
    nat: Address | None = None
    met: int = 0  # messages captured by east until west left

    def carry(self, sender: Captured, send: Send) -> list[tuple[Captured, Send]]:
        """Deliver a datagram and give what is sent in answer."""
        at = send.transport
        source, port = at.local, at.local_port
        receiver, own_port = (self.east if sender is self.west else self.west), at.remote_port
        if self.nat and sender is self.west:
            source, port = self.nat, PORTS_OF_NAT[port]
        elif self.nat:
            own_port = next(inner for inner, outer in PORTS_OF_NAT.items() if outer == own_port)
        seen = Transport(receiver.address, own_port, source, port, encapsulated=own_port == 4500)
        receiver.engine.receive(send.octets, seen, receiver.now)
        receiver.settle()
        return [(receiver, answer) for answer in receiver.sent()]

    def pass_time(self, seconds: int) -> None:
        """Let both live, a second at a time, and hear all that they say."""
        for _ in range(seconds):
            waiting = [(one, send) for one in (self.west, self.east) for send in _said(one)]
            while waiting:
                waiting += self.carry(*waiting.pop(0))
            for one in (self.west, self.east):
                one.now += 1


def _said(daemon: Captured) -> list[Send]:
    if (due := daemon.engine.deadline()) is not None and due <= daemon.now:
        daemon.engine.tick(daemon.now)
    daemon.settle()
    return daemon.sent()


def tells(section: str) -> AddressPool:
    """An address for west, pushed."""
    return AddressPool(
        section,
        push=True,
        address=IPv4Address("10.1.0.5"),
        netmask=IPv4Address("255.255.255.0"),
        name_servers=(IPv4Address("10.2.0.53"),),
    )


def with_mode_config(config: Configuration, *pools: AddressPool) -> Configuration:
    """The same with mode config."""
    peers = {"peer": replace(config.peers["peer"], mode_config=True)}
    return replace(config, peers=peers, address_pools={pool.section: pool for pool in pools})


@dataclass(frozen=True)
class Scene:
    """Who talks with whom, and how."""

    exchange: ExchangeType
    west: Address
    east: Address
    nat: Address | None = None

    @property
    def encapsulated(self) -> bool:
        """Whether both go on behind the marker."""
        return self.nat is not None


ENDS: dict[str, tuple[Address, Address, Address | None]] = {
    "IPv4": (IPv4Address("192.0.2.1"), EAST, None),
    "IPv6": (IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2"), None),
    "NAT-T": (INSIDE, EAST, NAT),
}
SCENES = {
    f"{exchange.name} {name}": Scene(exchange, *ends)
    for exchange in (X.ID_PROT, X.AGGRESSIVE)
    for name, ends in ENDS.items()
}


def played(scene: Scene, folder: Path) -> Way:
    """West begins, is told an address, asks whether east lives, and leaves."""
    common = {"exchange": scene.exchange.name, "dpd": DPD}
    visible = scene.nat or scene.west
    pool = tells(f"ipv{scene.west.version}/{scene.west}")
    west = with_mode_config(configuration(answers=False, peer=scene.east, **common))  # type: ignore[arg-type]
    east = with_mode_config(configuration(mirrored=True, peer=visible, **common), pool)  # type: ignore[arg-type]
    way = Way(
        Captured(folder / "west.pcap", west, scene.west),
        Captured(folder / "east.pcap", east, scene.east),
        scene.nat,
    )
    way.pass_time(3 * DPD)
    assert way.west.snapshot.ipsec_sas, way.west.log
    assert way.east.snapshot.ipsec_sas, way.east.log
    way.met = len(way.east.shown)
    way.west.engine.shutdown(way.west.now)
    way.pass_time(1)
    assert not way.east.snapshot.isakmp_sas
    return way


@pytest.fixture(scope="module", params=SCENES)
def scene(request: pytest.FixtureRequest) -> Scene:
    """Each way to talk."""
    return SCENES[request.param]


@pytest.fixture(scope="module")
def way(scene: Scene, tmp_path_factory: pytest.TempPathFactory) -> Way:
    """Both ends after a conversation."""
    return played(scene, tmp_path_factory.mktemp("captured"))


@pytest.fixture(params=["west", "east"])
def end(request: pytest.FixtureRequest, way: Way) -> Captured:
    """Each end's capture."""
    found: Captured = getattr(way, request.param)
    return found


# What was captured


def test_all_five_exchanges_are_there(scene: Scene, end: Captured) -> None:
    """Six or three messages, three, two, and what keeps and ends SAs."""
    counted = Counter(ExchangeType(one.octets[18]) for one in end.shown)
    assert counted[scene.exchange] == {X.ID_PROT: 6, X.AGGRESSIVE: 3}[scene.exchange]
    assert (counted[X.TRANSACTION], counted[X.QUICK_MODE]) == (2, 3)
    assert counted[X.INFO] >= 2 + 2  # R-U-THERE and its ACK, two Deletes
    assert set(counted) == {scene.exchange, X.TRANSACTION, X.QUICK_MODE, X.INFO}


def test_both_ends_capture_the_same_messages(way: Way) -> None:
    """What one sent the other received, message for message, until west has left."""
    west = Counter((one.octets, one.outgoing) for one in way.west.shown)
    east = Counter((one.octets, not one.outgoing) for one in way.east.shown[: way.met])
    assert len(east) > 10
    assert not east - west
    assert not west - Counter((one.octets, not one.outgoing) for one in way.east.shown)


# tshark


def by_tshark(path: Path) -> list[dict[str, Any]]:
    """Decode a capture, checksums checked."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    checked = [f"{protocol}.check_checksum:TRUE" for protocol in ("ip", "udp")]
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "json", "--no-duplicate-keys"]
        + [word for one in checked for word in ("-o", one)],
        capture_output=True,
        text=True,
        check=True,
    )
    return [packet["_source"]["layers"] for packet in json.loads(done.stdout)]


def everything_in(layers: object) -> Iterator[tuple[str, object]]:
    """List every field with its value, however deep."""
    if isinstance(layers, dict):
        for name, value in layers.items():
            for one in value if isinstance(value, list) else [value]:
                yield name, one
                yield from everything_in(one)


def payload_types(message: object) -> Counter[str]:
    """Count payloads by number, whatever stands inside them left out."""
    found = Counter(str(v) for name, v in everything_in(message) if name == "isakmp.typepayload")
    return Counter({kind: count for kind, count in found.items() if kind not in ("2", "3")})


def payloads_of(octets: bytes) -> Counter[str]:
    """Count payloads by number, by a reading of the chain that owes nothing to our decoder."""
    kind, at, found = octets[16], 28, Counter[str]()
    while kind:
        found[str(kind)] += 1
        kind, at = octets[at], at + int.from_bytes(octets[at + 2 : at + 4])
    return found


def test_tshark_decodes_every_message(end: Captured) -> None:
    """Type, ID and each payload, nothing malformed, nothing it takes for ciphertext."""
    packets = by_tshark(end.path)
    assert len(packets) == len(end.shown)
    for packet, shown in zip(packets, end.shown, strict=True):
        message = packet["isakmp"]
        assert message["isakmp.exchangetype"] == TSHARK[ExchangeType(shown.octets[18])]
        assert int(message["isakmp.messageid"], 16) == int.from_bytes(shown.octets[20:24])
        assert message["isakmp.flags_tree"]["isakmp.flag_e"] in ("0", False)
        assert payload_types(message) == payloads_of(shown.octets)
        complaints = [
            (n, v)
            for n, v in everything_in(packet)
            if "malformed" in n or n.startswith("_ws.expert")
        ]
        assert not complaints, complaints


def test_tshark_sees_who_sent_what(end: Captured) -> None:
    """Addresses and ports, each checksum right, each IPv4 packet with an ID of its own."""
    packets = by_tshark(end.path)
    for packet, shown in zip(packets, end.shown, strict=True):
        at = shown.transport
        ends = [(str(at.local), str(at.local_port)), (str(at.remote), str(at.remote_port))]
        ip = "ip" if "ip" in packet else "ipv6"
        udp = packet["udp"]
        seen = [
            (packet[ip][f"{ip}.src"], udp["udp.srcport"]),
            (packet[ip][f"{ip}.dst"], udp["udp.dstport"]),
        ]
        assert seen == (ends if shown.outgoing else ends[::-1])
        assert udp["udp.checksum.status"] == "1"
        assert packet[ip].get("ip.checksum.status", "1") == "1"
        assert ("udpencap" in packet) is at.encapsulated
    numbers = [packet["ip"]["ip.id"] for packet in packets if "ip" in packet]
    assert len(set(numbers)) == len(numbers)


def test_the_marker_is_there_once_they_have_floated(scene: Scene, end: Captured) -> None:
    """Behind a NAT all but the first messages, else none."""
    marked = [one.transport.encapsulated for one in end.shown]
    assert marked == sorted(marked)
    assert any(marked) is scene.encapsulated


# tcpdump


def by_tcpdump(path: Path) -> list[str]:
    """Decode a capture, a line for each packet."""
    if shutil.which("tcpdump") is None:
        pytest.skip("tcpdump is not installed")
    done = subprocess.run(
        ["tcpdump", "-Z", "root", "-nn", "-vvv", "-t", "-r", path],
        capture_output=True,
        text=True,
        check=True,
    )
    return re.sub(r"\n\s+", " ", done.stdout).splitlines()


def test_tcpdump_decodes_every_message(end: Captured) -> None:
    """Ends, type, role and payloads, and no word of anything bad."""
    lines = by_tcpdump(end.path)
    assert len(lines) == len(end.shown)
    for line, shown in zip(lines, end.shown, strict=True):
        at = shown.transport
        ends = [f"{at.local}.{at.local_port}", f"{at.remote}.{at.remote_port}"]
        source, destination = ends if shown.outgoing else ends[::-1]
        assert f"{source} > {destination}: " in line
        assert "isakmp 1.0 msgid" in line
        wanted = TCPDUMP[ExchangeType(shown.octets[18])]
        assert re.search(re.escape(wanted).replace(r"\{\}", "[IR?]"), line), line
        assert ("NONESP-encap" in line) is at.encapsulated
        said = re.sub(r"[0-9a-f]{16,}", "", line)
        for bad in ("bad", "wrong", "[|", "[encrypted", "truncated", "mismatch", "invalid"):
            assert bad not in said.lower(), line
        if at.local.version == 4:
            assert "udp sum ok" in line
        for kind in payloads_of(shown.octets):
            assert f"({_NAMES[kind]}" in line, (_NAMES[kind], line)


_NAMES = {
    "1": "sa:",
    "4": "ke:",
    "5": "id:",
    "8": "hash:",
    "10": "nonce:",
    "11": "n:",
    "12": "d:",
    "13": "vid:",
    "14": "pay14",
    "20": "pay20",
}
