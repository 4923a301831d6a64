"""Decide which of two SAs for the same purpose gives way, so that both ends decide alike.

An SA whose exchange began after the other was established is its successor. Where the exchanges ran
side by side, because both ends began one, neither end need know which was first; a rank that both
ends can compute decides.
"""

from __future__ import annotations

from typing import Protocol


class Generation(Protocol):
    """Be an SA among several for the same purpose."""

    @property
    def initiator(self) -> bool:
        """Tell whether this end began the exchange that made it."""

    @property
    def began(self) -> float:
        """Tell when that exchange began, in seconds, as this end saw it."""

    @property
    def established(self) -> float:
        """Tell when it ended, in seconds, as this end saw it."""

    @property
    def rank(self) -> tuple[int | bytes, ...]:
        """Give what both ends know of the SA and no two SAs share."""


def succeeds(new: Generation, old: Generation) -> bool:
    """Tell whether ``new`` takes the place of ``old``, rather than giving way to it."""
    return follows(new, old) or new.rank > old.rank


def deletes(new: Generation, old: Generation) -> bool:
    """Tell whether this end deletes the one that gives way.

    The end that begins a successor knows what it replaces, also where the other end saw the two
    side by side. Of two side by side both ends delete the same one, and do no harm by it.
    """
    return new.initiator or not follows(new, old)


def follows(new: Generation, old: Generation) -> bool:
    """Tell whether ``new`` began only when ``old`` existed."""
    return old.established <= new.began
