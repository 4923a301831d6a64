"""Tell the initiator of shorter lives of SAs, and be told (RFC 2407 section 4.6.3.1)."""

from __future__ import annotations

from collections.abc import Mapping

from isakmpd.ike.lifetime import Lifetimes, read_lifetimes, told_attributes
from isakmpd.ike.phase2_choice import Phase2Choice, shortest
from isakmpd.wire.attributes import decode_attributes, encode_attributes
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import (
    Doi,
    NotifyType,
    Phase1Attribute,
    Phase2Attribute,
    Protocol,
)
from isakmpd.wire.payloads import Chain, Notification

SHORTEST = 60  # seconds to which a notify may shorten an SA's life: rekeying must keep up
SHORTEST_KILOBYTES = 1024  # likewise

Numbers = type[Phase1Attribute] | type[Phase2Attribute]


def data(told: Lifetimes, numbers: Numbers) -> bytes:
    """Give a notify's data by the numbers of a phase; none for no limit."""
    return encode_attributes(told_attributes(told, numbers["LIFE_TYPE"], numbers["LIFE_DURATION"]))


def notifications(choice: Phase2Choice, spis: Mapping[Protocol, bytes]) -> tuple[Notification, ...]:
    """Tell what the initiator cannot know of ``choice``; ``spis`` are our inbound ones."""
    octets = data(choice.untold, Phase2Attribute)
    kind = NotifyType.RESPONDER_LIFETIME
    return tuple(
        Notification(Doi.IPSEC, one.protocol, kind, spis[one.protocol], octets)
        for one in (choice.protocols if octets else ())
    )


def after_answer(choice: Phase2Choice, reply: Chain) -> Lifetimes:
    """Give the lifetimes of ``choice`` after what the responder says along with its answer."""
    spis = {(one.protocol, int.from_bytes(one.peer_spi)) for one in choice.protocols}
    lifetimes = choice.lifetimes
    for notification in reply.all(Notification):
        named = (notification.protocol, int.from_bytes(notification.spi))
        if notification.type == NotifyType.RESPONDER_LIFETIME and named in spis:
            lifetimes = shortened(lifetimes, notification)
    return lifetimes


def shortened(lifetimes: Lifetimes, notification: Notification) -> Lifetimes:
    """Give an SA's lifetimes after a RESPONDER-LIFETIME: shorter, as far as rekeying keeps up.

    Peers number its attributes as in phase 1 or as in phase 2, and no number means both. What
    cannot be read says nothing.
    """
    try:
        attributes = decode_attributes(notification.data)
    except Malformed:
        return lifetimes
    sound = [attribute for attribute in attributes if len(attribute.octets) <= 8]
    numbered: tuple[Numbers, ...] = (Phase1Attribute, Phase2Attribute)
    told = shortest(
        read_lifetimes(sound, numbers["LIFE_TYPE"], numbers["LIFE_DURATION"])
        for numbers in numbered
    )
    return shortest(
        (
            lifetimes,
            Lifetimes(
                None if told.seconds is None else max(told.seconds, SHORTEST),
                None if told.kilobytes is None else max(told.kilobytes, SHORTEST_KILOBYTES),
            ),
        )
    )
