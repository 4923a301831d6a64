"""What every stack that keeps its books in memory owes the engine."""

from __future__ import annotations

import random
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

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
from isakmpd.ipsec.memory import MemoryStack
from isakmpd.ipsec.memory_packets import InnerPacket, MemoryEsp
from isakmpd.ipsec.none import NoStack
from isakmpd.wire.numbers import AuthenticationAlgorithm, EncapsulationMode, EspTransform

WEST, EAST, ELSEWHERE = (ip_address(f"192.0.2.{host}") for host in (1, 2, 3))
WEST_LAN, EAST_LAN = ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16")
KEYS = SaKeys(EspTransform.AES_GCM_16, AuthenticationAlgorithm.NONE, bytes(20), b"")
PACKET = InnerPacket(ip_address("10.1.0.1"), ip_address("10.2.0.1"), bytes(100))
OUTBOUND = SimplexSa(
    SaKey(Direction.OUTBOUND, EAST, 0x1000),
    WEST,
    KEYS,
    EncapsulationMode.TUNNEL,
    Selector(WEST_LAN, EAST_LAN),
    64,
    None,
)
INBOUND = replace(
    OUTBOUND,
    key=SaKey(Direction.INBOUND, EAST, 0x1000),
    selector=Selector(EAST_LAN, WEST_LAN),
)

Reports = list[Answer | Event]


@pytest.fixture(params=[NoStack, MemoryStack])
def stack(request: pytest.FixtureRequest) -> tuple[NoStack, Reports]:
    reports: Reports = []
    return request.param(reports.append, random.Random(1).randbytes), reports


def pair() -> tuple[MemoryStack, MemoryStack, Reports]:
    """Give a sender, a receiver with one SA between them, and what the receiver reports."""
    reports: Reports = []
    west = MemoryStack(lambda _: None, random.Random(1).randbytes)
    east = MemoryStack(reports.append, random.Random(2).randbytes)
    west.submit(InstallSa(1, OUTBOUND), 0)
    west.submit(InstallFlow(2, Flow(OUTBOUND.selector), (OUTBOUND.key,), "west-east"), 0)
    east.submit(InstallSa(3, INBOUND), 0)
    reports.clear()
    return west, east, reports


def sealed(west: MemoryStack, packet: InnerPacket = PACKET) -> MemoryEsp:
    esp = west.seal(packet, 5)
    assert isinstance(esp, MemoryEsp)
    return esp


def test_both_are_ipsec_stacks(stack: tuple[NoStack, Reports]) -> None:
    engine_sees: IpsecStack = stack[0]
    assert engine_sees.name in ("none", "memory")


def test_spis_are_unreserved_and_unique(stack: tuple[NoStack, Reports]) -> None:
    none, reports = stack
    draws = iter([bytes(4), (255).to_bytes(4), (256).to_bytes(4), (256).to_bytes(4), b"\xff" * 4])
    none.spis.entropy = lambda _: next(draws)
    none.submit(AllocateSpi(1, WEST), 0)
    none.submit(AllocateSpi(2, EAST), 0)
    assert reports == [SpiAllocated(1, 0x100), SpiAllocated(2, 0xFFFFFFFF)]


def test_a_released_spi_and_a_removed_sa_leave_no_spi(stack: tuple[NoStack, Reports]) -> None:
    none, reports = stack
    none.submit(AllocateSpi(1, EAST), 0)
    answer = reports.pop()
    assert isinstance(answer, SpiAllocated)
    none.submit(ReleaseSpi(EAST, answer.spi), 0)
    none.submit(InstallSa(2, INBOUND), 0)
    assert len(none.spis) == 1
    none.submit(RemoveSa(INBOUND.key), 0)
    assert len(none.spis) == 0


def test_usage_is_known_for_installed_sas_only(stack: tuple[NoStack, Reports]) -> None:
    none, reports = stack
    assert none.usage(OUTBOUND.key) is None
    none.submit(InstallSa(1, OUTBOUND), 0)
    assert reports == [Done(1)]
    assert none.usage(OUTBOUND.key) == SaUsage(0, 0, None)
    none.submit(RemoveSa(OUTBOUND.key), 0)
    none.submit(RemoveSa(OUTBOUND.key), 0)
    assert none.usage(OUTBOUND.key) is None


def test_a_flow_needs_its_sa(stack: tuple[NoStack, Reports]) -> None:
    none, reports = stack
    none.submit(InstallFlow(7, Flow(OUTBOUND.selector), (OUTBOUND.key,), "west-east"), 0)
    assert isinstance(reports[0], StackRefused)
    assert not none.flows


def test_a_moved_peer_keeps_its_flow(stack: tuple[NoStack, Reports]) -> None:
    none, _ = stack
    none.submit(InstallSa(1, OUTBOUND), 0)
    none.submit(InstallFlow(2, Flow(OUTBOUND.selector), (OUTBOUND.key,), "west-east"), 0)
    udp = UdpEncapsulation(4500, 1024)
    none.submit(UpdateSa(OUTBOUND.key, WEST, ELSEWHERE, udp), 0)
    moved = SaKey(Direction.OUTBOUND, ELSEWHERE, 0x1000)
    assert none.flows == {Flow(OUTBOUND.selector): (moved,)}
    assert none.sas[moved].udp == udp
    assert none.usage(OUTBOUND.key) is None
    assert none.usage(moved) is not None


def test_close_leaves_nothing(stack: tuple[NoStack, Reports]) -> None:
    none, _ = stack
    none.submit(InstallSa(1, INBOUND), 0)
    none.submit(InstallSa(2, OUTBOUND), 0)
    none.submit(InstallFlow(3, Flow(OUTBOUND.selector), (OUTBOUND.key,), "west-east"), 0)
    none.close()
    assert (none.sas, none.flows, len(none.spis)) == ({}, {}, 0)


def test_memory_carries_counts_and_says_the_first_packet_arrived() -> None:
    west, east, reports = pair()
    received = replace(PACKET, peer=str(WEST))
    assert east.open(sealed(west), 6) == received
    assert east.open(sealed(west), 7) == received
    assert reports == [InboundSeen(INBOUND.key)]
    assert west.usage(OUTBOUND.key) == SaUsage(2, 200, 5)
    assert east.usage(INBOUND.key) == SaUsage(2, 200, 7)


def test_memory_refuses_replays() -> None:
    west, east, _ = pair()
    first = sealed(west)
    assert east.open(first, 6)
    assert east.open(first, 6) is None
    assert east.drops == {"replay": 1}


def test_memory_opens_only_with_equal_keys() -> None:
    west, east, _ = pair()
    other = replace(KEYS, encryption_key=b"\1" * 20)
    esp = sealed(west)
    assert east.open(replace(esp, layers=(replace(esp.layers[0], keys=other),)), 6) is None
    assert east.drops == {"authentication": 1}


def test_memory_enforces_selectors_in_both_directions() -> None:
    west, east, reports = pair()
    stranger = replace(PACKET, source=ip_address("10.9.0.1"))
    assert west.seal(stranger, 5) is stranger
    assert east.open(replace(sealed(west), inner=stranger), 6) is None
    assert (west.drops, east.drops) == ({"in clear": 1}, {"selector": 1})
    assert reports == [InboundSeen(INBOUND.key)]  # it was authentic: the peer uses this SA


def test_memory_uses_the_narrowest_flow() -> None:
    west, _, _ = pair()
    narrow = replace(OUTBOUND, key=SaKey(Direction.OUTBOUND, EAST, 0x2000))
    west.submit(InstallSa(4, narrow), 0)
    selector = Selector(WEST_LAN, ip_network("10.2.0.1/32"))
    west.submit(InstallFlow(5, Flow(selector), (narrow.key,), "host"), 0)
    assert sealed(west).spi == 0x2000
    west.submit(RemoveFlow(Flow(selector)), 0)
    assert sealed(west).spi == 0x1000


def test_memory_reports_unknown_spis_once_a_second_a_source() -> None:
    west, east, reports = pair()
    esp = sealed(west)
    lost = replace(esp, layers=(replace(esp.layers[0], spi=0x9999),))
    for now in (0.0, 0.5, 1.0):
        east.open(lost, now)
    east.open(replace(lost, source=ELSEWHERE), 1.0)
    assert reports == [
        UnknownSpi(WEST, EAST, 0x9999),
        UnknownSpi(WEST, EAST, 0x9999),
        UnknownSpi(ELSEWHERE, EAST, 0x9999),
    ]


def test_memory_reports_soft_and_hard_limits_once() -> None:
    reports: Reports = []
    west = MemoryStack(reports.append, random.Random(1).randbytes)
    west.submit(InstallSa(1, replace(OUTBOUND, soft_octets=200, hard_octets=300)), 0)
    west.submit(InstallFlow(2, Flow(OUTBOUND.selector), (OUTBOUND.key,), "west-east"), 0)
    reports.clear()
    carried = [west.seal(PACKET, 0) is not None for _ in range(5)]
    assert carried == [True, True, True, False, False]
    assert reports == [SoftExpired(OUTBOUND.key), HardExpired(OUTBOUND.key)]
