"""Pairs of one purpose: the old one serves until the new one does, and none is left over."""

from __future__ import annotations

from isakmpd.ike import succession
from isakmpd.ike.ipsec_sas import GENERATIONS, PATIENCE
from isakmpd.ipsec.memory_packets import InnerPacket, Layer, MemoryEsp
from isakmpd.wire.payloads import Delete
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import a_peer, answer_main_mode, answer_quick_mode, met, proposal
from tests.ike.test_guards import LANS

NO_DPD = (Vendor.NAT_T_RFC.value,)
FROM_THERE = InnerPacket(LANS.remote[7], LANS.local[7], b"hello")
FROM_HERE = InnerPacket(LANS.local[7], LANS.remote[7], b"hello")


def rekeyed(vendors: tuple[bytes, ...] = NO_DPD) -> tuple[Daemon, Peer, QuickMode, QuickMode]:
    """The peer has made a second pair and deletes nothing."""
    daemon, peer = met(configuration(), vendors=vendors)
    old, new = proposal(peer), proposal(peer, message_id=0x222, spi=b"\0\0\2\2")
    answer_quick_mode(daemon, old)
    daemon.passes(30)
    answer_quick_mode(daemon, new)
    return daemon, peer, old, new


def arrives(daemon: Daemon, quick: QuickMode, sequence: int) -> None:
    """A packet of the peer's on one of its pairs."""
    inbound = int.from_bytes(quick.their_spi)
    sa = next(sa for key, sa in daemon.stack.sas.items() if key.spi == inbound)
    layer = Layer(sa.key.protocol, inbound, sequence, sa.keys)
    assert daemon.stack.open(MemoryEsp(PEER, DAEMON, None, (layer,), FROM_THERE), daemon.now)
    daemon.settle()


def held(daemon: Daemon) -> list[bytes]:
    """The SPIs the peer has given us."""
    return [pair.outbound.key.spi.to_bytes(4) for pair in daemon.snapshot.ipsec_sas]


def test_what_a_silent_peer_leaves_behind_is_deleted() -> None:
    """And it is told: then both ends have one pair."""
    daemon, peer, old, new = rekeyed()
    daemon.passes(PATIENCE - 1)
    assert held(daemon) == [old.spi, new.spi]
    ((_, octets),) = daemon.passes(2)
    assert peer.informed(octets).one(Delete).spis == (old.their_spi,)
    assert held(daemon) == [new.spi]


def test_one_of_ours_is_trusted_to_delete_it() -> None:
    """Its Deletes are sure to arrive."""
    daemon, _, old, new = rekeyed((*NO_DPD, Vendor.ACKNOWLEDGED_DELETES.value))
    daemon.passes(2 * PATIENCE)
    assert held(daemon) == [old.spi, new.spi]


def test_the_old_pair_stays_while_it_alone_receives() -> None:
    """Then for as long as the new one has received nothing either."""
    daemon, _, old, new = rekeyed()
    for sequence in range(1, 40):
        daemon.passes(5)
        arrives(daemon, old, sequence)
    assert held(daemon) == [old.spi, new.spi]
    arrives(daemon, new, 1)
    daemon.stack.seal(FROM_HERE, daemon.now)
    daemon.passes(2 * succession.LINGER)
    assert held(daemon) == [new.spi]


def test_the_old_pair_goes_once_nothing_comes_over_it() -> None:
    daemon, _, old, new = rekeyed()
    for sequence in range(1, 20):
        daemon.passes(5)
        arrives(daemon, old, sequence)
    assert held(daemon) == [old.spi, new.spi]
    daemon.passes(3 * succession.LINGER)
    assert held(daemon) == [new.spi]


def test_generations_never_pile_up() -> None:
    """A peer that rekeys again and again, and deletes nothing."""
    daemon, peer = met(configuration(), vendors=NO_DPD)
    for number in range(1, 4 * GENERATIONS):
        quick = proposal(peer, message_id=number, spi=(0x1000 + number).to_bytes(4))
        daemon.now += 0.125
        (qm2,) = daemon.hears(quick.qm1())
        daemon.hears(quick.qm3(qm2))
        assert len(held(daemon)) == min(number, GENERATIONS)
        assert held(daemon)[-1] == quick.spi
    daemon.passes(2 * PATIENCE)
    assert held(daemon) == [quick.spi]
    assert len(daemon.stack.sas) == 2
    assert len(daemon.stack.spis) == 1


def test_isakmp_sas_never_pile_up() -> None:
    """Nor do these."""
    daemon = Daemon(configuration())
    for number in range(20):
        answer_main_mode(daemon, a_peer(cookie=b"peer %03d" % number, vendors=NO_DPD))
        daemon.now += 0.125
    assert len(daemon.snapshot.isakmp_sas) == 8
