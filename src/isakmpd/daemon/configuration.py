"""Keep the configuration in force: read it, change it, and hold on to the last good one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from isakmpd.config.bindings import Bindings, Change
from isakmpd.config.model import Configuration, General, Problem
from isakmpd.config.read import read
from isakmpd.daemon.lookups import Lookups
from isakmpd.daemon.opener import Opener, open_ourselves
from isakmpd.daemon.options import DEFAULT_CONFIGURATION, Options
from isakmpd.daemon.secret_files import UnsafeFileError, read_secret_file
from isakmpd.daemon.sentence import sentence
from isakmpd.ipsec.choice import choose_stack

_MOST_TOLD = 200  # notes on one reading


class UnusableError(Exception):
    """Say in a sentence why a configuration cannot be taken."""


def hindrances(general: General, options: Options) -> Iterator[tuple[str, str]]:
    """Give each tag of [General] this version cannot run with, and a sentence about it."""
    if options.policy and general.use_keynote:
        yield (
            "Use-Keynote",
            "policy files are not supported by this version: start with -K, or set "
            "[General]:Use-Keynote= no, to do without the policy check",
        )
    try:
        choose_stack(general.ipsec_stack, kernel_takes_part=options.kernel_takes_part)
    except ValueError as problem:
        yield "IPsec-stack", str(problem)


class LiveConfiguration:
    """Hold the bindings, as ``C`` commands have changed them, and the meaning that is in force.

    What would bring a new fault never comes into force: a tunnel that works is worth more than
    the half of a change.
    """

    HELD: Final = "what C commands have changed comes into force once this is mended"
    NO_LONGER_HELD: Final = "what C commands have changed is in force"

    def __init__(
        self, options: Options, log: Callable[[str], None], opener: Opener = open_ourselves
    ) -> None:
        """Read the file; raises UnusableError for what cannot be read or run with."""
        self._options = options
        self._log = log
        self._opener = opener
        # A daemon may change its directory.
        self._path = (options.configuration_file or DEFAULT_CONFIGURATION).absolute()
        self._needs_file = options.configuration_file is not None
        self._told: set[Problem] = set()
        self._told_of_holding = False
        self.held: tuple[Problem, ...] = ()  # the faults that keep changes from coming into force
        self.bindings = self._in_force = self._load()
        self._lookups = Lookups()
        self.current = self._read(self.bindings, self._lookups)
        self._tell(self.current.problems + self.current.warnings)
        self._judge(self.current)

    def reload(self) -> bool:
        """Read the file anew; False, and everything as before, if it has a new fault."""
        try:
            bindings, lookups = self._load(), Lookups(self._lookups)
            fresh = self._read(bindings, lookups)
            self._judge(fresh)
        except UnusableError as problem:
            self._log(f"{problem}; the last good configuration stays in force")
            return False
        known = {fault.text for fault in self.current.problems}  # lines may have moved
        added = [fault for fault in fresh.problems if fault.text not in known]
        self._list(added)
        if added:
            self._log("the configuration has faults; the last good one stays in force")
            return False
        self._take(bindings, lookups, fresh)
        self.bindings, self.held = bindings, ()
        self._told.clear()
        self._told_of_holding = False
        self._tell(fresh.problems + fresh.warnings)
        return True

    def change(self, change: Change) -> bool:
        """Carry out a ``C`` command; False when it was refused, which the log explains."""
        if self.bindings is self._in_force:
            self.bindings = self._in_force.copy()
        refusals = self.bindings.apply([change])
        for refusal in refusals:
            self._log(refusal)
        return not refusals

    def settle(self) -> bool:
        """Take what ``C`` commands have changed into force; False while that has new faults."""
        lookups = Lookups(self._lookups)
        fresh = self._read(self.bindings, lookups)
        known = set(self.current.problems)
        self.held = tuple(fault for fault in fresh.problems if fault not in known)
        if not self.held:
            try:
                self._judge(fresh)
            except UnusableError as problem:
                self.held = (Problem("FIFO", 0, str(problem)),)
        if self.held:
            return False
        self._take(self.bindings, lookups, fresh)
        self._tell(fresh.warnings)
        if self._told_of_holding:
            self._told_of_holding = False
            self._log(self.NO_LONGER_HELD)
        return True

    def look_again(self) -> bool:
        """Follow what interface names stand for; False where nothing else is in force for it.

        Changes by ``C`` commands that are not in force yet wait for themselves.
        """
        changes = self._lookups.changes()
        if not changes:
            return False
        lookups = Lookups(self._lookups)
        fresh = self._read(self._in_force, lookups)
        known = {fault.text for fault in self.current.problems}
        added = tuple(fault for fault in fresh.problems if fault.text not in known)
        if added:
            if self._tell(added):
                self._log("what interfaces stood for stays in force as it was")
            return False
        self._log(f"the configuration follows the interfaces: {', '.join(changes)}")
        self._take(self._in_force, lookups, fresh)
        return True

    def _take(self, bindings: Bindings, lookups: Lookups, configuration: Configuration) -> None:
        self._in_force, self._lookups, self.current = bindings, lookups, configuration

    def tell_held(self) -> None:
        """Log why the changes so far are not in force, each reason once."""
        if self._tell(self.held):
            self._told_of_holding = True
            self._log(self.HELD)

    def _load(self) -> Bindings:
        """Read the file; only one that nobody named and that was never there may be missing."""
        path = self._path
        try:
            text = read_secret_file(path, self._opener).decode("utf-8", "surrogateescape")
        except FileNotFoundError as problem:
            if self._needs_file:
                raise UnusableError(f"{path}: there is no such file") from problem
            self._log(f"{path}: there is no such file, built-in defaults apply")
            text = ""
        except (OSError, UnsafeFileError) as problem:
            raise UnusableError(sentence(problem, path)) from problem
        else:
            self._needs_file = True
        return Bindings.parse(text, str(path), str(path.parent))

    def _read(self, bindings: Bindings, lookups: Lookups) -> Configuration:
        return read(
            bindings,
            default_port=self._options.port,
            resolve=lookups.address,
            resolve_netmask=lookups.netmask,
        )

    def _judge(self, configuration: Configuration) -> None:
        """Raise UnusableError for what this version cannot run with."""
        for _, reason in hindrances(configuration.general, self._options):
            raise UnusableError(reason)

    def _tell(self, notes: tuple[Problem, ...]) -> bool:
        """Log what has not been told yet; False when all has."""
        fresh = [note for note in notes if note not in self._told]
        self._told.update(fresh)
        self._list(fresh)
        return bool(fresh)

    def _list(self, notes: list[Problem]) -> None:
        """Log notes; a file that is none has a million of them, and the log is for others too."""
        for note in notes[:_MOST_TOLD]:
            self._log(str(note))
        if len(notes) > _MOST_TOLD:
            self._log(f"{len(notes) - _MOST_TOLD} more lines like these are left out")
