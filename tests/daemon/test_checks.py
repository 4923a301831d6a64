"""isakmpd --check tells before a start what it would trip over, and touches nothing."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isakmpd.daemon import machine_checks
from isakmpd.daemon.checks import CHECKS, Report, check
from isakmpd.daemon.options import Options
from tests.daemon.loopback import SECRET, WEST, configuration
from tests.daemon.services import NAT_T_PORT, PORT, in_test

GOOD = configuration("west")
ANY = "0.0.0.0"  # noqa: S104


@pytest.fixture
def options(tmp_path: Path) -> Options:
    """What a daemon would be started with; the file is good."""
    folder = tmp_path / "etc"
    folder.mkdir(mode=0o755)
    run = tmp_path / "run"
    run.mkdir()
    file = folder / "isakmpd.conf"
    file.touch(0o600)
    file.write_text(GOOD)
    return Options(
        run_directory=run,
        configuration_file=file,
        port=PORT,
        nat_t_port=NAT_T_PORT,
        policy=False,
        kernel_takes_part=False,
    )


def file_of(options: Options) -> Path:
    """The configuration file."""
    assert options.configuration_file is not None
    return options.configuration_file


def found(options: Options, text: str | None = None) -> list[str]:
    """What is found, without the count and the file's folder."""
    if text is not None:
        file_of(options).write_text(text)
    report = check(options)
    *lines, count = report.lines
    assert report.failed == any(line.startswith("fault: ") for line in lines)
    assert count.startswith(f"{file_of(options)}: ")
    return [line.replace(f"{file_of(options).parent}/", "") for line in lines]


def line_of(text: str, start: str) -> int:
    """Number the line that starts so."""
    return 1 + next(n for n, line in enumerate(text.splitlines()) if line.startswith(start))


def test_nothing_is_said_of_what_is_good(options: Options) -> None:
    """But that there is nothing to say."""
    report = check(options)
    assert report.lines == [f"{options.configuration_file}: 0 faults, 0 warnings"]
    assert not report.failed


# The configuration: each row changes one thing in the good file, and tells the one finding.

GENERAL, PEER = line_of(GOOD, "[General]"), line_of(GOOD, "[east]")
CHANGES: list[tuple[str, str, str, str]] = [
    (
        "a fault",
        "[General]\n",
        "[General]\nRetransmits= many\n",
        f"fault: isakmpd.conf:{GENERAL + 1}: [General]:Retransmits= many: expected a number from 0"
        " to 100; 3 is used",
    ),
    (
        "a misspelt tag",
        "[General]\n",
        "[General]\nRetransmitts= 3\n",
        f"fault: isakmpd.conf:{GENERAL + 1}: nothing uses [General]:Retransmitts;"
        ' did you mean "Retransmits"?',
    ),
    (
        "a misspelt flag",
        "Phase=\t\t\t1\n",
        "Phase= 1\nFlags= ikecf\n",
        f"fault: isakmpd.conf:{PEER + 2}: [east]:Flags= ikecf: expected ikecfg; the flag is"
        ' ignored; did you mean "ikecfg"?',
    ),
    (
        "an unused tag",
        "[General]\n",
        "[General]\nColour= blue\n",
        f"warning: isakmpd.conf:{GENERAL + 1}: nothing uses [General]:Colour",
    ),
    (
        "an unused section",
        "[General]\n",
        "[blue]\nColour= blue\n[General]\n",
        "warning: isakmpd.conf:2: nothing uses section [blue]",
    ),
    (
        "a line that is none",
        "[General]\n",
        f"[General]\n{SECRET}\n",
        f'fault: isakmpd.conf:{GENERAL + 1}: syntax error: no "=" here; expected "Tag= value",'
        ' "[Section]" or a comment',
    ),
    (
        "an address that is not here",
        "Listen-on= 127.0.0.1",
        "Listen-on= 127.0.0.1, 192.0.2.99",
        f"warning: isakmpd.conf:{GENERAL + 1}: [General]:Listen-on= 192.0.2.99: this host does not"
        " have it (yet)",
    ),
    (
        "an interface that is not here",
        "Listen-on= 127.0.0.1",
        "Listen-on= 127.0.0.1, nosuch0",
        f"warning: isakmpd.conf:{GENERAL + 1}: [General]:Listen-on= nosuch0: no address, nor an"
        " interface with one",
    ),
    (
        "a Local-address that is not here",
        "Phase=\t\t\t1\n",
        "Phase= 1\nLocal-address= 192.0.2.99\n",
        f"warning: isakmpd.conf:{PEER + 2}: [east]:Local-address= 192.0.2.99: this host does not"
        " have it (yet)",
    ),
    (
        "a Local-address that nobody listens on",
        "Phase=\t\t\t1\n",
        "Phase= 1\nLocal-address= 127.0.0.9\n",
        f"warning: isakmpd.conf:{PEER + 2}: [east]:Local-address= 127.0.0.9: [General]:Listen-on"
        " does not have it",
    ),
    (
        "a stack of another version",
        "[General]\n",
        "[General]\nIPsec-stack= xfrm\n",
        "",  # -n chooses none, whatever is configured
    ),
]


@pytest.mark.parametrize(
    ("before", "after", "finding"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES]
)
def test_the_configuration(options: Options, before: str, after: str, finding: str) -> None:
    """One change, one finding, with the line to mend."""
    assert before in GOOD
    assert found(options, GOOD.replace(before, after, 1)) == ([finding] if finding else [])


# The command line: what changes in it is told where it is to be mended.


@pytest.mark.parametrize(
    ("changes", "finding"),
    [
        ({"local_port": 5}, "warning: command line: -P 5 does nothing"),
        (
            {"seed": "x", "foreground": True},
            "warning: command line: -r makes every key predictable; it is for tests only",
        ),
        ({"log_levels": ("8=30",)}, ""),
        (
            {"log_levels": ("8",)},
            'warning: command line: -D 8: log_debug_cmd: "8" is no debug level, expected'
            " class=level or A=level",
        ),
        (
            {"policy": True},
            "fault: isakmpd.conf: policy files are not supported by this version: start with -K,"
            " or set [General]:Use-Keynote= no, to do without the policy check",
        ),
        ({"acquire_only": True}, ""),
        (
            {"acquire_only": True, "kernel_takes_part": True},
            "warning: command line: -a: SAs are installed without flows and guards, and the"
            " userspace stack carries nothing out for want of flows; packets of its connections"
            " may leave in clear",
        ),
    ],
)
def test_the_command_line(options: Options, changes: dict[str, object], finding: str) -> None:
    """Flags that do nothing, more than was meant, or what this version cannot do."""
    asked = replace(options, **changes)  # type: ignore[arg-type]
    assert found(asked) == ([finding] if finding else [])


def test_a_family_that_is_left_out(options: Options) -> None:
    """Of a peer and of Listen-on, which leaves nowhere to listen."""
    line = line_of(GOOD, "Listen-on")
    assert found(replace(options, families=(6,))) == [
        f"warning: isakmpd.conf:{line}: [General]:Listen-on leaves nowhere to listen",
        f"warning: isakmpd.conf:{line}: [General]:Listen-on= 127.0.0.1: the command line leaves"
        " its family out",
        f"warning: isakmpd.conf:{line_of(GOOD, 'Address')}: [east]:Address= 127.0.0.2: -6 leaves"
        " its family out",
    ]


AH = "QM-AH-SHA-SUITE"
NOT_CARRIED = f"connection [link]: [{AH}]: the userspace IPsec stack does not carry IPSEC_AH"


@pytest.mark.parametrize(
    ("suites", "finding"),
    [
        (AH, f"fault: isakmpd.conf:{{}}: {NOT_CARRIED}; no suite is left, so it cannot come up"),
        (
            f"{AH},QM-ESP-AES-SHA-SUITE",
            f"warning: isakmpd.conf:{{}}: {NOT_CARRIED}; the others are used",
        ),
    ],
)
def test_what_the_stack_cannot_carry(options: Options, suites: str, finding: str) -> None:
    """A connection without any suite is at fault, one with fewer is worth a word."""
    text = GOOD.replace("QM-ESP-AES-SHA-SUITE", suites)
    carrying = replace(options, kernel_takes_part=True)
    assert found(carrying, text) == [finding.format(line_of(text, "Suites"))]
    assert found(options) == []  # with -n nothing is carried anyway


def test_a_stack_this_version_has_not(options: Options) -> None:
    """At the line that asks for it."""
    text = GOOD.replace("[General]\n", "[General]\nIPsec-stack= xfrm\n")
    (fault,) = found(replace(options, kernel_takes_part=True), text)
    assert fault.startswith("fault: isakmpd.conf:2: [General]:IPsec-stack= xfrm is not supported")


# Files


def test_a_file_that_others_can_read_is_checked_all_the_same(options: Options) -> None:
    """It is one fault among others."""
    file_of(options).chmod(0o644)
    unsafe, unused = found(options, f"{GOOD}[General]\nColour= blue\n")
    assert unsafe == (
        "fault: isakmpd.conf: has mode 0644 and may hold secrets, expected 0600:"
        f" chmod 600 {file_of(options)}".replace(f"{file_of(options).parent}/", "")
    )
    assert unused.endswith("nothing uses [General]:Colour")


def test_a_named_file_that_is_missing(options: Options) -> None:
    """Nothing else is said of it."""
    file_of(options).unlink()
    assert found(options) == ["fault: isakmpd.conf: there is no such file"]


def test_a_file_that_is_none(options: Options) -> None:
    """A directory, a FIFO, a socket: nothing is read of it, nothing waited for."""
    file_of(options).unlink()
    os.mkfifo(file_of(options), 0o600)
    assert found(options) == [
        "fault: isakmpd.conf: is not a regular file, expected one with mode 0600"
    ]


def test_without_a_name_the_default_may_be_missing(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that is driven over its FIFO starts without."""
    missing = tmp_path / "none" / "isakmpd.conf"
    monkeypatch.setattr("isakmpd.daemon.checks.DEFAULT_CONFIGURATION", missing)
    report = check(replace(options, configuration_file=None))
    assert report.lines == [
        f"warning: {missing}: no connection is configured: isakmpd would wait for C commands",
        f"warning: {missing}: there is no such file, built-in defaults apply",
        f"{missing}: 0 faults, 2 warnings",
    ]
    assert not report.failed


def test_a_directory_in_which_others_can_replace_the_file(options: Options) -> None:
    """A sticky one, such as /tmp, lets nobody."""
    folder = file_of(options).parent
    folder.chmod(0o777)
    (finding,) = found(options)
    assert finding == (
        f"warning: {folder}: its mode is 0777, so that others can replace what is in it; expected"
        f" 0755 or less: chmod go-w {folder}"
    )
    folder.chmod(0o1777)
    assert found(options) == []


@pytest.mark.parametrize("name", ["private/local.key", "isakmpd.policy", "keynote/cred"])
def test_secrets_at_their_usual_places(options: Options, name: str) -> None:
    """Beside the configuration file; those that nobody else can read are passed over."""
    secret = file_of(options).parent / name
    secret.parent.mkdir(exist_ok=True)
    secret.write_text("key")
    secret.chmod(0o640)
    assert {name in line for line in found(options)} == {True}
    assert all(line.startswith("warning: ") and "mode 0640" in line for line in found(options))
    secret.chmod(0o600)
    assert found(options) == []


# The run directory


def test_a_run_directory_that_is_missing(options: Options) -> None:
    """Whoever starts the daemon may make it."""
    options.run_directory.rmdir()
    assert found(options) == [
        f"warning: {options.run_directory}: there is no such directory: isakmpd starts only once"
        " there is"
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("isakmpd.fifo", "a regular file"),
        ("isakmpd.fifo", "a directory"),
        ("isakmpd.pid", "a directory"),
        ("isakmpd.report", "a link"),
        ("isakmpd.pcap", "too open"),
    ],
)
def test_what_is_in_the_way(options: Options, name: str, kind: str) -> None:
    """What the daemon will not replace is a fault; it would not start, or not do what is asked."""
    path = options.run_directory / name
    if kind == "a directory":
        path.mkdir()
    elif kind == "a link":
        path.symlink_to("/etc/passwd")
    else:
        path.touch(0o644)
    (finding,) = found(replace(options, capture=True))
    assert finding.startswith(f"fault: {path}: isakmpd will not ")
    path.rename(options.run_directory / "elsewhere")
    assert found(replace(options, capture=True)) == []


def test_a_daemon_that_runs(options: Options, tmp_path: Path) -> None:
    """Its FIFO is read and its ports are held: one line, and no fault."""
    with in_test(tmp_path / "west", GOOD) as west:
        folder = west.service.paths.fifo.parent
        (finding,) = found(replace(options, run_directory=folder))
        assert finding.startswith(f"warning: {folder}: a running isakmpd (")
        assert west.service.paths.fifo.exists()
        west.command("D 8 30")
        assert west.log[-1].endswith("for class 8")
    assert found(replace(options, run_directory=folder)) == []


def test_a_daemon_without_fifo_is_known_by_its_pid_file(options: Options) -> None:
    """With -f - there is nothing else; a process that is gone has left its number."""
    pid_file = options.run_directory / "isakmpd.pid"
    pid_file.write_text(f"{os.getpid()}\n")
    deaf = replace(options, fifo=Path("-"))
    assert found(deaf) == [
        f"warning: {options.run_directory}: a running isakmpd (process {os.getpid()}) uses this"
        " run directory"
    ]
    with subprocess.Popen(["true"]) as gone:
        gone.wait()
    for stale in (f"{gone.pid}\n", "", "no number", "-1", "9" * 40):
        pid_file.write_text(stale)
        assert found(deaf) == []


# The machine


def test_a_port_that_another_program_holds(options: Options) -> None:
    """It is named, as far as the kernel tells; a port of another address is in nobody's way."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind((WEST, NAT_T_PORT))
        (finding,) = found(options)
        assert finding.startswith(f"warning: command line: UDP port {NAT_T_PORT} is held by ")
        assert finding.endswith("; end it, or name another port with -N")
        assert f"(process {os.getpid()})" in finding or "another program" in finding
        assert found(replace(options, nat_traversal=False)) == []
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as other:
        other.bind(("127.0.0.77", NAT_T_PORT))
        assert found(options) == []


@pytest.mark.parametrize(
    ("held", "wanted", "hinders"),
    [
        (ANY, "192.0.2.1", True),
        ("192.0.2.1", ANY, True),
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::", "192.0.2.1", True),
        ("::1", "192.0.2.1", False),
        (ANY, "::1", False),
    ],
)
def test_which_sockets_are_in_the_way(held: str, wanted: str, hinders: bool) -> None:
    """A wildcard is in everybody's, that of IPv6 in IPv4's too."""
    holder = machine_checks._Holder(ip_address(held), "0")
    assert holder.hinders(ip_address(wanted)) is hinders


@pytest.mark.parametrize(
    ("text", "version", "address"),
    [
        ("0100007F", 4, "127.0.0.1"),
        ("00000000", 4, ANY),
        ("B80D0120000000000000000001000000", 6, "2001:db8::1"),
    ],
)
@pytest.mark.skipif(sys.byteorder != "little", reason="the table is in the machine's byte order")
def test_addresses_in_the_kernels_table(text: str, version: int, address: str) -> None:
    """Words of four octets, as /proc/net/udp has them."""
    assert machine_checks._address_in_table(text, version) == ip_address(address)


def test_a_machine_without_tun(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the userspace stack misses it."""
    monkeypatch.setattr(machine_checks, "_TUN", Path("/nonexistent/tun"))
    assert found(options) == []
    (finding,) = found(replace(options, kernel_takes_part=True))
    assert finding.startswith("warning: /nonexistent/tun: there is no TUN device")


# What it leaves alone

WATCH = """\
import os, sys
sys.dont_write_bytecode = True
from isakmpd.cli.isakmpd import main
seen = []
ACTS = ("socket.bind", "socket.connect", "os.fork", "os.mkdir", "os.remove", "os.rename",
        "os.kill", "os.chmod", "os.truncate", "subprocess.Popen")
def watch(event, arguments):
    writes = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    if event in ACTS or (event == "open" and arguments[2] & writes):
        seen.append((event, str(arguments)))
sys.addaudithook(watch)
status = main(sys.argv[1:])
sys.stderr.write("".join(f"{one}\\n" for one in seen))
sys.exit(status)
"""


def test_nothing_is_bound_written_or_started(options: Options) -> None:
    """Python tells of every such act (PEP 578); with every stack, and with faults."""
    file = file_of(options)
    file.write_text(f"{GOOD}[General]\nColour= blue\n")
    words = ("--check", "-K", "-L", "-p", "500", "-c", file, "--run-dir", options.run_directory)
    ended = subprocess.run(
        [sys.executable, "-c", WATCH, *words], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, ""), ended
    assert "Colour" in ended.stdout
    assert list(options.run_directory.iterdir()) == []
    assert sorted(file.parent.iterdir()) == [file]


@pytest.mark.root
def test_no_right_of_root_is_needed(options: Options) -> None:
    """With no capability left all is looked at, as long as the file can be read."""
    file, program = file_of(options), Path(sys.executable).parent / "isakmpd"
    poor = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all", program)
    words = ("--check", "-K", "-p", "500", "-c", file, "--run-dir", options.run_directory)
    ended = subprocess.run([*poor, *words], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].startswith(f"{file}: 0 faults, ")


def test_a_key_is_never_shown(options: Options) -> None:
    """Whatever is wrong with the line it stands in."""
    key = "Authentication=\t\t" + SECRET
    assert key in GOOD
    for spoilt in (
        f"Autentication= {SECRET}",
        f"Authentication {SECRET}",
        f" Authentication= {SECRET}",
        f"Authentication= 0x{SECRET}",
        f"Authentication= {SECRET}\nAuthentication= {SECRET}",
        f"Flags= a\\\nAuthentication= {SECRET}",
        SECRET,
    ):
        lines = found(options, GOOD.replace(key, spoilt))
        assert lines, spoilt
        assert SECRET not in "\n".join(lines)


# Whatever the file holds


@given(octets=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_file_is_checked_to_the_end(options: Options, octets: bytes) -> None:
    """The report is lines that a terminal can show, sorted, the last one counting the others."""
    file_of(options).write_bytes(GOOD.encode() + b"\n" + octets)
    report = check(options)
    *lines, count = report.lines
    faults = sum(line.startswith("fault: ") for line in lines)
    assert all(line.isprintable() and len(line) <= 2000 for line in report.lines)
    assert f": {faults} fault" in count
    assert f", {len(lines) - faults} warning" in count
    places = [(one.problem.file, one.problem.line) for one in report.findings]
    assert places == sorted(places)


def test_each_check_has_a_part_in_some_finding() -> None:
    """A registry for others to add to: functions of one subject, each once."""
    assert len(set(CHECKS)) == len(CHECKS)
    assert Report(Path("x"), ()).lines == ["x: 0 faults, 0 warnings"]
