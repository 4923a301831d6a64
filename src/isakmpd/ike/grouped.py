"""Keep together what shares a name, so that finding it does not mean looking at everything."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Grouped(Generic[T]):
    """Hold members by name, each name's in the order they came."""

    def __init__(self) -> None:
        self._members: dict[str, dict[T, None]] = {}

    def add(self, name: str, member: T) -> None:
        """Take a member under a name."""
        self._members.setdefault(name, {})[member] = None

    def remove(self, name: str, member: T) -> None:
        """Let a member go, which is there."""
        members = self._members[name]
        del members[member]
        if not members:
            del self._members[name]

    def of(self, name: str) -> list[T]:
        """List the members of a name, the oldest first."""
        return list(self._members.get(name, ()))
