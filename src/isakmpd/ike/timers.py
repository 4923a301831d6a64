"""Remember what is due when, on a clock somebody else reads."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field


@dataclass(order=True, slots=True)
class Timer:
    """Be one armed timer; ``cancel`` disarms it."""

    due: float
    serial: int
    event: str = field(compare=False)
    action: Callable[[], None] | None = field(compare=False, repr=False)

    def cancel(self) -> None:
        """Disarm; cancelling twice or after the fact does nothing."""
        self.action = None

    @property
    def armed(self) -> bool:
        """Tell whether the action is still to come."""
        return self.action is not None


class Timers:
    """Hold timers in the order they fall due; equal times fire in the order they were armed."""

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._serial = 0

    def arm(self, due: float, event: str, action: Callable[[], None]) -> Timer:
        """Arm ``action`` for the moment ``due``, in seconds."""
        self._serial += 1
        timer = Timer(due, self._serial, event, action)
        heapq.heappush(self._heap, timer)
        if len(self._heap) > 64 and self._serial % 64 == 0:
            self._sweep()
        return timer

    def _sweep(self) -> None:
        live = [timer for timer in self._heap if timer.armed]
        if len(live) * 2 < len(self._heap):
            heapq.heapify(live)
            self._heap = live

    def deadline(self) -> float | None:
        """Tell when the next timer falls due, None when none is armed."""
        while self._heap and not self._heap[0].armed:
            heapq.heappop(self._heap)
        return self._heap[0].due if self._heap else None

    def fire(self, now: float) -> None:
        """Run every action due by ``now``, also those that such actions arm."""
        while (due := self.deadline()) is not None and due <= now:
            timer = heapq.heappop(self._heap)
            action, timer.action = timer.action, None
            if action is not None:
                action()

    def __iter__(self) -> Iterator[Timer]:
        return iter(sorted(timer for timer in self._heap if timer.armed))


class OwnTimers:
    """Hold the timers of one SA, one for each event, so that none outlives it."""

    def __init__(self) -> None:
        self._armed: dict[str, Timer] = {}

    def arm(self, timers: Timers, due: float, event: str, action: Callable[[], None]) -> None:
        """Arm a timer in place of one for the same event."""
        self.cancel(event)
        self._armed[event] = timers.arm(due, event, action)

    def cancel(self, event: str) -> None:
        """Disarm the timer of an event, if there is one."""
        timer = self._armed.pop(event, None)
        if timer is not None:
            timer.cancel()

    def cancel_all(self) -> None:
        """Disarm every timer."""
        for event in list(self._armed):
            self.cancel(event)
