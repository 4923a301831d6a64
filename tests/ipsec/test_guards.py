"""Guarded packets: refused, or held for an SA to come; and peers that move."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest
from scapy.layers.inet import ICMP, IP

from isakmpd.ike.ipsec import (
    Acquire,
    Direction,
    Flow,
    Guard,
    InboundSeen,
    InstallFlow,
    InstallSa,
    PeerMoved,
    RemoveFlow,
    RemoveSa,
    SaKey,
    Selector,
    SimplexSa,
    StackRefused,
    UdpEncapsulation,
    Unguard,
    UpdateSa,
)
from isakmpd.ipsec.guards import (
    ACQUIRE_INTERVAL,
    HELD_OCTETS,
    HELD_PACKETS,
    HELD_SECONDS,
    REFUSALS_A_SECOND,
)
from isakmpd.ipsec.sad import MOVE_INTERVAL
from isakmpd.wire.numbers import EncapsulationMode
from tests.esp import packets
from tests.ipsec.stacks import GCM, Host

WEST, EAST, ELSEWHERE = (ip_address(f"192.0.2.{number}") for number in (1, 2, 3))
SELECTOR = Selector(ip_network("10.1.0.0/16"), ip_network("10.2.0.0/16"))
OUTBOUND = SimplexSa(
    SaKey(Direction.OUTBOUND, EAST, 0x1000),
    WEST,
    GCM,
    EncapsulationMode.TUNNEL,
    SELECTOR,
    64,
    UdpEncapsulation(4500, 4500),
)
INBOUND = replace(
    OUTBOUND,
    key=replace(OUTBOUND.key, direction=Direction.INBOUND),
    selector=Selector(SELECTOR.remote, SELECTOR.local),
)
REFUSE = Guard(5, SELECTOR, "west-east", hold=False)
HOLD = replace(REFUSE, hold=True)


@pytest.fixture
def west() -> Host:
    return Host()


class TestRefusing:
    """Without an SA nothing leaves, and senders are told."""

    def test_senders_are_told(self, west: Host) -> None:
        west.submit(REFUSE)
        assert not west.sends(packets.udp4())
        (message,) = west.tun
        assert (IP(message)[ICMP].type, IP(message)[ICMP].code) == (3, 13)
        assert west.stack.drops == {"guarded, no SA": 1}
        assert west.events == []

    def test_so_many_times_a_second(self, west: Host) -> None:
        west.submit(REFUSE)
        for second in range(2):
            west.now = 100.0 + second
            for _ in range(3 * REFUSALS_A_SECOND):
                west.sends(packets.udp4())
            assert len(west.tun) == (second + 1) * REFUSALS_A_SECOND

    def test_a_flow_that_loses_its_sa_is_refused_too(self, west: Host) -> None:
        west.submit(REFUSE)
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        assert west.sends(packets.udp4())
        west.submit(RemoveSa(OUTBOUND.key))
        assert not west.sends(packets.udp4())
        west.submit(RemoveFlow(Flow(SELECTOR)))
        assert not west.sends(packets.udp4())
        assert west.stack.drops == {"guarded, no SA": 2}

    def test_until_it_is_unguarded(self, west: Host) -> None:
        west.submit(REFUSE, Unguard(SELECTOR, "west-east"), Unguard(SELECTOR, "west-east"))
        assert not west.sends(packets.udp4())
        assert west.stack.drops == {"no flow": 1}

    def test_mixed_families_are_refused(self, west: Host) -> None:
        mixed = Selector(SELECTOR.local, ip_network("fd00::/8"))
        west.stack.submit(replace(REFUSE, selector=mixed), 0)
        assert isinstance(west.answers[-1], StackRefused)


class TestHolding:
    """The first packets wait for the SA to come, as a kernel's do that raises an ACQUIRE."""

    def test_they_leave_in_their_order(self, west: Host) -> None:
        west.submit(HOLD)
        sent = [packets.udp4(100 + number) for number in range(5)]
        assert [west.sends(packet) for packet in sent] == [[]] * 5
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        east = Host()
        east.install(INBOUND)
        assert [east.receives(sealed, INBOUND) for sealed, _, _ in west.wire] == [
            [packet] for packet in sent
        ]
        assert west.stack.drops == {}

    def test_the_first_asks_for_an_sa_of_its_own_selector(self, west: Host) -> None:
        west.submit(HOLD)
        for _ in range(5):
            west.sends(packets.udp4())
        one = Selector(ip_network("10.1.0.1"), ip_network("10.2.0.1"), 17, 1111, 2222)
        assert west.events == [Acquire("west-east", one)]
        west.now += ACQUIRE_INTERVAL - 0.1
        west.sends(packets.ping4())
        assert len(west.events) == 1
        west.now += 0.2
        west.sends(packets.ping4())
        assert west.events[1:] == [
            Acquire("west-east", replace(one, protocol=1, local_port=0, remote_port=0))
        ]

    def test_so_many_and_no_more(self, west: Host) -> None:
        west.submit(HOLD)
        for _ in range(HELD_PACKETS + 3):
            west.sends(packets.udp4())
        assert west.stack.drops == {"guarded, no SA": 3}
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        assert len(west.wire) == HELD_PACKETS

    def test_so_many_octets_and_no_more(self, west: Host) -> None:
        west.submit(HOLD)
        for _ in range(HELD_PACKETS):
            west.sends(packets.udp4(60000))
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        assert west.stack.drops == {"guarded, no SA": HELD_PACKETS - HELD_OCTETS // 60000}

    def test_so_long_and_no_longer(self, west: Host) -> None:
        west.submit(HOLD)
        west.sends(packets.udp4(100))
        west.now += HELD_SECONDS - 1
        west.sends(packets.udp4(101))
        west.now += 1
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        assert len(west.wire) == 1
        assert west.stack.drops == {"held too long": 1}

    def test_what_the_flow_does_not_cover_goes_on_waiting(self, west: Host) -> None:
        west.submit(HOLD)
        west.sends(packets.udp4())
        west.sends(packets.udp4(dst="10.2.0.9"))
        narrow = replace(SELECTOR, remote=ip_network("10.2.0.9/32"))
        west.install(OUTBOUND, flow=Flow(narrow))
        assert len(west.wire) == 1
        west.submit(InstallFlow(9, Flow(SELECTOR), (OUTBOUND.key,), "west-east"))
        assert len(west.wire) == 2

    def test_a_replaced_guard_is_one(self, west: Host) -> None:
        west.submit(HOLD, REFUSE)
        assert not west.sends(packets.udp4())
        assert west.stack.drops == {"guarded, no SA": 1}


class TestMoves:
    """A peer's NAT gives it another place; only new authentic packets tell."""

    @pytest.fixture
    def east(self, west: Host) -> Host:
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        one = Host()
        one.install(replace(INBOUND, source=WEST))
        return one

    def sealed(self, west: Host) -> bytes:
        (sealed,) = west.sends(packets.udp4())
        return sealed

    def moves(self, east: Host) -> list[PeerMoved]:
        return [event for event in east.events if isinstance(event, PeerMoved)]

    def test_to_another_port_or_address(self, west: Host, east: Host) -> None:
        for place in ((WEST, 61234), (ELSEWHERE, 4500)):
            east.receives(self.sealed(west), INBOUND, at=place)
            east.now += MOVE_INTERVAL
        assert self.moves(east) == [
            PeerMoved(INBOUND.key, WEST, 61234),
            PeerMoved(INBOUND.key, ELSEWHERE, 4500),
        ]

    def test_where_it_is_it_has_not_moved(self, west: Host, east: Host) -> None:
        east.receives(self.sealed(west), INBOUND)
        east.receives(self.sealed(west), INBOUND, at=(ip_address("192.0.2.1"), 4500))
        assert east.events == [InboundSeen(INBOUND.key)]

    def test_an_old_packet_tells_nothing(self, west: Host, east: Host) -> None:
        old, new = self.sealed(west), self.sealed(west)
        east.receives(new, INBOUND)
        assert east.receives(old, INBOUND, at=(ELSEWHERE, 4500))
        assert self.moves(east) == []

    @pytest.mark.parametrize("spoil", ["forged", "replayed"])
    def test_nobody_else_can_move_it(self, west: Host, east: Host, spoil: str) -> None:
        sealed = self.sealed(west)
        if spoil == "replayed":
            east.receives(sealed, INBOUND)
        else:
            sealed = sealed[:-1] + bytes((sealed[-1] ^ 1,))
        east.receives(sealed, INBOUND, at=(ELSEWHERE, 4500))
        assert self.moves(east) == []

    def test_where_a_copy_passes_for_new_nobody_moves(self, west: Host) -> None:
        """ReplayWindow= 0 takes replays: one of the latest packet could come from anywhere."""
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        east = Host()
        east.install(replace(INBOUND, source=WEST, replay_window=0))
        sealed = self.sealed(west)
        assert east.receives(sealed, INBOUND)
        assert east.receives(sealed, INBOUND, at=(ELSEWHERE, 4500))
        assert self.moves(east) == []

    def test_without_udp_there_is_no_nat_to_move_behind(self, west: Host) -> None:
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        east = Host()
        east.install(replace(INBOUND, udp=None))
        east.receives(self.sealed(west), INBOUND, at=(ELSEWHERE, 4500))
        assert self.moves(east) == []

    def test_so_often_and_no_more(self, west: Host, east: Host) -> None:
        for port in range(61000, 61100):
            east.receives(self.sealed(west), INBOUND, at=(WEST, port))
            east.now += MOVE_INTERVAL / 20
        assert len(self.moves(east)) == 5

    def test_once_moved_it_is_there(self, west: Host, east: Host) -> None:
        east.receives(self.sealed(west), INBOUND, at=(ELSEWHERE, 61234))
        udp = UdpEncapsulation(4500, 61234)
        east.submit(UpdateSa(INBOUND.key, ELSEWHERE, EAST, udp))
        for _ in range(3):
            east.now += MOVE_INTERVAL
            assert east.receives(self.sealed(west), INBOUND, at=(ELSEWHERE, 61234))
        assert len(self.moves(east)) == 1

    def test_both_directions_and_flows_move(self, west: Host) -> None:
        west.submit(InstallSa(1, INBOUND))
        west.install(OUTBOUND, flow=Flow(SELECTOR))
        udp = UdpEncapsulation(4500, 61234)
        west.submit(UpdateSa(OUTBOUND.key, WEST, ELSEWHERE, udp))
        moved = replace(OUTBOUND.key, destination=ELSEWHERE)
        assert west.stack.flows_through(moved) == [Flow(SELECTOR)]
        assert west.sends(packets.udp4())
        assert (west.wire[-1][1].destination, west.wire[-1][1].udp) == (ELSEWHERE, udp)
