"""Remember what is due when, on a clock somebody else reads."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_FEWEST_SWEPT = 64


@dataclass(slots=True, eq=False)
class Timer:
    """Be one armed timer; ``cancel`` disarms it."""

    due: float
    event: str
    action: Callable[[], None] | None = field(repr=False)

    def cancel(self) -> None:
        """Disarm; cancelling twice or after the fact does nothing."""
        self.action = None

    @property
    def armed(self) -> bool:
        """Tell whether the action is still to come."""
        return self.action is not None


class Timers:
    """Hold timers in the order they fall due; equal times fire in the order they were armed.

    ``armed`` and ``fired`` are told of each timer.
    """

    def __init__(self, *, armed: Callable[[Timer], None], fired: Callable[[Timer], None]) -> None:
        self._armed = armed
        self._fired = fired
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._sweep_at = _FEWEST_SWEPT

    def arm(self, due: float, event: str, action: Callable[[], None]) -> Timer:
        """Arm ``action`` for the moment ``due``, in seconds."""
        self._serial += 1
        timer = Timer(due, event, action)
        heapq.heappush(self._heap, (due, self._serial, timer))
        if len(self._heap) >= self._sweep_at:
            self._sweep()
        self._armed(timer)
        return timer

    def _sweep(self) -> None:
        """Let disarmed timers go; each sweep waits until the heap has doubled."""
        self._heap = [entry for entry in self._heap if entry[2].armed]
        heapq.heapify(self._heap)
        self._sweep_at = max(2 * len(self._heap), _FEWEST_SWEPT)

    def deadline(self) -> float | None:
        """Tell when the next timer falls due, None when none is armed."""
        heap = self._heap
        while heap and not heap[0][2].armed:
            heapq.heappop(heap)
        return heap[0][0] if heap else None

    def fire(self, now: float) -> None:
        """Run every action due by ``now``, also those that such actions arm."""
        while (due := self.deadline()) is not None and due <= now:
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                self._fired(timer)
                action()

    def __iter__(self) -> Iterator[Timer]:
        return iter([timer for _, _, timer in sorted(self._heap) if timer.armed])


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
