"""Keep secrets out of logs, reprs and tracebacks."""

from __future__ import annotations

import hmac


class Secret:
    """Wrap secret octets: no text form shows them, comparison takes constant time."""

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def reveal(self) -> bytes:
        """Give the octets to the code that computes with them."""
        return self._octets

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._octets, other._octets)

    def __hash__(self) -> int:
        return 0

    def __repr__(self) -> str:
        return "Secret(...)"
