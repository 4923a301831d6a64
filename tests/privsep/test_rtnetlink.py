"""What we write about rules and routes pyroute2 reads by name, and what it writes we read."""

from __future__ import annotations

import errno
import sys
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.marshal import MarshalRtnl  # type: ignore[import-untyped]

from isakmpd.privsep import rtnetlink
from isakmpd.privsep.requests import DeviceAddress, Route, Rule, RuleAction


def read(octets: bytes) -> dict[str, Any]:
    """Read a message: its fields and attributes by name."""
    (message,) = MarshalRtnl().parse(octets)
    fields = {name: message[name] for name, _ in message.fields}
    return {**fields, **message["header"], **dict(message["attrs"])}


def test_a_rule_says_all_it_looks_at() -> None:
    rule = Rule(
        version=4,
        priority=20010,
        action=RuleAction.LOOKUP,
        target=50001,
        source=ip_network("10.1.0.0/16"),
        destination=ip_network("10.2.3.0/24"),
        protocol=6,
        source_port=80,
        destination_port=443,
        mark=0x69730000,
        arriving_on="isakmpd0",
        but_default=True,
    )
    found = read(rtnetlink.addition(rule, 7))
    assert (found["type"], found["flags"], found["sequence_number"]) == (32, 0x605, 7)
    assert (found["family"], found["src_len"], found["dst_len"], found["action"]) == (2, 16, 24, 1)
    assert (found["FRA_SRC"], found["FRA_DST"]) == ("10.1.0.0", "10.2.3.0")
    assert (found["FRA_PRIORITY"], found["FRA_TABLE"]) == (20010, 50001)
    assert found["FRA_PROTOCOL"] == rtnetlink.ORIGINATOR
    assert found["FRA_IP_PROTO"] == 6
    assert found["FRA_SPORT_RANGE"] == "80:80"
    assert found["FRA_DPORT_RANGE"] == "443:443"
    assert (found["FRA_FWMARK"], found["FRA_FWMASK"]) == (0x69730000, 0xFFFFFFFF)
    assert found["FRA_IIFNAME"] == "isakmpd0"
    assert found["FRA_SUPPRESS_PREFIXLEN"] == 0


def test_what_a_rule_does_not_look_at_is_not_named() -> None:
    everything = ip_network("::/0")
    rule = Rule(6, 20000, RuleAction.GOTO, 21600, source=everything, destination=everything)
    found = read(rtnetlink.addition(rule, 7))
    assert (found["family"], found["src_len"], found["dst_len"], found["action"]) == (10, 0, 0, 2)
    named = {name for name in found if name.startswith("FRA_")}
    assert named == {"FRA_PRIORITY", "FRA_PROTOCOL", "FRA_GOTO"}
    assert found["FRA_GOTO"] == 21600


def test_a_route_leads_to_its_device() -> None:
    network, own = ip_network("2001:db8:2::/48"), ip_address("2001:db8:1::1")
    found = read(rtnetlink.removal(Route(6, 50001, "lo", network, own), 8))
    assert (found["family"], found["dst_len"], found["sequence_number"]) == (10, 48, 8)
    assert (found["RTA_DST"], found["RTA_PREFSRC"]) == ("2001:db8:2::", "2001:db8:1::1")
    assert (found["RTA_TABLE"], found["RTA_OIF"]) == (50001, 1)
    assert found["proto"] == rtnetlink.ORIGINATOR


def test_the_last_resort_leads_nowhere() -> None:
    found = read(rtnetlink.addition(Route(4, 50001, None), 7))
    assert (found["dst_len"], found["scope"]) == (0, 0)
    assert found["RTA_PRIORITY"] == rtnetlink.LAST_RESORT_METRIC
    assert "RTA_OIF" not in found


def test_a_route_to_a_device_that_is_gone_is_refused() -> None:
    with pytest.raises(OSError, match="no device gone0") as refused:
        rtnetlink.addition(Route(4, 50001, "gone0"), 7)
    assert refused.value.errno == errno.ENODEV


def written(kind: int, sequence: int, table: int, attributes: list[tuple[str, object]]) -> bytes:
    """Have pyroute2 write a rule as the kernel lists it."""
    message = fibmsg()
    message["family"], message["src_len"], message["table"] = 2, 16, table
    message["header"]["type"], message["header"]["sequence_number"] = kind, sequence
    message["attrs"] = [("FRA_SRC", "10.1.0.0"), ("FRA_IIFNAME", "wan"), *attributes]
    message.encode()
    return bytes(message.data)


def test_the_table_of_a_rule_is_found_in_field_or_attribute() -> None:
    """The field holds a small one; both messages lie in one buffer."""
    small = written(rtnetlink.NEW_RULE, 7, 254, [])
    large = written(rtnetlink.NEW_RULE, 7, 252, [("FRA_TABLE", 50001), ("FRA_PRIORITY", 1)])
    found = list(rtnetlink.answers(small + large))
    assert [(one.kind, one.sequence) for one in found] == [(rtnetlink.NEW_RULE, 7)] * 2
    assert [rtnetlink.table_of(one) for one in found] == [254, 50001]


@pytest.mark.parametrize("action", RuleAction)
def test_the_table_of_our_own_rules_is_found_again(action: RuleAction) -> None:
    rule = Rule(4, 20010, action, 50001, source=ip_network("10.1.0.0/16"), arriving_on="wan")
    (message,) = rtnetlink.answers(rtnetlink.addition(rule, 7))
    assert rtnetlink.table_of(message) == (50001 if action is RuleAction.LOOKUP else 0)


def test_a_refusal_is_the_systems_error() -> None:
    code = (-errno.EEXIST).to_bytes(4, sys.byteorder, signed=True)
    problem = rtnetlink.refusal(rtnetlink.Answer(rtnetlink.ERROR, 7, code))
    assert problem is not None
    assert (problem.errno, problem.strerror) == (errno.EEXIST, "File exists")
    assert rtnetlink.refusal(rtnetlink.Answer(rtnetlink.ERROR, 7, bytes(20))) is None


@pytest.mark.property
@given(st.binary(max_size=200), st.integers(0, 80))
def test_what_is_cut_short_or_no_message_is_read_to_its_end(octets: bytes, length: int) -> None:
    for text in (octets, written(rtnetlink.NEW_RULE, 7, 254, [])[:length] + octets):
        for answer in rtnetlink.answers(text):
            assert len(answer.body) <= len(text) - 16


def test_an_address_brings_no_route_and_no_detection_of_duplicates() -> None:
    given = DeviceAddress("lo", ip_address("2001:db8::7"), 64)
    added = read(rtnetlink.addition(given, 7))
    assert (added["type"], added["flags"], added["index"]) == (20, 0x605, 1)
    assert (added["family"], added["prefixlen"]) == (10, 64)
    assert added["IFA_LOCAL"] == added["IFA_ADDRESS"] == "2001:db8::7"
    assert added["IFA_FLAGS"] == 0x202  # IFA_F_NODAD, IFA_F_NOPREFIXROUTE
    assert read(rtnetlink.removal(given, 8))["type"] == 21


def test_an_ipv6_rule_can_ask_for_the_source_a_packet_is_about_to_get() -> None:
    rule = Rule(6, 20600, RuleAction.LOOKUP, 50001, ip_network("fd01::/64"), finds_source=True)
    (message,) = MarshalRtnl().parse(rtnetlink.addition(rule, 7))
    assert message["flags"] == 0x10000  # FIB_RULE_FIND_SADDR
