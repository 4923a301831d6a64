"""Read certificates, revocation lists and keys where [X509-certificates] says that they lie.

A file that cannot be used is named in the log, and harms no other.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from isakmpd.config.model import Configuration, PkiSettings
from isakmpd.crypto.signature_methods import SIGNATURES
from isakmpd.daemon.opener import Files
from isakmpd.daemon.secret_files import UnsafeFileError, read_secret_file
from isakmpd.pki.keyring import EMPTY, Keyring
from isakmpd.pki.rules import Rules

_LARGEST = 1 << 20  # octets of a file; a list of what a large authority has revoked is such
_MOST_FILES = 10000  # of a directory
_REQUEST = b"-----BEGIN CERTIFICATE REQUEST-----"
_KINDS = ("ipv4", "ipv6", "fqdn", "ufqdn")  # directories of public keys


Report = Callable[[str, str], None]  # path, reason


@dataclass(frozen=True, slots=True)
class _Found:
    name: str
    path: Path
    octets: bytes


def signs(configuration: Configuration) -> bool:
    """Tell whether any peer may be proved by signatures."""
    return any(
        transform.authentication is None or transform.authentication in SIGNATURES
        for peer in configuration.peers.values()
        for transform in peer.transforms
    )


def load_keyring(configuration: Configuration, files: Files, report: Report) -> Keyring:
    """Read everything that proves identities; nothing, and no library, where nobody signs.

    ``report`` is told of each file that cannot be used, and why.
    """
    if not signs(configuration):
        return EMPTY
    from isakmpd.pki import keyring_files  # noqa: PLC0415  who has pre-shared keys does without

    settings = configuration.pki
    reader = _Reader(files, report)
    keyring, problems = keyring_files.build(
        keyring_files.Files(
            authorities=reader.certificates(settings.ca_directory),
            certificates=reader.certificates(settings.cert_directory),
            revocation_lists=reader.certificates(settings.crl_directory),
            private_key=reader.private_key(settings.private_key),
            private_keys=reader.private_keys(settings),
            public_keys=tuple(reader.public_keys(settings.pubkey_directory)),
        ),
        Rules(settings.allow_weak, settings.accept_self_signed),
    )
    for path, reason in problems:
        report(path, reason)
    return keyring


class _Reader:
    """Read the files of directories, saying what cannot be read."""

    def __init__(self, files: Files, report: Report) -> None:
        self._files = files
        self._report = report

    def certificates(self, directory: str) -> tuple[tuple[str, bytes], ...]:
        """Read what everybody may see."""
        return tuple((str(each.path), each.octets) for each in self._all(directory, self._public))

    def private_key(self, path: str) -> tuple[str, bytes] | None:
        """Read the key of [X509-certificates]:Private-key, None where there is none."""
        found = self._read(Path(path), self._private) if path else None
        return (str(found.path), found.octets) if found is not None else None

    def private_keys(self, settings: PkiSettings) -> tuple[tuple[str, str, bytes], ...]:
        """Read the keys that are named after identities, but not the one that has a tag."""
        return tuple(
            (each.name, str(each.path), each.octets)
            for each in self._all(
                settings.private_key_directory, self._private, but=settings.private_key
            )
        )

    def public_keys(self, directory: str) -> Iterator[tuple[str, str, str, bytes]]:
        """Read the peers' bare keys, each with its directory and name."""
        for kind in _KINDS:
            for each in self._all(str(Path(directory) / kind), self._public):
                yield kind, each.name, str(each.path), each.octets

    def _all(
        self, directory: str, read: Callable[[Path], bytes | None], but: str = ""
    ) -> Iterator[_Found]:
        if not directory:
            return
        folder = Path(directory)
        try:
            names = self._files.list(folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as problem:
            self._report(str(folder), problem.strerror or str(problem))
            return
        if len(names) > _MOST_FILES:
            self._report(str(folder), f"{len(names)} files, only the first {_MOST_FILES} are read")
        for name in names[:_MOST_FILES]:
            path = folder / name
            if name.startswith(".") or path == Path(but):
                continue
            found = self._read(path, read)
            if found is not None:
                yield found

    def _read(self, path: Path, read: Callable[[Path], bytes | None]) -> _Found | None:
        try:
            octets = read(path)
        except FileNotFoundError:
            return None
        except UnsafeFileError as problem:
            reason = str(problem).removeprefix(f"{path} ")
            self._report(str(path), f"{reason}; the key is not used")
            return None
        except OSError as problem:
            self._report(str(path), problem.strerror or str(problem))
            return None
        return None if octets is None else _Found(path.name, path, octets)

    def _private(self, path: Path) -> bytes | None:
        """Read a key that only root or we can read; raises UnsafeFileError."""
        # Judged first for what it is: a directory beside the keys is no fault.
        return None if self._public(path) is None else read_secret_file(path, self._files.open)

    def _public(self, path: Path) -> bytes | None:
        """Read a regular file, None for what is none or holds a request for a certificate."""
        descriptor = self._files.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            os.close(descriptor)
            return None
        with os.fdopen(descriptor, "rb") as file:
            if found.st_size > _LARGEST:
                self._report(str(path), f"{found.st_size} octets, expected {_LARGEST} at most")
                return None
            octets = file.read(_LARGEST)
        # Requests lie beside keys, as isakmpd(8) has it.
        return None if _REQUEST in octets else octets
