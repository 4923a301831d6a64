"""What ICMP says of our datagrams, read from real sockets."""

import socket
from ipaddress import ip_address

import pytest

from isakmpd.daemon.icmp_errors import accept_errors, waiting_errors
from isakmpd.ike.unreachable import Unreachable
from tests.daemon.test_udp import Host, free_ports


def closed_port(family: socket.AddressFamily, host: str) -> int:
    """Find a port nobody listens on."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
)
def test_a_closed_port_is_told_with_its_address(family: socket.AddressFamily, host: str) -> None:
    """The kernel returns the error with where the datagram was going."""
    port = closed_port(family, host)
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        accept_errors(udp)
        udp.setblocking(False)
        udp.sendto(b"is anybody there?", (host, port))
        ((destination, what),) = waiting_errors(udp)
        assert (destination[:2], what) == ((host, port), Unreachable.PORT)
        assert list(waiting_errors(udp)) == []


def test_the_daemons_sockets_pass_it_on_once_and_go_on_working() -> None:
    """Nothing is left for the event loop to spin on, and the next datagram leaves."""
    host = Host(free_ports())
    host.udp.listen(["127.0.0.1"])
    here = ip_address("127.0.0.1")
    port = closed_port(socket.AF_INET, "127.0.0.1")
    assert host.udp.send_esp(here, host.ports.ike, here, port, b"one") == 0
    host.loop.turn()
    assert host.errors == [(here, port, Unreachable.PORT)]
    assert host.loop.selector.select(0) == []
    assert host.udp.send_esp(here, host.ports.ike, here, port, b"two") == 0
    assert host.udp.send_esp(here, host.ports.ike, here, port, b"three") == 0, "at once"
    host.loop.turn()
    assert {what for *_, what in host.errors} == {Unreachable.PORT}
    host.udp.close()
