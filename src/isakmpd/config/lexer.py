"""Split isakmpd.conf into bindings, each with the line it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from isakmpd.config.model import Problem

BLANKS = " \t\v\f\r"
_COMMENT_MARKS = ("#", ";")
_TAG_OF_KEYS = "authentication"
_SWALLOWED_KEY = re.compile(r"authentication\s*=", re.IGNORECASE)
HIDDEN = "<hidden>"


@dataclass(frozen=True, slots=True)
class Binding:
    """Hold one ``Tag= value`` of a section; the value may be a key, so the repr hides it.

    ``line`` is 0 where no line of a file holds the binding.
    """

    section: str
    tag: str
    value: str = field(repr=False)
    file: str
    line: int

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
    """Hold what a file says, in order and without duplicates, and what is wrong with the rest."""

    bindings: tuple[Binding, ...]
    problems: tuple[Problem, ...]


def lex(text: str, file: str) -> Lexed:
    """Read the text of a configuration file; whatever the text, bad lines become problems."""
    lexer = _Lexer(file)
    for line, content in _logical_lines(text.removeprefix("\ufeff")):
        lexer.take(line, content)
    return Lexed(tuple(lexer.bindings.values()), tuple(lexer.problems))


def split_list(value: str) -> list[str]:
    """Split a list at its commas, trimming every element; the caller judges empty ones."""
    return [element.strip(BLANKS) for element in value.split(",")]


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Join lines that end in a backslash; the number is that of the first."""
    lines = text.split("\n")
    start = 0
    held: list[str] = []
    for number, line in enumerate(lines, 1):
        start = start if held else number
        body = line.removesuffix("\r")
        if body.endswith("\\") and number < len(lines):
            held.append(body[:-1])
            continue
        yield start, "  ".join([*held, line])
        held = []


class _Lexer:
    """Follow the lines of one file; the current section ends with the file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.bindings: dict[tuple[str, str], Binding] = {}
        self.problems: list[Problem] = []
        self.section: str | None = None
        self.in_broken_section = False

    def take(self, line: int, content: str) -> None:
        """Digest one logical line."""
        if content.startswith(_COMMENT_MARKS) or not content.strip(BLANKS):
            return
        if content.startswith("["):
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
            self._assignment(line, content)

    def _problem(self, line: int, text: str) -> None:
        self.problems.append(Problem(self.file, line, text))

    def _header(self, line: int, content: str) -> None:
        name, bracket, _ = content[1:].partition("]")
        self.in_broken_section = not bracket
        self.section = name if bracket else None
        if not bracket:
            self._problem(
                line,
                'the section name has no closing "]"; expected "[Section]"; '
                "all lines up to the next section are ignored",
            )

    def _indented(self, line: int, content: str) -> None:
        if content.strip(BLANKS).startswith(_COMMENT_MARKS):
            text = 'the line is ignored: a comment starts with "#" or ";" in the first column'
        elif content.strip(BLANKS).startswith("["):
            text = 'the line is ignored: a section header starts with "[" in the first column'
        else:
            text = (
                "the line is ignored: it starts with a blank; expected a tag in the first column "
                "(to continue a value, end the line before with a backslash)"
            )
        self._problem(line, text)

    def _assignment(self, line: int, content: str) -> None:
        name, _, value = content.partition("=")
        words = name.split()
        if len(words) != 1:
            self._problem(line, _bad_tag(words))
            return
        if self.section is None:
            self._problem(
                line, f'"{words[0]}=" stands before any section; expected a "[Section]" line first'
            )
            return
        binding = Binding(self.section, words[0], value.strip(BLANKS), self.file, line)
        first = self.bindings.setdefault((self.section.lower(), words[0].lower()), binding)
        if first is not binding:
            self._problem(
                line,
                f"duplicate tag [{binding.section}]:{binding.tag}, ignoring..."
                f" (line {first.line} has set it)",
            )


def _bad_tag(words: list[str]) -> str:
    if not words:
        return 'there is no tag before "="; expected "Tag= value"'
    # Only the first word is quoted: with a forgotten "=" the others may be a key.
    return f'a blank inside the tag "{words[0]} ..."; expected one word before "="'
