"""Two processes are one daemon: whatever happens to either, the other does what is right.

These daemons negotiate on high ports of 127.0.0.1 and carry nothing, so they need no privilege.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.deadline import until
from lab.isakmpd import PROGRAM, alive, children_of
from tests.daemon.loopback import configuration
from tests.daemon.services import NAT_T_PORT, PORT, in_test

WATCHDOG = 0.8  # seconds
# A daemon with a fault, which strikes once a file exists: its first argument.
FAULTY = """
import os, sys, time
from isakmpd.cli.isakmpd import main
from isakmpd.ike.engine import Engine

struck, tick, deadline = sys.argv[1], Engine.tick, Engine.deadline

def {fault}

sys.exit(main(sys.argv[2:]))
"""
HANGS = """tick_that_hangs(self, now):
    while os.path.exists(struck):
        time.sleep(0.01)
    tick(self, now)
Engine.tick = tick_that_hangs
"""
FORGETS = """deadline_that_fails(self):
    if os.path.exists(struck):
        raise KeyError("a bug")
    return deadline(self)
Engine.deadline = deadline_that_fails
"""
# A monitor whose daemon does as told: its second argument names what.
MONITORED = """
import os, signal, sys, time
from pathlib import Path
from isakmpd.daemon import monitor
from isakmpd.daemon.notices import Notice
from isakmpd.daemon.run_directory import RunDirectory
from isakmpd.daemon.run_files import RunPaths
from isakmpd.daemon.service_manager import ServiceManager

def deaf(notices):
    notices(Notice.READY)
    while True:
        time.sleep(1)

def late(notices):
    notices(Notice.READY)
    notices(Notice.STOPPING)
    time.sleep(3600)

def odd(notices):
    notices(Notice.READY)
    return 7

def refused(notices):
    notices(Notice.STOPPING)
    return 1

monitor.TIME_TO_END, folder = float(sys.argv[3]), Path(sys.argv[1])
place = RunDirectory(folder, RunPaths.under(folder))
say = lambda severity, text: print(text, flush=True)
ready = lambda: print("ready", flush=True)
sys.exit(monitor.monitored(globals()[sys.argv[2]], place, ServiceManager(), say, ready))
"""


class Daemon:
    """A daemon with a service manager that listens to it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder / "run"
        self.folder.mkdir(mode=0o700)
        self.log_file = folder / "log"
        self.struck = folder / "struck"
        self.file = folder / "isakmpd.conf"
        self.file.touch(0o600)
        self.file.write_text(text)
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(str(folder / "notify"))
        self.manager.settimeout(10)

    process: subprocess.Popen[bytes]
    child: int

    def start(self, *program: str) -> None:
        """Start it in the foreground and wait until it is ready."""
        words = [*(program or (str(PROGRAM),)), "-dKn", "-p", str(PORT), "-N", str(NAT_T_PORT)]
        notify = {
            "NOTIFY_SOCKET": str(self.manager.getsockname()),
            "WATCHDOG_USEC": str(round(WATCHDOG * 1e6)),
        }
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                [*words, "-c", str(self.file), "--run-dir", str(self.folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ | notify,
            )
        self.told = self.hear("READY=1")
        (self.child,) = children_of(self.process.pid)

    def hear(self, first: str) -> dict[str, str]:
        """Wait for a message that begins with an assignment, and return all it assigns."""
        while True:
            lines = self.manager.recv(4096).decode().splitlines()
            if lines[0] == first:
                return dict(line.split("=", 1) for line in lines)

    def beats(self, seconds: float) -> int:
        """Count the signs of life of some time."""
        until_then, count = time.monotonic() + seconds, 0
        while (left := until_then - time.monotonic()) > 0:
            self.manager.settimeout(left)
            try:
                count += self.manager.recv(4096).startswith(b"WATCHDOG=1")
            except TimeoutError:
                break
        self.manager.settimeout(10)
        return count

    def ended(self) -> int:
        """Wait until both processes are gone; the status is the monitor's."""
        status = self.process.wait(15)
        until(lambda: not alive(self.child), 10, "the daemon's process to end")
        return status

    def log(self) -> list[str]:
        """Return the log without times."""
        return [line.split(" Default ", 1)[-1] for line in self.log_file.read_text().splitlines()]

    def last_words(self, count: int) -> list[str]:
        """Return the last lines about the daemon itself."""
        return [line for line in self.log() if line.startswith("isakmpd: ")][-count:]

    def left(self) -> list[str]:
        """Name what is in the run directory."""
        return sorted(path.name for path in self.folder.iterdir())

    def close(self) -> None:
        """Kill what still runs."""
        self.manager.close()
        if hasattr(self, "process"):
            for process in (self.process.pid, self.child):
                if alive(process):
                    os.kill(process, signal.SIGKILL)
            self.process.wait()


@pytest.fixture
def idle(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon, not yet started, that has a connection to bring up and nobody to do so with."""
    daemon = Daemon(tmp_path, configuration("west"))
    yield daemon
    daemon.close()


@pytest.fixture
def daemon(idle: Daemon) -> Daemon:
    """The same daemon, at work."""
    idle.start()
    return idle


SHUTTING_DOWN = ["isakmpd: shutting down...", "isakmpd: exit"]


# What the service manager is told


def test_the_monitor_tells_the_service_manager(daemon: Daemon) -> None:
    """When it has begun, reads its configuration by SIGHUP and by R, and ends."""
    assert daemon.told["MAINPID"] == str(daemon.process.pid)
    assert daemon.told["STATUS"] == "0 of 1 connections up, none stack"
    asked: list[Callable[[], None]] = [
        lambda: daemon.process.send_signal(signal.SIGHUP),
        lambda: command(daemon, "R"),
    ]
    for ask in asked:
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        ask()
        assert int(daemon.hear("RELOADING=1")["MONOTONIC_USEC"]) >= before
        assert daemon.hear("READY=1")["STATUS"].startswith("0 of 1")
    daemon.process.terminate()
    daemon.hear("STOPPING=1")
    assert daemon.ended() == 0


def command(daemon: Daemon, line: str) -> None:
    """Write a line into the FIFO."""
    (daemon.folder / "isakmpd.fifo").write_text(f"{line}\n")


def test_a_faulty_reload_ends_as_well(daemon: Daemon) -> None:
    """The service manager does not wait for a configuration that never comes into force."""
    daemon.file.write_text("[General]\nRetransmits= many\n")
    daemon.process.send_signal(signal.SIGHUP)
    daemon.hear("RELOADING=1")
    assert daemon.hear("READY=1")["STATUS"].startswith("0 of 1")
    assert any("last good" in line for line in daemon.log())


def test_while_all_is_well_it_beats_in_time(daemon: Daemon) -> None:
    """No later than half of the time the service manager waits."""
    for _ in range(3):
        assert daemon.beats(WATCHDOG / 2) >= 1


@pytest.mark.parametrize("fault", [HANGS, FORGETS])
def test_an_engine_that_hangs_does_not_beat(idle: Daemon, fault: str) -> None:
    """In a call that never returns, or never called again with the event loop all right."""
    idle.start(sys.executable, "-c", FAULTY.format(fault=fault), str(idle.struck))
    assert idle.beats(WATCHDOG) >= 2
    idle.struck.touch()
    until(lambda: idle.beats(WATCHDOG) == 0, 20, "the beats to end")
    assert idle.beats(WATCHDOG) == 0
    assert alive(idle.child)
    idle.process.send_signal(signal.SIGABRT)  # as systemd does then
    assert idle.ended() == 128 + signal.SIGKILL
    assert idle.left() == []


def test_a_stopped_process_does_not_beat_until_it_goes_on(daemon: Daemon) -> None:
    """The monitor never makes a beat up."""
    os.kill(daemon.child, signal.SIGSTOP)
    daemon.beats(WATCHDOG / 2)
    assert daemon.beats(WATCHDOG) == 0
    os.kill(daemon.child, signal.SIGCONT)
    daemon.hear("WATCHDOG=1")


# Ends


def test_a_killed_daemon_leaves_nothing_but_a_line(daemon: Daemon) -> None:
    """The status is that of a signal; nobody is left waiting for a reader of the FIFO."""
    assert daemon.left() == ["isakmpd.fifo", "isakmpd.lock", "isakmpd.pid"]
    os.kill(daemon.child, signal.SIGKILL)
    assert daemon.ended() == 128 + signal.SIGKILL
    assert daemon.left() == []
    told = f"isakmpd: process {daemon.child} was ended by signal 9 (SIGKILL)"
    assert daemon.log()[-1] == told
    assert daemon.hear("STOPPING=1")["STATUS"] == told


def test_without_its_monitor_the_daemon_ends_in_good_order(daemon: Daemon) -> None:
    """And cleans up for both."""
    daemon.process.kill()
    assert daemon.ended() == -signal.SIGKILL
    assert daemon.last_words(3) == ["isakmpd: the monitor process is gone", *SHUTTING_DOWN]
    assert daemon.left() == []


def test_after_a_crash_of_both_the_next_one_begins(daemon: Daemon) -> None:
    """What they left behind is no obstacle."""
    os.killpg(daemon.process.pid, signal.SIGKILL)
    daemon.ended()
    assert daemon.left() == ["isakmpd.fifo", "isakmpd.lock", "isakmpd.pid"]
    daemon.start()
    assert (daemon.folder / "isakmpd.pid").read_text() == f"{daemon.process.pid}\n"
    daemon.process.terminate()
    assert daemon.ended() == 0
    assert daemon.left() == []


def to_group(daemon: Daemon) -> None:
    """Press Ctrl-C: both processes get it, and the monitor passes it on."""
    os.killpg(daemon.process.pid, signal.SIGINT)


def twice_at_once(daemon: Daemon) -> None:
    """Ask as timeout(1) does: the process, then its group."""
    os.kill(daemon.process.pid, signal.SIGTERM)
    time.sleep(0.02)
    os.killpg(daemon.process.pid, signal.SIGTERM)


@pytest.mark.parametrize(
    "ask",
    [
        to_group,
        twice_at_once,
        lambda daemon: daemon.process.terminate(),
        lambda daemon: daemon.process.send_signal(signal.SIGINT),
        lambda daemon: command(daemon, "Q"),
    ],
)
def test_it_ends_once_and_cleanly(daemon: Daemon, ask: Callable[[Daemon], None]) -> None:
    """However it is asked to."""
    ask(daemon)
    assert daemon.ended() == 0
    assert daemon.last_words(2) == SHUTTING_DOWN
    assert daemon.log()[-1] == SHUTTING_DOWN[-1]
    assert daemon.log().count(SHUTTING_DOWN[0]) == 1
    assert daemon.left() == []


def test_a_clean_end_tells_the_peer(daemon: Daemon, tmp_path: Path) -> None:
    """Both phases are deleted there; SIGTERM goes to the monitor."""
    text = configuration("east")
    with in_test(tmp_path / "east", text, port=PORT, nat_t_port=NAT_T_PORT) as east:
        east.until(lambda: east.up("link"), 20)
        daemon.process.terminate()
        east.until(lambda: not east.up("link"), 10)
        east.until(lambda: not east.service.engine.snapshot(east.service.now()).isakmp_sas, 10)
    assert daemon.ended() == 0


def test_a_signal_while_it_starts_is_not_lost(idle: Daemon) -> None:
    """Neither does it end a process that cannot take it yet, nor is a reload forgotten."""
    idle.start()
    idle.process.terminate()
    assert idle.ended() == 0
    idle.file.write_text(configuration("west", ()))
    words = [str(PROGRAM), "-dKn", "-p", str(PORT), "-N", str(NAT_T_PORT), "-c", str(idle.file)]
    with idle.log_file.open("wb") as log:
        process = subprocess.Popen([*words, "--run-dir", str(idle.folder)], stderr=log)
    until(lambda: children_of(process.pid), 5, "the second process")
    process.send_signal(signal.SIGHUP)
    process.terminate()
    assert process.wait(10) == 0
    assert SHUTTING_DOWN[0] in idle.log()
    assert "SIGHUP received" in idle.log()
    assert idle.log()[-1] == SHUTTING_DOWN[1]
    assert idle.left() == []


def test_a_pid_file_that_cannot_be_written_is_no_start(idle: Daemon) -> None:
    """Nobody could send it signals; it ends in good order, with the reason in its log."""
    (idle.folder / "isakmpd.pid").mkdir()
    words = [str(PROGRAM), "-dKn", "-p", str(PORT), "-N", str(NAT_T_PORT), "-c", str(idle.file)]
    ended = subprocess.run(
        [*words, "--run-dir", str(idle.folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert ended.returncode == 1
    reason = f"isakmpd: will not replace {idle.folder}/isakmpd.pid: it is not a regular file\n"
    assert f" Default {reason}" in ended.stderr
    assert ended.stderr.endswith(f" Default {SHUTTING_DOWN[1]}\n")
    assert idle.left() == ["isakmpd.pid"]


# A process that does not do as it is told


class Monitored:
    """A monitor and what it says, with a process that behaves in a certain way."""

    def __init__(self, folder: Path, behaviour: str, time_to_end: float) -> None:
        words = [sys.executable, "-c", MONITORED, str(folder), behaviour, str(time_to_end)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)

    def said(self) -> str:
        """Wait for a line."""
        assert self.process.stdout
        return re.sub(r"process \d+", "process PID", self.process.stdout.readline().rstrip("\n"))

    def ended(self) -> tuple[int, list[str]]:
        """Wait for its end; return the status and what it still said."""
        rest = list(iter(self.said, ""))
        with self.process:
            return self.process.wait(10), rest


KILLED = "isakmpd: process PID was ended by signal 9 (SIGKILL)"


@pytest.mark.parametrize(("behaviour", "ask"), [("deaf", True), ("late", False)])
def test_a_process_that_does_not_end_is_killed(tmp_path: Path, behaviour: str, ask: bool) -> None:
    """Also one that was to end by itself, as with Q."""
    one = Monitored(tmp_path, behaviour, 0.3)
    assert one.said() == "ready"
    if ask:
        one.process.terminate()
    status, said = one.ended()
    assert status == 128 + signal.SIGKILL
    assert said == [
        "isakmpd: process PID has not ended 0.3 s after it was to and is killed",
        KILLED,
    ]
    assert list(tmp_path.iterdir()) == []


def test_a_second_request_to_end_is_the_last(tmp_path: Path) -> None:
    """Not one that comes with the first, which is the same by another way."""
    one = Monitored(tmp_path, "deaf", 60)
    assert one.said() == "ready"
    one.process.terminate()
    one.process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    assert one.process.poll() is None
    one.process.terminate()
    asked = "isakmpd: process PID is asked to end for the second time, by SIGTERM, and is killed"
    assert one.ended() == (128 + signal.SIGKILL, [asked, KILLED])


@pytest.mark.parametrize(
    ("behaviour", "status", "said"),
    [
        ("odd", 7, ["ready", "isakmpd: process PID ended with status 7"]),
        ("refused", 1, []),
    ],
)
def test_the_status_is_the_daemons(
    tmp_path: Path, behaviour: str, status: int, said: list[str]
) -> None:
    """A line tells of an end the daemon has not told of itself."""
    assert Monitored(tmp_path, behaviour, 10).ended() == (status, said)
    assert list(tmp_path.iterdir()) == []


# What the monitor is made of


def test_the_monitor_is_small() -> None:
    """It has neither engine nor event loop nor cipher in it."""
    show = "import sys, isakmpd.cli.isakmpd; print(*sys.modules)"
    ended = subprocess.run([sys.executable, "-c", show], capture_output=True, text=True, check=True)
    modules = ended.stdout.split()
    assert "isakmpd.daemon.monitor" in modules
    big = {"asyncio", "cryptography", "Crypto", "pyroute2", "isakmpd.ike", "isakmpd.crypto"}
    assert big.isdisjoint(modules)
