"""Keep the routing rules of all flows installed, each once, and all of them removable."""

from __future__ import annotations

import errno
from collections import Counter
from collections.abc import Callable

from isakmpd.daemon.flow_rules import Gateway, Instance, Item, frame, rules_of_flow
from isakmpd.daemon.journal import Journal
from isakmpd.ike.ipsec import Selector
from isakmpd.privsep.requests import Add, Privileged, Remove


class Routing:
    """Bring flows' packets to one instance's TUN device.

    Flows share rules (a family's frame, an exception for a gateway): a rule goes with its last
    user.
    """

    def __init__(
        self,
        instance: Instance,
        privileged: Privileged,
        journal: Journal,
        log: Callable[[str], None],
    ) -> None:
        self._instance = instance
        self._privileged = privileged
        self._journal = journal
        self._log = log
        self._flows: dict[Selector, tuple[Item, ...]] = {}
        self._users: Counter[Item] = Counter()

    def add(self, selector: Selector, gateway: Gateway) -> None:
        """Route the selector's packets to the device; raises OSError, having changed nothing.

        A selector that is routed already is adapted to its new gateway.
        """
        items = (
            *frame(self._instance, selector.local.version),
            *rules_of_flow(selector, self._instance, gateway),
        )
        installed: list[Item] = []
        try:
            for item in items:
                self._use(item)
                installed.append(item)
        except OSError:
            self._release(installed)
            raise
        before = self._flows.get(selector, ())
        self._flows[selector] = items
        self._release(before)

    def remove(self, selector: Selector) -> None:
        """Give the selector's packets back the path they had without us."""
        self._release(self._flows.pop(selector, ()))

    def close(self) -> bool:
        """Remove everything; False when something stayed, which the journal then remembers."""
        for selector in list(self._flows):
            self.remove(selector)
        return not self._users

    def _use(self, item: Item) -> None:
        if not self._users[item]:
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
        # The flow's own rule goes first: it stands last, behind its exceptions.
        for item in reversed(items):
            self._users[item] -= 1
            if self._users[item]:
                continue
            try:
                self._privileged.change(Remove(item))
            except OSError as problem:
                self._log(f"data plane: cannot remove {item}: {problem.strerror}")
                continue
            del self._users[item]
            self._journal.removed(item)
