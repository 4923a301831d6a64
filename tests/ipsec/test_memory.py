"""The stack in memory is strict: what a real stack would drop, hold or notice, it does too."""

import random
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from isakmpd.ike.ipsec import (
    Acquire,
    Answer,
    Direction,
    Event,
    Flow,
    Guard,
    InstallFlow,
    InstallSa,
    OriginalAddresses,
    PeerMoved,
    RemoveFlow,
    SaKey,
    SaKeys,
    Selector,
    SimplexSa,
    UdpEncapsulation,
    Unguard,
    UpdateSa,
)
from isakmpd.ipsec.memory import MemoryStack
from isakmpd.ipsec.memory_guards import HOLD_PACKETS, HOLD_SECONDS
from isakmpd.ipsec.memory_packets import InnerPacket, MemoryEsp
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    Protocol,
)

WEST, EAST = ip_address("192.0.2.1"), ip_address("192.0.2.2")
ELSEWHERE = ip_address("198.51.100.9")
LANS = Selector(ip_network("10.1.0.0/24"), ip_network("10.2.0.0/24"))
HOSTS = Selector(ip_network(WEST), ip_network(EAST))
PACKET = InnerPacket(ip_address("10.1.0.1"), ip_address("10.2.0.1"), bytes(100))
BETWEEN_HOSTS = InnerPacket(WEST, EAST, bytes(100))
UDP = UdpEncapsulation(4500, 4500)
TUNNEL, TRANSPORT = EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT
ESP, AH, IPCOMP = Protocol.IPSEC_ESP, Protocol.IPSEC_AH, Protocol.IPCOMP


def keys(seed: int) -> SaKeys:
    return SaKeys(
        EspTransform.AES, AuthenticationAlgorithm.HMAC_SHA, bytes([seed] * 16), bytes([seed] * 20)
    )


def sa(
    direction: Direction,
    spi: int,
    protocol: Protocol = ESP,
    *,
    mode: EncapsulationMode = TUNNEL,
    selector: Selector = LANS,
    udp: UdpEncapsulation | None = None,
) -> SimplexSa:
    """Describe an SA of west, outbound, or of east, inbound."""
    if direction is Direction.INBOUND:
        selector = Selector(selector.remote, selector.local)
    return SimplexSa(
        SaKey(direction, EAST, spi, protocol), WEST, keys(spi & 0xFF), mode, selector, 64, udp
    )


class Host:
    """Hold a stack and what it reports."""

    def __init__(self, seed: int) -> None:
        self.reports: list[Answer | Event] = []
        self.stack = MemoryStack(self.reports.append, random.Random(seed).randbytes)

    def install(self, *sas: SimplexSa, flow: Flow | None = None, now: float = 0.0) -> None:
        for one in sas:
            self.stack.submit(InstallSa(1, one), now)
        if flow is not None:
            request = InstallFlow(2, flow, tuple(one.key for one in sas), "lan")
            self.stack.submit(request, now)

    def seal(self, packet: InnerPacket, now: float = 0.0) -> MemoryEsp:
        sealed = self.stack.seal(packet, now)
        assert isinstance(sealed, MemoryEsp)
        return sealed

    def events(self, kind: type[Event]) -> list[Answer | Event]:
        return [report for report in self.reports if isinstance(report, kind)]


def hosts(protocols: Sequence[Protocol] = (ESP,), **changes: object) -> tuple[Host, Host]:
    """Give west, which sends, and east, which receives, with a bundle between them."""
    west, east = Host(1), Host(2)
    out = [
        sa(Direction.OUTBOUND, 0x1000 + n, p, **changes)  # type: ignore[arg-type]
        for n, p in enumerate(protocols)
    ]
    into = [
        sa(Direction.INBOUND, 0x1000 + n, p, **changes)  # type: ignore[arg-type]
        for n, p in enumerate(protocols)
    ]
    west.install(*out, flow=Flow(out[0].selector, "east"))
    east.install(*into)
    return west, east


def from_west(packet: InnerPacket, port: str = "") -> InnerPacket:
    """Mark a packet as the receiver does, with where it came from."""
    return replace(packet, peer=f"{WEST}{port}")


# Bundles


@pytest.mark.parametrize("protocols", [(ESP,), (AH,), (ESP, AH), (IPCOMP, ESP), (IPCOMP, ESP, AH)])
def test_a_bundle_is_put_on_in_order_and_taken_off_in_reverse(
    protocols: tuple[Protocol, ...],
) -> None:
    west, east = hosts(protocols)
    sealed = west.seal(PACKET)
    assert tuple(layer.protocol for layer in sealed.layers) == protocols
    assert sealed.spi == 0x1000 + len(protocols) - 1
    assert east.stack.open(sealed, 1) == from_west(PACKET)
    counted = [east.stack.usage(key) for key in east.stack.sas]
    assert all(usage is not None and usage.packets == 1 for usage in counted)


def test_a_layer_with_other_keys_is_not_taken_off() -> None:
    west, east = hosts((ESP, AH))
    sealed = west.seal(PACKET)
    forged = replace(sealed.layers[0], keys=keys(0xFF))
    assert east.stack.open(replace(sealed, layers=(forged, sealed.layers[1])), 1) is None
    assert east.stack.drops == {"authentication": 1}


def test_half_a_bundle_is_no_bundle() -> None:
    """What came without AH was not protected as agreed, whatever its ESP says."""
    west, east = hosts((ESP, AH))
    back = [
        replace(sa(Direction.OUTBOUND, 0x2000 + n, p), source=EAST) for n, p in enumerate((ESP, AH))
    ]
    back = [
        replace(
            one, key=replace(one.key, destination=WEST), selector=Selector(LANS.remote, LANS.local)
        )
        for one in back
    ]
    east.install(*back, flow=Flow(back[0].selector, "west"))
    sealed = west.seal(PACKET)
    assert east.stack.open(replace(sealed, layers=sealed.layers[:1]), 1) is None
    assert east.stack.drops == {"not the bundle": 1}


# Transport mode


def test_transport_mode_keeps_the_addresses_of_the_packet_it_came_in() -> None:
    west, east = hosts(mode=TRANSPORT, selector=HOSTS)
    assert east.stack.open(west.seal(BETWEEN_HOSTS), 1) == from_west(BETWEEN_HOSTS)


def test_a_nat_breaks_the_checksum_unless_the_original_addresses_are_known() -> None:
    """RFC 3947 section 5.2: east knows that west calls itself 192.168.1.10."""
    inside = ip_address("192.168.1.10")
    west, east = hosts(mode=TRANSPORT, selector=HOSTS, udp=UDP)
    sealed = west.seal(BETWEEN_HOSTS)
    translated = replace(sealed, inner=replace(BETWEEN_HOSTS, source=inside))
    assert east.stack.open(translated, 1) is None
    assert east.stack.drops == {"checksum": 1}
    (inbound,) = east.stack.sas.values()
    originals = OriginalAddresses(local=EAST, remote=inside)
    east.stack.sas[inbound.key] = replace(inbound, originals=originals)
    again = replace(translated, layers=west.seal(BETWEEN_HOSTS).layers)
    assert east.stack.open(again, 1) == from_west(BETWEEN_HOSTS, " 4500")


# Guards


def guarded(*, hold: bool) -> Host:
    """Give west with a guard and no flow."""
    west = Host(1)
    west.stack.submit(Guard(1, LANS, "lan", hold), 0)
    return west


def test_what_nobody_wants_leaves_in_clear() -> None:
    assert Host(1).stack.seal(PACKET, 0) is PACKET


def test_a_guarded_packet_without_a_flow_does_not_leave() -> None:
    west = guarded(hold=False)
    assert west.stack.seal(PACKET, 0) is None
    assert west.stack.drops == {"guarded": 1}
    assert not west.events(Acquire)
    west.stack.submit(Unguard(LANS, "lan"), 0)
    assert west.stack.seal(PACKET, 0) is PACKET


def test_the_flow_has_a_guarded_packet_for_as_long_as_it_is_there() -> None:
    west, _ = hosts()
    west.stack.submit(Guard(1, LANS, "lan", hold=False), 0)
    west.seal(PACKET)
    west.stack.submit(RemoveFlow(Flow(LANS, "east")), 0)
    assert west.stack.seal(PACKET, 0) is None


def test_a_narrower_guard_keeps_a_packet_from_a_wider_flow() -> None:
    west, _ = hosts()
    host = Selector(LANS.local, ip_network("10.2.0.1/32"))
    west.stack.submit(Guard(1, host, "host", hold=False), 0)
    assert west.stack.seal(PACKET, 0) is None


def test_held_packets_leave_through_the_flow_to_come() -> None:
    west = guarded(hold=True)
    packets = [replace(PACKET, octets=bytes([number])) for number in range(HOLD_PACKETS + 2)]
    assert [west.stack.seal(packet, 0) for packet in packets] == [None] * len(packets)
    addresses = Selector(ip_network(PACKET.source), ip_network(PACKET.destination))
    assert west.events(Acquire) == [Acquire("lan", addresses)]
    assert west.stack.drops == {"held too many": 2}
    west.install(sa(Direction.OUTBOUND, 0x1000), flow=Flow(LANS, "east"), now=1.0)
    assert [esp.inner for esp in west.stack.released] == packets[:HOLD_PACKETS]


def test_packets_are_held_for_ten_seconds() -> None:
    west = guarded(hold=True)
    late = replace(PACKET, octets=b"late")
    west.stack.seal(PACKET, 0)
    west.stack.seal(late, HOLD_SECONDS - 1)
    west.install(sa(Direction.OUTBOUND, 0x1000), flow=Flow(LANS, "east"), now=HOLD_SECONDS + 1)
    assert [esp.inner for esp in west.stack.released] == [late]


def test_an_acquire_is_repeated_rarely() -> None:
    west = guarded(hold=True)
    for now in range(25):
        west.stack.seal(PACKET, float(now))
    assert len(west.events(Acquire)) == 3


def test_a_killed_daemon_leaves_its_guards_and_nothing_else() -> None:
    west, _ = hosts()
    west.stack.submit(Guard(1, LANS, "lan", hold=True), 0)
    west.stack.crash()
    assert (west.stack.sas, west.stack.flows) == ({}, {})
    assert west.stack.seal(PACKET, 0) is None


# Peers that move, and peers that share a selector


def test_a_peer_that_moves_is_reported_by_what_is_authentic_and_newest() -> None:
    west, east = hosts(udp=UDP)
    late, first, second = (west.seal(PACKET) for _ in range(3))
    moved = UdpEncapsulation(20000, 4500)
    east.stack.open(replace(first, source=ELSEWHERE, udp=moved), 1)
    east.stack.open(late, 1)
    east.stack.open(replace(second, source=ELSEWHERE, udp=moved), 1.5)
    (inbound,) = east.stack.sas
    assert east.events(PeerMoved) == [PeerMoved(inbound, ELSEWHERE, 20000)]
    east.stack.submit(UpdateSa(inbound, ELSEWHERE, EAST, UdpEncapsulation(4500, 20000)), 2)
    east.stack.open(replace(west.seal(PACKET), source=ELSEWHERE, udp=moved), 9)
    assert len(east.events(PeerMoved)) == 1


def test_peers_that_share_a_selector_are_told_apart_by_their_place() -> None:
    """Two clients behind one NAT look alike but for their ports."""
    server = Host(1)
    for number, name in enumerate(("anna", "bert")):
        udp = UdpEncapsulation(4500, 20000 + number)
        out = sa(Direction.OUTBOUND, 0x1000 + number, udp=udp)
        server.install(out, flow=Flow(LANS, name))
        into = sa(Direction.INBOUND, 0x2000 + number, selector=Selector(LANS.remote, LANS.local))
        key = replace(into.key, destination=WEST)
        server.install(replace(into, key=key, source=EAST, udp=udp))
    for number in range(2):
        place = f"{EAST} {20000 + number}"
        assert server.seal(replace(PACKET, peer=place)).spi == 0x1000 + number
        sender = Host(2)
        back = sa(Direction.OUTBOUND, 0x2000 + number, selector=Selector(LANS.remote, LANS.local))
        sender.install(back, flow=Flow(back.selector))
        answer = InnerPacket(PACKET.destination, PACKET.source, bytes(10))
        udp = UdpEncapsulation(20000 + number, 4500)
        received = server.stack.open(replace(sender.seal(answer), source=EAST, udp=udp), 1)
        assert received is not None
        assert received.peer == place
