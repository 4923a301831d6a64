"""The daemon of this project, run in a namespace and driven as an administrator would."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.deadline import TooLateError, until
from lab.namespace import CommandError, Namespace

PROGRAM = Path(sys.executable).parent / "isakmpd"


def children_of(process: int) -> list[int]:
    """List the children of a process."""
    found = Path(f"/proc/{process}/task").glob("*/children")
    return [int(child) for children in found for child in children.read_text().split()]


def alive(process: int) -> bool:
    """Tell whether a process runs; a zombie, which waits to be counted, does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Isakmpd:
    """An isakmpd process with a run directory of its own."""

    def __init__(
        self,
        namespace: Namespace,
        folder: Path,
        configuration: str,
        options: tuple[str, ...] = ("-K",),
    ) -> None:
        """Write isakmpd.conf and name the options beyond `-d -v -c FILE --run-dir DIR`."""
        self.namespace = namespace
        self.folder = folder / f"isakmpd-{namespace.label}"
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.configuration_file = self.folder / "isakmpd.conf"
        self.log_file = self.folder / "log"
        self.fifo = self.folder / "isakmpd.fifo"
        self.pid_file = self.folder / "isakmpd.pid"
        self.result_file = self.folder / "isakmpd.result"
        self.options = options
        self._process: subprocess.Popen[bytes] | None = None
        self.configure(configuration)

    def __enter__(self) -> Self:
        """Start the daemon."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the daemon; after a failed block its log is shown."""
        if isinstance(error, Exception):  # an interruption is no fault of the daemon's
            print(f"--- log of isakmpd {self.namespace.label}\n{self.log()}", file=sys.stderr)
        self.stop()

    def configure(self, configuration: str) -> None:
        """Write isakmpd.conf anew; a running daemon reads it after `R` or SIGHUP."""
        self.configuration_file.unlink(missing_ok=True)
        # The daemon refuses a file with secrets that others can read.
        with os.fdopen(os.open(self.configuration_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write(configuration)

    def start(self) -> None:
        """Start the daemon and wait until it reads its FIFO and listens on its ports."""
        self._process = self.namespace.spawn(
            *self._command(),
            output=self.log_file,
        )
        until(self._listens, 15, f"isakmpd {self.namespace.label} to listen")

    @property
    def pid(self) -> int:
        """Return the process ID of the running isakmpd: that of its monitor."""
        if self._process is None:
            raise CommandError(f"isakmpd of {self.namespace.label} is not running")
        return self._process.pid

    @property
    def child(self) -> int:
        """Return the process ID of the process that negotiates."""
        (only,) = children_of(self.pid)
        return only

    def stop(self) -> int:
        """Stop the daemon by `Q` and return its exit status; raises TooLateError after 15 s."""
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            try:
                self._write("Q")
            except OSError:
                process.terminate()
        try:
            return process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process = process
            self.kill()
            raise TooLateError(f"isakmpd {self.namespace.label} does not stop") from None

    def kill(self) -> None:
        """End the daemon as a crash of all its processes would: nobody is told, nothing is cleaned.

        One kill(2) for the group: a process that outlived the other would clean up after it.
        """
        process, self._process = self._process, None
        if process is None:
            return
        everything = [process.pid, *children_of(process.pid)]
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        until(lambda: not any(map(alive, everything)), 15, f"{self.namespace.label} to be dead")

    def restart(self) -> None:
        """Kill the daemon and start it anew."""
        self.kill()
        self.start()

    def signal(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        if self._process is not None:
            self._process.send_signal(number)

    def command(self, line: str) -> None:
        """Send a command to the FIFO."""
        self._write(line)

    def ask(self, line: str, seconds: float = 10) -> str:
        """Send a command that answers in the result file, and return what it wrote there."""
        self.result_file.unlink(missing_ok=True)
        self._write(line)
        sizes: list[int] = []

        def written() -> bool:
            if not self.result_file.exists():
                return False
            sizes.append(self.result_file.stat().st_size)
            return len(sizes) > 1 and sizes[-1] == sizes[-2]

        until(written, seconds, f"answer of isakmpd {self.namespace.label} to {line!r}")
        return self.result_file.read_text()

    def show(self) -> str:
        """Return the SAs as command `S` shows them."""
        return self.ask("S")

    def wait_tunnel(self, connection: str, seconds: float = 20) -> str:
        """Wait until a connection has its phase 2 SA and return the SAs."""

        def up() -> str:
            shown = self.show()
            return shown if f"SA name: {connection} (Phase 2)" in shown else ""

        try:
            return until(up, seconds, f"tunnel {connection} at {self.namespace.label}")
        except TooLateError as error:
            raise TooLateError(f"{error}\n{self.log()[-3000:]}") from None

    def log(self) -> str:
        """Return the log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, text: str, seconds: float = 20) -> None:
        """Wait until the log holds a text."""
        until(lambda: text in self.log(), seconds, f"{text!r} in {self.log_file}")

    def command_line(self) -> str:
        """Return the command as one would type it."""
        return " ".join(["isakmpd", *self._command()[1:]])

    def _command(self) -> list[str]:
        words = [str(PROGRAM), "-d", "-v", *self.options]
        return [*words, "-c", str(self.configuration_file), "--run-dir", str(self.folder)]

    def _write(self, line: str) -> None:
        # Not blocking: without a reader, opening fails instead of hanging.
        descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(descriptor, f"{line}\n".encode())
        finally:
            os.close(descriptor)

    def _listens(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            raise CommandError(f"isakmpd {self.namespace.label} ended: {self.log()[-2000:]}")
        try:
            os.close(os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        # It writes its process ID last, once the ports are open.
        return self.fifo.is_fifo() and self._noted_pid() == str(self._process.pid)

    def _noted_pid(self) -> str:
        return self.pid_file.read_text().strip() if self.pid_file.exists() else ""
