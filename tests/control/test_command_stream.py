"""Lines out of octets: cut, glued, too long, no text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.bindings import SetValue
from isakmpd.control.command_stream import CommandStream
from isakmpd.control.commands import (
    BadCommand,
    ChangeConfiguration,
    Connect,
    ShowSas,
    Shutdown,
    TeardownAll,
)

LINES = b"c west-east\n\nC set [General]:Retransmits=5\r\nX\nS\nQ"


@given(cuts=st.lists(st.integers(0, len(LINES))))
def test_lines_may_come_in_any_pieces(cuts: list[int]) -> None:
    """A FIFO is a stream; the last line has no newline yet and waits."""
    stream = CommandStream()
    edges = sorted({0, len(LINES), *cuts})
    found = [one for start, end in pairwise(edges) for one in stream.feed(LINES[start:end])]
    assert found[:2] == [
        Connect("west-east"),
        ChangeConfiguration(SetValue("General", "Retransmits", "5")),
    ]
    assert isinstance(found[2], BadCommand)
    assert found[3:] == [ShowSas()]
    assert stream.feed(b"\n") == [Shutdown()]


OVERLONG = "a line longer than the FIFO keeps whole is ignored, expected at most 4096 octets"
NO_TEXT = "a line that is not text is ignored, expected printable UTF-8"


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"c " + b"x" * 5000 + b"\n", OVERLONG),
        (b"c " + b"x" * 10_000_000 + b"\n", OVERLONG),
        (b"c \xff\xfe\n", NO_TEXT),
        (b"c a\0b\n", NO_TEXT),
        (b"\0" * 4096 + b"\n", NO_TEXT),
        (b"c \x1b[2J\n", NO_TEXT),
    ],
)
@pytest.mark.parametrize("size", [100, 4097, 65536])
def test_rubbish_costs_one_line_and_no_other_command(
    octets: bytes, complaint: str, size: int
) -> None:
    """What comes before and after it is obeyed."""
    stream = CommandStream()
    octets = b"S\n" + octets + b"T\n"
    pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
    found = [one for piece in pieces for one in stream.feed(piece)]
    assert found == [ShowSas(), BadCommand(f"ui_handle_messages: {complaint}"), TeardownAll()]


@given(st.binary(max_size=300))
def test_no_octets_break_the_reader(octets: bytes) -> None:
    """Whatever comes in, complaints are one printable line each and the next command works."""
    stream = CommandStream()
    for one in stream.feed(octets):
        assert not isinstance(one, BadCommand) or one.text.isprintable()
    assert stream.feed(b"\nS\n")[-1] == ShowSas()


def test_the_longest_line() -> None:
    """With its newline it is what the kernel writes in one piece."""
    stream = CommandStream()
    assert stream.feed(b"c " + b"x" * 4094 + b"\n") == [Connect("x" * 4094)]
    assert isinstance(stream.feed(b"c " + b"x" * 4095 + b"\n")[0], BadCommand)


def test_of_a_line_without_end_little_is_kept() -> None:
    """Whatever its writer has in mind."""
    stream = CommandStream()
    for _ in range(1000):
        stream.feed(b"x" * 65536)
        assert len(stream._begun) <= CommandStream.LONGEST_LINE
    assert len(stream.feed(b"\nS\n")) == 2
