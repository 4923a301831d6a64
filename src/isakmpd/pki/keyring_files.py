"""Make a keyring of the octets of the PKI directories' files; a broken file harms no other."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.pki.keyring import EMPTY, Keyring

File = tuple[str, bytes]  # path as the log shall name it, octets


@dataclass(frozen=True, slots=True)
class Rules:
    """Hold what the tags of [X509-certificates] let pass."""

    allow_weak: bool = False  # SHA-1 signatures and RSA of 1024 bits and more
    accept_self_signed: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """Hold what was read from the directories.

    `private_key` is the file of the tag Private-key. `private_keys` are (name, path, octets), the
    name being that of the file: an address, a host name or user@host. `public_keys` are (kind, name,
    path, octets), the kind being the directory: ipv4, ipv6, fqdn or ufqdn.
    """

    authorities: tuple[File, ...] = ()
    certificates: tuple[File, ...] = ()
    revocation_lists: tuple[File, ...] = ()
    private_key: File | None = None
    private_keys: tuple[tuple[str, str, bytes], ...] = ()
    public_keys: tuple[tuple[str, str, str, bytes], ...] = ()


def build(files: Files, rules: Rules) -> tuple[Keyring, tuple[tuple[str, str], ...]]:
    """Give the keyring and, for each file that could not be used, its path and the reason."""
    raise NotImplementedError
