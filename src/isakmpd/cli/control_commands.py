"""List what isakmpctl can be told: its command line, help and completion follow from this."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from isakmpd.cli import configuration_changes, daemon_control, tunnels
from isakmpd.cli.fifo_client import FifoClient

_CONNECTION: Final = "connection"
_FILE: Final = "file"
_DIRECTORY: Final = "directory"


@dataclass(frozen=True, slots=True)
class Argument:
    """Describe an option, by its words, or a positional argument, by its one name.

    ``completes`` names a connection, a file or a directory, or lists the words there are; ``how``
    is for argparse.
    """

    words: tuple[str, ...]
    help: str
    completes: str | tuple[str, ...] = ()
    how: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_option(self) -> bool:
        """Tell an option from a positional argument."""
        return self.words[0].startswith("-")

    @property
    def takes_value(self) -> bool:
        """Tell whether a word of its own follows an option."""
        return "action" not in self.how


@dataclass(frozen=True, slots=True)
class Subcommand:
    """Describe one command and what it does; ``run`` gives the exit status."""

    name: str
    help: str
    run: Callable[[FifoClient, Namespace], int]
    arguments: tuple[Argument, ...] = ()


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is no time, expected seconds up to 86400")
    return seconds


def _flag(word: str, text: str) -> Argument:
    return Argument((word,), text, how={"action": "store_true"})


GLOBAL_OPTIONS: Final = (
    Argument(
        ("--run-dir",),
        "the daemon's run directory (/var/run)",
        _DIRECTORY,
        {"metavar": "DIR", "type": Path, "default": Path("/var/run")},
    ),
    Argument(
        ("--fifo",),
        "its FIFO, where -f names another than isakmpd.fifo in the run directory",
        _FILE,
        {"metavar": "FILE", "type": Path},
    ),
    Argument(
        ("--timeout",),
        "how long the daemon may take to answer (10)",
        how={"metavar": "S", "type": _seconds, "default": 10.0},
    ),
)
_NAME = Argument(("name",), "a connection", _CONNECTION, {"metavar": "NAME"})
_NAME_OR_ALL = Argument(("name",), "one connection", _CONNECTION, {"metavar": "NAME", "nargs": "?"})
_NO_WAIT = _flag("--no-wait", "return at once")
_SECTION = Argument(("section",), "a section, without its brackets", how={"metavar": "SECTION"})
_TAG = Argument(("tag",), "a tag", how={"metavar": "TAG"})
_VALUE = Argument(("value",), "a value without blanks", how={"metavar": "VALUE"})


def _wait(default: int) -> Argument:
    return Argument(
        ("--wait",),
        f"how long to wait for it ({default})",
        how={"metavar": "S", "type": _seconds, "default": float(default)},
    )


def _optional(argument: Argument) -> Argument:
    return Argument(
        argument.words, argument.help, argument.completes, {**argument.how, "nargs": "?"}
    )


def _down_arguments() -> tuple[Argument, ...]:
    every = Argument(("--all",), "every tunnel", how={"action": "store_true", "dest": "every"})
    return _NAME_OR_ALL, every, _NO_WAIT, _wait(30)


COMMANDS: Final = (
    Subcommand(
        "status",
        "show the tunnels, or all of one",
        daemon_control.status,
        (
            _NAME_OR_ALL,
            _flag("--brief", "one line a tunnel, for scripts"),
            _flag("--json", "what the daemon tells, as JSON"),
        ),
    ),
    Subcommand("watch", "show the tunnels live", daemon_control.watch),
    Subcommand("up", "bring a connection up", tunnels.bring_up, (_NAME, _NO_WAIT, _wait(120))),
    Subcommand("down", "take a connection down", tunnels.take_down, _down_arguments()),
    Subcommand("reload", "read the configuration again", daemon_control.reload),
    Subcommand("get", "print what a tag says", configuration_changes.get_value, (_SECTION, _TAG)),
    Subcommand(
        "set",
        "set a tag of the running configuration",
        configuration_changes.set_value,
        (
            _SECTION,
            _TAG,
            Argument(
                ("value",),
                "a value without blanks; - reads it from standard input",
                how={"metavar": "VALUE"},
            ),
            _flag("--force", "also where the tag is set already"),
        ),
    ),
    Subcommand(
        "add",
        "append to a list of the running configuration",
        configuration_changes.add_element,
        (_SECTION, _TAG, _VALUE),
    ),
    Subcommand(
        "rm",
        "remove a section, a tag, or an element of its list",
        configuration_changes.remove,
        (_SECTION, _optional(_TAG), _optional(_VALUE)),
    ),
    Subcommand(
        "log",
        "set the debug level of a class; show the levels",
        daemon_control.log,
        (
            Argument(
                ("log_class",),
                "a class by name or number, all, or toggle",
                (*daemon_control.LOG_CLASSES, "all", "toggle"),
                {"metavar": "CLASS", "nargs": "?"},
            ),
            Argument(("level",), "0 to 99", how={"metavar": "LEVEL", "nargs": "?"}),
        ),
    ),
    Subcommand(
        "capture",
        "record the negotiations in clear, for tcpdump; show whether",
        daemon_control.capture,
        (
            Argument(("switch",), "on or off", ("on", "off"), {"metavar": "on|off", "nargs": "?"}),
            Argument(("path",), "the file", _FILE, {"metavar": "PATH", "nargs": "?"}),
        ),
    ),
    Subcommand("report", "write the daemon's report file", daemon_control.report),
    Subcommand("active", "let isakmpd begin negotiations", daemon_control.active),
    Subcommand("passive", "let isakmpd only answer", daemon_control.passive),
    Subcommand("stop", "end the daemon", daemon_control.stop, (_NO_WAIT, _wait(30))),
    Subcommand(
        "completion",
        "print the completion for a shell",
        daemon_control.completion,
        (Argument(("shell",), "bash or zsh", ("bash", "zsh"), {"choices": ("bash", "zsh")}),),
    ),
)
