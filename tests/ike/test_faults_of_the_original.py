"""The faults of OpenBSD's isakmpd that IKE itself shows: each row fails on what it did.

Tables for what strangers and peers can send; a test each for what takes a conversation.
"""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from isakmpd.crypto.modp import prime
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.numbers import (
    EncapsulationMode,
    ExchangeType,
    Flags,
    GroupDescription,
    NotifyType,
    PayloadType,
    Protocol,
)
from isakmpd.wire.payloads import (
    Hash,
    Identification,
    KeyExchange,
    Payload,
    Proposal,
    SecurityAssociation,
    Transform,
    Unknown,
    decode_chain,
    encode_chain,
)
from isakmpd.wire.vendor_ids import Vendor
from tests.ike.awaited import STEPS, Awaited, awaited
from tests.ike.daemon import DAEMON, PEER, Daemon, configuration
from tests.ike.offers import Phase1, Phase2
from tests.ike.peer import Peer
from tests.ike.scenes import (
    a_peer,
    agreed,
    answer_main_mode,
    answer_quick_mode,
    begin_quick_mode,
    begun,
    joined,
    met,
    proposal,
)

N = NotifyType

# Strangers' messages


def clear(
    first: int, chain: bytes, exchange: ExchangeType = ExchangeType.INFO, message_id: int = 0
) -> bytes:
    """A message in clear under cookies nobody has seen."""
    header = Header(b"stranger", bytes(8), PayloadType(first), exchange, Flags.NONE, message_id)
    return header.encode(chain)


def generic(follower: int, length: int, body: bytes = b"") -> bytes:
    """A payload whose header says what one likes."""
    return bytes([follower, 0]) + length.to_bytes(2) + body


def about_life(kind: NotifyType, spi: bytes = b"") -> bytes:
    """A question for life or its answer, from nobody."""
    peer = a_peer()
    return clear(11, encode_chain((peer.notify(kind, bytes(4), spi=spi),)))


def mm1_with(sa_body: bytes, *behind: bytes) -> bytes:
    """Message 1 of main mode with an SA payload of these octets."""
    chain = generic(0, 4 + len(sa_body), sa_body) + b"".join(behind)
    return clear(1, chain, ExchangeType.ID_PROT)


IPSEC_DOI = b"\0\0\0\1\0\0\0\1"
STRANGE = {
    # The handler of dead peer detection took it for granted that there was an SA.
    "R-U-THERE under fresh cookies": about_life(N.R_U_THERE),
    "R-U-THERE-ACK under fresh cookies": about_life(N.R_U_THERE_ACK),
    "R-U-THERE that names cookies": about_life(N.R_U_THERE, b"x" * 16),
    # CVE-2004-0218: a payload of no length was looked at for ever.
    "a payload of length 0": clear(13, generic(13, 0), message_id=1),
    "a payload of length 0 in message 1": mm1_with(b"", generic(13, 0)),
    "a payload of length 3": clear(13, generic(0, 3), message_id=1),
    # CVE-2004-0219: SA payloads that are cut, or hold nonsense.
    "an SA payload of nothing": mm1_with(b""),
    "an SA payload of a DOI": mm1_with(IPSEC_DOI[:4]),
    "an SA payload without proposals": mm1_with(IPSEC_DOI),
    "a proposal of length 0": mm1_with(IPSEC_DOI + generic(2, 0)),
    "a proposal beyond its SA": mm1_with(IPSEC_DOI + generic(0, 500, b"\1\1\0\1")),
    "a proposal whose SPI reaches beyond it": mm1_with(IPSEC_DOI + generic(0, 8, b"\1\1\xff\1")),
    "a transform of length 0": mm1_with(IPSEC_DOI + generic(0, 12, b"\1\1\0\1" + generic(3, 0))),
    "255 transforms announced, none there": mm1_with(IPSEC_DOI + generic(0, 8, b"\1\1\0\xff")),
    # CVE-2004-0220: a request for a certificate shorter than its own header.
    "CERTREQ of no octets": clear(7, generic(0, 4), message_id=1),
    "CERTREQ of no octets in message 1": clear(7, generic(0, 4), ExchangeType.ID_PROT),
    # CVE-2004-0221: a Delete that announces far more SPIs than it has.
    "a Delete of 65,535 SPIs": clear(12, generic(0, 12, b"\0\0\0\1\3\4\xff\xff"), message_id=1),
    "a Delete of 65,535 SPIs of 255 octets": clear(
        12, generic(0, 12, b"\0\0\0\1\1\xff\xff\xff"), message_id=1
    ),
    "a notify whose SPI reaches beyond it": clear(
        11, generic(0, 12, b"\0\0\0\1\1\xff\0\1"), message_id=1
    ),
    # INVALID-COOKIE and its kin were sent to whoever asked, or was said to ask.
    "quick mode under unknown cookies": Header(
        b"stranger", b"whoever?", PayloadType.HASH, ExchangeType.QUICK_MODE, Flags.ENCRYPTION, 1
    ).encode(bytes(64)),
    "an exchange nobody knows": clear(1, b"", ExchangeType(31)),
    "a payload type nobody knows": clear(99, generic(0, 4), ExchangeType.ID_PROT),
    "version 2": clear(1, b"")[:17] + b"\x20" + clear(1, b"")[18:],
    "a lone cookie": b"stranger",
    "nothing": b"",
    "a keepalive that strays": b"\xff",
}


@pytest.mark.parametrize("situation", ["alone", "half open", "with a tunnel"])
@pytest.mark.parametrize("case", STRANGE)
def test_strangers_bring_about_a_line_and_nothing_else(case: str, situation: str) -> None:
    """No answer to reflect, no state to pile up, no SA touched."""
    daemon = joined()[0] if situation == "with a tunnel" else Daemon(configuration())
    if situation == "half open":
        daemon.answers(a_peer().mm1())
    before, exchanges = daemon.state(), len(daemon.snapshot.exchanges)
    for source in (PEER, IPv4Address("203.0.113.7")):
        assert daemon.hears(STRANGE[case], source=source) == []
    assert daemon.state() == before
    assert len(daemon.snapshot.exchanges) == exchanges
    assert len(daemon.log) <= 2


# Proofs that are cut: only as many octets of a HASH were compared as had come


def with_hash_of(step: Awaited, octets: int) -> bytes:
    """The awaited message with its HASH cut or stretched."""
    first = decode_header(step.message)[0].next_payload
    payloads = tuple(
        Hash((payload.data + bytes(256))[:octets]) if isinstance(payload, Hash) else payload
        for payload in decode_chain(first, step.clear).payloads
    )
    return step.instead(encode_chain(payloads), payloads[0].type_on_wire)


PROVED = [name for name in STEPS if name not in ("MM1", "MM2", "MM3", "MM4", "AM1")]


@pytest.mark.parametrize("octets", [0, 1, 4, 19, 21, 64, 256])
@pytest.mark.parametrize("name", PROVED)
def test_a_hash_of_another_length_proves_nothing(name: str, octets: int) -> None:
    """In every message that has one; the true message succeeds afterwards."""
    step = awaited(name)
    before = step.daemon.state()
    step.daemon.hears(with_hash_of(step, octets))
    assert step.daemon.state() == before
    assert not step.accepted()
    step.daemon.hears(step.message)
    assert step.accepted(), step.daemon.log
    assert step.bystander.unharmed()


# Payloads nobody knows: the original dropped the message, or the payload before

KINDS = [15, 19, 22, 33, 127, 128, 132, 255]


def with_unknown(step: Awaited, kind: int, where: str) -> bytes:
    """The awaited message with an unknown payload in it, which proofs of phase 2 cover."""
    header, _ = decode_header(step.message)
    payloads = decode_chain(header.next_payload, step.clear).payloads
    at = {"first": 0, "second": 1, "last": len(payloads)}[where]
    found: tuple[Payload, ...] = (*payloads[:at], Unknown(kind, b"unheard of"), *payloads[at:])
    if header.exchange_type in (ExchangeType.ID_PROT, ExchangeType.AGGRESSIVE):
        return step.instead(encode_chain(found), found[0].type_on_wire)
    rest = encode_chain(found[1:])
    proof = step.peer.prf(step.peer.skeyid_a, header.message_id.to_bytes(4), rest)
    return step.instead(encode_chain((Hash(proof), *found[1:])))


@pytest.mark.parametrize("where", ["first", "second", "last"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [n for n in STEPS if n not in ("QM2", "QM3", "CFG2")])
def test_unknown_payloads_are_skipped(name: str, kind: int, where: str) -> None:
    """Wherever they stand, but before a HASH that must come first."""
    step = awaited(name)
    if where == "first" and name in ("QM1", "CFG1", "INFO"):
        return
    step.daemon.hears(with_unknown(step, kind, where))
    assert step.accepted(), step.daemon.log


# Proposals with something unknown in them: the original threw away the whole message

NOTHING: tuple[Attribute, ...] = ()
UNKNOWN_1: dict[str, tuple[int, tuple[Attribute, ...]]] = {
    "an attribute beyond 16": (1, (*Phase1().attributes(), Attribute.of(17, 1))),
    "a private attribute": (1, (*Phase1().attributes(), Attribute.of(16384, 1))),
    "the highest attribute": (1, (*Phase1().attributes(), Attribute.of(0x7FFF, 1))),
    "an attribute of type 0": (1, (*Phase1().attributes(), Attribute.of(0, 1))),
    "another transform id": (2, Phase1().attributes()),
    "no attributes": (1, NOTHING),
    "a cipher nobody knows": (1, Phase1(encryption=65000).attributes()),  # type: ignore[arg-type]
    "a hash nobody knows": (1, (Attribute.of(1, 7), Attribute.of(2, 99))),
    "a group nobody knows": (1, (*Phase1().attributes()[:3], Attribute.of(4, 999))),
    "signatures of DSS": (1, Phase1(authentication=2).attributes()),
    "a number of 200 octets": (1, (Attribute(1, bytes(200), basic=False),)),
    "a number of no octets": (1, (Attribute(1, b"", basic=False),)),
}


@pytest.mark.parametrize("case", UNKNOWN_1)
def test_unknown_things_in_phase_1_spoil_only_their_transform(case: str) -> None:
    """The good transform behind is chosen, and returned octet for octet."""
    daemon, peer = Daemon(configuration()), a_peer()
    (good,) = peer.sa().proposals[0].transforms
    odd = Transform(1, *UNKNOWN_1[case])
    (offered,) = peer.sa().proposals
    both = replace(offered, transforms=(odd, replace(good, number=2)))
    mm2 = daemon.answers(peer.clear(replace(peer.sa(), proposals=(both,))))
    (answer,) = peer.read(mm2).one(SecurityAssociation).proposals
    assert answer.transforms == (replace(good, number=2),)
    assert daemon.log == []


GOOD_2 = Phase2().attributes()
ESP = Protocol.IPSEC_ESP
UNKNOWN_2: dict[str, tuple[int, int, tuple[Attribute, ...]]] = {
    "extended sequence numbers": (ESP, 12, (*GOOD_2, Attribute.of(11, 1))),
    "a private attribute": (ESP, 12, (*GOOD_2, Attribute.of(32001, 1))),
    "ESP transform 24": (ESP, 24, GOOD_2),
    "ESP transform 28, ChaCha20": (ESP, 28, GOOD_2),
    "ESP transform 255": (ESP, 255, GOOD_2),
    "ESP transform 0": (ESP, 0, GOOD_2),
    "AH transform 99": (Protocol.IPSEC_AH, 99, GOOD_2),
    "AH without an authentication algorithm": (
        Protocol.IPSEC_AH,
        3,
        Phase2(authentication=0, key_length=None).attributes(),  # type: ignore[arg-type]
    ),
    "protocol 9": (9, 12, GOOD_2),
    "ISAKMP": (Protocol.ISAKMP, 1, GOOD_2),
    "an encapsulation nobody knows": (ESP, 12, Phase2(mode=999).attributes()),  # type: ignore[arg-type]
    "a transform known and not configured": (ESP, 3, Phase2(key_length=None).attributes()),
    "no attributes": (ESP, 12, NOTHING),
}


@pytest.mark.parametrize("case", UNKNOWN_2)
def test_unknown_things_in_phase_2_spoil_only_their_proposal(case: str) -> None:
    """The good proposal behind is chosen; numbers may even go back."""
    daemon, peer = met()
    quick = proposal(peer)
    sa, *rest = quick.payloads()
    assert isinstance(sa, SecurityAssociation)
    (good,) = sa.proposals
    protocol, transform, attributes = UNKNOWN_2[case]
    odd = Proposal(7, Protocol(protocol), b"\0\0\7\7", (Transform(1, transform, attributes),))
    qm2 = daemon.answers(quick.qm1((replace(sa, proposals=(odd, good)), *rest)))
    assert daemon.hears(quick.qm3(qm2)) == []
    assert agreed(daemon, quick)
    assert quick.peer.heard[-1].one(SecurityAssociation).proposals[0].number == good.number
    assert daemon.log == []


# What takes a conversation


def test_a_replay_window_in_both_roles_and_as_configured() -> None:
    """CVE-2006-4436: a responder's SAs had none; and ReplayWindow was read by nobody."""
    more = (
        "[wide-suite]\nProtocols= wide\n[wide]\nPROTOCOL_ID= IPSEC_ESP\n"
        "Transforms= QM-ESP-AES-128-SHA-PFS-XF\nReplayWindow= 128\n"
    )
    daemon, peer = met(configuration(suites="wide-suite", more=more))
    answer_quick_mode(daemon, proposal(peer))
    assert {sa.replay_window for sa in daemon.stack.sas.values()} == {128}
    daemon, peer, qm1 = begun(configuration(answers=False, suites="wide-suite", more=more))
    begin_quick_mode(daemon, proposal(peer), qm1)
    assert {sa.replay_window for sa in daemon.stack.sas.values()} == {128}


@pytest.mark.parametrize(("theirs", "same"), [(b"se\0cret", True), (b"se\0CRET", False)])
def test_a_key_does_not_end_at_a_zero_octet(theirs: bytes, same: bool) -> None:
    """Keys that agree up to their first NUL are different keys."""
    daemon, peer = Daemon(configuration(key="0x" + b"se\0cret".hex())), a_peer(key=theirs)
    mm4 = daemon.answers(peer.mm3(daemon.answers(peer.mm1())))
    daemon.hears(peer.mm5(mm4))
    assert len(daemon.snapshot.isakmp_sas) == same


def test_a_peer_that_starts_over_does_not_wait_for_the_other_attempt() -> None:
    """A half-open exchange past its first step kept the same peer out for two minutes."""
    daemon = Daemon(configuration())
    for number in range(5):
        given_up = a_peer(cookie=b"cookie%02d" % number)
        daemon.answers(given_up.mm3(daemon.answers(given_up.mm1())))
    answer_main_mode(daemon, a_peer(cookie=b"cookie 2"))


def test_a_peers_own_port_is_not_that_of_nat_traversal() -> None:
    """[peer]:Port= 5000 sent ESP in UDP to port 5000 as well."""
    daemon = Daemon(configuration(answers=False, peer_tags="Port= 5000"))
    peer = a_peer(private_address=IPv4Address("10.9.9.9"), port=5000)
    (mm1,) = [octets for _, octets in daemon.passes(0.0)]
    mm3 = daemon.hears(peer.mm2(mm1), port=5000)[0]
    daemon.sent()
    daemon.hears(peer.mm4(mm3), port=5000)
    (exchange,) = daemon.snapshot.exchanges
    assert (exchange.transport.local_port, exchange.transport.remote_port) == (4500, 4500)


@pytest.mark.parametrize(
    ("vendor", "mode"),
    [
        (Vendor.NAT_T_RFC, EncapsulationMode.UDP_ENCAP_TUNNEL),
        (Vendor.NAT_T_DRAFT_03, EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT),
        (Vendor.NAT_T_DRAFT_02, EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT),
    ],
)
def test_esp_in_udp_has_the_number_of_the_dialect(vendor: Vendor, mode: EncapsulationMode) -> None:
    """Peers that knew the draft alone were offered the RFC's number."""
    daemon = Daemon(configuration(answers=False))
    peer = a_peer(private_address=IPv4Address("10.9.9.9"), vendors=(vendor.value,))
    mm5 = daemon.hears(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))[0]
    (qm1,) = [x for x in daemon.hears(peer.mm6(mm5), port=4500) if x[18] == 32]
    quick = proposal(peer, Phase2(mode=mode))
    (qm3,) = daemon.hears(quick.qm2(qm1), port=4500)
    quick.finish(qm3)
    (offered,) = peer.heard[-2].one(SecurityAssociation).proposals[0].transforms
    assert {a.value for a in offered.attributes if a.type == 4} == {mode}


def test_a_shared_secret_keeps_its_leading_zero() -> None:
    """g^xy is as long as the prime (RFC 2409 section 5): else one exchange in 256 fails."""
    daemon, peer = Daemon(configuration(answers=False)), a_peer()
    mm3 = daemon.answers(peer.mm2(daemon.begins()))
    header, body = decode_header(mm3)
    public = decode_chain(header.next_payload, body).one(KeyExchange).value
    with_leading_zero(peer, int.from_bytes(public))
    daemon.answers(peer.mm6(daemon.answers(peer.mm4(mm3))))
    assert len(daemon.snapshot.isakmp_sas) == 1


def with_leading_zero(peer: Peer, public: int) -> None:
    """Give the peer a secret for which g^xy begins with a zero octet."""
    modulus = prime(GroupDescription.MODP_1024)
    secrets = range(2000, 40000)
    peer.exponent = next(x for x in secrets if pow(public, x, modulus) < 1 << 1016)
    peer.public = pow(2, peer.exponent, modulus).to_bytes(128)


def test_padding_is_whatever_the_peer_likes() -> None:
    """It has no length octet and no HASH covers it (RFC 2409 appendix B): cut off, then hashed."""
    for padding in (b"", bytes(16), b"\x0c" * 12 + bytes(4), b"random octets..." * 4):
        step = awaited("INFO")
        chain = decode_chain(PayloadType.HASH, step.clear).octets
        step.daemon.hears(step.instead(chain + padding))
        assert step.accepted(), padding


def test_both_begin_quick_mode_at_once() -> None:
    """Neither gives way to the other: both end in SAs, and one of them carries the traffic."""
    daemon, peer, qm1 = begun()
    theirs = proposal(peer, message_id=0x77, spi=b"\0\0\7\7")
    qm2 = daemon.answers(theirs.qm1())
    ours = proposal(peer)
    begin_quick_mode(daemon, ours, qm1)
    assert daemon.hears(theirs.qm3(qm2)) == []
    assert len(daemon.snapshot.ipsec_sas) == 2
    assert agreed(daemon, ours) or agreed(daemon, theirs)


@pytest.mark.parametrize("answers", [True, False])
def test_a_refusal_and_then_something_encrypted_in_a_half_open_exchange(answers: bool) -> None:
    """Aggressive mode crashed on it: neither is believed, and phase 1 goes on."""
    daemon, peer = Daemon(configuration(exchange="AGGRESSIVE", answers=answers)), a_peer()
    sent = daemon.answers(peer.am1()) if answers else daemon.begins()
    header, _ = decode_header(sent)
    cookies = header.initiator_cookie, header.responder_cookie if answers else b"whatever"
    notify = peer.notify(N.NO_PROPOSAL_CHOSEN)
    refusal = peer.clear(notify, exchange=ExchangeType.INFO, message_id=3, cookies=cookies)
    head = Header(*cookies, PayloadType.HASH, ExchangeType.INFO, Flags.ENCRYPTION, 4)
    encrypted = head.encode(bytes(range(64)))
    for octets in (refusal, encrypted, refusal):
        assert set(daemon.hears(octets)) <= {sent}, "message 2 again at most"
    if answers:
        daemon.hears(peer.am3(sent))
    else:
        peer.finish_aggressive(daemon.hears(peer.am2(sent))[0])
    assert len(daemon.snapshot.isakmp_sas) == 1


def test_the_wildcard_is_no_identity() -> None:
    """Without ID or Local-address the original, calling in aggressive mode, was 0.0.0.0."""
    daemon, peer = Daemon(configuration(answers=False, exchange="AGGRESSIVE")), a_peer()
    first = peer.read(daemon.begins()).one(Identification)
    assert first.identity.address == DAEMON
