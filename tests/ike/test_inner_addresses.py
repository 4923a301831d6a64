"""An address inside the tunnel is one living peer's, where many share a section."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import IPv4Address, ip_network
from types import SimpleNamespace
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from isakmpd.ike.inner_addresses import InnerNetworks
from isakmpd.ike.ipsec import Direction, SaKey
from isakmpd.ike.sa import IpsecSa
from isakmpd.ipsec.memory_packets import InnerPacket, Layer, MemoryEsp
from isakmpd.wire.addresses import Network
from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import EncapsulationMode, ExchangeType, IdType, NotifyType
from isakmpd.wire.payloads import Chain, Notification
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, Daemon
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.test_road_warriors import INSIDE, OFFICE, Warrior, gateway, spis

ELSEWHERE = IPv4Address("203.0.113.9")
NO_DPD = (Vendor.NAT_T_RFC.value,)
ALICE = Identity.of_name(IdType.FQDN, "alice.example")
BOB = Identity.of_name(IdType.FQDN, "bob.example")


def alice_at_home(
    dpd: int = 30, vendors: tuple[bytes, ...] = (*NO_DPD, Vendor.DPD.value)
) -> tuple[Daemon, Warrior, QuickMode]:
    """Alice, connected with an address of her home."""
    daemon = Daemon(gateway(dpd))
    alice = Warrior(daemon, 1, 20001, identity=ALICE, vendors=vendors)
    alice.meets()
    return daemon, alice, alice.joins(0x1001, inner=INSIDE)


def met(daemon: Daemon, identity: Identity = BOB, **tags: object) -> Warrior:
    """Another client, behind another NAT, after main mode."""
    client = Warrior(daemon, 2, 30001, identity=identity, nat=ELSEWHERE, **tags)  # type: ignore[arg-type]
    client.meets()
    return client


def told(warrior: Warrior, octets: Iterable[bytes]) -> list[Notification]:
    """What informational messages that this client can read notify of."""
    found: list[Notification] = []
    for one in octets:
        header, _ = decode_header(one)
        cookies = header.initiator_cookie, header.responder_cookie
        if header.exchange_type == ExchangeType.INFO and cookies == warrior.peer.cookies:
            chain: Chain = warrior.peer.informed(one)
            found += chain.all(Notification)
    return found


def acknowledges(alice: Warrior, octets: Iterable[bytes], message_id: int) -> None:
    """Answer the question that is among messages."""
    (question,) = told(alice, octets)
    assert question.type == NotifyType.R_U_THERE
    ack = alice.peer.notify(NotifyType.R_U_THERE_ACK, question.data)
    alice.says(alice.peer.protected(ack, message_id=message_id))


def sends_esp(alice: Warrior, quick: QuickMode) -> None:
    """Deliver a packet of Alice's from inside the tunnel."""
    daemon = alice.daemon
    key = SaKey(Direction.INBOUND, DAEMON, int.from_bytes(quick.their_spi))
    sa = daemon.stack.sas[key]
    layer = Layer(key.protocol, key.spi, 1, sa.keys)
    inner = InnerPacket(INSIDE, OFFICE[7], b"hello")
    assert daemon.stack.open(MemoryEsp(sa.source, DAEMON, sa.udp, (layer,), inner), daemon.now)


def test_who_lives_keeps_the_address() -> None:
    """The newcomer is refused, however often; the holder is asked, and nothing of hers changes."""
    daemon, alice, _ = alice_at_home()
    flows = dict(daemon.stack.flows)
    bob = met(daemon)
    for attempt in range(3):
        _, said = bob.asks_for(0x2002, INSIDE, 0x200 + attempt)
        assert [one.type for one in told(bob, said)] == [NotifyType.INVALID_ID_INFORMATION]
        acknowledges(alice, said, 0x300 + attempt)
        daemon.now += 10
    assert daemon.stack.flows == flows
    assert spis(daemon) == {0x1001}
    (line,) = {line for line in daemon.log if "bob.example" in line}
    assert "192.168.1.100" in line
    assert "alice.example at 198.51.100.7" in line
    assert "mode config" in line


def test_an_address_of_its_own_is_anybodys() -> None:
    daemon, _, _ = alice_at_home()
    met(daemon).joins(0x2002)
    assert spis(daemon) == {0x1001, 0x2002}


def test_who_is_dead_keeps_nothing() -> None:
    """The question finds that out, and the next attempt succeeds."""
    daemon, _, _ = alice_at_home()
    bob = met(daemon)
    bob.asks_for(0x2002, INSIDE, 0x200)
    daemon.passes(26)
    assert spis(daemon) == set()
    bob.joins(0x2003, 0x201, INSIDE)
    assert spis(daemon) == {0x2003}
    assert len(daemon.stack.flows) == 1


def test_rekeying_is_no_newcomer() -> None:
    daemon, alice, _ = alice_at_home()
    daemon.passes(10)
    alice.joins(0x1002, 0x111, INSIDE)
    assert spis(daemon) == {0x1001, 0x1002}


def test_the_same_name_from_elsewhere_is_no_newcomer() -> None:
    daemon, _, _ = alice_at_home()
    daemon.passes(10)
    met(daemon, ALICE).joins(0x2002, inner=INSIDE)
    assert 0x2002 in spis(daemon)
    assert len(daemon.stack.flows) == 1


def test_without_a_question_esp_tells_who_lives() -> None:
    """Whether the peer does not speak it or the administrator has it off."""
    for alone in (alice_at_home(vendors=NO_DPD), alice_at_home(dpd=0)):
        daemon, alice, quick = alone
        bob = met(daemon, vendors=NO_DPD)
        daemon.passes(50)
        sends_esp(alice, quick)
        daemon.passes(50)
        bob.asks_for(0x2002, INSIDE, 0x200)
        assert spis(daemon) == {0x1001}
        daemon.passes(11)
        bob.joins(0x2003, 0x201, INSIDE)
        assert spis(daemon) == {0x2003}
        assert any("alice.example has been silent for 60 s" in line for line in daemon.log)


def test_of_two_at_once_the_first_to_finish_has_it() -> None:
    """What nobody had when quick mode began can be somebody's when it ends."""
    daemon = Daemon(gateway(30))
    alice = Warrior(daemon, 1, 20001, identity=ALICE)
    alice.meets()
    bob = met(daemon)
    hers, her_answer = alice.asks_for(0x1001, INSIDE)
    his, his_answer = bob.asks_for(0x2002, INSIDE)
    alice.says(hers.qm3(her_answer[-1]))
    bob.says(his.qm3(his_answer[-1]))
    assert spis(daemon) == {0x1001}
    assert len(daemon.stack.flows) == 1
    assert len(daemon.stack.sas) == 2


@dataclass(eq=False)
class _Pair:
    """As much of a pair as the index looks at."""

    network: Network
    mode: EncapsulationMode = EncapsulationMode.TUNNEL
    address: IPv4Address | None = None
    isakmp: SimpleNamespace = field(init=False)

    def __post_init__(self) -> None:
        self.isakmp = SimpleNamespace(peer=SimpleNamespace(address=self.address))
        self.choice = SimpleNamespace(mode=self.mode)
        self.selector = SimpleNamespace(remote=self.network)


_NETWORKS = st.one_of(
    st.tuples(st.integers(0, 31), st.integers(27, 32)).map(
        lambda drawn: ip_network((f"10.0.0.{drawn[0]}", drawn[1]), strict=False)
    ),
    st.just(ip_network("0.0.0.0/0")),
    st.just(ip_network("::/0")),
    st.just(ip_network("fd00::7/128")),
)


@given(st.lists(st.tuples(_NETWORKS, st.booleans()), max_size=12), _NETWORKS)
def test_what_overlaps_is_found(held: list[tuple[Network, bool]], asked: Network) -> None:
    """As looking at every pair finds it, after some are gone too."""
    index = InnerNetworks()
    pairs = [(cast("IpsecSa", _Pair(network)), gone) for network, gone in held]
    for pair, _ in pairs:
        index.add(pair)
    for pair, gone in pairs:
        if gone:
            index.remove(pair)
    expected = {
        pair
        for pair, gone in pairs
        if not gone
        and pair.selector.remote.version == asked.version
        and pair.selector.remote.overlaps(asked)
    }
    found = list(index.overlapping(asked))
    assert set(found) == expected
    assert len(found) == len(expected)


def test_only_tunnels_of_many_are_looked_at() -> None:
    """Transport mode's addresses are the outer ones; who has an Address is told apart by it."""
    network = ip_network("10.0.0.7/32")
    index = InnerNetworks()
    for pair in (
        _Pair(network, mode=EncapsulationMode.TRANSPORT),
        _Pair(network, address=ELSEWHERE),
    ):
        index.add(cast("IpsecSa", pair))
        assert list(index.overlapping(network)) == []
        index.remove(cast("IpsecSa", pair))
