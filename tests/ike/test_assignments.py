"""What peers have assigned: told once, renewed in time, taken back in the end."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_address, ip_network
from types import SimpleNamespace
from typing import cast

import pytest

from isakmpd.ike import ipsec
from isakmpd.ike.assignments import Assignments
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.ipsec import Assignment
from isakmpd.ike.outputs import Stack
from isakmpd.ike.sa import IsakmpSa
from tests.ike.daemon import configuration

FIVE = Assignment((ip_network("10.9.0.5"),), expires_in=600)
SIX = Assignment((ip_network("10.9.0.6"),))
SERVERS = Assignment(name_servers=(ip_address("10.2.0.53"),))


class Peer(SimpleNamespace):
    """As much of an ISAKMP SA as matters: who the peer is."""

    def same_peer(self, other: Peer) -> bool:
        """Whether its identity is the same, whatever it is called."""
        return bool(self.identity == other.identity)


def an_sa(identity: str = "a", peer_key: str = "") -> IsakmpSa:
    """An SA with a peer."""
    transport = SimpleNamespace(remote=IPv4Address("192.0.2.2"))
    peer = Peer(
        name="peer", identity=identity, peer_key=peer_key or f"peer {identity}", transport=transport
    )
    return cast(IsakmpSa, peer)


class Book:
    """Assignments, with what they ask for and on a clock."""

    def __init__(self) -> None:
        self.context = Context(configuration(), SeededEntropy("book"), 4500)
        self.renewals: list[float] = []
        self.changes: list[IsakmpSa] = []
        self.held = Assignments(
            self.context, lambda _: self.renewals.append(self.context.now), self.changes.append
        )

    def passes(self, seconds: float) -> None:
        """Time passes."""
        until = self.context.now + seconds
        while (due := self.context.timers.deadline()) is not None and due <= until:
            self.context.now = due
            self.context.timers.fire(due)
        self.context.now = until

    @property
    def withdrawn(self) -> list[str]:
        """Whose assignments the stack is to take back."""
        stack = [output.request for output in self.context.outputs if isinstance(output, Stack)]
        return [request.peer for request in stack if isinstance(request, ipsec.Withdraw)]


@pytest.fixture
def book() -> Book:
    """An empty book."""
    return Book()


def test_each_peer_has_its_own(book: Book) -> None:
    """Found by identity, under whatever section or port."""
    book.held.assigned(an_sa("a"), FIVE)
    book.held.assigned(an_sa("b"), SIX)
    assert book.held.addresses(an_sa("a")) == (IPv4Address("10.9.0.5"),)
    assert book.held.addresses(an_sa("b")) == (IPv4Address("10.9.0.6"),)
    assert book.held.addresses(an_sa("c")) == ()
    assert book.held.holds(an_sa("a"), FIVE)
    assert not book.held.holds(an_sa("a"), SIX)
    assert not book.held.holds(an_sa("c"), FIVE)


def test_the_stack_knows_it_by_one_name(book: Book) -> None:
    """Also when the peer has moved, so that Assign replaces and Withdraw meets what was given."""
    book.held.assigned(an_sa("a", "a at port 500"), FIVE)
    moved = an_sa("a", "a at port 4500")
    assert book.held.name(moved) == "a at port 500"
    book.held.assigned(moved, SIX)
    book.held.withdraw(moved)
    assert book.withdrawn == ["a at port 500"]


def test_a_change_is_told_and_a_first_address_or_a_renewal_is_not(book: Book) -> None:
    """Only tunnels made with an address before can be wrong."""
    sa = an_sa()
    book.held.assigned(sa, FIVE)
    book.held.assigned(sa, FIVE)
    assert book.changes == []
    book.held.assigned(sa, SIX)
    assert book.changes == [sa]
    book.held.withdraw(sa)
    assert book.changes == [sa, sa]


def test_servers_alone_are_no_address(book: Book) -> None:
    """They go without a word to the tunnels."""
    book.held.assigned(an_sa(), SERVERS)
    assert book.held.addresses(an_sa()) == ()
    book.held.withdraw(an_sa())
    assert (book.withdrawn, book.changes) == (["peer a"], [])


def test_nothing_is_withdrawn_twice(book: Book) -> None:
    """Nor what was never assigned."""
    book.held.withdraw(an_sa())
    book.held.assigned(an_sa(), FIVE)
    book.held.withdraw(an_sa())
    book.held.withdraw(an_sa())
    assert book.withdrawn == ["peer a"]
    book.passes(1000.0)
    assert book.renewals == []


def test_renewal_is_asked_for_ever_sooner_until_the_time_is_up(book: Book) -> None:
    """At four fifths, then at half of what is left, ten seconds apart at least."""
    book.held.assigned(an_sa(), FIVE)
    book.passes(700.0)
    assert book.renewals == [480.0, 540.0, 570.0, 585.0, 595.0]
    assert book.withdrawn == ["peer a"]


def test_a_renewed_address_lasts_as_long_again(book: Book) -> None:
    """The time before does not count any more."""
    book.held.assigned(an_sa(), FIVE)
    book.passes(500.0)
    book.held.assigned(an_sa(), FIVE)
    book.passes(599.0)
    assert book.withdrawn == []
    book.passes(1.0)
    assert book.withdrawn == ["peer a"]
