"""Be the process that is the daemon: run the service on an event loop until it is told to stop."""

from __future__ import annotations

import asyncio
import gc
import signal
from collections.abc import Callable

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.engine_loop import internal_error
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.log_sinks import Sink
from isakmpd.daemon.monitor import PASSED_ON
from isakmpd.daemon.notices import Notice, NoticeSender
from isakmpd.daemon.options import Options
from isakmpd.daemon.run_directory import RunDirectory
from isakmpd.daemon.service import Service, StartError


class Serving:
    """Run one service and tell its monitor how it fares."""

    def __init__(
        self,
        options: Options,
        sink: Sink,
        notices: NoticeSender,
        *,
        place: RunDirectory,
        beat_interval: float | None,
    ) -> None:
        """Name what the monitor has taken for it, and the seconds between two signs of life."""
        self.log = DaemonLog(sink, LogLevels(), options.verbose)
        self._notices = notices
        self._place = place
        self._beat_interval = beat_interval
        self._orphaned = False
        self._loop = asyncio.new_event_loop()
        self._service = Service(options, self._loop, self.log, notices)

    def run(self, ready: Callable[[], None]) -> int:
        """Serve; the exit status is 0, or 1 for a start that failed or a fault of ours.

        ``ready`` is called before the monitor hears that the service has begun.
        """
        try:
            self._serve(ready)
        except StartError as problem:
            self.log.fatal(f"isakmpd: {problem}")
        except Exception as fault:
            self.log.fatal(internal_error(fault))
        else:
            self.log("isakmpd: exit")
            return 0
        finally:
            self._loop.close()
            if self._orphaned:
                self._place.leave()
        self._notices(Notice.STOPPING, "it could not go on; its log says why")
        return 1

    def _serve(self, ready: Callable[[], None]) -> None:
        # Nearly all that a start makes stays: looking through it again and again finds nothing.
        gc.disable()
        self._loop.set_exception_handler(self._service.failed)
        self._service.start()
        try:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
            self._loop.add_reader(self._notices.fileno(), self._monitor_gone)
            # After what the service itself does first: guards stand when the start has succeeded.
            self._loop.call_soon(self._begun, ready)
            self._loop.run_forever()
        finally:
            # A second request to end shall not turn this one into a failure.
            signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
            self._service.close()

    def _begun(self, ready: Callable[[], None]) -> None:
        gc.freeze()
        gc.enable()
        ready()
        self._notices(Notice.READY, self._service.status())
        self._beat()

    def _beat(self) -> None:
        if self._beat_interval is None:
            return
        if self._service.running.alive:
            self._notices(Notice.ALIVE, self._service.status())
        self._loop.call_later(self._beat_interval, self._beat)

    def _monitor_gone(self) -> None:
        """End in good order: nobody would clean up after this process, or tell that it hangs."""
        self._loop.remove_reader(self._notices.fileno())
        self._orphaned = True
        self.log.error("isakmpd: the monitor process is gone")
        self._service.shut_down()
