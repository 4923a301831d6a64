"""Change routing rules and routes over rtnetlink."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from isakmpd.privsep.requests import Route, Rule, RuleAction

if TYPE_CHECKING:
    from pyroute2 import IPRoute  # type: ignore[import-untyped]

# The originator of our rules and routes, a number nobody assigned (linux/rtnetlink.h: rtm_protocol)
ORIGINATOR = 73
LAST_RESORT_METRIC = 0xFFFFFFFE

_ABSENT = (errno.ENOENT, errno.ESRCH, errno.ENODEV, errno.EAFNOSUPPORT, errno.EOPNOTSUPP)

Answer = TypeVar("Answer")


class RoutingNetlink:
    """Hold one rtnetlink socket in a thread of its own.

    pyroute2 runs an event loop below every call, which a thread that runs the daemon's event loop
    may not do. It is imported here, on first use: that costs 80 ms and 14 MB.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rtnetlink")
        self._socket: IPRoute = self._thread.submit(_open).result()

    def add(self, item: Rule | Route) -> None:
        """Add a rule or route; raises OSError."""
        self._call(_add, item)

    def remove(self, item: Rule | Route) -> None:
        """Remove a rule or route if it is there; raises OSError."""
        try:
            self._call(_remove, item)
        except OSError as problem:
            if problem.errno not in _ABSENT:
                raise

    def tables_in_rules(self) -> frozenset[int]:
        """Name the routing tables any rule looks up."""
        return self._call(_tables_in_rules)

    def close(self) -> None:
        """Close the socket and end the thread."""
        self._thread.submit(self._socket.close).result()
        self._thread.shutdown()

    def _call(self, act: Callable[..., Answer], *arguments: object) -> Answer:
        return self._thread.submit(_with_os_errors, act, self._socket, *arguments).result()


def _open() -> IPRoute:
    from pyroute2 import IPRoute  # noqa: PLC0415 - expensive, see above

    return IPRoute()


def _with_os_errors(act: Callable[..., Answer], *arguments: object) -> Answer:
    from pyroute2.netlink.exceptions import (  # type: ignore[import-untyped]  # noqa: PLC0415
        NetlinkError,
    )

    try:
        return act(*arguments)
    except NetlinkError as problem:
        raise OSError(problem.code, os.strerror(problem.code)) from problem


def _add(netlink: IPRoute, item: Rule | Route) -> None:
    if isinstance(item, Rule):
        netlink.rule("add", **_rule(item))
    else:
        netlink.route("add", **_route(item))


def _remove(netlink: IPRoute, item: Rule | Route) -> None:
    if isinstance(item, Rule):
        netlink.rule("del", **_rule(item))
    else:
        netlink.route("del", **_route(item))


def _tables_in_rules(netlink: IPRoute) -> frozenset[int]:
    tables = set()
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            tables |= {rule.get("table") or 0 for rule in netlink.get_rules(family=family)}
        except OSError:
            continue
    return frozenset(tables)


def _rule(rule: Rule) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "family": _family(rule.version),
        "priority": rule.priority,
        "protocol": ORIGINATOR,
        "action": {
            RuleAction.LOOKUP: "to_tbl",
            RuleAction.GOTO: "goto",
            RuleAction.NOP: "nop",
        }[rule.action],
    }
    if rule.action is RuleAction.LOOKUP:
        fields["table"] = rule.target
    elif rule.action is RuleAction.GOTO:
        fields["goto"] = rule.target
    if rule.source is not None and rule.source.prefixlen:
        fields |= {"src": str(rule.source.network_address), "src_len": rule.source.prefixlen}
    if rule.destination is not None and rule.destination.prefixlen:
        destination = str(rule.destination.network_address)
        fields |= {"dst": destination, "dst_len": rule.destination.prefixlen}
    if rule.protocol:
        fields["ip_proto"] = rule.protocol
    if rule.source_port:
        fields["sport_range"] = f"{rule.source_port}:{rule.source_port}"
    if rule.destination_port:
        fields["dport_range"] = f"{rule.destination_port}:{rule.destination_port}"
    if rule.mark:
        fields |= {"fwmark": rule.mark, "fwmask": 0xFFFFFFFF}
    if rule.arriving_on:
        fields["iifname"] = rule.arriving_on
    if rule.but_default:
        fields["suppress_prefixlen"] = 0
    return fields


def _route(route: Route) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "family": _family(route.version),
        "dst": "default" if route.destination is None else str(route.destination),
        "table": route.table,
        "proto": ORIGINATOR,
    }
    if route.device is None:
        return fields | {"type": "unreachable", "priority": LAST_RESORT_METRIC}
    if route.source is not None:
        fields["prefsrc"] = str(route.source)
    try:
        index = socket.if_nametoindex(route.device)
    except OSError as problem:
        raise OSError(errno.ENODEV, f"no device {route.device}") from problem
    return fields | {"oif": index, "scope": "link"}


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6
