"""Offer algorithms for IPsec SAs, answer an offer, and check the answer (RFC 2407 section 4.4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from isakmpd.config.model import Suite
from isakmpd.ike import phase2_transform
from isakmpd.ike.phase2_alternatives import Alternative, alternatives, described
from isakmpd.ike.phase2_choice import Agreed, Phase2Choice, settled
from isakmpd.ike.phase2_transform import Circumstances
from isakmpd.ike.refused import Refused
from isakmpd.wire.numbers import SITUATION_IDENTITY_ONLY, Doi, NotifyType, Protocol
from isakmpd.wire.payloads import Proposal, SecurityAssociation


def offer(
    suites: Sequence[Suite], spis: Mapping[Protocol, bytes], circumstances: Circumstances
) -> SecurityAssociation:
    """Build the SA payload of quick mode's first message: a proposal number for each suite.

    ``spis`` holds our inbound SPI of each protocol, as long as that protocol has them.
    """
    proposals = tuple(
        Proposal(
            number,
            protocol.protocol,
            spis[protocol.protocol],
            tuple(
                phase2_transform.write(index, protocol.protocol, item, circumstances)
                for index, item in enumerate(protocol.transforms, 1)
            ),
        )
        for number, suite in enumerate(suites, 1)
        for protocol in suite.protocols
    )
    return SecurityAssociation(Doi.IPSEC, SITUATION_IDENTITY_ONLY, proposals)


def answer(
    sa: SecurityAssociation, choice: Phase2Choice, spis: Mapping[Protocol, bytes]
) -> SecurityAssociation:
    """Give a choice back to who offered it: numbers and transforms as they were, our SPIs."""
    chosen = {one.protocol: one.proposal for one in choice.protocols}
    number = choice.principal.proposal.number
    proposals = tuple(
        # A CPI is as long as the peer writes them.
        replace(chosen[one.protocol], spi=spis[one.protocol].rjust(len(one.spi), b"\0"))
        for one in sa.proposals
        if one.number == number
    )
    return replace(sa, proposals=proposals)


def check(
    answered: SecurityAssociation, suites: Sequence[Suite], circumstances: Circumstances
) -> Phase2Choice:
    """Hold the responder's answer against our offer; raises Refused when it is none we made."""
    found = alternatives(answered)
    single = all(len(proposal.transforms) == 1 for proposal in answered.proposals)
    if len(found) != 1 or len(found[0].protocols) != len(answered.proposals) or not single:
        raise Refused(
            "the peer's answer is not one of our proposals with one transform for each protocol: "
            f"{described(answered)}",
            NotifyType.BAD_PROPOSAL_SYNTAX,
        )
    (alternative,) = found
    meant = suites[alternative.number - 1 : alternative.number] if alternative.number else ()
    for suite in (*meant, *suites):  # some peers number their answer anew
        if (choice := _as_offered(alternative, suite, circumstances)) is not None:
            return choice
    got = " with ".join(str(item.transforms[0][1]) for item in alternative.protocols.values())
    raise Refused(
        f"the peer answers with a transform we did not offer: {got}",
        NotifyType.NO_PROPOSAL_CHOSEN,
    )


def _as_offered(
    alternative: Alternative, suite: Suite, circumstances: Circumstances
) -> Phase2Choice | None:
    """Find in ``suite`` what an answer repeats, None where it repeats something else."""
    if {protocol.protocol for protocol in suite.protocols} != set(alternative.protocols):
        return None
    found: list[Agreed] = []
    for protocol in suite.protocols:
        kind = protocol.protocol
        item = alternative.protocols[kind]
        ((transform, got),) = item.transforms
        for configured in protocol.transforms:
            written = phase2_transform.write(0, kind, configured, circumstances)
            ours = phase2_transform.read(kind, written)
            if not got.unsupported and ours.core == got.core:
                window = protocol.replay_window
                found.append(Agreed(item.proposal, transform, got, window, configured.lifetimes))
                break
    if len(found) < len(suite.protocols):
        return None
    return settled(found, suite.group, answered=True)
