"""Tell who debugs negotiation how each alternative of an offer compares with a connection."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.config.model import Connection
from isakmpd.ike import phase2_selection
from isakmpd.ike.phase2_alternatives import Alternative, alternatives, described
from isakmpd.ike.phase2_transform import Circumstances
from isakmpd.ike.refused import Refused
from isakmpd.wire.payloads import SecurityAssociation

_REVIEWED = 16  # alternatives: a peer may send hundreds


@dataclass(frozen=True, slots=True)
class Review:
    """Compare an offer with a connection, when it is printed and not before."""

    sa: SecurityAssociation
    connection: Connection
    circumstances: Circumstances

    def __str__(self) -> str:
        try:
            offered = alternatives(self.sa)
        except Refused as refused:
            return f"{described(self.sa)}: {refused.reason}"
        found = [f"#{one.number}: {self._verdict(one)}" for one in offered[:_REVIEWED]]
        return f"{described(self.sa)}; {'; '.join(found) or 'nothing that can be chosen'}"

    def _verdict(self, alternative: Alternative) -> str:
        missed = phase2_selection.nearest_differences(
            alternative, self.connection, self.circumstances
        )
        return "will do" if missed is None else ", ".join(missed) or "other protocols than expected"
