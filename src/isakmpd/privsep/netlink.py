"""Change routing rules, routes and addresses over rtnetlink."""

from __future__ import annotations

import errno
import socket

from isakmpd.privsep import rtnetlink
from isakmpd.privsep.requests import Item

_ABSENT = (
    errno.ENOENT,
    errno.ESRCH,
    errno.ENODEV,
    errno.EADDRNOTAVAIL,
    errno.EAFNOSUPPORT,
    errno.EOPNOTSUPP,
)
_LARGEST_ANSWER = 1 << 16


class RoutingNetlink:
    """Hold one rtnetlink socket; the kernel has carried a request out when its answer is there."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._sequence = 0

    def add(self, item: Item) -> None:
        """Add a rule, route or address; raises OSError."""
        self._ask(rtnetlink.addition(item, self._next()))

    def remove(self, item: Item) -> None:
        """Remove a rule, route or address if it is there; raises OSError."""
        try:
            self._ask(rtnetlink.removal(item, self._next()))
        except OSError as problem:
            if problem.errno not in _ABSENT:
                raise

    def tables_in_rules(self) -> frozenset[int]:
        """Name the routing tables any rule looks up."""
        tables: set[int] = set()
        for version in (4, 6):
            try:
                rules = self._ask(rtnetlink.listing(version, self._next()))
            except OSError:
                continue
            tables.update(map(rtnetlink.table_of, rules))
        return frozenset(tables)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _ask(self, request: bytes) -> list[rtnetlink.Answer]:
        """Send a request and take the answer up to its end; raises OSError for a refusal."""
        self._socket.sendto(request, (0, 0))
        answer: list[rtnetlink.Answer] = []
        while True:
            for message in rtnetlink.answers(self._socket.recv(_LARGEST_ANSWER)):
                if message.sequence != self._sequence:
                    continue  # what is left of an answer that was given up
                if message.kind == rtnetlink.ERROR:
                    if (refusal := rtnetlink.refusal(message)) is not None:
                        raise refusal
                    return answer
                if message.kind == rtnetlink.DONE:
                    return answer
                answer.append(message)
