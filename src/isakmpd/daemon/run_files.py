"""Place the files of a running daemon, and write them so that nobody reads half of one.

The run directory may be one that others can write to: what is there under our names and is not
ours is left alone, and no link is followed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from isakmpd.daemon.opener import Opener, open_ourselves

DEFAULT_RUN_DIRECTORY: Final = Path("/var/run")
PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


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


def write_in_place(path: Path, text: str, opener: Opener = open_ourselves) -> None:
    """Write a file in a directory that is not ours, where nothing can be put beside it; raises
    RunFileError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
    try:
        with os.fdopen(opener(path, flags), "wb") as file:
            found = os.fstat(file.fileno())
            ours = found.st_uid in (0, os.geteuid()) and found.st_nlink == 1
            if not stat.S_ISREG(found.st_mode) or not ours or found.st_mode & 0o077:
                raise RunFileError(f"will not write {path}: expected a file of our own, mode 0600")
            file.truncate()
            file.write(text.encode())
    except OSError as error:
        raise RunFileError(f"cannot write {path}: {error.strerror}") from error


def write_whole(path: Path, text: str, mode: int = PRIVATE) -> None:
    """Replace the file in one step, so that a reader sees the old or the new text; raises
    RunFileError.
    """
    _refuse_what_is_not_ours(path)
    # An unforeseeable name: nobody can have put something there before us.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _create(temporary, text.encode(), mode)
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise RunFileError(f"cannot write {path}: {error.strerror}") from error


def write_pid(path: Path, process_id: int) -> None:
    """Write the process ID and a newline, for everybody to read; raises RunFileError."""
    write_whole(path, f"{process_id}\n", PUBLIC)


def remove_pid(path: Path, process_id: int) -> None:
    """Remove the process ID file, unless another daemon has written its own there since."""
    with contextlib.suppress(OSError):
        if path.read_text(encoding="ascii", errors="replace") == f"{process_id}\n":
            path.unlink()


def _refuse_what_is_not_ours(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise RunFileError(f"cannot write {path}: {error.strerror}") from error
    if stat.S_ISLNK(found.st_mode):
        raise RunFileError(f"will not replace {path}: it is a symbolic link")
    if not stat.S_ISREG(found.st_mode):
        raise RunFileError(f"will not replace {path}: it is not a regular file")
    if found.st_uid not in (0, os.geteuid()):
        raise RunFileError(f"will not replace {path}: it belongs to user {found.st_uid}")


def _create(path: Path, octets: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, PRIVATE)
    try:
        os.fchmod(descriptor, mode)
        while octets:
            octets = octets[os.write(descriptor, octets) :]
    finally:
        os.close(descriptor)
