"""Place the files of a running daemon, and write them so that nobody reads half of one.

The run directory may be one that others can write to: what is there under our names and is not
ours is left alone, and no link is followed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from isakmpd.daemon.opener import OWN_FILES, Files
from isakmpd.privsep.files import NotOursError, identity_of

DEFAULT_RUN_DIRECTORY: Final = Path("/var/run")
PRIVATE: Final = 0o600
PUBLIC: Final = 0o644
_LONGEST_PID: Final = 12  # octets


class RunFileError(Exception):
    """A file of the run directory cannot be written; the message is a sentence for the log."""


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Name the files of one daemon: in its run directory unless -f, -i, -R or -l said otherwise.

    ``fifo`` may be ``-``: commands come from standard input then.
    """

    fifo: Path
    pid: Path
    report: Path
    result: Path
    capture: Path

    @classmethod
    def under(
        cls,
        run_directory: Path = DEFAULT_RUN_DIRECTORY,
        *,
        fifo: Path | None = None,
        pid: Path | None = None,
        report: Path | None = None,
        capture: Path | None = None,
    ) -> Self:
        """Take the default names in ``run_directory`` for whatever is not given.

        All but ``-`` become absolute: a daemon may change its directory.
        """
        here = run_directory.absolute()
        if fifo is None or fifo != Path("-"):
            fifo = (fifo or here / "isakmpd.fifo").absolute()
        return cls(
            fifo=fifo,
            pid=(pid or here / "isakmpd.pid").absolute(),
            report=(report or here / "isakmpd.report").absolute(),
            result=here / "isakmpd.result",
            capture=(capture or here / "isakmpd.pcap").absolute(),
        )


class RunLock:
    """Keep a run directory for one daemon: two would overwrite each other's files."""

    def __init__(self, run_directory: Path) -> None:
        """Take the lock; raises RunFileError, with who may hold it."""
        self._path = run_directory.absolute() / "isakmpd.lock"
        try:
            self._descriptor = self._take()
        except BlockingIOError as held:
            raise RunFileError(
                f"another isakmpd uses the run directory {run_directory}; stop that, or name"
                " another with --run-dir"
            ) from held
        except FileNotFoundError as missing:
            raise RunFileError(f"there is no run directory {run_directory}") from missing
        except OSError as error:
            raise RunFileError(f"cannot lock {self._path}: {error.strerror}") from error

    def release(self) -> None:
        """Let the next daemon have the directory."""
        with contextlib.suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)

    def _take(self) -> int:
        while True:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self._path, flags, PRIVATE)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever held it until now may have removed the file we have open.
                if os.path.samestat(os.fstat(descriptor), self._path.stat()):
                    return descriptor
            except FileNotFoundError:
                pass
            except OSError:
                os.close(descriptor)
                raise
            os.close(descriptor)


def write_whole(path: Path, text: str, mode: int = PRIVATE, files: Files = OWN_FILES) -> None:
    """Replace the file in one step, so that a reader sees the old or the new text; raises
    RunFileError.
    """
    try:
        files.replace(path, text.encode(), mode)
    except NotOursError as refused:
        raise RunFileError(f"will not replace {path}: {refused.strerror}") from refused
    except OSError as error:
        raise RunFileError(f"cannot write {path}: {error.strerror}") from error


def write_pid(path: Path, process_id: int, files: Files = OWN_FILES) -> None:
    """Write the process ID and a newline, for everybody to read; raises RunFileError."""
    write_whole(path, f"{process_id}\n", PUBLIC, files)


def read_pid(path: Path, files: Files = OWN_FILES) -> int | None:
    """Read a process ID file; None for none, and for anything else than a process ID."""
    with contextlib.suppress(OSError, ValueError):
        descriptor = files.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            number = int(file.read(_LONGEST_PID))
            return number if number > 0 else None
    return None


def remove_pid(path: Path, process_id: int, files: Files = OWN_FILES) -> None:
    """Remove the process ID file, unless another daemon has written its own there since."""
    with contextlib.suppress(OSError):
        descriptor = files.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            if file.read() == f"{process_id}\n".encode():
                files.remove(path, identity_of(os.fstat(descriptor)))
