"""Refuse packets seen before (RFC 4303 section 3.4.3 and appendix A2)."""

from __future__ import annotations

DEFAULT_WINDOW = 64  # RFC 4303 section 3.4.3: at least 32, preferably 64
LARGEST_WINDOW = 4096


class ReplayWindow:
    """Remember which of the last ``size`` sequence numbers have arrived; size 0 accepts everything.

    A packet is asked about with ``fresh`` before its ICV is checked, and recorded with ``record``
    only after, so that forged packets cannot move the window.
    """

    __slots__ = ("_mask", "_seen", "highest", "size")

    def __init__(self, size: int = DEFAULT_WINDOW) -> None:
        if not 0 <= size <= LARGEST_WINDOW:
            raise ValueError(f"a replay window has 0 to {LARGEST_WINDOW} packets, not {size}")
        self.size = size
        self.highest = 0
        self._mask = (1 << size) - 1
        self._seen = 0  # bit n: highest - n has arrived

    def fresh(self, sequence: int) -> bool:
        """Tell whether a packet may be new: in or right of the window, and not yet seen."""
        if not self.size:
            return True
        if sequence > self.highest:
            return True
        age = self.highest - sequence
        # The first packet of an SA has sequence number 1: RFC 4303 section 2.2.
        return sequence > 0 and age < self.size and not self._seen >> age & 1

    def record(self, sequence: int) -> None:
        """Mark an authentic packet as seen, moving the window right when it is the newest."""
        ahead = sequence - self.highest
        if ahead > 0:
            self.highest = sequence
            # A jump beyond the window empties it; shifting by 2**32 would build a huge integer.
            self._seen = (self._seen << ahead & self._mask | 1) if ahead < self.size else 1
        else:
            self._seen |= 1 << -ahead & self._mask
