"""Watch over the process that is the daemon: pass signals on, report, clean up after its end.

The monitor has the process ID everybody knows. It reads nothing from the network, knows no keys
and imports little, so that it outlives whatever strikes the daemon's process.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Final

from isakmpd.daemon.log_sinks import Severity
from isakmpd.daemon.notices import Notice, NoticeReceiver, NoticeSender
from isakmpd.daemon.run_directory import RunDirectory
from isakmpd.daemon.run_files import RunFileError
from isakmpd.daemon.service_manager import ServiceManager

PASSED_ON: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1})
ENDING: Final = frozenset({signal.SIGTERM, signal.SIGINT})
# A service manager whose watchdog heard nothing sends it; a process that hangs needs no more.
DESPAIRING: Final = frozenset({signal.SIGABRT})
TIME_TO_END: Final = 10.0  # seconds an orderly end may take
# Seconds within which a second request to end is the first one, come by another way: a terminal
# and timeout(1) signal both processes and all their group.
SAME_REQUEST: Final = 1.0

Work = Callable[[NoticeSender], int]  # the daemon's process; returns its exit status
Say = Callable[[Severity, str], None]


def monitored(
    work: Work,
    place: RunDirectory,
    manager: ServiceManager,
    say: Say,
    ready: Callable[[], None],
) -> int:
    """Do the work in a process of its own and return the exit status, in both processes.

    ``work`` begins with the signals of ``PASSED_ON`` blocked, and unblocks them once it can take
    them. ``ready`` is called in the monitor when the work has begun.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    with _signals_heard() as heard:
        process_id = os.fork()
        if process_id:
            theirs.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
            monitor = Monitor(process_id, NoticeReceiver(ours), heard, place, manager, say, ready)
            status = monitor.watch()
            # All is given back: a late signal shall not turn this into a failure.
            signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
            return status
    ours.close()
    return work(NoticeSender(theirs))


@contextlib.contextmanager
def _signals_heard() -> Iterator[int]:
    """Give a descriptor on which the number of each signal comes as one octet."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    numbers = (*PASSED_ON, *DESPAIRING, signal.SIGCHLD)
    handlers = {number: signal.signal(number, _nothing_more) for number in numbers}
    try:
        yield reader
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)


def _nothing_more(_number: int, _frame: object) -> None:
    """Stand in for a handler: without one, a signal's number is not written."""


class Monitor:
    """Stand between one daemon's process and the world."""

    def __init__(
        self,
        process_id: int,
        notices: NoticeReceiver,
        signals: int,
        place: RunDirectory,
        manager: ServiceManager,
        say: Say,
        ready: Callable[[], None],
    ) -> None:
        self._process_id = process_id
        self._notices = notices
        self._signals = signals
        self._place = place
        self._manager = manager
        self._say = say
        self._ready = ready
        self._begun = False
        self._failed = False
        self._stopping = False
        self._asked_to_end: float | None = None
        self._kill_at: float | None = None
        self._poller = select.poll()
        self._poller.register(signals, select.POLLIN)
        self._poller.register(notices, select.POLLIN)

    def watch(self) -> int:
        """Serve until the process has ended, and clean up; the exit status is its own, 128 and
        the number of the signal that ended it, or 1 where the pid file could not be written.
        """
        while (status := self._ended()) is None:
            self._poller.poll(self._patience())
            self._hear_process()
            self._hear_signals()
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill(f"has not ended {TIME_TO_END:g} s after it was to")
        self._hear_process()
        self._tell_end(status)
        self._place.leave()
        if self._failed:
            return 1
        return status if status >= 0 else 128 - status

    def _ended(self) -> int | None:
        """Give the status of the process, negative the signal that ended it; None if it lives."""
        ended, status = os.waitpid(self._process_id, os.WNOHANG)
        return os.waitstatus_to_exitcode(status) if ended else None

    def _patience(self) -> float | None:
        if self._kill_at is None:
            return None
        return max(0.0, self._kill_at - time.monotonic()) * 1000 + 1  # in milliseconds

    # What the process says

    def _hear_process(self) -> None:
        if not self._notices.open:
            return
        for notice, text in self._notices.receive():
            self._take(notice, text)
        if not self._notices.open:
            self._poller.unregister(self._notices)

    def _take(self, notice: Notice, text: str) -> None:
        match notice:
            case Notice.READY:
                if not self._begun:
                    self._begin()
                if not self._failed:
                    self._manager.ready(os.getpid(), text)
            case Notice.RELOADING:
                self._manager.reloading()
            case Notice.STOPPING:
                self._stopping = True
                self._shall_end()
                self._manager.stopping(text)
            case Notice.ALIVE:
                self._manager.alive(text)

    def _begin(self) -> None:
        self._begun = True
        try:
            self._place.begun()
        except RunFileError as problem:
            self._failed = True
            self._say(Severity.FATAL, f"isakmpd: {problem}")
            self._pass_on(signal.SIGTERM)
        else:
            self._ready()

    # What the world says

    def _hear_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for octet in os.read(self._signals, 4096):
                number = signal.Signals(octet)
                if number in PASSED_ON:
                    self._pass_on(number)
                elif number in DESPAIRING:
                    self._kill(f"shows no life: {number.name} received")

    def _pass_on(self, number: signal.Signals) -> None:
        if number in ENDING:
            now = time.monotonic()
            if self._asked_to_end is not None and now - self._asked_to_end > SAME_REQUEST:
                self._kill(f"is asked to end for the second time, by {number.name},")
                return
            self._asked_to_end = self._asked_to_end or now
            self._shall_end()
        self._signal(number)

    def _shall_end(self) -> None:
        if self._kill_at is None:
            self._kill_at = time.monotonic() + TIME_TO_END

    def _kill(self, why: str) -> None:
        self._say(Severity.ERROR, f"isakmpd: process {self._process_id} {why} and is killed")
        self._kill_at = None
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        # It is not waited for yet, so this process ID is nobody else's.
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process_id, number)

    # The end

    def _tell_end(self, status: int) -> None:
        """Log an end that the process could not log itself."""
        if status >= 0 and self._stopping:
            return
        how = f"ended with status {status}"
        if status < 0:
            how = f"was ended by signal {-status} ({_name_of(-status)})"
        told = f"isakmpd: process {self._process_id} {how}"
        if self._place.rules_stay:
            told += "; its routing rules refuse what its tunnels carried until the next start"
        self._say(Severity.FATAL, told)
        self._manager.stopping(told)


def _name_of(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "real-time"
