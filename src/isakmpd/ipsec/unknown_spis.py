"""Report ESP packets whose SPI names no SA, few enough for any flood (RFC 4301 section 4.4.2)."""

from __future__ import annotations

from isakmpd.ike.ipsec import UnknownSpi
from isakmpd.ipsec.spis import FIRST_FREE_SPI
from isakmpd.wire.addresses import Address

UNKNOWN_SPI_INTERVAL = 1.0  # seconds between two reports about one source
REMEMBERED_SOURCES = 1024


class UnknownSpis:
    """Remember which sources were reported lately."""

    def __init__(self) -> None:
        self._reported: dict[Address, float] = {}

    def report(
        self, spi: int, source: Address, destination: Address, now: float
    ) -> UnknownSpi | None:
        """Give what to report about a packet, None for nothing."""
        if spi < FIRST_FREE_SPI:
            return None
        reported = self._reported
        last = reported.get(source)
        if last is not None and now - last < UNKNOWN_SPI_INTERVAL:
            return None
        if len(reported) >= REMEMBERED_SOURCES:
            stale = [a for a, at in reported.items() if now - at >= UNKNOWN_SPI_INTERVAL]
            for address in stale:
                del reported[address]
            if not stale:
                return None  # a flood of forged sources must not become a flood of reports
        reported[source] = now
        return UnknownSpi(source, destination, spi)
