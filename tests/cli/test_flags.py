"""The command line is read as getopt(3) reads it, and what is wrong with it is said in a line."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.cli.flags import FLAGS, UsageError, help_text, read_command_line, usage
from isakmpd.config import services
from isakmpd.daemon.options import Options

HERE = Path.cwd()


def options(*words: str) -> Options:
    """Read words that ask for a daemon."""
    read, asked = read_command_line(words)
    assert not asked
    return read


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("", Options()),
        ("-4", Options(families=(4,))),
        ("-6", Options(families=(6,))),
        ("-4 -6", Options(families=(4, 6))),
        ("-64", Options(families=(4, 6))),
        ("-a", Options(acquire_only=True)),
        ("-c /x/y.conf", Options(configuration_file=Path("/x/y.conf"))),
        ("-d", Options(foreground=True)),
        ("-dd", Options(foreground=True)),
        ("-D 8=30 -D A=5", Options(log_levels=("8=30", "A=5"))),
        ("-D nonsense", Options(log_levels=("nonsense",))),
        ("-f /x/fifo", Options(fifo=Path("/x/fifo"))),
        ("-f -", Options(fifo=Path("-"))),
        ("-i /x/pid", Options(pid_file=Path("/x/pid"))),
        ("-K", Options(policy=False)),
        ("-L", Options(capture=True)),
        ("-l /x/pcap", Options(capture=True, capture_file=Path("/x/pcap"))),
        ("-n", Options(kernel_takes_part=False)),
        ("-N 5001", Options(nat_t_port=5001)),
        ("-p 5000", Options(port=5000)),
        ("-P 5000", Options(local_port=5000)),
        ("-r seed -d", Options(foreground=True, seed="seed")),
        ("-R /x/report", Options(report_file=Path("/x/report"))),
        ("-S", Options(standby=True)),
        ("-T", Options(nat_traversal=False)),
        ("-v", Options(verbose=True)),
        ("--run-dir /x", Options(run_directory=Path("/x"))),
    ],
)
def test_each_flag(words: str, meaning: Options) -> None:
    """What it changes in the options; one given twice counts as the last."""
    assert options(*words.split()) == meaning


@pytest.mark.parametrize(
    ("glued", "apart"),
    [
        ("-dvK", "-d -v -K"),
        ("-p5000", "-p 5000"),
        ("-dp5000", "-d -p 5000"),
        ("-dKf- -v", "-d -K -f - -v"),
        ("-D3=50", "-D 3=50"),
        ("-l-", f"-l {HERE}/-"),
        ("-p 5000 -p 5001", "-p 5001"),
        ("--run-dir=/x", "--run-dir /x"),
        ("-d --", "-d"),
        ("-f -4", f"-f {HERE}/-4"),
        ("-c --check", f"-c {HERE}/--check"),
    ],
)
def test_bundled_glued_and_apart_mean_the_same(glued: str, apart: str) -> None:
    """An argument is whatever follows the flag, a dash in front or not."""
    assert options(*glued.split()) == options(*apart.split())


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("500", 500),
        ("+500", 500),
        (" 500", 500),
        ("0x1f4", 500),
        ("0X1F4", 500),
        ("0764", 500),
        ("isakmp", 500),
        ("ipsec-nat-t", 4500),
        ("65535", 65535),
    ],
)
def test_ports_are_numbers_as_in_c_or_services(text: str, port: int) -> None:
    """Of strtol(3) with base 0, so that 0764 is octal."""
    assert options("-P", text).local_port == port


def test_services_are_known_without_etc_services(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine need not have the file."""

    def absent(_name: str, _protocol: str) -> int:
        raise OSError("service/proto not found")

    monkeypatch.setattr("socket.getservbyname", absent)
    assert services.well_known_port("isakmp") == options("-P", "isakmp").local_port == 500


def test_relative_paths_are_found_after_detaching() -> None:
    """A daemon's directory is /."""
    read = options("-c", "a", "-f", "b", "-i", "c", "-R", "d", "-l", "e", "--run-dir", "f")
    assert (read.configuration_file, read.fifo, read.pid_file) == (
        HERE / "a",
        HERE / "b",
        HERE / "c",
    )
    assert (read.report_file, read.capture_file) == (HERE / "d", HERE / "e")
    assert read.run_directory == HERE / "f"


def test_relative_to_a_directory_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some shells stay in it."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match=r"^-c: 'a' is relative to a directory that is gone"):
        options("-c", "a")


MISTAKES = [
    (["-Z"], "there is no flag '-Z'"),
    (["-dZ"], "there is no flag '-Z'"),
    (["-é"], "there is no flag '-é'"),
    (["--checks"], "there is no flag '--checks'"),
    (["--run", "/x"], "there is no flag '--run'"),
    (["--d"], "there is no flag '--d'"),
    (["-d", "leftover"], "'leftover' is left over, expected flags alone"),
    (["--", "-d"], "'-d' is left over, expected flags alone"),
    (["-"], "'-' is left over, expected flags alone"),
    ([""], "'' is left over, expected flags alone"),
    (["-c"], "-c needs its argument, config-file"),
    (["-dD"], "-D needs its argument, class=level"),
    (["--run-dir"], "--run-dir needs its argument, directory"),
    (["--check=yes"], "--check takes no argument, but got 'yes'"),
    (["-c", ""], "-c: '' is no path, expected the name of a file or directory"),
    *(
        (["-p", text], f"-p: {text!r} is no port, expected 1 to 65535 or the name of a service")
        for text in ("0", "00", "0x", "-1", "65536", "08", "5_00", "500 ", "nosuch", "", "\udcff")
    ),
    (["-N", "70000"], "-N: '70000' is no port, expected 1 to 65535 or the name of a service"),
    (["-p", "4500"], "-p and -N need two ports, expected another than 4500 for one of them"),
    (["-r", "seed"], "-r makes every key predictable and is for tests only: it needs -d"),
]


@pytest.mark.parametrize(("words", "complaint"), MISTAKES)
def test_mistakes(words: list[str], complaint: str) -> None:
    """Each in a sentence that says what was seen and what was expected."""
    with pytest.raises(UsageError) as mistake:
        read_command_line(words)
    assert str(mistake.value) == complaint
    assert str(mistake.value).isprintable()


def test_without_nat_traversal_there_is_one_port() -> None:
    """With -T the port of -N is nobody's."""
    assert options("-T", "-p", "4500").port == 4500


@pytest.mark.parametrize("flag", ["--check", "--help", "--version"])
def test_what_asks_for_no_daemon(flag: str) -> None:
    """It may stand among other flags, which are read all the same."""
    assert read_command_line(["-d", flag, "-K"]) == (
        Options(foreground=True, policy=False),
        frozenset({flag[2:]}),
    )


def test_the_usage_names_every_flag_once() -> None:
    """In lines a terminal has room for, a flag and its argument never parted."""
    shown = usage()
    assert max(map(len, shown.splitlines())) <= 80
    for flag in FLAGS:
        if len(flag.name) > 1:
            assert shown.count(flag.written) == 1
        elif flag.argument:
            assert shown.count(f"[{flag.written} {flag.argument}]") == 1
    assert "[-46adKLnSTv]" in shown


def test_the_help_has_a_line_for_each_flag() -> None:
    """Beneath the usage."""
    shown = help_text()
    assert shown.startswith(usage())
    assert len(shown.removeprefix(usage()).splitlines()) == len(FLAGS)
    assert all(flag.help in shown for flag in FLAGS)


def words_of_a_terminal() -> st.SearchStrategy[list[str]]:
    """Words as execve(2) passes them, NUL apart: flags, halves of flags, and anything else."""
    anything = st.binary(max_size=12).map(lambda octets: os.fsdecode(octets.replace(b"\0", b"")))
    letters = "".join(flag.name for flag in FLAGS if len(flag.name) == 1)
    written = [flag.written for flag in FLAGS]
    flags = st.one_of(
        st.sampled_from([*written, "-", "--", "--run-dir=x", "--check=", "---", "-D", "-p"]),
        st.text(letters, min_size=1, max_size=5).map(lambda text: f"-{text}"),
        st.sampled_from("Dpcrl").flatmap(lambda flag: anything.map(lambda text: f"-{flag}{text}")),
    )
    numbers = st.integers(-70000, 70000).map(str)
    return st.lists(st.one_of(flags, anything, numbers, st.just("9" * 5000)), max_size=8)


@given(words_of_a_terminal())
def test_any_words_are_options_or_a_mistake(words: list[str]) -> None:
    """Never a traceback."""
    with suppress(UsageError):
        judge(*read_command_line(words))


def judge(read: Options, asked: frozenset[str]) -> None:
    """Hold what was read against what a daemon can start with."""
    assert asked <= {"check", "help", "version"}
    assert read.families in {(4,), (6,), (4, 6)}
    assert 0 < read.port < 65536
    assert 0 < read.nat_t_port < 65536
    assert read.port != read.nat_t_port or not read.nat_traversal
    for path in (read.configuration_file, read.pid_file, read.report_file, read.capture_file):
        assert path is None or path.is_absolute()
    assert read.seed is None or read.foreground


@given(st.permutations(["-4", "-6", "-a", "-d", "-K", "-L", "-n", "-S", "-T", "-v"]), st.data())
def test_the_order_and_the_bundling_of_switches_do_not_matter(
    switches: list[str], data: st.DataObject
) -> None:
    """However they are cut into words."""
    letters = "".join(switch[1] for switch in switches)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(letters) - 1))))
    ends = [0, *cuts, len(letters)]
    words = [f"-{letters[begin:end]}" for begin, end in pairwise(ends)]
    assert options(*words) == options(*sorted(switches))
