"""Mode config, both roles, asking and telling, as its draft describes it (section 2)."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest

from isakmpd.config.model import AddressPool, Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import Assignment
from isakmpd.ike.mode_configuration import PUSH_WAIT
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    ConfigurationAttribute,
    ConfigurationType,
    ExchangeType,
    IdType,
    NotifyType,
    Protocol,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase2
from tests.ike.peer import Peer
from tests.ike.peer_mode_config import Transaction, begun_by, given
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import (
    DAEMON_LAN,
    PEER_LAN,
    a_peer,
    agreed,
    answer_quick_mode,
    begin_main_mode,
    begin_quick_mode,
    converse,
    met,
    proposal,
    refusal,
)

C = ConfigurationAttribute
T = ConfigurationType

ADDRESS = given(C.INTERNAL_IP4_ADDRESS, IPv4Address("10.9.0.5").packed)
OTHER_ADDRESS = given(C.INTERNAL_IP4_ADDRESS, IPv4Address("10.9.0.6").packed)
NAME_SERVER = given(C.INTERNAL_IP4_DNS, IPv4Address("10.2.0.53").packed)
TEN_MINUTES = given(C.INTERNAL_ADDRESS_EXPIRY, (600).to_bytes(4))
ASSIGNED = Assignment((ip_network("10.9.0.5"),), (ip_address("10.2.0.53"),))
INNER = Identity.of_address(IPv4Address("10.9.0.5"))

ASKS = AddressPool("ipv4/192.0.2.2", push=False, wanted=("Address", "Nameserver"))
TELLS = AddressPool(
    "ipv4/192.0.2.2",
    push=True,
    address=IPv4Address("10.9.0.5"),
    netmask=IPv4Address("255.255.255.0"),
    name_servers=(IPv4Address("10.2.0.53"),),
)
TOLD = [(1, "0a090005"), (2, "ffffff00"), (3, "0a020035")]


def configured(
    pool: AddressPool | None, *, ikecfg: bool = True, local_id: bool = True, **tags: object
) -> Configuration:
    """A gateway with a section about its peer; without ``local_id`` the address is the peer's."""
    config = configuration(**tags)  # type: ignore[arg-type]
    peers = {"peer": replace(config.peers["peer"], mode_config=ikecfg)}
    connections = dict(config.connections)
    if not local_id:
        connections["lan"] = replace(connections["lan"], local=None)
    pools = {pool.section: pool} if pool else {}
    return replace(config, peers=peers, connections=connections, address_pools=pools)


def client(pool: AddressPool | None = ASKS, *, local_id: bool = False) -> Configuration:
    """A host that begins by itself, with the address it is given."""
    return configured(pool, local_id=local_id, answers=False)


def exchange_of(datagram: bytes) -> ExchangeType:
    """What a datagram belongs to."""
    return decode_header(datagram)[0].exchange_type


def assigned(daemon: Daemon) -> list[Assignment]:
    """What the stack has from peers."""
    return list(daemon.stack.assigned.values())


def shown(attributes: tuple[Attribute, ...]) -> list[tuple[int, str]]:
    """Numbers and values, to compare by eye."""
    return [(attribute.type, attribute.octets.hex()) for attribute in attributes]


def main_mode_and_more(daemon: Daemon, peer: Peer) -> list[bytes]:
    """The peer begins main mode, the daemon answers it and says more at once."""
    mm4 = daemon.answers(peer.mm3(daemon.answers(peer.mm1())))
    mm6, *more = daemon.hears(peer.mm5(mm4))
    peer.finish(mm6)
    return more


def asked(pool: AddressPool = ASKS, **tags: object) -> tuple[Daemon, Peer, Transaction]:
    """A daemon that has begun with its peer and asks for an address."""
    daemon, peer = Daemon(client(pool)), a_peer(**tags)  # type: ignore[arg-type]
    transaction, request = begun_by(begin_main_mode(daemon, peer), peer)
    assert request.kind == T.REQUEST
    return daemon, peer, transaction


def has_address(*attributes: Attribute) -> tuple[Daemon, Peer, QuickMode]:
    """A daemon that has been given an address and has a tunnel with it."""
    daemon, peer, transaction = asked()
    quick = proposal(peer)
    qm1 = daemon.answers(transaction.says(T.REPLY, *(attributes or (ADDRESS, NAME_SERVER))))
    begin_quick_mode(daemon, quick, qm1)
    assert quick.ids == (INNER, PEER_LAN)
    return daemon, peer, quick


# Asking


def test_the_daemon_asks_and_quick_mode_uses_what_it_is_given() -> None:
    """REQUEST / REPLY after phase 1, then quick mode with the address as IDci."""
    daemon, peer, transaction = asked()
    (_, request) = peer.heard[-1].payloads
    assert shown(request.attributes) == [(1, ""), (3, ""), (8, ""), (10, "")]  # type: ignore[attr-defined]
    assert assigned(daemon) == []
    qm1 = daemon.answers(transaction.says(T.REPLY, ADDRESS, NAME_SERVER))
    begin_quick_mode(daemon, quick := proposal(peer), qm1)
    assert quick.ids == (INNER, PEER_LAN)
    assert assigned(daemon) == [ASSIGNED]
    assert daemon.log == []
    assert "peer: 192.0.2.2 assigns 10.9.0.5" in daemon.verbose
    (pair,) = daemon.snapshot.ipsec_sas
    assert str(pair.outbound.selector) == "10.9.0.5/32 to 10.2.0.0/24"


def test_the_daemon_asks_where_it_answered_phase_1_too() -> None:
    """And the peer's quick mode finds the connection by the address the peer gave."""
    daemon, peer = Daemon(configured(ASKS, local_id=False)), a_peer()
    (said,) = main_mode_and_more(daemon, peer)
    transaction, _ = begun_by(said, peer)
    assert daemon.hears(transaction.says(T.REPLY, ADDRESS)) == []
    answer_quick_mode(daemon, QuickMode(peer, Phase2(), ids=(PEER_LAN, INNER)))
    (pair,) = daemon.snapshot.ipsec_sas
    assert str(pair.outbound.selector) == "10.9.0.5/32 to 10.2.0.0/24"


def test_a_connection_with_a_local_id_keeps_it() -> None:
    """The address is assigned all the same; the operator has said which packets are meant."""
    daemon, peer = Daemon(client(local_id=True)), a_peer()
    transaction, _ = begun_by(begin_main_mode(daemon, peer), peer)
    qm1 = daemon.answers(transaction.says(T.REPLY, ADDRESS, NAME_SERVER))
    begin_quick_mode(daemon, quick := proposal(peer), qm1)
    assert quick.ids == (DAEMON_LAN, PEER_LAN)
    assert assigned(daemon) == [ASSIGNED]


def test_an_unbelievable_address_is_none() -> None:
    """The sentence at the end names the section that asks and the tag that would do without."""
    daemon, _, transaction = asked()
    bad = given(C.INTERNAL_IP4_ADDRESS, DAEMON.packed[:3])
    own = given(C.INTERNAL_IP4_ADDRESS, PEER.packed)
    assert daemon.hears(transaction.says(T.REPLY, bad, own)) == []
    assert assigned(daemon) == []
    assert daemon.log == [
        "lan: quick mode does not begin: it has no Local-ID, so it needs an address of "
        "192.0.2.2:500, and mode config has brought none ([ipv4/192.0.2.2]:Attributes asks for "
        "one, [lan]:Local-ID would do without)"
    ]
    assert [line for line in daemon.debug if "is ignored" in line] == [
        "peer: INTERNAL_IP4_ADDRESS is ignored: 3 octets, expected 4",
        "peer: INTERNAL_IP4_ADDRESS is ignored: 192.0.2.2 is the peer's own address",
    ]
    # The connection is tried again, and asks again.
    assert [exchange_of(o) for _, o in daemon.passes(8.0)] == [ExchangeType.TRANSACTION]


def test_a_silent_peer_holds_up_quick_mode_but_does_not_prevent_it() -> None:
    """Mode config is given up like any exchange, and the tunnel is tried without."""
    daemon, peer = Daemon(client(local_id=True)), a_peer()
    begin_main_mode(daemon, peer)
    said = daemon.passes(60.0)
    assert [(at, exchange_of(octets)) for at, octets in said][:4] == [
        (7.0, ExchangeType.TRANSACTION),
        (16.0, ExchangeType.TRANSACTION),
        (27.0, ExchangeType.TRANSACTION),
        (40.0, ExchangeType.QUICK_MODE),
    ]
    assert daemon.log == [
        "peer: mode config with 192.0.2.2:500 failed: giving up on exchange peer, no response "
        "from peer 192.0.2.2:500; the peer does not speak mode config, or has lost the ISAKMP SA"
    ]


def test_a_silent_peer_and_a_connection_that_needs_its_address() -> None:
    """Then there is no quick mode, and the connection says why."""
    daemon, peer = Daemon(client()), a_peer()
    begin_main_mode(daemon, peer)
    said = daemon.passes(41.0)
    assert {exchange_of(octets) for _, octets in said} == {ExchangeType.TRANSACTION}
    assert "mode config with 192.0.2.2:500 failed" in daemon.log[0]
    assert "lan: quick mode does not begin: it has no Local-ID" in daemon.log[1]
    (connection,) = daemon.snapshot.connections
    assert "mode config has brought none" in connection.last_failure


def test_a_protected_refusal_ends_the_wait() -> None:
    """A peer that says it does not know the exchange is believed, as it has proved itself."""
    daemon, peer = Daemon(client(local_id=True)), a_peer()
    begin_main_mode(daemon, peer)
    notify = peer.notify(NotifyType.UNSUPPORTED_EXCHANGE_TYPE)
    (qm1,) = daemon.hears(peer.protected(notify, message_id=3))
    assert exchange_of(qm1) == ExchangeType.QUICK_MODE
    assert daemon.log == [
        "peer: mode config with 192.0.2.2:500 failed: the peer says UNSUPPORTED_EXCHANGE_TYPE"
    ]


# What is wrong with the answer: its type, how its identifier differs.
WRONG_ANSWERS = {
    "another's identifier": (T.REPLY, 1),
    "an acknowledgement": (T.ACK, 0),
    "a question": (T.REQUEST, 0),
    "an order": (T.SET, 0),
    "no known type": (T(9), 0),
}


@pytest.mark.parametrize("case", WRONG_ANSWERS)
def test_an_answer_to_something_else_is_refused(case: str) -> None:
    """PAYLOAD_MALFORMED goes back, nothing is assigned, and quick mode goes on."""
    kind, off = WRONG_ANSWERS[case]
    daemon, peer = Daemon(client(local_id=True)), a_peer()
    transaction, request = begun_by(begin_main_mode(daemon, peer), peer)
    transaction.identifier = (request.identifier + off) % 65536
    sent = daemon.hears(transaction.says(kind, ADDRESS))
    assert {exchange_of(octets) for octets in sent} == {ExchangeType.INFO, ExchangeType.QUICK_MODE}
    assert refusal(peer, sent[:1]).type == NotifyType.PAYLOAD_MALFORMED
    assert assigned(daemon) == []
    (line,) = daemon.log
    assert f"the peer answers REQUEST {request.identifier} with {kind}" in line


def test_what_the_stack_refuses_is_not_used() -> None:
    """The reason is the stack's."""
    daemon, _, transaction = asked()
    submit = daemon.stack.submit

    def refuse(request: ipsec.Request, now: float) -> None:
        if isinstance(request, ipsec.Assign):
            daemon.stack.report(ipsec.StackRefused(request.request, "no device takes addresses"))
        else:
            submit(request, now)

    daemon.stack.submit = refuse  # type: ignore[method-assign]
    assert daemon.hears(transaction.says(T.REPLY, ADDRESS)) == []
    assert daemon.log[0] == (
        "peer: mode config with 192.0.2.2:500 failed: the IPsec stack refuses: no device takes "
        "addresses"
    )
    assert "it has no Local-ID" in daemon.log[1]


# Telling


@pytest.mark.parametrize("begins", [True, False], ids=["phase 1 begun", "phase 1 answered"])
def test_the_daemon_tells(begins: bool) -> None:
    """SET / ACK after phase 1, in either role; quick mode waits for it."""
    daemon, peer = Daemon(configured(TELLS, answers=not begins)), a_peer()
    if begins:
        said = begin_main_mode(daemon, peer)
    else:
        (said,) = main_mode_and_more(daemon, peer)
    transaction, told = begun_by(said, peer)
    assert told.kind == T.SET
    assert shown(told.attributes) == TOLD
    after = daemon.hears(transaction.says(T.ACK, *(given(kind) for kind, _ in TOLD)))
    assert [exchange_of(octets) for octets in after] == [ExchangeType.QUICK_MODE] * begins
    assert daemon.log == []
    assert assigned(daemon) == []


def test_an_acknowledgement_may_be_empty() -> None:
    """The original acknowledges so."""
    daemon, peer = Daemon(configured(TELLS, answers=False)), a_peer()
    transaction, _ = begun_by(begin_main_mode(daemon, peer), peer)
    (qm1,) = daemon.hears(transaction.says(T.ACK))
    assert exchange_of(qm1) == ExchangeType.QUICK_MODE


def test_a_section_with_nothing_in_it_is_logged_and_quick_mode_goes_on() -> None:
    """Likewise no section at all."""
    for pool in (None, AddressPool("ipv4/192.0.2.2", push=True), replace(ASKS, wanted=())):
        daemon, peer = Daemon(client(pool, local_id=True)), a_peer()
        assert exchange_of(begin_main_mode(daemon, peer)) == ExchangeType.QUICK_MODE
        assert daemon.log == [
            "peer: no IKECFG attributes are found for [ipv4/192.0.2.2]: mode config "
            "([peer]:Flags= ikecfg) is left to the peer"
        ]


def test_a_peer_is_known_by_the_identity_it_has_proved() -> None:
    """Its section is named after it, in any case."""
    pool = replace(TELLS, section="ufqdn/joe@example.org")
    identity = Identity.of_name(IdType.USER_FQDN, "Joe@Example.org")
    daemon, peer = Daemon(configured(pool)), a_peer(identity=identity)
    (said,) = main_mode_and_more(daemon, peer)
    assert begun_by(said, peer)[1].kind == T.SET


# Being asked


def test_a_request_is_answered_from_the_section_of_the_peer() -> None:
    """Also without ikecfg, which only says who begins; what is not there has no octets."""
    daemon, peer = met(configured(TELLS, ikecfg=False))
    transaction = Transaction(peer)
    request = transaction.says(
        T.REQUEST, *map(given, (C.INTERNAL_IP4_ADDRESS, C.INTERNAL_IP4_NBNS, 28672))
    )
    reply = transaction.hears(daemon.answers(request))
    assert (reply.kind, reply.identifier) == (T.REPLY, transaction.identifier)
    assert shown(reply.attributes) == [(1, "0a090005"), (4, "")]
    assert daemon.log == []
    assert daemon.snapshot.exchanges == ()


def test_an_ipv6_address_has_its_prefix_length_except_for_the_original() -> None:
    """The original goes by the draft, strongSwan takes 17 octets only."""
    pool = AddressPool(TELLS.section, push=True, address=IPv6Address("2001:db8:9::5"))
    for vendors, length in (((), 17), ((Vendor.OPENBSD.value,), 16)):
        daemon, peer = met(configured(pool, ikecfg=False), vendors=vendors)
        transaction = Transaction(peer)
        request = transaction.says(T.REQUEST, given(C.INTERNAL_IP6_ADDRESS))
        (address,) = transaction.hears(daemon.answers(request)).attributes
        assert len(address.octets) == length


def test_a_peer_without_a_section_is_told_nothing() -> None:
    """It gets its answer, so that it need not ask again."""
    daemon, peer = met(configured(None, ikecfg=False))
    transaction = Transaction(peer)
    reply = transaction.hears(daemon.answers(transaction.says(T.REQUEST, given(1), given(3))))
    assert shown(reply.attributes) == [(1, ""), (3, "")]


def test_a_peer_that_wants_xauth_is_told_nothing_and_the_log_says_so() -> None:
    """XAUTH is the same exchange, for names and passwords."""
    daemon, peer = met(configured(TELLS, ikecfg=False))
    transaction = Transaction(peer)
    request = transaction.says(T.REQUEST, given(16520), given(16521), given(16522))
    assert transaction.hears(daemon.answers(request)).attributes == ()
    assert daemon.log == ["peer: 192.0.2.2:500 wants XAUTH, which is not spoken here"]


# Being told


def test_what_the_peer_sets_is_taken_and_acknowledged_by_name() -> None:
    """A client without a section waits for its server, and no longer than need be."""
    daemon, peer = Daemon(client(None)), a_peer()
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    assert daemon.hears(peer.mm6(mm5)) == []
    transaction = Transaction(peer)
    unity = given(28672, b"Welcome")
    ack, qm1 = daemon.hears(transaction.says(T.SET, ADDRESS, unity, NAME_SERVER))
    answer = transaction.hears(ack)
    assert (answer.kind, answer.identifier) == (T.ACK, transaction.identifier)
    assert shown(answer.attributes) == [(1, ""), (3, "")]
    begin_quick_mode(daemon, quick := proposal(peer), qm1)
    assert quick.ids == (INNER, PEER_LAN)
    assert assigned(daemon) == [ASSIGNED]


def test_a_client_without_a_section_waits_a_little_for_its_server() -> None:
    """Then quick mode begins with the address it has."""
    daemon, peer = Daemon(client(None)), a_peer()
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    assert daemon.hears(peer.mm6(mm5)) == []
    ((at, qm1),) = daemon.passes(PUSH_WAIT)
    assert (at, exchange_of(qm1)) == (PUSH_WAIT, ExchangeType.QUICK_MODE)


def test_the_original_gets_an_empty_acknowledgement() -> None:
    """It is what it sends itself."""
    daemon, peer = met(configured(None), vendors=(Vendor.OPENBSD.value,))
    transaction = Transaction(peer)
    answer = transaction.hears(daemon.answers(transaction.says(T.SET, ADDRESS, NAME_SERVER)))
    assert (answer.kind, answer.attributes) == (T.ACK, ())
    assert assigned(daemon) == [ASSIGNED]


def of_many(config: Configuration) -> Configuration:
    """The same for whoever has the key: the section has no address."""
    peers = {"peer": replace(config.peers["peer"], address=None)}
    return replace(config, peers=peers, default_peer="peer")


# Who may not assign anything, and what is said.
NOT_TAKEN = {
    "without ikecfg": (
        configured(None, ikecfg=False),
        "peer: what the peer assigns is not taken: [peer]:Flags= ikecfg is not set",
    ),
    "from a client of ours": (
        configured(TELLS),
        "peer: what the peer assigns is not taken: by [ipv4/192.0.2.2] this end assigns, and the "
        "peer takes",
    ),
    "from one of many who share a section": (
        of_many(configured(None)),
        "peer: what the peer assigns is not taken: [peer] has no Address, so it is many peers', "
        "and [ipv4/192.0.2.2] does not ask this one ([ipv4/192.0.2.2]:Mode= GET would)",
    ),
}


@pytest.mark.parametrize("case", NOT_TAKEN)
def test_not_everybody_may_assign(case: str) -> None:
    """The acknowledgement is empty, and this host as it was."""
    config, line = NOT_TAKEN[case]
    daemon, peer = Daemon(config), a_peer()
    main_mode_and_more(daemon, peer)
    transaction = Transaction(peer)
    answer = transaction.hears(daemon.answers(transaction.says(T.SET, ADDRESS, NAME_SERVER)))
    assert (answer.kind, answer.attributes) == (T.ACK, ())
    assert assigned(daemon) == []
    assert line in daemon.log


def test_an_assignment_refused_again_and_again_fills_no_log() -> None:
    """Nor does XAUTH asked for again and again."""
    daemon, peer = met(configured(None, ikecfg=False))
    for number in range(100):
        sets = Transaction(peer, 0x5000 + number)
        daemon.hears(sets.says(T.SET, ADDRESS, given(16520, b"x")))
    assert len(daemon.log) <= 2


@pytest.mark.parametrize("kind", [T.REPLY, T.ACK, T(0), T(5)])
def test_nobody_begins_with_an_answer(kind: ConfigurationType) -> None:
    """PAYLOAD_MALFORMED, and the SA lives on."""
    daemon, peer = met(configured(ASKS, ikecfg=False))
    sent = daemon.hears(Transaction(peer).says(kind, ADDRESS))
    assert refusal(peer, sent).type == NotifyType.PAYLOAD_MALFORMED
    assert daemon.log == [
        f"peer: mode config with 192.0.2.2:500 failed: the peer begins a transaction with {kind}, "
        "expected REQUEST or SET"
    ]
    assert len(daemon.snapshot.isakmp_sas) == 1
    assert assigned(daemon) == []


# Two of ours


def pair_of(theirs: AddressPool, ours: AddressPool | None, *, ours_flag: bool) -> list[Daemon]:
    """A gateway that hands out an address, and a client whose connection goes by it."""
    server = configured(theirs, ikecfg=theirs.push)
    there = server.connections["lan"].remote
    assert there is not None
    lan = replace(server.connections["lan"], remote=replace(there, network=ip_network("10.9.0.5")))
    server = replace(server, connections={"lan": lan})
    host = configured(ours, ikecfg=ours_flag, local_id=False, answers=False, mirrored=True)
    return [Daemon(server), Daemon(host, address=PEER)]


GATEWAY_ASKED = AddressPool("ipv4/192.0.2.1", push=False, wanted=("Address", "Nameserver"))
TWO = {
    "the client asks": (replace(TELLS, push=False), GATEWAY_ASKED),
    "the gateway tells": (TELLS, None),
    "both at once": (TELLS, GATEWAY_ASKED),
}


@pytest.mark.parametrize("case", TWO)
def test_two_of_ours(case: str) -> None:
    """Whoever begins, the client has its address and the tunnel is for it."""
    gateway, host = pair_of(*TWO[case], ours_flag=True)
    heard = converse(gateway, host, [host.begins()])
    assert ExchangeType.TRANSACTION in {exchange_of(octets) for _, octets in heard}
    assert assigned(host) == [ASSIGNED]
    assert assigned(gateway) == []
    for daemon in (gateway, host):
        assert len(daemon.snapshot.ipsec_sas) == 1
        assert [line for line in daemon.log if "IKECFG" not in line] == []
    (pair,) = host.snapshot.ipsec_sas
    assert str(pair.outbound.selector) == "10.9.0.5/32 to 10.1.0.0/24"
    # Everything has come to an end: nothing is left that would be sent again.
    assert [exchange_of(octets) for d in (gateway, host) for _, octets in d.passes(50.0)] == []


def test_two_that_both_tell_take_nothing_and_go_on() -> None:
    """Each thinks it is the gateway; the tunnel needs neither's address."""
    one = Daemon(configured(TELLS))
    pool = replace(TELLS, section="ipv4/192.0.2.1")
    other = Daemon(configured(pool, answers=False, mirrored=True), address=PEER)
    converse(one, other, [other.begins()])
    for daemon in (one, other):
        assert len(daemon.snapshot.ipsec_sas) == 1
        assert assigned(daemon) == []
        assert len(daemon.log) == 1


# How long it lasts


def test_the_address_goes_with_the_last_sa() -> None:
    """The administrator takes down everything there is with the peer."""
    daemon, _, _ = has_address()
    daemon.engine.teardown("lan", daemon.now)
    daemon.engine.teardown_peer("peer", daemon.now)
    daemon.passes(1.0)
    assert assigned(daemon) == []


def test_the_address_stays_while_a_tunnel_needs_it() -> None:
    """Phase 1 may come and go beneath it."""
    daemon, peer, _ = has_address()
    daemon.hears(peer.protected(peer.delete(Protocol.ISAKMP, b"".join(peer.cookies)), message_id=5))
    assert daemon.snapshot.isakmp_sas == ()
    assert assigned(daemon) == [ASSIGNED]


def test_shutting_down_takes_it_back() -> None:
    """And nothing begins anew."""
    daemon, _, _ = has_address()
    daemon.engine.shutdown(daemon.now)
    daemon.passes(100.0)
    assert assigned(daemon) == []


@pytest.mark.parametrize("local_id", [True, False])
def test_shutting_down_in_the_middle_begins_no_quick_mode(local_id: bool) -> None:
    """What waited for mode config waits for nothing any more."""
    daemon, peer = Daemon(client(local_id=local_id)), a_peer()
    begin_main_mode(daemon, peer)
    daemon.engine.shutdown(daemon.now)
    said = daemon.passes(100.0)
    assert {exchange_of(octets) for _, octets in said} == {ExchangeType.INFO}
    assert daemon.engine.deadline() is None
    assert daemon.log == ["peer: mode config with 192.0.2.2:500 failed: shutting down"]


@pytest.mark.parametrize("vendor", [Vendor.ACKNOWLEDGED_DELETES, Vendor.OPENBSD])
def test_a_phase_1_rekeyed_needs_no_mode_config(vendor: Vendor) -> None:
    """One of ours and the original assign an address to a peer, whatever the ISAKMP SA."""
    daemon, _, _ = has_address()
    again = a_peer(cookie=b"peer two", vendors=(vendor.value,))
    assert main_mode_and_more(daemon, again) == []
    assert assigned(daemon) == [ASSIGNED]


def test_others_are_asked_under_each_isakmp_sa() -> None:
    """Else strongSwan forgets whose the address is; the host notices nothing of it."""
    daemon, _, quick = has_address()
    again = a_peer(cookie=b"peer two")
    (said,) = main_mode_and_more(daemon, again)
    transaction, request = begun_by(said, again)
    assert request.kind == T.REQUEST
    requests = len(daemon.requests)
    assert daemon.hears(transaction.says(T.REPLY, ADDRESS, NAME_SERVER)) == []
    assert len(daemon.requests) == requests
    assert agreed(daemon, quick)


def test_a_peer_that_has_started_afresh_is_asked_again() -> None:
    """INITIAL-CONTACT says that it has forgotten what it gave."""
    daemon, _, _ = has_address()
    daemon.now += 10.0
    again = a_peer(
        cookie=b"peer two",
        vendors=(Vendor.ACKNOWLEDGED_DELETES.value,),
        notifies=(NotifyType.INITIAL_CONTACT,),
    )
    said = main_mode_and_more(daemon, again)
    assert ExchangeType.TRANSACTION in {exchange_of(octets) for octets in said}


def test_an_address_is_asked_for_again_before_it_expires() -> None:
    """Renewed, it lasts as long again; nothing else happens."""
    daemon, peer, _ = has_address(ADDRESS, NAME_SERVER, TEN_MINUTES)
    before = daemon.snapshot.ipsec_sas[0].inbound
    ((at, octets),) = daemon.passes(480.0)
    assert at == 480.0
    transaction, request = begun_by(octets, peer)
    assert request.kind == T.REQUEST
    assert daemon.hears(transaction.says(T.REPLY, ADDRESS, NAME_SERVER, TEN_MINUTES)) == []
    assert daemon.passes(400.0) == []
    assert [a.addresses for a in assigned(daemon)] == [ASSIGNED.addresses]
    assert daemon.snapshot.ipsec_sas[0].inbound == before
    assert daemon.log == []


def test_an_address_that_is_not_renewed_goes_and_its_tunnel_with_it() -> None:
    """The peer is asked a few times more before."""
    daemon, _, _ = has_address(ADDRESS, NAME_SERVER, TEN_MINUTES)
    said = daemon.passes(600.0)
    assert len({decode_header(o)[0].message_id for _, o in said}) >= 2
    assert assigned(daemon) == []
    assert daemon.snapshot.ipsec_sas == ()
    assert daemon.log[-1] == ("peer: the address the peer assigned has expired and is not renewed")


def test_another_address_makes_another_tunnel() -> None:
    """The one for the address before is deleted."""
    daemon, peer, _ = has_address(ADDRESS, NAME_SERVER, TEN_MINUTES)
    ((_, octets),) = daemon.passes(480.0)
    transaction, _ = begun_by(octets, peer)
    sent = daemon.hears(transaction.says(T.REPLY, OTHER_ADDRESS, TEN_MINUTES))
    sent += [octets for _, octets in daemon.passes(0.0)]
    kinds = [exchange_of(octets) for octets in sent]
    assert kinds == [ExchangeType.INFO, ExchangeType.QUICK_MODE]
    second = proposal(peer, spi=b"\0\0\2\2")
    begin_quick_mode(daemon, second, sent[1])
    assert second.ids[0] == Identity.of_address(IPv4Address("10.9.0.6"))
    (pair,) = daemon.snapshot.ipsec_sas
    assert str(pair.outbound.selector) == "10.9.0.6/32 to 10.2.0.0/24"


# As an operator writes it

_FILE = """\
[ipv4/192.0.2.2]
Mode= GET
Attributes= Address, Nameserver
"""


def test_as_an_operator_writes_it() -> None:
    """Flags= ikecfg, and a section named after the identity of the other end."""
    read = configuration(answers=False, peer_tags="Flags= ikecfg", more=_FILE)
    daemon, peer = Daemon(read), a_peer()
    _, request = begun_by(begin_main_mode(daemon, peer), peer)
    assert shown(request.attributes) == [(1, ""), (3, ""), (8, ""), (10, "")]
    told = _FILE.replace("Mode= GET\nAttributes= Address, Nameserver", "Address= 10.9.0.5")
    daemon, peer = Daemon(configuration(peer_tags="Flags= ikecfg", more=told)), a_peer()
    (said,) = main_mode_and_more(daemon, peer)
    assert shown(begun_by(said, peer)[1].attributes) == [(1, "0a090005")]
