"""Quick mode through NATs: modes in UDP, original addresses, and the flow that is protected."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, ip_network

import pytest

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import OriginalAddresses, Selector, UdpEncapsulation
from isakmpd.ike.transport import Transport
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import EncapsulationMode, IdType, NotifyType
from isakmpd.wire.payloads import (
    Chain,
    NatOriginalAddress,
    NatOriginalAddressDraft,
    SecurityAssociation,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon
from tests.ike.offers import Phase2
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import a_peer, agreed, refusal

PEER_INSIDE = IPv4Address("10.9.9.9")
DAEMON_OUTSIDE = IPv4Address("198.51.100.1")
UDP, L2TP = 17, 1701
MODE = EncapsulationMode

_TEXT = """\
[General]
Use-Keynote= no
DPD-check-interval= 0
[Phase 1]
192.0.2.2= peer
[Phase 2]
{role}= l2tp
[peer]
Phase= 1
Address= 192.0.2.2
Configuration= main-mode
Authentication= mekmitasdigoat
[main-mode]
DOI= IPSEC
EXCHANGE_TYPE= ID_PROT
Transforms= AES-128-SHA
[l2tp]
Phase= 2
ISAKMP-peer= peer
Configuration= quick-mode
Local-ID= l2tp-here
{remote}
[l2tp-here]
ID-type= IPV4_ADDR
Address= 192.0.2.1
Protocol= udp
Port= 1701
[l2tp-there]
ID-type= IPV4_ADDR
Address= 192.0.2.2
Protocol= udp
Port= any
[quick-mode]
DOI= IPSEC
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-TRP-AES-128-SHA-PFS-SUITE
"""


def l2tp(*, answers: bool = True) -> Configuration:
    """A server for L2TP, or a client of one."""
    role = "Passive-connections" if answers else "Connections"
    remote = "" if answers else "Remote-ID= l2tp-there"
    read = parse(_TEXT.format(role=role, remote=remote), "isakmpd.conf")
    assert not read.problems, [str(problem) for problem in read.problems]
    return read


def host(address: IPv4Address, port: int = 0) -> Identity:
    """A host's UDP."""
    return Identity.of_address(address, UDP, port)


def oa(*addresses: IPv4Address, draft: bool = False) -> tuple[NatOriginalAddress, ...]:
    """NAT-OA payloads."""
    kind = NatOriginalAddressDraft if draft else NatOriginalAddress
    return tuple(kind(IdType.IPV4_ADDR, address.packed) for address in addresses)


def met_through_nat(peer: Peer, config: Configuration | None = None) -> Daemon:
    """A daemon that has answered the peer's main mode, on port 4500 in the end."""
    daemon = Daemon(config or l2tp())
    mm5 = peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))
    peer.finish(daemon.answers(mm5, port=4500))
    return daemon


def begun_through_nat(peer: Peer, config: Configuration | None = None) -> tuple[Daemon, bytes]:
    """A daemon that has begun main mode, and the QM1 that follows."""
    daemon = Daemon(config or l2tp(answers=False))
    mm3 = daemon.answers(peer.mm2(daemon.begins()))
    at = Transport(daemon.address, 500, PEER, 500)
    daemon.engine.receive(peer.mm4(mm3), at, daemon.now)
    daemon.settle()
    (mm5,) = [send.octets for send in daemon.sent()]
    return daemon, daemon.answers(peer.mm6(mm5), port=4500)


def quick_mode(peer: Peer, *ids: Identity, **tags: object) -> QuickMode:
    """A quick mode in transport mode."""
    mode = tags.pop("mode", MODE.UDP_ENCAP_TRANSPORT)
    return QuickMode(peer, Phase2(mode=mode), ids=ids, **tags)  # type: ignore[arg-type]


def answered(daemon: Daemon, quick: QuickMode) -> Chain:
    """The daemon answers to the end; its QM2."""
    qm3 = quick.qm3(daemon.answers(quick.qm1(), port=4500))
    qm2 = quick.peer.heard[-1]
    assert daemon.hears(qm3, port=4500) == []
    assert agreed(daemon, quick), daemon.log
    return qm2


FLOW = Selector(ip_network(DAEMON), ip_network(PEER), UDP, L2TP, L2TP)


def test_a_client_behind_a_nat() -> None:
    """It names its own address; what is protected goes to the one that is seen."""
    peer = a_peer(private_address=PEER_INSIDE)
    daemon = met_through_nat(peer)
    more = oa(PEER_INSIDE, DAEMON)
    qm2 = answered(daemon, quick_mode(peer, host(PEER_INSIDE, L2TP), host(DAEMON, L2TP), more=more))
    assert qm2.all(NatOriginalAddress) == list(oa(PEER, DAEMON))
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.mode == MODE.TRANSPORT
    assert pair.outbound.udp == UdpEncapsulation(4500, 4500)
    assert pair.outbound.selector == pair.inbound.selector == FLOW
    assert pair.inbound.originals == OriginalAddresses(DAEMON, PEER_INSIDE)


@pytest.mark.parametrize(
    ("more", "remote"),
    [
        ((), PEER_INSIDE),  # as its identity says
        (oa(IPv4Address("10.8.8.8")), IPv4Address("10.8.8.8")),  # as in draft 02
        (oa(IPv4Address("10.8.8.8"), DAEMON, draft=True), IPv4Address("10.8.8.8")),
    ],
)
def test_where_the_original_address_is_known_from(
    more: tuple[NatOriginalAddress, ...], remote: IPv4Address
) -> None:
    """NAT-OA payloads, one or two, of the RFC or the drafts; else the identity."""
    peer = a_peer(private_address=PEER_INSIDE)
    daemon = met_through_nat(peer)
    answered(daemon, quick_mode(peer, host(PEER_INSIDE, L2TP), host(DAEMON, L2TP), more=more))
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.inbound.originals == OriginalAddresses(DAEMON, remote)


def test_a_client_that_names_itself() -> None:
    """It may not know an address anybody would understand."""
    peer = a_peer(private_address=PEER_INSIDE)
    daemon = met_through_nat(peer)
    name = Identity(IdType.FQDN, b"laptop.example", UDP, L2TP)
    answered(daemon, quick_mode(peer, name, host(DAEMON, L2TP)))
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.selector == FLOW
    assert pair.inbound.originals is None


def test_a_server_behind_a_nat() -> None:
    """The client knows us by another address; the flow is ours as it is."""
    peer = Peer(PEER, DAEMON_OUTSIDE, remote_private_address=DAEMON)
    daemon = met_through_nat(peer)
    qm2 = answered(daemon, quick_mode(peer, host(PEER, L2TP), host(DAEMON_OUTSIDE, L2TP)))
    assert qm2.all(NatOriginalAddress) == list(oa(PEER, DAEMON))
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.selector == FLOW
    assert pair.outbound.originals == OriginalAddresses(DAEMON_OUTSIDE, PEER)


def test_two_ports_of_one_client() -> None:
    """Each has SAs and a flow of its own, under one connection."""
    peer = a_peer(private_address=PEER_INSIDE)
    daemon = met_through_nat(peer)
    for number, port in enumerate((1701, 55555), 1):
        quick = quick_mode(
            peer,
            host(PEER_INSIDE, port),
            host(DAEMON, L2TP),
            message_id=number,
            spi=(number << 16).to_bytes(4),
        )
        answered(daemon, quick)
    ports = sorted(flow.selector.remote_port for flow in daemon.stack.flows)
    assert ports == [1701, 55555]


def client_of(daemon: Daemon, cookie: bytes, ike_port: int, nat_port: int) -> Peer:
    """A client behind the NAT at the peer's address that has done main mode, from these ports."""
    peer = a_peer(private_address=PEER_INSIDE, cookie=cookie, port=ike_port)
    (mm2,) = daemon.hears(peer.mm1(), port=ike_port, local_port=500)
    (mm4,) = daemon.hears(peer.mm3(mm2), port=ike_port, local_port=500)
    (mm6,) = daemon.hears(peer.mm5(mm4), port=nat_port, local_port=4500)
    peer.finish(mm6)
    return peer


def test_two_clients_behind_one_nat() -> None:
    """Both call themselves by the same address and port; ports outside tell them apart.

    Neither takes the other's place, and an SPI that both choose cannot serve both.
    """
    text = _TEXT.format(role="Passive-connections", remote="").replace("192.0.2.2= peer", "")
    text = text.replace("Address= 192.0.2.2\n", "", 1).replace(
        "[Phase 1]", "[Phase 1]\nDefault= peer"
    )
    daemon = Daemon(parse(text, "isakmpd.conf"))
    peers = [
        client_of(daemon, cookie, ike, nat)
        for cookie, ike, nat in ((b"client 1", 1001, 40001), (b"client 2", 1002, 40002))
    ]
    ids = host(PEER_INSIDE, L2TP), host(DAEMON, L2TP)
    for number, (peer, nat_port) in enumerate(zip(peers, (40001, 40002), strict=True), 1):
        quick = quick_mode(peer, *ids, spi=(number << 16).to_bytes(4))
        (qm2,) = daemon.hears(quick.qm1(), port=nat_port, local_port=4500)
        assert daemon.hears(quick.qm3(qm2), port=nat_port, local_port=4500) == []
        assert agreed(daemon, quick), daemon.log
    first, second = daemon.snapshot.ipsec_sas
    assert first.outbound.udp == UdpEncapsulation(4500, 40001)
    assert second.outbound.udp == UdpEncapsulation(4500, 40002)
    flows = list(daemon.stack.flows)
    assert [flow.selector for flow in flows] == [FLOW, FLOW]
    assert flows[0].peer != flows[1].peer

    same = quick_mode(peers[1], *ids, spi=(1 << 16).to_bytes(4), message_id=7)
    daemon.hears(same.qm1(), port=40002, local_port=4500)
    assert "the peer's SPI is in use" in daemon.log[-1]
    assert len(daemon.snapshot.ipsec_sas) == 2


@pytest.mark.parametrize(
    "bad",
    [
        NatOriginalAddress(IdType.IPV4_ADDR, b"\1\2\3"),
        NatOriginalAddress(IdType.IPV4_ADDR, bytes(16)),
        NatOriginalAddress(IdType.IPV6_ADDR, bytes(4)),
        NatOriginalAddress(IdType.FQDN, b"a.example"),
        NatOriginalAddress(IdType(77), b""),
    ],
)
def test_an_original_address_that_is_none(bad: NatOriginalAddress) -> None:
    """Refused in a sentence, nothing left."""
    peer = a_peer(private_address=PEER_INSIDE)
    daemon = met_through_nat(peer)
    quick = quick_mode(peer, host(PEER_INSIDE, L2TP), host(DAEMON, L2TP), more=(bad,))
    notify = refusal(peer, daemon.hears(quick.qm1(), port=4500))
    assert notify.type == NotifyType.PAYLOAD_MALFORMED
    assert f"NAT-OA of {bad.id_type} with {len(bad.address)} octets is no address" in daemon.log[0]
    assert daemon.stack.sas == {}


# As initiator


def first_message(peer: Peer, qm1: bytes) -> Chain:
    """What the daemon's first message holds."""
    quick = quick_mode(peer)
    quick.qm2(qm1)
    return peer.heard[-1]


def test_what_a_client_behind_a_nat_sends() -> None:
    """Our own address, port 0 for any, mode 4, and both ends as we see them."""
    peer = Peer(PEER, DAEMON_OUTSIDE, remote_private_address=DAEMON)
    daemon, qm1 = begun_through_nat(peer)
    quick = quick_mode(peer, more=oa(DAEMON_OUTSIDE, PEER))
    quick.finish(daemon.answers(quick.qm2(qm1), port=4500))
    sent = peer.heard[-2]
    assert quick.ids == (host(DAEMON, L2TP), host(PEER, 0))
    assert sent.all(NatOriginalAddress) == list(oa(DAEMON, PEER))
    (offered,) = sent.one(SecurityAssociation).proposals
    assert [a.value for a in offered.transforms[0].attributes if a.type == 4] == [4]
    assert agreed(daemon, quick), daemon.log
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.selector == replace(FLOW, remote_port=0)
    assert pair.outbound.originals == OriginalAddresses(DAEMON_OUTSIDE, PEER)


@pytest.mark.parametrize(
    ("announced", "mode", "kind"),
    [
        (Vendor.NAT_T_RFC, MODE.UDP_ENCAP_TRANSPORT, NatOriginalAddress),
        (Vendor.NAT_T_DRAFT_03, MODE.UDP_ENCAP_TRANSPORT_DRAFT, NatOriginalAddressDraft),
        (Vendor.NAT_T_DRAFT_02, MODE.UDP_ENCAP_TRANSPORT_DRAFT, NatOriginalAddressDraft),
    ],
)
def test_each_dialect_has_its_numbers(
    announced: Vendor, mode: EncapsulationMode, kind: type[NatOriginalAddress]
) -> None:
    """61443 and 61444, and payload 131, to whoever knows only the drafts."""
    peer = Peer(PEER, DAEMON_OUTSIDE, remote_private_address=DAEMON, vendors=(announced.value,))
    daemon, qm1 = begun_through_nat(peer)
    quick = quick_mode(peer, mode=mode)
    quick.finish(daemon.answers(quick.qm2(qm1), port=4500))
    sent = peer.heard[-2]
    assert {type(payload) for payload in sent.all(NatOriginalAddress)} == {kind}
    assert agreed(daemon, quick), daemon.log


OUTSIDE_ID, PEER_ID = host(DAEMON_OUTSIDE, L2TP), host(PEER, 0)
PEER_INSIDE_ID = host(PEER_INSIDE, 0)
RETURNED = {
    "a server behind a NAT names its own address": (
        {"private_address": PEER_INSIDE},
        (host(DAEMON, L2TP), PEER_INSIDE_ID),
        OriginalAddresses(DAEMON, PEER_INSIDE),
    ),
    "a server names us as it sees us": (
        {"remote_private_address": DAEMON},
        (OUTSIDE_ID, PEER_ID),
        OriginalAddresses(DAEMON_OUTSIDE, PEER),
    ),
    "another address of a server in the open": (
        {"remote_private_address": DAEMON},
        (host(DAEMON, L2TP), PEER_INSIDE_ID),
        None,
    ),
    "another port": (
        {"private_address": PEER_INSIDE},
        (host(DAEMON, L2TP), host(PEER_INSIDE, 53)),
        None,
    ),
    "another protocol": (
        {"private_address": PEER_INSIDE},
        (host(DAEMON, L2TP), Identity.of_address(PEER_INSIDE, 6, 0)),
        None,
    ),
    "a network": (
        {"private_address": PEER_INSIDE},
        (host(DAEMON, L2TP), Identity.of_network(IPv4Network("10.9.9.0/24"), UDP, 0)),
        None,
    ),
    "none": ({"private_address": PEER_INSIDE}, (), None),
}


@pytest.mark.parametrize("case", RETURNED)
def test_what_may_come_back(case: str) -> None:
    """Only the address of an end behind a NAT may change; the flow never does."""
    behind, returned, originals = RETURNED[case]
    remote = DAEMON_OUTSIDE if "remote_private_address" in behind else DAEMON
    peer = Peer(PEER, remote, **behind)  # type: ignore[arg-type]
    daemon, qm1 = begun_through_nat(peer)
    quick = quick_mode(peer, returned=returned)
    sent = daemon.hears(quick.qm2(qm1), port=4500)
    if originals is None:
        assert refusal(peer, sent).type == NotifyType.INVALID_ID_INFORMATION
        assert "the peer returns client identities" in daemon.log[0]
        assert daemon.stack.sas == {}
        return
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.selector == replace(FLOW, remote_port=0)
    assert pair.outbound.originals == originals


def test_without_a_nat_there_is_nothing_to_tell() -> None:
    """No NAT-OA, mode 2, and a name is no host."""
    peer = a_peer()
    daemon = Daemon(l2tp())
    peer.finish(daemon.answers(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1()))))))
    quick = quick_mode(peer, host(PEER, 4711), host(DAEMON, L2TP), mode=MODE.TRANSPORT)
    qm3 = quick.qm3(daemon.answers(quick.qm1()))
    assert peer.heard[-1].all(NatOriginalAddress) == []
    daemon.hears(qm3)
    (pair,) = daemon.snapshot.ipsec_sas
    assert pair.outbound.selector == replace(FLOW, remote_port=4711)
    assert (pair.outbound.udp, pair.outbound.originals) == (None, None)
    name = Identity(IdType.FQDN, b"laptop.example", UDP, L2TP)
    named = quick_mode(peer, name, host(DAEMON, L2TP), mode=MODE.TRANSPORT, message_id=5)
    assert refusal(peer, daemon.hears(named.qm1())).type == NotifyType.INVALID_ID_INFORMATION
    assert "client identity FQDN laptop.example names no packets" in daemon.log[0]


def test_ah_is_not_spoken_through_a_nat() -> None:
    """Its suites are neither offered nor accepted, and the line says why."""
    text = _TEXT.format(role="Connections", remote="Remote-ID= l2tp-there")
    config = parse(text.replace("QM-ESP-TRP-AES-128-SHA-PFS", "QM-AH-TRP-SHA"), "isakmpd.conf")
    peer = Peer(PEER, DAEMON_OUTSIDE, remote_private_address=DAEMON)
    daemon = Daemon(config)
    mm3 = daemon.answers(peer.mm2(daemon.begins()))
    daemon.engine.receive(peer.mm4(mm3), Transport(DAEMON, 500, PEER, 500), daemon.now)
    daemon.settle()
    (mm5,) = [send.octets for send in daemon.sent()]
    daemon.hears(peer.mm6(mm5), port=4500)
    assert any("AH passes no NAT, and one was detected" in line for line in daemon.log)
    assert not any(isinstance(request, ipsec.InstallSa) for request in daemon.requests)
