"""Find what is meant for a packet among everything that has a selector (RFC 4301 section 4.4.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter
from typing import Generic, Protocol, TypeVar

from isakmpd.esp.inner import Endpoints, endpoints
from isakmpd.esp.selectors import TrafficSelector
from isakmpd.ike.ipsec import Selector

REMEMBERED_KEYS = 4096


def compiled(selector: Selector) -> TrafficSelector:
    """Compile the engine's selector for packets; raises ValueError for mixed families."""
    return TrafficSelector.of(
        selector.local,
        selector.remote,
        selector.protocol,
        selector.local_port,
        selector.remote_port,
    )


class Selecting(Protocol):
    """Anything that is meant for the outgoing packets of a selector."""

    compiled: TrafficSelector


T = TypeVar("T", bound=Selecting)


class NarrowestFirst(Generic[T]):
    """Look the narrowest selector's owner up for a flow key; of equal selectors the latest's.

    ``remembered`` holds what earlier look-ups found.
    """

    __slots__ = ("_owners", "_sorted", "remembered")

    def __init__(self) -> None:
        self._owners: Iterable[T] = ()
        self._sorted: list[T] | None = []
        self.remembered: dict[bytes, T] = {}

    def __iter__(self) -> Iterator[T]:
        return iter(self._narrowest_first())

    def hold(self, owners: Iterable[T]) -> None:
        """Look up among these from now on, or a view of them, which has changed; the latest comes
        last.
        """
        self._owners = owners
        self._sorted = None
        self.remembered.clear()

    def find(self, key: bytes) -> T | None:
        """Find the owner of the packets with this flow key, and remember it."""
        return self.remembered.get(key) or self.remember(key, self.first(endpoints(key)))

    def first(self, packet: Endpoints) -> T | None:
        """Find the owner of a packet by what it shows."""
        return next((one for one in self if one.compiled.sends(packet)), None)

    def _narrowest_first(self) -> list[T]:
        # Not before a packet asks: a thousand connections come with one configuration.
        if self._sorted is None:
            latest_first = [*self._owners][::-1]
            self._sorted = sorted(latest_first, key=attrgetter("compiled.narrowness"), reverse=True)
        return self._sorted

    def remember(self, key: bytes, found: T | None) -> T | None:
        """Keep what was found for the next packet with this flow key."""
        if found is not None:
            if len(self.remembered) >= REMEMBERED_KEYS:
                self.remembered.clear()
            self.remembered[key] = found
        return found
