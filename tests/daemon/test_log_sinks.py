"""Lines reach stderr in the recorded form, syslog with its own, and both while starting."""

import os
import syslog
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from isakmpd.daemon.log_sinks import DescriptorSink, Severity, SyslogSink, TwoSinks, time_stamp


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
        sink = DescriptorSink(file.fileno(), lambda: 47329.596285)
        sink.write(Severity.NORMAL, "Default", "isakmpd: starting")
        sink.write(Severity.DEBUG, "Trpt 05", "line with Grüße")
    assert (tmp_path / "log").read_bytes().decode() == (
        "140849.596285 Default isakmpd: starting\n140849.596285 Trpt 05 line with Grüße\n"
    )


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


def test_a_terminal_that_is_gone_costs_no_line(told: list[tuple[object, ...]]) -> None:
    """What lasts gets every line, and the terminal as long as it is there."""
    read, write = os.pipe()
    both = TwoSinks(DescriptorSink(write), SyslogSink())
    both.write(Severity.NORMAL, "Default", "to both")
    os.close(write)
    both.write(Severity.FATAL, "Default", "to one")
    with open(read, "rb") as terminal:
        assert terminal.read().endswith(b" Default to both\n")
    assert told[1:] == [(syslog.LOG_NOTICE, "to both"), (syslog.LOG_CRIT, "to one")]
