"""Find, before a daemon is started, what is wrong with what it would start with.

Nothing is started, bound or written. What belongs to certificates, policy and keys adds its checks
to ``CHECKS``.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from isakmpd.config.bindings import Bindings
from isakmpd.config.read import read
from isakmpd.control.printable import printable
from isakmpd.daemon import configuration_checks, file_checks, machine_checks, pki_checks
from isakmpd.daemon.findings import Check, Finding, Severity, Subject, fault_of, warning_about
from isakmpd.daemon.lookups import Lookups
from isakmpd.daemon.opener import open_ourselves
from isakmpd.daemon.options import DEFAULT_CONFIGURATION, Options
from isakmpd.daemon.secret_files import UnsafeFileError, read_secret_file
from isakmpd.daemon.sentence import sentence

CHECKS: Final[tuple[Check, ...]] = (
    configuration_checks.command_line,
    configuration_checks.meaning,
    configuration_checks.connections,
    configuration_checks.unusable,
    configuration_checks.suites,
    configuration_checks.acquire_only,
    configuration_checks.families,
    file_checks.configuration_directory,
    file_checks.secrets,
    file_checks.run_directories,
    file_checks.files_in_the_way,
    pki_checks.certificates,
    machine_checks.running,
    machine_checks.listen_on,
    machine_checks.local_addresses,
    machine_checks.ports,
    machine_checks.tun,
)
_LONGEST_TEXT: Final = 2000
_MOST_LINES: Final = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """Hold what was found, sorted by file and line."""

    file: Path
    findings: tuple[Finding, ...]

    @property
    def failed(self) -> bool:
        """Tell whether there is a fault, a misspelling being one."""
        return any(one.severity is Severity.FAULT for one in self.findings)

    @property
    def lines(self) -> list[str]:
        """Give ``severity: file:line: text`` for each finding, and how many there are of each."""
        shown = [f"{one.severity}: {one.problem}" for one in self.findings[:_MOST_LINES]]
        if len(self.findings) > _MOST_LINES:
            shown.append(f"{self.file}: {len(self.findings) - _MOST_LINES} more are not shown")
        counts = ", ".join(self._count(severity) for severity in Severity)
        return [printable(line)[:_LONGEST_TEXT] for line in (*shown, f"{self.file}: {counts}")]

    def _count(self, severity: Severity) -> str:
        number = sum(one.severity is severity for one in self.findings)
        return f"{number} {severity}{'' if number == 1 else 's'}"


def check(options: Options, checks: Sequence[Check] = CHECKS) -> Report:
    """Look at everything a daemon started with ``options`` would read and need."""
    file = options.configuration_file or DEFAULT_CONFIGURATION
    text, findings = _read(file, named=options.configuration_file is not None)
    bindings = Bindings.parse(text or "", str(file), str(file.absolute().parent))
    lookups = Lookups()
    configuration = read(
        bindings,
        default_port=options.port,
        resolve=lookups.address,
        resolve_netmask=lookups.netmask,
    )
    subject = Subject(options, file, text is not None, bindings, configuration)
    for one in checks:
        findings.extend(one(subject))
    return Report(file, tuple(sorted(dict.fromkeys(findings), key=_place)))


def _place(finding: Finding) -> tuple[str, int, str, str]:
    problem = finding.problem
    return problem.file, problem.line, finding.severity, problem.text


def _read(file: Path, *, named: bool) -> tuple[str | None, list[Finding]]:
    """Read the file; one that others can get at is a fault, and read all the same."""
    findings: list[Finding] = []
    try:
        octets = read_secret_file(file)
    except FileNotFoundError:
        text = "there is no such file"
        if named:
            return None, [fault_of(file, text)]
        return "", [warning_about(file, f"{text}, built-in defaults apply")]
    except UnsafeFileError as unsafe:
        findings.append(fault_of(file, str(unsafe).removeprefix(f"{file} ")))
        found = _read_all_the_same(file)
        if found is None:
            return None, findings
        octets = found
    except OSError as problem:
        return None, [fault_of(file, problem.strerror or sentence(problem))]
    return octets.decode("utf-8", "surrogateescape"), findings


def _read_all_the_same(file: Path) -> bytes | None:
    descriptor = open_ourselves(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    with os.fdopen(descriptor, "rb") as opened:
        regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return opened.read() if regular else None
