"""Put routing rules, routes and addresses into rtnetlink(7) messages, as pyroute2 codes them.

Only its messages are used: its sockets run an event loop below every call, in a thread of its own,
which cost as much CPU as a whole handshake.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from typing import Any

from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.marshal import MarshalRtnl  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from isakmpd.privsep.requests import DeviceAddress, Item, Route, Rule, RuleAction

# The originator of our rules and routes, a number nobody assigned (linux/rtnetlink.h: rtm_protocol)
ORIGINATOR = 73
LAST_RESORT_METRIC = 0xFFFFFFFE

# linux/netlink.h
REQUEST, ACK, EXCLUSIVE, DUMP, CREATE = 0x1, 0x4, 0x200, 0x300, 0x400
ERROR, DONE = 2, 3

# linux/rtnetlink.h
NEW_ADDRESS, DELETE_ADDRESS = 20, 21
NEW_ROUTE, DELETE_ROUTE = 24, 25
NEW_RULE, DELETE_RULE, GET_RULES = 32, 33, 34
_UNICAST, _UNREACHABLE = 1, 7
_EVERYWHERE, _ON_LINK = 0, 253

_ACTIONS = {RuleAction.LOOKUP: 1, RuleAction.GOTO: 2, RuleAction.NOP: 3}  # linux/fib_rules.h

# linux/fib_rules.h, linux/if_addr.h
_FIND_SOURCE_ADDRESS = 0x10000
_NO_DUPLICATE_DETECTION, _NO_PREFIX_ROUTE = 0x02, 0x200

Attributes = dict[str, str | int]


def addition(item: Item, sequence: int) -> bytes:
    """Ask for an item that must not be there yet; raises OSError without its device."""
    return _change(item, ACK | CREATE | EXCLUSIVE, sequence, removal=False)


def removal(item: Item, sequence: int) -> bytes:
    """Ask for an item to go; raises OSError without its device."""
    return _change(item, ACK, sequence, removal=True)


def _change(item: Item, flags: int, sequence: int, *, removal: bool) -> bytes:
    match item:
        case Rule():
            message, kinds = _rule(item), (NEW_RULE, DELETE_RULE)
        case Route():
            message, kinds = _route(item), (NEW_ROUTE, DELETE_ROUTE)
        case DeviceAddress():
            message, kinds = _address(item), (NEW_ADDRESS, DELETE_ADDRESS)
    return _encoded(message, kinds[removal], flags, sequence)


def listing(version: int, sequence: int) -> bytes:
    """Ask for the rules of one address family."""
    message = fibmsg()
    message["family"] = _family(version)
    return _encoded(message, GET_RULES, DUMP, sequence)


def answers(octets: bytes) -> Iterator[Any]:
    """Read the messages in what the kernel sent; an ERROR has its errno in ``header.error``."""
    yield from MarshalRtnl().parse(octets)


def table_of(rule: Any) -> int:
    """Tell which table a rule looks up, 0 for none."""
    return int(rule.get_attr("FRA_TABLE") or rule["table"])


def refusal(answer: Any) -> OSError | None:
    """Give the error an ERROR message carries, None where it says that all went well."""
    error = answer["header"]["error"]
    return None if error is None else OSError(error.code, os.strerror(error.code))


def _encoded(message: Any, kind: int, flags: int, sequence: int) -> bytes:
    message["header"]["type"] = kind
    message["header"]["flags"] = REQUEST | flags
    message["header"]["sequence_number"] = sequence
    message.encode()
    return bytes(message.data)


def _rule(rule: Rule) -> Any:
    source, destination = rule.source, rule.destination
    message = fibmsg()
    message["family"] = _family(rule.version)
    message["action"] = _ACTIONS[rule.action]
    message["flags"] = _FIND_SOURCE_ADDRESS if rule.finds_source else 0
    attributes: Attributes = {"FRA_PRIORITY": rule.priority, "FRA_PROTOCOL": ORIGINATOR}
    if rule.action is RuleAction.LOOKUP:
        attributes["FRA_TABLE"] = rule.target
    elif rule.action is RuleAction.GOTO:
        attributes["FRA_GOTO"] = rule.target
    if source is not None and source.prefixlen:
        message["src_len"] = source.prefixlen
        attributes["FRA_SRC"] = str(source.network_address)
    if destination is not None and destination.prefixlen:
        message["dst_len"] = destination.prefixlen
        attributes["FRA_DST"] = str(destination.network_address)
    message["attrs"] = list((attributes | _narrowed(rule)).items())
    return message


def _narrowed(rule: Rule) -> Attributes:
    """Say what else than addresses a rule looks at."""
    attributes: Attributes = {}
    if rule.protocol:
        attributes["FRA_IP_PROTO"] = rule.protocol
    if rule.source_port:
        attributes["FRA_SPORT_RANGE"] = f"{rule.source_port}:{rule.source_port}"
    if rule.destination_port:
        attributes["FRA_DPORT_RANGE"] = f"{rule.destination_port}:{rule.destination_port}"
    if rule.mark:
        attributes |= {"FRA_FWMARK": rule.mark, "FRA_FWMASK": 0xFFFFFFFF}
    if rule.arriving_on:
        attributes["FRA_IIFNAME"] = rule.arriving_on
    if rule.but_default:
        attributes["FRA_SUPPRESS_PREFIXLEN"] = 0
    return attributes


def _route(route: Route) -> Any:
    destination, nowhere = route.destination, route.device is None
    message = rtmsg()
    message["family"] = _family(route.version)
    message["proto"] = ORIGINATOR
    message["scope"] = _EVERYWHERE if nowhere else _ON_LINK
    message["type"] = _UNREACHABLE if nowhere else _UNICAST
    attributes: Attributes = {"RTA_TABLE": route.table}
    if destination is not None and destination.prefixlen:
        message["dst_len"] = destination.prefixlen
        attributes["RTA_DST"] = str(destination.network_address)
    if route.device is None:
        attributes["RTA_PRIORITY"] = LAST_RESORT_METRIC
    else:
        attributes["RTA_OIF"] = _index(route.device)
        if route.source is not None:
            attributes["RTA_PREFSRC"] = str(route.source)
    message["attrs"] = list(attributes.items())
    return message


def _address(one: DeviceAddress) -> Any:
    message = ifaddrmsg()
    message["family"] = _family(one.address.version)
    message["prefixlen"] = one.prefix_length
    message["scope"] = _EVERYWHERE
    message["index"] = _index(one.device)
    attributes: Attributes = {"IFA_LOCAL": str(one.address), "IFA_ADDRESS": str(one.address)}
    attributes["IFA_FLAGS"] = _NO_DUPLICATE_DETECTION | _NO_PREFIX_ROUTE
    message["attrs"] = list(attributes.items())
    return message


def _index(device: str) -> int:
    try:
        return socket.if_nametoindex(device)
    except OSError as problem:
        raise OSError(errno.ENODEV, f"no device {device}") from problem


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6
