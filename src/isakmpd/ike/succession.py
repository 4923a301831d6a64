"""Decide which of two SAs for the same purpose gives way, so that both ends decide alike.

One end begins its exchanges one after the other, so of two SAs it began the later one stays. When
each end began one, an end may have completed the first when it begins the second, or both run side
by side; because messages take their time the two ends can see that differently. So a second
exchange counts as later only after a margin, and a rank that both ends compute decides within it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

MARGIN = 5.0  # seconds, more than messages travel
# Longer than FIRST_WAIT of an exchange: a last message that was lost is repeated within it.
LINGER = 10.0  # seconds an SA that gives way still receives


class Generation(Protocol):
    """Be an SA among several for the same purpose."""

    replaced: bool

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


G = TypeVar("G", bound=Generation)


def settle(new: G, others: Iterable[G], bury: Callable[[G, G], None]) -> None:
    """Mark what gives way among a new SA and those for the same purpose, and ``bury(heir, old)``.

    Whether this end is to delete it, and when, ``deletes`` and ``linger`` tell.
    """
    for other in others:
        heir, old = (other, new) if gives_way(new, other) else (new, other)
        if old is new and heir.replaced:
            continue  # what gives way itself takes nobody's place
        bury(heir, old)
        old.replaced = True


def gives_way(one: Generation, other: Generation) -> bool:
    """Tell whether ``one`` gives way to ``other``, rather than the other way round."""
    if one.initiator is other.initiator:
        return one.began <= other.began
    if follows(other, one) or follows(one, other):
        return follows(other, one)
    return one.rank < other.rank


def deletes(heir: Generation, old: Generation) -> bool:
    """Tell whether this end deletes ``old``, which gives way to ``heir``.

    The end that began the heir does. Of two side by side the other end does too, a little later,
    should the first have seen one follow the other.
    """
    side_by_side = heir.initiator is not old.initiator and not follows(heir, old)
    return heir.initiator or side_by_side


def linger(heir: Generation) -> float:
    """Give the seconds after which this end deletes what gives way to ``heir``."""
    return LINGER if heir.initiator else LINGER + MARGIN


def follows(new: Generation, old: Generation) -> bool:
    """Tell whether ``new`` began when ``old`` was certainly known at both ends."""
    return new.began >= old.established + MARGIN
