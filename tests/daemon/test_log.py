"""The log: one line each, in the recorded form, only what was asked for, never an exception."""

import os
import re
import syslog
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.log import DaemonLog, DescriptorSink, Severity, SyslogSink, time_stamp
from isakmpd.ike.outputs import Log, LogClass, Verbose


@dataclass
class Recorder:
    """A sink that keeps what it gets."""

    lines: list[tuple[Severity, str, str]] = field(default_factory=list)

    def write(self, severity: Severity, label: str, text: str) -> None:
        """Keep a line."""
        self.lines.append((severity, label, text))


class Broken:
    """A sink whose reader has gone."""

    def write(self, severity: Severity, label: str, text: str) -> None:
        """Fail as a closed pipe does."""
        del severity, label, text
        raise BrokenPipeError


@pytest.fixture
def recorder() -> Recorder:
    """Make an empty recorder."""
    return Recorder()


@pytest.fixture
def log(recorder: Recorder) -> DaemonLog:
    """Make a log that shows class 8 up to level 50."""
    levels = LogLevels()
    levels.assign("8=50")
    return DaemonLog(recorder, levels)


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Move to a time zone an hour east of UTC."""
    monkeypatch.setenv("TZ", "CET-1")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("seconds", "stamp"),
    [(0.0, "010000.000000"), (47329.596285, "140849.596285"), (59.9999999, "010100.000000")],
)
def test_a_time_stamp_is_local_time_with_microseconds(seconds: float, stamp: str) -> None:
    """HHMMSS.uuuuuu."""
    assert time_stamp(seconds) == stamp


@pytest.mark.usefixtures("in_berlin")
def test_lines_have_the_recorded_form(tmp_path: Path) -> None:
    """Stamp, Default or class and level, text."""
    with (tmp_path / "log").open("wb") as file:
        levels = LogLevels()
        levels.assign("A=90")
        log = DaemonLog(DescriptorSink(file.fileno(), lambda: 47329.596285), levels)
        log("isakmpd: starting")
        log.debug(LogClass.UI, 10, 'ui_connect: setup connection "conn"')
        log.debug(LogClass.TRANSPORT, 5, "line with Grüße and \udcff")
    assert (tmp_path / "log").read_bytes().decode() == (
        "140849.596285 Default isakmpd: starting\n"
        '140849.596285 UI   10 ui_connect: setup connection "conn"\n'
        "140849.596285 Trpt 05 line with Grüße and \\udcff\n"
    )


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (Log("for all"), [(Severity.NORMAL, "Default", "for all")]),
        (Log("asked for", LogClass.NEGOTIATION, 50), [(Severity.DEBUG, "Negt 50", "asked for")]),
        (Log("too deep", LogClass.NEGOTIATION, 51), []),
        (Log("other class", LogClass.SA, 10), []),
        (Verbose("not asked for"), []),
    ],
)
def test_the_engine_logs_by_class_and_level(
    log: DaemonLog,
    recorder: Recorder,
    output: Log | Verbose,
    shown: list[tuple[Severity, str, str]],
) -> None:
    """Lines without a class are for everybody, the others for those who asked."""
    log.output(output)
    assert recorder.lines == shown


def test_verbose_lines_are_for_those_who_asked(log: DaemonLog, recorder: Recorder) -> None:
    """-v can also come with a reload."""
    log.verbose = True
    log.output(Verbose("isakmpd: quick mode done"))
    assert recorder.lines == [(Severity.NORMAL, "Default", "isakmpd: quick mode done")]


def test_lines_are_ranked(log: DaemonLog, recorder: Recorder) -> None:
    """Syslog's priorities as the original uses them."""
    log("normal")
    log.error("error")
    log.fatal("fatal")
    log.debug(LogClass.NEGOTIATION, 10, "debug")
    assert [int(severity) for severity, _, _ in recorder.lines] == [
        syslog.LOG_NOTICE,
        syslog.LOG_ERR,
        syslog.LOG_CRIT,
        syslog.LOG_INFO,
    ]


def test_a_peer_forges_no_line(log: DaemonLog, recorder: Recorder) -> None:
    """Control characters are spelled out, and no line fills the disk."""
    log("name: x\n140849.596285 Default isakmpd: exit")
    log("y" * 100_000)
    (_, _, forged), (_, _, long) = recorder.lines
    assert forged == "name: x\\x0a140849.596285 Default isakmpd: exit"
    assert len(long) < 2100


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """Record what goes to syslog instead of sending it."""
    calls: list[tuple[object, ...]] = []
    monkeypatch.setattr(syslog, "openlog", lambda *words: calls.append(("open", *words)))
    monkeypatch.setattr(syslog, "syslog", lambda *words: calls.append(words))
    return calls


def test_syslog_gets_the_daemon_facility_and_the_process_id(
    told: list[tuple[object, ...]],
) -> None:
    """Ident isakmpd; debug lines name their class."""
    sink = SyslogSink()
    sink.write(Severity.NORMAL, "Default", "isakmpd: starting")
    sink.write(Severity.DEBUG, "Negt 50", "offer")
    (_, ident, options, facility), *lines = told
    assert (ident, facility) == ("isakmpd", syslog.LOG_DAEMON)
    assert isinstance(options, int)
    assert options & syslog.LOG_PID
    assert lines == [
        (syslog.LOG_NOTICE, "isakmpd: starting"),
        (syslog.LOG_INFO, "Negt 50 offer"),
    ]


def test_a_broken_sink_falls_back_to_syslog(told: list[tuple[object, ...]]) -> None:
    """Whoever logs never sees an exception, and the line is not lost."""
    DaemonLog(Broken(), LogLevels())("isakmpd: still here")
    assert told[-1] == (syslog.LOG_NOTICE, "isakmpd: still here")


def test_a_full_pipe_gets_whole_lines_or_goes_to_syslog(
    told: list[tuple[object, ...]],
) -> None:
    """A reader that sleeps does not stop the daemon where the descriptor does not block."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    log = DaemonLog(DescriptorSink(write), LogLevels())
    for _ in range(100):
        log("x" * 1900)
    os.close(write)
    with open(read, "rb") as pipe:
        received = pipe.read().decode()
    whole = len(re.findall(r"^\d{6}\.\d{6} Default x{1900}$", received, re.MULTILINE))
    to_syslog = [words for words in told if words[0] == syslog.LOG_NOTICE]
    assert whole > 10
    assert whole + len(to_syslog) == 100
