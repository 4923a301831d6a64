"""Transport mode in the userspace stack: between hosts, across NATs, to clients behind one NAT."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6

from isakmpd.ike.ipsec import (
    Flow,
    InstallFlow,
    InstallSa,
    OriginalAddresses,
    RemoveFlow,
    RemoveSa,
    SimplexSa,
    StackRefused,
    UdpEncapsulation,
    UpdateSa,
)
from isakmpd.wire.numbers import EncapsulationMode
from tests.ipsec.stacks import Host, transport_pair

WEST, EAST = "192.0.2.1", "192.0.2.2"
WEST6, EAST6 = "2001:db8::1", "2001:db8::2"


def flow_of(pair: tuple[SimplexSa, SimplexSa], peer: str = "") -> Flow:
    return Flow(pair[1].selector, peer)


def host(pair: tuple[SimplexSa, SimplexSa]) -> Host:
    one = Host()
    one.install(*pair, flow=flow_of(pair))
    return one


def correct(octets: bytes) -> bool:
    """Tell whether scapy computes the same lengths and checksums."""
    kind = IP if octets[0] >> 4 == 4 else IPv6
    again = kind(octets)
    for layer, fields in {IP: ("len", "chksum"), TCP: ("chksum",), UDP: ("len", "chksum")}.items():
        if layer in again:
            for name in fields:
                delattr(again[layer], name)
    if ICMP in again:
        del again[ICMP].chksum
    return bytes(again) == octets


@pytest.mark.parametrize(
    "mode",
    [
        EncapsulationMode.TRANSPORT,
        EncapsulationMode.UDP_ENCAP_TRANSPORT,
        EncapsulationMode.UDP_ENCAP_TRANSPORT_DRAFT,
    ],
)
@pytest.mark.parametrize(("here", "there"), [(WEST, EAST), (WEST6, EAST6)])
def test_a_packet_crosses_between_the_ends(here: str, there: str, mode: EncapsulationMode) -> None:
    ours, theirs = transport_pair(here, there, mode=mode), transport_pair(there, here, mode=mode)
    west, east = host(ours), host(theirs)
    header = (
        IP(src=here, dst=there, tos=0xB8) if "." in here else IPv6(src=here, dst=there, tc=0xB8)
    )
    packet = bytes(header / TCP(sport=1, dport=2) / b"text")
    (sealed,) = west.sends(packet)
    upper = len(bytes(header / b""))
    assert len(sealed) < len(packet) - upper + 44  # nothing of the IP header is inside
    assert west.wire[0][2] == 0xB8
    (arrived,) = east.receives(sealed, theirs[0], traffic_class=0xB8)
    assert arrived[upper:] == packet[upper:]
    assert correct(arrived)
    if "." in here:
        got = IP(arrived)
        assert (got.src, got.dst, got.tos, got.ttl, got.flags) == (here, there, 0xB8, 64, "DF")
    else:
        six = IPv6(arrived)
        assert (six.src, six.dst, six.tc, six.hlim) == (here, there, 0xB8, 64)


def test_what_is_between_other_ends_is_not_carried() -> None:
    pair = transport_pair(WEST, EAST)
    wide = replace(pair[1].selector, local=ip_network("192.0.2.0/24"))
    west = Host()
    west.install(*(replace(sa, selector=wide) for sa in pair), flow=Flow(wide))
    assert not west.sends(bytes(IP(src="192.0.2.77", dst=EAST) / UDP()))
    assert west.stack.drops == {"not between the SA's ends": 1}


def test_what_is_outside_the_selector_does_not_arrive() -> None:
    ours = transport_pair(WEST, EAST)
    theirs = transport_pair(EAST, WEST, protocol=17, ports=(1701, 1701))
    west, east = host(ours), host(theirs)
    for upper in (UDP(sport=1701, dport=1702), TCP(sport=1701, dport=1701), ICMP()):
        (sealed,) = west.sends(bytes(IP(src=WEST, dst=EAST) / upper))
        assert not east.receives(sealed, theirs[0])
    assert east.stack.drops == {"outside the selector": 3}


class TestLength:
    """Only whole packets are protected; the kernel below cuts what is too long outside."""

    def test_the_largest_packet_fills_the_path(self) -> None:
        for here, there, header in ((WEST, EAST, 20), (WEST6, EAST6, 40)):
            for udp in (None, UdpEncapsulation(4500, 4500)):
                west = host(transport_pair(here, there, udp=udp))
                largest = west.stack.largest_inner()
                assert largest is not None
                ip = IP(src=here, dst=there) if header == 20 else IPv6(src=here, dst=there)
                (sealed,) = west.sends(bytes(ip / UDP() / bytes(largest - header - 8)))
                outside = header + (8 if udp else 0) + len(sealed)
                assert 1500 - 4 < outside <= 1500

    def test_with_df_the_sender_is_told(self) -> None:
        west = host(transport_pair(WEST, EAST))
        assert not west.sends(bytes(IP(src=WEST, dst=EAST, flags="DF") / UDP() / bytes(1472)))
        (message,) = west.tun
        assert IP(message)[ICMP].nexthopmtu == west.stack.largest_inner()

    def test_without_df_it_is_sent_whole(self) -> None:
        west = host(transport_pair(WEST, EAST))
        (sealed,) = west.sends(bytes(IP(src=WEST, dst=EAST) / UDP() / bytes(1472)))
        assert len(sealed) > 1480

    @pytest.mark.parametrize("ports", [(0, 0), (1111, 2222)])
    def test_fragments_of_the_host_are_put_together(self, ports: tuple[int, int]) -> None:
        protocol = 17 if ports[0] else 0
        ours = transport_pair(WEST, EAST, protocol=protocol, ports=ports)
        theirs = transport_pair(EAST, WEST, protocol=protocol, ports=ports[::-1])
        west, east = host(ours), host(theirs)
        packet = (
            IP(src=WEST, dst=EAST, id=5) / UDP(sport=1111, dport=2222) / (bytes(range(250)) * 16)
        )
        pieces = [bytes(one) for one in fragment(packet, 1000)]  # type: ignore[no-untyped-call]
        sealed = [one for piece in pieces for one in west.sends(piece)]
        assert len(sealed) == 1
        (arrived,) = east.receives(sealed[0], theirs[0])
        assert arrived[20:] == bytes(packet)[20:]
        assert correct(arrived)


class TestNat:
    """The peer's checksums cover the addresses it knows (RFC 3947 5.2, RFC 3948 3.1.2)."""

    client, nat, inner, outer = "10.0.0.7", "198.51.100.7", "172.16.0.9", "203.0.113.9"
    udp = UdpEncapsulation(4500, 61234)

    def crossed(self, upper: object) -> bytes:
        """Send from a client behind a NAT to a server behind another; give what arrives."""
        client_pair = transport_pair(self.client, self.outer, udp=UdpEncapsulation(4500, 4500))
        knows = OriginalAddresses(ip_address(self.outer), ip_address(self.client))
        server_pair = transport_pair(self.inner, self.nat, udp=self.udp, originals=knows)
        client, server = host(client_pair), host(server_pair)
        (sealed,) = client.sends(bytes(IP(src=self.client, dst=self.outer) / upper))
        (arrived,) = server.receives(sealed, server_pair[0])
        assert (IP(arrived).src, IP(arrived).dst) == (self.nat, self.inner)
        return arrived

    @pytest.mark.parametrize(
        "upper", [TCP() / b"text", UDP() / b"text", UDP() / b"odd", ICMP() / b"ping"]
    )
    def test_checksums_are_repaired(self, upper: object) -> None:
        assert correct(self.crossed(upper))

    def test_a_udp_checksum_of_none_stays_none(self) -> None:
        assert IP(self.crossed(UDP(chksum=0) / b"text"))[UDP].chksum == 0


class TestClientsBehindOneNat:
    """Equal selectors of two clients: the host sees different ports (RFC 3948 section 5.2)."""

    server, nat = "203.0.113.9", "198.51.100.7"

    def pair(
        self, number: int, ports: tuple[int, int] = (1701, 1701)
    ) -> tuple[SimplexSa, SimplexSa]:
        udp = UdpEncapsulation(4500, 61000 + number)
        return transport_pair(
            self.server, self.nat, 0x1000 + number, udp=udp, protocol=17, ports=ports
        )

    def client(self, number: int) -> Host:
        one = transport_pair(self.nat, self.server, 0x1000 + number)
        return host(one)

    def packet(self, port: int = 1701, text: bytes = b"hello") -> bytes:
        return bytes(IP(src=self.nat, dst=self.server) / UDP(sport=port, dport=1701) / text)

    def answer(self, port: int, text: bytes = b"answer") -> bytes:
        return bytes(IP(src=self.server, dst=self.nat) / UDP(sport=1701, dport=port) / text)

    def seen_port(self, server: Host, number: int, port: int = 1701) -> int:
        """Send from a client and give the port the server sees."""
        client = self.client(number)
        client.now = server.now
        for _ in range(len(server.tun) + 1):  # beyond the replay window's memory of earlier ones
            (sealed,) = client.sends(self.packet(port))
        (arrived,) = server.receives(sealed, self.pair(number)[0])
        assert correct(arrived)
        return int(IP(arrived)[UDP].sport)

    def test_each_is_seen_and_answered_at_its_own_port(self) -> None:
        server = Host()
        for number in (1, 2, 3):
            pair = self.pair(number)
            server.install(*pair, flow=flow_of(pair, f"client {number}"))
        seen = [self.seen_port(server, number) for number in (1, 2, 3)]
        assert seen == [1701, 49152, 49153]
        for number, port in zip((1, 2, 3), seen, strict=True):
            (sealed,) = server.sends(self.answer(port))
            path = server.wire[-1][1]
            assert path.udp == UdpEncapsulation(4500, 61000 + number)
            theirs = transport_pair(self.nat, self.server, 0x1000 + number)
            (arrived,) = self.client(number).receives(sealed, theirs[0])
            assert IP(arrived)[UDP].dport == 1701
            assert correct(arrived)

    def test_the_port_outlives_a_rekeying_and_a_move(self) -> None:
        server = Host()
        for number in (1, 2):
            pair = self.pair(number)
            server.install(*pair, flow=flow_of(pair, f"client {number}"))
        second = self.pair(2)
        elsewhere = UdpEncapsulation(4500, 62000)
        for sa in second:
            server.submit(UpdateSa(sa.key, sa.source, sa.key.destination, elsewhere))
        successor = tuple(
            replace(sa, key=replace(sa.key, spi=0x2000), udp=elsewhere) for sa in second
        )
        server.install(*successor, flow=flow_of(second, "client 2"))
        for sa in second:
            server.submit(RemoveSa(sa.key))
        assert server.sends(self.answer(49152))
        assert server.wire[-1][1].udp == elsewhere
        assert (
            server.stack.as_the_host_sees(second[1].selector, successor[1].key).remote_port == 49152
        )

    def test_a_client_goes_with_its_sas_and_the_others_stay(self) -> None:
        server = Host()
        for number in (1, 2, 3):
            pair = self.pair(number)
            server.install(*pair, flow=flow_of(pair, f"client {number}"))
            if number == 2:
                server.submit(RemoveFlow(flow_of(pair, "client 2")))
                for sa in pair:
                    server.submit(RemoveSa(sa.key))
        assert self.seen_port(server, 3) == 49153
        assert self.seen_port(server, 1) == 1701
        assert not server.sends(self.answer(49152))

    def test_with_any_port_only_equal_ports_are_told_apart(self) -> None:
        server = Host()
        for number in (1, 2):
            pair = self.pair(number, ports=(1701, 0))
            server.install(*pair, flow=flow_of(pair, f"client {number}"))
        assert self.seen_port(server, 1, 5555) == 5555
        assert self.seen_port(server, 2, 5555) == 49152
        assert self.seen_port(server, 1, 49152) == 49153  # another client has that one
        for port, number in ((5555, 1), (49152, 2), (49153, 1)):
            server.sends(self.answer(port))
            assert server.wire[-1][1].udp == UdpEncapsulation(4500, 61000 + number)

    def test_a_found_flow_is_looked_up_anew_when_a_port_changes_hands(self) -> None:
        server = Host()
        for number in (1, 2):
            pair = self.pair(number, ports=(1701, 0))
            server.install(*pair, flow=flow_of(pair, f"client {number}"))
        server.sends(self.answer(49152))  # nobody's yet: the latest flow has it
        assert self.seen_port(server, 1, 5555) == 5555
        assert self.seen_port(server, 2, 5555) == 49152
        server.sends(self.answer(49152))
        assert server.wire[-1][1].udp == UdpEncapsulation(4500, 61002)

    def test_without_ports_the_latest_client_has_the_packets(self) -> None:
        server = Host()
        for number in (1, 2):
            udp = UdpEncapsulation(4500, 61000 + number)
            pair = transport_pair(self.server, self.nat, 0x1000 + number, udp=udp, protocol=1)
            flow = flow_of(pair, f"client {number}")
            server.submit(*(InstallSa(1, sa) for sa in pair))
            displaced = server.stack.displaced_by(flow, pair[1].key)
            server.submit(InstallFlow(2, flow, (pair[1].key,), "l2tp"))
        assert displaced == [Flow(flow.selector, "client 1")]
        server.sends(bytes(IP(src=self.server, dst=self.nat) / ICMP()))
        assert server.wire[-1][1].udp == UdpEncapsulation(4500, 61002)


def test_a_bundle_is_refused() -> None:
    one = Host()
    inbound, outbound = transport_pair(WEST, EAST)
    one.install(inbound, outbound)
    flow = flow_of((inbound, outbound))
    one.stack.submit(InstallFlow(7, flow, (outbound.key, outbound.key), "both"), 0)
    assert one.answers[-1] == StackRefused(
        7, "the userspace stack carries no bundle of 2 protocols"
    )
