"""Socket addresses and packet information, written and read."""

import socket
from ipaddress import ip_address

import pytest

from isakmpd.daemon.packet_info import address_of, arrival, leave_from, socket_address

HERE = ip_address("192.0.2.1")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("192.0.2.1", ("192.0.2.1", 500)),
        ("2001:db8::1", ("2001:db8::1", 500, 0, 0)),
        ("fe80::1%1", ("fe80::1", 500, 0, 1)),
        ("fe80::1%lo", ("fe80::1", 500, 0, socket.if_nametoindex("lo"))),
    ],
)
def test_an_address_becomes_a_socket_address_with_its_interface(
    text: str, written: tuple[str, int]
) -> None:
    """Link-local addresses mean something on one link only."""
    assert socket_address(ip_address(text), 500) == written


def test_an_interface_that_is_gone_is_a_failure_of_the_system() -> None:
    """Whoever sends gets the error every broken path gives."""
    with pytest.raises(OSError, match="no interface"):
        socket_address(ip_address("fe80::1%isakmpd-none"), 500)


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "fe80::1%7"])
def test_what_the_kernel_tells_is_where_the_answer_leaves_from(text: str) -> None:
    """Both are written alike, but that the kernel repeats an IPv4 destination."""
    local = ip_address(text)
    ((_, _, info),) = leave_from(local)
    if local.version == 4:
        info = info[:4] + local.packed * 2
    transport = arrival(info, 4500, socket_address(local, 1024), True)
    assert transport is not None
    assert (transport.local, transport.remote, transport.remote_port) == (local, local, 1024)


@pytest.mark.parametrize(
    ("destination", "port"),
    [("192.0.2.255", 500), ("192.0.2.1", 0)],
    ids=["a broadcast", "nobody to answer"],
)
def test_datagrams_that_are_not_for_us_alone_or_from_nobody(destination: str, port: int) -> None:
    """They are no transport to talk over."""
    info = bytes(4) + HERE.packed + ip_address(destination).packed
    assert arrival(info, 500, ("198.51.100.1", port), False) is None


def test_the_address_of_a_socket_address_keeps_a_scope() -> None:
    """The kernel names the interface by number."""
    assert address_of("fe80::1", 500, 0, 3) == ip_address("fe80::1%3")
    assert address_of("2001:db8::1", 500) == ip_address("2001:db8::1")
