"""Run the daemon as a process: in the foreground, or detached once it has really started."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.log import DaemonLog, DescriptorSink, SyslogSink
from isakmpd.daemon.options import Options
from isakmpd.daemon.service import Service, StartError


def run(options: Options) -> int:
    """Run until told to stop; the exit status is 0, or 1 when starting failed."""
    if options.foreground:
        log = DaemonLog(DescriptorSink(), LogLevels(), options.verbose)
        return _serve(options, log, lambda: None)
    return _detach(options)


def _serve(options: Options, log: DaemonLog, ready: Callable[[], None]) -> int:
    levels = log.levels
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    service = Service(options, loop, log)
    loop.set_exception_handler(service.failed)
    try:
        service.start(levels)
    except StartError as problem:
        log.fatal(f"isakmpd: {problem}")
        return 1
    ready()
    try:
        loop.run_forever()
    finally:
        service.close()
        loop.close()
    return service.status


def _detach(options: Options) -> int:
    """Fork; the parent stays until the child has started, so that its status tells the truth."""
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        started = os.read(reader, 1)
        return 0 if started else 1
    os.close(reader)
    os.setsid()
    levels = LogLevels()

    def ready() -> None:
        log.sink = SyslogSink()
        _let_go_of_terminal()
        os.write(writer, b"1")
        os.close(writer)

    # Until then problems go where the administrator looks: to the terminal.
    log = DaemonLog(DescriptorSink(), levels, options.verbose)
    status = _serve(options, log, ready)
    sys.stderr.flush()
    os._exit(status)


def _let_go_of_terminal() -> None:
    os.chdir("/")
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.close(null)
