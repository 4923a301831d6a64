"""Reach files: those of the run directory ourselves, all others through the privileged side."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from isakmpd.privsep.files import Identity, make_fifo, names_in, remove_file, replace_file
from isakmpd.privsep.requests import (
    ListDirectory,
    MakeFifo,
    OpenFile,
    Privileged,
    RemoveFile,
    ReplaceFile,
)

# path, flags of open(2) -> descriptor; a new file is private, errors are OSError
Opener = Callable[[Path, int], int]


class Files(Protocol):
    """Reach files by path; each act raises OSError."""

    def open(self, path: Path, flags: int, /) -> int:
        """Give a descriptor of a file; a new one is private."""

    def list(self, directory: Path, /) -> tuple[str, ...]:
        """Name what lies in a directory, in order."""

    def make_fifo(self, path: Path, /) -> int:
        """Give a descriptor of a new FIFO, open for reading and writing."""

    def replace(self, path: Path, octets: bytes, mode: int, /) -> None:
        """Replace a file in one step."""

    def remove(self, path: Path, identity: Identity, /) -> None:
        """Remove a file that is still the one meant."""


def open_ourselves(path: Path, flags: int) -> int:
    """Open a file with no more rights than this process has."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


class OwnFiles:
    """Reach files with no more rights than this process has."""

    open = staticmethod(open_ourselves)
    list = staticmethod(names_in)
    make_fifo = staticmethod(make_fifo)
    replace = staticmethod(replace_file)
    remove = staticmethod(remove_file)


OWN_FILES = OwnFiles()


class DaemonFiles:
    """Reach the files of a daemon whose own are those of its run directory alone."""

    def __init__(self, run_directory: Path, privileged: Privileged) -> None:
        self._own = run_directory.absolute()
        self._privileged = privileged

    def open(self, path: Path, flags: int) -> int:
        """Give a descriptor of a file; a new one is private."""
        if path.parent == self._own:
            return open_ourselves(path, flags)
        return self._privileged.open_file(OpenFile(path, flags))

    def list(self, directory: Path) -> tuple[str, ...]:
        """Name what lies in a directory, in order."""
        return self._privileged.list_directory(ListDirectory(directory))

    def make_fifo(self, path: Path) -> int:
        """Give a descriptor of a new FIFO, open for reading and writing."""
        if path.parent == self._own:
            return make_fifo(path)
        return self._privileged.make_fifo(MakeFifo(path))

    def replace(self, path: Path, octets: bytes, mode: int) -> None:
        """Replace a file in one step."""
        if path.parent == self._own:
            replace_file(path, octets, mode)
        else:
            self._privileged.replace_file(ReplaceFile(path, octets, mode))

    def remove(self, path: Path, identity: Identity) -> None:
        """Remove a file that is still the one meant."""
        if path.parent == self._own:
            remove_file(path, identity)
        else:
            self._privileged.remove_file(RemoveFile(path, identity))
