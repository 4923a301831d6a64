"""What Listen-on may say, and what it stands for."""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address

import pytest

from isakmpd.daemon.listen_on import numbered, wanted
from isakmpd.wire.addresses import Address

INTERFACES = {
    "wan": ("192.0.2.1", "192.0.2.2", "2001:db8::1", "fe80::1%2"),
    "lan": ("10.1.0.1",),
    "six": ("2001:db8::2",),
}


def addresses_of(name: str, families: tuple[int, ...]) -> tuple[Address, ...]:
    """Look up an interface of the table."""
    found = map(ip_address, INTERFACES.get(name, ()))
    return tuple(one for one in found if one.version in families)


@pytest.mark.parametrize(
    ("listen_on", "families", "addresses"),
    [
        ((), (4, 6), ("0.0.0.0", "::")),  # noqa: S104
        ((), (4,), ("0.0.0.0",)),  # noqa: S104
        (("wan",), (4, 6), INTERFACES["wan"]),
        (("wan",), (6,), INTERFACES["wan"][2:]),
        (("lan", "wan", "192.0.2.2"), (4,), ("10.1.0.1", "192.0.2.1", "192.0.2.2")),
        (("2001:DB8:0::1", "192.0.2.9"), (4, 6), ("2001:db8::1", "192.0.2.9")),
        (("2001:db8::1", "192.0.2.9"), (4,), ("192.0.2.9",)),
        (("fe80::5%7",), (4, 6), ("fe80::5%7",)),
    ],
)
def test_elements(
    listen_on: tuple[str, ...], families: tuple[int, ...], addresses: tuple[str, ...]
) -> None:
    """In the order of the list, each address once."""
    found = wanted(listen_on, families, addresses_of)
    assert [str(one) for one in found.addresses] == list(addresses)
    assert found.complaints == ()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("gone0", "no address, nor an interface with one"),
        ("192.0.2.256", "no address, nor an interface with one"),
        ("192.0.2.1/24", "no address, nor an interface with one"),
        ("vpn.example.org", "no address, nor an interface with one"),
        ("fe80::1", "a link-local address takes its interface, such as fe80::1%eth0"),
    ],
)
def test_elements_that_stand_for_nothing(text: str, complaint: str) -> None:
    """A sentence for each; the others are listened on."""
    found = wanted((text, "lan"), (4, 6), addresses_of)
    assert [str(one) for one in found.addresses] == ["10.1.0.1"]
    assert found.complaints == (f"udp: [General]:Listen-on= {text}: {complaint}",)


def test_only_what_the_file_names_is_listed() -> None:
    """It may be with another host; what an interface has is here."""
    assert wanted(("lan", "192.0.2.9"), (4, 6), addresses_of).listed == {ip_address("192.0.2.9")}


def test_an_interface_with_addresses_of_another_family_alone() -> None:
    """Is said: nobody shall wonder why nothing listens."""
    assert len(wanted(("six",), (4,), addresses_of).complaints) == 1


def test_scopes_are_written_as_the_kernel_does() -> None:
    """By index, so that the address of a datagram that arrives is the same."""
    index = socket.if_nametoindex("lo")
    assert numbered(IPv6Address("fe80::1%lo")) == IPv6Address(f"fe80::1%{index}")
    for same in ("fe80::1%7", "fe80::1%gone0", "fe80::1", "2001:db8::1", "192.0.2.1"):
        assert numbered(ip_address(same)) == ip_address(same)
