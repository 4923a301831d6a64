"""Say what a peer's refusal of a quick mode means, and which section and tag decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isakmpd.config.model import Connection
from isakmpd.ike import connection_lookup, explanation, phase2_selection
from isakmpd.ike.refused import Refused
from isakmpd.wire.numbers import LifeType, NotifyType
from isakmpd.wire.payloads import Chain, Identification, Notification, SecurityAssociation

if TYPE_CHECKING:
    from isakmpd.ike.phase2_exchange import Phase2Exchange


def refusal(x: Phase2Exchange, notification: Notification) -> str:
    """Say why the peer, authenticated, has refused; nothing where that cannot be told."""
    connection = x.context.configuration.connections.get(x.name)
    if connection is None:
        return ""
    wanted = explanation.of(notification, x.sa.vendors)
    suites = f"({connection.suites_place} decides)"
    identities = f"([{x.name}]:Local-ID and Remote-ID decide)"
    if not x.initiator:
        return f"it does not accept our answer {suites}"
    if notification.type == NotifyType.NO_PROPOSAL_CHOSEN:
        return f"it accepts none of our proposals{_proposals(x, connection, wanted)} {suites}"
    if notification.type == NotifyType.INVALID_ID_INFORMATION:
        return (
            f"it has no connection from {connection.remote or 'itself'} to "
            f"{connection.local or 'this host'}{_identities(x, connection, wanted)} {identities}"
        )
    return ""


def silence(x: Phase2Exchange) -> str:
    """Say why a peer may leave a quick mode unanswered."""
    connection = x.context.configuration.connections.get(x.name)
    if not x.initiator or connection is None:
        return ""
    return (
        "the peer has lost the ISAKMP SA, or refuses without a word what it does not accept "
        f"({connection.suites_place}, [{x.name}]:Local-ID and Remote-ID decide)"
    )


def _proposals(x: Phase2Exchange, connection: Connection, wanted: Chain) -> str:
    sa = wanted.first(SecurityAssociation)
    if sa is None:
        return ", or wants PFS otherwise"
    try:
        choice = phase2_selection.compare(sa, connection, x.circumstances)
    except Refused as refused:
        return f", nearest of its own: {refused.reason}"
    seconds = [
        f"expected {life.duration} seconds in [{life.section}]"
        for life in connection.suites[0].protocols[0].transforms[0].lifetimes
        if life.type == LifeType.SECONDS
    ]
    got = f"LIFE_DURATION: got {choice.lifetimes.seconds} seconds"
    return f", nearest of its own: {', '.join([got, *seconds])}"


def _identities(x: Phase2Exchange, connection: Connection, wanted: Chain) -> str:
    identities = [payload.identity for payload in wanted.all(Identification)]
    if len(identities) != 2:
        return ""
    ours, theirs = identities
    found = connection_lookup.compare(
        x.context.configuration, connection, x.asking((ours, theirs), translated=False)
    )
    return f", nearest of its own: {found}" if found else ", except one that it alone begins"
