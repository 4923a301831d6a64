"""Bring connections up, keep them up, and try again when it did not work."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from isakmpd.config.model import Connection
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import fraction
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.timers import Timer

FIRST_RETRY = 5.0  # seconds after the first failure; doubled up to Check-interval


class ConnectionOwner(Protocol):
    """Negotiate for connections; the engine does."""

    def is_up(self, name: str) -> bool:
        """Tell whether the connection has SAs."""

    def is_negotiating(self, name: str) -> bool:
        """Tell whether an exchange for the connection, or its peer's phase 1, is under way."""

    def negotiate(self, connection: Connection) -> None:
        """Begin quick mode, after phase 1 if need be."""


@dataclass(slots=True)
class _Watched:
    """Hold what is known of one connection."""

    kept_up: bool
    failures: int = 0
    last_failure: str = ""
    not_before: float = 0.0  # when packets may have it begun again
    timer: Timer | None = None


class Connections:
    """Supervise the connections that are to be up, always or when packets want them."""

    def __init__(self, context: Context, owner: ConnectionOwner) -> None:
        self._context = context
        self._owner = owner
        self._watched: dict[str, _Watched] = {}

    def watches(self, name: str) -> bool:
        """Tell whether the connection is to be up whatever happens."""
        watched = self._watched.get(name)
        return watched is not None and watched.kept_up

    def cares_for(self, name: str) -> bool:
        """Tell whether the connection is to be up, whatever happens or on demand."""
        return name in self._watched

    def on_demand(self, name: str) -> bool:
        """Tell whether the connection is to be up while there are packets for it."""
        watched = self._watched.get(name)
        return watched is not None and not watched.kept_up

    def watched(self, name: str) -> tuple[float | None, str]:
        """Tell when the connection is checked next and why it failed last."""
        watched = self._watched.get(name)
        if watched is None:
            return None, ""
        due = watched.timer.due if watched.timer and watched.timer.armed else None
        return due, watched.last_failure

    def configure(self, left_down: Collection[str] = ()) -> None:
        """Watch what the configuration lists, but for ``left_down``; forget what it knows not."""
        connections = self._context.configuration.connections
        for name in [name for name in self._watched if name not in connections]:
            self.forget(name)
        for name, connection in connections.items():
            if name in left_down:
                continue
            if connection.always_up:
                self.watch(name)
            elif connection.on_demand:
                self._watched.setdefault(name, _Watched(kept_up=False))

    def watch(self, name: str) -> None:
        """Bring a connection up now and keep it up."""
        if not self.watches(name):
            self._watched[name] = _Watched(kept_up=True)
            self._arm(name, 0.0)

    def forget(self, name: str) -> None:
        """Stop caring for a connection."""
        watched = self._watched.pop(name, None)
        if watched is not None and watched.timer is not None:
            watched.timer.cancel()

    def acquire(self, name: str) -> None:
        """Begin a connection that a packet wants, unless it failed a little while ago."""
        connection = self._context.configuration.connections.get(name)
        watched = self._watched.get(name)
        if connection is None or watched is None or watched.kept_up or not self._context.active:
            return
        if self._context.now < watched.not_before:
            self._context.debug(
                LogClass.NEGOTIATION,
                10,
                f"{name}: a packet wants the connection, which failed a moment ago: "
                f"{watched.last_failure}",
            )
        elif not self._owner.is_up(name) and not self._owner.is_negotiating(name):
            self._context.verbose(f"{name}: a packet wants the connection")
            self._owner.negotiate(connection)

    def rest(self) -> None:
        """Check nothing until ``resume``; what is to be up stays known."""
        for watched in self._watched.values():
            if watched.timer is not None:
                watched.timer.cancel()

    def resume(self) -> None:
        """Look after every connection at once."""
        for name in self._watched:
            self.try_soon(name)

    def check_soon(self, name: str) -> None:
        """Look after a connection at once, because something happened to it."""
        if self.watches(name):
            self._arm(name, 0.0)

    def try_soon(self, name: str) -> None:
        """Wait no longer after a failure whose reason is gone; packets may begin it again, too."""
        if (watched := self._watched.get(name)) is not None:
            watched.not_before = 0.0
        self.check_soon(name)

    def established(self, name: str) -> None:
        """Note a success."""
        watched = self._watched.get(name)
        if watched is not None:
            watched.failures = 0
            watched.last_failure = ""
            watched.not_before = 0.0
            if watched.kept_up:
                self._arm(name, self._context.general.check_interval)

    def failed(self, name: str, reason: str) -> None:
        """Note a failure; try again, or let packets try again, a little later each time."""
        watched = self._watched.get(name)
        if watched is None:
            return
        watched.failures += 1
        watched.last_failure = reason
        wait = FIRST_RETRY * 2 ** min(watched.failures - 1, 16)
        jitter = 0.75 + fraction(self._context.entropy) / 2
        wait = min(wait, self._context.general.check_interval) * jitter
        watched.not_before = self._context.now + wait
        if watched.kept_up:
            self._arm(name, wait)

    def _arm(self, name: str, wait: float) -> None:
        watched = self._watched[name]
        if watched.timer is not None:
            watched.timer.cancel()
        if not self._context.active:
            return
        watched.timer = self._context.timers.arm(
            self._context.now + wait, f"connection {name} is checked", lambda: self._check(name)
        )

    def _check(self, name: str) -> None:
        self._arm(name, self._context.general.check_interval)
        connection = self._context.configuration.connections.get(name)
        if connection is None or self._owner.is_up(name) or self._owner.is_negotiating(name):
            return
        self._owner.negotiate(connection)
