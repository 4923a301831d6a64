"""AH, IPCOMP and bundles of protocols in quick mode (RFC 2408 section 4.2, RFC 3173)."""

from dataclasses import replace

import pytest

from isakmpd.config.model import Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import EVERYTHING, Direction
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EspTransform,
    GroupDescription,
    IpcompTransform,
    NotifyType,
    Protocol,
)
from isakmpd.wire.payloads import Delete, Proposal, SecurityAssociation
from tests.ike.daemon import Daemon, configuration
from tests.ike.offers import Part, Phase2, key_pair
from tests.ike.peer import Peer
from tests.ike.peer_quick_mode import QuickMode
from tests.ike.scenes import (
    a_peer,
    answer_quick_mode,
    begin_main_mode,
    begin_quick_mode,
    begun,
    met,
    proposal,
    refusal,
)

A = AuthenticationAlgorithm
ESP, AH, IPCOMP = Protocol.IPSEC_ESP, Protocol.IPSEC_AH, Protocol.IPCOMP

SECTIONS = """\
[esp-ah-suite]
Protocols= esp,ah
[compressed-suite]
Protocols= ah,ipcomp,esp
[ah-suite]
Protocols= ah
[esp]
PROTOCOL_ID= IPSEC_ESP
Transforms= esp-xf
[esp-xf]
TRANSFORM_ID= AES
KEY_LENGTH= 128,128:256
ENCAPSULATION_MODE= TUNNEL
AUTHENTICATION_ALGORITHM= HMAC_SHA
GROUP_DESCRIPTION= MODP_1024
Life= LIFE_QUICK_MODE
[ah]
PROTOCOL_ID= IPSEC_AH
Transforms= ah-xf
[ah-xf]
TRANSFORM_ID= SHA2_256
ENCAPSULATION_MODE= TUNNEL
AUTHENTICATION_ALGORITHM= HMAC_SHA2_256
GROUP_DESCRIPTION= MODP_1024
Life= LIFE_QUICK_MODE
[ipcomp]
PROTOCOL_ID= IPCOMP
Transforms= ipcomp-xf
[ipcomp-xf]
TRANSFORM_ID= DEFLATE
ENCAPSULATION_MODE= TUNNEL
Life= LIFE_QUICK_MODE
"""
AH_OFFER = Phase2(AhTransform.SHA2_256, None, A.HMAC_SHA2_256)
AH_PART = Part(AH, b"\x0a\x11\xca\xfe", AH_OFFER)
IPCOMP_OFFER = Phase2(IpcompTransform.DEFLATE, None, A.NONE, None)
IPCOMP_PART = Part(IPCOMP, b"\x4c\xaf", IPCOMP_OFFER)


def suites(names: str, **tags: object) -> Configuration:
    """A gateway with these suites."""
    return configuration(suites=names, more=SECTIONS, **tags)  # type: ignore[arg-type]


# The suite, and what the peer speaks: its first protocol and those beside it.
BUNDLES = {
    "ESP with AH": ("esp-ah-suite", {"beside": (AH_PART,)}),
    "ESP with IPCOMP and AH": ("compressed-suite", {"beside": (AH_PART, IPCOMP_PART)}),
    "AH alone": ("ah-suite", {"protocol": AH, "offer": AH_OFFER}),
    "AH, generated": (
        "QM-AH-SHA2-256-PFS-SUITE",
        {"protocol": AH, "offer": AH_OFFER},
    ),
}


def quick_mode(peer: Peer, case: str) -> QuickMode:
    """The peer's quick mode of a case."""
    return proposal(peer, **BUNDLES[case][1])  # type: ignore[arg-type]


def assert_agreed(daemon: Daemon, quick: QuickMode) -> None:
    """Both hold the same keys for each protocol and direction, and one flow through all."""
    spis = {key: octets for key, octets in quick.keys.items() if key[1]}
    held = {
        (key.protocol, key.spi.to_bytes(2 if key.protocol == IPCOMP else 4)): (
            sa.keys.encryption_key + sa.keys.authentication_key
        )
        for key, sa in daemon.stack.sas.items()
    }
    assert {
        (protocol, spi[-2:] if protocol == IPCOMP else spi): key
        for (protocol, spi), key in spis.items()
    } == held
    (bundle,) = daemon.stack.flows.values()
    order = [IPCOMP, ESP, AH]
    spoken = sorted((part.protocol for part in quick.parts), key=order.index)
    assert [key.protocol for key in bundle] == spoken
    assert {key.direction for key in bundle} == {Direction.OUTBOUND}


@pytest.mark.parametrize("case", BUNDLES)
def test_the_daemon_answers(case: str) -> None:
    """One SA a protocol and direction; what is applied first is compression, last AH."""
    daemon, peer = met(suites(BUNDLES[case][0]))
    quick = quick_mode(peer, case)
    answer_quick_mode(daemon, quick)
    assert_agreed(daemon, quick)
    assert daemon.log == []


@pytest.mark.parametrize("case", BUNDLES)
def test_the_daemon_begins(case: str) -> None:
    """The same the other way round."""
    daemon, peer, qm1 = begun(suites(BUNDLES[case][0], answers=False))
    quick = quick_mode(peer, case)
    begin_quick_mode(daemon, quick, qm1)
    assert_agreed(daemon, quick)
    assert daemon.log == []


def test_every_inbound_sa_exists_before_the_answer_leaves() -> None:
    """And no outbound one yet."""
    daemon, peer = met(suites("compressed-suite"))
    daemon.answers(quick_mode(peer, "ESP with IPCOMP and AH").qm1())
    assert {(key.protocol, key.direction) for key in daemon.stack.sas} == {
        (protocol, Direction.INBOUND) for protocol in (ESP, AH, IPCOMP)
    }


def test_an_offer_numbers_suites_and_sizes_each_spi() -> None:
    """One number for all protocols of a suite; ESP and AH have 4 octets, IPCOMP 2."""
    _, peer, qm1 = begun(suites("compressed-suite,esp-ah-suite", answers=False))
    offered = sa_in(peer, qm1)
    assert [(p.number, p.protocol, len(p.spi)) for p in offered.proposals] == [
        (1, AH, 4),
        (1, IPCOMP, 2),
        (1, ESP, 4),
        (2, ESP, 4),
        (2, AH, 4),
    ]
    kinds = [[a.type for a in p.transforms[0].attributes] for p in offered.proposals[:3]]
    assert kinds == [[1, 2, 4, 5, 3], [1, 2, 4], [1, 2, 4, 5, 3, 6]]


def sa_in(peer: Peer, datagram: bytes) -> SecurityAssociation:
    """The SA payload of the first message of a quick mode."""
    header, _ = decode_header(datagram)
    return peer.read(datagram, peer.phase2_iv(header.message_id)).one(SecurityAssociation)


def replaced(quick: QuickMode, *proposals: Proposal) -> bytes:
    """QM1 with other proposals."""
    sa, *rest = quick.payloads()
    assert isinstance(sa, SecurityAssociation)
    return quick.qm1((replace(sa, proposals=proposals), *rest))


def test_alternatives_are_taken_in_the_initiators_order_and_as_a_whole() -> None:
    """The first number has a protocol too many, the second one too few, the third is right."""
    daemon, peer = met(suites("esp-ah-suite"))
    quick = proposal(peer, beside=(AH_PART,))
    esp, ah = (part.proposal() for part in quick.parts)
    proposals = (
        *(replace(p, number=1) for p in (esp, ah, IPCOMP_PART.proposal())),
        replace(esp, number=2),
        replace(ah, number=7),
        replace(esp, number=7),
        replace(esp, number=9),
        replace(ah, number=9),
    )
    answer = quick.read(daemon.answers(replaced(quick, *proposals))).one(SecurityAssociation)
    assert [(p.number, p.protocol) for p in answer.proposals] == [(7, AH), (7, ESP)]
    assert [p.transforms for p in answer.proposals] == [ah.transforms, esp.transforms]


def test_each_protocol_of_a_bundle_must_have_a_transform_that_will_do() -> None:
    """One that will not refuses all, in the words of that one."""
    daemon, peer = met(suites("esp-ah-suite"))
    weak = replace(AH_PART, offer=Phase2(AhTransform.MD5, None, A.HMAC_MD5))
    notify = refusal(peer, daemon.hears(proposal(peer, beside=(weak,)).qm1()))
    assert notify.type == NotifyType.NO_PROPOSAL_CHOSEN
    assert "TRANSFORM_ID: got MD5, expected SHA2_256 in [ah-xf]" in daemon.log[0]
    assert daemon.stack.sas == {}


@pytest.mark.parametrize(
    ("case", "change", "said"),
    [
        (
            "AH alone",
            {"offer": replace(AH_OFFER, authentication=A.NONE)},
            "AUTHENTICATION_ALGORITHM: got NONE, expected HMAC_SHA2_256 in [ah-xf]",
        ),
        (
            "AH alone",
            {"offer": replace(AH_OFFER, group=None)},
            "GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in [ah-xf]",
        ),
        (
            "ESP with IPCOMP and AH",
            {"beside": (AH_PART, replace(IPCOMP_PART, offer=replace(IPCOMP_OFFER, key_length=8)))},
            "KEY_LENGTH is not supported in [ipcomp-xf]",
        ),
        (
            "ESP with IPCOMP and AH",
            {
                "beside": (
                    AH_PART,
                    replace(IPCOMP_PART, offer=Phase2(EspTransform(3), None, A.NONE, None)),
                )
            },
            "TRANSFORM_ID: got LZS, expected DEFLATE in [ipcomp-xf]",
        ),
        (
            "ESP with IPCOMP and AH",
            {"beside": (AH_PART, replace(IPCOMP_PART, spi=b"\0\xff"))},
            "#1 IPCOMP SPI 00ff, expected IPSEC_AH with IPCOMP with IPSEC_ESP alone",
        ),
        (
            "ESP with IPCOMP and AH",
            {"beside": (AH_PART, replace(IPCOMP_PART, spi=b"\1\0\0\0"))},
            "#1 IPCOMP SPI 01000000, expected",
        ),
        (
            "ESP with AH",
            {"beside": (AH_PART, AH_PART)},
            "expected IPSEC_ESP with IPSEC_AH alone",
        ),
    ],
)
def test_what_a_bundle_is_refused_for(case: str, change: dict[str, object], said: str) -> None:
    """Attributes that AH must have and IPCOMP cannot, CPIs, a protocol twice."""
    daemon, peer = met(suites(BUNDLES[case][0]))
    quick = replace(quick_mode(peer, case), **change)  # type: ignore[arg-type]
    if not quick.public:
        quick.exponent, quick.public = key_pair(GroupDescription.MODP_1024)
    assert refusal(peer, daemon.hears(quick.qm1())).type == NotifyType.NO_PROPOSAL_CHOSEN
    assert said in daemon.log[0]
    assert daemon.stack.sas == {}


def test_a_cpi_may_come_in_four_octets_and_goes_back_so() -> None:
    """RFC 3173 section 4.1 allows both; whoever writes four may read only four."""
    daemon, peer = met(suites("compressed-suite"))
    wide = replace(IPCOMP_PART, spi=b"\0\0\x4c\xaf")
    quick = proposal(peer, beside=(AH_PART, wide))
    answer_quick_mode(daemon, quick)
    answer = peer.heard[-1].one(SecurityAssociation)
    cpis = {p.protocol: p.spi for p in answer.proposals}
    assert len(cpis[IPCOMP]) == 4
    assert cpis[IPCOMP][:2] == bytes(2)
    assert_agreed(daemon, quick)


def test_transforms_with_unknown_attributes_are_passed_over_one_by_one() -> None:
    """ESN (11) and ECN (10) among them: the transform behind is taken."""
    daemon, peer = met(suites("esp-ah-suite"))
    quick = proposal(peer, beside=(AH_PART,))
    esp, ah = (part.proposal() for part in quick.parts)
    (good,) = esp.transforms
    odd = [
        replace(good, number=1, attributes=(*good.attributes, Attribute.of(11, 1))),
        replace(good, number=2, attributes=(*good.attributes, Attribute.of(10, 1))),
        replace(good, number=3, transform_id=200),
    ]
    several = replace(esp, transforms=(*odd, replace(good, number=4)))
    answer = quick.read(daemon.answers(replaced(quick, several, ah))).one(SecurityAssociation)
    assert [t.number for p in answer.proposals for t in p.transforms] == [4, 1]


# The answer to our own offer


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((), "a transform we did not offer: AES KEY_LENGTH 128"),
        (
            (replace(AH_PART, offer=Phase2(AhTransform.MD5, None, A.HMAC_MD5)),),
            "a transform we did not offer: AES KEY_LENGTH 128 HMAC_SHA TUNNEL MODP_1024 with MD5",
        ),
        ((AH_PART, IPCOMP_PART), "a transform we did not offer"),
        ((AH_PART, AH_PART), "not one of our proposals with one transform for each protocol"),
        ((replace(AH_PART, spi=b"\1"),), "not one of our proposals"),
    ],
)
def test_an_answer_that_is_not_the_whole_bundle(parts: tuple[Part, ...], said: str) -> None:
    """Nobody takes AH away, changes it, or adds to it."""
    daemon, peer, qm1 = begun(suites("esp-ah-suite", answers=False))
    quick = proposal(peer, beside=parts)
    notify = refusal(peer, daemon.hears(quick.qm2(qm1)))
    assert notify.type in (NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.BAD_PROPOSAL_SYNTAX)
    assert said in daemon.log[0]
    assert_nothing_held(daemon)


def assert_nothing_held(daemon: Daemon) -> None:
    """No SA, no flow, and every SPI given back."""
    assert daemon.stack.sas == {}
    assert daemon.stack.flows == {}
    given = {
        (request.protocol, request.spi)
        for request in daemon.requests
        if isinstance(request, ipsec.ReleaseSpi)
    }
    removed = {
        (request.key.protocol, request.key.spi)
        for request in daemon.requests
        if isinstance(request, ipsec.RemoveSa)
    }
    asked = [r.protocol for r in daemon.requests if isinstance(r, ipsec.AllocateSpi)]
    assert sorted(asked) == sorted(protocol for protocol, _ in given | removed)


def test_spis_of_protocols_offered_in_vain_are_given_back() -> None:
    """Two suites are offered, the smaller is chosen."""
    daemon, peer, qm1 = begun(suites("esp-ah-suite,ah-suite", answers=False))
    quick = quick_mode(peer, "AH alone")
    begin_quick_mode(daemon, quick, qm1)
    assert_agreed(daemon, quick)
    released = [r.protocol for r in daemon.requests if isinstance(r, ipsec.ReleaseSpi)]
    assert released == [ESP]


def test_a_bundle_that_fails_midway_leaves_nothing() -> None:
    """The peer's last message never comes: it is told of what it may have in use."""
    daemon, peer = met(suites("compressed-suite"))
    daemon.answers(quick_mode(peer, "ESP with IPCOMP and AH").qm1())
    assert len(daemon.stack.sas) == 3
    daemon.passes(130)
    assert_nothing_held(daemon)


def test_the_peers_delete_of_any_spi_removes_the_bundle() -> None:
    """A bundle lives and dies as one; a protocol's SPI is nobody else's."""
    for protocol, spi in ((ESP, b"\x0b\xad\xca\xfe"), (AH, AH_PART.spi), (IPCOMP, IPCOMP_PART.spi)):
        daemon, peer = met(suites("compressed-suite"))
        answer_quick_mode(daemon, quick_mode(peer, "ESP with IPCOMP and AH"))
        other = AH if protocol == ESP else ESP
        daemon.hears(peer.protected(peer.delete(other, spi.rjust(4, b"\0")), message_id=8))
        assert len(daemon.stack.sas) == 6
        daemon.hears(peer.protected(peer.delete(protocol, spi), message_id=9))
        assert daemon.stack.sas == {}
        assert daemon.stack.flows == {}


def test_our_deletes_name_each_protocol() -> None:
    """At the end of its life a bundle is deleted by each of its SPIs."""
    daemon, peer = met(suites("esp-ah-suite"))
    quick = proposal(peer, beside=(AH_PART,))
    answer_quick_mode(daemon, quick)
    ours = {p.protocol: p.spi for p in peer.heard[-1].one(SecurityAssociation).proposals}
    sent = daemon.passes(1200)
    said = [delete for _, octets in sent for delete in peer.informed(octets).all(Delete)]
    assert {(d.protocol, d.spis) for d in said} == {(ESP, (ours[ESP],)), (AH, (ours[AH],))}


# What the stack carries

BARE_ESP = replace(
    EVERYTHING,
    stack="plain",
    transforms=frozenset(pair for pair in EVERYTHING.transforms if pair[0] == ESP),
    bundles=False,
)


def test_what_the_stack_does_not_carry_is_neither_offered_nor_accepted() -> None:
    """And is said once, when the configuration is read."""
    config = suites("esp-ah-suite,QM-ESP-AES-128-SHA-PFS-SUITE", answers=False)
    daemon, peer = Daemon(config, capabilities=BARE_ESP), a_peer()
    said = (
        "[lan]: [esp-ah-suite]: the plain IPsec stack does not carry IPSEC_ESP with IPSEC_AH; "
        "the others are used"
    )
    assert daemon.log == [said]
    offered = sa_in(peer, begin_main_mode(daemon, peer))
    assert [p.protocol for p in offered.proposals] == [ESP]
    notify = refusal(peer, daemon.hears(proposal(peer, beside=(AH_PART,)).qm1()))
    assert notify.type == NotifyType.NO_PROPOSAL_CHOSEN
    assert "[esp-ah-suite]: the plain IPsec stack does not carry" in daemon.log[-1]
    daemon.engine.configure(config, daemon.now)
    assert daemon.log.count(said) == 1


def test_a_connection_whose_suites_the_stack_lacks_says_that_it_cannot_come_up() -> None:
    """Nothing is left to offer."""
    daemon, peer = Daemon(suites("ah-suite", answers=False), capabilities=BARE_ESP), a_peer()
    assert daemon.log == [
        "[lan]: [ah-suite]: the plain IPsec stack does not carry IPSEC_AH; no suite is left, so "
        "it cannot come up"
    ]
    mm5 = daemon.answers(peer.mm4(daemon.answers(peer.mm2(daemon.begins()))))
    daemon.hears(peer.mm6(mm5))
    assert "lan: quick mode with 192.0.2.2:500 failed: nothing can be offered" in daemon.log[1]
