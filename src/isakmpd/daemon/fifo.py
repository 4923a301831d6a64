"""Own the FIFO through which an administrator commands the daemon."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

STANDARD_INPUT: Final = Path("-")
_MODE: Final = 0o600
_CHUNK: Final = 65536


class FifoError(Exception):
    """The FIFO cannot be made; the message is a sentence for the log, and the daemon ends."""


class CommandSource:
    """Read commands from a descriptor: a FIFO of our own, or standard input."""

    def __init__(self, descriptor: int, made: Path | None = None) -> None:
        self._descriptor = descriptor
        self._made = made
        self._identity = _identity(os.fstat(descriptor))

    def fileno(self) -> int:
        """Give the descriptor to wait on."""
        return self._descriptor

    def read(self) -> bytes | None:
        """Read what is there, b"" for nothing yet, None at the end of standard input.

        A FIFO has no end: we hold its writing side too.
        """
        try:
            return os.read(self._descriptor, _CHUNK) or None
        except BlockingIOError:
            return b""

    def close(self) -> None:
        """Stop reading and remove the FIFO, unless another daemon has put its own there since."""
        if self._made is None:
            return
        with contextlib.suppress(OSError):
            if _identity(self._made.lstat()) == self._identity:
                self._made.unlink()
        os.close(self._descriptor)
        self._made = None


def open_command_source(path: Path) -> CommandSource:
    """Make the FIFO at ``path``, or take standard input for ``-``; raises FifoError."""
    if path == STANDARD_INPUT:
        return CommandSource(0)
    try:
        _make_way(path)
        os.mkfifo(path, _MODE)
        # With the writing side open as well, a writer that leaves is no end of file.
        flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except OSError as error:
        raise FifoError(f"cannot make the FIFO {path}: {error.strerror}") from error
    found = os.fstat(descriptor)
    if not stat.S_ISFIFO(found.st_mode) or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise FifoError(f"the FIFO {path} was replaced while it was made")
    return CommandSource(descriptor, path)


def _make_way(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(found.st_mode):
        raise FifoError(
            f"will not replace {path} by a FIFO: it is a regular file;"
            " remove it or name another with -f"
        )
    if stat.S_ISFIFO(found.st_mode) and _has_reader(path):
        raise FifoError(
            f"the FIFO {path} is read by a running daemon; stop that, or name another with -f"
        )
    path.unlink()


def _has_reader(path: Path) -> bool:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        # ENXIO is the kernel's word for a FIFO nobody reads.
        return error.errno not in (errno.ENXIO, errno.ENOENT, errno.ELOOP)
    os.close(descriptor)
    return True


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino
