"""One host of a lab: a network namespace that takes its processes with it when it goes."""

import contextlib
import itertools
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

MOUNTS = Path("/run/netns")
PREFIX = "isakmpd-lab"
HAS_IPV6 = Path("/proc/sys/net/ipv6").exists()
_counter = itertools.count(1)


class CommandError(AssertionError):
    """A command in a namespace ended with a status other than zero."""


class Namespace:
    """A network namespace with `lo` up, deleted at exit together with every process inside."""

    def __init__(self, label: str) -> None:
        """Choose a name no other run uses: it holds the process ID and a counter."""
        self.label = label
        self.name = f"{PREFIX}-{os.getpid()}-{next(_counter)}-{label}"
        self.mount = MOUNTS / self.name
        self._children: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        """Create the namespace; if a step fails, what exists by then is deleted."""
        try:
            _plainly("ip", "netns", "add", self.name)
            self.ip("link", "set", "lo", "up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Kill what runs inside and delete the namespace."""
        self.close()

    def close(self) -> None:
        """Kill what runs inside and delete the namespace; a second call does nothing."""
        self.kill_all()
        for child in self._children:
            child.wait()
        self._children.clear()
        if self.mount.exists():
            _plainly("ip", "netns", "delete", self.name)

    def prefix(self) -> list[str]:
        """Return the words that make a command run in here.

        Not `ip netns exec` or `ip -n`: they mount a new /sys, which a container may refuse.
        """
        return ["nsenter", f"--net={self.mount}", "--"]

    def run(
        self,
        *command: str | Path,
        check: bool = True,
        timeout: float = 30,
        stdin: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end and return it; a failure raises CommandError with its output."""
        done = subprocess.run(
            [*self.prefix(), *map(str, command)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(environment or {})},
        )
        if check and done.returncode != 0:
            words = " ".join(map(str, command))
            output = (done.stderr + done.stdout).strip()
            raise CommandError(f"{self.label}: {words}: status {done.returncode}: {output}")
        return done

    def spawn(
        self,
        *command: str | Path,
        output: Path,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[bytes]:
        """Start a command whose output goes to a file, out of reach of the terminal's Ctrl-C."""
        with output.open("ab") as log:
            child = subprocess.Popen(
                [*self.prefix(), *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        self._children.append(child)
        return child

    def ip(self, *words: str) -> str:
        """Run ip(8) on this namespace and return what it prints."""
        return self.run("ip", *words).stdout

    def address(self, cidr: str, device: str = "lo") -> None:
        """Add an address, by default to `lo`: a LAN without hosts, written with /32."""
        self.ip("address", "add", cidr, "dev", device, *(["nodad"] if ":" in cidr else []))

    def route(self, destination: str, via: str) -> None:
        """Route a destination by way of a neighbour."""
        self.ip("route", "add", destination, "via", via)

    def sysctl(self, name: str, value: str | int) -> None:
        """Set a kernel parameter under net, such as `ipv4.ip_forward`."""
        self.run("sh", "-c", f"echo {value} > /proc/sys/net/{name.replace('.', '/')}")

    def forward(self) -> None:
        """Make a router of this host: forwarding on, reverse path filters off."""
        self.sysctl("ipv4.ip_forward", 1)
        if HAS_IPV6:
            self.sysctl("ipv6.conf.all.forwarding", 1)
        for scope in ("all", "default"):
            self.sysctl(f"ipv4.conf.{scope}.rp_filter", 0)

    def silence_ipv6(self, device: str) -> None:
        """Take IPv6 away from a device, which would otherwise speak it unasked."""
        if HAS_IPV6:
            self.sysctl(f"ipv6.conf.{device}.disable_ipv6", 1)

    def processes(self) -> list[int]:
        """List the processes inside."""
        if not self.mount.exists():
            return []
        return [int(word) for word in _plainly("ip", "netns", "pids", self.name).split()]

    def kill_all(self) -> None:
        """Kill every process inside, at once and without mercy."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)


def sweep() -> list[str]:
    """Delete the namespaces that killed runs left behind, and name them."""
    return [name for name in _abandoned() if _delete(name)]


def _abandoned() -> Iterator[str]:
    for mount in MOUNTS.glob(f"{PREFIX}-*"):
        match = re.match(rf"{PREFIX}-(\d+)-", mount.name)
        if match and not Path("/proc", match[1]).exists():
            yield mount.name


def _delete(name: str) -> bool:
    for process in _plainly("ip", "netns", "pids", name).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(process), signal.SIGKILL)
    return subprocess.run(["ip", "netns", "delete", name], check=False).returncode == 0


def _plainly(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CommandError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout
