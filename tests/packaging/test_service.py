"""The daemon as systemd runs it, in its sandbox: from the first start to what a crash leaves."""

import time
from collections.abc import Iterator

import pytest

from lab.deadline import until
from lab.gateways import EAST_LAN, INNER, WEST_LAN, TwoGateways
from lab.isakmpd import Isakmpd
from lab.machine import Machine
from lab.ping import PATTERN, ping
from lab.proof import prove_encrypted
from tests.packaging.installed import (
    CONFIGURATION,
    EXAMPLE,
    UNIT,
    ask,
    command,
    configure,
    wait_state,
)

pytestmark = pytest.mark.package

TUNNEL = "SA name: west-east (Phase 2)"
CAPABILITIES = {"CAP_NET_BIND_SERVICE": 10, "CAP_NET_ADMIN": 12, "CAP_NET_RAW": 13}
FILTERED = 2  # seccomp(2): SECCOMP_MODE_FILTER
OWN_RULES = "proto 73"  # what our routing rules carry


def test_without_a_configuration_it_is_enabled_and_does_not_run(machine: Machine) -> None:
    assert machine.property(UNIT, "UnitFileState") == "enabled"
    assert not machine.path(CONFIGURATION).exists()
    machine.run("systemctl", "start", UNIT)
    assert machine.property(UNIT, "ActiveState") == "inactive"
    assert machine.property(UNIT, "ConditionResult") == "no"


def test_its_user_owns_nothing_and_may_not_log_in(machine: Machine) -> None:
    *_, home, shell = machine.run("getent", "passwd", "_isakmpd").stdout.strip().split(":")
    assert (home, shell) == ("/var/empty", "/usr/sbin/nologin")
    found = machine.run("stat", "-c", "%A %U", "/var/empty").stdout.strip()
    assert found == "drwxr-xr-x root"


def test_its_programs_run_without_the_callers_python(machine: Machine) -> None:
    """PYTHONPATH, PYTHONHOME and the folder one stands in decide nothing."""
    machine.run("sh", "-c", "mkdir -p /root/trap && echo 'raise SystemExit(7)' >/root/trap/json.py")
    for program in ("isakmpd", "isakmpctl"):
        words = f"cd /root/trap && PYTHONPATH=/root/trap PYTHONHOME=/nowhere {program} --version"
        assert machine.run("sh", "-c", words).stdout.startswith(f"{program} ")


@pytest.fixture(scope="module")
def east(gateways: TwoGateways) -> Iterator[Isakmpd]:
    """The peer, run from the checkout and outside of any sandbox."""
    with Isakmpd(gateways.east, gateways.folder, (EXAMPLE / "east.conf").read_text()) as isakmpd:
        yield isakmpd


@pytest.fixture(scope="module")
def serving(machine: Machine, east: Isakmpd) -> Machine:  # noqa: ARG001  it is to be there first
    """The machine with the example's configuration in force, and its peer waiting."""
    configure(machine, (EXAMPLE / "west.conf").read_text())
    machine.run("systemctl", "start", UNIT)
    return machine


def main_process(machine: Machine) -> int:
    return int(machine.property(UNIT, "MainPID"))


def processes(machine: Machine) -> list[int]:
    """List the service's processes, by their numbers in the machine."""
    group = machine.property(UNIT, "ControlGroup")
    listed = machine.run("cat", f"/sys/fs/cgroup{group}/cgroup.procs").stdout
    return [int(word) for word in listed.split()]


def test_it_says_when_it_is_ready(serving: Machine) -> None:
    """Type=notify: `systemctl start` has returned, so READY came; the FIFO is read by then."""
    assert serving.property(UNIT, "Type") == "notify"
    assert serving.property(UNIT, "ActiveState") == "active"
    assert ask(serving, "C get [Phase 1]:192.0.2.2").strip() == "east"
    noted = serving.path("/run/isakmpd.pid").read_text().strip()
    assert int(noted) == main_process(serving)


def test_no_process_has_more_rights_than_the_unit_tells(serving: Machine) -> None:
    allowed = sum(1 << bit for bit in CAPABILITIES.values())
    for process in processes(serving):
        lines = serving.run("cat", f"/proc/{process}/status").stdout.splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        for which in ("CapPrm", "CapEff", "CapBnd"):
            assert int(status[which], 16) & ~allowed == 0, (process, which)
        assert int(status["CapBnd"], 16) == allowed
        assert int(status["NoNewPrivs"]) == 1
        assert int(status["Seccomp"]) == FILTERED


def test_a_tunnel_carries_packets_from_within_the_sandbox(
    serving: Machine, east: Isakmpd, gateways: TwoGateways
) -> None:
    """The TUN device, the rules and the marked sockets all work with these rights alone."""
    east.wait_tunnel("west-east")
    until(lambda: TUNNEL in ask(serving, "S"), 20, "the tunnel")
    with gateways.capture() as wire:
        echoes = ping(gateways.west, EAST_LAN, gateways.folder, source=WEST_LAN)
    assert (echoes.sent, echoes.received) == (3, 3)
    prove_encrypted(
        wire.stop(), inner=INNER, pattern=PATTERN, sent=echoes.sent, received=echoes.received
    )


def test_isakmpctl_finds_the_daemon(serving: Machine) -> None:
    assert "west-east" in serving.run("isakmpctl", "status").stdout


def test_reload_reads_the_configuration_and_keeps_running(serving: Machine) -> None:
    before = main_process(serving)
    serving.run("systemctl", "reload", UNIT)
    until(lambda: "SIGHUP received" in serving.journal(UNIT), 10, "the reload")
    wait_state(serving, "active")
    assert main_process(serving) == before


def test_files_elsewhere_are_closed_and_the_log_says_so(serving: Machine) -> None:
    """A capture to /tmp fails aloud instead of landing where nobody looks."""
    places = ("/tmp", "/var/lib", "/etc/isakmpd", "/run/systemd/system")
    for place in places:
        command(serving, f"p on={place}/ike.pcap")
    until(
        lambda: all(f"{place}/ike.pcap" in serving.journal(UNIT) for place in places),
        10,
        "a line on each",
    )
    assert [place for place in places if serving.path(f"{place}/ike.pcap").exists()] == []
    command(serving, "p on=/var/run/ike.pcap")
    until(serving.path("/run/ike.pcap").exists, 10, "the capture")
    command(serving, "p off")
    serving.run("rm", "/run/ike.pcap")


def test_a_second_daemon_is_refused_while_the_service_runs(serving: Machine) -> None:
    done = serving.run("isakmpd", "-d", "-K", check=False)
    assert done.returncode == 1
    assert "another isakmpd" in done.stderr
    assert TUNNEL in ask(serving, "S")


def test_a_crash_is_followed_by_a_start(serving: Machine, east: Isakmpd) -> None:
    before = main_process(serving)
    serving.run("kill", "-SEGV", *map(str, processes(serving)))
    until(lambda: main_process(serving) not in (0, before), 20, "another start")
    wait_state(serving, "active")
    until(lambda: TUNNEL in ask(serving, "S"), 20, "the tunnel again")
    east.wait_tunnel("west-east")


@pytest.fixture
def impatient(serving: Machine) -> Iterator[Machine]:
    """The service with a watchdog that no test has to wait long for."""
    drop_in = f"/run/systemd/system/{UNIT}.d"
    shorter = "[Service]\nWatchdogSec=3s\nTimeoutAbortSec=1s\n"
    serving.run("mkdir", "-p", drop_in)
    serving.run("tee", f"{drop_in}/watchdog.conf", stdin=shorter)
    serving.run("systemctl", "daemon-reload")
    serving.run("systemctl", "restart", UNIT)
    yield serving
    serving.run("rm", "-r", drop_in)
    serving.run("systemctl", "daemon-reload")
    serving.run("systemctl", "restart", UNIT)


def test_an_engine_that_hangs_is_ended_and_started_again(impatient: Machine) -> None:
    """The child that negotiates is stopped; its parent lives, and must not vouch for it."""
    before = main_process(impatient)
    time.sleep(4)
    assert main_process(impatient) == before, "it is ended although it does not hang"
    others = [process for process in processes(impatient) if process != before]
    assert others
    impatient.run("kill", "-STOP", *map(str, others))
    until(lambda: main_process(impatient) not in (0, before), 20, "another start")
    assert "Watchdog timeout" in impatient.journal(UNIT)
    wait_state(impatient, "active")


def test_a_stop_leaves_nothing_behind(serving: Machine, gateways: TwoGateways) -> None:
    until(lambda: TUNNEL in ask(serving, "S"), 20, "the tunnel")
    assert OWN_RULES in gateways.west.ip("rule")
    serving.run("rm", "-f", "/run/isakmpd.result")
    serving.run("systemctl", "stop", UNIT)
    assert serving.property(UNIT, "Result") == "success"
    assert serving.run("sh", "-c", "ls -d /run/isakmpd*", check=False).stdout == ""
    assert OWN_RULES not in gateways.west.ip("rule")
    assert "isakmpd0" not in gateways.west.ip("link")


def test_a_command_to_nobody_does_not_keep_it_from_starting(serving: Machine) -> None:
    """What a script writes while the daemon is down becomes a file where the FIFO is to be."""
    serving.run("systemctl", "stop", UNIT)
    command(serving, "S")
    assert serving.path("/run/isakmpd.fifo").is_file()
    serving.run("systemctl", "start", UNIT)
    assert serving.path("/run/isakmpd.fifo").is_fifo()
