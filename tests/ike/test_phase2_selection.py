"""What a responder chooses among the offers of phase 2, by itself and from what a peer may send."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.config.model import Connection
from isakmpd.ike.ipsec import EVERYTHING
from isakmpd.ike.phase2_choice import Phase2Choice
from isakmpd.ike.phase2_proposal import answer, check, offer
from isakmpd.ike.phase2_selection import choose
from isakmpd.ike.phase2_transform import Circumstances
from isakmpd.ike.refused import Refused
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    Doi,
    EncapsulationMode,
    EspTransform,
    GroupDescription,
    IpcompTransform,
    Protocol,
)
from isakmpd.wire.payloads import Proposal, SecurityAssociation, Transform
from tests.ike.daemon import configuration
from tests.ike.offers import Part, Phase2
from tests.ike.scenes import agreed, answer_quick_mode, met, proposal
from tests.ike.test_quick_mode_bundles import AH_PART, IPCOMP_PART, SECTIONS

A, G, T = AuthenticationAlgorithm, GroupDescription, EspTransform
ESP, AH, IPCOMP = Protocol.IPSEC_ESP, Protocol.IPSEC_AH, Protocol.IPCOMP
SPIS = {ESP: b"\x12\x34\x56\x78", AH: b"\x87\x65\x43\x21", IPCOMP: b"\x77\x77"}
SUITES = "compressed-suite,esp-ah-suite,ah-suite,QM-ESP-AES-256-SHA2-256-PFS-SUITE"
LAN = configuration(suites=SUITES, more=SECTIONS).connections["lan"]
ANYTHING = replace(
    configuration(suites="QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE").connections["lan"],
    accept_any_suite=True,
)
SPI = b"\x0b\xad\xca\xfe"


def sa_of(*parts: Part) -> SecurityAssociation:
    """One alternative of these protocols."""
    return SecurityAssociation(Doi.IPSEC, 1, tuple(part.proposal() for part in parts))


def esp(**tags: object) -> Part:
    """ESP as the peer offers it."""
    return Part(ESP, SPI, Phase2(**tags))  # type: ignore[arg-type]


# Accept-any-suite


SOUND = {
    "another cipher": (esp(transform=T.TRIPLE_DES, key_length=None),),
    "a combined-mode cipher": (esp(transform=T.AES_GCM_16, authentication=A.NONE),),
    "authentication only": (esp(transform=T.NULL, key_length=None),),
    "another group": (esp(group=G.MODP_2048),),
    "transport mode": (esp(mode=EncapsulationMode.TRANSPORT),),
    "AH": (AH_PART,),
    "ESP that AH authenticates": (esp(authentication=A.NONE), AH_PART),
    "a bundle with compression": (esp(), IPCOMP_PART),
    "a longer life than any range": (esp(seconds=2**31),),
}
UNSOUND = {
    "encryption only": (esp(authentication=A.NONE),),
    "nothing at all": (esp(transform=T.NULL, key_length=None, authentication=A.NONE),),
    "compression only": (IPCOMP_PART,),
    "compression of what nobody authenticates": (esp(authentication=A.NONE), IPCOMP_PART),
    "DES": (esp(transform=T.DES, key_length=None),),
    "an unknown cipher": (esp(transform=T(200), key_length=None),),
    "DES_MAC": (esp(authentication=A.DES_MAC),),
    "a group we have not": (esp(group=G(155)),),
    "no group with KE": (esp(group=None),),
    "groups that differ": (esp(group=G.MODP_2048), AH_PART),
    "an attribute we do not know": (esp(more=(Attribute.of(11, 1),)),),
    "a mode we do not know": (esp(mode=EncapsulationMode(9)),),
    "ESP in UDP where it cannot travel": (esp(mode=EncapsulationMode.UDP_ENCAP_TUNNEL),),
    "a life of no seconds": (esp(seconds=0),),
}


@pytest.mark.parametrize("case", SOUND)
def test_accept_any_suite_takes_what_is_authenticated(case: str) -> None:
    """What no suite lists, with a lifetime no longer than the suites allow."""
    choice = choose(sa_of(*SOUND[case]), ANYTHING, Circumstances(), key_exchange=True)
    assert choice.outside_suites
    assert {one.protocol for one in choice.protocols} == {part.protocol for part in SOUND[case]}
    assert choice.lifetimes.seconds is not None
    assert choice.lifetimes.seconds <= 86400
    strict = replace(ANYTHING, accept_any_suite=False)
    with pytest.raises(Refused):
        choose(sa_of(*SOUND[case]), strict, Circumstances(), key_exchange=True)


@pytest.mark.parametrize("case", UNSOUND)
def test_accept_any_suite_takes_nothing_else(case: str) -> None:
    """Least of all what can be forged."""
    with pytest.raises(Refused, match="no compatible proposal found"):
        choose(sa_of(*UNSOUND[case]), ANYTHING, Circumstances(), key_exchange=True)


def test_accept_any_suite_prefers_a_suite_and_takes_what_the_stack_carries() -> None:
    """A listed suite behind an unlisted one is taken; a stack without AH takes no AH."""
    listed = esp(key_length=256, authentication=A.HMAC_SHA2_256, group=G.MODP_2048)
    unlisted, wanted = esp().proposal(1), listed.proposal(2)
    sa = SecurityAssociation(Doi.IPSEC, 1, (unlisted, wanted))
    choice = choose(sa, ANYTHING, Circumstances(), key_exchange=True)
    assert choice.principal.proposal == wanted
    assert not choice.outside_suites
    only_esp = frozenset(pair for pair in EVERYTHING.transforms if pair[0] == ESP)
    plain = Circumstances(replace(EVERYTHING, transforms=only_esp, bundles=False))
    for parts in ((AH_PART,), (esp(), AH_PART)):
        with pytest.raises(Refused):
            choose(sa_of(*parts), ANYTHING, plain, key_exchange=True)


def test_the_log_warns_of_what_no_suite_lists() -> None:
    """With the tag that lets it in."""
    suites = "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE"
    read = configuration(suites=suites)
    lan = replace(read.connections["lan"], accept_any_suite=True)
    daemon, peer = met(replace(read, connections={"lan": lan}))
    quick = proposal(peer)
    answer_quick_mode(daemon, quick)
    assert agreed(daemon, quick)
    assert daemon.log == [
        "lan: accepts IPSEC_ESP AES KEY_LENGTH 128 HMAC_SHA TUNNEL MODP_1024, which "
        "[quick-mode]:Suites does not list ([lan]:Accept-any-suite decides)"
    ]


# Properties


def outcome(
    sa: SecurityAssociation,
    lan: Connection,
    circumstances: Circumstances,
    *,
    key_exchange: bool,
) -> Phase2Choice | str:
    """What was chosen, or the sentence of the refusal."""
    try:
        return choose(sa, lan, circumstances, key_exchange=key_exchange)
    except Refused as refused:
        return refused.reason


NUMBERS = st.integers(0, 70000)
ATTRIBUTES = st.builds(Attribute.of, st.sampled_from([1, 2, 3, 4, 5, 6, 7, 10, 11]), NUMBERS)
TRANSFORMS = st.builds(
    Transform,
    st.integers(0, 255),
    st.sampled_from([1, 2, 3, 5, 11, 12, 20, 23, 77]),
    st.lists(ATTRIBUTES, max_size=7).map(tuple),
)
PROPOSALS = st.builds(
    Proposal,
    st.integers(0, 3),
    st.sampled_from([ESP, AH, IPCOMP, Protocol(9), Protocol.ISAKMP]),
    st.sampled_from([SPI, b"", b"\x01\x02", b"\0\0\x01\x02", bytes(4), b"12345678"]),
    st.lists(TRANSFORMS, max_size=3).map(tuple),
)
CONNECTIONS = st.sampled_from([LAN, ANYTHING])


@given(st.lists(PROPOSALS, max_size=6), CONNECTIONS, st.booleans(), st.booleans())
def test_whatever_is_offered_is_chosen_from_or_refused(
    proposals: list[Proposal], lan: Connection, key_exchange: bool, nat: bool
) -> None:
    """No other exception; what is chosen was offered, keyed and within a lifetime."""
    sa = SecurityAssociation(Doi.IPSEC, 1, tuple(proposals))
    circumstances = Circumstances(nat=nat, nat_t_port=nat)
    choice = outcome(sa, lan, circumstances, key_exchange=key_exchange)
    if isinstance(choice, str):
        assert len(choice) < 1000
        return
    assert (choice.group is not None) is key_exchange
    assert choice.lifetimes.seconds
    for one in choice.protocols:
        (transform,) = one.proposal.transforms
        whole = [p for p in proposals if p.protocol == one.protocol and p.spi == one.peer_spi]
        assert any(transform in p.transforms for p in whole)


@given(st.sampled_from(LAN.suites), st.booleans(), st.booleans())
def test_both_ends_of_one_configuration_agree(suite: object, nat: bool, drafts: bool) -> None:
    """Offer, choice, answer and check, for each suite alone and for all together."""
    circumstances = Circumstances(nat=nat, nat_t_port=nat, drafts=drafts)
    chosen = [one for one in LAN.suites if one is suite]
    sa = offer(chosen, SPIS, circumstances)
    choice = outcome(sa, LAN, circumstances, key_exchange=True)
    if isinstance(choice, str):
        assert nat
        assert "AH passes no NAT" in choice
        return
    ours = check(answer(sa, choice, SPIS), chosen, circumstances)
    assert ours.lifetimes == choice.lifetimes
    assert ours.group == choice.group
    assert [one.protocol for one in ours.protocols] == [one.protocol for one in choice.protocols]
    assert [(o.transform, o.key_length, o.encapsulation) for o in ours.protocols] == [
        (o.transform, o.key_length, o.encapsulation) for o in choice.protocols
    ]


def test_thousands_of_alternatives_cost_little_and_say_little() -> None:
    """As many as fit into a datagram, for each protocol of a bundle."""
    weak = Phase2(AhTransform.MD5, None, A.HMAC_MD5)
    transforms = tuple(Transform(n, 2, weak.attributes()) for n in range(250))
    proposals = tuple(
        replace(Part(kind, SPIS[kind], weak).proposal(number), transforms=transforms)
        for number in range(6)
        for kind in (ESP, AH)
    )
    with pytest.raises(Refused) as refused:
        choose(
            SecurityAssociation(Doi.IPSEC, 1, proposals), LAN, Circumstances(), key_exchange=True
        )
    assert len(refused.value.reason) < 700


def test_numbers_of_different_protocols_do_not_mix() -> None:
    """AH's SHA and ESP's 3DES are both 3, IPCOMP's DEFLATE and AH's MD5 both 2."""
    assert int(AhTransform.SHA) == int(T.TRIPLE_DES)
    assert int(IpcompTransform.DEFLATE) == int(AhTransform.MD5)
    lan = configuration(suites="QM-AH-SHA-SUITE").connections["lan"]
    for kind, fits in ((AH, True), (ESP, False)):
        offered = Part(kind, SPI, Phase2(AhTransform.SHA, None, group=None))
        try:
            choice = choose(sa_of(offered), lan, Circumstances(), key_exchange=False)
        except Refused:
            assert not fits
        else:
            assert fits
            assert isinstance(choice.principal.transform, AhTransform)
