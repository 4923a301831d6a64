"""Choose the SPIs and CPIs this host receives on (RFC 4303 section 2.1, RFC 3173 section 3.3)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from isakmpd.wire.numbers import Protocol

Entropy = Callable[[int], bytes]

FIRST_FREE_SPI = 0x100  # 0 stays local to a host, IANA holds 1 to 255
LAST_FREE_CPI = 0xEFFF  # from 61440 on they are for private agreements


class SpiPool:
    """Hand out random SPIs no other SA of this host and protocol uses, whatever its destination."""

    def __init__(self, entropy: Entropy) -> None:
        self.entropy = entropy
        self._used: defaultdict[Protocol, set[int]] = defaultdict(set)

    def allocate(self, protocol: Protocol = Protocol.IPSEC_ESP) -> int:
        """Choose an unused SPI, or a CPI for IPCOMP, and hold it until it is released."""
        compression = protocol == Protocol.IPCOMP
        last = LAST_FREE_CPI if compression else 0xFFFFFFFF
        used = self._used[protocol]
        while True:
            spi = int.from_bytes(self.entropy(2 if compression else 4))
            if FIRST_FREE_SPI <= spi <= last and spi not in used:
                used.add(spi)
                return spi

    def hold(self, spi: int, protocol: Protocol = Protocol.IPSEC_ESP) -> None:
        """Keep an SPI that was chosen elsewhere from being handed out."""
        self._used[protocol].add(spi)

    def release(self, spi: int, protocol: Protocol = Protocol.IPSEC_ESP) -> None:
        """Let the SPI be chosen again."""
        self._used[protocol].discard(spi)

    def __len__(self) -> int:
        return sum(map(len, self._used.values()))
