"""Check the files a daemon would read and write: that they are there, ours and nobody else's."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from isakmpd.daemon.capture import judge_capture
from isakmpd.daemon.fifo import STANDARD_INPUT
from isakmpd.daemon.findings import Finding, Subject, fault_of, warning_about
from isakmpd.daemon.secret_files import UnsafeFileError, judge_secret_file
from isakmpd.daemon.sentence import sentence
from isakmpd.privsep.files import NotOursError, refuse_what_is_not_ours

# Tags that name a file with secrets, or a directory of such.
_SECRETS: Final = (
    ("General", "Policy-file"),
    ("KeyNote", "Credential-directory"),
    ("X509-certificates", "Private-key"),
    ("X509-certificates", "Private-key-directory"),
)


def configuration_directory(subject: Subject) -> Iterator[Finding]:
    """Warn of a directory in which others can replace the configuration."""
    directory = subject.file.parent
    with suppress(OSError):
        found = directory.stat()
        mode = stat.S_IMODE(found.st_mode)
        if mode & 0o022 and not mode & stat.S_ISVTX:
            yield warning_about(
                directory,
                f"its mode is {mode:04o}, so that others can replace what is in it; expected 0755"
                f" or less: chmod go-w {directory}",
            )
        if found.st_uid not in (0, os.geteuid()):
            yield warning_about(
                directory,
                f"it belongs to user {found.st_uid}, who can replace what is in it; expected root",
            )


def secrets(subject: Subject) -> Iterator[Finding]:
    """Find files with secrets, named or at their usual places, that others can get at.

    Those that are not there are missed by whoever needs them.
    """
    for section, tag in _SECRETS:
        value = subject.bindings.get(section, tag)
        if not value or "\0" in value:
            continue
        for path in _files_at(Path(value)):
            with suppress(OSError):
                try:
                    judge_secret_file(path, path.stat())
                except UnsafeFileError as unsafe:
                    yield subject.warning(section, tag, f"[{section}]:{tag}= {value}: {unsafe}")


def _files_at(path: Path) -> list[Path]:
    try:
        if path.is_dir():
            return sorted(one for one in path.iterdir() if not one.is_dir())
        return [path] if path.exists() else []
    except OSError:
        return []


def run_directories(subject: Subject) -> Iterator[Finding]:
    """Warn of directories in which files of the daemon cannot be made."""
    paths = subject.options.paths
    named = [paths.result, paths.pid, paths.report]
    if paths.fifo != STANDARD_INPUT:
        named.append(paths.fifo)
    if subject.options.capture:
        named.append(paths.capture)
    for directory in dict.fromkeys(path.parent for path in named):
        if not directory.exists():
            yield warning_about(
                directory, "there is no such directory: isakmpd starts only once there is"
            )
        elif not directory.is_dir():
            yield fault_of(directory, "it is not a directory")
        elif not os.access(directory, os.W_OK | os.X_OK):
            yield warning_about(directory, f"user {os.geteuid()} cannot make files in it")


def files_in_the_way(subject: Subject) -> Iterator[Finding]:
    """Find what the daemon will not replace or add to."""
    paths = subject.options.paths
    for path in (paths.pid, paths.report, paths.result):
        try:
            refuse_what_is_not_ours(path)
        except NotOursError as refused:
            yield fault_of(path, f"isakmpd will not replace it: {refused.strerror}")
        except OSError as problem:
            yield warning_about(path, sentence(problem))
    if paths.fifo != STANDARD_INPUT:
        yield from _in_the_way_of_the_fifo(paths.fifo)
    if subject.options.capture:
        yield from _in_the_way_of_the_capture(paths.capture)


def _in_the_way_of_the_fifo(path: Path) -> Iterator[Finding]:
    with suppress(OSError):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
            kind = "a directory" if stat.S_ISDIR(mode) else "a regular file"
            yield fault_of(
                path,
                f"isakmpd will not replace it by a FIFO: it is {kind}; remove it or name another"
                " with -f",
            )


def _in_the_way_of_the_capture(path: Path) -> Iterator[Finding]:
    with suppress(OSError):
        try:
            judge_capture(path.lstat())
        except ValueError as refused:
            yield fault_of(path, f"isakmpd will not capture to it: {refused}")
