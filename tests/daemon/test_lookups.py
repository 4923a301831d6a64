"""An interface stands for its address, also while it has lost it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from isakmpd.daemon import lookups
from isakmpd.daemon.lookups import Lookups
from isakmpd.wire.addresses import Address

Table = dict[str, str]


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Make interfaces with one address each, which questions count."""
    table: Table = {"wan": "192.0.2.1"}

    def address(name: str, _family: int) -> Address | None:
        table["asked"] = str(int(table.get("asked", "0")) + 1)
        return ip_address(table[name]) if name in table else None

    def netmask(name: str, _family: int) -> Address | None:
        return ip_address("255.255.255.0") if name in table else None

    monkeypatch.setattr(lookups, "_ASK", {"address": address, "netmask": netmask})
    return table


def test_each_question_is_asked_once(host: Table) -> None:
    """However many connections name the interface."""
    one = Lookups()
    assert {one.address("wan", 4) for _ in range(5)} == {ip_address("192.0.2.1")}
    assert one.netmask("wan", 4) == ip_address("255.255.255.0")
    assert host["asked"] == "1"


def test_only_other_addresses_are_changes(host: Table) -> None:
    """An address lost is none, for nothing can take its place."""
    one = Lookups()
    one.address("wan", 0)
    one.address("ppp0", 0)
    assert one.changes() == ()
    del host["wan"]
    assert one.changes() == ()
    host["wan"] = "192.0.2.7"
    assert one.changes() == ("wan has 192.0.2.7 instead of 192.0.2.1",)
    host["ppp0"] = "198.51.100.1"
    assert one.changes()[1:] == ("ppp0 has 198.51.100.1",)


def test_the_last_address_stays_until_there_is_another(host: Table) -> None:
    """From reading to reading; who never asked for it remembers nothing."""
    one = Lookups()
    one.address("wan", 4)
    one.netmask("wan", 4)
    del host["wan"]
    two = Lookups(one)
    three = Lookups(two)
    for later in (two, three):
        assert later.address("wan", 4) == ip_address("192.0.2.1")
        assert later.netmask("wan", 4) == ip_address("255.255.255.0")
        assert later.address("wan", 6) is None
    assert Lookups(Lookups(one)).address("wan", 4) is None
    host["wan"] = "192.0.2.7"
    assert Lookups(one).address("wan", 4) == ip_address("192.0.2.7")
