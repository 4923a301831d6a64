"""Keep together what shares a name, so that finding it does not mean looking at everything."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Grouped(Generic[K, T]):
    """Hold members by name, each name's in the order they came."""

    def __init__(self) -> None:
        self._members: dict[K, dict[T, None]] = {}

    def add(self, name: K, member: T) -> None:
        """Take a member under a name."""
        self._members.setdefault(name, {})[member] = None

    def remove(self, name: K, member: T) -> None:
        """Let a member go, which is there."""
        members = self._members[name]
        del members[member]
        if not members:
            del self._members[name]

    def of(self, name: K) -> list[T]:
        """List the members of a name, the oldest first."""
        return list(self._members.get(name, ()))
