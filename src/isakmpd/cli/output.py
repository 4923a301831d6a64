"""Write what was asked for to standard output, and complaints to standard error."""

from __future__ import annotations

import os
import sys
from typing import TextIO


def write_out(text: str) -> int:
    """Write to standard output and give the exit status: 1 where that takes it no more."""
    return _write(sys.stdout, text)


def complain(text: str) -> int:
    """Write to standard error, if it is open, and give the exit status of a mistake."""
    _write(sys.stderr, text)
    return 1


def _write(stream: TextIO | None, text: str) -> int:
    if stream is None:  # closed when the program was started
        return 1
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        # What is left in the buffer shall not fail a second time when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return 1
    return 0
