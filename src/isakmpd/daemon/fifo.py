"""Own the FIFO through which an administrator commands the daemon."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import Final

from isakmpd.daemon.opener import OWN_FILES, Files
from isakmpd.privsep.files import identity_of

STANDARD_INPUT: Final = Path("-")
_CHUNK: Final = 65536


class FifoError(Exception):
    """The FIFO cannot be made; the message is a sentence for the log, and the daemon ends."""


class CommandSource:
    """Read commands from a descriptor: a FIFO of our own, or standard input."""

    def __init__(self, descriptor: int, made: Path | None = None, files: Files = OWN_FILES) -> None:
        self._descriptor = descriptor
        self._made = made
        self._files = files
        self._identity = identity_of(os.fstat(descriptor))

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
            self._files.remove(self._made, self._identity)
        os.close(self._descriptor)
        self._made = None


def open_command_source(path: Path, files: Files = OWN_FILES) -> CommandSource:
    """Make the FIFO at ``path``, or take standard input for ``-``; raises FifoError."""
    if path == STANDARD_INPUT:
        return CommandSource(0)
    try:
        _make_way(path, files)
        descriptor = files.make_fifo(path)
    except OSError as error:
        raise FifoError(f"cannot make the FIFO {path}: {error.strerror}") from error
    return CommandSource(descriptor, path, files)


def remove_unread_fifo(path: Path, files: Files = OWN_FILES) -> None:
    """Remove a FIFO whose reader has died; anything else, and one that is read, stays."""
    with contextlib.suppress(OSError):
        found = path.lstat()
        if stat.S_ISFIFO(found.st_mode) and has_reader(path, files) is False:
            files.remove(path, identity_of(found))


def _make_way(path: Path, files: Files) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISREG(found.st_mode):
        raise FifoError(
            f"will not replace {path} by a FIFO: it is a regular file;"
            " remove it or name another with -f"
        )
    if stat.S_ISFIFO(found.st_mode) and has_reader(path, files) is not False:
        raise FifoError(
            f"the FIFO {path} is read by a running daemon; stop that, or name another with -f"
        )
    files.remove(path, identity_of(found))


def has_reader(path: Path, files: Files = OWN_FILES) -> bool | None:
    """Tell whether there is a FIFO that a process reads; None where this one may not know."""
    try:
        if not path.is_fifo():
            return False
        descriptor = files.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
    except OSError as error:
        # ENXIO is the kernel's word for a FIFO nobody reads.
        return False if error.errno in (errno.ENXIO, errno.ENOENT, errno.ELOOP) else None
    os.close(descriptor)
    return True
