"""Tell the service manager how the daemon fares, in the protocol of sd_notify(3)."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import MutableMapping
from typing import Final, Self

PATIENCE: Final = 1.0  # seconds a full socket may hold the monitor up
MICROSECONDS: Final = 1_000_000


class ServiceManager:
    """Be the only process that holds NOTIFY_SOCKET; without one nothing is said."""

    def __init__(self, address: str = "", watchdog: float | None = None) -> None:
        """Name the socket, ``@`` for an abstract one, and the seconds until silence is death."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self.watchdog = watchdog if address else None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str], process_id: int) -> Self:
        """Take what the environment says out of it: no other process shall speak for this one.

        A watchdog set for another process than ``process_id`` is none.
        """
        address = environment.pop("NOTIFY_SOCKET", "")
        microseconds = environment.pop("WATCHDOG_USEC", "")
        meant = environment.pop("WATCHDOG_PID", "")
        watched = _is_count(microseconds) and meant in ("", str(process_id))
        return cls(address, int(microseconds) / MICROSECONDS if watched else None)

    @property
    def beat_interval(self) -> float | None:
        """Tell how often, in seconds, the daemon shall show life: two beats in half of the time."""
        return self.watchdog / 4 if self.watchdog is not None else None

    def ready(self, process_id: int, status: str) -> None:
        """Tell that the daemon does its work, and under which process ID it takes signals."""
        self._tell("READY=1", f"MAINPID={process_id}", f"STATUS={status}")

    def reloading(self) -> None:
        """Tell that the configuration is read anew, until the next ``ready``."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell("RELOADING=1", f"MONOTONIC_USEC={now}", "STATUS=reading the configuration anew")

    def stopping(self, status: str) -> None:
        """Tell that the daemon is about to end."""
        self._tell("STOPPING=1", f"STATUS={status}")

    def alive(self, status: str) -> None:
        """Tell that the daemon shows life, unless that had to wait: there will be more."""
        self._tell("WATCHDOG=1", *([f"STATUS={status}"] if status else []), patience=0)

    def _tell(self, *assignments: str, patience: float = PATIENCE) -> None:
        if not self._address:
            return
        with (
            contextlib.suppress(OSError, ValueError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaking,
        ):
            speaking.settimeout(patience)
            speaking.sendto("\n".join(assignments).encode(), self._address)


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0
