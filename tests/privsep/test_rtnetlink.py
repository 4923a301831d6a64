"""What we write to the kernel about rules and routes, read by pyroute2, and what we read of it."""

from __future__ import annotations

import errno
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from pyroute2.netlink.rtnl.fibmsg import fibmsg  # type: ignore[import-untyped]
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # type: ignore[import-untyped]

from isakmpd.privsep import rtnetlink
from isakmpd.privsep.requests import Route, Rule, RuleAction
from isakmpd.privsep.rtnetlink import Message, error_of, framed, messages, route_body, rule_body


def read(kind: type[Any], body: bytes) -> dict[str, Any]:
    """Have pyroute2 read a message: its fields and attributes by name."""
    message = kind(framed(0, 0, 7, body))
    message.decode()
    fields = {name: message[name] for name, _ in kind.fields}
    return {**fields, **dict(message["attrs"])}


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
    found = read(fibmsg, rule_body(rule))
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
    found = read(fibmsg, rule_body(rule))
    assert (found["family"], found["src_len"], found["dst_len"], found["action"]) == (10, 0, 0, 2)
    named = {name for name in found if name.startswith("FRA_")}
    assert named == {"FRA_PRIORITY", "FRA_PROTOCOL", "FRA_GOTO"}
    assert found["FRA_GOTO"] == 21600


def test_a_route_leads_to_its_device() -> None:
    network, own = ip_network("2001:db8:2::/48"), ip_address("2001:db8:1::1")
    found = read(rtmsg, route_body(Route(6, 50001, "lo", network, own)))
    assert (found["family"], found["dst_len"], found["type"]) == (10, 48, 1)
    assert (found["RTA_DST"], found["RTA_PREFSRC"]) == ("2001:db8:2::", "2001:db8:1::1")
    assert (found["RTA_TABLE"], found["RTA_OIF"]) == (50001, 1)
    assert found["proto"] == rtnetlink.ORIGINATOR


def test_the_last_resort_leads_nowhere() -> None:
    found = read(rtmsg, route_body(Route(4, 50001, None)))
    assert (found["type"], found["dst_len"], found["scope"]) == (7, 0, 0)
    assert found["RTA_PRIORITY"] == rtnetlink.LAST_RESORT_METRIC
    assert "RTA_OIF" not in found


def test_a_route_to_a_device_that_is_gone_is_refused() -> None:
    with pytest.raises(OSError, match="no device gone0") as refused:
        route_body(Route(4, 50001, "gone0"))
    assert refused.value.errno == errno.ENODEV


def test_an_answer_is_cut_into_messages() -> None:
    octets = framed(3, 0, 1, b"odd!!") + bytes(3) + framed(2, 0, 2, b"\xfe\xff\xff\xff")
    assert list(messages(octets)) == [Message(3, 1, b"odd!!"), Message(2, 2, b"\xfe\xff\xff\xff")]
    assert error_of(b"\xfe\xff\xff\xff") == errno.ENOENT
    assert error_of(bytes(4)) == 0


def test_garbage_ends_an_answer() -> None:
    assert list(messages(bytes(17))) == [Message(0, 0, b"")]
    assert list(messages(b"")) == []


@pytest.mark.parametrize("action", RuleAction)
def test_the_table_of_a_rule_is_found_again(action: RuleAction) -> None:
    rule = Rule(4, 20010, action, 50001, source=ip_network("10.1.0.0/16"), arriving_on="wan")
    expected = 50001 if action is RuleAction.LOOKUP else 0
    assert rtnetlink.table_of(rule_body(rule)) == expected
