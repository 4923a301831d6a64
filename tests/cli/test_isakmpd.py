"""The command line means what the manual says, and anything else is told and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from isakmpd.cli import isakmpd
from isakmpd.daemon.options import Options


@pytest.fixture
def asked_for(monkeypatch: pytest.MonkeyPatch) -> list[Options]:
    """Collect what the daemon would be run with."""
    collected: list[Options] = []

    def run(options: Options) -> int:
        collected.append(options)
        return 0

    monkeypatch.setattr(isakmpd, "run", run)
    return collected


@pytest.mark.parametrize(
    ("words", "options"),
    [
        ("", Options()),
        ("-d", Options(foreground=True)),
        ("-v", Options(verbose=True)),
        ("-dvK", Options(foreground=True, verbose=True, policy=False)),
        ("-c /x/y.conf", Options(configuration_file=Path("/x/y.conf"))),
        ("-f /x/fifo", Options(fifo=Path("/x/fifo"))),
        ("-f -", Options(fifo=Path("-"))),
        ("-i /x/pid", Options(pid_file=Path("/x/pid"))),
        ("-R /x/report", Options(report_file=Path("/x/report"))),
        ("-p 5000", Options(port=5000)),
        ("-N 5001", Options(nat_t_port=5001)),
        ("-n", Options(kernel_takes_part=False)),
        ("-K", Options(policy=False)),
        ("-L", Options(capture=True)),
        ("-l /x/pcap", Options(capture=True, capture_file=Path("/x/pcap"))),
        ("-4", Options(families=(4,))),
        ("-6", Options(families=(6,))),
        ("-4 -6", Options(families=(4, 6))),
        ("-D 8=30 -D A=5", Options(log_levels=("8=30", "A=5"))),
        ("-d -r seed", Options(foreground=True, seed="seed")),
        ("--run-dir /x", Options(run_directory=Path("/x"))),
    ],
)
def test_a_flag_does_what_the_manual_says(
    asked_for: list[Options], words: str, options: Options
) -> None:
    """One by one and together."""
    assert isakmpd.main(words.split()) == 0
    assert asked_for == [options]


def test_a_relative_configuration_file_is_found_after_detaching(asked_for: list[Options]) -> None:
    """A daemon's directory is /."""
    isakmpd.main(["-c", "isakmpd.conf"])
    assert asked_for[0].configuration_file == Path.cwd() / "isakmpd.conf"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("-Z", "unrecognized arguments: -Z"),
        ("-d leftover", "unrecognized arguments: leftover"),
        ("--run /x", "unrecognized arguments: --run /x"),
        ("-p 0", "'0' is no port, expected 1 to 65535"),
        ("-p 65536", "'65536' is no port, expected 1 to 65535"),
        ("-p ike", "'ike' is no port, expected 1 to 65535"),
        ("-N 70000", "'70000' is no port, expected 1 to 65535"),
        ("-p 4500", "-p and -N need two ports, expected another than 4500 for one of them"),
        ("-c", "expected one argument"),
        ("-r seed", "-r makes every key predictable and is for tests only: it needs -d"),
    ],
)
def test_a_mistake_is_told_with_the_usage(
    asked_for: list[Options], capsys: pytest.CaptureFixture[str], words: str, complaint: str
) -> None:
    """On standard error, with status 1; nothing is started."""
    with pytest.raises(SystemExit) as ended:
        isakmpd.main(words.split())
    assert ended.value.code == 1
    told = capsys.readouterr()
    assert told.err.startswith("usage: isakmpd ")
    assert complaint in told.err
    assert told.out == ""
    assert asked_for == []
