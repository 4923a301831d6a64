"""What quick mode refuses, on either side, and the sentence each refusal gets."""

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network

import pytest

from isakmpd.crypto.modp import prime
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    Doi,
    EncapsulationMode,
    EspTransform,
    ExchangeType,
    GroupDescription,
    IdType,
    NotifyType,
    Protocol,
)
from isakmpd.wire.payloads import (
    Identification,
    KeyExchange,
    Nonce,
    Payload,
    SecurityAssociation,
)
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase2, key_pair
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import (
    DAEMON_LAN,
    PEER_LAN,
    agreed,
    answer_quick_mode,
    begin_quick_mode,
    begun,
    met,
    proposal,
    refusal,
)

A = AuthenticationAlgorithm
G = GroupDescription
T = EspTransform


def assert_nothing_left(daemon: Daemon) -> None:
    """No SA, flow, SPI or exchange of a quick mode that failed."""
    assert daemon.stack.sas == {}
    assert daemon.stack.flows == {}
    assert daemon.snapshot.exchanges == ()
    assert len(daemon.snapshot.isakmp_sas) == 1


def net(text: str, protocol: int = 0, port: int = 0) -> Identity:
    """A subnet identity."""
    return Identity.of_network(IPv4Network(text), protocol, port)


WRONG_IDS = {
    "swapped": (DAEMON_LAN, PEER_LAN),
    "another LAN of the peer": (net("10.3.0.0/24"), DAEMON_LAN),
    "another LAN of ours": (PEER_LAN, net("10.3.0.0/24")),
    "the whole internet": (net("0.0.0.0/0"), DAEMON_LAN),
    "part of the LAN": (net("10.2.0.0/25"), DAEMON_LAN),
    "one protocol only": (net("10.2.0.0/24", 17), DAEMON_LAN),
    "one port only": (net("10.2.0.0/24", 6, 80), net("10.1.0.0/24", 6, 0)),
    "none, which means the hosts": (),
}


@pytest.mark.parametrize("case", WRONG_IDS)
def test_ids_of_no_connection_are_refused(case: str) -> None:
    """The line names the peer's identities and what the configuration has instead."""
    daemon, peer = met()
    sent = daemon.hears(replace(proposal(peer), ids=WRONG_IDS[case]).qm1())
    notify = refusal(peer, sent)
    assert (notify.type, notify.spi) == (NotifyType.INVALID_ID_INFORMATION, b"\x0b\xad\xca\xfe")
    (line,) = daemon.log
    assert "peer proposed invalid phase 2 IDs: initiator id " in line
    assert "no connection of peer peer has them as Remote-ID and Local-ID" in line
    assert "([lan] has 10.2.0.0/24 and 10.1.0.0/24)" in line
    assert_nothing_left(daemon)


def test_a_connection_of_another_peer_is_none_of_this_peers() -> None:
    """The right LANs, asked for by somebody who has a key of his own."""
    other = """\
[stranger]
Phase= 1
Address= 198.51.100.9
Configuration= main-mode
Authentication= mekmitasdigoat
"""
    phase_1 = "198.51.100.9= stranger"
    stranger = IPv4Address("198.51.100.9")
    daemon = Daemon(configuration(more=other, phase_1=phase_1))
    peer = Peer(stranger, DAEMON)
    (mm2,) = daemon.hears(peer.mm1(), source=stranger)
    (mm4,) = daemon.hears(peer.mm3(mm2), source=stranger)
    (mm6,) = daemon.hears(peer.mm5(mm4), source=stranger)
    peer.finish(mm6)
    (answer,) = daemon.hears(proposal(peer).qm1(), source=stranger)
    assert refusal(peer, [answer]).type == NotifyType.INVALID_ID_INFORMATION
    assert "no connection of peer stranger has them" in daemon.log[0]
    assert "(it has none)" in daemon.log[0]


@pytest.mark.parametrize(
    ("ids", "sentence"),
    [
        ((PEER_LAN,), "quick mode with 1 ID payloads, expected none or two"),
        ((PEER_LAN, DAEMON_LAN, PEER_LAN), "quick mode with 3 ID payloads, expected none or two"),
        (
            (Identity(IdType.FQDN, b"a.example"), DAEMON_LAN),
            "client identity FQDN a.example names no packets",
        ),
        (
            (Identity(IdType.IPV4_RANGE, bytes(8)), DAEMON_LAN),
            "client identity IPV4_RANGE 0.0.0.0-0.0.0.0 names no packets",
        ),
        (
            (Identity(IdType.IPV4_ADDR_SUBNET, bytes(7)), DAEMON_LAN),
            "IPV4_ADDR_SUBNET identity of 7 octets, expected 8",
        ),
        (
            (Identity(IdType.IPV4_ADDR_SUBNET, b"\x0a\2\0\0\xff\0\xff\0"), DAEMON_LAN),
            "subnet identity with a mask that has holes: 10.2.0.0/255.0.255.0",
        ),
        (
            (Identity(IdType.IPV4_ADDR, b""), DAEMON_LAN),
            "IPV4_ADDR identity of 0 octets, expected 4",
        ),
    ],
)
def test_ids_that_make_no_sense(ids: tuple[Identity, ...], sentence: str) -> None:
    """Each has its own sentence."""
    daemon, peer = met()
    refusal(peer, daemon.hears(replace(proposal(peer), ids=ids).qm1()))
    assert daemon.log == [f"peer/?: quick mode with {PEER}:500 failed: {sentence}"]
    assert_nothing_left(daemon)


# Proposals

DIFFERENCES = {
    "cipher": (
        Phase2(T.TRIPLE_DES, None),
        "TRANSFORM_ID: got 3DES, expected AES in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "a cipher nobody has": (
        Phase2(T(77), None),
        "TRANSFORM_ID: got EspTransform_77, expected AES in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "key length": (
        Phase2(key_length=256),
        "KEY_LENGTH: got 256, expected 128 in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "hash": (
        Phase2(authentication=A.HMAC_MD5),
        "AUTHENTICATION_ALGORITHM: got HMAC_MD5, expected HMAC_SHA in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "no hash": (
        Phase2(authentication=A.NONE),
        "AUTHENTICATION_ALGORITHM: got NONE, expected HMAC_SHA in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "group": (
        Phase2(group=G.MODP_2048),
        "GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "no PFS": (
        Phase2(group=None),
        "GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "mode": (
        Phase2(mode=EncapsulationMode.TRANSPORT),
        "ENCAPSULATION_MODE: got TRANSPORT, expected TUNNEL (no NAT was detected) in "
        "[QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "ESP in UDP without a NAT": (
        Phase2(mode=EncapsulationMode.UDP_ENCAP_TUNNEL),
        "ENCAPSULATION_MODE: got UDP_ENCAP_TUNNEL, expected TUNNEL (no NAT was detected) in "
        "[QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "too long a life": (
        Phase2(seconds=90000),
        "LIFE_DURATION: got 90000, expected 60:86400 seconds in [LIFE_QUICK_MODE] in "
        "[QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "an attribute we do not do": (
        Phase2(more=(Attribute.of(7, 12),)),
        "KEY_ROUNDS is not supported in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "an attribute nobody knows": (
        Phase2(more=(Attribute.of(11, 1),)),
        "Phase2Attribute_11 is not supported in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "an attribute twice": (
        Phase2(more=(Attribute.of(5, 1),)),
        "AUTHENTICATION_ALGORITHM is given twice in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
    "a number of thousands of digits": (
        Phase2(key_length=None, more=(Attribute(6, b"\xff" * 3000, basic=False),)),
        "KEY_LENGTH of 3000 octets is too large in [QM-ESP-AES-128-SHA-PFS-XF]",
    ),
}


@pytest.mark.parametrize("case", DIFFERENCES)
def test_a_proposal_that_differs_is_refused(case: str) -> None:
    """In each attribute; the line says what was offered, what is configured and where."""
    offer, difference = DIFFERENCES[case]
    daemon, peer = met()
    notify = refusal(peer, daemon.hears(proposal(peer, offer).qm1()))
    assert (notify.type, notify.spi) == (NotifyType.NO_PROPOSAL_CHOSEN, b"\x0b\xad\xca\xfe")
    assert daemon.log == [
        f"lan: quick mode with {PEER}:500 failed: no compatible proposal found: {difference} "
        "([quick-mode]:Suites decides)"
    ]
    assert_nothing_left(daemon)


def test_after_a_refusal_the_right_proposal_succeeds() -> None:
    """A failed quick mode leaves the ISAKMP SA as it was."""
    daemon, peer = met()
    daemon.hears(proposal(peer, Phase2(group=None)).qm1())
    quick = proposal(peer, message_id=2)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)


def sa_of(quick: QuickMode, **changes: object) -> tuple[Payload, ...]:
    """The payloads of QM1 with another proposal."""
    sa, *rest = quick.payloads()
    assert isinstance(sa, SecurityAssociation)
    changed = replace(sa.proposals[0], **changes)  # type: ignore[arg-type]
    return (replace(sa, proposals=(changed,)), *rest)


@pytest.mark.parametrize(
    ("changes", "got"),
    [
        ({"spi": b""}, "#1 IPSEC_ESP SPI none"),
        ({"spi": b"\1"}, "#1 IPSEC_ESP SPI 01"),
        ({"spi": bytes(4)}, "#1 IPSEC_ESP SPI 00000000"),
        ({"spi": b"\0\0\0\xff"}, "#1 IPSEC_ESP SPI 000000ff"),
        ({"spi": b"12345678"}, "#1 IPSEC_ESP SPI 3132333435363738"),
        ({"spi": b"x" * 255}, "#1 IPSEC_ESP SPI 7878787878787878"),
        ({"protocol": Protocol.IPSEC_AH}, "#1 IPSEC_AH SPI 0badcafe"),
        ({"protocol": Protocol.IPCOMP}, "#1 IPCOMP SPI 0badcafe"),
        ({"protocol": Protocol(99)}, "#1 Protocol_99 SPI 0badcafe"),
    ],
)
def test_a_proposal_that_is_not_esp_with_a_usable_spi(changes: dict[str, object], got: str) -> None:
    """SPI sizes and values, and other protocols."""
    daemon, peer = met()
    quick = proposal(peer)
    refusal(peer, daemon.hears(quick.qm1(sa_of(quick, **changes))))
    (line,) = daemon.log
    assert f"got {got}, expected IPSEC_ESP alone with SPIs of 4 octets above 255" in line
    assert_nothing_left(daemon)


def test_a_proposal_without_transforms() -> None:
    """Nothing offered, nothing chosen."""
    daemon, peer = met()
    quick = proposal(peer)
    refusal(peer, daemon.hears(quick.qm1(sa_of(quick, transforms=()))))
    assert "no compatible proposal found" in daemon.log[0]


def test_an_unknown_doi_and_situation() -> None:
    """RFC 2407 has DOI 1 and, for us, one situation."""
    for change, sentence in (
        ({"doi": Doi(9)}, "DOI Doi_9 is not IPSEC"),
        ({"situation": 2}, "situation 2 is not identity only"),
    ):
        daemon, peer = met()
        quick = proposal(peer)
        sa, *rest = quick.payloads()
        daemon.hears(quick.qm1((replace(sa, **change), *rest)))
        (line,) = daemon.log
        assert sentence in line


def test_esp_with_ah_beside_it_is_no_esp_alone() -> None:
    """Two proposals of one number belong together (RFC 2408 section 4.2)."""
    daemon, peer = met()
    quick = proposal(peer)
    sa, *rest = quick.payloads()
    assert isinstance(sa, SecurityAssociation)
    (esp,) = sa.proposals
    both = (esp, replace(esp, protocol=Protocol.IPSEC_AH))
    daemon.hears(quick.qm1((replace(sa, proposals=both), *rest)))
    assert "got #1 IPSEC_ESP SPI 0badcafe, #1 IPSEC_AH SPI 0badcafe, expected" in daemon.log[0]


# Nonces and Diffie-Hellman values


def with_payload(quick: QuickMode, new: Payload) -> tuple[Payload, ...]:
    """The payloads of QM1 or QM2 with one replaced."""
    return tuple(new if type(old) is type(new) else old for old in quick.payloads())


BAD_PUBLICS = {
    "0": (bytes(128), "MODP_1024 public value outside 2..p-2"),
    "1": (bytes(127) + b"\1", "MODP_1024 public value outside 2..p-2"),
    "p-1": (
        (prime(G.MODP_1024) - 1).to_bytes(128),
        "MODP_1024 public value outside 2..p-2",
    ),
    "p": (prime(G.MODP_1024).to_bytes(128), "MODP_1024 public value outside 2..p-2"),
    "all ones": (b"\xff" * 128, "MODP_1024 public value outside 2..p-2"),
    "empty": (b"", "MODP_1024 public value of 0 octets, expected 128"),
    "short": (bytes(126) + b"\2", "MODP_1024 public value of 127 octets, expected 128"),
    "long": (bytes(128) + b"\2", "MODP_1024 public value of 129 octets, expected 128"),
    "of another group": (
        key_pair(G.MODP_2048)[1],
        "MODP_1024 public value of 256 octets, expected 128",
    ),
}


@pytest.mark.parametrize("case", BAD_PUBLICS)
def test_an_unsafe_public_value(case: str) -> None:
    """Either role refuses values outside 2..p-2 and of the wrong length."""
    value, sentence = BAD_PUBLICS[case]
    daemon, peer = met()
    quick = proposal(peer)
    refusal(peer, daemon.hears(quick.qm1(with_payload(quick, KeyExchange(value)))))
    assert daemon.log == [
        f"lan: quick mode with {PEER}:500 failed: the peer's Diffie-Hellman value is unsafe: "
        + sentence
    ]
    assert_nothing_left(daemon)

    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    quick.ids = (DAEMON_LAN, PEER_LAN)
    refusal(peer, daemon.hears(quick.qm2(qm1, with_payload(quick, KeyExchange(value)))))
    assert sentence in daemon.log[0]
    assert_nothing_left(daemon)


@pytest.mark.parametrize("length", [0, 7, 257, 1000])
def test_a_nonce_the_rfc_forbids(length: int) -> None:
    """RFC 2409 section 5: 8 to 256 octets."""
    daemon, peer = met()
    quick = proposal(peer)
    refusal(peer, daemon.hears(quick.qm1(with_payload(quick, Nonce(b"n" * length)))))
    assert f"a nonce of {length} octets, expected 8 to 256" in daemon.log[0]
    assert_nothing_left(daemon)


@pytest.mark.parametrize("length", [8, 256])
def test_the_shortest_and_the_longest_nonce(length: int) -> None:
    """The limits themselves are fine."""
    daemon, peer = met()
    quick = proposal(peer, nonce=b"n" * length)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)


def test_pfs_on_one_side() -> None:
    """A group without KE, KE without a group, and either side alone."""
    daemon, peer = met()
    quick = proposal(peer)
    without = tuple(p for p in quick.payloads() if not isinstance(p, KeyExchange))
    refusal(peer, daemon.hears(quick.qm1(without)))
    assert "GROUP_DESCRIPTION: got MODP_1024 without a KE payload" in daemon.log[0]

    daemon, peer = met(configuration(suites="QM-ESP-AES-128-SHA-SUITE"))
    quick = proposal(peer, Phase2(group=None))
    extra = (*quick.payloads(), KeyExchange(key_pair(G.MODP_1024)[1]))
    refusal(peer, daemon.hears(quick.qm1(extra)))
    assert "GROUP_DESCRIPTION: got no PFS with a KE payload" in daemon.log[0]

    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    quick.ids = (DAEMON_LAN, PEER_LAN)
    without = tuple(p for p in quick.payloads() if not isinstance(p, KeyExchange))
    refusal(peer, daemon.hears(quick.qm2(qm1, without)))
    assert "PFS on one side only: the peer does not send KE" in daemon.log[0]


# The answer to our own proposal


ANSWERS = {
    "another key length": (
        Phase2(key_length=256),
        "a transform we did not offer: AES KEY_LENGTH 256",
    ),
    "no PFS": (
        Phase2(group=None),
        "a transform we did not offer: AES KEY_LENGTH 128 HMAC_SHA TUNNEL",
    ),
    "no hash": (
        Phase2(authentication=A.NONE),
        "a transform we did not offer: AES KEY_LENGTH 128 NONE",
    ),
    "transport mode": (
        Phase2(mode=EncapsulationMode.TRANSPORT),
        "a transform we did not offer: AES KEY_LENGTH 128 HMAC_SHA TRANSPORT",
    ),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_we_did_not_offer(case: str) -> None:
    """The initiator takes back only what it offered: nobody can strip PFS or integrity."""
    offer, sentence = ANSWERS[case]
    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    quick.ids = (DAEMON_LAN, PEER_LAN)
    sa, *rest = quick.payloads()
    assert isinstance(sa, SecurityAssociation)
    (good,) = sa.proposals
    answer = replace(good, transforms=(replace(good.transforms[0], attributes=offer.attributes()),))
    refusal(peer, daemon.hears(quick.qm2(qm1, (replace(sa, proposals=(answer,)), *rest))))
    assert sentence in daemon.log[0]
    assert_nothing_left(daemon)


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        ((), "none"),
        ((PEER_LAN, DAEMON_LAN), "10.2.0.0/255.255.255.0 and 10.1.0.0/255.255.255.0"),
        ((DAEMON_LAN, net("0.0.0.0/0")), "10.1.0.0/255.255.255.0 and 0.0.0.0/0.0.0.0"),
        ((DAEMON_LAN, net("10.2.0.0/24", 6)), "10.1.0.0/255.255.255.0 and 10.2.0.0/255.255.255.0"),
    ],
)
def test_returned_ids_must_be_those_we_proposed(ids: tuple[Identity, ...], shown: str) -> None:
    """Else the peer could redirect the traffic."""
    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    quick.ids = (DAEMON_LAN, PEER_LAN)
    rest = tuple(p for p in quick.payloads() if not isinstance(p, Identification))
    answer = (*rest, *map(Identification.of, ids))
    refusal(peer, daemon.hears(quick.qm2(qm1, answer)))
    assert f"the peer returns client identities {shown}, we proposed" in daemon.log[0]
    assert daemon.log[0].endswith("([lan]:Local-ID and Remote-ID decide)")
    assert_nothing_left(daemon)


# A refusal by the peer


@pytest.mark.parametrize("spi", [b"", "ours", "cookies"])
@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        (
            NotifyType.NO_PROPOSAL_CHOSEN,
            "NO_PROPOSAL_CHOSEN: it accepts none of our proposals, or wants PFS otherwise "
            "([quick-mode]:Suites decides)",
        ),
        (
            NotifyType.INVALID_ID_INFORMATION,
            "INVALID_ID_INFORMATION: it has no connection from 10.2.0.0/24 to 10.1.0.0/24 "
            "([lan]:Local-ID and Remote-ID decide)",
        ),
        (NotifyType.INVALID_HASH_INFORMATION, "INVALID_HASH_INFORMATION"),
    ],
)
def test_a_protected_refusal_ends_quick_mode_at_once(
    kind: NotifyType, sentence: str, spi: bytes | str
) -> None:
    """Whatever its SPI names: our message, nothing, or the ISAKMP SA."""
    daemon, peer, qm1 = begun()
    quick = proposal(peer)
    quick.qm2(qm1)
    named = {"ours": quick.their_spi, "cookies": b"".join(peer.cookies)}
    notify = peer.notify(kind, spi=named[spi] if isinstance(spi, str) else spi)
    daemon.hears(peer.protected(notify, message_id=9))
    assert daemon.log == [f"lan: quick mode with {PEER}:500 failed: the peer says {sentence}"]
    assert_nothing_left(daemon)


def test_a_refusal_in_clear_ends_nothing() -> None:
    """Anybody can send one."""
    daemon, peer, qm1 = begun()
    notify = peer.notify(NotifyType.NO_PROPOSAL_CHOSEN, spi=b"")
    daemon.hears(peer.clear(notify, exchange=ExchangeType.INFO, message_id=9))
    assert daemon.log == [
        f"dropped message from {PEER} port 500: the peer says NO_PROPOSAL_CHOSEN in clear, and "
        "none of our exchanges can be meant"
    ]
    quick = proposal(peer)
    begin_quick_mode(daemon, quick, qm1)
    assert agreed(daemon, quick)
