"""Offers and answers of phase 2, held against each other without messages around them."""

from dataclasses import replace

import pytest

from isakmpd.ike.phase2_proposal import answer, check, offer
from isakmpd.ike.phase2_selection import choose
from isakmpd.ike.phase2_transform import Circumstances
from isakmpd.ike.refused import Refused
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    GroupDescription,
    Protocol,
)
from isakmpd.wire.payloads import SecurityAssociation
from tests.ike.daemon import configuration
from tests.ike.offers import Phase2, security_association

SPI = b"\x0b\xad\xca\xfe"
OWN_SPI = b"\x12\x34\x56\x78"
SUITES = "QM-ESP-AES-256-SHA2-256-PFS-SUITE,QM-ESP-3DES-MD5-PFS-SUITE,QM-ESP-AESGCM-128-PFS-SUITE"
LAN = configuration(suites=SUITES).connections["lan"]
BARE = Circumstances()
BEHIND_NAT = Circumstances(nat=True, nat_t_port=True)


def proposed(*offers: Phase2) -> SecurityAssociation:
    """An SA payload of one proposal with these transforms."""
    return security_association(
        Protocol.IPSEC_ESP, SPI, *((one.transform, one.attributes()) for one in offers)
    )


def test_an_offer_has_a_proposal_for_each_suite() -> None:
    """Numbered from 1, as are their transforms, all with the one SPI."""
    proposals = offer(LAN.suites, {Protocol.IPSEC_ESP: SPI}, BARE).proposals
    assert [(p.number, p.protocol, p.spi) for p in proposals] == [
        (number, Protocol.IPSEC_ESP, SPI) for number in (1, 2, 3)
    ]
    assert [[t.number for t in p.transforms] for p in proposals] == [[1], [1], [1]]
    assert [p.transforms[0].transform_id for p in proposals] == [
        EspTransform.AES,
        EspTransform.TRIPLE_DES,
        EspTransform.AES_GCM_16,
    ]


def test_an_offer_lists_attributes_in_the_originals_order() -> None:
    """Life, mode, authentication, group, key length."""
    (first, *_) = offer(LAN.suites, {Protocol.IPSEC_ESP: SPI}, BARE).proposals
    assert [(a.type, a.value) for a in first.transforms[0].attributes] == [
        (1, 1),
        (2, 1200),
        (4, 1),
        (5, 5),
        (3, 2),
        (6, 256),
    ]


@pytest.mark.parametrize("circumstances", [BARE, BEHIND_NAT, replace(BEHIND_NAT, drafts=True)])
def test_what_is_offered_is_accepted_by_the_same_configuration(
    circumstances: Circumstances,
) -> None:
    """Each suite by itself, bare and in UDP; the answer has our SPI and all else as it was."""
    offered = offer(LAN.suites, {Protocol.IPSEC_ESP: SPI}, circumstances)
    for proposal in offered.proposals:
        alone = replace(offered, proposals=(proposal,))
        choice = choose(alone, LAN, circumstances, key_exchange=True)
        answered = answer(alone, choice, {Protocol.IPSEC_ESP: OWN_SPI})
        assert answered == replace(alone, proposals=(replace(proposal, spi=OWN_SPI),))
        assert choice.principal.peer_spi == SPI
        ours = check(answered, LAN.suites, circumstances)
        assert ours.protocols == (replace(choice.principal, peer_spi=OWN_SPI),)
        assert (ours.group, ours.lifetimes) == (choice.group, choice.lifetimes)
        assert ours.mode == EncapsulationMode.TUNNEL
        assert ours.in_udp is circumstances.nat


def test_without_key_length_aes_means_128_bits() -> None:
    """RFC 3602 section 5.3: so it is no AES-256, and it is AES-GCM-128."""
    with pytest.raises(Refused, match="KEY_LENGTH: got 128, expected 256"):
        choose(
            proposed(Phase2(key_length=None, authentication=AuthenticationAlgorithm.HMAC_SHA2_256)),
            LAN,
            BARE,
            key_exchange=True,
        )
    short = Phase2(EspTransform.AES_GCM_16, None, AuthenticationAlgorithm.NONE)
    choice = choose(proposed(short), LAN, BARE, key_exchange=True)
    assert choice.principal.key_length == 128


def test_3des_may_repeat_its_only_key_length() -> None:
    """192 says nothing new."""
    offered = Phase2(EspTransform.TRIPLE_DES, 192, AuthenticationAlgorithm.HMAC_MD5)
    choice = choose(proposed(offered), LAN, BARE, key_exchange=True)
    assert choice.principal.key_length is None


def test_3des_has_no_other_key_length() -> None:
    """Such a transform is passed over like any other that differs."""
    good = Phase2(EspTransform.TRIPLE_DES, None, AuthenticationAlgorithm.HMAC_MD5)
    odd = replace(good, key_length=128)
    choice = choose(proposed(odd, good), LAN, BARE, key_exchange=True)
    assert choice.principal.proposal.transforms[0].attributes == good.attributes()
    only_odd = configuration(suites="QM-ESP-3DES-MD5-PFS-SUITE").connections["lan"]
    with pytest.raises(Refused, match="KEY_LENGTH: got 3DES with KEY_LENGTH 128, expected 192"):
        choose(proposed(odd), only_odd, BARE, key_exchange=True)


def test_a_section_without_key_length_takes_what_the_cipher_has() -> None:
    """A hand-written transform of AES without the tag: any of its lengths, and no other."""
    more = """\
[any-aes-suite]
Protocols= any-aes
[any-aes]
PROTOCOL_ID= IPSEC_ESP
Transforms= any-aes-xf
[any-aes-xf]
TRANSFORM_ID= AES
ENCAPSULATION_MODE= TUNNEL
AUTHENTICATION_ALGORITHM= HMAC_SHA
GROUP_DESCRIPTION= MODP_1024
Life= LIFE_QUICK_MODE
"""
    lan = configuration(suites="any-aes-suite", more=more).connections["lan"]
    for asked, taken in ((None, 128), (128, 128), (256, 256)):
        offered = proposed(Phase2(key_length=asked))
        choice = choose(offered, lan, BARE, key_exchange=True)
        assert choice.principal.key_length == taken
    with pytest.raises(Refused, match="KEY_LENGTH: got AES with KEY_LENGTH 100, expected 128"):
        choose(proposed(Phase2(key_length=100)), lan, BARE, key_exchange=True)


@pytest.mark.parametrize(
    "odd",
    [
        Phase2(EspTransform.AES_GCM_16, 128, AuthenticationAlgorithm.HMAC_SHA),
        Phase2(EspTransform.AES_GCM_16, 100, AuthenticationAlgorithm.NONE),
        Phase2(EspTransform.NULL, None, AuthenticationAlgorithm.NONE),
        Phase2(group=GroupDescription(31)),
        Phase2(more=(Attribute.of(3, 14),)),
        Phase2(more=(Attribute(2, b"", basic=False),)),
        Phase2(more=(Attribute(4, b"\1" * 60000, basic=False),)),
        Phase2(mode=EncapsulationMode(0)),
        Phase2(mode=EncapsulationMode(65535)),
        Phase2(seconds=0),
        Phase2(seconds=59),
        Phase2(seconds=86401),
        Phase2(seconds=2**32 - 1),
    ],
)
def test_odd_transforms_are_passed_over(odd: Phase2) -> None:
    """They are refused alone, and do not spoil a good one behind them."""
    good = Phase2(
        key_length=256, authentication=AuthenticationAlgorithm.HMAC_SHA2_256, seconds=1200
    )
    with pytest.raises(Refused, match="no compatible proposal found"):
        choose(proposed(odd), LAN, BARE, key_exchange=True)
    choice = choose(proposed(odd, good), LAN, BARE, key_exchange=True)
    assert choice.principal.proposal.transforms[0].attributes == good.attributes()


def test_thousands_of_proposals_are_refused_in_one_short_sentence() -> None:
    """What the peer sends does not swell the line."""
    sa = proposed(*[Phase2(key_length=192)] * 250)
    many = replace(sa, proposals=tuple(replace(sa.proposals[0], number=n % 256) for n in range(20)))
    with pytest.raises(Refused) as refused:
        choose(many, LAN, BARE, key_exchange=True)
    assert len(refused.value.reason) < 400


@pytest.mark.parametrize("count", [0, 2])
def test_an_answer_is_one_proposal(count: int) -> None:
    """RFC 2408 section 4.2: the responder chooses."""
    sa = proposed(Phase2())
    with pytest.raises(Refused, match="is not one of our proposals with one transform"):
        check(replace(sa, proposals=sa.proposals * count), LAN.suites, BARE)


def test_an_answer_with_more_in_it_than_was_offered() -> None:
    """An attribute we did not send, whatever it means."""
    mine = Phase2(key_length=256, authentication=AuthenticationAlgorithm.HMAC_SHA2_256)
    assert check(proposed(mine), LAN.suites, BARE)
    more = replace(mine, more=(Attribute.of(10, 1),))
    with pytest.raises(Refused, match="a transform we did not offer"):
        check(proposed(more), LAN.suites, BARE)


def test_an_answer_of_two_transforms() -> None:
    """Nor may it choose twice within a proposal."""
    with pytest.raises(Refused, match="is not one of our proposals with one transform"):
        check(proposed(Phase2(), Phase2()), LAN.suites, BARE)
