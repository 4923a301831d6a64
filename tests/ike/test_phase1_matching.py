"""Offers held against sections, case by case and as properties (RFC 2409 section 5, appendix A)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.model import Lifetime, OfferAccept, Peer, Phase1Transform
from isakmpd.ike.phase1_proposal import NoCommonTransform, check, choose, offer
from isakmpd.ike.refused import Refused
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    AuthenticationMethod,
    EncryptionAlgorithm,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
    LifeType,
    Protocol,
)
from isakmpd.wire.payloads import SecurityAssociation, Transform
from tests.ike.offers import Phase1, security_association

E = EncryptionAlgorithm
RSA_SIG = AuthenticationMethod.RSA_SIG
BITS_128 = OfferAccept(128, 128, 128)


def section(
    encryption: E | None = E.AES_CBC,
    hash_: HashAlgorithm | None = HashAlgorithm.SHA,
    group: GroupDescription | None = GroupDescription.MODP_1024,
    key_length: OfferAccept | None = BITS_128,
    authentication: AuthenticationMethod | None = AuthenticationMethod.PRE_SHARED,
    lifetimes: tuple[Lifetime, ...] = (),
) -> Phase1Transform:
    """A transform section."""
    return Phase1Transform("ours", encryption, hash_, authentication, group, key_length, lifetimes)


def peer(*transforms: Phase1Transform) -> Peer:
    """A peer section with these."""
    return Peer("peer", "mode", ExchangeType.ID_PROT, transforms)


def proposed(*offers: Phase1) -> SecurityAssociation:
    """An SA payload of these transforms."""
    return security_association(Protocol.ISAKMP, b"", *((1, one.attributes()) for one in offers))


def accepts(ours: Phase1Transform, theirs: Phase1) -> bool:
    """Tell whether an offer is taken."""
    try:
        choose(proposed(theirs), peer(ours))
    except Refused:
        return False
    return True


ANYTHING = section(None, None, None, None, None)
MATCHES = [
    # A key length where the section names one
    (section(), Phase1(), True),
    (section(), Phase1(key_length=None), True),
    (section(), Phase1(key_length=192), False),
    (section(key_length=OfferAccept(128, 128, 256, ranged=True)), Phase1(key_length=192), True),
    (section(key_length=OfferAccept(256, 256, 256)), Phase1(key_length=None), False),
    # and where it does not
    (section(key_length=None), Phase1(key_length=None), True),
    (section(key_length=None), Phase1(key_length=256), True),
    (section(key_length=None), Phase1(key_length=100), False),
    # Ciphers of one length may repeat it
    (section(E.TRIPLE_DES_CBC, key_length=None), Phase1(E.TRIPLE_DES_CBC, None), True),
    (section(E.TRIPLE_DES_CBC, key_length=None), Phase1(E.TRIPLE_DES_CBC, 192), True),
    (section(E.TRIPLE_DES_CBC, key_length=None), Phase1(E.TRIPLE_DES_CBC, 168), False),
    (section(E.CAST_CBC, key_length=None), Phase1(E.CAST_CBC, None), True),
    (section(E.CAST_CBC, key_length=None), Phase1(E.CAST_CBC, 128), True),
    (section(E.CAST_CBC, key_length=None), Phase1(E.CAST_CBC, 40), False),
    (section(E.BLOWFISH_CBC, key_length=None), Phase1(E.BLOWFISH_CBC, 64), False),
    (
        section(E.BLOWFISH_CBC, key_length=OfferAccept(128, 96, 192, ranged=True)),
        Phase1(E.BLOWFISH_CBC, 160),
        True,
    ),
    # DES by its name alone
    (section(E.DES_CBC, key_length=None), Phase1(E.DES_CBC, None), True),
    (ANYTHING, Phase1(E.DES_CBC, None), False),
    # ANY is what we can
    (ANYTHING, Phase1(), True),
    (ANYTHING, Phase1(E.BLOWFISH_CBC, 128, HashAlgorithm.MD5, GroupDescription.ECP_256), True),
    (ANYTHING, Phase1(E.IDEA_CBC, None), False),
    (ANYTHING, Phase1(hash=HashAlgorithm.TIGER), False),
    (ANYTHING, Phase1(group=GroupDescription.EC2N_155), False),
    (ANYTHING, Phase1(authentication=RSA_SIG), True),
    (ANYTHING, Phase1(authentication=AuthenticationMethod.DSS), False),
    (ANYTHING, Phase1(authentication=0), False),
]


@pytest.mark.parametrize(("ours", "theirs", "taken"), MATCHES)
def test_matches(ours: Phase1Transform, theirs: Phase1, taken: bool) -> None:
    """One section, one offer."""
    assert accepts(ours, theirs) is taken


def test_what_cannot_be_understood_is_passed_over() -> None:
    """Unknown attributes, ciphers, transform IDs and methods cost their transform alone."""
    good = Phase1()
    odd = [
        replace(good, more=(Attribute.of(13, 1),)),
        replace(good, more=(Attribute.of(16000, 1),)),
        replace(good, more=(Attribute(99, bytes(4000), basic=False),)),
        replace(good, encryption=E(77)),
        replace(good, authentication=65001),
        replace(good, authentication=RSA_SIG),
    ]
    sa = proposed(*odd, good)
    (proposal,) = sa.proposals
    strange = Transform(99, 2, good.attributes())
    sa = replace(sa, proposals=(replace(proposal, transforms=(strange, *proposal.transforms)),))
    answer, _ = choose(sa, peer(section()))
    (chosen,) = answer.proposals[0].transforms
    assert chosen == proposal.transforms[-1]


def test_the_initiators_order_decides() -> None:
    """The first offered transform that any section takes."""
    ours = peer(section(), section(E.TRIPLE_DES_CBC, key_length=None))
    _, choice = choose(proposed(Phase1(E.TRIPLE_DES_CBC, None), Phase1()), ours)
    assert choice.encryption == E.TRIPLE_DES_CBC


def test_the_differences_are_values_too() -> None:
    """Tag, both values and section, for whoever explains a failure."""
    with pytest.raises(NoCommonTransform) as refused:
        choose(proposed(Phase1(hash=HashAlgorithm.MD5)), peer(section()))
    (difference,) = refused.value.differences
    assert (difference.tag, difference.got, difference.expected, difference.section) == (
        "HASH_ALGORITHM",
        "MD5",
        "SHA",
        "ours",
    )


def test_any_cannot_be_offered() -> None:
    """It names nothing; what does is offered without it."""
    (transform,) = offer(peer(ANYTHING, section())).proposals[0].transforms
    assert [a.value for a in transform.attributes] == [7, 2, 1, 2, 128]
    with pytest.raises(Refused, match=r"each transform has ANY.*\[mode\]:Transforms decides"):
        offer(peer(ANYTHING))


def test_aes_is_always_offered_with_its_key_length() -> None:
    """Peers read the lack of it as 128 bits or as 256."""
    (transform,) = offer(peer(section(key_length=None))).proposals[0].transforms
    assert (14, 128) in [(a.type, a.value) for a in transform.attributes]
    (transform,) = offer(peer(section(E.TRIPLE_DES_CBC, key_length=None))).proposals[0].transforms
    assert 14 not in [a.type for a in transform.attributes]


LIVES = {
    "seconds, then kilobytes": ((11, 1), (12, 600), (11, 2), (12, 5000)),
    "kilobytes, then seconds": ((11, 2), (12, 5000), (11, 1), (12, 600)),
    "seconds twice": ((11, 1), (12, 900), (11, 2), (12, 5000), (11, 1), (12, 600)),
    "kilobytes twice": ((11, 2), (12, 9000), (11, 1), (12, 600), (11, 2), (12, 5000)),
}


@pytest.mark.parametrize("case", LIVES)
def test_lives_in_any_order(case: str) -> None:
    """A duration belongs to the type before it; of two of one type the shorter counts."""
    more = tuple(Attribute.of(*pair) for pair in LIVES[case])
    _, choice = choose(proposed(Phase1(seconds=None, more=more)), peer(section()))
    assert (choice.lifetimes.seconds, choice.lifetimes.kilobytes) == (600, 5000)


def test_an_answer_with_another_life_is_taken_if_shorter() -> None:
    """Changed or added; with any other attribute changed it is refused."""
    hour = Lifetime("hour", LifeType.SECONDS, OfferAccept(3600, 3600, 3600))
    ours = peer(section(lifetimes=(hour,)))
    more = (Attribute.of(11, 2), Attribute.of(12, 5000))
    for answer, seconds, kilobytes in (
        (Phase1(seconds=600), 600, None),
        (Phase1(seconds=7200), 3600, None),
        (Phase1(seconds=None), 3600, None),
        (Phase1(more=more), 3600, 5000),
    ):
        lifetimes = check(proposed(answer), ours).lifetimes
        assert (lifetimes.seconds, lifetimes.kilobytes) == (seconds, kilobytes)
    for answer in (Phase1(key_length=256), Phase1(key_length=None), Phase1(hash=HashAlgorithm.MD5)):
        with pytest.raises(Refused, match="a transform we did not offer"):
            check(proposed(answer), ours)


# Properties

AES_LENGTHS = st.sampled_from([128, 192, 256])
HASHES = st.sampled_from([h for h in HashAlgorithm if h != HashAlgorithm.TIGER])
GROUPS = st.sampled_from([GroupDescription.MODP_1024, GroupDescription.ECP_256])
LIFE = st.none() | st.integers(1, 2**32 - 1)


@st.composite
def offers(draw: st.DrawFn) -> Phase1:
    """Transforms a peer may send."""
    encryption = draw(st.sampled_from([E.AES_CBC, E.TRIPLE_DES_CBC, E.CAST_CBC, E(9)]))
    length = draw(st.none() | AES_LENGTHS) if encryption == E.AES_CBC else None
    return Phase1(encryption, length, draw(HASHES), draw(GROUPS), draw(LIFE))


@st.composite
def sections(draw: st.DrawFn) -> Phase1Transform:
    """Transforms a file may hold."""
    encryption = draw(st.sampled_from([E.AES_CBC, E.TRIPLE_DES_CBC, E.CAST_CBC]))
    bits = draw(AES_LENGTHS)
    length = OfferAccept(bits, bits, bits) if encryption == E.AES_CBC else None
    seconds = draw(LIFE)
    lives = (
        (Lifetime("life", LifeType.SECONDS, OfferAccept(seconds, seconds, seconds)),)
        if seconds
        else ()
    )
    return section(encryption, draw(HASHES), draw(GROUPS), length, lifetimes=lives)


@given(st.lists(sections(), min_size=1, max_size=4))
def test_what_one_offers_another_of_the_same_file_takes(ours: list[Phase1Transform]) -> None:
    """And both settle alike."""
    configured = peer(*ours)
    answer, choice = choose(offer(configured), configured)
    assert check(answer, configured) == choice


@given(st.lists(sections(), min_size=1, max_size=3), st.lists(offers(), min_size=1, max_size=5))
def test_the_answer_is_one_of_the_offers_octet_for_octet(
    ours: list[Phase1Transform], theirs: list[Phase1]
) -> None:
    """Chosen is the first that some section takes; nothing else is ever answered."""
    sa = proposed(*theirs)
    takes = [any(accepts(one, candidate) for one in ours) for candidate in theirs]
    if not any(takes):
        with pytest.raises(NoCommonTransform) as refused:
            choose(sa, peer(*ours))
        assert refused.value.differences
        return
    answer, choice = choose(sa, peer(*ours))
    (chosen,) = answer.proposals[0].transforms
    assert chosen.body() == sa.proposals[0].transforms[takes.index(True)].body()
    picked = theirs[takes.index(True)]
    assert (choice.encryption, choice.hash, choice.group) == (
        picked.encryption,
        picked.hash,
        picked.group,
    )


@given(sections(), LIFE)
def test_no_life_is_longer_than_either_wants(ours: Phase1Transform, seconds: int | None) -> None:
    """As responder; what the initiator does not know yet it is told."""
    bits = ours.key_length.value if ours.key_length else None
    assert ours.encryption is not None
    assert ours.hash is not None
    assert ours.group is not None
    theirs = Phase1(ours.encryption, bits, ours.hash, ours.group, seconds)
    _, choice = choose(proposed(theirs), peer(ours))
    settled = choice.lifetimes.seconds
    wishes = [life.duration.value for life in ours.lifetimes] + ([seconds] if seconds else [])
    assert settled == min(wishes, default=28800)
    assert (choice.told.seconds is not None) == (settled != seconds)
