"""Write the few messages of rtnetlink(7) that routing rules and routes take, and read answers."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from struct import Struct, pack, unpack_from
from typing import NamedTuple

from isakmpd.privsep.requests import Route, Rule, RuleAction

# The originator of our rules and routes, a number nobody assigned (linux/rtnetlink.h: rtm_protocol)
ORIGINATOR = 73
LAST_RESORT_METRIC = 0xFFFFFFFE

# linux/netlink.h
REQUEST, ACK, EXCLUSIVE, DUMP, CREATE = 0x1, 0x4, 0x200, 0x300, 0x400
ERROR, DONE = 2, 3
_HEADER = Struct("=IHHII")  # length, type, flags, sequence number, port
_ATTRIBUTE = Struct("=HH")  # length, type

# linux/rtnetlink.h
NEW_ROUTE, DELETE_ROUTE = 24, 25
NEW_RULE, DELETE_RULE, GET_RULES = 32, 33, 34
_ROUTE = Struct("=BBBBBBBBI")  # family, prefix lengths, tos, table, originator, scope, type, flags
_UNICAST, _UNREACHABLE = 1, 7
_EVERYWHERE, _ON_LINK = 0, 253
_RTA_DST, _RTA_OIF, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_TABLE = 1, 4, 6, 7, 15

# linux/fib_rules.h
_RULE = Struct("=BBBBBBBBI")  # family, prefix lengths, tos, table, reserved, action, flags
_ACTIONS = {RuleAction.LOOKUP: 1, RuleAction.GOTO: 2, RuleAction.NOP: 3}
_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY, _FRA_FWMARK = 1, 2, 3, 4, 6, 10
_FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_FWMASK, _FRA_PROTOCOL = 14, 15, 16, 21
_FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE = 22, 23, 24


class Message(NamedTuple):
    """Hold one message of the kernel's answer."""

    type: int
    sequence: int
    body: bytes


def framed(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """Give the octets of one message to the kernel."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | REQUEST, sequence, 0) + body


def messages(octets: bytes) -> Iterator[Message]:
    """Cut what was received into messages."""
    at = 0
    while at + _HEADER.size <= len(octets):
        length, kind, _, sequence, _ = _HEADER.unpack_from(octets, at)
        yield Message(kind, sequence, octets[at + _HEADER.size : at + length])
        at += _aligned(max(length, _HEADER.size))


def error_of(body: bytes) -> int:
    """Read the errno of an ERROR message, 0 for success."""
    (negative,) = unpack_from("=i", body)
    return -int(negative)


def rule_body(rule: Rule) -> bytes:
    """Describe a rule to the kernel."""
    source, destination = rule.source, rule.destination
    octets = _RULE.pack(
        _family(rule.version),
        destination.prefixlen if destination is not None else 0,
        source.prefixlen if source is not None else 0,
        *(0, 0, 0, 0, _ACTIONS[rule.action], 0),
    )
    octets += _number(_FRA_PRIORITY, rule.priority)
    octets += _attribute(_FRA_PROTOCOL, bytes((ORIGINATOR,)))
    if rule.action is RuleAction.LOOKUP:
        octets += _number(_FRA_TABLE, rule.target)
    elif rule.action is RuleAction.GOTO:
        octets += _number(_FRA_GOTO, rule.target)
    if source is not None and source.prefixlen:
        octets += _attribute(_FRA_SRC, source.network_address.packed)
    if destination is not None and destination.prefixlen:
        octets += _attribute(_FRA_DST, destination.network_address.packed)
    return octets + _narrowed(rule)


def _narrowed(rule: Rule) -> bytes:
    """Say what else than addresses a rule looks at."""
    octets = b""
    if rule.protocol:
        octets += _attribute(_FRA_IP_PROTO, bytes((rule.protocol,)))
    if rule.source_port:
        octets += _attribute(_FRA_SPORT_RANGE, pack("=HH", rule.source_port, rule.source_port))
    if rule.destination_port:
        ports = pack("=HH", rule.destination_port, rule.destination_port)
        octets += _attribute(_FRA_DPORT_RANGE, ports)
    if rule.mark:
        octets += _number(_FRA_FWMARK, rule.mark) + _number(_FRA_FWMASK, 0xFFFFFFFF)
    if rule.arriving_on:
        octets += _attribute(_FRA_IIFNAME, rule.arriving_on.encode() + b"\0")
    if rule.but_default:
        octets += _number(_FRA_SUPPRESS_PREFIXLEN, 0)
    return octets


def route_body(route: Route) -> bytes:
    """Describe a route to the kernel; raises OSError when its device does not exist."""
    destination = route.destination
    nowhere = route.device is None
    octets = _ROUTE.pack(
        _family(route.version),
        destination.prefixlen if destination is not None else 0,
        *(0, 0, 0, ORIGINATOR),
        _EVERYWHERE if nowhere else _ON_LINK,
        _UNREACHABLE if nowhere else _UNICAST,
        0,
    )
    octets += _number(_RTA_TABLE, route.table)
    if destination is not None and destination.prefixlen:
        octets += _attribute(_RTA_DST, destination.network_address.packed)
    if route.device is None:
        return octets + _number(_RTA_PRIORITY, LAST_RESORT_METRIC)
    if route.source is not None:
        octets += _attribute(_RTA_PREFSRC, route.source.packed)
    return octets + _number(_RTA_OIF, _index(route.device))


def rules_wanted(version: int) -> bytes:
    """Ask for the rules of one address family."""
    return _RULE.pack(_family(version), *(0, 0, 0, 0, 0, 0, 0, 0))


def table_of(body: bytes) -> int:
    """Read which table a rule looks up, 0 for none."""
    at, table = _RULE.size, body[4]
    while at + _ATTRIBUTE.size <= len(body):
        length, kind = _ATTRIBUTE.unpack_from(body, at)
        if kind == _FRA_TABLE:
            (table,) = unpack_from("=I", body, at + _ATTRIBUTE.size)
        at += _aligned(max(length, _ATTRIBUTE.size))
    return table


def _attribute(kind: int, value: bytes) -> bytes:
    length = _ATTRIBUTE.size + len(value)
    return _ATTRIBUTE.pack(length, kind) + value + bytes(_aligned(length) - length)


def _number(kind: int, value: int) -> bytes:
    return _attribute(kind, pack("=I", value))


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _index(device: str) -> int:
    try:
        return socket.if_nametoindex(device)
    except OSError as problem:
        raise OSError(errno.ENODEV, f"no device {device}") from problem


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6
