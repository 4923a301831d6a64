"""Change routing rules and routes over rtnetlink."""

from __future__ import annotations

import errno
import os
import socket

from isakmpd.privsep import rtnetlink
from isakmpd.privsep.requests import Route, Rule
from isakmpd.privsep.rtnetlink import ACK, CREATE, DUMP, EXCLUSIVE, Message

_ABSENT = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EAFNOSUPPORT, errno.EOPNOTSUPP)
_LARGEST_ANSWER = 1 << 16


class RoutingNetlink:
    """Hold one rtnetlink socket; the kernel has carried a request out when its answer is there."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._sequence = 0

    def add(self, item: Rule | Route) -> None:
        """Add a rule or route; raises OSError."""
        if isinstance(item, Rule):
            self._change(rtnetlink.NEW_RULE, CREATE | EXCLUSIVE, rtnetlink.rule_body(item))
        else:
            self._change(rtnetlink.NEW_ROUTE, CREATE | EXCLUSIVE, rtnetlink.route_body(item))

    def remove(self, item: Rule | Route) -> None:
        """Remove a rule or route if it is there; raises OSError."""
        try:
            if isinstance(item, Rule):
                self._change(rtnetlink.DELETE_RULE, 0, rtnetlink.rule_body(item))
            else:
                self._change(rtnetlink.DELETE_ROUTE, 0, rtnetlink.route_body(item))
        except OSError as problem:
            if problem.errno not in _ABSENT:
                raise

    def tables_in_rules(self) -> frozenset[int]:
        """Name the routing tables any rule looks up."""
        tables: set[int] = set()
        for version in (4, 6):
            try:
                rules = self._ask(rtnetlink.GET_RULES, DUMP, rtnetlink.rules_wanted(version))
            except OSError:
                continue
            tables.update(rtnetlink.table_of(rule.body) for rule in rules)
        return frozenset(tables)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _change(self, kind: int, flags: int, body: bytes) -> None:
        self._ask(kind, flags | ACK, body)

    def _ask(self, kind: int, flags: int, body: bytes) -> list[Message]:
        """Send a request and take the answer up to its end; raises OSError for a refusal."""
        self._sequence += 1
        self._socket.sendto(rtnetlink.framed(kind, flags, self._sequence, body), (0, 0))
        answer: list[Message] = []
        while True:
            for message in rtnetlink.messages(self._socket.recv(_LARGEST_ANSWER)):
                if message.sequence != self._sequence:
                    continue  # what is left of an answer that was given up
                if message.type == rtnetlink.ERROR:
                    code = rtnetlink.error_of(message.body)
                    if code:
                        raise OSError(code, os.strerror(code))
                    return answer
                if message.type == rtnetlink.DONE:
                    return answer
                answer.append(message)
