"""Several peers under one section, two of them behind one NAT: each has its own SAs."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

import pytest

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.ike import ipsec
from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import EncapsulationMode, ExchangeType, IdType, NotifyType, Protocol
from isakmpd.wire.payloads import Delete
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, Daemon
from tests.ike.offers import Phase2
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode

NAT = IPv4Address("198.51.100.7")
INSIDE = IPv4Address("192.168.1.100")  # a favourite of home routers
OFFICE = IPv4Network("10.1.0.0/24")

TEXT = """\
[General]
Use-Keynote= no
DPD-check-interval= {dpd}
[Phase 1]
Default= anybody
[Phase 2]
Passive-connections= dial-in
[anybody]
Phase= 1
Configuration= main-mode
Authentication= mekmitasdigoat
Remote-ID-any= yes
[main-mode]
EXCHANGE_TYPE= ID_PROT
Transforms= AES-128-SHA
[dial-in]
Phase= 2
ISAKMP-peer= anybody
Configuration= quick-mode
Local-ID= office
[office]
ID-type= IPV4_ADDR_SUBNET
Network= 10.1.0.0
Netmask= 255.255.255.0
[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= QM-ESP-AES-128-SHA-PFS-SUITE
"""


def gateway(dpd: int = 0) -> Configuration:
    """A gateway for whoever knows the key."""
    read = parse(TEXT.format(dpd=dpd), "isakmpd.conf")
    assert not read.problems, [str(problem) for problem in read.problems]
    return read


@dataclass
class Warrior:
    """One client behind a NAT that gives it a port."""

    daemon: Daemon
    number: int
    port: int
    identity: Identity | None = None
    nat: IPv4Address = NAT
    inside: IPv4Address = INSIDE
    vendors: tuple[bytes, ...] = (Vendor.NAT_T_RFC.value, Vendor.DPD.value)

    def __post_init__(self) -> None:
        self.peer = Peer(
            self.nat,
            DAEMON,
            identity=self.identity or Identity.of_address(self.inside),
            cookie=b"client%02d" % self.number,
            private_address=self.inside,
            vendors=self.vendors,
            port=500,
        )

    def says(self, octets: bytes, *, port: int | None = None) -> list[bytes]:
        """What the daemon answers to a datagram from port 4500, behind the NAT or elsewhere."""
        return self.daemon.hears(octets, source=self.nat, port=port or self.port, local_port=4500)

    def meets(self, *notifies: NotifyType) -> None:
        """Main mode, with its float to port 4500."""
        self.peer.notifies = notifies
        (mm2,) = self.daemon.hears(self.peer.mm1(), source=self.nat, port=500)
        (mm4,) = self.daemon.hears(self.peer.mm3(mm2), source=self.nat, port=500)
        mm6 = self.says(self.peer.mm5(mm4))
        self.peer.finish(mm6[0])

    @property
    def inner(self) -> IPv4Address:
        """An address of its own inside the tunnel."""
        return IPv4Address("10.9.0.0") + self.number

    def asks_for(
        self, spi: int, inner: IPv4Address | None = None, message_id: int = 0x51C0DE01
    ) -> tuple[QuickMode, list[bytes]]:
        """A quick mode for the connection that all clients share, and what is said to it."""
        self.daemon.now += 0.125
        quick = QuickMode(
            self.peer,
            Phase2(mode=EncapsulationMode.UDP_ENCAP_TUNNEL),
            message_id=message_id,
            spi=spi.to_bytes(4),
            ids=(Identity.of_address(inner or self.inner), Identity.of_network(OFFICE)),
        )
        return quick, self.says(quick.qm1())

    def joins(
        self, spi: int, message_id: int = 0x51C0DE01, inner: IPv4Address | None = None
    ) -> QuickMode:
        """A quick mode that makes SAs."""
        quick, qm2 = self.asks_for(spi, inner, message_id)
        (answer,) = [m for m in qm2 if decode_header(m)[0].exchange_type == ExchangeType.QUICK_MODE]
        self.says(quick.qm3(answer))
        return quick


def two(**tags: object) -> tuple[Daemon, Warrior, Warrior]:
    """Two clients with the same address inside, behind the same NAT, both connected."""
    daemon = Daemon(gateway())
    first = Warrior(daemon, 1, 20001, **tags)  # type: ignore[arg-type]
    second = Warrior(daemon, 2, 20002, **tags)  # type: ignore[arg-type]
    first.meets()
    second.meets()
    first.joins(0x1001)
    second.joins(0x2002)
    return daemon, first, second


def spis(daemon: Daemon) -> set[int]:
    """The clients' SPIs that we send to."""
    return {pair.outbound.key.spi for pair in daemon.snapshot.ipsec_sas}


def test_two_behind_one_nat_share_a_connection() -> None:
    """Nothing of one replaces anything of the other; each has a flow of its own."""
    daemon, _, _ = two()
    seen = daemon.snapshot
    assert [sa.flags.name for sa in seen.isakmp_sas if "REPLACED" in str(sa.flags.name)] == []
    assert spis(daemon) == {0x1001, 0x2002}
    ports = {pair.outbound.udp.remote_port for pair in seen.ipsec_sas if pair.outbound.udp}
    assert ports == {20001, 20002}
    assert len(daemon.stack.flows) == 2
    assert {str(flow.selector.remote) for flow in daemon.stack.flows} == {
        "10.9.0.1/32",
        "10.9.0.2/32",
    }
    daemon.passes(120)
    assert spis(daemon) == {0x1001, 0x2002}


def test_rekeying_of_one_leaves_the_other_alone() -> None:
    daemon, first, _ = two()
    daemon.passes(30)
    first.joins(0x1003, 0x111)
    assert len(daemon.stack.flows) == 2
    assert spis(daemon) == {0x1001, 0x2002, 0x1003}
    daemon.passes(120)
    assert spis(daemon) == {0x2002, 0x1003}, "who does not delete is relieved of the old one"


def test_initial_contact_of_one_leaves_the_other_alone() -> None:
    """The same client again, from the same port; not the one with the same address."""
    daemon, first, _ = two()
    daemon.passes(10)
    again = Warrior(daemon, 3, first.port)
    again.meets(NotifyType.INITIAL_CONTACT)
    assert spis(daemon) == {0x2002}
    assert len(daemon.snapshot.isakmp_sas) == 2


def test_initial_contact_by_a_name_ends_what_the_name_had_elsewhere() -> None:
    """A client that was named, came back with another port and remembers nothing."""
    name = Identity.of_name(IdType.FQDN, "laptop.example")
    daemon = Daemon(gateway())
    before = Warrior(daemon, 1, 20001, identity=name)
    before.meets()
    before.joins(0x1001)
    daemon.passes(10)
    Warrior(daemon, 2, 30001, identity=name).meets(NotifyType.INITIAL_CONTACT)
    assert spis(daemon) == set()


def test_a_delete_of_one_means_nothing_of_the_others() -> None:
    daemon, first, second = two()
    peer = first.peer
    theirs = (0x2002).to_bytes(4)
    delete = peer.delete(Protocol.IPSEC_ESP, theirs, (0x1001).to_bytes(4), b"none")
    first.says(peer.protected(delete, message_id=99))
    assert spis(daemon) == {0x2002}, "the known one among several is deleted"
    isakmp = peer.delete(Protocol.ISAKMP, b"".join(second.peer.cookies))
    first.says(peer.protected(isakmp, message_id=98))
    assert len(daemon.snapshot.isakmp_sas) == 2


def test_esp_in_vain_is_told_to_all_who_can_have_sent_it() -> None:
    """The stack tells the address alone; an SPI that is not ours is nobody's."""
    daemon, first, second = two()
    daemon.sent()
    daemon.engine.on_stack(ipsec.UnknownSpi(NAT, DAEMON, 0xDEAD), daemon.now)
    daemon.settle()
    told = {send.transport.remote_port: send.octets for send in daemon.sent()}
    assert set(told) == {20001, 20002}
    for warrior in (first, second):
        (delete,) = warrior.peer.informed(told[warrior.port]).all(Delete)
        assert delete.spis == (bytes.fromhex("0000dead"),)


def test_an_spi_of_one_cannot_be_anothers_at_the_same_address() -> None:
    """Outbound SAs are found by destination and SPI: the second would take the first's place."""
    daemon, first, _ = two()
    keys = dict(daemon.stack.sas)
    third = Warrior(daemon, 3, 20003)
    third.meets()
    with pytest.raises(ValueError, match="not enough values"):
        third.joins(0x1001)
    assert {key: daemon.stack.sas[key] for key in keys} == keys
    assert "is in use" in daemon.log[-1]
    assert first.port == 20001


def test_negotiation_needs_to_know_with_whom() -> None:
    """Quick mode on command goes to the only peer there is, else to nobody."""
    daemon = Daemon(gateway())
    first = Warrior(daemon, 1, 20001, vendors=(Vendor.NAT_T_RFC.value,))
    first.meets()
    daemon.sent()
    assert daemon.engine.establish("dial-in", daemon.now)
    daemon.passes(0)
    daemon.engine.teardown("dial-in", daemon.now)
    Warrior(daemon, 2, 20002, vendors=(Vendor.NAT_T_RFC.value,)).meets()
    assert daemon.engine.establish("dial-in", daemon.now)
    assert daemon.passes(0) == []
    (shown,) = daemon.snapshot.connections
    assert shown.last_failure == "the peer's section has no address ([anybody]:Address decides)"


def test_phase_1_is_renewed_where_the_peer_was_last_heard() -> None:
    """A gateway that needs an ISAKMP SA for a client's IPsec SAs calls through the NAT's port."""
    daemon = Daemon(gateway(dpd=30))
    client = Warrior(daemon, 1, 20001, vendors=(Vendor.NAT_T_RFC.value,))
    client.meets()
    client.joins(0x1001)
    daemon.sent()
    daemon.engine.teardown_peer("anybody", daemon.now)
    daemon.settle()
    begun = [
        send
        for send in daemon.sent()
        if decode_header(send.octets)[0].exchange_type == ExchangeType.ID_PROT
    ]
    (mm1,) = begun
    assert (mm1.transport.remote, mm1.transport.remote_port) == (NAT, 20001)
    assert mm1.transport.encapsulated
    daemon.passes(60)
    assert spis(daemon) == set(), "who cannot be reached and sends nothing is gone"
    assert any("its SAs are dropped" in line for line in daemon.log)
