"""Interface names stand for addresses, `default` for the interface of the default route."""

import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from isakmpd.daemon import interfaces
from isakmpd.daemon.interfaces import (
    address_of_interface,
    addresses_of_interface,
    netmask_of_interface,
)
from lab.namespace import Namespace


@pytest.mark.parametrize(
    ("name", "family", "address", "mask"),
    [
        ("lo", 0, "127.0.0.1", "255.0.0.0"),
        ("lo", 4, "127.0.0.1", "255.0.0.0"),
        ("lo", 6, "::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ],
)
def test_the_loopback_interface(name: str, family: int, address: str, mask: str) -> None:
    """Either family means IPv4 first."""
    assert address_of_interface(name, family) == ip_address(address)
    assert netmask_of_interface(name, family) == ip_address(mask)


@pytest.mark.parametrize("name", ["", "nothing0", "longer-than-any-interface", "l\0o"])
@pytest.mark.parametrize("family", [0, 4, 6])
def test_a_name_no_interface_has(name: str, family: int) -> None:
    """None, and no exception."""
    assert address_of_interface(name, family) is None
    assert netmask_of_interface(name, family) is None
    assert addresses_of_interface(name) == ()


IPV6_ADDRESSES = """\
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
20010db8000000000000000000000002 04 40 00 82     eth0
fe8000000000000000fc00fffe000002 05 40 20 80     eth1
"""
IPV6_ROUTES = """\
20010db8000000000000000000000000 40 {n} 00 {n} 00000100 00000001 00000000 00000001     eth1
{n} 00 {n} 00 {g} 00000400 00000002 00000000 00000003     eth0
{n} 00 {n} 00 {g} 00000300 00000002 00000000 00200200       lo
""".format(n="0" * 32, g="20010db8000000000000000000000001")


@pytest.fixture
def ipv6_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Show tables of another host."""
    for constant, text in (("_IPV6_ADDRESSES", IPV6_ADDRESSES), ("_IPV6_ROUTES", IPV6_ROUTES)):
        table = tmp_path / constant
        table.write_text(text)
        monkeypatch.setattr(interfaces, constant, table)


@pytest.mark.usefixtures("ipv6_host")
@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("eth0", "2001:db8::2"),
        ("eth1", "fe80::fc:ff:fe00:2%5"),
        ("default", "2001:db8::2"),
    ],
)
def test_a_link_local_address_comes_last(name: str, address: str) -> None:
    """And carries its interface; a route that rejects is no default route."""
    assert address_of_interface(name, 6) == ip_address(address)
    assert netmask_of_interface(name, 6) == ip_address("ffff:ffff:ffff:ffff::")


IPV4_ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth9	00000000	010200C0	0003	0	0	200	00000000	0	0	0
lo	00000000	010200C0	0003	0	0	100	00000000	0	0	0
eth9	000200C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
"""


def test_the_default_route_with_the_lowest_metric_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here it leaves by lo."""
    table = tmp_path / "route"
    table.write_text(IPV4_ROUTES)
    monkeypatch.setattr(interfaces, "_IPV4_ROUTES", table)
    assert address_of_interface("default", 4) == ip_address("127.0.0.1")


def test_a_host_without_routes_has_no_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither with an empty table nor without one."""
    for constant in ("_IPV4_ROUTES", "_IPV6_ROUTES"):
        monkeypatch.setattr(interfaces, constant, tmp_path / "missing")
    assert address_of_interface("default") is None


@pytest.mark.usefixtures("ipv6_host")
def test_all_addresses_of_an_interface() -> None:
    """Link-local ones come last, with the index of their interface."""
    found = addresses_of_interface("eth0", (6,))
    assert list(map(str, found)) == ["2001:db8::2", "fe80::fc:ff:fe00:1%4"]
    assert addresses_of_interface("default", (6,)) == found
    assert addresses_of_interface("eth0", (4, 6))[-2:] == found


@pytest.mark.namespaces
@pytest.mark.parametrize("number", [0, 1, 40])
def test_labels_and_many_addresses(number: int) -> None:
    """Each IPv4 address counts, whatever its label and prefix; those of neighbours do not."""
    more = [f"198.51.100.{last}" for last in range(1, number + 1)]
    with Namespace("interfaces") as namespace:
        namespace.ip("link", "add", "wan", "type", "veth", "peer", "name", "wan2")
        namespace.ip("address", "add", "192.0.2.1/24", "dev", "wan")
        namespace.ip("address", "add", "192.0.2.2/24", "dev", "wan", "label", "wan:1")
        namespace.ip("address", "add", "192.0.2.3", "peer", "192.0.2.99", "dev", "wan")
        namespace.ip("address", "add", "192.0.2.4/24", "dev", "wan2")
        for address in more:
            namespace.ip("address", "add", f"{address}/32", "dev", "wan")
        program = (
            "from isakmpd.daemon.interfaces import addresses_of_interface as ask;"
            "print(*ask('wan', (4,)))"
        )
        found = namespace.run(sys.executable, "-c", program).stdout.split()
    assert sorted(found) == sorted(["192.0.2.1", "192.0.2.2", "192.0.2.3", *more])
