"""NAT traversal in phase 1: vendor IDs, payload numbers, the float to port 4500 (RFC 3947)."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from isakmpd.config.model import Configuration
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import PayloadType
from isakmpd.wire.payloads import NatDiscovery, VendorId
from isakmpd.wire.vendor_ids import Vendor, recognise
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.peer import Peer
from tests.ike.scenes import a_peer, answer_main_mode, converse

INSIDE = IPv4Address("10.9.9.9")
DRAFTS = (Vendor.NAT_T_DRAFT_02, Vendor.NAT_T_DRAFT_02_PLAIN, Vendor.NAT_T_DRAFT_03)
MODES = ("ID_PROT", "AGGRESSIVE")


def announces(*vendors: Vendor) -> tuple[bytes, ...]:
    """Vendor IDs, with DPD left out so that nothing is asked."""
    return tuple(vendor.value for vendor in vendors)


def vendors_in(datagram: bytes, peer: Peer) -> list[Vendor | None]:
    """Name the vendor IDs of a message in clear."""
    return [recognise(one.data) for one in peer.read(datagram).all(VendorId)]


# Vendor IDs


@pytest.mark.parametrize("mode", MODES)
def test_the_initiator_announces_in_the_originals_order(mode: str) -> None:
    """The drafts, the RFC, dead peer detection; then what only we know."""
    daemon = Daemon(configuration(answers=False, exchange=mode))
    assert vendors_in(daemon.begins(), a_peer()) == [
        Vendor.NAT_T_DRAFT_02,
        Vendor.NAT_T_DRAFT_03,
        Vendor.NAT_T_RFC,
        Vendor.DPD,
        Vendor.ACKNOWLEDGED_DELETES,
    ]


@pytest.mark.parametrize("announced", [(), *((draft,) for draft in DRAFTS), (Vendor.NAT_T_RFC,)])
def test_the_responder_repeats_what_the_peer_announces(announced: tuple[Vendor, ...]) -> None:
    """And nothing else."""
    daemon, peer = Daemon(configuration()), a_peer(vendors=announces(*announced))
    assert vendors_in(daemon.answers(peer.mm1()), peer) == list(announced)


@pytest.mark.parametrize("mode", MODES)
def test_without_nat_traversal_nothing_of_it_is_said(mode: str) -> None:
    """What -T switches off: vendor IDs, NAT-D, and the float."""
    off = Daemon(configuration(answers=False, exchange=mode), nat_traversal=False)
    assert vendors_in(off.begins(), a_peer()) == [Vendor.DPD, Vendor.ACKNOWLEDGED_DELETES]
    daemon = Daemon(configuration(), nat_traversal=False)
    peer = a_peer(private_address=INSIDE)
    answer_main_mode(daemon, peer)
    assert all(chain.all(NatDiscovery) == [] for chain in peer.heard)
    assert daemon.snapshot.isakmp_sas[0].transport.remote_port == 500


# Payload numbers


@pytest.mark.parametrize(
    ("announced", "number"),
    [
        *(((draft,), PayloadType.NAT_D_DRAFT) for draft in DRAFTS),
        ((Vendor.NAT_T_RFC,), PayloadType.NAT_D),
        ((*DRAFTS, Vendor.NAT_T_RFC), PayloadType.NAT_D),
    ],
)
def test_nat_discovery_has_the_agreed_number(
    announced: tuple[Vendor, ...], number: PayloadType
) -> None:
    """130 for the drafts, 20 for the RFC; the scripted peer checks the hashes."""
    daemon, peer = Daemon(configuration()), a_peer(vendors=announces(*announced))
    answer_main_mode(daemon, peer)
    assert [one.type_on_wire for one in peer.heard[1].all(NatDiscovery)] == [number] * 2


@pytest.mark.parametrize("draft", [Vendor.NAT_T_DRAFT_02, Vendor.NAT_T_DRAFT_03])
@pytest.mark.parametrize("mode", MODES)
def test_a_draft_floats_like_the_rfc(draft: Vendor, mode: str) -> None:
    """The initiator finds the NAT by the draft's payloads."""
    daemon = Daemon(configuration(answers=False, exchange=mode))
    peer = a_peer(vendors=announces(draft), private_address=INSIDE)
    floats(daemon, peer, mode)


# The float


def floats(daemon: Daemon, peer: Peer, mode: str) -> None:
    """The daemon begins; its first message after it knows of the NAT comes from port 4500."""
    first = daemon.begins()
    aggressive = mode == "AGGRESSIVE"
    answer = peer.am2(first) if aggressive else peer.mm4(daemon.answers(peer.mm2(first)))
    daemon.engine.receive(answer, transport(daemon, peer), daemon.now)
    daemon.settle()
    sent = daemon.sent()
    ports = {(send.transport.local_port, send.transport.remote_port) for send in sent}
    assert ports == {(4500, 4500)}
    assert all(send.transport.encapsulated for send in sent)
    if aggressive:
        peer.floated = True
        peer.finish_aggressive(sent[0].octets)


def transport(daemon: Daemon, peer: Peer) -> Transport:
    """Where the peer's messages come from before the float."""
    return Transport(daemon.address, 500, peer.address, 500)


@pytest.mark.parametrize("mode", MODES)
def test_the_initiator_floats_as_soon_as_it_knows(mode: str) -> None:
    """With message 5 of main mode, with message 3 of aggressive mode."""
    daemon = Daemon(configuration(answers=False, exchange=mode))
    floats(daemon, a_peer(vendors=announces(Vendor.NAT_T_RFC), private_address=INSIDE), mode)


@pytest.mark.parametrize("hashes_new_ports", [True, False])
@pytest.mark.parametrize("encrypted", [True, False])
def test_the_responder_follows_message_3_of_aggressive_mode(
    hashes_new_ports: bool, encrypted: bool
) -> None:
    """Whichever ports the peer hashes, only what differs beyond them is a NAT."""
    daemon = Daemon(configuration(exchange="AGGRESSIVE"))
    peer = a_peer(vendors=announces(Vendor.NAT_T_RFC), private_address=INSIDE)
    am2 = daemon.answers(peer.am1())
    am3 = peer.am3(am2, encrypted=encrypted, floats=hashes_new_ports)
    daemon.hears(am3, port=4500)
    (sa,) = daemon.snapshot.isakmp_sas
    assert (sa.transport.local_port, sa.transport.remote_port) == (4500, 4500)
    assert daemon.verbose[-1] == "peer: the peer is behind a NAT, ESP travels in UDP"


def test_two_of_ours_through_a_nat_in_aggressive_mode() -> None:
    """The NAT changes the address of the one that begins: both know, and both float."""
    nat = IPv4Address("198.51.100.1")
    west = Daemon(configuration(answers=False, exchange="AGGRESSIVE"), address=INSIDE)
    east = Daemon(configuration(mirrored=True, exchange="AGGRESSIVE", peer=nat), address=PEER)
    port = 500
    waiting = [west.begins()]
    for _ in range(10):
        answers = [one for octets in waiting for one in east.hears(octets, source=nat, port=port)]
        waiting = []
        for octets in answers:
            west.engine.receive(octets, at_home(port), west.now)
            west.settle()
            for send in west.sent():
                port = send.transport.remote_port
                waiting.append(send.octets)
    assert "peer: we are behind a NAT, ESP travels in UDP" in west.verbose
    assert "peer: the peer is behind a NAT, ESP travels in UDP" in east.verbose
    (sa,) = east.snapshot.isakmp_sas
    assert sa.transport.remote_port == 4500
    assert len(west.snapshot.ipsec_sas) == len(east.snapshot.ipsec_sas) == 1


def at_home(port: int) -> Transport:
    """How west, behind its NAT, sees east."""
    return Transport(INSIDE, port, PEER, port, encapsulated=port == 4500)


def test_a_peer_that_speaks_on_4500_from_the_start_forces_nat_traversal() -> None:
    """Its ESP comes in UDP, whatever the hashes say."""
    daemon, peer = Daemon(configuration()), a_peer(vendors=(), port=4500, remote_port=4500)
    mm2 = daemon.answers(peer.mm1(), port=4500)
    mm4 = daemon.answers(peer.mm3(mm2), port=4500)
    peer.finish(daemon.answers(peer.mm5(mm4), port=4500))
    assert daemon.verbose[-1] == "peer: the peer speaks on the NAT-T port, ESP travels in UDP"


# IPv6

SIX, OTHER_SIX = IPv6Address("2001:db8::1"), IPv6Address("2001:db8::2")


def over_ipv6(**tags: object) -> Configuration:
    """The gateway whose peer has an IPv6 address."""
    return configuration(peer=OTHER_SIX, **tags)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("inside", [None, IPv6Address("2001:db8:9::9")])
def test_over_ipv6_in_both_roles(mode: str, inside: Address | None) -> None:
    """Identities of 16 octets, NAT-D over 16 octets, with a translator in between or without."""
    peer = Peer(OTHER_SIX, SIX, private_address=inside)
    daemon = Daemon(over_ipv6(exchange=mode), address=SIX)
    port = 500 if inside is None else 4500
    if mode == "AGGRESSIVE":
        am2 = daemon.answers(peer.am1(), source=OTHER_SIX)
        daemon.hears(peer.am3(am2, floats=port == 4500), source=OTHER_SIX, port=port)
    else:
        mm4 = daemon.answers(
            peer.mm3(daemon.answers(peer.mm1(), source=OTHER_SIX)), source=OTHER_SIX
        )
        peer.finish(daemon.answers(peer.mm5(mm4), source=OTHER_SIX, port=port))
    (sa,) = daemon.snapshot.isakmp_sas
    assert (sa.responder_id, sa.initiator_id) == (str(SIX), str(OTHER_SIX))
    assert sa.transport.remote_port == port
    assert daemon.log == []


@pytest.mark.parametrize("mode", MODES)
def test_two_of_ours_over_ipv6(mode: str) -> None:
    """Up to the tunnel for IPv4 inside."""
    west = Daemon(over_ipv6(answers=False, exchange=mode), address=SIX)
    east = Daemon(configuration(peer=SIX, mirrored=True, exchange=mode), address=OTHER_SIX)
    converse(east, west, [west.begins()])
    assert len(west.snapshot.ipsec_sas) == len(east.snapshot.ipsec_sas) == 1
    assert west.log == east.log == []
