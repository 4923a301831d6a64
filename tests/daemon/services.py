"""A service inside the test's own process, on a loop of its own."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.log import DaemonLog
from isakmpd.daemon.log_sinks import Severity
from isakmpd.daemon.options import Options
from isakmpd.daemon.service import Service
from isakmpd.privsep.requests import Privileged


def _free_ports() -> tuple[int, int]:
    """Find two UDP ports nobody uses now: both ends of a pair must have the same."""
    with contextlib.ExitStack() as stack:
        opened = [
            stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2)
        ]
        for one in opened:
            one.bind(("", 0))
        first, second = (one.getsockname()[1] for one in opened)
    return first, second


PORT, NAT_T_PORT = _free_ports()


@dataclass
class Lines:
    """Collect log lines as a sink does."""

    texts: list[str] = field(default_factory=list)

    def write(self, severity: Severity, label: str, text: str) -> None:  # noqa: ARG002
        """Take one line."""
        self.texts.append(text)


@dataclass(frozen=True, slots=True)
class InTest:
    """A running service, its loop and what it logged."""

    service: Service
    loop: asyncio.AbstractEventLoop
    log: list[str]

    def until(self, ask: Callable[[], object], seconds: float = 10) -> None:
        """Let the daemon run until something is true."""
        deadline = monotonic() + seconds
        while not ask():
            assert monotonic() < deadline, "\n".join(self.log)
            self.loop.run_until_complete(asyncio.sleep(0.01))

    def command(self, line: str) -> None:
        """Write a line into the FIFO and let it be carried out."""
        with self.service.paths.fifo.open("wb", buffering=0) as fifo:
            fifo.write(f"{line}\n".encode())
        self.loop.run_until_complete(asyncio.sleep(0.01))

    def up(self, *connections: str) -> bool:
        """Tell whether connections have their SAs."""
        pairs = self.service.engine.snapshot(self.service.now()).ipsec_sas
        return {pair.name for pair in pairs} >= set(connections)


@contextlib.contextmanager
def in_test(
    folder: Path,
    text: str,
    privileged: Privileged | None = None,
    **options: object,
) -> Iterator[InTest]:
    """Start a service on high ports, carrying nothing, and close it at the end."""
    folder.mkdir(exist_ok=True)
    file = folder / "isakmpd.conf"
    file.touch(0o600)
    file.write_text(text)
    usual: dict[str, object] = {
        "run_directory": folder,
        "configuration_file": file,
        "port": PORT,
        "nat_t_port": NAT_T_PORT,
        "kernel_takes_part": False,
        "policy": False,
        "verbose": True,
    }
    lines = Lines()
    loop = asyncio.new_event_loop()
    service = Service(Options(**(usual | options)), loop, DaemonLog(lines, LogLevels(), True))  # type: ignore[arg-type]
    loop.set_exception_handler(service.failed)
    try:
        service.start(privileged)
        try:
            yield InTest(service, loop, lines.texts)
        finally:
            service.close()
    finally:
        loop.close()
