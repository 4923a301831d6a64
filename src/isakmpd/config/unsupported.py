"""Name the tags this version knows and does nothing about, lest somebody counts on them.

What would weaken or break a tunnel if it were passed over is refused where it is read; these are
the others. Nothing here is missed: no credential or policy is ever accepted.
"""

from __future__ import annotations

from collections.abc import Mapping

from isakmpd.config.reading import Reading

_DAEMON_WIDE: Mapping[str, tuple[str, ...]] = {
    "General": ("Policy-file", "Shared-SADB"),
    "KeyNote": ("Credential-directory",),
}
# The last one counts uses of sections that the original itself writes, and so may Acquire-ID.
OF_PEERS = ("Credentials", "Credential_Type", "PKAuthentication", "Refcount")
OF_CONNECTIONS = ("PF-Tag", "Acquire-ID", "Refcount")


def warn_of_unsupported_tags(reading: Reading) -> None:
    """Warn of each such tag that somebody wrote into a section with a fixed name."""
    for name, tags in _DAEMON_WIDE.items():
        reading.section(name).pass_over(*tags)
