"""Broken files: a line for each fault, never a traceback, and soon.

``broken/*.conf`` hold, in comments that start with ``#!``, every fault they have: its line, and how
the sentence about it begins.
"""

from __future__ import annotations

import gzip
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.lexer import lex
from isakmpd.config.model import Configuration, Problem
from isakmpd.config.read import parse
from tests.config.sample import HAND_MADE_PHASE_1, HAND_MADE_SUITE, PLAIN, merged, written

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.conf"))
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*/*.conf"))
GOOD = written(merged(PLAIN, HAND_MADE_PHASE_1, HAND_MADE_SUITE))
PROGRAM = Path(sys.executable).parent / "isakmpd"
SECONDS = 12  # of processor time for a file of some megabytes
A_FINDING = re.compile(r"(fault|misspelling|warning|unused): ")


def read(text: str) -> Configuration:
    """Read the text of a file as the daemon does."""
    return parse(text, "isakmpd.conf")


def told(configuration: Configuration) -> tuple[Problem, ...]:
    """Give everything there is to say of a configuration."""
    return configuration.problems + configuration.warnings + configuration.unused


def judge(text: str, configuration: Configuration) -> None:
    """Demand that each thing said names a line of the file, in one line of a bounded length."""
    lines = text.count("\n") + 1
    for problem in told(configuration):
        assert problem.file in ("isakmpd.conf", "built-in defaults")
        assert 0 <= problem.line <= lines
        assert "\n" not in problem.text
        assert len(str(problem)) < 2000


def check(folder: Path, octets: bytes, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    """Let the real program check a file."""
    file = folder / "isakmpd.conf"
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as opened:
        opened.write(octets)
    words = [PROGRAM, "--check", "-K", "-n", "-c", file, "--run-dir", folder]
    return subprocess.run(
        list(map(str, words)), capture_output=True, text=True, timeout=seconds, check=False
    )


# Files somebody might have written


def test_there_is_a_corpus() -> None:
    """Else the tests below pass for nothing."""
    assert len(BROKEN) >= 15


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_every_fault_is_told_where_it_stands(path: Path) -> None:
    """All of them and no other, in the words the file expects."""
    text = path.read_text(encoding="utf-8")
    expected = [line[3:].split(" ", 1) for line in text.splitlines() if line.startswith("#! ")]
    found = read(text)
    assert expected
    assert [problem.line for problem in found.problems] == [int(line) for line, _ in expected]
    for problem, (_, words) in zip(found.problems, expected, strict=True):
        assert problem.text.startswith(words)
    judge(text, found)


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_the_program_says_the_same(path: Path, tmp_path: Path) -> None:
    """With file and line, the status of a fault, and nothing else."""
    octets = path.read_bytes()
    done = check(tmp_path, octets)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    for line in re.findall(r"^#! (\d+)", octets.decode(), re.MULTILINE):
        assert f"fault: {tmp_path}/isakmpd.conf:{line}: " in done.stdout
    assert all(A_FINDING.match(line) for line in done.stdout.splitlines()[:-1])


# Files that are not what they should be

MARK = "# Straße nach Ærøskøbing\n"


@pytest.mark.parametrize(
    ("octets", "faults"),
    [
        ((MARK + GOOD).encode("utf-8"), 0),
        ((MARK + GOOD).encode("utf-8-sig"), 0),
        ((MARK + GOOD).encode("latin-1"), 0),
        (GOOD.replace("s3cret", "Grüße").encode("latin-1"), 0),
        (GOOD.replace("\n", "\r\n").encode(), 0),
        (GOOD.replace("\n", "\n\n\n").encode(), 0),
        (GOOD.rstrip("\n").encode(), 0),
        (b"", 0),
        (b"\n" * 1000, 0),
        ((MARK + GOOD).encode("utf-16"), 1),
        ((MARK + GOOD).encode("utf-16-be"), 1),
        ((MARK + GOOD).encode("utf-16-le"), 1),
        ((MARK + GOOD).encode("utf-32"), 1),
        (GOOD.replace("\n", "\r").encode(), 1),
        (bytes(100_000), 1),
        (GOOD.replace("s3cret", "s3\0cret").encode(), 2),
        (GOOD.replace("[main]", "[ma\0in]").encode(), 2),
        (gzip.compress(GOOD.encode(), mtime=0), None),
        (random.Random(4).randbytes(100_000), None),
        (random.Random(4).randbytes(1000) * 100 + GOOD.encode(), None),
        (bytes(range(256)) * 100, None),
        (Path(sys.executable).read_bytes()[:1_000_000], None),
    ],
    ids=str,
)
def test_encodings(octets: bytes, faults: int | None) -> None:
    """What is no text is said to be none, once; else only what cannot be read is lost."""
    text = octets.decode("utf-8", "surrogateescape")
    found = read(text)
    judge(text, found)
    if faults is None:
        assert found.problems
    else:
        assert len(found.problems) == faults, [str(problem) for problem in found.problems]


def test_a_key_in_another_encoding_keeps_its_octets() -> None:
    """Both ends have the same file, whatever it is encoded in."""
    octets = GOOD.replace("s3cret", "Grüße").encode("latin-1")
    key = read(octets.decode("utf-8", "surrogateescape")).peers["peer"].pre_shared_key
    assert key is not None
    assert key.reveal() == "Grüße".encode("latin-1")


def test_what_a_header_that_is_no_text_heads_goes_nowhere() -> None:
    """Least of all into the section before."""
    found = lex("[one]\na= 1\n[t\0wo]\nb= 2\n[three]\nc= 3\n", "f")
    assert [(each.section, each.tag) for each in found.bindings] == [("one", "a"), ("three", "c")]
    assert [str(problem) for problem in found.problems] == [
        "f:3: the line holds a NUL octet and is ignored; expected text"
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "utf-8-sig"])
def test_the_program_reads_any_encoding(encoding: str, tmp_path: Path) -> None:
    """And says what it thinks of it."""
    done = check(tmp_path, (MARK + GOOD).encode(encoding))
    faulty = encoding == "utf-16"
    assert done.returncode == faulty
    said = "isakmpd.conf:1: the file is UTF-16 or binary; expected UTF-8; nothing of the file"
    assert (said in done.stdout) is faulty
    assert done.stderr == ""


# Files that are too large

MEGABYTE = 1_000_000
LARGE: dict[str, Callable[[], str]] = {
    "a value": lambda: f"[General]\nListen-on= {'x' * 10 * MEGABYTE}\n",
    "a line without end": lambda: "x" * 10 * MEGABYTE,
    "a tag": lambda: f"[General]\n{'x' * 10 * MEGABYTE}= y\n",
    "a section": lambda: f"[{'x' * 10 * MEGABYTE}]\nx= y\n",
    "a number": lambda: f"[General]\nRetransmits= {'9' * 10 * MEGABYTE}\n",
    "a key": lambda: GOOD.replace("s3cret", "0x" + "a" * 10 * MEGABYTE),
    "a bad key": lambda: GOOD.replace("s3cret", "0x" + "z" * 10 * MEGABYTE),
    "commas": lambda: f"[General]\nListen-on= {',' * 10 * MEGABYTE}\n",
    "one suite": lambda: GOOD.replace("Suites=\t", f"Suites= {'own-suite,' * MEGABYTE}"),
    "no suite": lambda: GOOD.replace("Suites=\t", f"Suites= {'no,' * (3 * MEGABYTE)}"),
    "flags": lambda: GOOD.replace("[here]", f"Flags= {'no,' * (3 * MEGABYTE)}\n[here]"),
    "sections": lambda: "".join(f"[s{number}]\na= b\n" for number in range(MEGABYTE // 4)),
    "one section": lambda: "[a]\n" * MEGABYTE,
    "one tag": lambda: "[a]\n" + "b= c\n" * (MEGABYTE // 4),
    "tags": lambda: "[a]\n" + "".join(f"b{number}= c\n" for number in range(MEGABYTE // 4)),
    "errors": lambda: "x\n" * MEGABYTE,
    "continued": lambda: "[a]\nb= " + "c\\\n" * (3 * MEGABYTE),
    "blanks": lambda: (" " * 1000 + "\n") * 10_000,
    "comments": lambda: "#\n" * MEGABYTE,
    "faulty peers": lambda: "".join(
        f"[p{number}]\nPhase= 1\nID= i{number}\n" for number in range(MEGABYTE // 12)
    ),
    "faulty connections": lambda: "".join(
        f"[c{number}]\nPhase= 2\nISAKMP-peer= p{number}\n" for number in range(MEGABYTE // 12)
    ),
    "near misses": lambda: (
        "[Phase 2]\nConnections= "
        + ",".join(f"conection{number}" for number in range(30_000))
        + "".join(f"\n[connection{number}]\na= b" for number in range(100_000))
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_megabytes(name: str) -> None:
    """Read in a time that grows with the file, not with its square.

    Long lines are ten megabytes; what comes to a line of the log each is less, for the tests' sake.
    """
    text = LARGE[name]()
    assert len(text) >= MEGABYTE
    began = time.process_time()
    found = read(text)
    assert time.process_time() - began < SECONDS
    for problem in told(found)[:100]:
        assert len(str(problem)) < 2000


@pytest.mark.parametrize("name", ["a value", "a section", "sections", "errors"])
def test_the_program_takes_megabytes(name: str, tmp_path: Path) -> None:
    """Reading, judging and telling; of a million lines the first are told, and how many more."""
    done = check(tmp_path, LARGE[name]().encode())
    assert done.returncode in (0, 1)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) < 3000
    assert len(lines) <= 1002


# Each tag of a good file in turn


@dataclass(frozen=True, slots=True)
class Line:
    """One tag of a good file."""

    file: Path | None
    number: int
    section: str
    tag: str

    def __str__(self) -> str:
        name = self.file.parent.name + "-" + self.file.stem if self.file else "hand-made"
        return f"{name}-{self.number}-{self.tag}"

    @property
    def lines(self) -> list[str]:
        """Give the file."""
        return (self.file.read_text(encoding="utf-8") if self.file else GOOD).splitlines()

    @property
    def value(self) -> str:
        """Give what the tag says."""
        return self.lines[self.number - 1].partition("=")[2].strip()

    def replaced(self, *lines: str) -> str:
        """Give the file with other lines in this one's place."""
        whole = self.lines
        return "\n".join([*whole[: self.number - 1], *lines, *whole[self.number :]]) + "\n"


def lines_of_good_files() -> Iterator[Line]:
    """List every tag of the examples and of suites and transforms made by hand."""
    for file in (*EXAMPLES, None):
        text = file.read_text(encoding="utf-8") if file else GOOD
        for binding in lex(text, "f").bindings:
            yield Line(file, binding.line, binding.section, binding.tag)


LINES = list(lines_of_good_files())
# Tags whose text is anything at all.
FREE = {"Name", "Authentication", "PF-Tag"}
# Tags of which any value means the same.
PRESENCE = {"Renegotiate-on-HUP", "Logverbose", "Delete-SAs", "Use-Keynote"}
GARBAGE = ["%$!", "\N{PILE OF POO}", "-1", "1" * 40, "a b c", "=", "0x", "[x]", ",", "\udcff"]


def same_line(line: Line, configuration: Configuration) -> list[str]:
    """Give what is said of a line."""
    return [one.text for one in told(configuration) if one.line == line.number]


def test_the_files_are_good() -> None:
    """Else what follows shows nothing."""
    assert len(LINES) > 100
    for line in LINES:
        assert read(line.replaced(line.lines[line.number - 1])).problems == ()


@pytest.mark.parametrize("line", LINES, ids=str)
def test_removed(line: Line) -> None:
    """What is missing is said, or has a default."""
    text = line.replaced()
    judge(text, read(text))


@pytest.mark.parametrize("line", LINES, ids=str)
def test_emptied(line: Line) -> None:
    """Nothing is not taken for something."""
    text = line.replaced(f"{line.tag}=")
    found = read(text)
    judge(text, found)
    if line.tag == "Authentication":
        assert any("empty" in said for said in same_line(line, found))


@pytest.mark.parametrize("line", LINES, ids=str)
def test_doubled(line: Line) -> None:
    """The first holds, and the other is told."""
    original = line.lines[line.number - 1]
    text = line.replaced(original, f"{line.tag}= another")
    found = read(text)
    judge(text, found)
    (problem,) = found.problems
    assert problem.line == line.number + 1
    assert problem.text.startswith(f"duplicate tag [{line.section}]:{line.tag}, ignoring...")
    untouched = read("\n".join(line.lines))
    assert (found.peers, found.connections) == (untouched.peers, untouched.connections)


@pytest.mark.parametrize("line", LINES, ids=str)
def test_garbage(line: Line) -> None:
    """It is told where it stands, unless any text will do."""
    for garbage in GARBAGE:
        text = line.replaced(f"{line.tag}= {garbage}")
        found = read(text)
        judge(text, found)
        if line.tag not in FREE | PRESENCE | {"Listen-on"} and not garbage.startswith(","):
            assert same_line(line, found), f"{garbage!r} is taken"


@pytest.mark.parametrize("line", LINES, ids=str)
def test_in_the_wrong_section(line: Line) -> None:
    """Moved to the end of another section, it is missed or passed over, and nobody stumbles."""
    sections = {one.section for one in LINES if one.file == line.file} - {line.section}
    for section in sorted(sections):
        text = line.replaced() + f"[{section}]\n{line.lines[line.number - 1]}\n"
        judge(text, read(text))


@pytest.mark.parametrize("line", LINES, ids=str)
def test_naming_any_section(line: Line) -> None:
    """Whatever names whatever: the own section, and every other, in rings of any length."""
    for section in sorted({one.section for one in LINES if one.file == line.file}):
        text = line.replaced(f"{line.tag}= {section}")
        judge(text, read(text))


# Whatever comes

words = st.sampled_from(
    sorted(
        {one.section for one in LINES} | {one.tag for one in LINES} | {one.value for one in LINES}
    )
)
pieces = st.one_of(
    words,
    st.sampled_from(["=", "[", "]", "\n", "\\\n", ",", "#", ";", " ", "\t", "\r", "\0", '"', ":"]),
    st.text(max_size=8),
    st.binary(max_size=8).map(lambda octets: octets.decode("utf-8", "surrogateescape")),
)


@pytest.mark.property
@given(st.lists(pieces, max_size=60).map("".join))
def test_any_text(text: str) -> None:
    """A file of words, marks and noise."""
    judge(text, read(text))


@pytest.mark.property
@given(
    st.sampled_from(EXAMPLES),
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), pieces), min_size=1, max_size=8),
)
def test_mutated_examples(path: Path, cuts: list[tuple[float, int, str]]) -> None:
    """A good file with pieces cut out and others put in their place."""
    text = path.read_text(encoding="utf-8")
    for where, length, piece in cuts:
        at = int(where * len(text))
        text = text[:at] + piece + text[at + length :]
    judge(text, read(text))


@pytest.mark.property
@given(st.randoms(use_true_random=False), st.sampled_from(EXAMPLES))
def test_shuffled_examples(chance: random.Random, path: Path) -> None:
    """The lines of a good file in any order: tags fall into any section."""
    lines = path.read_text(encoding="utf-8").splitlines()
    chance.shuffle(lines)
    text = "\n".join(lines)
    judge(text, read(text))
