"""Code rtnetlink(7) messages about routing rules, routes and addresses (RFC 3549)."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from struct import Struct
from typing import Final, NamedTuple

from isakmpd.privsep.requests import DeviceAddress, Item, Route, Rule, RuleAction
from isakmpd.wire.addresses import Address, Network

# The originator of our rules and routes, a number nobody assigned (linux/rtnetlink.h: rtm_protocol)
ORIGINATOR: Final = 73
LAST_RESORT_METRIC: Final = 0xFFFFFFFE

# linux/netlink.h; in native order, as are all numbers of the kernel's
_HEADER: Final = Struct("=IHHII")  # length, type, flags, sequence number, port
_ATTRIBUTE: Final = Struct("=HH")  # length, type
_ERROR_CODE: Final = Struct("=i")
_NUMBER: Final = Struct("=I")
_PORTS: Final = Struct("=HH")
REQUEST, ACK, EXCLUSIVE, DUMP, CREATE = 0x1, 0x4, 0x200, 0x300, 0x400
ERROR, DONE = 2, 3

# linux/rtnetlink.h, linux/fib_rules.h, linux/if_addr.h
NEW_ADDRESS, DELETE_ADDRESS = 20, 21
NEW_ROUTE, DELETE_ROUTE = 24, 25
NEW_RULE, DELETE_RULE, GET_RULES = 32, 33, 34
# family, lengths of destination and source, TOS, table, then for a route protocol, scope, type and
# for a rule two unused octets and the action; flags
_RULE_OR_ROUTE: Final = Struct("=BBBBBBBBI")
_ADDRESS: Final = Struct("=BBBBI")  # family, prefix length, flags, scope, index
_UNICAST, _UNREACHABLE = 1, 7
_EVERYWHERE, _ON_LINK = 0, 253
_ACTIONS: Final = {RuleAction.LOOKUP: 1, RuleAction.GOTO: 2, RuleAction.NOP: 3}
_FIND_SOURCE_ADDRESS: Final = 0x10000
_NO_DUPLICATE_DETECTION, _NO_PREFIX_ROUTE = 0x02, 0x200

_FRA_DST, _FRA_SRC, _FRA_IIFNAME, _FRA_GOTO, _FRA_PRIORITY = 1, 2, 3, 4, 6
_FRA_FWMARK, _FRA_SUPPRESS_PREFIXLEN, _FRA_TABLE, _FRA_FWMASK = 10, 14, 15, 16
_FRA_PROTOCOL, _FRA_IP_PROTO, _FRA_SPORT_RANGE, _FRA_DPORT_RANGE = 21, 22, 23, 24
_RTA_DST, _RTA_OIF, _RTA_PRIORITY, _RTA_PREFSRC, _RTA_TABLE = 1, 4, 6, 7, 15
_IFA_ADDRESS, _IFA_LOCAL, _IFA_FLAGS = 1, 2, 8

Attributes = dict[int, bytes]


class Answer(NamedTuple):
    """Hold one message of the kernel's: ``body`` is what follows the netlink header."""

    kind: int
    sequence: int
    body: bytes


def addition(item: Item, sequence: int) -> bytes:
    """Ask for an item that must not be there yet; raises OSError without its device."""
    return _change(item, ACK | CREATE | EXCLUSIVE, sequence, removal=False)


def removal(item: Item, sequence: int) -> bytes:
    """Ask for an item to go; raises OSError without its device."""
    return _change(item, ACK, sequence, removal=True)


def _change(item: Item, flags: int, sequence: int, *, removal: bool) -> bytes:
    match item:
        case Rule():
            body, kinds = _rule(item), (NEW_RULE, DELETE_RULE)
        case Route():
            body, kinds = _route(item), (NEW_ROUTE, DELETE_ROUTE)
        case DeviceAddress():
            body, kinds = _address(item), (NEW_ADDRESS, DELETE_ADDRESS)
    return _message(body, kinds[removal], flags, sequence)


def listing(version: int, sequence: int) -> bytes:
    """Ask for the rules of one address family."""
    body = _RULE_OR_ROUTE.pack(_family(version), *(0,) * 8)
    return _message(body, GET_RULES, DUMP, sequence)


def answers(octets: bytes) -> Iterator[Answer]:
    """Read the messages in what the kernel sent, up to one that is cut short."""
    while len(octets) >= _HEADER.size:
        length, kind, _, sequence, _ = _HEADER.unpack_from(octets)
        if not _HEADER.size <= length <= len(octets):
            return
        yield Answer(kind, sequence, octets[_HEADER.size : length])
        octets = octets[_aligned(length) :]


def table_of(rule: Answer) -> int:
    """Tell which table a rule looks up, 0 for none."""
    in_attribute = _attributes(rule.body[_RULE_OR_ROUTE.size :]).get(_FRA_TABLE)
    if in_attribute is not None:
        return int(_NUMBER.unpack(in_attribute)[0])
    return rule.body[4]


def refusal(answer: Answer) -> OSError | None:
    """Give the error an ERROR message carries, None where it says that all went well."""
    code = -_ERROR_CODE.unpack_from(answer.body)[0]
    return OSError(code, os.strerror(code)) if code else None


def _message(body: bytes, kind: int, flags: int, sequence: int) -> bytes:
    return _HEADER.pack(_HEADER.size + len(body), kind, REQUEST | flags, sequence, 0) + body


def _rule(rule: Rule) -> bytes:
    attributes = {_FRA_PRIORITY: _number(rule.priority), _FRA_PROTOCOL: bytes([ORIGINATOR])}
    if rule.action is RuleAction.LOOKUP:
        attributes[_FRA_TABLE] = _number(rule.target)
    elif rule.action is RuleAction.GOTO:
        attributes[_FRA_GOTO] = _number(rule.target)
    body = _RULE_OR_ROUTE.pack(
        _family(rule.version),
        _network(rule.destination, _FRA_DST, attributes),
        _network(rule.source, _FRA_SRC, attributes),
        *(0, 0, 0, 0),
        _ACTIONS[rule.action],
        _FIND_SOURCE_ADDRESS if rule.finds_source else 0,
    )
    return body + _coded(attributes | _narrowed(rule))


def _narrowed(rule: Rule) -> Attributes:
    """Say what else than addresses a rule looks at."""
    attributes: Attributes = {}
    if rule.protocol:
        attributes[_FRA_IP_PROTO] = bytes([rule.protocol])
    if rule.source_port:
        attributes[_FRA_SPORT_RANGE] = _PORTS.pack(rule.source_port, rule.source_port)
    if rule.destination_port:
        ports = _PORTS.pack(rule.destination_port, rule.destination_port)
        attributes[_FRA_DPORT_RANGE] = ports
    if rule.mark:
        attributes |= {_FRA_FWMARK: _number(rule.mark), _FRA_FWMASK: _number(0xFFFFFFFF)}
    if rule.arriving_on:
        attributes[_FRA_IIFNAME] = rule.arriving_on.encode() + b"\0"
    if rule.but_default:
        attributes[_FRA_SUPPRESS_PREFIXLEN] = _number(0)
    return attributes


def _route(route: Route) -> bytes:
    nowhere = route.device is None
    attributes = {_RTA_TABLE: _number(route.table)}
    body = _RULE_OR_ROUTE.pack(
        _family(route.version),
        _network(route.destination, _RTA_DST, attributes),
        *(0, 0, 0),
        ORIGINATOR,
        _EVERYWHERE if nowhere else _ON_LINK,
        _UNREACHABLE if nowhere else _UNICAST,
        0,
    )
    if route.device is None:
        attributes[_RTA_PRIORITY] = _number(LAST_RESORT_METRIC)
    else:
        attributes[_RTA_OIF] = _number(_index(route.device))
        if route.source is not None:
            attributes[_RTA_PREFSRC] = route.source.packed
    return body + _coded(attributes)


def _address(one: DeviceAddress) -> bytes:
    address: Address = one.address
    body = _ADDRESS.pack(
        _family(address.version), one.prefix_length, 0, _EVERYWHERE, _index(one.device)
    )
    flags = _number(_NO_DUPLICATE_DETECTION | _NO_PREFIX_ROUTE)
    return body + _coded(
        {_IFA_LOCAL: address.packed, _IFA_ADDRESS: address.packed, _IFA_FLAGS: flags}
    )


def _network(network: Network | None, kind: int, attributes: Attributes) -> int:
    """Name a network, unless it is everything, and give its prefix' length."""
    if network is None or not network.prefixlen:
        return 0
    attributes[kind] = network.network_address.packed
    return network.prefixlen


def _coded(attributes: Attributes) -> bytes:
    return b"".join(
        (_ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value).ljust(
            _aligned(_ATTRIBUTE.size + len(value)), b"\0"
        )
        for kind, value in attributes.items()
    )


def _attributes(octets: bytes) -> Attributes:
    found: Attributes = {}
    while len(octets) >= _ATTRIBUTE.size:
        length, kind = _ATTRIBUTE.unpack_from(octets)
        if not _ATTRIBUTE.size <= length <= len(octets):
            break
        found[kind] = octets[_ATTRIBUTE.size : length]
        octets = octets[_aligned(length) :]
    return found


def _aligned(length: int) -> int:
    return (length + 3) & ~3


def _number(value: int) -> bytes:
    return _NUMBER.pack(value)


def _index(device: str) -> int:
    try:
        return socket.if_nametoindex(device)
    except OSError as problem:
        raise OSError(errno.ENODEV, f"no device {device}") from problem


def _family(version: int) -> int:
    return socket.AF_INET if version == 4 else socket.AF_INET6
