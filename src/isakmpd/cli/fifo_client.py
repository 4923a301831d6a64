"""Command a running isakmpd over its FIFO, and read what it answers.

A command that wants an answer carries a token of its own, ``? TOKEN COMMAND``; the daemon writes
what came of it to ``isakmpd.result.TOKEN`` in its run directory.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

_LONGEST_LINE: Final = 4096  # octets, the kernel's PIPE_BUF: a shorter write is never cut
_LONGEST_ANSWER: Final = 64 * 2**20  # octets
_FIRST_PAUSE: Final = 0.001  # seconds
_LONGEST_PAUSE: Final = 0.05
_PRIVATE: Final = 0o600


class ControlError(Exception):
    """Say in a sentence why what was asked has not happened."""


class Answer(NamedTuple):
    """Hold what the daemon said to one command."""

    ok: bool
    lines: tuple[str, ...]
    result: str


class FifoClient:
    """Talk to the daemon of one run directory; every method raises ControlError.

    ``pause`` waits for some seconds between two looks for an answer.
    """

    def __init__(
        self,
        run_directory: Path,
        fifo: Path | None = None,
        timeout: float = 10.0,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.fifo = fifo or run_directory / "isakmpd.fifo"
        self._run_directory = run_directory
        self._timeout = timeout
        self.pause = pause

    def ask(self, command: str) -> Answer:
        """Have a command carried out and return what came of it."""
        token = os.urandom(16).hex()
        path = self._run_directory / f"isakmpd.result.{token}"
        deadline = time.monotonic() + self._timeout
        try:
            self._write(f"? {token} {command}", deadline)
            return _read_answer(self._awaited(path, deadline))
        finally:
            with contextlib.suppress(OSError):
                path.unlink()

    def tell(self, command: str) -> None:
        """Give a command and ask for no answer."""
        self._write(command, time.monotonic() + self._timeout)

    def is_read(self) -> bool:
        """Tell whether a daemon reads the FIFO."""
        try:
            os.close(self._open())
        except ControlError:
            return False
        return True

    def _write(self, command: str, deadline: float) -> None:
        # The first newline ends what another writer may have left without one.
        line = f"\n{_sayable(command)}\n".encode()
        if len(line) > _LONGEST_LINE:
            raise ControlError(
                f"a command of {len(line)} octets cannot go through the FIFO,"
                f" expected at most {_LONGEST_LINE}"
            )
        descriptor = self._open()
        try:
            while True:
                try:
                    os.write(descriptor, line)
                except BlockingIOError:
                    if time.monotonic() >= deadline:
                        raise ControlError(
                            f"isakmpd does not read its commands: the FIFO {self.fifo} is full"
                            f" for {self._timeout:g} s"
                        ) from None
                    self.pause(_LONGEST_PAUSE)
                else:
                    return
        except BrokenPipeError:
            raise ControlError("isakmpd has ended") from None
        finally:
            os.close(descriptor)

    def _open(self) -> int:
        try:
            flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(self.fifo, flags)
        except OSError as problem:
            raise ControlError(self._why_not(problem)) from None
        try:
            self._trust_fifo(os.fstat(descriptor))
        except ControlError:
            os.close(descriptor)
            raise
        return descriptor

    def _why_not(self, problem: OSError) -> str:
        absent = "isakmpd is not running, or has another run directory (--run-dir names it): "
        match problem.errno:
            case errno.ENOENT:
                return f"{absent}there is no FIFO {self.fifo}"
            case errno.ENXIO:
                return f"{absent}nobody reads the FIFO {self.fifo}"
            case errno.EACCES | errno.EPERM:
                return f"no permission to write to the FIFO {self.fifo}: that takes root"
        return f"cannot write to the FIFO {self.fifo}: {problem.strerror}"

    def _trust_fifo(self, found: os.stat_result) -> None:
        if not stat.S_ISFIFO(found.st_mode):
            raise ControlError(f"{self.fifo} is no FIFO of isakmpd")
        if found.st_uid not in _trusted_owners(self.fifo.parent):
            raise ControlError(
                f"the FIFO {self.fifo} belongs to user {found.st_uid}, expected root, the owner"
                " of its directory or ourselves; nothing was written to it"
            )

    def _awaited(self, path: Path, deadline: float) -> bytes:
        wait = _FIRST_PAUSE
        while (octets := _octets(path)) is None:
            if time.monotonic() >= deadline:
                raise ControlError(
                    f"isakmpd does not answer within {self._timeout:g} s: it may be busy, its run"
                    f" directory another than {self._run_directory} (--run-dir), or the disk full,"
                    " which its log says"
                )
            if wait >= _LONGEST_PAUSE and not self.is_read() and _octets(path) is None:
                raise ControlError("isakmpd ended before it answered")
            self.pause(wait)
            wait = min(1.5 * wait, _LONGEST_PAUSE)
        return octets


def _sayable(command: str) -> str:
    if not command.isprintable():
        raise ControlError(
            "control characters, newlines and what is no UTF-8 cannot go through the FIFO"
        )
    return command


def _trusted_owners(directory: Path) -> set[int]:
    """Name who may own what is found in a directory: its owner can put there what he likes."""
    owners = {0, os.geteuid()}
    with contextlib.suppress(OSError):
        owners.add(directory.stat().st_uid)
    return owners


def _octets(path: Path) -> bytes | None:
    """Read an answer that is there and a daemon's, None while there is none."""
    try:
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ControlError(f"cannot read the answer {path}: {problem.strerror}") from None
    try:
        _trust_answer(path, os.fstat(descriptor))
    except ControlError:
        os.close(descriptor)
        raise
    with os.fdopen(descriptor, "rb") as file:
        octets = file.read(_LONGEST_ANSWER + 1)
    if len(octets) > _LONGEST_ANSWER:
        raise ControlError(f"the answer {path} is longer than {_LONGEST_ANSWER} octets")
    return octets


def _trust_answer(path: Path, found: os.stat_result) -> None:
    mode = stat.S_IMODE(found.st_mode)
    if not stat.S_ISREG(found.st_mode):
        seen = "is no regular file"
    elif mode != _PRIVATE:
        seen = f"has mode {mode:04o}"
    elif found.st_uid not in _trusted_owners(path.parent):
        seen = f"belongs to user {found.st_uid}"
    else:
        return
    raise ControlError(
        f"the answer {path} {seen}, expected a regular file of mode 0600 of root, of the owner"
        " of its directory or of ourselves"
    )


def _read_answer(octets: bytes) -> Answer:
    try:
        found = json.loads(octets)
    except ValueError:
        found = None
    match found:
        case {"ok": bool(ok), "lines": [*lines], "result": str(result)}:
            return Answer(ok, tuple(str(line) for line in lines), result)
    raise ControlError("isakmpd answered something that is no answer; is it of another version?")
