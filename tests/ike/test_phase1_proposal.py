"""Offers and answers of phase 1, held against each other without messages around them."""

from dataclasses import replace

import pytest

from isakmpd.ike.lifetime import Lifetimes
from isakmpd.ike.phase1_proposal import Phase1Choice, check, choose, offer
from isakmpd.ike.refused import Refused
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    AuthenticationMethod,
    EncryptionAlgorithm,
    GroupDescription,
    HashAlgorithm,
    NotifyType,
    Protocol,
)
from isakmpd.wire.payloads import SecurityAssociation
from tests.ike.daemon import configuration
from tests.ike.offers import Phase1, security_association

LIFE_OF_BOTH_KINDS = """\
[ours]
ENCRYPTION_ALGORITHM= AES_CBC
KEY_LENGTH= 128,128:256
HASH_ALGORITHM= SHA
AUTHENTICATION_METHOD= PRE_SHARED
GROUP_DESCRIPTION= MODP_1024
Life= an-hour,a-gigabyte
[an-hour]
LIFE_TYPE= SECONDS
LIFE_DURATION= 3600,60:86400
[a-gigabyte]
LIFE_TYPE= KILOBYTES
LIFE_DURATION= 1000000
"""
PEER = configuration().peers["peer"]
RANGED = configuration(transforms="ours", more=LIFE_OF_BOTH_KINDS).peers["peer"]


def proposed(*offers: Phase1) -> SecurityAssociation:
    """An SA payload of these transforms."""
    return security_association(Protocol.ISAKMP, b"", *((1, one.attributes()) for one in offers))


def lengthened(attribute: Attribute) -> Attribute:
    """The same number in four octets instead of two."""
    return Attribute(attribute.type, attribute.value.to_bytes(4), basic=False)


def test_an_offer_lists_attributes_in_the_originals_order() -> None:
    """Encryption, hash, authentication, group, both lives, key length."""
    (transform,) = offer(RANGED).proposals[0].transforms
    assert [(a.type, a.value) for a in transform.attributes] == [
        (1, 7),
        (2, 2),
        (3, 1),
        (4, 2),
        (11, 1),
        (12, 3600),
        (11, 2),
        (12, 1000000),
        (14, 128),
    ]
    assert [a.basic for a in transform.attributes][-2:] == [False, True]


def test_what_is_offered_is_accepted_by_the_same_configuration() -> None:
    """Both lives included: an answer that repeats the offer matches it."""
    answer, choice = choose(offer(RANGED), RANGED)
    assert check(answer, RANGED) == choice
    assert choice == Phase1Choice(
        EncryptionAlgorithm.AES_CBC,
        HashAlgorithm.SHA,
        AuthenticationMethod.PRE_SHARED,
        GroupDescription.MODP_1024,
        128,
        Lifetimes(3600, 1000000),
    )


def test_the_form_of_a_number_does_not_matter() -> None:
    """Two octets or four: equal values match."""
    sa = proposed(Phase1())
    (proposal,) = sa.proposals
    (transform,) = proposal.transforms
    longer = replace(transform, attributes=tuple(map(lengthened, transform.attributes)))
    same = replace(sa, proposals=(replace(proposal, transforms=(longer,)),))
    assert choose(same, PEER)[1] == check(sa, PEER)


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_a_range_of_key_lengths_is_accepted(bits: int) -> None:
    """V,MIN:MAX in the section; the peer's value is the one used."""
    assert choose(proposed(Phase1(key_length=bits)), RANGED)[1].key_length == bits


def test_the_nearest_transform_is_the_one_complained_of() -> None:
    """Of several, the one with fewest differences says what to change."""
    far = Phase1(EncryptionAlgorithm(5), None, HashAlgorithm.MD5, GroupDescription.MODP_2048)
    near = Phase1(group=GroupDescription.MODP_2048)
    for order in ((far, near), (near, far)):
        with pytest.raises(Refused) as refused:
            choose(proposed(*order), PEER)
        assert refused.value.reason == (
            "no compatible proposal found: GROUP_DESCRIPTION: got MODP_2048, expected MODP_1024 "
            "in [AES-128-SHA] ([main-mode]:Transforms decides)"
        )
        assert refused.value.notify == NotifyType.NO_PROPOSAL_CHOSEN


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (Phase1(key_length=256), "AES_CBC KEY_LENGTH 256 SHA PRE_SHARED MODP_1024"),
        (Phase1(key_length=None), "AES_CBC SHA PRE_SHARED MODP_1024"),
        (Phase1(hash=HashAlgorithm.MD5), "AES_CBC KEY_LENGTH 128 MD5 PRE_SHARED MODP_1024"),
        (
            Phase1(group=GroupDescription.MODP_768),
            "AES_CBC KEY_LENGTH 128 SHA PRE_SHARED MODP_768",
        ),
        (Phase1(authentication=3), "AES_CBC KEY_LENGTH 128 SHA RSA_SIG MODP_1024"),
        (
            Phase1(more=(Attribute.of(13, 1),)),
            "AES_CBC KEY_LENGTH 128 SHA PRE_SHARED MODP_1024",
        ),
    ],
)
def test_an_answer_that_was_not_offered_is_refused(answer: Phase1, shown: str) -> None:
    """Nobody talks an initiator into weaker algorithms."""
    with pytest.raises(Refused) as refused:
        check(proposed(answer), PEER)
    assert refused.value.reason == f"the peer answers with a transform we did not offer: {shown}"


def test_an_answer_without_life_is_refused() -> None:
    """Zero seconds are not taken for no limit."""
    with pytest.raises(Refused, match="a transform we did not offer"):
        check(proposed(Phase1(seconds=0)), PEER)


@pytest.mark.parametrize("count", [0, 2])
def test_an_answer_has_one_transform(count: int) -> None:
    """RFC 2408 section 4.2: the responder chooses."""
    with pytest.raises(Refused, match=f"the peer answers with {count} transforms, expected 1"):
        check(proposed(*[Phase1()] * count), PEER)


def test_an_answer_may_shorten_the_life_but_not_stretch_it() -> None:
    """What both said counts; the shorter."""
    assert check(proposed(Phase1(seconds=600)), PEER).lifetimes.seconds == 600
    assert check(proposed(Phase1(seconds=80000)), PEER).lifetimes.seconds == 3600
    assert check(proposed(Phase1(seconds=None)), PEER).lifetimes.seconds == 3600


def test_3des_may_repeat_its_only_key_length() -> None:
    """Some peers send 192, which changes nothing; other values are impossible."""
    peer = configuration(transforms="3DES-SHA").peers["peer"]
    assert choose(proposed(Phase1(EncryptionAlgorithm(5), 192)), peer)[1].key_length is None
    with pytest.raises(Refused, match="KEY_LENGTH: got 128, impossible for 3DES_CBC"):
        choose(proposed(Phase1(EncryptionAlgorithm(5), 128)), peer)
