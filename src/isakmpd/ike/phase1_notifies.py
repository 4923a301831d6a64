"""Make and read what rides along with the end of phase 1 (RFC 2407 section 4.6.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from isakmpd.ike.lifetime import Lifetimes, read_lifetimes
from isakmpd.wire.attributes import Attribute, decode_attributes, encode_attributes
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import (
    Doi,
    LifeType,
    NotifyType,
    Phase1Attribute,
    Phase2Attribute,
    Protocol,
)
from isakmpd.wire.payloads import Notification

if TYPE_CHECKING:
    from isakmpd.ike.phase1_exchange import Phase1Exchange
    from isakmpd.ike.phase1_proposal import Phase1Choice
    from isakmpd.ike.sa import IsakmpSa

LIFETIME_OF_PHASE_1 = NotifyType.RESPONDER_LIFETIME, Protocol.ISAKMP
SHORTEST = 60  # seconds to which a notify may shorten an SA's life: rekeying must keep up


def initial_contact(x: Phase1Exchange) -> tuple[Notification, ...]:
    """Tell a peer we share nothing with to forget what it holds."""
    if not x.first_contact:
        return ()
    return (_about(x, NotifyType.INITIAL_CONTACT, b""),)


def responder_lifetime(x: Phase1Exchange, choice: Phase1Choice) -> tuple[Notification, ...]:
    """Tell the initiator of limits that are shorter here than what it offered."""
    told = choice.told
    limits = ((LifeType.SECONDS, told.seconds), (LifeType.KILOBYTES, told.kilobytes))
    attributes = [
        Attribute.of(kind, value)
        for life_type, limit in limits
        if limit is not None
        for kind, value in (
            (Phase1Attribute.LIFE_TYPE, life_type),
            (Phase1Attribute.LIFE_DURATION, limit),
        )
    ]
    if not attributes:
        return ()
    return (_about(x, NotifyType.RESPONDER_LIFETIME, encode_attributes(tuple(attributes))),)


def _about(x: Phase1Exchange, kind: NotifyType, data: bytes) -> Notification:
    spi = x.initiator_cookie + x.responder_cookie
    return Notification(Doi.IPSEC, Protocol.ISAKMP, kind, spi, data)


def lifetimes_after(sa: IsakmpSa, notification: Notification) -> Lifetimes:
    """Give an SA's lifetimes after a protected notify: only its initiator is told by one."""
    about = (notification.type, notification.protocol)
    named = notification.spi in (b"", sa.initiator_cookie + sa.responder_cookie)
    if not sa.initiator or not named or about != LIFETIME_OF_PHASE_1:
        return sa.choice.lifetimes
    return shortened(sa.choice.lifetimes, notification)


def shortened(lifetimes: Lifetimes, notification: Notification) -> Lifetimes:
    """Give the lifetimes of an ISAKMP SA after a RESPONDER-LIFETIME: never longer ones.

    Peers number its attributes as in phase 1 or as in phase 2; no number means both.
    """
    try:
        attributes = decode_attributes(notification.data)
    except Malformed:
        return lifetimes
    sound = [attribute for attribute in attributes if len(attribute.octets) <= 8]
    for numbers in (Phase1Attribute, Phase2Attribute):
        told = read_lifetimes(sound, numbers["LIFE_TYPE"], numbers["LIFE_DURATION"])
        if told.seconds is not None:
            seconds = min(lifetimes.seconds or told.seconds, max(told.seconds, SHORTEST))
            lifetimes = replace(lifetimes, seconds=seconds)
    return lifetimes
