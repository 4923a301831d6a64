"""How much CPU a process has used, and whether it still has something to do."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.deadline import TooLateError

POLL = 0.02  # seconds
REST = 0.3  # seconds without work, after which a process is taken to have finished
NEXT_TO_NOTHING = 0.0005  # seconds of CPU


def cpu_seconds(process: int) -> float:
    """Return the user and system time of a process, its threads and its living descendants."""
    return sum(map(_own, _with_descendants(process)))


def wait_quiet(processes: Sequence[int], seconds: float = 30) -> float:
    """Wait until processes use no more CPU, and return when the last of them did.

    Nothing is asked of the processes: asking would cost them what is being measured.
    """
    used = [cpu_seconds(process) for process in processes]
    begun = last = time.monotonic()
    while (now := time.monotonic()) - last < REST:
        if now - begun > seconds:
            raise TooLateError(f"processes {list(processes)} are still busy after {seconds:g} s")
        time.sleep(POLL)
        latest = [cpu_seconds(process) for process in processes]
        if any(new - old > NEXT_TO_NOTHING for new, old in zip(latest, used, strict=True)):
            used, last = latest, time.monotonic()
    return last


def _own(process: int) -> float:
    # The kernel's CPU clock of any process, in nanoseconds (clock_getcpuclockid(3)): /proc/PID/stat
    # counts in hundredths of a second, which is several handshakes.
    return time.clock_gettime(~process << 3 | 2)


def _with_descendants(process: int) -> Iterable[int]:
    yield process
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in children.read_text().split():
            yield from _with_descendants(int(child))
