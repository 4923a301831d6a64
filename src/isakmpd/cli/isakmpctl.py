"""Be ``isakmpctl``: read the command line, command the daemon, and say what came of it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from isakmpd.cli.control_commands import COMMANDS, GLOBAL_OPTIONS, Argument, Subcommand
from isakmpd.cli.fifo_client import ControlError, FifoClient

_NOT_DONE = 1
_INTERRUPTED = 130  # as a shell tells of SIGINT
_CLOSED_PIPE = 141  # as a shell tells of SIGPIPE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, 1 with a sentence, 2 for a mistyped command line.

    ``status`` gives 3 for a connection that is to be up and is not.
    """
    try:
        try:
            return _run(arguments)
        finally:
            print(end="", flush=True)  # noqa: T201  what cannot be written is known here
    except ControlError as problem:
        return _say(f"isakmpctl: {problem}")
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        _drop_output()
        return _CLOSED_PIPE
    except OSError as problem:
        _drop_output()
        return _say(f"isakmpctl: {problem.strerror or problem}")


def _run(arguments: Sequence[str] | None) -> int:
    given = _parser().parse_args(arguments)
    command: Subcommand = given.command
    return command.run(FifoClient(given.run_dir, given.fifo, given.timeout), given)


def _drop_output() -> None:
    """Keep Python from writing once more, when it ends, what could not be written."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(sentence: str) -> int:
    print(sentence, file=sys.stderr)  # noqa: T201
    return _NOT_DONE


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="isakmpctl",
        description="command a running isakmpd and see how it is",
        allow_abbrev=False,
    )
    _add(parser, GLOBAL_OPTIONS)
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and end")
    chosen = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        one = chosen.add_parser(
            command.name, help=command.help, description=command.help, allow_abbrev=False
        )
        _add(one, command.arguments)
        one.set_defaults(command=command)
    return parser


def _add(parser: argparse.ArgumentParser, arguments: Sequence[Argument]) -> None:
    for one in arguments:
        parser.add_argument(*one.words, help=one.help, **one.how)


class _Parser(argparse.ArgumentParser):
    """Suggest the nearest of several words for one that is none of them."""

    def error(self, message: str) -> NoReturn:
        """Say what cannot be understood, and end."""
        super().error(f"{message}{_suggestion(message)}")


def _suggestion(message: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  a word well spelled needs none

    complaint = re.search(r"invalid choice: '(.*)' \(choose from (.*)\)", message)
    if complaint is None:
        return ""
    near = get_close_matches(complaint[1], re.findall(r"[\w-]+", complaint[2]), 1)
    return f"; did you mean {near[0]}?" if near else ""


class _Version(argparse.Action):
    """Look the version up only when it is asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version  # noqa: PLC0415  it takes longer than a command

        print(f"isakmpctl {version('isakmpd')}")  # noqa: T201
        parser.exit()


if __name__ == "__main__":
    sys.exit(main())
