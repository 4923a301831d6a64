"""The log: one line each, in the recorded form, only what was asked for, never an exception."""

import os
import re
import syslog
from dataclasses import dataclass, field

import pytest

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.log_sinks import DescriptorSink, Severity
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


def test_a_line_names_default_or_its_class_and_level(recorder: Recorder) -> None:
    """And what no terminal could show is spelled out."""
    levels = LogLevels()
    levels.assign("A=90")
    log = DaemonLog(recorder, levels)
    log("isakmpd: starting")
    log.debug(LogClass.UI, 10, 'ui_connect: setup connection "conn"')
    log.debug(LogClass.TRANSPORT, 5, "line with Grüße and \udcff")
    assert [line[1:] for line in recorder.lines] == [
        ("Default", "isakmpd: starting"),
        ("UI   10", 'ui_connect: setup connection "conn"'),
        ("Trpt 05", "line with Grüße and \\udcff"),
    ]


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
