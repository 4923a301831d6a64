"""A place to start a daemon from as an administrator does, and what he is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path

from lab.deadline import until
from lab.isakmpd import PROGRAM, alive
from lab.namespace import Namespace
from tests.daemon.loopback import configuration


class Start:
    """A place to start a daemon from, with a configuration that is good."""

    def __init__(self, host: Namespace, folder: Path) -> None:
        self.host = host
        self.run_directory = folder / "run"
        self.run_directory.mkdir(mode=0o700)
        self.file = folder / "isakmpd.conf"
        self.configure(configuration("west", ()))

    def configure(self, text: str, mode: int = 0o600) -> None:
        """Write the configuration file."""
        self.file.write_text(text)
        self.file.chmod(mode)

    def words(self, *more: str | Path) -> tuple[str | Path, ...]:
        """Give the command."""
        return (PROGRAM, "-c", self.file, "--run-dir", self.run_directory, *more)

    def run(self, *more: str | Path, before: tuple[str, ...] = (), stdin: str = "") -> Ended:
        """Run the daemon until it ends or has detached."""
        return self.host.run(*before, *self.words(*more), check=False, stdin=stdin)

    def left(self) -> list[str]:
        """Name the files in the run directory."""
        return sorted(path.name for path in self.run_directory.iterdir())

    def end(self) -> None:
        """End the daemon that has detached, and wait until it has."""
        pid = int((self.run_directory / "isakmpd.pid").read_text())
        os.kill(pid, signal.SIGTERM)
        until(lambda: not alive(pid), 10, "the daemon to end")


Ended = subprocess.CompletedProcess[str]


def sentence(ended: Ended) -> str:
    """Give the last line on standard error, without its time."""
    assert ended.returncode == 1, ended
    return re.sub(r"^\d{6}\.\d{6} Default ", "", ended.stderr.splitlines()[-1])
