"""How long isakmpd takes from its command line until it is ready, all connections configured.

Ready is what it tells the service manager: the configuration is in force, it listens, and guards
stand where the stack carries packets. Python's byte code lies there, as an installation leaves it.
Each connection has a peer and a guard of its own and is to be up.
"""

import contextlib
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.clock import cpu_seconds
from bench.figures import table, told
from bench.handshakes import SUITES
from bench.tunnels import give_addresses, isakmpd_configuration, tunnels
from lab.gateways import TwoGateways, two_gateways
from lab.isakmpd import PROGRAM

STACKS = {"none": ("-n",), "userspace": ()}
READY_IN = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Samples:
    """Seconds, one of each a round: until it was ready, of CPU by then, until it had ended."""

    ready: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    end: list[float] = field(default_factory=list)


def measure(connections: int, rounds: int, say: Callable[[str], None]) -> dict[str, Samples]:
    """Start it with each stack by turns; a first start of each, which is not counted, warms up."""
    with two_gateways(hosts=False) as lab, _service_manager(lab.folder) as manager:
        every = tunnels(connections)
        give_addresses(lab, every)
        configuration = lab.folder / "isakmpd.conf"
        configuration.touch(0o600)
        text = isakmpd_configuration(SUITES[0], every)
        configuration.write_text(text.replace("Passive-connections=", "Connections="))
        measured = {stack: Samples() for stack in STACKS}
        for number in range(rounds + 1):
            for stack, options in STACKS.items():
                samples = Samples() if number == 0 else measured[stack]
                _round(lab, manager, ("-c", str(configuration), *options), samples)
            say(f"start-up: round {number} of {rounds} done")
        return measured


def report(measured: dict[str, Samples], connections: int) -> str:
    """Write what was measured and the table."""
    heads = ("stack", "ready after", "CPU until then", "ended after")
    rows = [(stack, *map(told, (one.ready, one.cpu, one.end))) for stack, one in measured.items()]
    title = f"Start-up with {connections} connections: seconds, median (least-most) of the rounds"
    return "\n\n".join((str(__doc__).strip(), title, table(heads, rows)))


@contextlib.contextmanager
def _service_manager(folder: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        manager.settimeout(READY_IN)
        yield manager


def _round(
    lab: TwoGateways, manager: socket.socket, options: tuple[str, ...], samples: Samples
) -> None:
    run_directory = lab.folder / "run"
    run_directory.mkdir(mode=0o700)
    environment = {
        "NOTIFY_SOCKET": str(manager.getsockname()),
        "PYTHONDONTWRITEBYTECODE": "",
        "PYTHONPYCACHEPREFIX": str(lab.folder / "byte-code"),
    }
    words = (str(PROGRAM), "-d", "-K", *options, "--run-dir", str(run_directory))
    began = time.monotonic()
    process = lab.west.spawn(*words, output=lab.folder / "log", environment=environment)
    _wait_for(manager, b"READY=1")
    samples.ready.append(time.monotonic() - began)
    samples.cpu.append(cpu_seconds(process.pid))
    ending = time.monotonic()
    process.send_signal(signal.SIGTERM)
    if process.wait(READY_IN) != 0:
        raise ValueError(f"isakmpd ended with status {process.returncode}")
    samples.end.append(time.monotonic() - ending)
    _wait_for(manager, b"STOPPING=1")
    shutil.rmtree(run_directory)


def _wait_for(manager: socket.socket, assignment: bytes) -> None:
    while not manager.recv(4096).startswith(assignment):
        pass
