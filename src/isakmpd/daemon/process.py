"""Run the daemon as a process: in the foreground, or detached once it has really started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.fifo import STANDARD_INPUT
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.options import Options
from isakmpd.daemon.service import Service, StartError
from isakmpd.daemon.sinks import DescriptorSink, SyslogSink, TwoSinks


def run(options: Options) -> int:
    """Run until told to stop; the exit status is 0, or 1 when starting failed."""
    _fill_standard_descriptors()
    if options.foreground:
        log = DaemonLog(DescriptorSink(), LogLevels(), options.verbose)
        return _serve(options, log, lambda: None)
    return _detach(options)


def _serve(options: Options, log: DaemonLog, ready: Callable[[], None]) -> int:
    loop = asyncio.new_event_loop()
    service = Service(options, loop, log)
    loop.set_exception_handler(service.failed)
    try:
        service.start()
    except StartError as problem:
        log.fatal(f"isakmpd: {problem}")
        loop.close()
        return 1
    try:
        ready()
        loop.run_forever()
    finally:
        service.close()
        loop.close()
        # All is given back: a second signal shall not turn this into a failure.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, signal.SIG_IGN)
        log("isakmpd: exit")
    return 0


def _detach(options: Options) -> int:
    """Fork; the parent stays until the child has started, so that its status tells the truth."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        started = os.read(reader, 1)
        return 0 if started else 1
    os.close(reader)
    os.setsid()
    syslog = SyslogSink()
    log = DaemonLog(TwoSinks(DescriptorSink(), syslog), LogLevels(), options.verbose)

    def ready() -> None:
        log.sink = syslog
        _let_go_of_terminal(keep_input=options.fifo == STANDARD_INPUT)
        os.write(writer, b"1")
        os.close(writer)

    return _serve(options, log, ready)


def _fill_standard_descriptors() -> None:
    """Open what is closed of 0, 1 and 2, lest a socket takes its number and gets the log."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _let_go_of_terminal(*, keep_input: bool) -> None:
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2)[keep_input:]:
        os.dup2(null, descriptor)
    os.close(null)
