"""Make and read what rides along with the end of phase 1 (RFC 2407 section 4.6.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from isakmpd.ike.lifetime import Lifetimes
from isakmpd.ike.responder_lifetime import data, shortened
from isakmpd.wire.numbers import Doi, NotifyType, Phase1Attribute, Protocol
from isakmpd.wire.payloads import Notification

if TYPE_CHECKING:
    from isakmpd.ike.phase1_exchange import Phase1Exchange
    from isakmpd.ike.phase1_proposal import Phase1Choice
    from isakmpd.ike.sa import IsakmpSa

LIFETIME_OF_PHASE_1 = NotifyType.RESPONDER_LIFETIME, Protocol.ISAKMP


def initial_contact(x: Phase1Exchange) -> tuple[Notification, ...]:
    """Tell a peer we share nothing with to forget what it holds."""
    if not x.first_contact:
        return ()
    return (_about(x, NotifyType.INITIAL_CONTACT, b""),)


def responder_lifetime(x: Phase1Exchange, choice: Phase1Choice) -> tuple[Notification, ...]:
    """Tell the initiator of limits that are shorter here than what it offered."""
    octets = data(choice.told, Phase1Attribute)
    return (_about(x, NotifyType.RESPONDER_LIFETIME, octets),) if octets else ()


def _about(x: Phase1Exchange, kind: NotifyType, data: bytes) -> Notification:
    spi = x.initiator_cookie + x.responder_cookie
    return Notification(Doi.IPSEC, Protocol.ISAKMP, kind, spi, data)


def lifetimes_after(sa: IsakmpSa, notification: Notification) -> Lifetimes:
    """Give an SA's lifetimes after a protected notify: only its initiator is told by one."""
    about = (notification.type, notification.protocol)
    named = notification.spi in (b"", sa.initiator_cookie + sa.responder_cookie)
    if not sa.initiator or not named or about != LIFETIME_OF_PHASE_1:
        return sa.choice.lifetimes
    lifetimes = sa.choice.lifetimes  # of an ISAKMP SA nobody counts the kilobytes
    return replace(lifetimes, seconds=shortened(lifetimes, notification).seconds)
