"""Keep the routing rules of all selectors installed, each once, and all of them removable."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable, Hashable, Iterable

from isakmpd.daemon.flow_rules import Instance, Item, frame, rules_of_selector
from isakmpd.daemon.journal import Journal
from isakmpd.ike.ipsec import Selector
from isakmpd.privsep.requests import Add, Privileged, Remove, Route
from isakmpd.wire.addresses import Address


class Routing:
    """Bring selectors' packets to one instance's TUN device.

    Their users, flows and guards, share rules (a family's frame, a selector): a rule goes with its
    last user. What a killed predecessor left behind stays until ``disinherit``.
    """

    def __init__(
        self,
        instance: Instance,
        privileged: Privileged,
        journal: Journal,
        log: Callable[[str], None],
        udp_ports: tuple[int, ...],
    ) -> None:
        self._instance = instance
        self._privileged = privileged
        self._journal = journal
        self._log = log
        self._udp_ports = udp_ports
        self._items: dict[Hashable, tuple[Item, ...]] = {}
        self._users: Counter[Item] = Counter()
        self._inherited: dict[Item, None] = {}

    def inherit(self, items: Iterable[Item]) -> None:
        """Take over what a killed predecessor left: it goes on refusing packets meanwhile."""
        for item in items:
            if isinstance(item, Route) and item.device is not None:
                self._journal.removed(item)  # gone with the device
            else:
                self._inherited[item] = None

    def disinherit(self) -> int:
        """Remove what was inherited and nobody has asked for since; tell how much that was."""
        before = len(self._inherited)
        for item in [*self._inherited][::-1]:
            if self._removed(item):
                del self._inherited[item]
        return before - len(self._inherited)

    def add(
        self, user: Hashable, selectors: Iterable[Selector], preferred_source: Address | None
    ) -> None:
        """Route selectors' packets to the device; raises OSError, having changed nothing.

        What the user had before and does not name again goes.
        """
        items = tuple(
            item
            for selector in selectors
            for item in (
                *frame(self._instance, selector.local.version, self._udp_ports),
                *rules_of_selector(selector, self._instance, preferred_source),
            )
        )
        installed: list[Item] = []
        try:
            for item in items:
                self._use(item)
                installed.append(item)
        except OSError:
            self._release(installed)
            raise
        before = self._items.get(user, ())
        self._items[user] = items
        self._release(before)

    def remove(self, user: Hashable) -> None:
        """Give the packets that only this user has here the path they had without us."""
        self._release(self._items.pop(user, ()))

    def close(self) -> bool:
        """Remove everything; False when something stayed, which the journal then remembers."""
        for user in list(self._items):
            self.remove(user)
        self.disinherit()
        return not self._users and not self._inherited

    def _use(self, item: Item) -> None:
        if item in self._inherited:
            del self._inherited[item]
        elif not self._users[item]:
            self._journal.adding(item)
            try:
                self._privileged.change(Add(item))
            except OSError as problem:
                # Numbered as ours, so ours: a run directory that was lost took its journal along.
                if problem.errno != errno.EEXIST:
                    del self._users[item]
                    self._journal.removed(item)
                    raise
        self._users[item] += 1

    def _release(self, items: tuple[Item, ...] | list[Item]) -> None:
        # The selector's own rule goes first: it stands last, behind its exceptions.
        for item in reversed(items):
            self._users[item] -= 1
            if self._users[item]:
                continue
            if self._removed(item):
                del self._users[item]

    def _removed(self, item: Item) -> bool:
        try:
            self._privileged.change(Remove(item))
        except OSError as problem:
            self._log(f"data plane: cannot remove {item}: {problem.strerror}")
            return False
        self._journal.removed(item)
        return True
