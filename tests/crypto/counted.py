"""Entropy for tests: never the same twice in one run, always the same in the next."""

from hashlib import shake_256


class Counted:
    """Give octets made of the number of the call, and remember how many were asked."""

    def __init__(self) -> None:
        """Start from the beginning."""
        self.asked: list[int] = []

    def __call__(self, count: int) -> bytes:
        """Give octets made of the number of the call."""
        self.asked.append(count)
        return shake_256(len(self.asked).to_bytes(4)).digest(count)
