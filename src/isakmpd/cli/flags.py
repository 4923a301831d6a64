"""Declare the command line of ``isakmpd``, and read it as getopt(3) does."""

from __future__ import annotations

import re
import socket
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import wrap
from typing import Final

from isakmpd.config.services import well_known_port
from isakmpd.daemon.fifo import STANDARD_INPUT
from isakmpd.daemon.options import DEFAULT_CONFIGURATION, Options
from isakmpd.daemon.run_files import DEFAULT_RUN_DIRECTORY

Apply = Callable[[Options, str], Options]

# As strtol(3) reads with base 0: hexadecimal, octal or decimal.
_NUMBER = re.compile(
    r"\s*[+]?(?:0[xX]([0-9a-fA-F]{1,8})|(0[0-7]{0,11})|([1-9][0-9]{0,9}))", re.ASCII
)
_BOTH_FAMILIES: Final = (4, 6)
_WIDTH: Final = 80
_HELP_COLUMN: Final = 24


class UsageError(Exception):
    """Say in a sentence what is wrong with the command line."""


@dataclass(frozen=True, slots=True)
class Flag:
    """Declare one flag, of one letter or long; ``argument`` names what follows it, if anything.

    ``apply`` works the argument into the options and raises UsageError for one that is none; it is
    None where the flag asks for something else than a daemon.
    """

    name: str
    help: str
    argument: str | None = None
    apply: Apply | None = field(default=None, repr=False)

    @property
    def written(self) -> str:
        """Give the flag as it is typed."""
        return f"-{self.name}" if len(self.name) == 1 else f"--{self.name}"


def _switch(**changes: object) -> Apply:
    return lambda options, _: replace(options, **changes)  # type: ignore[arg-type]


def _file(option: str, *, dash: bool = False, **changes: object) -> Apply:
    def apply(options: Options, text: str) -> Options:
        path = STANDARD_INPUT if dash and text == str(STANDARD_INPUT) else _absolute(text)
        return replace(options, **{option: path}, **changes)  # type: ignore[arg-type]

    return apply


def _absolute(text: str) -> Path:
    """Make a path last: a daemon's directory is /."""
    if not text or "\0" in text:
        raise UsageError(f"{text!r} is no path, expected the name of a file or directory")
    try:
        return Path(text).absolute()
    except OSError as problem:
        raise UsageError(
            f"{text!r} is relative to a directory that is gone, expected a path from /"
        ) from problem


def _port(option: str) -> Apply:
    def apply(options: Options, text: str) -> Options:
        number = _port_number(text)
        if number is None or not 0 < number < 65536:
            raise UsageError(f"{text!r} is no port, expected 1 to 65535 or the name of a service")
        return replace(options, **{option: number})  # type: ignore[arg-type]

    return apply


def _port_number(text: str) -> int | None:
    """Read a number, else the name of a service."""
    if number := _NUMBER.fullmatch(text):
        hexadecimal, octal, decimal = number.groups()
        return int(hexadecimal or octal or decimal, 16 if hexadecimal else 8 if octal else 10)
    try:
        return socket.getservbyname(text, "udp")
    except (OSError, ValueError):
        return well_known_port(text)


def _family(version: int) -> Apply:
    def apply(options: Options, _: str) -> Options:
        return replace(options, families=tuple(sorted({*options.families, version})))

    return apply


def _log_level(options: Options, text: str) -> Options:
    return replace(options, log_levels=(*options.log_levels, text))


def _seed(options: Options, text: str) -> Options:
    return replace(options, seed=text)


FLAGS: Final[tuple[Flag, ...]] = (
    Flag("4", "use IPv4; without -4 and -6, or with both, both are used", None, _family(4)),
    Flag("6", "use IPv6", None, _family(6)),
    Flag("a", "install SAs alone: flows are set up by others", None, _switch(acquire_only=True)),
    Flag("d", "stay in the foreground and log to standard error", None, _switch(foreground=True)),
    Flag("K", "do without the policy check", None, _switch(policy=False)),
    Flag("L", "capture IKE messages in clear", None, _switch(capture=True)),
    Flag("n", "negotiate, but carry nothing", None, _switch(kernel_takes_part=False)),
    Flag(
        "S", "stand by: begin nothing, and send no Deletes at the end", None, _switch(standby=True)
    ),
    Flag("T", "do without NAT traversal", None, _switch(nat_traversal=False)),
    Flag("v", "log what was negotiated", None, _switch(verbose=True)),
    Flag(
        "c",
        f"read this file instead of {DEFAULT_CONFIGURATION}",
        "config-file",
        _file("configuration_file"),
    ),
    Flag(
        "D",
        "log a debug class (0 to 10, A for all) up to a level (0 to 99)",
        "class=level",
        _log_level,
    ),
    Flag("f", "listen for commands here; - is standard input", "fifo", _file("fifo", dash=True)),
    Flag("i", "write the process ID here", "pid-file", _file("pid_file")),
    Flag(
        "l",
        "capture IKE messages in clear to this file",
        "packetlog-file",
        _file("capture_file", capture=True),
    ),
    Flag("N", "UDP port for peers behind NATs (4500)", "udpencap-port", _port("nat_t_port")),
    Flag("P", "accepted for old scripts, does nothing", "local-port", _port("local_port")),
    Flag("p", "UDP port of IKE (500)", "listen-port", _port("port")),
    Flag("R", "write the report here", "report-file", _file("report_file")),
    Flag("r", "make every key predictable, for tests; needs -d", "seed", _seed),
    Flag(
        "run-dir",
        f"keep all files of {DEFAULT_RUN_DIRECTORY} here",
        "directory",
        _file("run_directory"),
    ),
    Flag("check", "look for faults in what a daemon would read, and start nothing"),
    Flag("help", "show this"),
    Flag("version", "show the version"),
)
_BY_NAME: Final = {flag.name: flag for flag in FLAGS}


def read_command_line(words: Sequence[str]) -> tuple[Options, frozenset[str]]:
    """Give the options, and the names of the flags that ask for something else than a daemon.

    Raises UsageError for an unknown flag, a leftover word, an argument that is missing or wrong,
    and for flags that do not go together.
    """
    options = Options(families=())
    asked: set[str] = set()
    for flag, argument in _flags_of(words):
        if flag.apply is None:
            asked.add(flag.name)
            continue
        try:
            options = flag.apply(options, argument)
        except UsageError as mistake:
            raise UsageError(f"{flag.written}: {mistake}") from mistake
    options = replace(options, families=options.families or _BOTH_FAMILIES)
    _judge(options)
    return options, frozenset(asked)


def _judge(options: Options) -> None:
    if options.seed is not None and not options.foreground:
        raise UsageError("-r makes every key predictable and is for tests only: it needs -d")
    if options.nat_traversal and options.port == options.nat_t_port:
        raise UsageError(
            f"-p and -N need two ports, expected another than {options.port} for one of them"
        )


def _flags_of(words: Sequence[str]) -> Iterator[tuple[Flag, str]]:
    """Split words into flags with their arguments: bundled, glued or apart, as getopt(3) does."""
    waiting = deque(words)
    while waiting:
        word = waiting.popleft()
        if word == "--" and not waiting:
            return
        if word.startswith("--") and len(word) > 2:
            name, equals, glued = word[2:].partition("=")
            yield _with_argument(_flag(name, f"--{name}"), glued, bool(equals), waiting)
        elif word.startswith("-") and word not in ("-", "--"):
            yield from _bundled(word[1:], waiting)
        else:
            left = waiting.popleft() if word == "--" else word
            raise UsageError(f"{left!r} is left over, expected flags alone")


def _bundled(letters: str, waiting: deque[str]) -> Iterator[tuple[Flag, str]]:
    while letters:
        flag, letters = _flag(letters[0], f"-{letters[0]}"), letters[1:]
        if flag.argument is None:
            yield flag, ""
            continue
        yield _with_argument(flag, letters, bool(letters), waiting)
        return


def _flag(name: str, seen: str) -> Flag:
    flag = _BY_NAME.get(name)
    if flag is None or flag.written != seen:
        raise UsageError(f"there is no flag {seen!r}")
    return flag


def _with_argument(flag: Flag, glued: str, is_glued: bool, waiting: deque[str]) -> tuple[Flag, str]:
    if flag.argument is None:
        if is_glued:
            raise UsageError(f"{flag.written} takes no argument, but got {glued!r}")
        return flag, ""
    if is_glued:
        return flag, glued
    if not waiting:
        raise UsageError(f"{flag.written} needs its argument, {flag.argument}")
    return flag, waiting.popleft()


def usage() -> str:
    """Give the usage, as it is shown to whoever mistakes it."""
    daemons = [flag for flag in FLAGS if flag.apply is not None]
    switches = "".join(flag.name for flag in daemons if flag.argument is None)
    parts = [f"[-{switches}]"]
    parts += [f"[{flag.written} {flag.argument}]" for flag in daemons if flag.argument is not None]
    begin = "usage: isakmpd "
    # A flag and its argument stay on one line.
    shown = wrap(
        " ".join(part.replace(" ", "\0") for part in parts),
        _WIDTH,
        initial_indent=begin,
        subsequent_indent=" " * len(begin),
        break_long_words=False,
        break_on_hyphens=False,
    )
    shown += [f"{'isakmpd':>14} --check [flag ...]", f"{'isakmpd':>14} --help | --version"]
    return "".join(line.replace("\0", " ") + "\n" for line in shown)


def help_text() -> str:
    """Give the usage and a line for each flag."""
    lines = [usage()]
    for flag in FLAGS:
        typed = f"{flag.written} {flag.argument}" if flag.argument else flag.written
        lines.append(f"  {typed:<{_HELP_COLUMN}} {flag.help}\n")
    return "".join(lines)
