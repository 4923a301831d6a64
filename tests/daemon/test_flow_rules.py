"""Routing rules as a pure function of selectors: what they say and in which order they stand."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.daemon.flow_rules import (
    BAND_START,
    FIRST_END,
    MOST_INSTANCES,
    Instance,
    frame,
    instance_of,
    rules_of_selector,
    why_inexpressible,
)
from isakmpd.ike.ipsec import Selector
from isakmpd.privsep.requests import Route, Rule, RuleAction
from isakmpd.wire.addresses import Address

INSTANCE = Instance(3)


def selector(local: str = "10.1.0.0/16", remote: str = "10.2.0.0/16", **more: int) -> Selector:
    return Selector(ip_network(local), ip_network(remote), **more)


def rules(one: Selector, own: Address | None = None) -> list[Rule]:
    return [item for item in rules_of_selector(one, INSTANCE, own) if isinstance(item, Rule)]


def flow_rule(one: Selector) -> Rule:
    return rules(one)[-1]


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (selector(), None),
        (selector(protocol=1), None),
        (selector(protocol=17, local_port=500), None),
        (selector(protocol=6, remote_port=22), None),
        (selector(protocol=132, local_port=1, remote_port=65535), None),
        (selector("::/0", "fd00::/8", protocol=58), None),
        (selector("10.0.0.0/8", "fd00::/8"), "mixes IPv4 and IPv6"),
        (selector(remote_port=22), "names a port without"),
        (selector(protocol=1, local_port=8), "names a port without"),
        (selector(protocol=50, remote_port=1), "names a port without"),
        (selector(protocol=256), "names no IP protocol"),
        (selector(protocol=6, local_port=65536), "names no port"),
    ],
    ids=str,
)
def test_what_a_rule_cannot_express_is_refused_in_a_sentence(
    one: Selector, reason: str | None
) -> None:
    said = why_inexpressible(one)
    assert (said is None) if reason is None else (said is not None and reason in said)


def test_a_flow_is_one_rule_with_everything_the_selector_says() -> None:
    one = selector(protocol=17, local_port=53, remote_port=5353)
    assert rules(one) == [
        Rule(
            4,
            flow_rule(one).priority,
            RuleAction.LOOKUP,
            INSTANCE.table,
            one.local,
            one.remote,
            17,
            53,
            5353,
        )
    ]


def test_our_own_packets_leave_the_band_first() -> None:
    nop, goto, *answers, last_resort, route = frame(INSTANCE, 4)
    assert nop == Rule(4, INSTANCE.end, RuleAction.NOP)
    assert goto == Rule(4, BAND_START, RuleAction.GOTO, INSTANCE.end, mark=INSTANCE.mark)
    assert len(answers) == 4
    assert last_resort == Route(4, INSTANCE.table, None)
    assert route == Route(4, INSTANCE.table, "isakmpd3")


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        (selector("10.1.0.1/32"), selector()),
        (selector(), selector(remote="0.0.0.0/0")),
        (selector(protocol=6), selector()),
        (selector(protocol=6, local_port=1), selector(protocol=6)),
        (selector(protocol=6, local_port=1, remote_port=2), selector(protocol=6, remote_port=2)),
        (selector(), selector("0.0.0.0/0", "0.0.0.0/0", protocol=6, local_port=1, remote_port=2)),
        (selector("fd01::/128", "fd02::/128"), selector("fd01::/16", "fd02::/16")),
    ],
    ids=str,
)
def test_narrow_flows_stand_before_wide_ones(narrow: Selector, wide: Selector) -> None:
    assert flow_rule(narrow).priority < flow_rule(wide).priority


prefixes = st.builds(
    lambda octets, length: ip_network((octets, length), strict=False),
    st.binary(min_size=4, max_size=4),
    st.integers(0, 32),
)


@pytest.mark.property
@given(prefixes, prefixes, st.sampled_from([0, 1, 6]), st.integers(0, 65535), st.integers(0, 9))
def test_every_rule_lies_in_the_band(
    local: object, remote: object, protocol: int, port: int, number: int
) -> None:
    one = Selector(local, remote, protocol, port if protocol == 6 else 0)  # type: ignore[arg-type]
    instance = Instance(number)
    every = [*frame(instance, 4), *rules_of_selector(one, instance, ip_address("10.1.0.1"))]
    inside = [item.priority for item in every if isinstance(item, Rule)]
    assert all(BAND_START <= priority <= instance.end for priority in inside)
    flows = [
        priority for priority in inside if BAND_START + MOST_INSTANCES < priority < instance.end
    ]
    assert max(flows) < FIRST_END
    assert instance.end < FIRST_END + MOST_INSTANCES < 32766  # the main table


@pytest.mark.parametrize("version", [4, 6])
def test_what_answers_ike_and_esp_from_this_host_is_excepted(version: int) -> None:
    exceptions = [
        (item.protocol, item.source_port, item.arriving_on)
        for item in frame(INSTANCE, version, (500, 4500))
        if isinstance(item, Rule) and item.action is RuleAction.GOTO and not item.mark
    ]
    assert exceptions == [(50, 0, "lo"), (17, 500, "lo"), (17, 4500, "lo")]


def test_a_selector_needs_no_exception_of_its_own() -> None:
    assert rules(selector("192.0.2.0/24")) == [flow_rule(selector("192.0.2.0/24"))]


def test_what_is_left_tells_whose_it_is() -> None:
    items = (*frame(INSTANCE, 4), *rules_of_selector(selector(), INSTANCE))
    assert instance_of(items) == INSTANCE
    assert instance_of(items[:1]) is None
    assert instance_of([Route(4, 254, None)]) is None


def test_local_packets_stay_local_when_the_remote_side_is_everything() -> None:
    one = selector(remote="0.0.0.0/0")
    stay, flow = rules(one)
    assert (stay.action, stay.source, stay.destination) == (RuleAction.GOTO, one.local, one.local)
    assert stay.priority < flow.priority
    within = flow_rule(selector("10.1.1.0/24", "10.1.2.0/24"))
    assert within.priority < stay.priority


@pytest.mark.parametrize(
    "one", [selector(), selector("10.0.0.0/8"), selector("10.1.0.0/16", "11.0.0.0/8")]
)
def test_they_need_no_exception_otherwise(one: Selector) -> None:
    assert len(rules(one)) == 1


def test_where_both_sides_are_the_same_the_main_table_tells_them_apart() -> None:
    everything = selector("0.0.0.0/0", "0.0.0.0/0")
    routed, returned, flow = rules(everything)
    assert (routed.action, routed.target, routed.but_default) == (RuleAction.LOOKUP, 254, True)
    assert (returned.action, returned.arriving_on) == (RuleAction.GOTO, INSTANCE.device)
    assert routed.priority == returned.priority < flow.priority


def test_the_hosts_own_packets_come_along_when_their_source_is_selected() -> None:
    route, early, flow = rules_of_selector(selector(), INSTANCE, ip_address("10.1.0.7"))
    assert isinstance(early, Rule)
    assert isinstance(flow, Rule)
    remote = ip_network("10.2.0.0/16")
    assert route == Route(4, INSTANCE.table, INSTANCE.device, remote, ip_address("10.1.0.7"))
    assert early == replace(flow, source=ip_network("0.0.0.0/32"))


@pytest.mark.parametrize("source", ["192.0.2.1", "10.2.0.1"])
def test_they_do_not_when_it_is_another(source: str) -> None:
    assert len(rules_of_selector(selector(), INSTANCE, ip_address(source))) == 1


def test_ipv6_compares_the_source_a_packet_is_about_to_get() -> None:
    six = selector("fd01::/64", "fd02::/64")
    (rule,) = rules(six, ip_address("fd01::1"))
    assert rule.finds_source
    assert not flow_rule(selector()).finds_source


def test_instances_share_nothing() -> None:
    one, two = Instance(0), Instance(1)
    for name in ("device", "table", "mark", "answers", "end"):
        assert getattr(one, name) != getattr(two, name)
    assert not set(frame(one, 4)) & set(frame(two, 4))
