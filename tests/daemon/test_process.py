"""The process starts, detaches, refuses to start and ends as an administrator expects."""

from __future__ import annotations

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.deadline import until
from lab.isakmpd import PROGRAM, children_of
from lab.namespace import HAS_IPV6, Namespace
from tests.daemon.loopback import (
    EAST,
    WEST,
    answered,
    configuration,
    daemon,
    pair,
    sections,
)
from tests.daemon.starts import Start, sentence

pytestmark = pytest.mark.namespaces
POOR = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all")
# A /dev of our own, in which the test's socket is the system's log.
WITH_SYSLOG = """\
set -e
mkdir "$1/dev"
mount -t tmpfs none "$1/dev"
for name in null urandom log; do touch "$1/dev/$name"; done
for name in null urandom; do mount --bind "/dev/$name" "$1/dev/$name"; done
mount --bind "$1/log" "$1/dev/log"
mount --move "$1/dev" /dev
shift
exec "$@"
"""


@pytest.fixture(scope="module")
def host() -> Iterator[Namespace]:
    """One host for all tests here."""
    with Namespace("process") as namespace:
        yield namespace


@pytest.fixture
def start(host: Namespace, tmp_path: Path) -> Start:
    """A place to start from."""
    return Start(host, tmp_path)


# Refusals


@pytest.mark.parametrize("detached", [False, True])
def test_without_a_policy_and_without_k_it_ends(start: Start, detached: bool) -> None:
    """Going on would mean to allow everything unasked."""
    ended = start.run("-n", *([] if detached else ["-d"]))
    assert sentence(ended) == (
        "isakmpd: policy files are not supported by this version: start with -K, or set"
        " [General]:Use-Keynote= no, to do without the policy check"
    )
    assert start.left() == []


def test_a_named_file_that_is_missing_is_no_start(start: Start) -> None:
    """Nobody names a file to run without it."""
    start.file.unlink()
    assert sentence(start.run("-dKn")) == f"isakmpd: {start.file}: there is no such file"


def test_a_file_that_others_can_read_is_no_start(start: Start) -> None:
    """It holds keys; the sentence says how to mend it."""
    start.configure(configuration("west"), 0o644)
    assert sentence(start.run("-dKn")) == (
        f"isakmpd: {start.file} has mode 0644 and may hold secrets, expected 0600:"
        f" chmod 600 {start.file}"
    )


def test_a_stack_of_another_version_is_no_start(start: Start) -> None:
    """Carrying nothing in silence would be worse."""
    start.configure("[General]\nIPsec-stack= xfrm\n")
    assert sentence(start.run("-dK")) == (
        "isakmpd: [General]:IPsec-stack= xfrm is not supported by this version, expected auto,"
        " userspace or none"
    )


def test_a_run_directory_that_is_missing_is_no_start(start: Start) -> None:
    """It is not made: its rights are the administrator's to choose."""
    start.run_directory.rmdir()
    assert (
        sentence(start.run("-dKn")) == f"isakmpd: there is no run directory {start.run_directory}"
    )


def test_a_regular_file_is_not_made_a_fifo(start: Start) -> None:
    """It may be anything; it stays as it is."""
    precious = start.run_directory / "precious"
    precious.write_text("kept")
    ended = start.run("-dKn", "-f", precious)
    assert sentence(ended).startswith(f"isakmpd: will not replace {precious} by a FIFO: it is a")
    assert precious.read_text() == "kept"
    assert start.left() == ["precious"]


def test_without_the_right_to_bind_it_says_so(start: Start) -> None:
    """Port 500 takes a privilege; nothing stays behind."""
    assert sentence(start.run("-dKn", before=POOR)) == (
        f"isakmpd: udp: cannot listen on {WEST} port 500: Permission denied"
        " (a port below 1024 takes root or CAP_NET_BIND_SERVICE)"
    )
    assert start.left() == []


def test_without_the_right_to_make_a_device_it_says_so(start: Start) -> None:
    """And what would do."""
    said = sentence(start.run("-dK", before=POOR))
    assert said.count("the userspace IPsec stack needs") == 1
    assert said.endswith(
        "it takes root, or CAP_NET_ADMIN and CAP_NET_RAW; with -n nothing is carried and neither"
        " needed"
    )
    assert [name for name in start.left() if name != "isakmpd.journal"] == []


def test_n_on_high_ports_needs_no_privilege(start: Start) -> None:
    """Anybody may try a configuration."""
    ended = start.run("-dKn", "-p", "5000", "-N", "5001", "-f", "-", before=POOR, stdin="Q\n")
    assert ended.returncode == 0, ended.stderr


# Side by side


def test_a_second_daemon_harms_nothing(host: Namespace, tmp_path: Path) -> None:
    """Neither in the same run directory nor on the same ports; the first one goes on."""
    with daemon(host, tmp_path, "west", configuration("west", ())) as first:
        shown = sorted(path.name for path in first.folder.iterdir())
        same = ("-dKn", "-c", first.configuration_file)
        here = (PROGRAM, *same, "--run-dir", first.folder)
        ports = ("-p", "5000", "-N", "5001")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        told = [
            sentence(host.run(*words, check=False))
            for words in (
                here,
                (*here, *ports, "-f", "other", "-i", "pid"),
                (PROGRAM, *same, "--run-dir", elsewhere),
                (PROGRAM, *same, *ports, "--run-dir", elsewhere, "-f", first.fifo),
            )
        ]
        used = f"isakmpd: another isakmpd uses the run directory {first.folder}; stop that, or"
        assert told == [
            f"{used} name another with --run-dir",
            f"{used} name another with --run-dir",
            "isakmpd: "
            + "; ".join(
                f"udp: cannot listen on {WEST} port {port}: Address already in use"
                " (another IKE daemon holds it)"
                for port in (500, 4500)
            ),
            f"isakmpd: the FIFO {first.fifo} is read by a running daemon; stop that, or name"
            " another with -f",
        ]
        assert sorted(path.name for path in first.folder.iterdir()) == shown
        assert list(elsewhere.iterdir()) == []
        assert first.show() == ""


def test_daemons_on_other_ports_share_an_address(tmp_path: Path) -> None:
    """Each pair with its own -p and -N negotiates by itself."""
    ports = ("-K", "-n", "-p", "5000", "-N", "5001")
    with ExitStack() as stack:
        usual = stack.enter_context(pair(tmp_path))
        (tmp_path / "high").mkdir()
        others = [
            stack.enter_context(
                daemon(usual.namespace, tmp_path / "high", side, configuration(side), *ports)
            )
            for side in ("east", "west")
        ]
        for one in (usual.west, usual.east, *others):
            one.wait_tunnel("link")


# Detaching


def test_it_detaches_once_it_has_started(start: Start) -> None:
    """When the command returns, the daemon answers; its process ID is in the file."""
    started = start.run("-Kn")
    assert started.returncode == 0, started.stderr
    pid = int((start.run_directory / "isakmpd.pid").read_text())
    assert Path("/proc", str(pid), "cwd").readlink() == Path("/")
    assert os.getsid(pid) == pid
    assert {Path(f"/proc/{pid}/fd/{one}").readlink() for one in range(3)} == {Path(os.devnull)}
    with (start.run_directory / "isakmpd.fifo").open("w") as fifo:
        fifo.write("S\n")
    until((start.run_directory / "isakmpd.result").exists, 5, "an answer")
    start.end()
    assert start.left() == ["isakmpd.result"]


def test_a_daemon_whose_starter_is_gone_starts_all_the_same(start: Start, tmp_path: Path) -> None:
    """A terminal that hangs up while it waits ends nothing."""
    waiting = start.host.spawn(*start.words("-Kn"), output=tmp_path / "log")
    until((start.run_directory / "isakmpd.lock").exists, 5, "the monitor to begin")
    waiting.kill()
    assert waiting.wait() == -signal.SIGKILL
    until((start.run_directory / "isakmpd.pid").exists, 5, "the daemon to have started")
    pid = int((start.run_directory / "isakmpd.pid").read_text())
    standard_error = Path("/proc", str(pid), "fd/2")
    until(lambda: standard_error.readlink() == Path(os.devnull), 5, "it to let go of the terminal")
    time.sleep(0.2)
    assert standard_error.exists()
    start.end()
    assert start.left() == []


def test_a_detached_start_that_fails_says_so(start: Start) -> None:
    """The command's status is the daemon's, and the reason is on the terminal."""
    ended = start.run("-Kn", "-f", "/nowhere/fifo")
    assert sentence(ended) == (
        "isakmpd: cannot make the FIFO /nowhere/fifo: No such file or directory"
    )
    assert start.left() == []


@pytest.mark.root
def test_a_detached_daemon_logs_to_syslog(start: Start, tmp_path: Path) -> None:
    """From its first line to its last, as isakmpd with the ID of the process that negotiates."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(tmp_path / "log"))
        log.settimeout(5)
        inside = ("unshare", "--mount", "sh", "-c", WITH_SYSLOG, "sh", str(tmp_path))
        assert start.run("-Kn", before=inside).returncode == 0
        monitor = int((start.run_directory / "isakmpd.pid").read_text())
        (pid,) = children_of(monitor)
        os.kill(monitor, signal.SIGHUP)
        said = [log.recv(4096).decode() for _ in range(5)]
        start.end()
        said += [log.recv(4096).decode() for _ in range(2)]
    assert [re.sub(r"^<29>.*? isakmpd", "isakmpd", line) for line in said] == [
        f"isakmpd[{pid}]: isakmpd: starting",
        f"isakmpd[{pid}]: IPsec stack: none, as -n asks: nothing is carried",
        f"isakmpd[{pid}]: no connection is configured: isakmpd waits for C commands or a reload",
        f"isakmpd[{pid}]: SIGHUP received",
        f"isakmpd[{pid}]: isakmpd: the configuration is read anew, 0 connections and 1 peer",
        f"isakmpd[{pid}]: isakmpd: shutting down...",
        f"isakmpd[{pid}]: isakmpd: exit",
    ]


@pytest.mark.root
def test_a_detached_daemon_that_nobody_hears_says_so(start: Start, tmp_path: Path) -> None:
    """While there is a terminal; it runs all the same."""
    no_syslog = WITH_SYSLOG.replace("null urandom log", "null urandom").replace(
        'mount --bind "$1/log" "$1/dev/log"\n', ""
    )
    inside = ("unshare", "--mount", "sh", "-c", no_syslog, "sh", str(tmp_path))
    started = start.run("-Kn", before=inside)
    start.end()
    assert started.returncode == 0
    assert started.stderr.splitlines()[-1].endswith(
        "nobody takes what is logged from here on: there is no /dev/log; start a syslog daemon, or"
        " isakmpd with -d, which logs to standard error"
    )


# Commands from standard input


@pytest.mark.parametrize("last", ["Q\n", "Q"])
def test_commands_come_from_standard_input(start: Start, last: str) -> None:
    """By a pipe; no FIFO is made, and the last line needs no newline."""
    ended = start.run("-dKn", "-f", "-", stdin=f"C get [General]:Listen-on\n{last}")
    assert ended.returncode == 0, ended.stderr
    assert (start.run_directory / "isakmpd.result").read_text() == f"{WEST}\n"
    assert start.left() == ["isakmpd.result"]


def test_commands_come_from_a_file(start: Start, tmp_path: Path) -> None:
    """A script can say it all, and end the daemon with it."""
    script = tmp_path / "script"
    script.write_text("C set [General]:Retransmits=9 force\nC get [General]:Retransmits\nQ")
    words = " ".join(map(str, start.words("-dKn", "-f", "-")))
    ended = start.host.run("sh", "-c", f"{words} < {script}", check=False)
    assert ended.returncode == 0, ended.stderr
    assert (start.run_directory / "isakmpd.result").read_text() == "9\n"


def test_what_follows_q_is_not_done(start: Start) -> None:
    """The daemon is on its way out."""
    ended = start.run("-dKn", "-f", "-", stdin="Q\nC get [General]:Listen-on\n")
    assert ended.returncode == 0
    assert start.left() == []


def test_a_detached_daemon_goes_on_reading_its_standard_input(start: Start) -> None:
    """Of the terminal it lets go, not of whoever commands it."""
    words = " ".join(map(str, start.words("-Kn", "-f", "-")))
    later = f"(while [ ! -e {start.run_directory}/isakmpd.pid ]; do sleep 0.1; done; sleep 0.3;"
    start.host.run("sh", "-c", f"{later} echo 'C get [General]:Listen-on') | {words}")
    result = start.run_directory / "isakmpd.result"
    until(result.exists, 10, "the command to arrive")
    assert result.read_text() == f"{WEST}\n"
    start.end()


def test_a_closed_standard_descriptor_is_opened(start: Start, tmp_path: Path) -> None:
    """Or else a socket would take its number, and the log would go to a peer."""
    words = " ".join(map(str, start.words("-dKn")))
    start.host.spawn("sh", "-c", f"exec {words} 0<&- 2>&-", output=tmp_path / "log")
    pid = start.run_directory / "isakmpd.pid"
    until(pid.exists, 10, "the daemon to start")
    places = [Path(f"/proc/{pid.read_text().strip()}/fd/{one}").readlink() for one in (0, 2)]
    assert places == [Path(os.devnull)] * 2
    start.end()


@pytest.mark.parametrize("flags", ["-dKn", "-Kn"])
def test_without_commands_it_runs_on(start: Start, tmp_path: Path, flags: str) -> None:
    """/dev/null has nothing to say, and its end is not ours; also when detached."""
    log = tmp_path / "log"
    process = start.host.spawn(*start.words(flags, "-f", "-"), output=log)
    pid = start.run_directory / "isakmpd.pid"
    until(pid.exists, 10, "the daemon to start")
    time.sleep(0.3)
    assert not (start.run_directory / "isakmpd.fifo").exists()
    if flags == "-dKn":
        assert process.poll() is None, log.read_text()
    start.end()
    assert "internal error" not in log.read_text()


# Where things are


def test_each_file_can_be_elsewhere(start: Start, tmp_path: Path) -> None:
    """-f, -i, -R and -l say where; all are private but the process ID, and what must go goes."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    files = {flag: place / name for flag, name in zip("fiRl", ("f", "i", "R", "l"), strict=True)}
    more = [word for flag, file in files.items() for word in (f"-{flag}", file)]
    process = start.host.spawn(*start.words("-dKn", *more), output=tmp_path / "log")
    until(lambda: files["i"].exists() and files["f"].is_fifo(), 10, "the daemon to start")
    assert files["i"].read_text() == f"{process.pid}\n"
    with files["f"].open("w") as fifo:
        fifo.write("r\nr\n")
    until(files["R"].exists, 5, "the report")
    until(lambda: "conf_report" in files["R"].read_text(), 5, "all of it")
    modes = {flag: file.stat().st_mode & 0o777 for flag, file in files.items()}
    assert modes == {"f": 0o600, "i": 0o644, "R": 0o600, "l": 0o600}
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert sorted(path.name for path in place.iterdir()) == ["R", "l"]
    assert start.left() == []


@pytest.mark.parametrize(
    ("flags", "families"), [((), {4, 6}), (("-4",), {4}), (("-6",), {6}), (("-4", "-6"), {4, 6})]
)
def test_4_and_6_choose_the_families(
    start: Start, flags: tuple[str, ...], families: set[int]
) -> None:
    """Neither means both."""
    start.configure("")
    ended = start.run("-dKn", *flags, "-f", "-", stdin="r\nQ\n")
    assert ended.returncode == 0, ended.stderr
    report = (start.run_directory / "isakmpd.report").read_text()
    bound = set(re.findall(r"src (0\.0\.0\.0|::):500 ", report))
    here = {4, 6} if HAS_IPV6 else {4}
    assert {6 if address == "::" else 4 for address in bound} == families & here


# Levels and seeds


def test_d_sets_debug_levels_and_survives_a_wrong_one(start: Start) -> None:
    """A level that is none costs a line; the daemon runs."""
    ended = start.run("-dKn", "-D", "8=30", "-D", "77=1", "-D", "x", "-f", "-", stdin="Q\n")
    assert ended.returncode == 0
    for line in (
        "log_debug_cmd: log level changed from 0 to 30 for class 8",
        "log_debug_cmd: invalid debugging class 77, expected 0 to 10 or A",
        'log_debug_cmd: "x" is no debug level, expected class=level or A=level',
    ):
        assert line in ended.stderr


def messages(folder: Path) -> list[bytes]:
    """Run a pair with seeds and return the IKE messages west captured, without times."""
    folder.mkdir()
    with Namespace("seeded") as host, ExitStack() as stack:
        # The same seed for both would give both the same cookie.
        east, west = (
            stack.enter_context(
                daemon(host, folder, side, configuration(side), "-K", "-n", "-L", "-r", side)
            )
            for side in ("east", "west")
        )
        west.wait_tunnel("link")
        east.wait_tunnel("link")
        west.stop()
        told = "WARNING: -r west makes every key predictable; it is for tests only"
        assert told in west.log()
        pcap = (west.folder / "isakmpd.pcap").read_bytes()[24:]
    found = []
    while pcap:
        length = int.from_bytes(pcap[8:12], "little")
        found.append(pcap[16 : 16 + length])
        pcap = pcap[16 + length :]
    return found


def test_a_seed_repeats_every_octet(tmp_path: Path) -> None:
    """Two runs put the same messages on the wire, down to cookies, keys and SPIs."""
    first, second = messages(tmp_path / "first"), messages(tmp_path / "second")
    assert len(first) >= 9
    assert first == second


def test_n_touches_nothing_of_the_kernel(tmp_path: Path) -> None:
    """A tunnel is negotiated, but there is no device, no rule, no route and no journal."""
    with pair(tmp_path) as both:
        before = [both.namespace.ip(*what) for what in (("link",), ("rule",), ("route",))]
        both.west.wait_tunnel("link")
        both.east.wait_tunnel("link")
        assert sections(both.east.show())[0] == "link (Phase 2)"
        after = [both.namespace.ip(*what) for what in (("link",), ("rule",), ("route",))]
        assert after == before
        assert "lo:" in before[0]
        assert "isakmpd" not in before[0]
        assert not (both.west.folder / "isakmpd.journal").exists()
        assert f"src: {WEST} dst: {EAST}" in answered(both.west)
