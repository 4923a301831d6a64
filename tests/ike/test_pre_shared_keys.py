"""Which pre-shared key is taken: of the section, of the address, of the identity."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.ike import pre_shared_keys
from isakmpd.ike.pre_shared_keys import KeyOrigin
from isakmpd.wire.addresses import Address
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType
from isakmpd.wire.payloads import Notification
from tests.ike.daemon import PEER, Daemon
from tests.ike.scenes import a_peer, answer_aggressive_mode, answer_main_mode

_FILE = """\
[General]
Use-Keynote= no
[Phase 1]
Default= anybody
{named}
[anybody]
Phase= 1
Configuration= mode
{own}
[mode]
DOI= IPSEC
EXCHANGE_TYPE= {exchange}
Transforms= AES-128-SHA
[192.0.2.2]
Authentication= key of the address
[2001:db8::2]
Authentication= key of the other address
[east.example]
Authentication= key of the host
[ike@east.example]
Authentication= 0x6b6579206f66207468652075736572
"""
NAMED = """\
192.0.2.2= east
[east]
Phase= 1
Address= 192.0.2.2
Configuration= mode
Authentication= key of the section
"""
SHARED = "Authentication= everybody's key"


def given(*, exchange: str = "AGGRESSIVE", own: str = SHARED, named: str = "") -> Configuration:
    """A gateway for anybody, with keys of some."""
    read = parse(_FILE.format(exchange=exchange, own=own, named=named), "isakmpd.conf")
    assert not read.problems, [str(problem) for problem in read.problems]
    return read


def name(kind: IdType, text: str) -> Identity:
    """An identity of text."""
    return Identity(kind, text.encode())


BY_IDENTITY = [
    (name(IdType.FQDN, "east.example"), b"key of the host", "east.example"),
    (name(IdType.USER_FQDN, "ike@east.example"), b"key of the user", "ike@east.example"),
    (Identity.of_address(PEER), b"key of the address", "192.0.2.2"),
    (Identity.of_address(IPv6Address("2001:db8::2")), b"key of the other address", "2001:db8::2"),
    # Text that means another type, or nobody: the section's.
    (name(IdType.FQDN, "192.0.2.2"), b"everybody's key", ""),
    (name(IdType.FQDN, "2001:db8::2"), b"everybody's key", ""),
    (name(IdType.USER_FQDN, "east.example"), b"everybody's key", ""),
    (name(IdType.FQDN, "ike@east.example"), b"everybody's key", ""),
    (name(IdType.KEY_ID, "east.example"), b"everybody's key", ""),
    (name(IdType.FQDN, "east.example.evil"), b"everybody's key", ""),
    (name(IdType.FQDN, "east.exampl"), b"everybody's key", ""),
    (Identity.of_address(IPv4Address("192.0.2.3")), b"everybody's key", ""),
]


@pytest.mark.parametrize(("identity", "key", "stored_for"), BY_IDENTITY)
def test_by_identity(identity: Identity, key: bytes, stored_for: str) -> None:
    """A key of one's own goes before the one that all share."""
    config = given()
    found = pre_shared_keys.by_identity(config, config.peers["anybody"], identity)
    assert found is not None
    assert found.secret.reveal() == key
    assert found.origin == KeyOrigin(not stored_for, stored_for)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        (PEER, b"key of the address"),
        (IPv6Address("2001:DB8:0::2"), b"key of the other address"),
        (IPv4Address("192.0.2.3"), b"everybody's key"),
    ],
)
def test_by_address(address: Address, key: bytes) -> None:
    """All that main mode knows of a peer."""
    config = given(exchange="ID_PROT")
    found = pre_shared_keys.by_address(config, config.peers["anybody"], address)
    assert found is not None
    assert found.secret.reveal() == key


def test_the_key_of_a_peers_own_section_goes_first() -> None:
    """It names the peer already."""
    config = given(named=NAMED)
    for found in (
        pre_shared_keys.by_address(config, config.peers["east"], PEER),
        pre_shared_keys.by_identity(config, config.peers["east"], Identity.of_address(PEER)),
    ):
        assert found is not None
        assert found.secret.reveal() == b"key of the section"
        assert found.origin == KeyOrigin(shared=False)


def test_nobodys_key() -> None:
    """No section, no key."""
    config = given(own="")
    peer = config.peers["anybody"]
    assert pre_shared_keys.by_identity(config, peer, name(IdType.FQDN, "x.example")) is None


def test_aggressive_mode_takes_the_key_of_the_identity() -> None:
    """And the responder's own key is not what everybody else has."""
    host = name(IdType.FQDN, "east.example")
    daemon, peer = Daemon(given()), a_peer(identity=host, key=b"key of the host")
    answer_aggressive_mode(daemon, peer)
    assert daemon.snapshot.isakmp_sas[0].initiator_id == "east.example"
    daemon, peer = Daemon(given()), a_peer(identity=host, key=b"everybody's key")
    with pytest.raises(AssertionError):
        peer.am3(daemon.answers(peer.am1()))


def test_main_mode_takes_the_key_of_the_address() -> None:
    """Whatever the identity is in the end."""
    daemon, peer = Daemon(given(exchange="ID_PROT")), a_peer(key=b"key of the address")
    answer_main_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_who_is_not_known_sees_what_a_wrong_key_shows() -> None:
    """Message 2 has the same payloads and sizes; only our log tells them apart."""
    stranger = name(IdType.FQDN, "west.example")
    known = name(IdType.FQDN, "east.example")
    shapes = []
    for identity in (stranger, known):
        daemon, peer = Daemon(given(own="")), a_peer(identity=identity, key=b"guess")
        am2 = daemon.answers(peer.am1())
        with pytest.raises(AssertionError):
            peer.am3(am2)
        shapes.append([(one.type_on_wire, len(one.body())) for one in peer.read(am2).payloads])
        if identity is stranger:
            assert daemon.log == [
                f"anybody: no pre-shared key for FQDN west.example at {PEER}:500 "
                "([west.example]:Authentication or [anybody]:Authentication decides)"
            ]
        daemon.passes(300)
        assert daemon.snapshot.isakmp_sas == ()
    assert shapes[0] == shapes[1]


def test_main_mode_without_any_key_says_so() -> None:
    """The address decides, and there is none for it."""
    daemon, peer = Daemon(given(exchange="ID_PROT", own="")), a_peer()
    mm2 = daemon.answers(peer.mm1(), source=IPv4Address("192.0.2.9"))
    (told,) = daemon.hears(peer.mm3(mm2), source=IPv4Address("192.0.2.9"))
    assert peer.read(told).one(Notification).type == NotifyType.AUTHENTICATION_FAILED
    assert "no pre-shared key for this peer" in daemon.log[0]


def test_two_peers_that_claim_one_identity_are_two() -> None:
    """Each proved it with another key: neither can end what the other has."""
    alike = name(IdType.KEY_ID, "laptop")
    contact = (NotifyType.INITIAL_CONTACT,)
    daemon = Daemon(given(exchange="ID_PROT"))
    first = a_peer(identity=alike, key=b"key of the address")
    answer_main_mode(daemon, first)
    daemon.passes(10)
    elsewhere = IPv4Address("192.0.2.77")
    second = a_peer(
        identity=alike, key=b"everybody's key", cookie=b"cookie 2", notifies=contact, vendors=()
    )
    mm4 = daemon.answers(
        second.mm3(daemon.answers(second.mm1(), source=elsewhere)), source=elsewhere
    )
    daemon.answers(second.mm5(mm4), source=elsewhere)
    assert len(daemon.snapshot.isakmp_sas) == 2


OTHERS_KEYS = [
    ("AGGRESSIVE", name(IdType.FQDN, "EAST.example"), b"everybody's key"),
    ("ID_PROT", name(IdType.FQDN, "east.example"), b"key of the address"),
    ("ID_PROT", name(IdType.USER_FQDN, "Ike@East.example"), b"key of the address"),
]


@pytest.mark.parametrize(("exchange", "identity", "key"), OTHERS_KEYS)
def test_a_name_with_a_key_of_its_own_is_proved_by_no_other(
    exchange: str, identity: Identity, key: bytes
) -> None:
    """In whatever spelling: mode config would give its address to whoever shares another key."""
    daemon, peer = Daemon(given(exchange=exchange)), a_peer(identity=identity, key=key)
    if exchange == "AGGRESSIVE":
        daemon.hears(peer.am3(daemon.answers(peer.am1())))
    else:
        daemon.hears(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))
    assert daemon.snapshot.isakmp_sas == ()
    stored = str(identity).lower()
    assert (
        f"{identity} has a key of its own ([{stored}]:Authentication), it has used another"
        in (daemon.log[-1])
    )


def test_a_name_may_have_the_key_of_its_address() -> None:
    """Two sections with one key are one peer's."""
    text = _FILE.replace("key of the host", "key of the address")
    config = parse(text.format(exchange="ID_PROT", own=SHARED, named=""), "isakmpd.conf")
    peer = a_peer(identity=name(IdType.FQDN, "east.example"), key=b"key of the address")
    daemon = Daemon(config)
    answer_main_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_a_peer_named_by_its_own_section_may_use_any_name() -> None:
    """Its key already tells who it is, and such files go on working."""
    config = given(exchange="ID_PROT", named=NAMED)
    peer = a_peer(identity=name(IdType.FQDN, "east.example"), key=b"key of the section")
    daemon = Daemon(config)
    answer_main_mode(daemon, peer)
    assert len(daemon.snapshot.isakmp_sas) == 1
