"""Read one command of an administrator's.

Each has its first letter, the name its errors are logged under and a shape; scripts know the
errors by ``ui_NAME: command "LINE" malformed``, and people by what follows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from isakmpd.config.bindings import (
    AddElement,
    Change,
    RemoveElement,
    RemoveSection,
    RemoveTag,
    SetValue,
)


@dataclass(frozen=True, slots=True)
class Connect:
    """``c NAME``: keep the connection up from now on."""

    name: str


@dataclass(frozen=True, slots=True)
class Teardown:
    """``t [main|quick] NAME``: delete the SAs of that name and phase."""

    name: str
    phase: int


@dataclass(frozen=True, slots=True)
class TeardownAll:
    """``T``: delete every phase 2 SA."""


@dataclass(frozen=True, slots=True)
class ShowSas:
    """``S``: write what is known of every SA to the result file."""


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """``s``: write the status to the result file, as JSON."""


@dataclass(frozen=True, slots=True)
class Report:
    """``r``: write the internal state to the report file."""


@dataclass(frozen=True, slots=True)
class Reinitialize:
    """``R``: read the configuration again."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """``Q``: end the daemon cleanly."""


@dataclass(frozen=True, slots=True)
class ChangeConfiguration:
    """``C set|add|rmv|rm|rms ...``: change the running configuration until it is read again."""

    change: Change


@dataclass(frozen=True, slots=True)
class GetValue:
    """``C get [section]:tag``: write the value to the result file."""

    section: str
    tag: str


@dataclass(frozen=True, slots=True)
class SetLogLevel:
    """``D CLASS LEVEL`` or ``D A LEVEL``; ``which`` is a class number or ``A``, unchecked."""

    which: int | str
    level: int


@dataclass(frozen=True, slots=True)
class ToggleLogLevels:
    """``D T``: all debug levels to zero, and back."""


@dataclass(frozen=True, slots=True)
class StartCapture:
    """``p on[=path]``: capture to ``path``, without one to the file used last."""

    path: str | None


@dataclass(frozen=True, slots=True)
class StopCapture:
    """``p off``."""


@dataclass(frozen=True, slots=True)
class DeleteSa:
    """``d COOKIES MSGID``: delete one SA; a ``message_id`` of None means the phase 1 SA."""

    initiator_cookie: bytes
    responder_cookie: bytes
    message_id: int | None

    @property
    def cookies(self) -> str:
        """Print both cookies in hexadecimal."""
        return (self.initiator_cookie + self.responder_cookie).hex()

    @property
    def number(self) -> str:
        """Print the message ID in hexadecimal, ``-`` for phase 1."""
        return "-" if self.message_id is None else f"{self.message_id:08x}"

    def not_found(self) -> str:
        """Say that no such SA exists, as the original does."""
        return f'ui_delete: command "d {self.cookies} {self.number}" found no SA'


@dataclass(frozen=True, slots=True)
class SetMode:
    """``M active|passive``: begin negotiations of our own, or only answer."""

    active: bool


Plain = (
    Connect
    | Teardown
    | TeardownAll
    | ShowSas
    | ShowStatus
    | Report
    | Reinitialize
    | Shutdown
    | ChangeConfiguration
    | GetValue
    | SetLogLevel
    | ToggleLogLevels
    | StartCapture
    | StopCapture
    | DeleteSa
    | SetMode
)


@dataclass(frozen=True, slots=True)
class BadCommand:
    """Hold the log line about something that is no command."""

    text: str


@dataclass(frozen=True, slots=True)
class Tagged:
    """``? TOKEN COMMAND``: carry it out and write what came of it to the answer file of TOKEN.

    ``token`` is in lower case.
    """

    token: str
    command: Plain | BadCommand


Command = Plain | Tagged


@dataclass(frozen=True, slots=True)
class _Form:
    """Describe one way to write a command: a pattern of its whole line and what that means."""

    pattern: re.Pattern[str]
    build: Callable[[re.Match[str]], Plain]


@dataclass(frozen=True, slots=True)
class _Letter:
    """Group the forms of one letter under the name of their errors."""

    name: str
    expected: str
    forms: tuple[_Form, ...]


def _form(pattern: str, build: Callable[[re.Match[str]], Plain]) -> _Form:
    return _Form(re.compile(pattern, re.ASCII), build)


def _change(word: str, pattern: str, build: Callable[[re.Match[str]], Change]) -> _Form:
    return _form(rf"C\s+(?i:{word})\s+{pattern}", lambda m: ChangeConfiguration(build(m)))


def _set_value(match: re.Match[str]) -> Change:
    force = match["force"] is not None
    return SetValue(match["section"], match["tag"], match["value"], force)


def _add_element(match: re.Match[str]) -> Change:
    return AddElement(match["section"], match["tag"], match["value"])


def _remove_element(match: re.Match[str]) -> Change:
    return RemoveElement(match["section"], match["tag"], match["value"])


def _remove_tag(match: re.Match[str]) -> Change:
    return RemoveTag(match["section"], match["tag"])


def _remove_section(match: re.Match[str]) -> Change:
    return RemoveSection(match["section"])


def _delete_sa(match: re.Match[str]) -> DeleteSa:
    octets = bytes.fromhex(match[1].zfill(32))
    message_id = None if match[2] == "-" else int(match[2], 16)
    return DeleteSa(octets[:8], octets[8:], message_id)


_SECTION = r"\[(?P<section>[^\]]+)\]"
_TAG = r":(?P<tag>[^\s=]+)"
_BINDING = r":\s*(?P<tag>[^\s=]+)\s*=\s*(?P<value>\S+)"
# What stands before a value, also in a line whose sign or first letter is wrong.
_BEFORE_A_VALUE: Final = re.compile(
    r".*?(?:=|authentication(?:\s*=)?|\]:\s*[^\s=]++(?=\s))", re.ASCII | re.IGNORECASE
)

_LETTERS: Final = {
    "c": _Letter("connect", "c NAME", (_form(r"c\s+(\S+)", lambda m: Connect(m[1])),)),
    "C": _Letter(
        "config",
        "C set [section]:tag=value [force], C add|rmv [section]:tag=value,"
        " C rm|get [section]:tag or C rms [section]",
        (
            _change("set", rf"{_SECTION}{_BINDING}(?P<force>\s+\S+)?", _set_value),
            _change("add", rf"{_SECTION}{_BINDING}(?:\s+\S+)?", _add_element),
            _change("rmv", rf"{_SECTION}{_BINDING}(?:\s+\S+)?", _remove_element),
            _change("rm", rf"{_SECTION}{_TAG}", _remove_tag),
            _change("rms", _SECTION, _remove_section),
            _form(rf"C\s+(?i:get)\s+{_SECTION}{_TAG}", lambda m: GetValue(m["section"], m["tag"])),
        ),
    ),
    "d": _Letter(
        "delete",
        "d COOKIES MSGID, both in hexadecimal, MSGID - for phase 1",
        (_form(r"d\s+([0-9a-fA-F]{1,32})\s+(-|[0-9a-fA-F]{1,8})", _delete_sa),),
    ),
    "D": _Letter(
        "debug",
        "D CLASS LEVEL, D A LEVEL or D T",
        (
            _form(r"D\s+T", lambda _: ToggleLogLevels()),
            _form(r"D\s+A\s+([+-]?\d+)", lambda m: SetLogLevel("A", int(m[1]))),
            _form(r"D\s+(\d+)\s+([+-]?\d+)", lambda m: SetLogLevel(int(m[1]), int(m[2]))),
        ),
    ),
    "M": _Letter(
        "setmode",
        "M active or M passive",
        # The original compares a prefix.
        (_form(r"M\s+(active|passive)\S*", lambda m: SetMode(m[1] == "active")),),
    ),
    "p": _Letter(
        "packetlog",
        "p on, p on=PATH or p off",
        (
            _form(r"p\s+(?i:on)(?:=(\S+))?", lambda m: StartCapture(m[1])),
            _form(r"p\s+(?i:off)", lambda _: StopCapture()),
        ),
    ),
    "Q": _Letter("shutdown_daemon", "Q", (_form("Q", lambda _: Shutdown()),)),
    "r": _Letter("report", "r", (_form("r", lambda _: Report()),)),
    "R": _Letter("reinit", "R", (_form("R", lambda _: Reinitialize()),)),
    "s": _Letter("status", "s", (_form("s", lambda _: ShowStatus()),)),
    "S": _Letter("report_sa", "S", (_form("S", lambda _: ShowSas()),)),
    "t": _Letter(
        "teardown",
        "t [main|quick] NAME",
        (_form(r"t\s+(?:(main|quick)\s+)?(\S+)", lambda m: Teardown(m[2], 1 + (m[1] != "main"))),),
    ),
    "T": _Letter("teardown_all", "T", (_form("T", lambda _: TeardownAll()),)),
}


_TAGGED: Final = re.compile(r"\?\s+([0-9a-fA-F]{8,32})\s+(\S.*)", re.ASCII)


def parse(line: str) -> Command | BadCommand:
    """Read one line without its newline."""
    command = line.rstrip()
    if not command.startswith("?"):
        return _plain(command)
    match = _TAGGED.fullmatch(command)
    if match is None or match[2].startswith("?"):
        return BadCommand(
            f'ui_answer: command "{_without_value(command)}" malformed,'
            " expected ? TOKEN COMMAND, TOKEN of 8 to 32 hexadecimal digits"
        )
    return Tagged(match[1].lower(), _plain(match[2]))


def _plain(command: str) -> Plain | BadCommand:
    letter = _LETTERS.get(command[:1])
    if letter is None:
        known = " ".join(_LETTERS)
        return BadCommand(
            f"ui_handle_messages: unrecognized command: '{command[:1]}', expected one of {known}"
        )
    for form in letter.forms:
        match = form.pattern.fullmatch(command)
        if match is not None:
            return form.build(match)
    return BadCommand(
        f'ui_{letter.name}: command "{_without_value(command)}" malformed,'
        f" expected {letter.expected}"
    )


def _without_value(command: str) -> str:
    """Keep what may be a passphrase out of the log."""
    before = _BEFORE_A_VALUE.match(command)
    return f"{before[0]}..." if before and before[0] != command else command
