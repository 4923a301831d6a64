"""Log what strangers bring about, a line for each message, without filling the disk."""

from __future__ import annotations

from isakmpd.ike.context import Context
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import NotifyType

WINDOW = 10.0  # seconds
LINES_OF_ADDRESS = 5  # in a window
LINES = 50  # in a window, from all addresses


class DropLog:
    """Count lines by sender in windows of time."""

    def __init__(self, context: Context, subject: str = "strangers' messages") -> None:
        self._context = context
        self._subject = subject
        self._window_ends = 0.0
        self._lines: dict[Address, int] = {}
        self._suppressed = 0

    def dropped(self, transport: Transport, reason: str, notify: NotifyType | None) -> bool:
        """Log one drop; False when this window has seen enough and it is only counted."""
        kind = f" due to notification type {notify}" if notify is not None else ""
        return self.log(
            transport,
            f"dropped message from {transport.remote} port {transport.remote_port}{kind}: {reason}",
        )

    def log(self, transport: Transport, line: str) -> bool:
        """Log a line that somebody unproven brings about; False when it is only counted."""
        admitted = self._admits(transport)
        if admitted:
            self._context.log(line)
        return admitted

    def failed(self, transport: Transport, line: str) -> bool:
        """Log likewise why a peer's attempt fails, which it probably repeats: see ``Failures``."""
        admitted = self._admits(transport)
        if admitted:
            self._context.failures.tell(str(transport.remote), line)
        return admitted

    def _admits(self, transport: Transport) -> bool:
        """Count a line, and tell whether it may be logged."""
        if self._context.now >= self._window_ends:
            self._turn_window()
        count = self._lines.get(transport.remote, 0)
        if count >= LINES_OF_ADDRESS or sum(self._lines.values()) >= LINES:
            self._suppressed += 1
            return False
        self._lines[transport.remote] = count + 1
        return True

    def _turn_window(self) -> None:
        if self._suppressed:
            self._context.log(f"{self._suppressed} more lines about {self._subject} were left out")
        self._window_ends = self._context.now + WINDOW
        self._lines.clear()
        self._suppressed = 0
