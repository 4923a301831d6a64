"""isakmpctl and two real daemons: every command does what it says."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from isakmpd.cli import daemon_control
from isakmpd.cli.control_commands import GLOBAL_OPTIONS
from isakmpd.cli.daemon_status import DaemonStatus, Peer, RunningExchange, SaPair, Tunnel
from isakmpd.control import log_levels, status
from isakmpd.daemon.run_files import DEFAULT_RUN_DIRECTORY
from isakmpd.ike.outputs import LogClass

BIN = Path(sys.executable).parent
WEST, EAST = "127.0.0.1", "127.0.0.2"
CONFIGURATION = """\
[General]
Listen-on=      {here}
Retransmits=    1
[Phase 1]
{there}=        peer
[Phase 2]
Connections=    {connections}
[peer]
Phase=          1
Address=        {there}
Authentication= the secret of both
[tunnel]
Phase=          2
ISAKMP-peer=    peer
Local-ID=       {here}-net
Remote-ID=      {there}-net
[refused]
Phase=          2
ISAKMP-peer=    peer
Local-ID=       {here}-net
Remote-ID=      other-net
[127.0.0.1-net]
ID-type=        IPV4_ADDR_SUBNET
Network=        10.1.0.0
Netmask=        255.255.255.0
[127.0.0.2-net]
ID-type=        IPV4_ADDR_SUBNET
Network=        10.2.0.0
Netmask=        255.255.255.0
[other-net]
ID-type=        IPV4_ADDR_SUBNET
Network=        10.3.0.0
Netmask=        255.255.255.0
"""


@dataclass
class Gateway:
    """A daemon on the loopback, carrying nothing, and the isakmpctl for it."""

    folder: Path
    ports: tuple[int, int]
    here: str
    there: str
    connections: str
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> None:
        """Start it."""
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "isakmpd.conf"
        file.touch(0o600)
        file.write_text(
            CONFIGURATION.format(here=self.here, there=self.there, connections=self.connections)
        )
        command: list[str | Path] = [BIN / "isakmpd", "-dnKv", "-c", file]
        command += ["--run-dir", self.folder, "-p", str(self.ports[0]), "-N", str(self.ports[1])]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        deadline = time.monotonic() + 20
        while self.ctl("log")[0] != 0:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def ctl(self, *words: str, typed: str = "") -> tuple[int, str, str]:
        """Run isakmpctl; give its status, what it printed and what it complained of."""
        ended = subprocess.run(
            [BIN / "isakmpctl", "--run-dir", self.folder, *words],
            input=typed,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in ended.stderr
        return ended.returncode, ended.stdout, ended.stderr

    def done(self, *words: str, typed: str = "") -> str:
        """Run isakmpctl, which must succeed, and give what it printed."""
        code, out, err = self.ctl(*words, typed=typed)
        assert (code, err) == (0, ""), (out, err)
        return out

    def fails(self, *words: str) -> str:
        """Run isakmpctl, which must say in one line why nothing has happened, and give the line."""
        code, out, err = self.ctl(*words)
        assert (code, out) == (1, "")
        assert err.startswith("isakmpctl: ")
        assert err.count("\n") == 1
        return err


def _free_ports() -> tuple[int, int]:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as second,
    ):
        first.bind(("", 0))
        second.bind(("", 0))
        return first.getsockname()[1], second.getsockname()[1]


@pytest.fixture(scope="module")
def west(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run both daemons; only the western one begins, and what it may not have it is refused."""
    folder, ports = tmp_path_factory.mktemp("gateways"), _free_ports()
    gateways = [
        Gateway(folder / "west", ports, WEST, EAST, "tunnel"),
        Gateway(folder / "east", ports, EAST, WEST, ""),
    ]
    try:
        for gateway in reversed(gateways):
            gateway.start()
        # The eastern daemon knows the tunnel and leaves it to the western one.
        gateways[1].done("add", "Phase 2", "Passive-connections", "tunnel")
        gateways[0].done("add", "Phase 2", "Passive-connections", "refused")
        gateways[0].done("up", "tunnel")
        yield gateways[0]
    finally:
        for gateway in gateways:
            if hasattr(gateway, "process"):
                gateway.process.terminate()
                gateway.process.wait(10)


def test_status_shows_what_is_up(west: Gateway) -> None:
    """As a table, a line, JSON, and in full."""
    west.done("up", "tunnel")
    assert "1 of 2 tunnels up" in west.done("status")
    name, state, mode, peer, local, remote, left, *_ = (
        west.done("status", "--brief", "tunnel").rstrip("\n").split(" ")
    )
    assert (name, state, mode, peer) == ("tunnel", "up", "always", "peer")
    assert (local, remote) == ("10.1.0.0/24", "10.2.0.0/24")
    assert 0 < int(left) <= 1200
    told = json.loads(west.done("status", "--json"))
    (sas,) = told["connections"][0]["sas"][-1:]
    shown = west.done("status", "tunnel")
    assert f"SPI {sas['spi_in']} in, {sas['spi_out']} out" in shown
    assert "AES (CBC) 256, HMAC-SHA2-256" in shown
    assert f"cookies {told['peers'][0]['icookie']}" in shown
    assert told["pid"] > 0


def test_down_and_up(west: Gateway) -> None:
    """Each waits, and says so again when there is nothing to do."""
    west.done("up", "tunnel")
    assert west.done("down", "tunnel") == "tunnel is down\n"
    assert west.ctl("status", "tunnel")[0] == 3
    assert west.ctl("status")[0] == 0, "what was taken down by hand is not missed"
    assert west.done("down", "tunnel") == "tunnel was down already\n"
    assert west.done("up", "TUNNEL").startswith("tunnel is up after ")
    assert west.done("up", "tunnel") == "tunnel is up already\n"
    assert west.done("down", "--all") == "every tunnel is down\n"
    west.done("up", "tunnel")


def test_up_says_why_it_failed_and_may_be_tried_again(west: Gateway) -> None:
    """In the words of the daemon's log; a connection that waits to be retried is begun at once."""
    for _ in range(2):
        complaint = west.fails("up", "refused")
        assert complaint.startswith("isakmpctl: refused did not come up: ")
        assert "INVALID_ID_INFORMATION" in complaint
        assert "([refused]:Local-ID and Remote-ID decide)" in complaint
        assert "; isakmpd tries again in " in complaint
    code, out, _ = west.ctl("status")
    assert code == 3
    assert "\nrefused: " in out
    assert "INVALID_ID_INFORMATION" in west.ctl("status", "--brief")[1].splitlines()[1]
    west.done("down", "refused")


def test_a_name_nobody_knows(west: Gateway) -> None:
    """Is told with its neighbour."""
    assert 'connection "tunel"; did you mean tunnel?' in west.fails("up", "tunel")
    assert 'connection "tunel"; did you mean tunnel?' in west.fails("status", "tunel")


def test_the_configuration_is_changed_and_read_again(west: Gateway) -> None:
    """What set has changed is gone after reload."""
    value = ("General", "Check-interval")
    assert west.fails("get", *value) == "isakmpctl: there is no [General]:Check-interval\n"
    assert west.done("set", *value, "33").startswith("[General]:Check-interval is set until")
    assert west.fails("set", *value, "34").endswith("is set already; --force replaces it\n")
    west.done("set", *value, "34", "--force")
    assert west.done("get", *value) == "34\n"
    west.done("add", "General", "Listen-on", "127.0.0.3")
    assert west.done("get", "General", "Listen-on") == f"{WEST},127.0.0.3\n"
    west.done("rm", "General", "Listen-on", "127.0.0.3")
    assert west.done("get", "General", "Listen-on") == f"{WEST}\n"
    assert west.done("rm", *value) == "[General]:Check-interval is removed\n"
    assert west.fails("rm", *value)
    assert west.fails("rm", "nothing")
    assert west.done("set", "scratch", "tag", "value")
    assert west.done("rm", "scratch") == "[scratch] is removed\n"


def test_a_change_that_cannot_be_used_is_told(west: Gateway) -> None:
    """It is made, and the reader hears that it is not in force."""
    said = west.done("add", "Phase 2", "Connections", "nowhere")
    assert "there is no section [nowhere]" in said
    assert "comes into force once this is mended" in said
    west.done("rm", "Phase 2", "Connections", "nowhere")


def test_a_secret_goes_in_by_standard_input(west: Gateway) -> None:
    """And is in nobody's log."""
    west.done("set", "stranger", "Authentication", "-", typed="a#secret;of=theirs\n")
    assert west.done("get", "stranger", "Authentication") == "a#secret;of=theirs\n"
    assert "secret;of" not in (west.folder / "log").read_text()
    west.done("rm", "stranger")


def test_a_reload_that_fails_says_what_is_wrong(west: Gateway) -> None:
    """The last good configuration stays, and status 1 says so."""
    file = west.folder / "isakmpd.conf"
    good = file.read_text()
    try:
        file.write_text(good.replace("Phase=          1", "Phase=          7"))
        complaint = west.fails("reload")
        assert f"{file}:" in complaint
        assert "[peer]:Phase= 7" in complaint
    finally:
        file.write_text(good)
    assert "read" in west.done("reload")
    west.done("add", "Phase 2", "Passive-connections", "refused")


def test_levels_capture_and_report(west: Gateway) -> None:
    """Each is told, and shown."""
    assert "changed from 0 to 30" in west.done("log", "negotiation", "30")
    assert "negotiation 30\n" in west.done("log")
    west.done("log", "toggle")
    assert "negotiation 0\n" in west.done("log")
    west.done("log", "toggle")
    west.done("log", "all", "0")
    assert west.done("capture") == "nothing is recorded\n"
    pcap = west.folder / "x.pcap"
    assert str(pcap) in west.done("capture", "on", str(pcap))
    assert west.done("capture") == f"negotiations are recorded in {pcap}\n"
    west.done("capture", "off")
    assert pcap.read_bytes()[:4] in (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4")
    report = west.folder / "isakmpd.report"
    assert str(report) in west.done("report")
    assert "Report>" in report.read_text()


def test_a_passive_daemon_begins_nothing(west: Gateway) -> None:
    """And up says that it is so."""
    assert west.done("passive") == "isakmpd is passive\n"
    west.done("down", "tunnel")
    assert "isakmpd is passive" in west.fails("up", "tunnel")
    assert ", passive," in west.ctl("status")[1]
    assert west.done("active") == "isakmpd is active\n"
    west.done("up", "tunnel")


def test_nothing_is_left_in_the_run_directory(west: Gateway) -> None:
    """Every answer that was read is gone."""
    west.done("status", "--brief")
    assert [path.name for path in west.folder.glob("isakmpd.result.*")] == []


def test_it_answers_fast(west: Gateway) -> None:
    """A monitor asks often: the fastest of five takes less than half a second of CPU."""
    took = []
    for _ in range(5):
        before = os.times()
        west.done("status", "--brief", "tunnel")
        after = os.times()
        took.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
    assert min(took) < 0.5


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SaPair, status.SaStatus),
        (Tunnel, status.ConnectionStatus),
        (Peer, status.PeerStatus),
        (DaemonStatus, status.Status),
    ],
)
def test_all_that_the_daemon_tells_is_read(ours: type, theirs: type) -> None:
    """The two ends of the status agree on its keys."""
    assert set(ours.__annotations__) - {"text"} == set(theirs.__annotations__)


def test_what_the_daemon_knows_is_known_here_too() -> None:
    """Written twice, because importing the daemon's part would double what a command takes."""
    assert tuple(one.name.lower() for one in LogClass) == daemon_control.LOG_CLASSES
    assert daemon_control.HIGHEST_LEVEL == log_levels.HIGHEST_LEVEL
    (run_dir,) = (one for one in GLOBAL_OPTIONS if one.words == ("--run-dir",))
    assert run_dir.how["default"] == DEFAULT_RUN_DIRECTORY


def test_of_exchanges_what_is_shown_is_told() -> None:
    """Their cookies are for programs."""
    assert set(RunningExchange.__annotations__) < set(status.ExchangeStatus.__annotations__)


def test_stop_ends_the_daemon(west: Gateway) -> None:
    """And then nobody is there to be asked."""
    assert west.done("stop") == "isakmpd has ended\n"
    assert west.process.wait(10) == 0
    assert "isakmpd is not running" in west.fails("status")
    assert "isakmpd is not running" in west.fails("stop")
    west.start()
