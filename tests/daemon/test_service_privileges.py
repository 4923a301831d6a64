"""What takes a privilege is asked of one object, which a process of its own can replace."""

from __future__ import annotations

import ast
import os
import socket
from pathlib import Path

import pytest

from isakmpd import daemon
from isakmpd.daemon.service import StartError
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import BindUdp, MakeFifo, OpenFile, RemoveFile, ReplaceFile
from tests.daemon.loopback import WEST, configuration
from tests.daemon.services import NAT_T_PORT, PORT, in_test

MODULES = sorted(Path(str(daemon.__file__)).parent.glob("*.py"))
# Calls that only the privileged side may make, and the modules that make them on what is their own:
# files of the run directory, the FIFO and the PID file, which exist before privileges are dropped,
# options of a socket that every process may set.
PRIVILEGED_CALLS: dict[str, set[str]] = {
    "bind": set(),
    "ioctl": {"interfaces"},
    "mkfifo": set(),
    "setsockopt": {"raw_esp", "udp", "udp_runs", "icmp_errors", "packet_info"},
    "unlink": {"journal", "run_files"},
}
OPENERS = {"journal", "opener", "process", "run_files"}
PRIVILEGED_NAMES = {"SO_MARK", "SOCK_RAW", "SO_RCVBUFFORCE", "IP_TRANSPARENT", "AF_NETLINK"}


class Recorder(InProcess):
    """Carry privileged acts out and remember them."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[Path] = []
        self.bound: list[tuple[str, int]] = []

    def open_file(self, request: OpenFile) -> int:
        """Note the path."""
        self.files.append(request.path)
        return super().open_file(request)

    def make_fifo(self, request: MakeFifo) -> int:
        """Note the path."""
        self.files.append(request.path)
        return super().make_fifo(request)

    def replace_file(self, request: ReplaceFile) -> None:
        """Note the path."""
        self.files.append(request.path)
        super().replace_file(request)

    def remove_file(self, request: RemoveFile) -> None:
        """Note the path."""
        self.files.append(request.path)
        super().remove_file(request)

    def bind_udp(self, request: BindUdp) -> socket.socket:
        """Note address and port, but not those of questions about routes."""
        if request.port:
            self.bound.append((str(request.address), request.port))
        return super().bind_udp(request)


class Denying(InProcess):
    """Be a monitor that opens no file."""

    def open_file(self, request: OpenFile) -> int:
        """Refuse."""
        raise PermissionError(1, os.strerror(1), str(request.path))


def test_files_elsewhere_are_asked_for(tmp_path: Path) -> None:
    """The configuration, a FIFO, a capture and a report outside the run directory."""
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    for folder in (run, elsewhere):
        folder.mkdir()
    recorder = Recorder()
    fifo = elsewhere / "fifo"
    files = {
        "capture_file": elsewhere / "pcap",
        "report_file": elsewhere / "report",
        "fifo": fifo,
    }
    text = configuration("west", ())
    with in_test(elsewhere, text, recorder, run_directory=run, capture=True, **files) as west:
        file = elsewhere / "isakmpd.conf"
        assert recorder.files == [file, fifo, elsewhere / "pcap"]
        west.command("R\nr\np off\nS")
        more = elsewhere / "more"
        west.command(f"p on={more}")
        assert recorder.files[3:] == [file, elsewhere / "report", more]
        assert (elsewhere / "report").stat().st_size > 0
        recorder.files.clear()
    assert recorder.files == [fifo]
    assert not fifo.exists()


def test_files_of_the_run_directory_are_our_own(tmp_path: Path) -> None:
    """Nobody is asked for them."""
    recorder = Recorder()
    with in_test(tmp_path, configuration("west", ()), recorder, capture=True) as west:
        west.command("r\nS")
        assert (tmp_path / "isakmpd.report").exists()
        assert (tmp_path / "isakmpd.result").exists()
        assert recorder.files == []


def test_ports_are_asked_for(tmp_path: Path) -> None:
    """Both of every address."""
    recorder = Recorder()
    with in_test(tmp_path, configuration("west", ()), recorder):
        assert recorder.bound == [(WEST, PORT), (WEST, NAT_T_PORT)]


def test_what_is_denied_is_told(tmp_path: Path) -> None:
    """A start without its configuration is none, and nothing stays behind."""
    run = tmp_path / "run"
    run.mkdir()
    with (
        pytest.raises(StartError, match=r"isakmpd\.conf: Operation not permitted$"),
        in_test(tmp_path / "conf", configuration("west"), Denying(), run_directory=run),
    ):
        pass
    assert list(run.iterdir()) == []


def test_a_report_over_a_strangers_file_is_refused(tmp_path: Path) -> None:
    """Elsewhere too a link is left as it is, and what replaces an open file is private."""
    run, elsewhere = tmp_path / "run", tmp_path / "elsewhere"
    run.mkdir()
    elsewhere.mkdir()
    report, precious = elsewhere / "report", elsewhere / "precious"
    precious.write_text("kept")
    with in_test(
        elsewhere, configuration("west", ()), run_directory=run, report_file=report
    ) as west:
        report.touch(0o600)
        report.write_text("x" * 100_000)
        west.command("r")
        assert "conf_report" in report.read_text()
        assert "xxx" not in report.read_text()
        report.unlink()
        report.symlink_to(precious)
        west.command("r")
        assert west.log[-1] == f"will not replace {report}: it is a symbolic link"
        assert precious.read_text() == "kept"
        report.unlink()
        report.touch(0o644)
        west.command("r")
        assert "conf_report" in report.read_text()
        assert report.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_the_shell_itself_does_nothing_privileged(path: Path) -> None:
    """No module binds, marks, configures or opens what is not its own."""
    assert list(privileged(path.stem, path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "s.bind(('0.0.0.0', 500))",
        "s.setsockopt(0, 36, 1)",
        "s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 1)",
        "socket.socket(socket.AF_INET, socket.SOCK_RAW, 50)",
        "os.open('/etc/isakmpd/isakmpd.conf', os.O_RDONLY)",
        "open('/etc/isakmpd/isakmpd.conf')",
    ],
)
def test_each_privileged_act_is_caught(source: str) -> None:
    """The rule above can fail."""
    assert list(privileged("anything", source))


def privileged(module: str, source: str) -> list[str]:
    """List what a module's source does that only the privileged side may."""
    found = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name)) if name in PRIVILEGED_CALLS:
                if module not in PRIVILEGED_CALLS[name]:
                    found.append(f"line {node.lineno}: calls .{name}()")
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="os"), attr="open") | ast.Name(id="open")
            ):
                if module not in OPENERS:
                    found.append(f"line {node.lineno}: opens a file")
            case ast.Attribute(attr=name) if name in PRIVILEGED_NAMES:
                found.append(f"line {node.lineno}: names {name}")
    return found
