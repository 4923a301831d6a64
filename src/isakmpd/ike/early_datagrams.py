"""Keep a little of what arrives before the message it depends on."""

from __future__ import annotations

from isakmpd.ike.transport import Transport

DATAGRAMS = 4
OCTETS = 8192  # in all


class EarlyDatagrams:
    """Hold datagrams of one peer, each once, with where they came from."""

    def __init__(self) -> None:
        self._held: list[tuple[bytes, Transport]] = []

    def keep(self, octets: bytes, at: Transport) -> None:
        """Keep a datagram if there is room."""
        known = any(octets == held for held, _ in self._held)
        size = sum(len(held) for held, _ in self._held)
        if not known and len(self._held) < DATAGRAMS and size + len(octets) <= OCTETS:
            self._held.append((octets, at))

    def take(self) -> list[tuple[bytes, Transport]]:
        """Give what is held, once, in the order of arrival."""
        held, self._held = self._held, []
        return held
