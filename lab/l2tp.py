"""L2TP as vendor boxes speak it over IPsec: xl2tpd as server or client in a namespace."""

import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from lab import ppp_over_terminal
from lab.deadline import until
from lab.namespace import CommandError, Namespace

PROGRAM = Path("/usr/sbin/xl2tpd")
PPPD = Path("/usr/sbin/pppd")
PORT = 1701
SERVER = """\
[global]
listen-addr = {address}
[lns default]
ip range = 10.9.0.10-10.9.0.20
local ip = 10.9.0.1
require authentication = no
assign ip = no
"""
CLIENT = """\
[global]
listen-addr = {address}
[lac server]
lns = {server}
require authentication = no
autodial = yes
redial = yes
redial timeout = 2
"""


class Xl2tpd:
    """An xl2tpd whose sessions end in ``lab/ppp_over_terminal.py``; ``name`` is what it says."""

    def __init__(self, namespace: Namespace, folder: Path, address: str, server: str = "") -> None:
        """Serve on an address, or call a server from it."""
        self.namespace = namespace
        self.name = namespace.label
        self.folder = folder / f"xl2tpd-{namespace.label}"
        self.log_file = self.folder / "log"
        self.heard_file = self.folder / "heard"
        self.address = address
        template = CLIENT if server else SERVER
        self._configuration = template.format(address=address, server=server)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it and wait until it listens: a port nobody has is complained about in clear."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "xl2tpd.conf").write_text(self._configuration)
        (self.folder / "secrets").touch(mode=0o600)
        pppd = self.folder / "pppd"
        pppd.write_text(f"#!/bin/sh\nexec {sys.executable} {ppp_over_terminal.__file__}\n")
        pppd.chmod(0o755)
        files = f"-c {self.folder}/xl2tpd.conf -s {self.folder}/secrets -p {self.folder}/pid"
        self._process = self.namespace.spawn(
            *("unshare", "-m", "sh", "-c"),
            f"mount --bind {pppd} {PPPD} && mount -t tmpfs none /run && mkdir /run/xl2tpd"
            f" && exec {PROGRAM} -D {files} -C {self.folder}/control",
            output=self.log_file,
            environment={"PPP_NAME": self.name, "PPP_LOG": str(self.heard_file)},
        )
        until(self._listens, 10, f"xl2tpd {self.name} to listen")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it; after a failed block its log is shown."""
        if isinstance(error, Exception):
            print(f"--- log of xl2tpd {self.name}\n{self.log()}", file=sys.stderr)
        process, self._process = self._process, None
        if process is not None:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def heard(self) -> set[str]:
        """Name who has answered over a session, as `X answers Y`."""
        if not self.heard_file.exists():
            return set()
        return set(self.heard_file.read_text().splitlines())

    def forget_heard(self) -> None:
        """Forget who has answered so far, so that `heard` tells of what follows."""
        if self.heard_file.exists():
            os.truncate(self.heard_file, 0)

    def wait_heard(self, *answers: str, seconds: float = 30) -> None:
        """Wait until all these answers have come; raises CommandError when xl2tpd ends."""

        def all_heard() -> bool:
            self._demand_life()
            return self.heard() >= set(answers)

        until(all_heard, seconds, f"{answers} at xl2tpd {self.name}, which has {self.heard()}")

    def log(self) -> str:
        """Return the log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def _demand_life(self) -> None:
        if self._process is None or self._process.poll() is not None:
            raise CommandError(f"xl2tpd {self.name} ended: {self.log()[-1000:]}")

    def _listens(self) -> bool:
        self._demand_life()
        return f"{self.address}:{PORT} " in self.namespace.run("ss", "-Huln").stdout
