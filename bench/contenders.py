"""The daemons compared, each told in its own way to bring tunnels up and to take them down."""

import re
from pathlib import Path
from typing import Protocol

from bench.tunnels import Suite, Tunnel, isakmpd_configuration, swanctl_configuration
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from lab.strongswan import StrongSwan

# As little as charon can say; ours says more, two lines for each phase.
QUIET_CHARON = """\
filelog {
        log {
            default = 0
            ike = 0
            cfg = 0
            flush_line = no
        }
    }
"""
_COOKIES = re.compile(r"icookie ([0-9a-f]{16}) rcookie ([0-9a-f]{16})")
_LINES_AT_ONCE = 64  # what a FIFO takes in one write


class Contender(Protocol):
    """A daemon that has many tunnels configured."""

    @property
    def pid(self) -> int:
        """Return its process ID."""

    def begin(self) -> None:
        """Tell it to bring every tunnel up; it is not waited for."""

    def end(self) -> None:
        """Tell it to delete the SAs of both phases that `sas` has seen last."""

    def sas(self) -> tuple[int, int]:
        """Count its SAs of phase 1 and of phase 2."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Stop it."""


class Ours:
    """This project's daemon, driven through its FIFO."""

    def __init__(
        self,
        namespace: Namespace,
        folder: Path,
        suite: Suite,
        seen: list[Tunnel],
        options: tuple[str, ...] = ("-K",),
    ) -> None:
        configuration = isakmpd_configuration(suite, seen)
        self._daemon = Isakmpd(namespace, folder, configuration, options)
        self._names = [f"tunnel-{tunnel.number}" for tunnel in seen]
        self._cookies: list[str] = []

    @property
    def pid(self) -> int:
        """Return its process ID."""
        return self._daemon.pid

    def start(self) -> None:
        """Start it."""
        self._daemon.start()

    def stop(self) -> None:
        """Stop it."""
        self._daemon.stop()

    def begin(self) -> None:
        """Tell it to bring every tunnel up."""
        self._say([f"c {name}" for name in self._names])

    def end(self) -> None:
        """Tell it to delete the SAs of both phases."""
        phase_2 = [f"t {name}" for name in self._names]
        self._say([*phase_2, *(f"d {cookies} -" for cookies in self._cookies)])

    def sas(self) -> tuple[int, int]:
        """Count its SAs of phase 1 and of phase 2."""
        shown = self._daemon.show()
        phase_2, phase_1 = shown.count("(Phase 2)"), shown.count("(Phase 1/")
        listing = shown[shown.find("(Phase 1/") :] if phase_1 else ""
        self._cookies = ["".join(found) for found in _COOKIES.findall(listing)]
        return phase_1, phase_2

    def _say(self, lines: list[str]) -> None:
        for first in range(0, len(lines), _LINES_AT_ONCE):
            self._daemon.command("\n".join(lines[first : first + _LINES_AT_ONCE]))


class Charon:
    """StrongSwan's daemon with kernel-libipsec, driven through VICI."""

    def __init__(
        self, namespace: Namespace, folder: Path, suite: Suite, seen: list[Tunnel]
    ) -> None:
        self._daemon = StrongSwan(namespace, folder, QUIET_CHARON)
        self._daemon.configure(swanctl_configuration(suite, seen))
        self._numbers = [tunnel.number for tunnel in seen]

    @property
    def pid(self) -> int:
        """Return its process ID."""
        return self._daemon.pid

    def start(self) -> None:
        """Start it."""
        self._daemon.start()

    def stop(self) -> None:
        """Stop it."""
        self._daemon.stop()

    def begin(self) -> None:
        """Tell it to bring every tunnel up."""
        self._daemon.order("initiate", [{"child": f"tunnel-{n}"} for n in self._numbers])

    def end(self) -> None:
        """Tell it to delete every IKE SA, and with it its child."""
        self._daemon.order("terminate", [{"ike": f"peer-{n}"} for n in self._numbers])

    def sas(self) -> tuple[int, int]:
        """Count its SAs of phase 1 and of phase 2."""
        sas = [sa for sa in self._daemon.list_sas() if sa["state"] == "ESTABLISHED"]
        return len(sas), len(self._daemon.children())
