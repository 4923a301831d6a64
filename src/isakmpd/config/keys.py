"""Read pre-shared keys: a peer's own, and those of sections named after an identity."""

from __future__ import annotations

import re

from isakmpd.config.addresses import opaque, parsed_address
from isakmpd.config.bindings import Bindings
from isakmpd.config.reading import ConfigError, Reading, Section
from isakmpd.crypto.secret import Secret

_TAG = "Authentication"
_TAGS_OF_PEERS = ("Phase", "Address", "Configuration")
_NAME = re.compile(r"(?:[!-.0-?A-Z\\^-~]+@)?[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?\.?")


def pre_shared_key(section: Section) -> Secret | None:
    """Give the key a section holds, as text or as 0x and hex digits, None where it has none."""
    value = section.get(_TAG)
    if value is None:
        return None
    key = opaque(section, _TAG, value)
    if not key:
        raise section.fault(_TAG, "the key is empty; expected a secret shared with the peer")
    return Secret(key)


def keys_by_id(reading: Reading) -> dict[str, Secret]:
    """Collect the keys of sections that are named after an identity and are no peers'.

    An address names its section in any spelling, a host or a user as the peer spells the name.
    """
    peers = _named_as_peers(reading.bindings)
    found: dict[str, Secret] = {}
    for name in [binding.section for binding in reading.bindings.each(_TAG)]:
        if name.lower() in peers or _looks_like_a_peer(reading.bindings, name):
            continue
        identity = _identity_text(name)
        if identity is None:
            continue
        section = reading.section(name)
        try:
            key = pre_shared_key(section)
        except ConfigError as fault:
            reading.leave_out("key", name, fault.problem)
            continue
        if identity in found:
            text = f"another section holds the key of {identity}; this one is ignored"
            section.report(section.problem("", text))
        elif key is not None:
            found[identity] = key
    return found


def _identity_text(name: str) -> str | None:
    """Give the identity a section is named after, as identities are printed, None for others."""
    address = parsed_address(name)
    if address is not None:
        return str(address)
    return name if _NAME.fullmatch(name) else None


def _looks_like_a_peer(bindings: Bindings, name: str) -> bool:
    return any(bindings.get(name, tag) is not None for tag in _TAGS_OF_PEERS)


def _named_as_peers(bindings: Bindings) -> set[str]:
    """List what the file names as peers, which may leave out every tag but the key."""
    named = [binding.value for binding in bindings.written_in("Phase 1").values()]
    named += [binding.value for binding in bindings.each("ISAKMP-peer")]
    return {name.lower() for name in named}
