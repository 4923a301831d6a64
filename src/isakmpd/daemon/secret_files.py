"""Read files that hold secrets, refusing those that others could read or have written."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from isakmpd.daemon.opener import Opener, open_ourselves


class UnsafeFileError(Exception):
    """A file with secrets is open to others; the message says how to close it."""


def read_secret_file(path: Path, opener: Opener = open_ourselves) -> bytes:
    """Read a file that only root or this process's user may read and write.

    Raises OSError where it cannot be read and UnsafeFileError where it should not be. What is
    judged is the open file: replacing the path meanwhile gains nothing.
    """
    # NONBLOCK: a FIFO under that name would hold the daemon forever.
    descriptor = opener(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as file:
        judge_secret_file(path, os.fstat(descriptor))
        return file.read()


def judge_secret_file(path: Path, found: os.stat_result) -> None:
    """Raise UnsafeFileError where others own a file or can get at it."""
    if not stat.S_ISREG(found.st_mode):
        raise UnsafeFileError(f"{path} is not a regular file, expected one with mode 0600")
    owner = os.geteuid()
    if found.st_uid not in (0, owner):
        expected = "root" if owner == 0 else f"root or user {owner}"
        raise UnsafeFileError(
            f"{path} belongs to user {found.st_uid}, expected {expected}: chown {owner} {path}"
        )
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        raise UnsafeFileError(
            f"{path} has mode {mode:04o} and may hold secrets, expected 0600: chmod 600 {path}"
        )
