"""Check the command line and the configuration, on their own and against each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from isakmpd.control.log_levels import LogLevels
from isakmpd.daemon.configuration import hindrances
from isakmpd.daemon.data_plane import DataPlane
from isakmpd.daemon.findings import COMMAND_LINE, Finding, Severity, Subject, warning_about
from isakmpd.ike.ipsec import Capabilities
from isakmpd.ike.suite_support import lack, lacks
from isakmpd.ipsec.choice import StackKind, acquire_only_sentence, choose_stack
from isakmpd.ipsec.none import NoStack

_LISTS: Final = ("Connections", "Passive-connections")
_LEVEL_IS_SET: Final = "log_debug_cmd: log level"


def command_line(subject: Subject) -> Iterator[Finding]:
    """Point out flags that do nothing, or more than one may have meant."""
    options, levels = subject.options, LogLevels()
    for text in options.log_levels:
        for line in levels.assign(text):
            if not line.startswith(_LEVEL_IS_SET):
                yield warning_about(COMMAND_LINE, f"-D {text}: {line}")
    if options.local_port is not None:
        yield warning_about(COMMAND_LINE, f"-P {options.local_port} does nothing")
    if options.seed is not None:
        yield warning_about(COMMAND_LINE, "-r makes every key predictable; it is for tests only")


def meaning(subject: Subject) -> Iterator[Finding]:
    """Pass on what reading the configuration has found; a misspelling is a fault here."""
    configuration = subject.configuration
    misspelt = {(one.file, one.line) for one in configuration.misspelt}
    for problem in (*configuration.problems, *configuration.misspelt):
        yield Finding(Severity.FAULT, problem)
    for problem in configuration.warnings:
        if problem not in configuration.misspelt:
            yield Finding(Severity.WARNING, problem)
    for problem in configuration.unused:
        if (problem.file, problem.line) not in misspelt:
            yield Finding(Severity.WARNING, problem)


def connections(subject: Subject) -> Iterator[Finding]:
    """Warn where the configuration lists nothing to be negotiated."""
    listed = any(subject.bindings.get("Phase 2", tag) for tag in _LISTS)
    if subject.readable and not listed:
        yield warning_about(
            subject.file, "no connection is configured: isakmpd would wait for C commands"
        )


def unusable(subject: Subject) -> Iterator[Finding]:
    """Find what this version refuses to start with."""
    if subject.readable:
        for tag, reason in hindrances(subject.configuration.general, subject.options):
            yield subject.fault("General", tag, reason)


def suites(subject: Subject) -> Iterator[Finding]:
    """Find what the IPsec stack cannot carry: a fault where a connection is left without any."""
    capabilities = _capabilities(subject)
    if capabilities is None:
        return
    for connection in subject.configuration.connections.values():
        if reason := lacks(connection, capabilities):
            text = f"connection [{connection.section}]: {reason}"
            left = any(not lack(suite, capabilities) for suite in connection.suites)
            found = subject.warning if left else subject.fault
            yield found(connection.configuration, connection.suites_tag, text)


def acquire_only(subject: Subject) -> Iterator[Finding]:
    """Warn that a stack which takes flows from nobody else carries nothing without ours."""
    if _stack(subject) is not StackKind.USERSPACE:
        return
    text = acquire_only_sentence(StackKind.USERSPACE)
    if subject.options.acquire_only:
        yield warning_about(COMMAND_LINE, f"-a: {text}")
    elif subject.configuration.general.acquire_only:
        yield subject.warning("General", "Acquire-Only", f"[General]:Acquire-Only: {text}")


def families(subject: Subject) -> Iterator[Finding]:
    """Warn of peers in a family that -4 or -6 leaves out."""
    spoken = subject.options.families
    for peer in subject.configuration.peers.values():
        if peer.address is not None and peer.address.version not in spoken:
            only = "".join(f"-{version}" for version in spoken)
            text = f"[{peer.section}]:Address= {peer.address}: {only} leaves its family out"
            yield subject.warning(peer.section, "Address", text)


def _stack(subject: Subject) -> StackKind | None:
    wanted = subject.configuration.general.ipsec_stack
    try:
        choice = choose_stack(wanted, kernel_takes_part=subject.options.kernel_takes_part)
    except ValueError:
        return None
    return choice.kind


def _capabilities(subject: Subject) -> Capabilities | None:
    kinds = {StackKind.USERSPACE: DataPlane.capabilities, StackKind.NONE: NoStack.capabilities}
    kind = _stack(subject)
    return kinds[kind] if kind is not None else None
