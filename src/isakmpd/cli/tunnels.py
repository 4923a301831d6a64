"""Bring tunnels up and down, and wait until they are."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator

from isakmpd.cli.daemon_status import NEGOTIATING, UP, DaemonStatus, Tunnel, ask_status
from isakmpd.cli.fifo_client import ControlError, FifoClient
from isakmpd.cli.outcomes import done, is_terminal, refusal
from isakmpd.cli.status_lines import span

_POLL = 0.2  # seconds
# A failure told before the command is believed to be of this attempt only after so many seconds.
_STALE = 1.0
_PATIENCE = 3.0


def bring_up(client: FifoClient, given: Namespace) -> int:
    """Begin a connection and wait until it is up, or has failed."""
    before = ask_status(client).connection(_word(given.name))
    name = before.name
    if before.state == UP:
        return done(f"{name} is up already")
    _command(client, f"c {name}")
    if given.no_wait:
        return done(f"isakmpd brings {name} up")
    began = time.monotonic()
    hint = _Hint()
    for status in _watched(client, given.wait):
        tunnel = _of(status, name)
        waited = time.monotonic() - began
        if tunnel.state == UP:
            return done(f"{name} is up after {waited:.1f} s")
        if tunnel.state == NEGOTIATING:
            hint.shown_after(waited, name)
            continue
        if tunnel.failure and (tunnel.failure != before.failure or waited >= _STALE):
            raise ControlError(f"{name} did not come up: {tunnel.failure}{_again(tunnel)}")
        if not status.active:
            raise ControlError(
                f"{name} is not up: isakmpd is passive and leaves it to the peer to begin"
                " (isakmpctl active changes that)"
            )
    raise ControlError(
        f"{name} is {tunnel.state} after {given.wait:g} s, and has not failed yet"
        f"{_heard(status, tunnel)}"
    )


def take_down(client: FifoClient, given: Namespace) -> int:
    """End a connection, or all of them, and wait until there are no SAs."""
    if given.every == (given.name is not None):
        raise ControlError("expected down NAME or down --all")
    if given.every:
        return _take_all_down(client, given)
    before = ask_status(client).connection(_word(given.name))
    name = before.name
    _command(client, f"t {name}")
    if given.no_wait:
        return done(f"isakmpd takes {name} down")
    for status in _watched(client, given.wait):
        tunnel = _of(status, name)
        if not tunnel.sas and tunnel.state not in (UP, NEGOTIATING):
            was = before.sas or before.state in (UP, NEGOTIATING)
            return done(f"{name} is down" if was else f"{name} was down already")
    raise ControlError(f"{name} is still {tunnel.state} after {given.wait:g} s")


def _take_all_down(client: FifoClient, given: Namespace) -> int:
    _command(client, "T")
    if given.no_wait:
        return done("isakmpd takes every tunnel down")
    for status in _watched(client, given.wait):
        if not any(tunnel.sas for tunnel in status.tunnels):
            return done("every tunnel is down")
    left = [tunnel.name or "<unnamed>" for tunnel in status.tunnels if tunnel.sas]
    raise ControlError(f"still up after {given.wait:g} s: {', '.join(left)}")


class _Hint:
    """Tell a person once, not a script, what is waited for."""

    def __init__(self) -> None:
        self._due = is_terminal(sys.stderr)

    def shown_after(self, waited: float, name: str) -> None:
        """Tell, once it has taken a while."""
        if self._due and waited >= _PATIENCE:
            self._due = False
            print(  # noqa: T201
                f"{name} is being negotiated; Ctrl-C ends the waiting alone", file=sys.stderr
            )


def _word(name: str) -> str:
    if " " in name:
        raise ControlError(f'a name with blanks, "{name}", cannot go through the FIFO')
    return name


def _command(client: FifoClient, command: str) -> None:
    answer = client.ask(command)
    if not answer.ok:
        raise refusal(answer)


def _watched(client: FifoClient, seconds: float) -> Iterator[DaemonStatus]:
    deadline = time.monotonic() + seconds
    yield ask_status(client)
    while time.monotonic() < deadline:
        client.pause(_POLL)
        yield ask_status(client)


def _of(status: DaemonStatus, name: str) -> Tunnel:
    """Find the connection again; a reload may have taken it away."""
    return status.connection(name)


def _heard(status: DaemonStatus, tunnel: Tunnel) -> str:
    """Give what the peer has said so far, which nothing proves, as the end of a sentence."""
    own = [one.heard for one in status.exchanges if one.name in (tunnel.name, tunnel.peer)]
    return next((f"; {heard}" for heard in own if heard), "")


def _again(tunnel: Tunnel) -> str:
    if tunnel.next_check_in is None:
        return ""
    return f"; isakmpd tries again in {span(tunnel.next_check_in)}"
