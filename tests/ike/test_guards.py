"""A listed connection fails closed: its packets never leave in clear while it is configured."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from isakmpd.config.model import Configuration, Connection, WithoutSa
from isakmpd.ike import ipsec
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.guards import Guards
from isakmpd.ike.ipsec import Selector
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.scenes import a_peer, begin_main_mode, begin_quick_mode, proposal

LANS = Selector(ip_network("10.1.0.0/24"), ip_network("10.2.0.0/24"))


def with_connection(config: Configuration, **changes: object) -> Configuration:
    """The configuration, its one connection changed."""
    lan = replace(config.connections["lan"], **changes)  # type: ignore[arg-type]
    return replace(config, connections={"lan": lan})


def listed(**changes: object) -> Configuration:
    """A connection in [Phase 2]:Connections."""
    return with_connection(configuration(answers=False), **changes)


def up() -> Daemon:
    """A daemon whose listed connection is up."""
    daemon, peer = Daemon(listed()), a_peer()
    qm1 = begin_main_mode(daemon, peer)
    begin_quick_mode(daemon, proposal(peer), qm1)
    assert daemon.stack.flows
    return daemon


def asked(daemon: Daemon, *kinds: type) -> list[str]:
    """What the stack was asked for, by name, in order."""
    return [type(one).__name__ for one in daemon.requests if isinstance(one, kinds)]


def test_it_is_guarded_before_anything_is_sent() -> None:
    daemon = Daemon(listed())
    assert daemon.stack.guards == {(LANS, "lan"): False}
    assert daemon.sent() == []


@pytest.mark.parametrize(
    ("changes", "guards"),
    [
        ({}, {(LANS, "lan"): False}),
        ({"on_demand": True, "always_up": False}, {(LANS, "lan"): True}),
        ({"without_sa": WithoutSa.CLEAR}, {}),
        ({"listed": False, "passive": True}, {}),
    ],
    ids=["always up", "on demand", "Without-SA= clear", "passive"],
)
def test_which_connections_are_guarded(
    changes: dict[str, object], guards: dict[tuple[Selector, str], bool]
) -> None:
    """Those on demand hold their packets, the others refuse them."""
    assert Daemon(listed(**changes)).stack.guards == guards


def test_the_guard_stands_whatever_becomes_of_the_tunnel() -> None:
    """Up, taken down by hand, and while the peer is dead."""
    daemon = up()
    assert daemon.stack.guards
    daemon.engine.teardown_all(daemon.now)
    daemon.passes(300)
    assert not daemon.stack.flows
    assert daemon.stack.guards == {(LANS, "lan"): False}


def test_at_the_end_it_goes_after_sas_and_flows() -> None:
    daemon = up()
    daemon.requests.clear()
    daemon.engine.shutdown(daemon.now)
    daemon.passes(0)
    assert asked(daemon, ipsec.RemoveFlow, ipsec.RemoveSa, ipsec.Unguard) == [
        "RemoveFlow",
        "RemoveSa",
        "RemoveSa",
        "Unguard",
    ]
    assert daemon.stack.guards == {}


@pytest.mark.parametrize(
    "after",
    [replace(configuration(), connections={}), listed(without_sa=WithoutSa.CLEAR)],
    ids=["withdrawn", "clear"],
)
def test_a_configuration_takes_the_guard_away(after: Configuration) -> None:
    """Of a connection that is withdrawn only after its flow."""
    daemon = up()
    daemon.requests.clear()
    daemon.engine.configure(after, daemon.now)
    daemon.passes(0)
    assert daemon.stack.guards == {}
    assert asked(daemon, ipsec.RemoveFlow, ipsec.Unguard)[-1] == "Unguard"


def test_a_changed_connection_is_never_without_a_guard() -> None:
    """The new one is asked for before the old one is given up."""
    daemon = up()
    there = listed().connections["lan"].remote
    assert there
    other = replace(there, network=ip_network("10.3.0.0/24"))
    daemon.requests.clear()
    daemon.engine.configure(listed(remote=other), daemon.now)
    daemon.passes(0)
    kinds = (ipsec.RemoveFlow, ipsec.Guard, ipsec.Unguard)
    assert asked(daemon, *kinds) == ["RemoveFlow", "Guard", "Unguard"]
    moved = Selector(LANS.local, ip_network("10.3.0.0/24"))
    assert daemon.stack.guards == {(moved, "lan"): False}


def test_what_stands_is_not_asked_for_again() -> None:
    daemon = up()
    daemon.requests.clear()
    daemon.engine.configure(listed(), daemon.now)
    daemon.passes(0)
    assert asked(daemon, ipsec.Guard, ipsec.Unguard) == []


# Packets that have no Local-ID or Remote-ID


class Asked:
    """Guards, and what they ask of a stack that answers when the test says."""

    def __init__(self, config: Configuration, own: str | None = "192.0.2.1") -> None:
        self.context = Context(config, SeededEntropy("guards"), 4500)
        self.own = own
        self.guards = Guards(self.context, lambda _: ip_address(self.own) if self.own else None)

    def requests(self) -> list[ipsec.Request]:
        """Take what was asked."""
        outputs, self.context.outputs = self.context.outputs, []
        return [one.request for one in outputs if hasattr(one, "request")]

    def log(self) -> list[str]:
        """What was logged."""
        return [one.text for one in self.context.outputs if hasattr(one, "text")]


def selector_of(asked: Asked) -> Selector:
    """The one guard asked for."""
    asked.guards.configure()
    (guard,) = asked.requests()
    assert isinstance(guard, ipsec.Guard)
    return guard.selector


ANYWHERE, REMOTE, HOST = ip_network("0.0.0.0/0"), LANS.remote, ip_network(DAEMON)


@pytest.mark.parametrize(
    ("changes", "own", "selector"),
    [
        ({"local": None}, "192.0.2.1", Selector(HOST, REMOTE)),
        ({"local": None}, None, Selector(ANYWHERE, REMOTE)),
        ({"local": None}, "2001:db8::1", Selector(ANYWHERE, REMOTE)),
        ({"local": None, "remote": None}, "192.0.2.1", Selector(HOST, ip_network(f"{PEER}/32"))),
    ],
    ids=["our address", "no address yet", "another family", "host to host"],
)
def test_without_local_id_packets_come_from_our_address(
    changes: dict[str, object], own: str | None, selector: Selector
) -> None:
    assert selector_of(Asked(listed(**changes), own)) == selector


def test_where_the_peer_assigns_our_address_packets_come_from_anywhere() -> None:
    config = listed(local=None)
    peers = {"peer": replace(config.peers["peer"], mode_config=True)}
    assert selector_of(Asked(replace(config, peers=peers))) == Selector(ANYWHERE, REMOTE)


def test_it_follows_our_address() -> None:
    """An interface that comes up later narrows the guard; there is no moment without one."""
    asked = Asked(listed(local=None), None)
    selector_of(asked)
    asked.own = "192.0.2.1"
    asked.guards.refresh(asked.context.configuration.connections["lan"])
    narrowed, given_up = asked.requests()
    assert isinstance(narrowed, ipsec.Guard)
    assert narrowed.selector == Selector(HOST, REMOTE)
    assert given_up == ipsec.Unguard(Selector(ANYWHERE, REMOTE), "lan")


def test_packets_nobody_can_name_are_told_once() -> None:
    config = listed(remote=None)
    peers = {"peer": replace(config.peers["peer"], address=None)}
    asked = Asked(replace(config, peers=peers))
    asked.guards.configure()
    asked.guards.configure()
    assert asked.log() == [
        "lan: its packets cannot be told from others and may leave in clear: it has no Remote-ID, "
        "and [peer] no Address"
    ]


def test_a_guard_the_stack_refuses_is_cried_out_and_asked_for_again() -> None:
    asked = Asked(listed())
    asked.guards.configure()
    (guard,) = asked.requests()
    assert isinstance(guard, ipsec.Guard)
    asked.context.answered(ipsec.StackRefused(guard.request, "no room"))
    (line,) = asked.log()
    assert line.startswith("lan: WITHOUT AN SA ITS PACKETS MAY LEAVE IN CLEAR")
    assert line.endswith("no room")
    asked.guards.configure()
    assert [type(one) for one in asked.requests()] == [ipsec.Guard]


def test_ports_any_port_is_the_peers_choice() -> None:
    """L2TP: our port 1701, whatever the peer's."""
    lan: Connection = listed().connections["lan"]
    assert lan.local
    assert lan.remote
    local = replace(lan.local, protocol=17, port=1701)
    remote = replace(lan.remote, protocol=17, any_port=True)
    expected = Selector(LANS.local, LANS.remote, 17, 1701, 0)
    assert selector_of(Asked(listed(local=local, remote=remote))) == expected
