"""Split isakmpd.conf into bindings, each with the line it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import accumulate
from typing import NamedTuple

from isakmpd.config.model import Problem

BLANKS = " \t\v\f\r"
# "#" begins a comment in the first column, after blanks, and after a blank in a value; ";" in the
# first column alone.
_COMMENT_LINE = re.compile(r";|[ \t\v\f\r]*(?:#|$)")
_JOINT = "  "  # stands for the backslash and the end of the line
_COMMENT_IN_VALUE = re.compile(r"[ \t\v\f]#")
_TAG_OF_KEYS = "authentication"
_SWALLOWED_KEY = re.compile(r"authentication\s*=", re.IGNORECASE)
HIDDEN = "<hidden>"
_UTF_16 = ("\udcff\udcfe", "\udcfe\udcff")  # byte order marks, as surrogates
_SAMPLE = 1000  # characters


class Binding(NamedTuple):
    """Hold one ``Tag= value`` of a section; the value may be a key, so the repr hides it.

    ``line`` is 0 where no line of a file holds the binding.
    """

    section: str
    tag: str
    value: str
    file: str
    line: int

    def __repr__(self) -> str:
        return f"Binding([{self.section}]:{self.tag}, {self.file}:{self.line})"

    @property
    def shown(self) -> str:
        """Give the value for logs and reports: keys stay hidden, even under a misspelt tag."""
        tag = self.tag.lower()
        # AUTHENTICATION_METHOD and AUTHENTICATION_ALGORITHM name no keys.
        if "_" not in tag and SequenceMatcher(None, tag, _TAG_OF_KEYS).ratio() > 0.75:
            return HIDDEN
        return without_key(self.value)


def without_key(value: str) -> str:
    """Hide a value that has swallowed the line of a key, as a stray backslash makes it do."""
    return HIDDEN if _SWALLOWED_KEY.search(value) else value


@dataclass(frozen=True, slots=True)
class Lexed:
    """Hold what a file says, in order, of duplicates the first, and what is wrong with the rest."""

    bindings: tuple[Binding, ...]
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()  # lines that may not be what somebody meant


def lex(text: str, file: str) -> Lexed:
    """Read the text of a configuration file; whatever the text, bad lines become problems."""
    if reason := _no_text(text):
        return Lexed((), (Problem(file, 1, f"{reason}; nothing of the file is read"),), ())
    lexer = _Lexer(file)
    has_nul = "\0" in text
    for line, pieces in _logical_lines(text.removeprefix("\ufeff")):
        if has_nul and any("\0" in piece for piece in pieces):
            lexer.pass_over_nul(line, pieces)
        else:
            lexer.take(line, pieces)
    lexer.warn_of_shortened_names()
    return Lexed(tuple(lexer.bindings.values()), tuple(lexer.problems), tuple(lexer.warnings))


def _no_text(text: str) -> str:
    """Tell what a file is that has no lines to complain of; empty where it has."""
    if text.startswith(_UTF_16) or text[:_SAMPLE].count("\0") * 4 > len(text[:_SAMPLE]):
        return "the file is UTF-16 or binary; expected UTF-8"
    if "\r" in text and "\n" not in text:
        return "the lines end in CR alone; expected LF"
    return ""


def split_list(value: str) -> list[str]:
    """Split a list at its commas, trimming every element; the caller judges empty ones."""
    return [element.strip(BLANKS) for element in value.split(",")]


def _logical_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """Gather lines that end in a backslash, without it; the number is that of the first."""
    lines = text.split("\n")
    start = 0
    held: list[str] = []
    for number, line in enumerate(lines, 1):
        start = start if held else number
        body = line.removesuffix("\r")
        if body.endswith("\\") and number < len(lines):
            held.append(body[:-1])
            continue
        yield start, [*held, line]
        held = []


class _Lexer:
    """Follow the lines of one file; the current section ends with the file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.bindings: dict[tuple[str, str], Binding] = {}
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.section: str | None = None
        self.section_key = ""  # in lower case
        self.in_broken_section = False
        self.commented: list[tuple[str, str]] = []  # section and tag, both in lower case

    def pass_over_nul(self, line: int, pieces: list[str]) -> None:
        """Leave a line alone that is no text, and with a header all that it heads."""
        self._problem(line, "the line holds a NUL octet and is ignored; expected text")
        if pieces[0].startswith("["):
            self.in_broken_section = True

    def take(self, line: int, pieces: list[str]) -> None:
        """Digest one logical line."""
        content = _JOINT.join(pieces) if len(pieces) > 1 else pieces[0]
        if _COMMENT_LINE.match(content):
            self._comment(line, 0, pieces)
        elif content[0] == "[":
            self._header(line, content)
        elif self.in_broken_section:
            return
        elif content[0] in BLANKS:
            self._indented(line, content)
        elif "=" not in content:
            # The line is not quoted: it may be a piece of a key.
            self._problem(
                line,
                'syntax error: no "=" here; expected "Tag= value", "[Section]" or a comment',
            )
        else:
            self._assignment(line, content, pieces)

    def _problem(self, line: int, text: str) -> None:
        self.problems.append(Problem(self.file, line, text))

    def _comment(self, line: int, start: int, pieces: list[str]) -> None:
        """Warn of a comment that a backslash leads on into lines that say something.

        ``start`` is its place in the logical line that was joined from ``pieces``.
        """
        ends = accumulate(len(piece) + len(_JOINT) for piece in pieces)
        swallowed = [piece for piece, end in zip(pieces[1:], ends, strict=False) if end > start]
        if not all(_COMMENT_LINE.match(piece) for piece in swallowed):
            text = "the comment ends in a backslash, so that the line after it belongs to it"
            self.warnings.append(Problem(self.file, line, text))

    def _header(self, line: int, content: str) -> None:
        name, bracket, _ = content[1:].partition("]")
        self.in_broken_section = not bracket
        self.section = name if bracket else None
        self.section_key = name.lower()
        if not bracket:
            self._problem(
                line,
                'the section name has no closing "]"; expected "[Section]"; '
                "all lines up to the next section are ignored",
            )

    def _indented(self, line: int, content: str) -> None:
        if content.strip(BLANKS).startswith(";"):
            text = 'the line is ignored: expected "#" before a comment, or ";" in the first column'
        elif content.strip(BLANKS).startswith("["):
            text = 'the line is ignored: a section header starts with "[" in the first column'
        else:
            text = (
                "the line is ignored: it starts with a blank; expected a tag in the first column "
                "(to continue a value, end the line before with a backslash)"
            )
        self._problem(line, text)

    def _assignment(self, line: int, content: str, pieces: list[str]) -> None:
        name, _, value = content.partition("=")
        tag = name.rstrip()
        if len(tag.split()) != 1:
            self._problem(line, _bad_tag(tag.split()))
            return
        if self.section is None:
            self._problem(
                line, f'"{tag}=" stands before any section; expected a "[Section]" line first'
            )
            return
        key = (self.section_key, tag.lower())
        if "#" in value:
            value = self._without_comment(line, key[1], content, pieces)
        binding = Binding(self.section, tag, value.strip(BLANKS), self.file, line)
        first = self.bindings.setdefault(key, binding)
        if first is not binding:
            self._problem(
                line,
                f"duplicate tag [{binding.section}]:{binding.tag}, ignoring..."
                f" (line {first.line} has set it)",
            )

    def _without_comment(self, line: int, tag: str, content: str, pieces: list[str]) -> str:
        """Give the value of a line up to its comment; a key goes on to the end of the line."""
        begin = content.index("=") + 1
        comment = _COMMENT_IN_VALUE.search(content, begin)
        if comment is None:
            return content[begin:]
        if tag == _TAG_OF_KEYS:
            text = (
                f'[{self.section}]:Authentication has a blank and a "#", which begins no comment'
                " in a key: all of the line counts, as in the original; write the key as 0x and"
                " hex digits to be sure"
            )
            self.warnings.append(Problem(self.file, line, text))
            return content[begin:]
        self.commented.append((self.section_key, tag))
        self._comment(line, comment.start(), pieces)
        return content[begin : comment.start()]

    def warn_of_shortened_names(self) -> None:
        """Say where a comment may once have been part of a KEY_ID, which is free text."""
        for section, tag in self.commented:
            kind, name = (self.bindings.get((section, each)) for each in ("id-type", "name"))
            if tag == "name" and name and kind and kind.value.upper() == "KEY_ID":
                text = (
                    f"[{name.section}]:Name ends before the comment, which the original takes for"
                    " a part of it; write a KEY_ID with a blank before # as 0x and hex digits"
                )
                self.warnings.append(Problem(self.file, name.line, text))


def _bad_tag(words: list[str]) -> str:
    if not words:
        return 'there is no tag before "="; expected "Tag= value"'
    # Only the first word is quoted: with a forgotten "=" the others may be a key.
    return f'a blank inside the tag "{words[0]} ..."; expected one word before "="'
