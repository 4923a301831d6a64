"""Let ``C`` commands take effect together: a connection is made of a dozen of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from isakmpd.daemon.configuration import LiveConfiguration

REST = 0.3  # seconds without a further command before the changes come into force
PATIENCE = 5.0  # seconds an unfinished change may take before its faults are told


class PendingChanges:
    """Wait for a change to be complete; ``take`` puts the configuration into force."""

    def __init__(
        self,
        configuration: LiveConfiguration,
        loop: asyncio.AbstractEventLoop,
        take: Callable[[], None],
    ) -> None:
        self._configuration = configuration
        self._loop = loop
        self._take = take
        self._pending = False
        self._timer: asyncio.TimerHandle | None = None

    def more(self) -> None:
        """Note a change, which may not be the last."""
        self._pending = True
        self._arm(REST, self.settle)

    def settle(self) -> None:
        """Take the changes so far into force if they are complete."""
        if not self._pending:
            return
        self._pending = False
        if self._configuration.settle():
            self._arm(None)
            self._take()
        else:
            self._arm(PATIENCE, self._configuration.tell_held)

    def forget(self) -> None:
        """Wait for nothing any more: the configuration has been read anew."""
        self._pending = False
        self._arm(None)

    def _arm(self, wait: float | None, act: Callable[[], None] | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if wait is not None and act is not None:
            self._timer = self._loop.call_later(wait, act)
