"""Choose among what a peer offers for IPsec SAs, by a connection's Suites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from isakmpd.config.model import Connection, Lifetime, Phase2Transform, Suite, SuiteProtocol
from isakmpd.crypto import groups
from isakmpd.crypto.keymat import COMBINED_MODE
from isakmpd.ike import phase2_transform
from isakmpd.ike.phase2_alternatives import (
    SPI_LENGTHS,
    Alternative,
    OfferedProtocol,
    alternatives,
    described,
)
from isakmpd.ike.phase2_choice import Agreed, Phase2Choice, settled
from isakmpd.ike.phase2_proposal import offer
from isakmpd.ike.phase2_transform import Circumstances, OfferedTransform
from isakmpd.ike.refused import Refused
from isakmpd.ike.suite_support import carried, hindrance, offerable, protocols
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    GroupDescription,
    NotifyType,
    Protocol,
)
from isakmpd.wire.payloads import SecurityAssociation, Transform

_SOME_SPI = 256  # the smallest there is, where none is meant
_TOLD = 8  # suites that a peer is told of
REPLAY_WINDOW = 16  # packets, of an SA that no suite describes


def choose(
    sa: SecurityAssociation,
    connection: Connection,
    circumstances: Circumstances,
    *,
    key_exchange: bool,
) -> Phase2Choice:
    """Pick the first offered alternative that a configured suite accepts as a whole.

    ``key_exchange`` tells that the peer sent a KE payload. Raises Refused, naming what differs.
    """
    search = _Search(connection, circumstances, key_exchange)
    offered = alternatives(sa)
    for alternative in offered:
        for suite in search.suites:
            if (choice := search.match(alternative, suite)) is not None:
                return choice
    for alternative in offered if connection.accept_any_suite else ():
        if (choice := search.sound(alternative)) is not None:
            return choice
    reasons = search.nearest or [_incomparable(sa, connection)]
    reasons += [why for suite in connection.suites if (why := hindrance(suite, circumstances))]
    raise Refused(
        f"no compatible proposal found: {'; '.join(reasons)} ({connection.suites_place} decides)",
        NotifyType.NO_PROPOSAL_CHOSEN,
        _acceptable(connection, circumstances),
    )


def nearest_differences(
    alternative: Alternative, connection: Connection, circumstances: Circumstances
) -> list[str] | None:
    """List in what an alternative differs from the nearest suite, None where a suite accepts it.

    Nothing is listed where no suite has its protocols.
    """
    search = _Search(connection, circumstances, key_exchange=None)
    if any(search.match(alternative, suite) is not None for suite in search.suites):
        return None
    return search.nearest


def _acceptable(
    connection: Connection, circumstances: Circumstances
) -> tuple[SecurityAssociation, ...]:
    """Say what a connection would have accepted: its suites, as it would offer them itself."""
    try:
        suites = offerable(connection, circumstances)[:_TOLD]
    except Refused:
        return ()
    spis = {one: _SOME_SPI.to_bytes(SPI_LENGTHS[one]) for one in protocols(suites)}
    return (offer(suites, spis, circumstances),)


def compare(
    wanted: SecurityAssociation, connection: Connection, circumstances: Circumstances
) -> Phase2Choice:
    """Hold what a peer would have accepted against a connection; raises Refused, what differs."""
    search = _Search(connection, circumstances, key_exchange=None)
    for alternative in alternatives(wanted):
        for suite in search.suites:
            if (choice := search.match(alternative, suite)) is not None:
                return choice
    raise Refused("; ".join(search.nearest or [_incomparable(wanted, connection)]), None)


def _incomparable(sa: SecurityAssociation, connection: Connection) -> str:
    """Say why nothing offered holds the protocols of a suite."""
    expected = dict.fromkeys(
        " with ".join(str(protocol.protocol) for protocol in suite.protocols)
        for suite in connection.suites
    )
    return (
        f"got {described(sa)}, expected {' or '.join(expected)} alone "
        "with SPIs of 4 octets above 255 (IPCOMP: 2 octets)"
    )


class _Search:
    """Look for what to choose in one offer, remembering what came nearest."""

    def __init__(
        self, connection: Connection, circumstances: Circumstances, key_exchange: bool | None
    ) -> None:
        self.suites = carried(connection.suites, circumstances)
        self.nearest: list[str] = []
        self._connection = connection
        self._circumstances = circumstances
        self._key_exchange = key_exchange

    def match(self, alternative: Alternative, suite: Suite) -> Phase2Choice | None:
        """Choose what ``suite`` accepts of each protocol, None unless it accepts all."""
        if {protocol.protocol for protocol in suite.protocols} != set(alternative.protocols):
            return None
        found: list[Agreed] = []
        missed: list[str] = []
        for protocol in suite.protocols:
            item = alternative.protocols[protocol.protocol]
            if (matched := self._first(item, protocol, missed)) is not None:
                transform, offered, configured = matched
                found.append(
                    Agreed(
                        item.proposal,
                        transform,
                        offered,
                        protocol.replay_window,
                        configured.lifetimes,
                    )
                )
        if len(found) == len(suite.protocols):
            return settled(found, suite.group)
        if missed and (not self.nearest or len(missed) < len(self.nearest)):
            self.nearest = missed
        return None

    def _first(
        self, item: OfferedProtocol, protocol: SuiteProtocol, missed: list[str]
    ) -> tuple[Transform, OfferedTransform, Phase2Transform] | None:
        """Find the first transform that will do; else add to ``missed`` why the nearest will not.

        What is farther off than something already seen is not looked at closely: a peer may send
        thousands of transforms.
        """
        nearest: list[str] = []
        for transform, offered in item.transforms:
            for configured in protocol.transforms:
                seen = nearest or self.nearest
                if seen and phase2_transform.distance(offered, configured) > len(seen):
                    continue
                differences = phase2_transform.differences(
                    offered,
                    configured,
                    self._circumstances,
                    key_exchange=self._has_key_exchange(offered),
                )
                if not differences:
                    return transform, offered, configured
                if not nearest or len(differences) < len(nearest):
                    nearest = differences
        missed += nearest
        return None

    def sound(self, alternative: Alternative) -> Phase2Choice | None:
        """Choose what keeps packets from being forged and can be carried, whatever the suites."""
        if len(alternative.protocols) > 1 and not self._circumstances.capabilities.bundles:
            return None
        lifetimes = _longest(self._connection.suites[0].protocols[0].transforms[0].lifetimes)
        found: list[Agreed] = []
        group: GroupDescription | None = None
        for protocol, item in alternative.protocols.items():
            keyed = any(one.offered.protocol != Protocol.IPCOMP for one in found)
            for transform, offered in item.transforms:
                agrees = not keyed or protocol == Protocol.IPCOMP or offered.group == group
                if agrees and self._carries(offered):
                    found.append(
                        Agreed(item.proposal, transform, offered, REPLAY_WINDOW, lifetimes)
                    )
                    group = group if protocol == Protocol.IPCOMP else offered.group
                    break
        if len(found) < len(alternative.protocols) or not any(map(_authenticates, found)):
            return None
        return replace(settled(found, group), outside_suites=True)

    def _has_key_exchange(self, offered: OfferedTransform) -> bool:
        """Tell whether a KE payload came; None stands for whatever suits the transform."""
        return offered.group is not None if self._key_exchange is None else self._key_exchange

    def _carries(self, offered: OfferedTransform) -> bool:
        """Tell whether a transform is understood, and carried by us and the stack."""
        capabilities = self._circumstances.capabilities
        return (
            not offered.unsupported
            and not phase2_transform.mode_fault(offered, None, self._circumstances)
            and not phase2_transform.impossible(offered)
            and not phase2_transform.key_exchange_fault(
                offered, key_exchange=self._has_key_exchange(offered)
            )
            and (offered.protocol, int(offered.transform_id)) in capabilities.transforms
            and offered.authentication in capabilities.authentication
            and phase2_transform.plain(offered.encapsulation) in capabilities.modes
            and (offered.group is None or offered.group in groups.SUPPORTED)
        )


def _authenticates(one: Agreed) -> bool:
    """Tell whether a protocol keeps packets from being forged."""
    offered = one.offered
    if offered.protocol == Protocol.IPSEC_ESP:
        combined = offered.transform_id in COMBINED_MODE
        return combined or offered.authentication != AuthenticationAlgorithm.NONE
    return offered.protocol == Protocol.IPSEC_AH


def _longest(lifetimes: Sequence[Lifetime]) -> tuple[Lifetime, ...]:
    """Give plain lifetimes as long as the longest that are accepted."""
    return tuple(
        replace(life, duration=replace(life.duration, value=life.duration.maximum, ranged=False))
        for life in lifetimes
    )
