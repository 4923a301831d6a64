"""What mode config is told to tell, and to ask."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from isakmpd.config.model import AddressPool
from tests.config.sample import configured, sole_problem


def test_everything_a_pool_can_have() -> None:
    """Lists hold addresses of both families; an interface stands for its address."""
    tags = {
        "Address": "10.9.0.7",
        "Netmask": "255.255.255.0",
        "Nameserver": "10.9.0.1, 2001:db8::1",
        "WINS-server": "em0",
        "DHCP-server": "10.9.0.3",
        "Lifetime": "86400",
        "Network": "10.9.0.0, 2001:db8::/32",
    }
    configuration = configured({"ufqdn/Ann@Example.org": tags})
    assert configuration.problems == configuration.warnings == configuration.unused == ()
    assert configuration.address_pools == {
        "ufqdn/ann@example.org": AddressPool(
            section="ufqdn/Ann@Example.org",
            push=True,
            address=ip_address("10.9.0.7"),
            netmask=ip_address("255.255.255.0"),
            networks=(ip_network("10.9.0.0/24"), ip_network("2001:db8::/32")),
            name_servers=(ip_address("10.9.0.1"), ip_address("2001:db8::1")),
            netbios_servers=(ip_address("198.51.100.1"),),
            dhcp_servers=(ip_address("10.9.0.3"),),
            lifetime=86400,
        )
    }


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ("ipv4/192.0.2.1", "ipv4/192.0.2.1"),
        ("IPv6/2001:DB8:0::1", "ipv6/2001:db8::1"),
        ("fqdn/Gw.Example.org", "fqdn/gw.example.org"),
        ("asn1_dn//C=SE/CN=ann", "asn1_dn//c=se/cn=ann"),
    ],
)
def test_whom_a_pool_is_for(section: str, key: str) -> None:
    """Section names know no case, addresses no spelling."""
    assert set(configured({section: {"Address": "10.9.0.7"}}).address_pools) == {key}


@pytest.mark.parametrize(
    ("mode", "push", "warned"),
    [
        (None, True, False),
        ("SET", True, False),
        ("set", True, False),
        ("GET", False, False),
        ("REQUEST", False, True),
    ],
)
def test_who_asks(mode: str | None, push: bool, warned: bool) -> None:
    """SET, or no word, tells; anything else asks for the attributes, each once and as spelled."""
    tags = {"Mode": mode, "Attributes": "address, WINS-Server,NETMASK,Address"}
    configuration = configured({"fqdn/gw.example.org": tags})
    pool = configuration.address_pools["fqdn/gw.example.org"]
    assert (pool.push, pool.wanted) == (push, ("Address", "WINS-server", "Netmask"))
    assert any("expected SET or GET" in note.text for note in configuration.warnings) is warned


def test_an_ipv6_network_with_its_prefix() -> None:
    """The prefix has a tag of its own."""
    tags = {"Network": "2001:db8::", "Prefix": "48"}
    pool = configured({"ipv4/192.0.2.1": tags}).address_pools["ipv4/192.0.2.1"]
    assert pool.networks == (ip_network("2001:db8::/48"),)
    assert pool.lifetime is None


@pytest.mark.parametrize(
    ("section", "tags", "words"),
    [
        ("ipv4/gw.example", {"Address": "10.0.0.1"}, "expected an IPv4 address after ipv4/"),
        ("ipv6/192.0.2.1", {"Address": "10.0.0.1"}, "expected an IPv6 address after ipv6/"),
        ("asn1_dn/west", {"Address": "10.0.0.1"}, "'west' is no attribute; expected TYPE=value"),
        ("fqdn/gw", {"Address": "ten"}, "[fqdn/gw]:Address= ten: expected an IPv4 or IPv6 address"),
        ("fqdn/gw", {"Netmask": "255.0.255.0"}, "expected an IPv4 or IPv6 netmask without holes"),
        ("fqdn/gw", {"Nameserver": "10.0.0.1,ten"}, ":Nameserver= ten: expected IPv4 or IPv6"),
        ("fqdn/gw", {"Lifetime": "0"}, "expected a number from 1 to 4294967295"),
        ("fqdn/gw", {"Network": "lan"}, ":Network= lan: expected addresses of networks"),
        ("fqdn/gw", {"Network": "10.0.0.0/33"}, "expected a number from 0 to 32 after the slash"),
        ("fqdn/gw", {"Network": "10.0.0.0/"}, "expected a number from 0 to 32 after the slash"),
        ("fqdn/gw", {"Network": "10.0.0.0"}, "[fqdn/gw]:Prefix is missing: expected the length"),
        ("fqdn/gw", {"Network": "10.0.0.0", "Prefix": "64"}, "expected a number from 0 to 32"),
    ],
)
def test_a_pool_with_a_fault(section: str, tags: dict[str, str], words: str) -> None:
    """A wrong pool is left out, and nothing else."""
    configuration = configured({section: tags})
    problem = sole_problem(configuration)
    assert words in problem
    assert problem.endswith(f"IKECFG-ID [{section}] is left out")
    assert configuration.address_pools == {}
    assert set(configuration.connections) == {"conn"}


def test_one_identity_spelled_twice() -> None:
    """The first section counts."""
    configuration = configured(
        {"ipv6/::1": {"Address": "10.0.0.1"}, "ipv6/0::1": {"Address": "10.0.0.2"}}
    )
    assert configuration.address_pools["ipv6/::1"].address == ip_address("10.0.0.1")
    assert "[ipv6/::1] names the same identity" in sole_problem(configuration)


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ({"Mode": "GET"}, "Mode asks the peer, and nothing for what; expected Address, Netmask"),
        (
            {"Attributes": "Nameservers"},
            ":Attributes= Nameservers: expected one of Address, Netmask, Nameserver, WINS-server,"
            ' DHCP-server, Lifetime; the element is ignored; did you mean "Nameserver"?',
        ),
    ],
)
def test_a_pool_that_works_with_a_warning(tags: dict[str, str], words: str) -> None:
    """What is strange and harmless is said."""
    configuration = configured({"fqdn/gw": tags})
    assert configuration.problems == ()
    (warning,) = configuration.warnings
    assert words in warning.text
