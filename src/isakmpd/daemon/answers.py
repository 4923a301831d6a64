"""Answer those who tag their commands: each answer is a file of its own in the run directory."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from isakmpd.daemon.run_files import write_whole
from isakmpd.privsep.files import identity_of, remove_file

MOST_ANSWERS: Final = 64  # files; a client removes what it has read

_NAME: Final = re.compile(r"isakmpd\.result\.[0-9a-f]{8,32}")


class Answers:
    """Write ``isakmpd.result.TOKEN`` files, private, each in one step.

    They hold a JSON object: ``ok``, whether the command was carried out; ``lines``, what the log
    has said about it, also with ``-v`` alone; ``result``, what ``S``, ``s`` and ``C get`` tell.
    """

    def __init__(self, run_directory: Path) -> None:
        self._directory = run_directory.absolute()
        self._written: deque[Path] = deque()

    def write(self, token: str, *, ok: bool, lines: Iterable[str], result: str) -> None:
        """Write an answer, in place of the oldest if there are too many; raises RunFileError."""
        path = self._directory / f"isakmpd.result.{token}"
        answer = {"ok": ok, "lines": list(lines), "result": result}
        write_whole(path, f"{json.dumps(answer)}\n")
        if path in self._written:
            self._written.remove(path)
        self._written.append(path)
        while len(self._written) > MOST_ANSWERS:
            _remove(self._written.popleft())

    def clear(self) -> None:
        """Remove all answers, also those a killed daemon left behind."""
        self._written.clear()
        with contextlib.suppress(OSError):
            for path in sorted(self._directory.iterdir()):
                if _NAME.fullmatch(path.name):
                    _remove(path)


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        found = path.lstat()
        if stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid():
            remove_file(path, identity_of(found))
