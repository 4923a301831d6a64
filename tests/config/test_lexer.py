"""What a line of isakmpd.conf means."""

from __future__ import annotations

import re
from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.lexer import Binding, lex, split_list


def values(text: str) -> dict[tuple[str, str], str]:
    """Give what a text binds, by section and tag as written."""
    return {(b.section, b.tag): b.value for b in lex(text, "f").bindings}


def complaints(text: str) -> list[str]:
    """Give the problems of a text as a log shows them."""
    return [str(problem) for problem in lex(text, "f").problems]


@pytest.mark.parametrize(
    ("text", "tag", "value"),
    [
        ("[S]\nTag=value\n", "Tag", "value"),
        ("[S]\nTag=\t\tvalue \t\n", "Tag", "value"),
        ("[S]\nTag \t= value\n", "Tag", "value"),
        ("[S]\nTag=value", "Tag", "value"),
        ("[S]\r\nTag=value\r\n", "Tag", "value"),
        ("\ufeff[S]\nTag=value\n", "Tag", "value"),
        ("[S]\nTag=\n", "Tag", ""),
        ("[S]\nTag= a = b == c\n", "Tag", "a = b == c"),
        ("[S]\nTag= a#with;marks%(x)s\n", "Tag", "a#with;marks%(x)s"),
        ("[S]\nTag= value # a comment\n", "Tag", "value"),
        ("[S]\nTag= value\t#comment = 1\r\n", "Tag", "value"),
        ("[S]\nTag=\t# nothing but a comment\n", "Tag", ""),
        ("[S]\nTag=#value\n", "Tag", "#value"),
        ("[S]\nTag= value ; more\n", "Tag", "value ; more"),
        ("[S]\nTag= a,\\\n  b # comment\n", "Tag", "a,    b"),
        ("[S] # comment\n\t# comment = 1\nTag=value\n", "Tag", "value"),
        ("[S]\nTag= a,\\\n\tb\n", "Tag", "a,  \tb"),
        ("[S]\nTag= a,\\\r\n\tb\r\n", "Tag", "a,  \tb"),
        ("[S]\nTag= ends in a backslash\\", "Tag", "ends in a backslash\\"),
        ("[S] the rest is ignored\nTag=value\n", "Tag", "value"),
        ("#[Other]\n;[Other]\n[S]\n#Tag=no\n;Tag=no\nTag=yes\n", "Tag", "yes"),
        ("[S]\nTag=first\nTAG=second\n", "Tag", "first"),
    ],
)
def test_an_assignment(text: str, tag: str, value: str) -> None:
    """A tag reaches from the first column to a blank or "=", its value from there, trimmed."""
    assert values(text) == {("S", tag): value}


def test_a_section_name_is_everything_up_to_the_bracket() -> None:
    """Blanks around a section's name belong to it; a reopened section goes on."""
    text = "[ a b ]\nx=1\n[c]\ny=2\n[ a b ]\nz=3\n"
    assert values(text) == {(" a b ", "x"): "1", ("c", "y"): "2", (" a b ", "z"): "3"}


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("Tag= value\n", 1, "stands before any section"),
        ("[S\nTag= value\nTag2= value\n", 1, 'no closing "]"'),
        ("[S]\nno equal sign\n", 2, "syntax error"),
        ("[S]\n Tag= value\n", 2, "starts with a blank; expected a tag in the first column"),
        ("[S]\n ; comment\n", 2, 'expected "#" before a comment, or ";" in the first column'),
        ("[S]\n [T]\n", 2, "section header"),
        ("[S]\nTwo words= value\n", 2, 'a blank inside the tag "Two ..."'),
        ("[S]\n= value\n", 2, 'no tag before "="'),
    ],
)
def test_a_line_that_says_nothing(text: str, line: int, words: str) -> None:
    """A bad line is told by number, once, with what was expected, and binds nothing."""
    assert values(text) == {}
    (complaint,) = complaints(text)
    assert complaint.startswith(f"f:{line}: ")
    assert words in complaint


@pytest.mark.parametrize(
    ("line", "key", "warned"),
    [
        ("Authentication= a#b;c%d=e", "a#b;c%d=e", False),
        ("Authentication= two words", "two words", False),
        ("Authentication=#first", "#first", False),
        ("AUTHENTICATION= secret # a comment?", "secret # a comment?", True),
        ("Authentication=\t# a comment?", "# a comment?", True),
        ("Authentication= secret ; no comment", "secret ; no comment", False),
    ],
)
def test_a_key_reaches_to_the_end_of_its_line(line: str, key: str, warned: bool) -> None:
    """Old files rely on it; where it may surprise a warning says so, without the key."""
    lexed = lex(f"[peer]\n{line}\n", "f")
    assert [binding.value for binding in lexed.bindings] == [key]
    assert lexed.problems == ()
    told = [str(warning) for warning in lexed.warnings]
    assert [text[:27] for text in told] == ["f:2: [peer]:Authentication "] * warned
    assert "secret" not in "".join(told)


@pytest.mark.parametrize(
    ("text", "expected", "line"),
    [
        ("# drawn \\\nTag= 1\n", {}, 1),
        ("Tag= a, # first \\\n b\n", {("S", "Tag"): "a,"}, 1),
        ("Tag= a, \\\n # second, \\\n b\nOther= 1\n", {("S", "Tag"): "a,", ("S", "Other"): "1"}, 1),
        ("# drawn \\\n# on\nTag= 1\n", {("S", "Tag"): "1"}, None),
        ("Tag= a, \\\n b # last\n", {("S", "Tag"): "a,    b"}, None),
    ],
)
def test_a_comment_goes_on_after_a_backslash(
    text: str, expected: dict[tuple[str, str], str], line: int | None
) -> None:
    """As in the original; a warning tells of what it swallows."""
    lexed = lex(f"[S]\n{text}", "f")
    assert {(b.section, b.tag): b.value for b in lexed.bindings} == expected
    assert lexed.problems == ()
    told = [warning.line for warning in lexed.warnings]
    assert told == ([] if line is None else [line + 1])


def test_of_duplicates_the_first_counts() -> None:
    """A repeated tag is ignored in the words scripts know, naming the line that counts."""
    text = "[Foo]\nBar=1\n[other]\nBar=2\n[FOO]\nbar=3\n"
    assert values(text) == {("Foo", "Bar"): "1", ("other", "Bar"): "2"}
    assert complaints(text) == ["f:6: duplicate tag [FOO]:bar, ignoring... (line 2 has set it)"]


def test_a_continued_line_is_named_by_its_first() -> None:
    """The line number of a binding is where its tag stands."""
    text = "[S]\nA= 1,\\\n2,\\\n3\nB= 4\n"
    assert [(b.tag, b.line) for b in lex(text, "f").bindings] == [("A", 2), ("B", 5)]


@pytest.mark.parametrize("line", ["Authentication secret", "secret", " secret= x", "Two secret= x"])
def test_a_bad_line_keeps_its_secret(line: str) -> None:
    """No complaint quotes what may be a piece of a key."""
    assert "secret" not in "".join(complaints(f"[peer]\n{line}\n"))


@pytest.mark.parametrize(
    ("tag", "hidden"),
    [
        ("Authentication", True),
        ("AUTHENTICATION", True),
        ("Authenticaton", True),
        ("AUTHENTICATION_METHOD", False),
        ("AUTHENTICATION_ALGORITHM", False),
        ("Address", False),
    ],
)
def test_keys_are_not_shown(tag: str, hidden: bool) -> None:
    """A key appears neither in a binding's repr nor in what reports show of it."""
    binding = Binding("peer", tag, "s3cret", "f", 1)
    assert "s3cret" not in repr(binding)
    assert (binding.shown == "<hidden>") is hidden


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        (" a , b\t,c ", ["a", "b", "c"]),
        ("a,,b,", ["a", "", "b", ""]),
    ],
)
def test_a_list_is_trimmed_on_both_sides(value: str, elements: list[str]) -> None:
    """Blanks before a comma are no part of an element."""
    assert split_list(value) == elements


@pytest.mark.property
@given(st.text())
def test_no_text_is_too_strange(text: str) -> None:
    """Whatever a file holds, lexing ends with bindings and problems on its own lines."""
    lexed = lex(text, "f")
    last = text.count("\n") + 1
    lines = [binding.line for binding in lexed.bindings]
    lines += [problem.line for problem in (*lexed.problems, *lexed.warnings)]
    assert all(1 <= line <= last for line in lines)


@pytest.mark.property
@given(st.lists(st.sampled_from(["[", "]", "S", "=", "#", " ", "\\", "\n", "\r\n", ","])))
def test_no_arrangement_of_marks_is_too_strange(pieces: list[str]) -> None:
    """The characters that mean something may come in any order."""
    lexed = lex("".join(pieces), "f")
    keys = [(b.section.lower(), b.tag.lower()) for b in lexed.bindings]
    assert len(keys) == len(set(keys))


_NAMES = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="]=[#;"),
    min_size=1,
    max_size=5,
).map(str.lower)
_KEYS = st.text(
    st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="\\"), max_size=20
).map(str.strip)
_VALUES = _KEYS.filter(lambda value: not re.search("(^| )#", value))
_ENDS = st.sampled_from(["\n", "\r\n", " \t\n", "\n\n", "\n  # comment = 1\n", "\n;comment\n"])


@pytest.mark.property
@given(
    st.dictionaries(st.tuples(_NAMES, _NAMES), _VALUES, max_size=8),
    st.dictionaries(_NAMES, _KEYS, max_size=3),
    st.lists(_ENDS, min_size=1, max_size=4),
)
def test_what_is_written_is_read(
    tags: dict[tuple[str, str], str], keys: dict[str, str], ends: list[str]
) -> None:
    """Any well-formed file gives back what it was written from, without a complaint."""
    expected = tags | {(section, "authentication"): key for section, key in keys.items()}
    lines = [f"[{section}]\n{tag}=\t{value}" for (section, tag), value in expected.items()]
    text = "".join(line + end for line, end in zip(lines, cycle(ends), strict=False))
    assert values(text) == values(text.removesuffix("\n")) == expected
    assert complaints(text) == []
    doubtful = sum(re.search("(^| )#", key) is not None for key in keys.values())
    assert len(lex(text, "f").warnings) == doubtful


def test_a_comment_behind_a_key_id() -> None:
    """In free text it may have been meant, as for the original; a host has no blanks."""
    text = "[a]\nID-type= KEY_ID\nName= user #5\n[b]\nID-type= FQDN\nName= b.example # branch\n"
    lexed = lex(text, "isakmpd.conf")
    assert [binding.value for binding in lexed.bindings] == ["KEY_ID", "user", "FQDN", "b.example"]
    (warning,) = lexed.warnings
    assert warning.line == 3
    assert warning.text.startswith("[a]:Name ends before the comment")
