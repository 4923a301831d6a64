"""Tell who debugs negotiation how each transform of an offer compares with a peer's section."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.config.model import Peer
from isakmpd.ike import phase1_proposal
from isakmpd.wire.payloads import SecurityAssociation

_REVIEWED = 16  # transforms: a peer may send hundreds


@dataclass(frozen=True, slots=True)
class Review:
    """Compare an offer with a section, when it is printed and not before."""

    sa: SecurityAssociation
    peer: Peer
    longest_key: bool

    def __str__(self) -> str:
        transforms = [one for proposal in self.sa.proposals for one in proposal.transforms]
        found = []
        for transform in transforms[:_REVIEWED]:
            differences = phase1_proposal.nearest_differences(
                transform, self.peer, longest_key=self.longest_key
            )
            found.append(f"#{transform.number}: {', '.join(map(str, differences)) or 'will do'}")
        if len(transforms) > _REVIEWED:
            found.append(f"and {len(transforms) - _REVIEWED} more")
        return f"{len(transforms)} transforms, {'; '.join(found)}"
