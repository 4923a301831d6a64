"""Know whether the peer is there: dead peer detection, and Deletes that are sure to arrive.

RFC 3706 asks R-U-THERE and expects an ACK. Between two of ours a Delete travels in one message with
R-U-THERE, so that the ACK vouches for the Delete too: an SA that only one end knows is either
deleted there or its peer is found dead. Other peers get the bare Delete, once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from isakmpd.ike import informational
from isakmpd.ike.context import Context
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.timers import Timer
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.numbers import Protocol as SecurityProtocol
from isakmpd.wire.payloads import Chain, Delete, Notification
from isakmpd.wire.vendor_ids import Vendor

RESEND_AFTER = 5.0  # seconds without an ACK
ATTEMPTS = 5
ESP_VOUCHES = 5  # check intervals for which arriving ESP stands in for the peer's word
WORN_SHARE = 0.75  # of the message IDs an SA may use, after which it is rekeyed
BATCH = 64  # SPIs deleted by one message


class LivenessOwner(Protocol):
    """Judge a peer's silence; the engine does."""

    def last_inbound(self, sa: IsakmpSa) -> float | None:
        """Tell when ESP last arrived from the peer, in seconds."""

    def rekey_isakmp(self, sa: IsakmpSa) -> None:
        """Negotiate a successor, if one is wanted."""

    def peer_silent(self, sa: IsakmpSa, since: float) -> None:
        """Draw the conclusion when all questions since a moment went without an answer."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Say that we hold an inbound SPI no longer; worth saying until ``until``, in seconds."""

    spi: bytes
    until: float | None = None
    protocol: SecurityProtocol = SecurityProtocol.IPSEC_ESP

    @property
    def delete(self) -> Delete:
        """Say it."""
        return informational.delete_ipsec(self.protocol, self.spi)


def deletes(farewells: Iterable[Farewell]) -> tuple[Delete, ...]:
    """Say several farewells in as few payloads as there are protocols."""
    spis: dict[SecurityProtocol, list[bytes]] = {}
    for farewell in farewells:
        spis.setdefault(farewell.protocol, []).append(farewell.spi)
    return tuple(informational.delete_ipsec(each, *named) for each, named in spis.items())


class Liveness:
    """Watch the peer at the other end of one ISAKMP SA."""

    def __init__(self, context: Context, owner: LivenessOwner, sa: IsakmpSa) -> None:
        self._context = context
        self._owner = owner
        self._sa = sa
        self._sequence = int.from_bytes(context.entropy(2)) >> 1
        self._peer_sequence: int | None = None
        self._queued: list[Farewell] = []  # for the next question
        self._said: list[Farewell] = []  # with the present one
        self._to_announce = False  # INITIAL-CONTACT goes with the next question
        self._announced = False  # and with the present one
        self._attempts = 0
        self._asked_at = 0.0
        self._timer: Timer | None = None
        self.heard_at = context.now
        self._watch()

    @property
    def watching(self) -> bool:
        """Tell whether a silent peer is asked for a sign of life."""
        return Vendor.DPD in self._sa.vendors and self._context.general.dpd_check_interval > 0

    @property
    def asking(self) -> bool:
        """Tell whether an R-U-THERE awaits its ACK."""
        return self._attempts > 0

    def heard(self) -> None:
        """Note that an authenticated message arrived, and what remembering it has used up."""
        self.heard_at = self._context.now
        worn = len(self._sa.used_message_ids) > informational.MESSAGE_ID_LIMIT * WORN_SHARE
        if worn and not self._sa.wants_heir:
            self._owner.rekey_isakmp(self._sa)

    def stop(self) -> list[Farewell]:
        """End the watch, with the SA, and give back what the peer has not acknowledged."""
        self._arm(None)
        self._attempts = 0
        unsaid = [*self._said, *self._queued]
        self._said, self._queued = [], []
        return unsaid

    def deliver(self, farewell: Farewell) -> None:
        """Send a Delete, again and again until acknowledged where the peer can."""
        if Vendor.ACKNOWLEDGED_DELETES not in self._sa.vendors:
            # One at a time: a single SPI it does not know voids a message for the original.
            informational.send(self._context, self._sa, (farewell.delete,))
        elif farewell.delete not in {other.delete for other in (*self._said, *self._queued)}:
            self._queued.append(farewell)
            if not self.asking:
                self._ask()

    def announce(self) -> None:
        """Send INITIAL-CONTACT again and again until acknowledged, where the peer can."""
        if Vendor.ACKNOWLEDGED_DELETES in self._sa.vendors:
            self._to_announce = True
            if not self.asking:
                self._ask()

    def probe(self) -> None:
        """Ask at once, because something hints that the peer has lost its state."""
        if Vendor.DPD in self._sa.vendors and not self.asking:
            self._ask()

    def acknowledge(self, notification: Notification) -> None:
        """Answer the peer's R-U-THERE (RFC 3706 section 5.4); raises Malformed for a bad one."""
        sequence = self._read(notification)
        if self._is_old(sequence):
            raise Malformed(f"R-U-THERE {sequence} after {self._peer_sequence}")
        self._peer_sequence = sequence
        ack = informational.notification(self._sa, NotifyType.R_U_THERE_ACK, sequence.to_bytes(4))
        informational.send(self._context, self._sa, (ack,))

    def overtaken(self, message: Chain) -> bool:
        """Tell whether a message asks R-U-THERE with an older number than one answered already.

        It has been held back, and says neither that the peer lives nor where it is.
        """
        asked = (n for n in message.all(Notification) if n.type == NotifyType.R_U_THERE)
        return any(self._is_old(int.from_bytes(each.data[:4])) for each in asked)

    def _is_old(self, sequence: int) -> bool:
        return self._peer_sequence is not None and _precedes(sequence, self._peer_sequence)

    def acknowledged(self, notification: Notification) -> None:
        """Take the peer's ACK; raises Malformed for a bad one."""
        sequence = self._read(notification)
        if sequence != self._sequence or not self.asking:
            self._context.debug(LogClass.MESSAGE, 20, f"R-U-THERE-ACK {sequence} is not awaited")
            return
        self._attempts = 0
        self._said = []
        if self._queued or self._to_announce:
            self._ask()
        else:
            self._watch()

    def _read(self, notification: Notification) -> int:
        cookies = self._sa.initiator_cookie + self._sa.responder_cookie
        if notification.spi != cookies or len(notification.data) != 4:
            raise Malformed(f"{notification.type} that does not name this ISAKMP SA")
        return int.from_bytes(notification.data)

    # Watching

    def _arm(self, due: float | None, event: str = "") -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if due is not None:
            action = self._unanswered if self.asking else self._check
            self._timer = self._context.timers.arm(due, f"{self._sa.name} {event}", action)

    def _watch(self) -> None:
        due = self._context.now + self._context.general.dpd_check_interval
        self._arm(due if self.watching else None, "is checked for life")

    def _check(self) -> None:
        """Ask unless the peer has shown itself.

        ESP shows that the peer lives, but not that it still holds this ISAKMP SA: it counts for a
        while, and not at all once another has taken this one's place.
        """
        if not self.watching:
            return
        interval = self._context.general.dpd_check_interval
        heard = self.heard_at
        if not self._sa.replaced and self._context.now < heard + ESP_VOUCHES * interval:
            heard = max(heard, self._owner.last_inbound(self._sa) or 0.0)
        due = heard + interval
        if due > self._context.now:
            self._arm(due, "is checked for life")
        else:
            self._ask()

    # Asking

    def _ask(self) -> None:
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        self._said, self._queued = self._queued[:BATCH], self._queued[BATCH:]
        self._announced, self._to_announce = self._to_announce, False
        self._attempts = 0
        self._asked_at = self._context.now
        self._send()

    def _send(self) -> None:
        self._attempts += 1
        question = informational.notification(
            self._sa, NotifyType.R_U_THERE, self._sequence.to_bytes(4)
        )
        contact = informational.notification(self._sa, NotifyType.INITIAL_CONTACT)
        contacts = (contact,) if self._announced else ()
        informational.send(self._context, self._sa, (*contacts, *deletes(self._said), question))
        self._arm(self._context.now + RESEND_AFTER, "is asked R-U-THERE")

    def _unanswered(self) -> None:
        if self._attempts < ATTEMPTS:
            self._send()
        else:
            self._owner.peer_silent(self._sa, self._asked_at)


def _precedes(one: int, other: int) -> bool:
    """Compare sequence numbers that begin again after 2^32 (RFC 1982)."""
    return (one - other) & 0xFFFFFFFF >= 1 << 31
