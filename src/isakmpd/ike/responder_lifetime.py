"""Tell the initiator of shorter lives of IPsec SAs, and be told (RFC 2407 section 4.6.3.1)."""

from __future__ import annotations

from collections.abc import Mapping

from isakmpd.ike.lifetime import Lifetimes, read_lifetimes, told_attributes
from isakmpd.ike.phase2_choice import Phase2Choice, shortest
from isakmpd.wire.attributes import decode_attributes, encode_attributes
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import Doi, NotifyType, Phase2Attribute, Protocol
from isakmpd.wire.payloads import Chain, Notification

SHORTEST_SECONDS = 60  # to which a notify may shorten an SA's life: rekeying must keep up
SHORTEST_KILOBYTES = 1024


def notifications(choice: Phase2Choice, spis: Mapping[Protocol, bytes]) -> tuple[Notification, ...]:
    """Tell what the initiator cannot know of ``choice``; ``spis`` are our inbound ones."""
    attributes = told_attributes(
        choice.untold, Phase2Attribute.LIFE_TYPE, Phase2Attribute.LIFE_DURATION
    )
    if not attributes:
        return ()
    kind = NotifyType.RESPONDER_LIFETIME
    return tuple(
        Notification(
            Doi.IPSEC, one.protocol, kind, spis[one.protocol], encode_attributes(attributes)
        )
        for one in choice.protocols
    )


def shortened(choice: Phase2Choice, reply: Chain) -> Lifetimes:
    """Give the lifetimes of ``choice`` after what the responder says along with its answer.

    It may shorten them, down to what rekeying keeps up with; what cannot be read says nothing.
    """
    spis = {(one.protocol, int.from_bytes(one.peer_spi)) for one in choice.protocols}
    told = []
    for notification in reply.all(Notification):
        named = (notification.protocol, int.from_bytes(notification.spi))
        if notification.type != NotifyType.RESPONDER_LIFETIME or named not in spis:
            continue
        try:
            attributes = decode_attributes(notification.data)
        except Malformed:
            continue
        read = read_lifetimes(
            [one for one in attributes if len(one.octets) <= 8],
            Phase2Attribute.LIFE_TYPE,
            Phase2Attribute.LIFE_DURATION,
        )
        told.append(
            Lifetimes(
                None if read.seconds is None else max(read.seconds, SHORTEST_SECONDS),
                None if read.kilobytes is None else max(read.kilobytes, SHORTEST_KILOBYTES),
            )
        )
    return shortest((choice.lifetimes, *told))
