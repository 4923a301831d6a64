"""Remember which connections wait for phase 1, and with which peer."""

from __future__ import annotations

from isakmpd.config.model import Peer
from isakmpd.ike.sa import IsakmpSa


def goal(peer: Peer | None, section: str, toward: IsakmpSa | None) -> str:
    """Name whom phase 1 is to reach: a section with an Address is one peer, else an SA tells."""
    if toward is None or (peer is not None and peer.address is not None):
        return section
    return toward.peer_key


class Waiting:
    """Hold the names of connections by whom their phase 1 is to reach."""

    def __init__(self) -> None:
        self._names: dict[str, dict[str, None]] = {}

    def add(self, goal: str, name: str) -> None:
        """Have a connection wait."""
        self._names.setdefault(goal, {})[name] = None

    def take(self, *goals: str) -> list[str]:
        """Give the connections whose waiting is over."""
        return [name for goal in goals for name in self._names.pop(goal, ())]

    def drop(self, name: str) -> list[str]:
        """Have a connection wait no longer; give the goals that nobody waits for any more."""
        idle = []
        for goal, names in list(self._names.items()):
            if name in names:
                del names[name]
                if not names:
                    del self._names[goal]
                    idle.append(goal)
        return idle

    def awaited(self, goal: str) -> bool:
        """Tell whether anybody waits to reach a goal."""
        return goal in self._names

    def has(self, name: str, goal: str | None = None) -> bool:
        """Tell whether a connection waits, perhaps for a goal of its own."""
        if goal is not None:
            return name in self._names.get(goal, ())
        return any(name in names for names in self._names.values())
