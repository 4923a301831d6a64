"""Keep the configuration in force: read it, change it, and hold on to the last good one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isakmpd.config.bindings import Bindings, Change
from isakmpd.config.model import Configuration
from isakmpd.config.read import read
from isakmpd.daemon.interfaces import address_of_interface, netmask_of_interface
from isakmpd.daemon.options import DEFAULT_CONFIGURATION
from isakmpd.daemon.secret_files import UnsafeFileError, read_secret_file


class UnusableError(Exception):
    """Say in a sentence why a configuration cannot be taken."""


class LiveConfiguration:
    """Hold the bindings in force and what they mean."""

    def __init__(self, file: Path | None, port: int, log: Callable[[str], None]) -> None:
        """Read the file; raises UnusableError for one that was named and cannot be read."""
        self._file = file
        self._port = port
        self._log = log
        self._told: set[str] = set()
        self.bindings = self._load()
        self.current = self._read(self.bindings)
        self._tell(self.current)

    def _load(self) -> Bindings:
        path = self._file or DEFAULT_CONFIGURATION
        try:
            text = read_secret_file(path).decode("utf-8", "surrogateescape")
        except FileNotFoundError as problem:
            if self._file is not None:
                raise UnusableError(f"{path}: there is no such file") from problem
            self._log(f"{path}: there is no such file, built-in defaults apply")
            text = ""
        except (OSError, UnsafeFileError) as problem:
            raise UnusableError(_sentence(path, problem)) from problem
        return Bindings.parse(text, str(path))

    def _read(self, bindings: Bindings) -> Configuration:
        return read(
            bindings,
            default_port=self._port,
            resolve=address_of_interface,
            resolve_netmask=netmask_of_interface,
        )

    def reload(self) -> bool:
        """Read the file anew; False, and everything as before, if anything in it is wrong."""
        try:
            bindings = self._load()
        except UnusableError as problem:
            self._log(f"{problem}; the last good configuration stays in force")
            return False
        fresh = self._read(bindings)
        if fresh.problems:
            for fault in fresh.problems:
                self._log(str(fault))
            self._log("the configuration file has faults; the last good configuration stays")
            return False
        self.bindings, self.current = bindings, fresh
        self._told.clear()
        self._tell(fresh)
        return True

    def change(self, change: Change) -> bool:
        """Carry out a ``C`` command; False when it was refused, which the log explains."""
        refusals = self.bindings.apply([change])
        for refusal in refusals:
            self._log(refusal)
        return not refusals

    def settle(self) -> Configuration:
        """Take what ``C`` commands have changed so far into force."""
        self.current = self._read(self.bindings)
        self._tell(self.current)
        return self.current

    def _tell(self, configuration: Configuration) -> None:
        """Log problems and warnings that have not been told yet."""
        for note in (*configuration.problems, *configuration.warnings):
            if str(note) not in self._told:
                self._told.add(str(note))
                self._log(str(note))


def _sentence(path: Path, problem: OSError | UnsafeFileError) -> str:
    if isinstance(problem, OSError):
        return f"{path}: {problem.strerror}"
    return str(problem)
