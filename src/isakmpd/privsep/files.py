"""Make, replace and remove the files a daemon leaves on a system, touching no stranger's."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

_PRIVATE = 0o600

Identity = tuple[int, int]  # device and inode


class NotOursError(OSError):
    """What is there is not ours to replace; ``strerror`` says why."""


def identity_of(found: os.stat_result) -> Identity:
    """Tell a file from another that takes its place."""
    return found.st_dev, found.st_ino


def names_in(directory: Path) -> tuple[str, ...]:
    """Name what lies in a directory, in order; raises OSError."""
    return tuple(sorted(os.listdir(directory)))


def make_fifo(path: Path) -> int:
    """Make a FIFO only we may use, open for reading and writing; raises OSError."""
    os.mkfifo(path, _PRIVATE)
    # With the writing side open as well, a writer that leaves is no end of file.
    flags = os.O_RDWR | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags)
    found = os.fstat(descriptor)
    if not stat.S_ISFIFO(found.st_mode) or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise NotOursError(errno.EEXIST, "it was replaced while it was made", str(path))
    return descriptor


def replace_file(path: Path, octets: bytes, mode: int) -> None:
    """Replace a file in one step, so that a reader sees the old or the new one; raises OSError."""
    refuse_what_is_not_ours(path)
    # An unforeseeable name: nobody can have put something there before us.
    temporary = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        _create(temporary, octets, mode)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def remove_file(path: Path, identity: Identity) -> None:
    """Remove a file, unless another has taken its place or it is gone; raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        if identity_of(path.lstat()) == identity:
            path.unlink()


def refuse_what_is_not_ours(path: Path) -> None:
    """Raise NotOursError for a path that ``replace_file`` leaves alone, OSError where unknown."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if stat.S_ISLNK(found.st_mode):
        raise NotOursError(errno.EEXIST, "it is a symbolic link", str(path))
    if not stat.S_ISREG(found.st_mode):
        raise NotOursError(errno.EEXIST, "it is not a regular file", str(path))
    if found.st_uid not in (0, os.geteuid()):
        raise NotOursError(errno.EEXIST, f"it belongs to user {found.st_uid}", str(path))


def _create(path: Path, octets: bytes, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(path, flags, _PRIVATE)
    try:
        os.fchmod(descriptor, mode)
        while octets:
            octets = octets[os.write(descriptor, octets) :]
    finally:
        os.close(descriptor)
