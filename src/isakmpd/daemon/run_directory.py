"""Occupy a run directory for one daemon, and leave nothing in it that would mislead anybody."""

from __future__ import annotations

import os
from pathlib import Path

from isakmpd.daemon.answers import Answers
from isakmpd.daemon.fifo import STANDARD_INPUT, remove_unread_fifo
from isakmpd.daemon.run_files import RunLock, RunPaths, read_pid, remove_pid, write_pid


class RunDirectory:
    """Hold the directory's lock from before the daemon's process begins until after its end.

    The lock is inherited by that process, so the directory stays taken while any of the two lives.
    """

    def __init__(self, directory: Path, paths: RunPaths) -> None:
        """Take the directory and remove a dead daemon's pid file; raises RunFileError."""
        self._directory = directory.absolute()
        self._paths = paths
        self._lock = RunLock(directory)
        self._process_id = os.getpid()
        noted = read_pid(paths.pid)
        if noted is not None and not _runs(noted):
            remove_pid(paths.pid, noted)

    def begun(self) -> None:
        """Write the process ID of whoever took the directory; raises RunFileError."""
        write_pid(self._paths.pid, self._process_id)

    @property
    def rules_stay(self) -> bool:
        """Tell whether routing rules are noted that a dead daemon has not taken back."""
        return (self._directory / "isakmpd.journal").exists()

    def leave(self) -> None:
        """Remove FIFO, answers, pid file and lock, also those that a crash has left.

        What keeps packets from leaving in clear stays, with the journal that tells of it.
        """
        if self._paths.fifo != STANDARD_INPUT:
            remove_unread_fifo(self._paths.fifo)
        Answers(self._directory).clear()
        remove_pid(self._paths.pid, self._process_id)
        self._lock.release()


def _runs(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
