"""Choose the SPIs this host receives on (RFC 4303 section 2.1)."""

from __future__ import annotations

from collections.abc import Callable

Entropy = Callable[[int], bytes]

FIRST_FREE_SPI = 0x100  # 0 stays local to a host, IANA holds 1 to 255


class SpiPool:
    """Hand out random SPIs no other SA of this host uses, whatever its destination address."""

    def __init__(self, entropy: Entropy) -> None:
        self.entropy = entropy
        self._used: set[int] = set()

    def allocate(self) -> int:
        """Choose an unused SPI and hold it until it is released."""
        while True:
            spi = int.from_bytes(self.entropy(4))
            if spi >= FIRST_FREE_SPI and spi not in self._used:
                self._used.add(spi)
                return spi

    def hold(self, spi: int) -> None:
        """Keep an SPI that was chosen elsewhere from being handed out."""
        self._used.add(spi)

    def release(self, spi: int) -> None:
        """Let the SPI be chosen again."""
        self._used.discard(spi)

    def __len__(self) -> int:
        return len(self._used)
