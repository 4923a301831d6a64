"""The FIFO's grammar: what is written is read as it was meant, whatever it holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.bindings import (
    AddElement,
    RemoveElement,
    RemoveSection,
    RemoveTag,
    SetValue,
)
from isakmpd.control import commands as fifo
from isakmpd.control.command_lines import line_of
from isakmpd.control.command_stream import CommandStream

_SHOWN = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
WORDS = st.text(_SHOWN, min_size=1, max_size=40)
SECTIONS = st.text(st.one_of(_SHOWN, st.just(" ")), min_size=1, max_size=40).filter(
    lambda name: "]" not in name
)
TAGS = WORDS.filter(lambda tag: "=" not in tag)
TOKENS = st.text("0123456789abcdef", min_size=8, max_size=32)

CHANGES = st.one_of(
    st.builds(SetValue, SECTIONS, TAGS, WORDS, st.booleans()),
    st.builds(AddElement, SECTIONS, TAGS, WORDS),
    st.builds(RemoveElement, SECTIONS, TAGS, WORDS),
    st.builds(RemoveTag, SECTIONS, TAGS),
    st.builds(RemoveSection, SECTIONS),
)
COOKIES = st.binary(min_size=8, max_size=8)
COMMANDS = st.one_of(
    st.builds(fifo.ChangeConfiguration, CHANGES),
    st.builds(fifo.GetValue, SECTIONS, TAGS),
    st.builds(fifo.Connect, WORDS),
    st.builds(fifo.Teardown, WORDS, st.sampled_from((1, 2))),
    st.builds(fifo.SetLogLevel, st.one_of(st.just("A"), st.integers(0, 99)), st.integers(-9, 999)),
    st.builds(fifo.StartCapture, st.none() | WORDS),
    st.builds(fifo.DeleteSa, COOKIES, COOKIES, st.none() | st.integers(0, 2**32 - 1)),
    st.builds(fifo.SetMode, st.booleans()),
    *(
        st.just(kind())
        for kind in (
            *(fifo.TeardownAll, fifo.ShowSas, fifo.ShowStatus, fifo.Report, fifo.Reinitialize),
            *(fifo.Shutdown, fifo.ToggleLogLevels, fifo.StopCapture),
        )
    ),
)


@given(COMMANDS)
def test_a_command_written_is_read_again(command: fifo.Plain) -> None:
    assert fifo.parse(line_of(command)) == command


@given(TOKENS, COMMANDS)
def test_so_is_a_tagged_one(token: str, command: fifo.Plain) -> None:
    assert fifo.parse(f"? {token} {line_of(command)}") == fifo.Tagged(token, command)


@given(st.lists(COMMANDS, max_size=20), st.integers(1, 300))
def test_a_stream_of_them_arrives_in_order(commands: list[fifo.Plain], size: int) -> None:
    """However it is cut: a character may come in two pieces."""
    octets = "".join(f"{line_of(command)}\n" for command in commands).encode()
    stream = CommandStream()
    found = [
        one for at in range(0, len(octets), size) for one in stream.feed(octets[at : at + size])
    ]
    assert found == commands


_LETTERS = st.sampled_from("cCdDMpQrRsStTx?")
_PIECES = st.sampled_from(
    [
        "set",
        "add",
        "rm",
        "rms",
        "rmv",
        "get",
        "[",
        "]",
        ":",
        "=",
        "force",
        "main",
        "quick",
        "active",
        "passive",
        "on",
        "off",
        "A",
        "T",
        "-",
        "12345678",
    ]
)


@given(
    _LETTERS,
    st.lists(st.one_of(_PIECES, st.text(max_size=8)), max_size=8),
    st.text(" ", max_size=2),
)
def test_what_is_nearly_a_command_is_one_or_is_told_in_one_line(
    letter: str, pieces: list[str], blanks: str
) -> None:
    """No exception, no second line, and nothing of a value that may be a key."""
    line = letter + (blanks or " ").join(pieces)
    read = fifo.parse(line)
    read = read.command if isinstance(read, fifo.Tagged) else read
    if isinstance(read, fifo.BadCommand):
        assert read.text.startswith("ui_")
        assert "expected" in read.text
    else:
        assert fifo.parse(line_of(read)) == read
