"""The userspace stack: what it carries, what it drops and why, and what it tells the engine."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from scapy.layers.inet import ICMP, IP

from isakmpd.crypto.esp_ciphers import EspCipher
from isakmpd.esp import packet as esp_packet
from isakmpd.esp.algorithms import cipher_for
from isakmpd.ike.ipsec import (
    AllocateSpi,
    Answer,
    Direction,
    Done,
    Event,
    Flow,
    HardExpired,
    InboundSeen,
    InstallFlow,
    InstallSa,
    IpsecStack,
    ReleaseSpi,
    RemoveFlow,
    RemoveSa,
    SaKey,
    SaKeys,
    SaUsage,
    Selector,
    SimplexSa,
    SoftExpired,
    SpiAllocated,
    StackRefused,
    UdpEncapsulation,
    UnknownSpi,
    UpdateSa,
)
from isakmpd.ipsec.sad import OuterPath
from isakmpd.ipsec.unknown_spis import REMEMBERED_SOURCES
from isakmpd.ipsec.userspace import UserspaceStack
from isakmpd.wire.numbers import AuthenticationAlgorithm, EncapsulationMode, EspTransform
from tests.esp import packets

WEST, EAST, ELSEWHERE = (ip_address(f"192.0.2.{host}") for host in (1, 2, 3))
SELECTOR = Selector(ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16"))
SELECTOR6 = Selector(ip_network("fd01::/16"), ip_network("fd02::/16"))
GCM = SaKeys(EspTransform.AES_GCM_16, AuthenticationAlgorithm.NONE, bytes(20), b"")
OUTBOUND = SimplexSa(
    SaKey(Direction.OUTBOUND, EAST, 0x1000),
    WEST,
    GCM,
    EncapsulationMode.TUNNEL,
    SELECTOR,
    64,
    None,
)
INBOUND = replace(
    OUTBOUND,
    key=replace(OUTBOUND.key, direction=Direction.INBOUND),
    selector=Selector(SELECTOR.remote, SELECTOR.local),
)


class Side:
    """One gateway's stack with everything that comes out of it."""

    def __init__(self) -> None:
        self.reports: list[Answer | Event] = []
        self.tun: list[bytes] = []
        self.wire: list[tuple[bytes, OuterPath, int]] = []
        self.stack = UserspaceStack(self.reports.append, self, random.Random(1).randbytes)

    def to_tun(self, packet: bytes) -> None:
        self.tun.append(packet)

    def to_wire(self, packet: bytes, path: OuterPath, traffic_class: int) -> None:
        self.wire.append((packet, path, traffic_class))

    def install(self, sa: SimplexSa, flow: Selector | None = None) -> None:
        """Install an SA, with a flow through it, and see both accepted."""
        self.stack.submit(InstallSa(1, sa), 0)
        if flow is not None:
            self.stack.submit(InstallFlow(2, Flow(flow), (sa.key,), "west-east"), 0)
        assert all(isinstance(answer, Done) for answer in self.reports)
        self.reports.clear()

    def sends(self, packet: bytes) -> bytes:
        """Give what a packet of the host becomes on the wire."""
        before = len(self.wire)
        self.stack.from_tun(packet, 5.0)
        assert len(self.wire) == before + 1, self.stack.drops
        return self.wire[-1][0]

    def receives(self, packet: bytes, outer_class: int = 0) -> list[bytes]:
        """Give what the host gets of a packet of the wire."""
        before = len(self.tun)
        self.stack.from_wire(packet, WEST, EAST, 6.0, outer_class)
        return self.tun[before:]


@pytest.fixture
def west() -> Side:
    side = Side()
    side.install(OUTBOUND, SELECTOR)
    return side


@pytest.fixture
def east() -> Side:
    side = Side()
    side.install(INBOUND)
    return side


def test_it_is_an_ipsec_stack(west: Side) -> None:
    stack: IpsecStack = west.stack
    assert stack.name == "userspace"


def test_a_packet_crosses_unchanged_and_is_counted(west: Side, east: Side) -> None:
    packet = packets.udp4(123)
    assert east.receives(west.sends(packet)) == [packet]
    assert west.wire[0][1] == OuterPath(WEST, EAST, None)
    assert west.stack.usage(OUTBOUND.key) == SaUsage(1, 123, 5.0)
    assert east.stack.usage(INBOUND.key) == SaUsage(1, 123, 6.0)


def test_the_first_authentic_packet_is_reported_once(west: Side, east: Side) -> None:
    forged = west.sends(packets.udp4())[:-1] + b"\0"
    east.receives(forged)
    assert east.reports == []
    for _ in range(3):
        east.receives(west.sends(packets.udp4()))
    assert east.reports == [InboundSeen(INBOUND.key)]
    assert east.stack.drops == {"not authentic": 1}


@pytest.mark.parametrize("window", [16, 64])
@pytest.mark.parametrize("seen_first", [1, 40])
def test_replays_are_refused_whatever_role_made_the_sa(window: int, seen_first: int) -> None:
    # CVE-2006-4436: the SAs of a responder had no replay window.
    west, east = Side(), Side()
    west.install(OUTBOUND, SELECTOR)
    east.install(replace(INBOUND, replay_window=window))
    sealed = [west.sends(packets.udp4()) for _ in range(seen_first)]
    assert east.receives(sealed[-1])
    assert not east.receives(sealed[-1])
    assert east.stack.drops == {"replayed": 1}


def test_a_window_of_zero_is_off_and_only_that(west: Side) -> None:
    east = Side()
    east.install(replace(INBOUND, replay_window=0))
    sealed = west.sends(packets.udp4())
    assert east.receives(sealed) == east.receives(sealed) == [packets.udp4()]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (packets.udp4(src="10.9.0.1"), "no flow"),
        (packets.udp4(dst="10.9.0.1"), "no flow"),
        (packets.udp6(), "no flow"),
        (b"", "not an IP packet"),
        (packets.udp4()[:50], "not an IP packet"),
        (bytes(64), "not an IP packet"),
    ],
)
def test_only_packets_of_a_flow_leave(west: Side, packet: bytes, reason: str) -> None:
    west.stack.from_tun(packet, 0)
    assert not west.wire
    assert west.stack.drops == {reason: 1}


@pytest.mark.parametrize(
    ("inner", "next_header", "reason"),
    [
        (packets.udp4(src="10.9.0.1"), 4, "outside the selector"),
        (packets.udp4(dst="10.9.0.1"), 4, "outside the selector"),
        (packets.udp4(src="10.2.0.1", dst="10.1.0.1"), 4, "outside the selector"),
        (packets.udp6(), 41, "outside the selector"),
        (packets.udp6(), 4, "malformed inner packet"),
        (packets.udp4(), 41, "malformed inner packet"),
        (packets.udp4()[:-1], 4, "malformed inner packet"),
        (b"", 4, "malformed inner packet"),
        (packets.udp4(), 17, "no tunnelled packet"),
        (b"noise", 59, "dummy"),
    ],
)
def test_only_packets_within_the_selector_arrive(
    east: Side, inner: bytes, next_header: int, reason: str
) -> None:
    sealer = esp_packet.Sealer(0x1000, _cipher())
    assert east.receives(sealer.seal(inner, next_header)) == []
    assert east.stack.drops == {reason: 1}


def _cipher() -> EspCipher:
    return cipher_for(EspTransform.AES_GCM_16, GCM.authentication, GCM.encryption_key, b"", bytes)


def test_flow_confidentiality_padding_is_taken_off(east: Side) -> None:
    sealer = esp_packet.Sealer(0x1000, _cipher())
    assert east.receives(sealer.seal(packets.udp4() + bytes(50), 4)) == [packets.udp4()]


def test_ports_are_enforced_in_both_directions() -> None:
    selector = replace(SELECTOR, protocol=17, local_port=1111, remote_port=2222)
    west, east = Side(), Side()
    west.install(replace(OUTBOUND, selector=selector), selector)
    mirrored = replace(INBOUND.selector, protocol=17, local_port=2222, remote_port=1111)
    east.install(replace(INBOUND, selector=mirrored))
    assert east.receives(west.sends(packets.udp4()))
    west.stack.from_tun(packets.udp4(source_port=1112), 0)
    assert west.stack.drops == {"no flow": 1}
    stranger = esp_packet.Sealer(0x1000, _cipher(), 5).seal(packets.udp4(source_port=1112), 4)
    assert not east.receives(stranger)
    assert east.stack.drops == {"outside the selector": 1}


def test_the_narrowest_flow_takes_the_packet(west: Side) -> None:
    narrow = replace(SELECTOR, remote=ip_network("10.2.0.1/32"))
    narrower = replace(narrow, protocol=17, remote_port=2222)
    for spi, selector in ((0x2000, narrow), (0x3000, narrower)):
        west.install(replace(OUTBOUND, key=replace(OUTBOUND.key, spi=spi)), selector)

    def spi_for(packet: bytes) -> int:
        return esp_packet.spi_of(west.sends(packet))

    assert spi_for(packets.udp4()) == 0x3000
    assert spi_for(packets.ping4()) == 0x2000
    assert spi_for(packets.udp4(dst="10.2.0.2")) == 0x1000
    west.stack.submit(RemoveFlow(Flow(narrower)), 0)
    assert spi_for(packets.udp4()) == 0x2000
    west.stack.submit(RemoveFlow(Flow(narrow)), 0)
    assert spi_for(packets.udp4()) == 0x1000


def test_rekeying_replaces_the_outbound_sa_in_place(west: Side) -> None:
    first = west.sends(packets.udp4())
    successor = replace(OUTBOUND, key=replace(OUTBOUND.key, spi=0x2000))
    west.install(successor, SELECTOR)
    second = west.sends(packets.udp4())
    assert (esp_packet.spi_of(first), esp_packet.spi_of(second)) == (0x1000, 0x2000)
    west.stack.submit(RemoveSa(OUTBOUND.key), 0)
    assert esp_packet.spi_of(west.sends(packets.udp4())) == 0x2000


def test_a_flow_without_its_sa_drops_and_never_passes_in_the_clear(west: Side) -> None:
    west.stack.submit(RemoveSa(OUTBOUND.key), 0)
    west.stack.from_tun(packets.udp4(), 0)
    assert west.stack.drops == {"no outbound SA": 1}
    assert (west.wire, west.tun) == ([], [])


def test_a_moved_peer_keeps_keys_and_counters(west: Side, east: Side) -> None:
    first = west.sends(packets.udp4())
    udp = UdpEncapsulation(4500, 61234)
    west.stack.submit(UpdateSa(OUTBOUND.key, WEST, ELSEWHERE, udp), 0)
    second = west.sends(packets.udp4())
    assert west.wire[-1][1] == OuterPath(WEST, ELSEWHERE, udp)
    assert second[4:8] == b"\0\0\0\2"
    assert east.receives(first)
    assert east.receives(second)
    assert west.stack.usage(OUTBOUND.key) is None
    moved = replace(OUTBOUND.key, destination=ELSEWHERE)
    assert west.stack.usage(moved) == SaUsage(2, 200, 5.0)


def test_an_inbound_sa_moves_too(west: Side, east: Side) -> None:
    east.stack.submit(UpdateSa(INBOUND.key, ELSEWHERE, EAST, None), 0)
    assert east.receives(west.sends(packets.udp4()))
    assert not east.receives(west.wire[0][0])


class TestLimits:
    """Octets and sequence numbers end, with a word before."""

    def test_soft_then_hard_octets_outbound(self) -> None:
        west = Side()
        west.install(replace(OUTBOUND, soft_octets=200, hard_octets=300), SELECTOR)
        for _ in range(5):
            west.stack.from_tun(packets.udp4(100), 0)
        assert len(west.wire) == 3
        assert west.reports == [SoftExpired(OUTBOUND.key), HardExpired(OUTBOUND.key)]
        assert west.stack.drops == {"hard limit": 2}

    def test_a_small_packet_does_not_slip_past_the_end(self) -> None:
        west = Side()
        west.install(replace(OUTBOUND, hard_octets=150), SELECTOR)
        for length in (100, 100, 40):
            west.stack.from_tun(packets.udp4(length), 0)
        assert len(west.wire) == 1

    def test_soft_then_hard_octets_inbound(self, west: Side) -> None:
        east = Side()
        east.install(replace(INBOUND, soft_octets=200, hard_octets=300))
        arrived = [east.receives(west.sends(packets.udp4(100))) for _ in range(5)]
        assert [len(one) for one in arrived] == [1, 1, 1, 0, 0]
        assert east.reports == [
            InboundSeen(INBOUND.key),
            SoftExpired(INBOUND.key),
            HardExpired(INBOUND.key),
        ]

    def test_sequence_numbers(self, west: Side, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("isakmpd.ipsec.sad.SOFT_SEQUENCE", 3)
        monkeypatch.setattr("isakmpd.ipsec.sad.LAST_SEQUENCE", 6)
        monkeypatch.setattr("isakmpd.esp.packet.LAST_SEQUENCE", 6)
        told: list[int] = []
        for _ in range(8):
            west.stack.from_tun(packets.udp4(), 0)
            told.append(len(west.reports))
        assert len(west.wire) == 6
        assert told == [0, 0, 0, 1, 1, 1, 2, 2]
        assert west.reports == [SoftExpired(OUTBOUND.key), HardExpired(OUTBOUND.key)]

    def test_the_warning_leaves_time_to_rekey(self) -> None:
        million_packets_a_second = 1_000_000
        left = esp_packet.LAST_SEQUENCE - esp_packet.SOFT_SEQUENCE
        assert left / million_packets_a_second > 240


class TestSpis:
    """Inbound SPIs are ours to choose."""

    def test_unreserved_unused_and_reusable(self) -> None:
        side = Side()
        for number in range(100):
            side.stack.submit(AllocateSpi(number, WEST), 0)
        spis = [answer.spi for answer in side.reports if isinstance(answer, SpiAllocated)]
        assert len(set(spis)) == 100
        assert min(spis) >= 0x100
        side.stack.submit(ReleaseSpi(WEST, spis[0]), 0)

    def test_unknown_ones_are_reported_once_a_second_a_source(self, east: Side) -> None:
        stranger = bytes.fromhex("deadbeef00000001") + bytes(40)
        for source, now in ((WEST, 0.0), (WEST, 0.9), (ELSEWHERE, 0.9), (WEST, 1.0)):
            east.stack.from_wire(stranger, source, EAST, now)
        assert east.reports == [
            UnknownSpi(WEST, EAST, 0xDEADBEEF),
            UnknownSpi(ELSEWHERE, EAST, 0xDEADBEEF),
            UnknownSpi(WEST, EAST, 0xDEADBEEF),
        ]
        assert east.stack.drops == {"unknown SPI": 4}

    def test_forged_sources_fill_no_memory_and_flood_no_engine(self, east: Side) -> None:
        stranger = bytes.fromhex("deadbeef00000001") + bytes(40)
        for host in range(2 * REMEMBERED_SOURCES):
            east.stack.from_wire(stranger, ip_address(0x0A000000 + host), EAST, 0.5)
        assert len(east.reports) == REMEMBERED_SOURCES
        east.stack.from_wire(stranger, WEST, EAST, 2.0)
        assert east.reports[-1] == UnknownSpi(WEST, EAST, 0xDEADBEEF)

    @pytest.mark.parametrize("spi", [0, 1, 255])
    def test_reserved_ones_are_nobodys(self, east: Side, spi: int) -> None:
        east.stack.from_wire(spi.to_bytes(4) + bytes(40), WEST, EAST, 0)
        assert east.reports == []

    def test_packets_too_short_for_an_spi_and_a_number(self, east: Side) -> None:
        for length in range(8):
            east.stack.from_wire(b"\0\0\x10\0abcd"[:length], WEST, EAST, 0)
        assert east.stack.drops == {"not an ESP packet": 8}


class TestPathMtu:
    """Nothing longer than the path allows leaves, however it got in."""

    udp = UdpEncapsulation(4500, 4500)

    @pytest.mark.parametrize("mtu", [600, 1280, 1492, 1500, 9000])
    @pytest.mark.parametrize(("udp", "headers"), [(None, 20), (udp, 28)])
    def test_the_largest_inner_packet_fills_the_path(
        self, mtu: int, udp: UdpEncapsulation | None, headers: int
    ) -> None:
        west = Side()
        west.stack.learn_path_mtu(EAST, mtu)
        west.install(replace(OUTBOUND, udp=udp), SELECTOR)
        west.stack.learn_path_mtu(EAST, mtu)
        largest = west.stack.largest_inner()
        assert largest is not None
        assert mtu - 4 < len(west.sends(packets.udp4(largest, flags="DF"))) + headers <= mtu

    def test_a_packet_with_df_is_answered(self, west: Side) -> None:
        west.stack.learn_path_mtu(EAST, 1400)
        west.stack.from_tun(packets.udp4(1400, flags="DF"), 0)
        assert not west.wire
        (answer,) = west.tun
        assert IP(answer)[ICMP].nexthopmtu == west.stack.largest_inner()
        assert west.stack.drops == {"too big": 1}

    def test_a_packet_without_df_is_cut(self, west: Side, east: Side) -> None:
        west.stack.learn_path_mtu(EAST, 1000)
        packet = packets.udp4(1400)
        west.stack.from_tun(packet, 0)
        assert len(west.wire) == 2
        assert all(len(sealed) + 20 <= 1000 for sealed, _, _ in west.wire)
        arrived = [piece for sealed, _, _ in west.wire for piece in east.receives(sealed)]
        assert b"".join(piece[20:] for piece in arrived) == packet[20:]

    def test_ipv6_is_answered_but_never_below_1280(self) -> None:
        west = Side()
        west.install(replace(OUTBOUND, selector=SELECTOR6), SELECTOR6)
        west.stack.learn_path_mtu(EAST, 1000)
        west.stack.from_tun(packets.udp6(1281), 0)
        assert len(west.tun) == 1
        assert west.sends(packets.udp6(1280))  # the outer packet is cut instead

    def test_paths_are_those_in_use(self, west: Side) -> None:
        assert west.stack.paths() == {OuterPath(WEST, EAST, None)}
        west.stack.submit(RemoveSa(OUTBOUND.key), 0)
        assert west.stack.paths() == set()
        assert west.stack.largest_inner() is None


def test_the_outer_header_gets_the_traffic_class(west: Side) -> None:
    west.sends(packets.udp4(tos=0xB9))
    assert west.wire[-1][2] == 0xB9


def test_congestion_marks_come_inside_and_unmarkable_packets_are_dropped(
    west: Side, east: Side
) -> None:
    (marked,) = east.receives(west.sends(packets.udp4(tos=2)), 3)
    assert IP(marked).tos == 3
    assert not east.receives(west.sends(packets.udp4(tos=0)), 3)
    assert east.stack.drops == {"congestion": 1}


@pytest.mark.parametrize(
    ("sa", "reason"),
    [
        (replace(OUTBOUND, mode=EncapsulationMode(9)), "tunnel and transport mode"),
        (replace(OUTBOUND, mode=EncapsulationMode.TRANSPORT, selector=SELECTOR6), "carries no"),
        (replace(OUTBOUND, keys=replace(GCM, transform=EspTransform.RC5)), "RC5"),
        (replace(INBOUND, keys=replace(GCM, encryption_key=bytes(3))), "octets, not 3"),
        (replace(INBOUND, replay_window=-1), "impossible"),
        (replace(OUTBOUND, selector=Selector(SELECTOR.local, SELECTOR6.remote)), "famil"),
    ],
)
def test_sas_it_cannot_carry_are_refused_in_a_sentence(sa: SimplexSa, reason: str) -> None:
    side = Side()
    side.stack.submit(InstallSa(9, sa), 0)
    (answer,) = side.reports
    assert isinstance(answer, StackRefused)
    assert answer.request == 9
    assert reason in answer.reason
    assert side.stack.usage(sa.key) is None


def test_flows_it_cannot_carry_are_refused(west: Side) -> None:
    unknown = replace(OUTBOUND.key, spi=0x7777)
    west.stack.submit(InstallFlow(4, Flow(SELECTOR), (unknown,), "x"), 0)
    mixed = Selector(SELECTOR.local, SELECTOR6.remote)
    west.stack.submit(InstallFlow(5, Flow(mixed), (OUTBOUND.key,), "x"), 0)
    assert [answer.request for answer in west.reports if isinstance(answer, StackRefused)] == [4, 5]
    assert west.sends(packets.udp4())


@pytest.mark.parametrize(
    "mode", [EncapsulationMode.UDP_ENCAP_TUNNEL, EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT]
)
def test_nat_t_names_of_tunnel_mode_mean_tunnel_mode(mode: EncapsulationMode) -> None:
    Side().install(replace(OUTBOUND, mode=mode))


def test_removing_what_is_not_there_is_no_error(west: Side) -> None:
    for key in (OUTBOUND.key, OUTBOUND.key, INBOUND.key):
        west.stack.submit(RemoveSa(key), 0)
    west.stack.submit(RemoveFlow(Flow(SELECTOR)), 0)
    west.stack.submit(RemoveFlow(Flow(SELECTOR)), 0)
    west.stack.submit(UpdateSa(OUTBOUND.key, WEST, EAST, None), 0)
    assert west.reports == []


def test_close_leaves_nothing(west: Side) -> None:
    west.stack.close()
    assert west.stack.usage(OUTBOUND.key) is None
    west.stack.from_tun(packets.udp4(), 0)
    assert west.stack.drops == {"no flow": 1}
