"""Command the daemon as a whole, and show how it is."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Final

from isakmpd.cli.daemon_status import UP, DaemonStatus, ask_status
from isakmpd.cli.fifo_client import ControlError, FifoClient
from isakmpd.cli.outcomes import carry_out, done, is_terminal
from isakmpd.cli.status_lines import brief, details, failures, summary, table

NOT_UP: Final = 3  # as systemctl says of a unit that is not active
LOG_CLASSES: Final = (
    *("misc", "transport", "message", "crypto", "timer", "sysdep", "sa", "exchange"),
    *("negotiation", "policy", "ui"),
)
HIGHEST_LEVEL: Final = 99
_POLL: Final = 0.05  # seconds


def status(client: FifoClient, given: Namespace) -> int:
    """Show the tunnels, or one; the exit status tells whether what is to be up is."""
    found = ask_status(client)
    if given.name is not None:
        return _status_of_one(found, given)
    if given.json:
        done(found.text.rstrip("\n"))
    elif given.brief:
        done(*map(brief, found.tunnels))
    else:
        _show(found)
    return NOT_UP if any(tunnel.is_missed for tunnel in found.connections) else 0


def _status_of_one(found: DaemonStatus, given: Namespace) -> int:
    tunnel = found.connection(given.name)
    if given.json:
        # What the daemon tells, which may be more than is read here.
        told = json.loads(found.text)["connections"]
        done(json.dumps(told[found.connections.index(tunnel)], indent=2))
    elif given.brief:
        done(brief(tunnel))
    else:
        done(*details(tunnel, found.peers))
    return 0 if tunnel.state == UP else NOT_UP


def _show(found: DaemonStatus) -> None:
    if is_terminal(sys.stdout):
        from rich.console import Console  # noqa: PLC0415  it is slow to import

        from isakmpd.cli.status_table import status_view  # noqa: PLC0415

        console = Console()
        console.print(status_view(found, console.width), highlight=False)
        return
    done(summary(found))
    if found.tunnels:
        done("", *table(found.tunnels))
    for line in failures(found.tunnels):
        done("", line)


def watch(client: FifoClient, _given: Namespace) -> int:
    """Show the tunnels live."""
    from isakmpd.cli import watch as live  # noqa: PLC0415  rich is slow to import

    return live.watch(client)


def reload(client: FifoClient, _given: Namespace) -> int:
    """Read the configuration again; an unusable one changes nothing and is an error."""
    return carry_out(client, "R")


def log(client: FifoClient, given: Namespace) -> int:
    """Set the debug level of one class or of all, toggle them, or show them."""
    if given.log_class is None:
        levels = ask_status(client).log_levels
        return done(*(f"{name} {levels[str(n)]}" for n, name in enumerate(LOG_CLASSES)))
    if given.log_class == "toggle":
        if given.level is not None:
            raise ControlError("log toggle takes no level")
        return carry_out(client, "D T")
    which, level = _log_class(given.log_class), _level(given.level)
    return carry_out(client, f"D {which} {level}")


def _log_class(word: str) -> str:
    if word.lower() in ("all", "a"):
        return "A"
    if word.lower() in LOG_CLASSES:
        return str(LOG_CLASSES.index(word.lower()))
    if word.isdecimal() and word.isascii() and int(word) < len(LOG_CLASSES):
        return str(int(word))
    raise ControlError(
        f'"{word}" is no debug class, expected {", ".join(LOG_CLASSES)}, all, or 0 to'
        f" {len(LOG_CLASSES) - 1}"
    )


def _level(word: str | None) -> int:
    if word is None or not (word.isdecimal() and word.isascii()) or int(word) > HIGHEST_LEVEL:
        seen = "no level" if word is None else f'"{word}" as level'
        raise ControlError(f"{seen}, expected 0 to {HIGHEST_LEVEL}")
    return int(word)


def capture(client: FifoClient, given: Namespace) -> int:
    """Begin or end recording, or show where it goes."""
    if given.switch is None:
        path = ask_status(client).capture
        return done(f"negotiations are recorded in {path}" if path else "nothing is recorded")
    if given.switch == "off" and given.path is None:
        return carry_out(client, "p off")
    if given.switch != "on":
        raise ControlError("expected capture on, capture on PATH or capture off")
    if given.path is None:
        return carry_out(client, "p on")
    # The daemon's working directory is another than ours.
    path = str(Path(given.path).absolute())
    if " " in path:
        raise ControlError(f'a path with blanks, "{path}", cannot go through the FIFO')
    return carry_out(client, f"p on={path}")


def report(client: FifoClient, _given: Namespace) -> int:
    """Write the report file and say where it is."""
    return carry_out(client, "r")


def active(client: FifoClient, _given: Namespace) -> int:
    """Begin negotiations of our own again."""
    return carry_out(client, "M active", "isakmpd is active")


def passive(client: FifoClient, _given: Namespace) -> int:
    """Leave it to peers to begin."""
    return carry_out(client, "M passive", "isakmpd is passive")


def stop(client: FifoClient, given: Namespace) -> int:
    """End the daemon and wait until it has left."""
    client.tell("Q")
    if given.no_wait:
        return done("isakmpd ends")
    deadline = time.monotonic() + given.wait
    while client.is_read():
        if time.monotonic() >= deadline:
            raise ControlError(f"isakmpd has not ended after {given.wait:g} s")
        client.pause(_POLL)
    return done("isakmpd has ended")


def completion(_client: FifoClient, given: Namespace) -> int:
    """Print the completion script of a shell."""
    from isakmpd.cli.completion import script  # noqa: PLC0415  shells read the installed file

    return done(script(given.shell).rstrip("\n"))
