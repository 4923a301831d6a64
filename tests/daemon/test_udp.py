"""UDP sockets: every datagram comes with its true local address and leaves from the one asked."""

import ctypes
import errno
import selectors
import socket
import struct
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest

from isakmpd.daemon.interfaces import addresses_of_interface
from isakmpd.daemon.udp import Bind, Ports, Receivers, UdpSockets
from isakmpd.daemon.udp_runs import FEWEST_PACKETS
from isakmpd.ike.transport import Transport
from isakmpd.ike.unreachable import Unreachable
from isakmpd.privsep.inprocess import InProcess
from isakmpd.privsep.requests import BindUdp
from isakmpd.wire.addresses import Address
from lab.namespace import Namespace

MESSAGE = b"an IKE message"
MARKER = bytes(4)
ESP = bytes.fromhex("0000100100000001") + b"sealed"
HERE = IPv4Address("127.0.0.1")
ALSO_HERE = IPv4Address("127.0.0.2")
NOT_HERE = "192.0.2.1"


def open_udp_socket(address: IPv4Address | IPv6Address, port: int) -> socket.socket:
    """Bind as the daemon does."""
    return InProcess().bind_udp(BindUdp(address, port))


class Loop:
    """An event loop of one turn: call back whoever can read now."""

    def __init__(self) -> None:
        """Watch nothing yet."""
        self.selector = selectors.DefaultSelector()

    def add_reader(self, fd: int, callback: Callable[[], object], /) -> None:
        """Begin to watch a descriptor."""
        self.selector.register(fd, selectors.EVENT_READ, callback)

    def remove_reader(self, fd: int, /) -> None:
        """Watch it no longer."""
        self.selector.unregister(fd)

    def turn(self, seconds: float = 0.05) -> None:
        """Wait until something can be read, and call back once whoever watches it."""
        for key, _ in self.selector.select(seconds):
            key.data()


@dataclass
class Host:
    """UDP sockets on free ports, and everything that came out of them."""

    ports: Ports
    bind: Bind = open_udp_socket
    ike: list[tuple[bytes, Transport]] = field(default_factory=list)
    esp: list[tuple[bytes, Transport]] = field(default_factory=list)
    traffic_classes: list[int] = field(default_factory=list)
    errors: list[tuple[Address, int, Unreachable]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    loop: Loop = field(default_factory=Loop)
    addresses: dict[str, tuple[Address, ...]] = field(default_factory=dict)  # of interfaces

    def __post_init__(self) -> None:
        """Make the sockets, bound nowhere yet."""
        receivers = Receivers(
            ike=lambda octets, transport: self.ike.append((octets, transport)),
            esp=self._take_esp,
            unreachable=lambda *error: self.errors.append(error),
        )
        self.udp = UdpSockets(
            self.bind,
            receivers,
            self.loop,
            self.lines.append,
            ports=self.ports,
            addresses_of=self._addresses_of,
        )

    def _addresses_of(self, name: str, families: tuple[int, ...]) -> tuple[Address, ...]:
        return self.addresses.get(name, addresses_of_interface(name, families))

    def take_lines(self) -> list[str]:
        """Give what was logged since the last time."""
        lines, self.lines[:] = list(self.lines), []
        return lines

    def _take_esp(self, octets: bytes, transport: Transport, traffic_class: int) -> None:
        self.esp.append((octets, transport))
        self.traffic_classes.append(traffic_class)


def free_ports() -> Ports:
    """Find two ports nobody uses."""
    with (
        open_udp_socket(IPv6Address("::1"), 0) as one,
        open_udp_socket(IPv6Address("::1"), 0) as other,
    ):
        return Ports(one.getsockname()[1], other.getsockname()[1])


@pytest.fixture
def host() -> Iterator[Host]:
    """Make a host that listens nowhere yet."""
    made = Host(free_ports())
    yield made
    made.udp.close()


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    """Open a plain socket of a peer at 127.0.0.3."""
    with open_udp_socket(IPv4Address("127.0.0.3"), 0) as opened:
        opened.setblocking(True)
        opened.settimeout(2)
        yield opened


def transport_to(peer: socket.socket, local: IPv4Address, port: int, nat_t: bool) -> Transport:
    """Name the way from us to the peer."""
    address, peer_port = peer.getsockname()
    return Transport(local, port, ip_address(address), peer_port, nat_t)


@pytest.mark.parametrize("local", [HERE, ALSO_HERE])
@pytest.mark.parametrize("listen_on", [[], ["127.0.0.1", "127.0.0.2"]])
def test_a_message_comes_with_both_its_ends(
    host: Host, peer: socket.socket, local: IPv4Address, listen_on: list[str]
) -> None:
    """The local address is the one the peer wrote to, on a wildcard and on a listed socket."""
    assert host.udp.listen(listen_on) == ()
    peer.sendto(MESSAGE, (str(local), host.ports.ike))
    host.loop.turn()
    assert host.ike == [(MESSAGE, transport_to(peer, local, host.ports.ike, False))]


@pytest.mark.parametrize("local", [HERE, ALSO_HERE])
@pytest.mark.parametrize("listen_on", [[], ["127.0.0.1", "127.0.0.2"]])
@pytest.mark.parametrize("nat_t", [False, True])
def test_a_message_leaves_from_the_address_its_transport_names(
    host: Host,
    peer: socket.socket,
    local: IPv4Address,
    listen_on: list[str],
    nat_t: bool,
) -> None:
    """Source address and port are the transport's; the NAT-T port adds the marker."""
    host.udp.listen(listen_on)
    port = host.ports.all()[nat_t]
    host.udp.send(transport_to(peer, local, port, nat_t), MESSAGE)
    on_the_wire = MARKER + MESSAGE if nat_t else MESSAGE
    assert peer.recvfrom(100) == (on_the_wire, (str(local), port))


@pytest.mark.parametrize(
    ("datagram", "ike", "esp"),
    [
        (MARKER + MESSAGE, [MESSAGE], []),
        (MARKER, [b""], []),
        (ESP, [], [ESP]),
        (b"\xff", [], []),
        (b"\xff\xff", [], [b"\xff\xff"]),
        (b"", [], [b""]),
    ],
)
def test_the_nat_t_port_tells_ike_esp_and_keepalives_apart(
    host: Host, peer: socket.socket, datagram: bytes, ike: list[bytes], esp: list[bytes]
) -> None:
    """The marker is stripped, ESP goes to the data plane, a keepalive to nobody."""
    host.udp.listen()
    peer.sendto(datagram, (str(HERE), host.ports.nat_t))
    host.loop.turn()
    expected = transport_to(peer, HERE, host.ports.nat_t or 0, True)
    assert host.ike == [(octets, expected) for octets in ike]
    assert host.esp == [(octets, expected) for octets in esp]


def test_a_keepalive_is_one_octet_without_marker(host: Host, peer: socket.socket) -> None:
    """RFC 3948 section 2.3."""
    host.udp.listen()
    host.udp.send_keepalive(transport_to(peer, HERE, host.ports.nat_t or 0, True))
    assert peer.recv(100) == b"\xff"


def test_esp_leaves_as_it_is(host: Host, peer: socket.socket) -> None:
    """The data plane shares the NAT-T socket: the NAT keeps one mapping for both."""
    host.udp.listen()
    nat_t = host.ports.nat_t or 0
    address, port = peer.getsockname()
    assert host.udp.send_esp(HERE, nat_t, ip_address(address), port, ESP) == 0
    assert peer.recvfrom(100) == (ESP, (str(HERE), nat_t))


RUN = [ESP + bytes((number,)) * 1300 for number in range(15)] + [ESP + b"the last is shorter"]


@pytest.mark.parametrize("address", ["127.0.0.3", "::1"])
def test_a_run_arrives_as_the_packets_it_is_made_of(host: Host, address: str) -> None:
    host.udp.listen()
    local = ip_address(address)
    here: IPv4Address | IPv6Address = HERE if local.version == 4 else local
    with open_udp_socket(local, 0) as peer:
        port = peer.getsockname()[1]
        assert host.udp.send_esp_run(here, host.ports.nat_t or 0, local, port, RUN) == 0
        assert [peer.recv(2000) for _ in RUN] == RUN


def test_a_run_is_cut_again_by_a_receiver_who_takes_it_whole(host: Host) -> None:
    """Two of ours, each packet with both its ends."""
    host.udp.listen()
    other = Host(free_ports())
    other.udp.listen()
    ports = host.ports.nat_t or 0, other.ports.nat_t or 0
    assert host.udp.send_esp_run(HERE, ports[0], ALSO_HERE, ports[1], RUN) == 0
    other.loop.turn()
    other.udp.close()
    here = Transport(ALSO_HERE, ports[1], HERE, ports[0], encapsulated=True)
    assert other.esp == [(packet, here) for packet in RUN]


@pytest.mark.parametrize("address", ["127.0.0.3", "::1"])
@pytest.mark.parametrize("length", [1, len(RUN)])
def test_the_traffic_class_travels_along(host: Host, address: str, length: int) -> None:
    host.udp.listen()
    other = Host(free_ports())
    other.udp.listen()
    ports = host.ports.nat_t or 0, other.ports.nat_t or 0
    here = ip_address(address)
    for traffic_class in (0xB9, 0):
        ends = here, ports[0], here, ports[1]
        assert host.udp.send_esp_run(*ends, RUN[:length], traffic_class) == 0
        other.loop.turn()
    other.udp.close()
    assert other.traffic_classes == [0xB9] * length + [0] * length


def test_a_run_no_device_can_cut_leaves_packet_by_packet(host: Host, peer: socket.socket) -> None:
    """A run longer than a datagram may be is refused; alone its packets are not."""
    host.udp.listen()
    run = [ESP + bytes(9000)] * FEWEST_PACKETS
    address, port = peer.getsockname()
    nat_t = host.ports.nat_t or 0
    assert host.udp.send_esp_run(HERE, nat_t, ip_address(address), port, run) == 0
    assert [len(peer.recv(70000)) for _ in run] == [len(packet) for packet in run]


def test_a_run_that_cannot_leave_is_told_by_its_errno(host: Host) -> None:
    nowhere = host.udp.send_esp_run(HERE, 4500, ip_address(NOT_HERE), 4500, RUN)
    assert nowhere == errno.EADDRNOTAVAIL


def test_ipv6_works_alike(host: Host) -> None:
    """A message over IPv6 comes with both ends and can be answered."""
    host.udp.listen()
    with open_udp_socket(IPv6Address("::1"), 0) as peer:
        peer.sendto(MESSAGE, ("::1", host.ports.ike))
        host.loop.turn()
        ((octets, transport),) = host.ike
        assert octets == MESSAGE
        assert (transport.local, transport.local_port) == (IPv6Address("::1"), host.ports.ike)
        host.udp.send(transport, b"an answer")
        assert peer.recvfrom(100)[0] == b"an answer"


def test_a_burst_loses_nothing(host: Host, peer: socket.socket) -> None:
    """What one turn leaves behind the next one reads, in order."""
    host.udp.listen()
    burst = [b"%d" % number for number in range(150)]
    for octets in burst:
        peer.sendto(octets, (str(HERE), host.ports.ike))
    for _ in range(5):
        host.loop.turn()
    assert [octets for octets, _ in host.ike] == burst


def test_an_address_not_listed_is_left_alone(host: Host, peer: socket.socket) -> None:
    """With Listen-on other addresses are free for others, and nothing leaves from them."""
    host.udp.listen(["127.0.0.1"])
    with open_udp_socket(ALSO_HERE, host.ports.ike):
        host.udp.send(transport_to(peer, ALSO_HERE, host.ports.ike, False), MESSAGE)
    assert host.lines == [
        f"udp: sending to 127.0.0.3 port {peer.getsockname()[1]} from 127.0.0.2"
        f" port {host.ports.ike}: Cannot assign requested address"
    ]


def test_a_listed_address_this_host_lacks_is_said_and_no_failure(host: Host) -> None:
    """A shared address may be with the other machine just now."""
    assert host.udp.listen(["127.0.0.1", NOT_HERE]) == ()
    assert {str(listener.address) for listener in host.udp.listeners} == {"127.0.0.1"}
    host.udp.look_again()
    assert host.lines == [
        f"udp: not listening on {NOT_HERE} until this host has it ([General]:Listen-on):"
        " Cannot assign requested address"
    ]


def test_a_port_taken_by_another_daemon_is_a_failure(host: Host) -> None:
    """Nobody shares our port in silence: the sentence says what is wrong."""
    with open_udp_socket(IPv4Address("127.0.0.1"), host.ports.ike):
        (failure,) = host.udp.listen(["127.0.0.1"])
    assert failure == (
        f"udp: cannot listen on 127.0.0.1 port {host.ports.ike}:"
        " Address already in use (another IKE daemon holds it)"
    )


def test_a_name_nobody_has_is_said(host: Host) -> None:
    """Listen-on takes addresses and interfaces."""
    host.udp.listen(["nothing0", "127.0.0.1"])
    assert host.lines == [
        "udp: [General]:Listen-on= nothing0: no address, nor an interface with one"
    ]


def test_an_interface_stands_for_all_its_addresses(host: Host) -> None:
    """Listen-on= lo means 127.0.0.1 and ::1."""
    host.udp.listen(["lo", "127.0.0.1"])
    addresses = [listener.address for listener in host.udp.listeners]
    assert addresses[::2] == addresses[1::2]  # on both ports
    assert {HERE, IPv6Address("::1")} <= set(addresses)
    assert host.lines == []


def test_addresses_of_interfaces_come_and_go(host: Host, peer: socket.socket) -> None:
    """What an interface has now is bound, the rest stays as it is or is released."""
    host.addresses["wan"] = ()
    assert host.udp.listen(["wan"]) == ()
    host.udp.look_again()
    absent = "udp: [General]:Listen-on= wan: no address, nor an interface with one"
    assert host.take_lines() == [absent]
    host.addresses["wan"] = (HERE,)
    host.udp.look_again()
    assert host.take_lines() == ["udp: listening on 127.0.0.1, which has appeared"]
    peer.sendto(MESSAGE, (str(HERE), host.ports.ike))
    host.addresses["wan"] = (HERE, ALSO_HERE)
    host.udp.look_again()
    host.udp.look_again()
    assert host.take_lines() == ["udp: listening on 127.0.0.2, which has appeared"]
    host.loop.turn()
    assert [octets for octets, _ in host.ike] == [MESSAGE]
    host.addresses["wan"] = (ALSO_HERE,)
    host.udp.look_again()
    assert host.take_lines() == ["udp: listening on 127.0.0.1 no longer, this host has it no more"]
    assert not host.udp.listens_on(HERE)
    assert host.udp.listens_on(ALSO_HERE)


def test_a_port_taken_meanwhile_is_said_once(host: Host) -> None:
    """And bound as soon as it is free."""
    host.addresses["wan"] = ()
    host.udp.listen(["wan"])
    host.take_lines()
    host.addresses["wan"] = (HERE,)
    with open_udp_socket(HERE, host.ports.ike):
        host.udp.look_again()
        host.udp.look_again()
        (line,) = host.take_lines()
        assert "Address already in use" in line
        assert not host.udp.listens_on(HERE)
    host.udp.look_again()
    assert host.udp.listens_on(HERE)


def test_a_link_local_address_takes_its_interface(host: Host) -> None:
    """Without one nobody knows which is meant; with one its name does."""
    assert host.udp.listen(["fe80::1", "::1"]) == ()
    assert host.lines == [
        "udp: [General]:Listen-on= fe80::1: a link-local address takes its interface, such as"
        " fe80::1%eth0"
    ]
    assert {str(listener.address) for listener in host.udp.listeners} == {"::1"}


def test_a_reload_keeps_the_sockets_that_stay(host: Host, peer: socket.socket) -> None:
    """A socket both lists name is not closed: a datagram waiting in it arrives."""
    host.udp.listen(["127.0.0.1", "127.0.0.2"])
    peer.sendto(MESSAGE, (str(HERE), host.ports.ike))
    assert host.udp.listen(["127.0.0.1"]) == ()
    host.loop.turn()
    assert [octets for octets, _ in host.ike] == [MESSAGE]
    assert {listener.address for listener in host.udp.listeners} == {HERE}


def test_what_a_reload_released_is_not_used_again(host: Host, peer: socket.socket) -> None:
    """Nothing leaves from an address that is no longer listed."""
    host.udp.listen(["127.0.0.1", "127.0.0.2"])
    host.udp.send(transport_to(peer, ALSO_HERE, host.ports.ike, False), MESSAGE)
    host.udp.listen(["127.0.0.1"])
    host.udp.send(transport_to(peer, ALSO_HERE, host.ports.ike, False), MESSAGE)
    (line,) = host.lines
    assert line.endswith(f"from 127.0.0.2 port {host.ports.ike}: Cannot assign requested address")


def test_a_reload_moves_from_listed_addresses_to_all_and_back(host: Host) -> None:
    """The sockets that go are released before those that come are bound."""
    for listen_on in (["127.0.0.1"], [], ["127.0.0.1"]):
        assert host.udp.listen(listen_on) == ()


def test_a_closed_peer_port_harms_nothing(host: Host, peer: socket.socket) -> None:
    """An ICMP error about one peer stops neither sending nor receiving."""
    host.udp.listen()
    gone = Transport(HERE, host.ports.ike, HERE, free_ports().ike)
    for _ in range(3):
        host.udp.send(gone, MESSAGE)
        host.loop.turn(0)
    there = transport_to(peer, HERE, host.ports.ike, False)
    host.udp.send(there, MESSAGE)
    assert peer.recv(100) == MESSAGE
    peer.sendto(b"an answer", (str(HERE), host.ports.ike))
    host.loop.turn()
    assert host.ike == [(b"an answer", there)]


@pytest.mark.parametrize(
    ("local", "remote", "octets", "failed"),
    [
        (HERE, HERE, bytes(70000), errno.EMSGSIZE),
        (IPv4Address(NOT_HERE), HERE, ESP, None),
        (HERE, IPv6Address("::1"), ESP, errno.EADDRNOTAVAIL),
    ],
)
def test_what_cannot_be_sent_is_reported_not_raised(
    host: Host,
    local: IPv4Address,
    remote: IPv4Address | IPv6Address,
    octets: bytes,
    failed: int | None,
) -> None:
    """Too large, from an address not ours, from one family to the other."""
    host.udp.listen()
    result = host.udp.send_esp(local, host.ports.nat_t or 0, remote, 4500, octets)
    assert result == failed if failed else result != 0
    assert host.lines == []


def test_the_routing_table_chooses_the_address_of_a_first_message(host: Host) -> None:
    """Without Listen-on the source is the one the route prefers."""
    host.udp.listen()
    assert host.udp.local_address_for(IPv4Address("127.0.0.9")) == HERE
    assert host.udp.local_address_for(IPv6Address("::1")) == IPv6Address("::1")


def test_listen_on_chooses_the_address_of_a_first_message(host: Host) -> None:
    """With it, the first listed one; a family without one has none."""
    host.udp.listen(["127.0.0.2", "127.0.0.1"])
    assert host.udp.local_address_for(IPv4Address("127.0.0.9")) == ALSO_HERE
    assert host.udp.local_address_for(IPv6Address("::1")) is None


@pytest.mark.parametrize(
    ("ports", "bound"),
    [(Ports(), (500, 4500)), (Ports(nat_t=None), (500,)), (Ports(4500), (4500,))],
)
def test_ports(ports: Ports, bound: tuple[int, ...]) -> None:
    """NAT-T can be off, and one port can serve both."""
    assert ports.all() == bound


def inside(namespace: Namespace, open_socket: Callable[[], socket.socket]) -> socket.socket:
    """Open a socket in a namespace: it stays there, whoever uses it."""

    def enter_and_open() -> socket.socket:
        with namespace.mount.open("rb") as mount:
            assert ctypes.CDLL(None, use_errno=True).setns(mount.fileno(), 0) == 0
        return open_socket()

    # A thread of its own: the namespace is each thread's.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(enter_and_open).result()


@pytest.mark.root
def test_a_datagram_from_port_zero_is_for_nobody(host: Host) -> None:
    """Whoever forged it cannot be answered."""
    host.udp.listen()
    header = struct.pack(">HHHH", 0, host.ports.ike, 8 + len(MESSAGE), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as forger:
        forger.sendto(header + MESSAGE, (str(HERE), 0))
        forger.sendto(b"\0\1" + header[2:] + b"from port one!", (str(HERE), 0))
    host.loop.turn()
    assert [octets for octets, _ in host.ike] == [b"from port one!"]


@pytest.mark.namespaces
@pytest.mark.parametrize("listen_on", [[], ["127.0.0.1", NOT_HERE]])
def test_an_address_that_appears_later_is_served(listen_on: list[str]) -> None:
    """A wildcard socket needs no rescan; a listed address is bound at the next retry."""
    with Namespace("udp") as namespace:
        host = Host(Ports(), bind=lambda a, p: inside(namespace, lambda: open_udp_socket(a, p)))
        assert host.udp.listen(listen_on) == ()
        namespace.address(f"{NOT_HERE}/32")
        host.udp.look_again()
        with inside(namespace, lambda: open_udp_socket(HERE, 0)) as peer:
            peer.sendto(MESSAGE, (NOT_HERE, 500))
            host.loop.turn()
            assert [transport.local for _, transport in host.ike] == [IPv4Address(NOT_HERE)]
        host.udp.close()


@pytest.mark.namespaces
def test_a_broadcast_is_not_for_us() -> None:
    """IKE is between two addresses: a datagram to many gets no answer."""
    with Namespace("udp") as namespace:
        namespace.address("192.0.2.1/24")
        host = Host(Ports(), bind=lambda a, p: inside(namespace, lambda: open_udp_socket(a, p)))
        host.udp.listen()
        with inside(namespace, lambda: open_udp_socket(HERE, 0)) as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            peer.sendto(b"to all", ("127.255.255.255", 500))
            peer.sendto(b"to one", ("127.0.0.1", 500))
            host.loop.turn()
        assert [octets for octets, _ in host.ike] == [b"to one"]
        host.udp.close()
