"""The lab proves itself on two strongSwans, so that a failure elsewhere is the daemon's."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.capture import Capture
from lab.deadline import TooLateError, until
from lab.gateways import (
    EAST_HOST,
    EAST_LAN,
    EAST_NET,
    EAST_WAN,
    INNER,
    WEST_LAN,
    WEST_NET,
    WEST_WAN,
    TwoGateways,
    two_gateways,
)
from lab.link import Port, connect, loss
from lab.namespace import CommandError, Namespace, sweep
from lab.ping import PATTERN, Ping, ping
from lab.proof import NotProvedError, prove_encrypted
from lab.strongswan import StrongSwan, gateway_configuration
from lab.traffic import Kind, count

pytestmark = pytest.mark.namespaces


@pytest.fixture
def lab() -> Iterator[TwoGateways]:
    """Two gateways and their hosts."""
    with two_gateways() as gateways:
        yield gateways


def peers(lab: TwoGateways, ike: str, esp: str) -> tuple[StrongSwan, StrongSwan]:
    """Describe a strongSwan on each gateway, not yet started."""
    west, east = StrongSwan(lab.west, lab.folder), StrongSwan(lab.east, lab.folder)
    west.configure(
        gateway_configuration(
            local=WEST_WAN,
            remote=EAST_WAN,
            local_net=WEST_NET,
            remote_net=EAST_NET,
            ike=ike,
            esp=esp,
        )
    )
    east.configure(
        gateway_configuration(
            local=EAST_WAN,
            remote=WEST_WAN,
            local_net=EAST_NET,
            remote_net=WEST_NET,
            ike=ike,
            esp=esp,
        )
    )
    return west, east


def _spis(peer: StrongSwan) -> set[str]:
    return {child["spi-in"] for child in peer.children()}


def _cookies(peer: StrongSwan) -> set[str]:
    return {sa["initiator-spi"] for sa in peer.list_sas() if sa["state"] == "ESTABLISHED"}


@pytest.mark.peer
@pytest.mark.parametrize(
    ("ike", "esp"),
    [
        ("aes128-sha1-modp1024", "aes128-sha1-modp1024"),
        ("aes256-sha256-modp2048", "aes256-sha256"),
        ("3des-md5-modp1536", "aes128gcm16-modp1536"),
    ],
)
def test_two_strongswans_speak_ikev1(lab: TwoGateways, ike: str, esp: str) -> None:
    """IKEv1 Main Mode and Quick Mode key a tunnel, and the pings in it are seen encrypted only."""
    west, east = peers(lab, ike, esp)
    with west, east:
        with lab.capture() as wire:
            west.initiate("net")
            east.wait_children(1)
            echoes = ping(lab.west_host, EAST_HOST, lab.folder, count=5)
        assert (echoes.sent, echoes.received, echoes.lost) == (5, 5, ())
        proof = prove_encrypted(wire.packets, inner=INNER, pattern=PATTERN, sent=5, received=5)
        assert proof.kinds[Kind.IKE] >= 9
        assert proof.kinds[Kind.ESP_IN_UDP] >= 10
        (sa,) = west.list_sas()
        assert (sa["version"], sa["state"]) == ("1", "ESTABLISHED")
        west.terminate(ike="gw")
        east.wait_children(0)


@pytest.mark.peer
def test_each_phase_can_be_rekeyed_at_will(lab: TwoGateways) -> None:
    """A rekeying asked for replaces the SA of that phase, and at most a ping each gets lost."""
    west, east = peers(lab, "aes128-sha1-modp1024", "aes128-sha1-modp1024")
    with west, east:
        west.initiate("net")
        (child,), (ike,) = west.children(), west.list_sas()
        endless = Ping(lab.west_host, EAST_HOST, lab.folder, interval=0.02)
        endless.wait_answer(5)
        west.rekey(child="net")
        until(lambda: _spis(west) - {child["spi-in"]}, 10, "a new child SA")
        east.rekey(ike="gw")
        until(lambda: _cookies(west) - {ike["initiator-spi"]}, 10, "a new IKE SA")
        endless.wait_answer(60)
        assert len(endless.stop().lost) <= 2


@pytest.mark.peer
def test_a_killed_strongswan_comes_back_with_its_configuration(lab: TwoGateways) -> None:
    """After kill -9 and a new start, the same connection can be initiated again."""
    west, east = peers(lab, "aes128-sha1-modp1024", "aes128-sha1")
    with west, east:
        west.initiate("net")
        west.restart()
        assert west.list_sas() == []
        west.initiate("net")
        assert ping(lab.west_host, EAST_HOST, lab.folder, count=2).received == 2


@pytest.mark.peer
def test_a_refused_initiation_says_why(lab: TwoGateways) -> None:
    """A proposal the peer does not know fails with charon's own words."""
    west, _ = peers(lab, "aes128-sha1-modp1024", "aes128-sha1")
    _, east = peers(lab, "aes256-sha1-modp1024", "aes128-sha1")
    with west, east, pytest.raises(CommandError, match="NO_PROPOSAL_CHOSEN"):
        west.initiate("net", seconds=10)


def test_pings_in_clear_are_no_proof(lab: TwoGateways) -> None:
    """Without a tunnel the pings arrive, and the proof refuses the capture for each reason."""
    with lab.capture() as wire:
        echoes = ping(lab.west_host, EAST_HOST, lab.folder, count=3)
    assert echoes.received == 3
    assert count(wire.packets)[Kind.OTHER] == 6
    with pytest.raises(NotProvedError) as refusal:
        prove_encrypted(wire.packets, inner=INNER, pattern=PATTERN, sent=3, received=3)
    for reason in ("neither IKE nor ESP", "payload in clear", "inner address", "only 0 and 0 ESP"):
        assert reason in str(refusal.value)


def test_clear_packets_shorter_than_the_pattern_are_no_proof_either(lab: TwoGateways) -> None:
    """One UDP datagram in clear, to the IKE port even, is reported."""
    with lab.capture() as wire:
        script = "import socket; socket.socket(2, 2).sendto(b'clear', ('192.0.2.2', 500))"
        lab.west.run(sys.executable, "-c", script)
    with pytest.raises(NotProvedError, match="neither IKE nor ESP"):
        prove_encrypted(wire.packets, inner=INNER, pattern=PATTERN, sent=0, received=0)


def test_a_gateway_can_be_its_own_lan() -> None:
    """Without hosts, the LAN addresses answer on the gateways themselves."""
    with two_gateways(hosts=False) as lab:
        assert ping(lab.west_host, EAST_LAN, lab.folder, source=WEST_LAN).received == 3


def test_loss_loses_about_what_it_says_and_ends(lab: TwoGateways) -> None:
    """Half of the pings get lost while the loss lasts, and none afterwards."""
    with loss(lab.east, 50, "iifname wan ip protocol icmp"):
        pings = Ping(lab.west_host, EAST_HOST, lab.folder, count=200, interval=0.005)
        during = pings.wait()
    assert 50 < during.received < 150
    assert len(during.lost) == 200 - during.received
    assert ping(lab.west_host, EAST_HOST, lab.folder, count=5, interval=0.01).received == 5


def test_a_cut_line_carries_nothing_until_it_is_mended(lab: TwoGateways) -> None:
    """All pings get lost while the loss is complete, and none afterwards."""
    with loss(lab.east, 100, "iifname wan"):
        assert ping(lab.west_host, EAST_HOST, lab.folder, count=3, interval=0.01).received == 0
    assert ping(lab.west_host, EAST_HOST, lab.folder, count=3, interval=0.01).received == 3


def test_an_endless_ping_is_stopped_and_counted(lab: TwoGateways) -> None:
    """A ping without a count tells what it sent until it was stopped."""
    endless = Ping(lab.west_host, EAST_HOST, lab.folder, interval=0.01)
    endless.wait_answer(10)
    echoes = endless.stop()
    assert echoes.sent >= 10
    assert echoes.lost == ()


def test_a_capture_sees_ipv6_and_neighbours(tmp_path: Path) -> None:
    """IPv6 echoes count as other, what a link says by itself does not."""
    with Namespace("one") as one, Namespace("two") as two:
        connect(Port(one, "a", ("2001:db8::1/64",)), Port(two, "b", ("2001:db8::2/64",)))
        with Capture(one, "a", tmp_path) as wire:
            assert ping(one, "2001:db8::2", tmp_path, count=2).received == 2
    kinds = count(wire.packets)
    assert kinds[Kind.OTHER] == 4
    assert kinds[Kind.NEIGHBOUR] >= 2


def test_a_namespace_takes_its_processes_with_it(tmp_path: Path) -> None:
    """At exit nothing is left, not even a process that ignores being asked to end."""
    with Namespace("short") as short:
        stubborn = short.spawn(
            "sh", "-c", "trap '' INT TERM HUP; sleep 600; sleep 600", output=tmp_path / "log"
        )
        until(lambda: len(short.processes()) == 2, 5, "shell and sleep")
    assert stubborn.returncode is not None
    assert not short.mount.exists()


def test_a_failing_command_names_itself() -> None:
    """The error of a command holds the host, the command, and what it said."""
    with Namespace("host") as host, pytest.raises(CommandError, match="host: ls /nowhere: status"):
        host.run("ls", "/nowhere")


def test_sweeping_spares_the_living() -> None:
    """Namespaces of dead processes go, those of living ones stay."""
    script = "from lab.namespace import Namespace; n = Namespace('dead').__enter__(); print(n.name)"
    root = Path(__file__).parents[2]
    dead = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=root
    ).stdout.strip()
    with Namespace("living") as living:
        assert Path("/run/netns", dead).exists()
        assert dead in sweep()
        assert not Path("/run/netns", dead).exists()
        assert living.mount.exists()


def test_waiting_ends_at_the_deadline_and_says_for_what() -> None:
    """What never becomes true is named in the error."""
    with pytest.raises(TooLateError, match="the moon: not within"):
        until(lambda: os.path.exists("/moon"), 0.1, "the moon")
