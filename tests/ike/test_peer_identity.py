"""Identities in phase 1: every type, its length, its subject, its protocol and port."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType
from isakmpd.wire.payloads import Notification
from tests.ike.daemon import PEER, Daemon, configuration
from tests.ike.peer import Peer
from tests.ike.scenes import a_peer, answer_main_mode, begin_main_mode

ID = IdType
SOUND = [
    Identity.of_address(IPv4Address("10.1.2.3")),
    Identity.of_address(IPv6Address("2001:db8::7")),
    Identity.of_network(IPv4Network("10.0.0.0/8")),
    Identity.of_network(IPv6Network("2001:db8::/32")),
    Identity(ID.IPV4_RANGE, bytes([10, 0, 0, 1, 10, 0, 0, 9])),
    Identity(ID.IPV6_RANGE, bytes(32)),
    Identity(ID.FQDN, b"east.example"),
    Identity(ID.USER_FQDN, b"ike@east.example"),
    Identity(ID.KEY_ID, b"\x00\xff"),
    Identity(ID.DER_ASN1_DN, bytes.fromhex("300f310d300b06035504030c0465617374")),
    Identity(ID.DER_ASN1_GN, b"\x82\x04east"),
]


def proves(daemon: Daemon, peer: Peer) -> list[bytes]:
    """What the daemon says to a peer's proof of its identity."""
    return daemon.hears(peer.mm5(daemon.answers(peer.mm3(daemon.answers(peer.mm1())))))


@pytest.mark.parametrize("identity", SOUND, ids=lambda identity: str(identity.type))
def test_every_type_is_taken(identity: Identity) -> None:
    """In both roles; the key of the peer's own section vouches for any, which is logged."""
    daemon, peer = Daemon(configuration()), a_peer(identity=identity)
    answer_main_mode(daemon, peer)
    assert daemon.verbose[0] == (
        f"peer: no Remote-ID is configured, the key vouches for {identity.type} {identity}"
    )
    daemon = Daemon(configuration(answers=False))
    begin_main_mode(daemon, a_peer(identity=identity))
    assert daemon.snapshot.isakmp_sas[0].responder_id == str(identity)


def test_the_peers_own_address_is_nothing_to_tell() -> None:
    """It is what one expects."""
    daemon = Daemon(configuration())
    answer_main_mode(daemon, a_peer())
    assert [line for line in daemon.verbose if "vouches" in line] == []


@pytest.mark.parametrize(
    ("identity", "reason"),
    [
        (Identity(ID.IPV4_ADDR, bytes(3)), "IPV4_ADDR identity of 3 octets, expected 4"),
        (Identity(ID.IPV4_ADDR, bytes(16)), "IPV4_ADDR identity of 16 octets, expected 4"),
        (Identity(ID.IPV6_ADDR, bytes(4)), "IPV6_ADDR identity of 4 octets, expected 16"),
        (Identity(ID.IPV4_ADDR_SUBNET, bytes(4)), "SUBNET identity of 4 octets, expected 8"),
        (Identity(ID.IPV6_RANGE, bytes(31)), "IPV6_RANGE identity of 31 octets, expected 32"),
        (Identity(ID.FQDN, b""), "empty FQDN identity"),
        (Identity(ID.KEY_ID, b""), "empty KEY_ID identity"),
        (Identity(ID(0), b"x"), "an identity of type 0, expected one of RFC 2407"),
        (Identity(ID(12), b"x"), "an identity of type 12, expected one of RFC 2407"),
        (Identity(ID(255), b"x"), "an identity of type 255, expected one of RFC 2407"),
    ],
)
def test_other_types_and_lengths_are_refused(identity: Identity, reason: str) -> None:
    """One line and one notify, in either mode."""
    daemon, peer = Daemon(configuration()), a_peer(identity=identity)
    (told,) = proves(daemon, peer)
    assert peer.read(told).one(Notification).type == NotifyType.INVALID_ID_INFORMATION
    assert len(daemon.log) == 1
    assert reason in daemon.log[0]
    daemon, peer = Daemon(configuration(exchange="AGGRESSIVE")), a_peer(identity=identity)
    (told,) = daemon.hears(peer.am1())
    assert peer.read(told).one(Notification).type == NotifyType.INVALID_ID_INFORMATION
    assert reason in daemon.log[0]


@pytest.mark.parametrize(
    ("protocol", "port", "dubious"),
    [
        (0, 0, False),
        (17, 0, False),
        (17, 500, False),
        (17, 4500, False),
        (17, 1701, True),
        (6, 500, True),
        (0, 500, True),
    ],
)
def test_protocol_and_port_are_looked_at(protocol: int, port: int, dubious: bool) -> None:
    """What RFC 2407 does not expect there is logged and accepted."""
    identity = Identity.of_address(PEER, protocol, port)
    daemon, peer = Daemon(configuration()), a_peer(identity=identity)
    answer_main_mode(daemon, peer)
    lines = [line for line in daemon.verbose if "dubious ID information accepted" in line]
    assert bool(lines) is dubious


EXPECTED = {
    "FQDN": ("ID-type= FQDN\nName= a.org", Identity(ID.FQDN, b"a.org")),
    "USER_FQDN": ("ID-type= USER_FQDN\nName= ike@a.org", Identity(ID.USER_FQDN, b"ike@a.org")),
    "KEY_ID": ("ID-type= KEY_ID\nName= a.org", Identity(ID.KEY_ID, b"a.org")),
    "IPV4_ADDR": (
        "ID-type= IPV4_ADDR\nAddress= 10.1.2.3",
        Identity.of_address(IPv4Address("10.1.2.3")),
    ),
    "IPV6_ADDR": (
        "ID-type= IPV6_ADDR\nAddress= 2001:db8::7",
        Identity.of_address(IPv6Address("2001:db8::7")),
    ),
}


@pytest.mark.parametrize("case", EXPECTED)
def test_remote_id_means_type_and_full_value(case: str) -> None:
    """The identity itself and no prefix, extension or other type of the same octets."""
    section, expected = EXPECTED[case]
    tags = f"Remote-ID= theirs\n[theirs]\n{section}"
    daemon = Daemon(configuration(peer_tags=tags))
    answer_main_mode(daemon, a_peer(identity=expected))
    assert daemon.log == []
    data = expected.data
    others = [
        Identity(ID.KEY_ID if expected.type != ID.KEY_ID else ID.FQDN, data),
        Identity(ID.KEY_ID, data[:1]),
    ]
    if not case.startswith("IPV"):
        others += [Identity(expected.type, data + b".evil"), Identity(expected.type, data[:-1])]
    for number, other in enumerate(others):
        cookie = b"cookie %d" % number
        proves(daemon, a_peer(identity=other, cookie=cookie))
        assert len(daemon.log) == number + 1
        assert "[peer]:Remote-ID decides" in daemon.log[-1]
    assert len(daemon.snapshot.isakmp_sas) == 1


@pytest.mark.parametrize("case", EXPECTED)
def test_local_id_of_every_type_is_proved(case: str) -> None:
    """In both modes."""
    section, expected = EXPECTED[case]
    for exchange in ("ID_PROT", "AGGRESSIVE"):
        tags = f"ID= ours\n[ours]\n{section}"
        daemon, peer = Daemon(configuration(peer_tags=tags, exchange=exchange)), a_peer()
        if exchange == "ID_PROT":
            answer_main_mode(daemon, peer)
        else:
            daemon.hears(peer.am3(daemon.answers(peer.am1())))
        assert peer.daemon_id == expected
