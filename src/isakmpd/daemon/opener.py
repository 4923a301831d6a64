"""Open files: those of the run directory ourselves, all others through the privileged side."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from isakmpd.privsep.requests import OpenFile, Privileged

# path, flags of open(2) -> descriptor; a new file is private, errors are OSError
Opener = Callable[[Path, int], int]


def open_ourselves(path: Path, flags: int) -> int:
    """Open a file with no more rights than this process has."""
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def opener_for(run_directory: Path, privileged: Privileged) -> Opener:
    """Make the opener of a daemon whose own files are those of ``run_directory`` alone."""
    own = run_directory.absolute()

    def open_file(path: Path, flags: int) -> int:
        if path.parent == own:
            return open_ourselves(path, flags)
        return privileged.open_file(OpenFile(path, flags))

    return open_file
