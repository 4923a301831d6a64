"""Reload, signals, crashes: the tunnel carries what it can, and nothing stays behind."""

from __future__ import annotations

import contextlib
import re
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.deadline import until
from lab.gateways import EAST_LAN, WEST_LAN, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from lab.ping import Ping, ping
from tests.daemon.loopback import answered, has, sections, wait_down

pytestmark = pytest.mark.namespaces
EXAMPLES = Path(__file__).parents[2] / "examples" / "two-gateways"
SECOND = """
[second]
Phase=			2
ISAKMP-peer=		{peer}
Configuration=		quick-mode
Local-ID=		second-{local}
Remote-ID=		second-{remote}

[second-west]
ID-type=		IPV4_ADDR
Address=		10.1.0.99

[second-east]
ID-type=		IPV4_ADDR
Address=		10.2.0.99
"""


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Two gateways with a daemon on each, as in the example."""

    lab: TwoGateways
    west: Isakmpd
    east: Isakmpd


def example(side: str) -> str:
    """Read a configuration of the example."""
    return (EXAMPLES / f"{side}.conf").read_text()


def with_second(side: str) -> str:
    """Give a side of the example one connection more."""
    peer = "east" if side == "west" else "west"
    listed, number = re.subn(r"(onnections=\s*west-east)", r"\1,second", example(side))
    assert number == 1
    return listed + SECOND.format(peer=peer, local=side, remote=peer)


@contextlib.contextmanager
def tunnel_up() -> Iterator[Tunnel]:
    """Run the example, its tunnel up."""
    with two_gateways(hosts=False) as lab:
        west = Isakmpd(lab.west, lab.folder, example("west"))
        east = Isakmpd(lab.east, lab.folder, example("east"))
        with east, west:
            west.wait_tunnel("west-east")
            east.wait_tunnel("west-east")
            yield Tunnel(lab, west, east)


@pytest.fixture
def tunnel() -> Iterator[Tunnel]:
    """A tunnel to do anything to."""
    with tunnel_up() as one:
        yield one


@pytest.fixture(scope="module")
def standing() -> Iterator[Tunnel]:
    """A tunnel that every test leaves up, with the example's configuration."""
    with tunnel_up() as one:
        yield one


def pinging(tunnel: Tunnel) -> Ping:
    """Ping through the tunnel, and go on."""
    pings = Ping(tunnel.lab.west, EAST_LAN, tunnel.lab.folder, interval=0.05, source=WEST_LAN)
    pings.wait_answer(1)
    return pings


def reload(one: Isakmpd, text: str) -> str:
    """Have a daemon read a configuration and return what it says about it."""
    before = len(one.log())
    one.configure(text)
    one.signal(signal.SIGHUP)
    until(lambda: "SIGHUP received" in one.log()[before:], 5, "SIGHUP to be heard")
    return answered(one)[before:]


def of_ours(host: Namespace) -> list[str]:
    """List devices, rules and routes that no host has by itself."""
    words = (host.ip("-o", "link"), host.ip("rule"), host.ip("route", "show", "table", "all"))
    lines = [line for text in words for line in text.splitlines()]
    usual = r"^\d+: (lo|wan)|^(0|32766|32767):|dev (lo|wan)"
    return [line for line in lines if not re.search(usual, line)]


def seeded_spis() -> list[str]:
    """Bring the example up with seeds and list west's SPIs."""
    with two_gateways(hosts=False) as lab:
        east = Isakmpd(lab.east, lab.folder, example("east"), ("-K", "-r", "east"))
        west = Isakmpd(lab.west, lab.folder, example("west"), ("-K", "-r", "west"))
        with east, west:
            return re.findall(r"^SPI \d: (\w+)", west.wait_tunnel("west-east"), re.M)


def test_a_seed_repeats_the_spis_too() -> None:
    """The data plane draws from the same seed as the engine."""
    first = seeded_spis()
    assert len(first) == 2
    assert seeded_spis() == first


# Reload


def test_a_faulty_file_changes_nothing(standing: Tunnel) -> None:
    """It is named with line and what was expected; the pings go on, and so do new negotiations."""
    pings = pinging(standing)
    faulty = example("west").replace("Local-ID=\t\twest-lan", "Local-ID=\t\twest-lam")
    line = faulty.splitlines().index("Local-ID=\t\twest-lam") + 1
    said = reload(standing.west, faulty)
    fault = 'there is no section [west-lam]; did you mean "west-lan"?'
    place = f"{standing.west.configuration_file}:{line}: [west-east]:Local-ID= west-lam"
    assert f"{place}: {fault}" in said
    assert "the last good one stays in force" in said
    assert "withdrawn" not in said
    standing.west.command("t west-east")
    standing.west.command("c west-east")
    standing.west.wait_tunnel("west-east")
    standing.west.configure(example("west"))
    assert "last good" not in reload(standing.west, example("west"))
    assert pings.stop().received > 0


def missing(file: Path) -> None:
    """Remove the file."""
    file.unlink()


def open_to_others(file: Path) -> None:
    """Let others read the file."""
    file.chmod(0o644)


def directory(file: Path) -> None:
    """Put a directory in the file's place."""
    file.unlink()
    file.mkdir()


def asking_too_much(file: Path) -> None:
    """Ask for a stack this version does not have."""
    file.write_text("[General]\nIPsec-stack= pfkey\n")


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (missing, "there is no such file"),
        (open_to_others, "has mode 0644 and may hold secrets, expected 0600"),
        (directory, ": Is a directory"),
        (asking_too_much, "[General]:IPsec-stack= pfkey is not supported"),
    ],
)
def test_an_unusable_file_changes_nothing(
    standing: Tunnel, spoil: Callable[[Path], None], sentence: str
) -> None:
    """Missing, open to others or asking for what there is not: one sentence, and pings go on."""
    pings = pinging(standing)
    spoil(standing.west.configuration_file)
    before = len(standing.west.log())
    standing.west.command("R")
    said = answered(standing.west)[before:].splitlines()
    assert len(said) == 1
    assert sentence in said[0]
    assert said[0].endswith("; the last good configuration stays in force")
    echoes = pings.stop()
    assert echoes.received == echoes.sent
    assert has(standing.west, "west-east")
    if spoil is directory:
        standing.west.configuration_file.rmdir()
    reload(standing.west, example("west"))


def test_a_connection_comes_with_a_reload_and_goes_with_the_next(standing: Tunnel) -> None:
    """At both ends; the other tunnel loses nothing meanwhile."""
    pings = pinging(standing)
    reload(standing.east, with_second("east"))
    reload(standing.west, with_second("west"))
    standing.west.wait_tunnel("second")
    standing.east.wait_tunnel("second")
    assert "10.2.0.99" in standing.lab.west.ip("rule")

    said = reload(standing.west, example("west"))
    assert "second: the configuration has withdrawn it, its SAs go" in said
    wait_down(standing.west, "second")
    wait_down(standing.east, "second")
    assert "10.2.0.99" not in standing.lab.west.ip("rule")
    assert "10.2.0.99" not in standing.lab.east.ip("route", "show", "table", "all")
    echoes = pings.stop()
    assert echoes.received == echoes.sent
    assert has(standing.west, "west-east")


def test_a_connection_with_other_ends_is_negotiated_anew(tunnel: Tunnel) -> None:
    """The old ends are protected no longer, the new ones are."""
    for one in (tunnel.east, tunnel.west):
        text = one.configuration_file.read_text().replace("10.2.0.0", "10.3.0.0")
        tunnel.lab.east.address("10.3.0.1/32") if one is tunnel.east else None
        reload(one, text)
    until(lambda: "10.3.0.0/24" in tunnel.lab.west.ip("rule"), 15, "the new ends")
    assert "10.2.0.0/24" not in tunnel.lab.west.ip("rule")
    assert ping(tunnel.lab.west, "10.3.0.1", tunnel.lab.folder, source=WEST_LAN).received == 3


def test_a_peer_that_is_no_longer_configured_is_cut_off(tunnel: Tunnel) -> None:
    """Its SAs of both phases go at both ends."""
    reload(tunnel.east, "[General]\nListen-on= 192.0.2.2\n")
    assert sections(tunnel.east.show()) == []
    until(lambda: not has(tunnel.west, "west-east"), 5, "west to be told")


def test_a_changed_key_matters_to_the_next_negotiation_only(tunnel: Tunnel) -> None:
    """Pings go on; a new phase 1 fails, and both ends name the key as the likely cause."""
    pings = pinging(tunnel)
    reload(tunnel.west, example("west").replace("mekmitasdigoat", "another"))
    assert len(sections(tunnel.west.show())) == 2
    echoes = pings.stop()
    assert echoes.received == echoes.sent
    tunnel.west.command("t west-east")
    tunnel.west.command("t main east")
    tunnel.west.command("c west-east")
    tunnel.east.wait_log("pre-shared key")
    assert not has(tunnel.west, "west-east")
    reload(tunnel.west, example("west"))
    for log in (tunnel.west.log(), tunnel.east.log()):
        assert "mekmitasdigoat" not in log
        assert "another" not in log


# Signals


def test_sigusr1_writes_a_private_report(standing: Tunnel) -> None:
    """Without the pre-shared key."""
    report = standing.west.folder / "isakmpd.report"
    standing.west.signal(signal.SIGUSR1)
    until(report.exists, 5, "the report")
    assert report.stat().st_mode & 0o777 == 0o600
    assert "west-east phase 2" in report.read_text()
    assert "mekmitasdigoat" not in report.read_text()
    assert "Default SIGUSR1 received" in standing.west.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(tunnel: Tunnel, number: signal.Signals) -> None:
    """The peer is told; no FIFO, PID file, device, rule or route stays; the status is 0."""
    assert of_ours(tunnel.lab.west)
    pid = tunnel.west.pid
    tunnel.west.signal(number)
    tunnel.west.wait_log("isakmpd: exit")
    lines = [line.split(" Default ", 1)[-1] for line in tunnel.west.log().splitlines()]
    assert lines[-2:] == ["isakmpd: shutting down...", "isakmpd: exit"]
    assert tunnel.west.stop() == 0
    assert not Path("/proc", str(pid)).exists()
    left = {path.name for path in tunnel.west.folder.iterdir()}
    assert left == {"isakmpd.conf", "isakmpd.result", "log"}
    assert of_ours(tunnel.lab.west) == []
    until(lambda: tunnel.east.show() == "", 5, "east to be told")


def test_after_a_crash_the_next_start_cleans_up(tunnel: Tunnel) -> None:
    """Rules of the killed daemon go, and its tunnel is back."""
    left = of_ours(tunnel.lab.west)
    tunnel.west.kill()
    assert [line for line in of_ours(tunnel.lab.west) if line in left]
    assert (tunnel.west.folder / "isakmpd.pid").exists()
    assert tunnel.west.fifo.is_fifo()
    tunnel.west.start()
    tunnel.west.wait_log("routing rules of a killed predecessor")
    assert (tunnel.west.folder / "isakmpd.pid").read_text() == f"{tunnel.west.pid}\n"
    until(
        lambda: ping(tunnel.lab.west, EAST_LAN, tunnel.lab.folder, 1, source=WEST_LAN).received,
        20,
        "the tunnel to be back",
    )
    assert tunnel.west.stop() == 0
    assert of_ours(tunnel.lab.west) == []
