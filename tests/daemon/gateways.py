"""Two gateways of a lab with a statically keyed data plane on each."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from lab.gateways import EAST_NET, EAST_WAN, WEST_NET, WEST_WAN, TwoGateways
from lab.namespace import Namespace

PROGRAM = Path(__file__).with_name("static_gateway.py")


class StaticGateway:
    """A process with a data plane in a namespace."""

    def __init__(
        self,
        namespace: Namespace,
        run_directory: Path,
        flows: list[dict[str, Any]],
        ports: tuple[int, int] = (500, 4500),
        guards: Sequence[dict[str, Any]] = (),
        assigned: Sequence[str] = (),
    ) -> None:
        run_directory.mkdir(exist_ok=True)
        wanted = {
            "run_directory": str(run_directory),
            "flows": flows,
            "ports": ports,
            "guards": guards,
            "assigned": assigned,
        }
        self._process = subprocess.Popen(
            [*namespace.prefix(), sys.executable, str(PROGRAM), json.dumps(wanted)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.notes: list[str] = []
        self.device = self._until_ready()

    def _until_ready(self) -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("ready "):
                return line.split()[1]
            self.notes.append(line.strip())
        self._finish()
        raise AssertionError(f"the gateway did not start: {self.notes}")

    def status(self, install: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ask what was carried, dropped and reported, after installing a flow."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(install) if install else "", file=self._process.stdin, flush=True)
        found = json.loads(self._process.stdout.readline())
        assert isinstance(found, dict)
        return found

    def carried(self) -> dict[str, Any]:
        """Tell what was carried and dropped, but for the router's own IPv6 multicast."""
        found = self.status()
        found["drops"].pop("no flow", None)
        del found["reports"]
        return found

    def cpu_seconds(self) -> float:
        """Tell how much processor time it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.send_signal(signal.SIGKILL)
        self._finish()

    def stop(self) -> None:
        """End it cleanly."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._finish()

    def _finish(self) -> None:
        self._process.wait(timeout=10)
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
            with contextlib.suppress(BrokenPipeError):
                stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.stop()


def flow(
    local: str = WEST_NET, remote: str = EAST_NET, algorithm: str = "gcm128", **more: Any
) -> dict[str, Any]:
    """Describe a flow as west sees it."""
    return {
        "here": WEST_WAN,
        "there": EAST_WAN,
        "local": local,
        "remote": remote,
        "algorithm": algorithm,
        **more,
    }


def mirrored(one: dict[str, Any]) -> dict[str, Any]:
    """Describe the same flow as the other end sees it."""
    turned = dict(one)
    for this, that in (("here", "there"), ("local", "remote"), ("local_port", "remote_port")):
        turned[this], turned[that] = one.get(that, 0), one.get(this, 0)
    turned["mirrored"] = not one.get("mirrored", False)
    return turned


@contextlib.contextmanager
def tunnel(
    lab: TwoGateways, *flows: dict[str, Any]
) -> Iterator[tuple[StaticGateway, StaticGateway]]:
    """Run a data plane on either gateway with these flows between them."""
    west_flows = list(flows)
    with (
        StaticGateway(lab.west, lab.folder / "west", west_flows) as west,
        StaticGateway(lab.east, lab.folder / "east", [mirrored(one) for one in west_flows]) as east,
    ):
        yield west, east
