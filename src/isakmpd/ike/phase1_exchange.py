"""Drive a phase 1 exchange: what main mode needs around the messages themselves."""

from __future__ import annotations

from typing import NoReturn, Protocol

from isakmpd.config.model import Peer
from isakmpd.crypto.skeyid import SkeyId
from isakmpd.ike import informational
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import Entropy, message_id
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.framing import Unproven, frame
from isakmpd.ike.nat_traversal import NatSituation
from isakmpd.ike.outputs import Capture, LogClass, Send
from isakmpd.ike.phase1_proposal import Phase1Choice
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import NO_COOKIE, Header
from isakmpd.wire.identities import Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import (
    Doi,
    ExchangeType,
    Flags,
    NotifyType,
    PayloadType,
)
from isakmpd.wire.numbers import Protocol as SecurityProtocol
from isakmpd.wire.payloads import Chain, Identification, Notification, Payload, VendorId
from isakmpd.wire.vendor_ids import Vendor, recognise

_OURS = (Vendor.NAT_T_RFC, Vendor.DPD, Vendor.ACKNOWLEDGED_DELETES)
HINTS = 3  # unauthenticated notifies kept for the sentence at the end


class Phase1Owner(Protocol):
    """Be told what becomes of a phase 1 exchange; the engine is."""

    def shares_nothing_with(self, peer: Peer) -> bool:
        """Tell whether no SA with this peer exists."""

    def isakmp_established(self, sa: IsakmpSa, last: Chain) -> None:
        """Take the SA; ``last`` is the peer's last message, with its notifies."""

    def exchange_ended(self, exchange: Exchange, failure: str | None) -> None:
        """Forget the exchange, at once or after duplicates have died out."""

    def cookies_changed(self, exchange: Phase1Exchange) -> None:
        """Find the exchange by its new key from now on."""

    def complain(self, at: Transport, line: str) -> bool:
        """Log what an unproven peer has brought about; False when it had its share of lines."""


class Phase1Exchange(Exchange):
    """Run main mode."""

    phase = 1
    exchange_type = ExchangeType.ID_PROT

    def __init__(
        self,
        context: Context,
        owner: Phase1Owner,
        peer: Peer,
        initiator: bool,
        transport: Transport,
        cookies: tuple[bytes, bytes],
    ) -> None:
        super().__init__(context, peer.section, initiator, transport, cookies, 0)
        self.owner = owner
        self.peer = peer
        self.vendors: frozenset[Vendor] = frozenset()
        self.nat = NatSituation()
        self._complained = False
        self._heard: list[NotifyType] = []

    @property
    def entropy(self) -> Entropy:
        """Give the source of nonces and secrets."""
        return self.context.entropy

    @property
    def local_id(self) -> Identity:
        """Give the identity we prove: the configured one, else our address."""
        return self.peer.local_id or Identity.of_address(self.transport.local)

    @property
    def first_contact(self) -> bool:
        """Tell whether we hold no SA with this peer."""
        return self.owner.shares_nothing_with(self.peer)

    @property
    def nat_t_possible(self) -> bool:
        """Tell whether the peer announced NAT traversal."""
        return Vendor.NAT_T_RFC in self.vendors

    def vendor_ids(self) -> tuple[Payload, ...]:
        """Announce what we speak; a responder repeats only what the initiator announced."""
        return tuple(
            VendorId(vendor.value) for vendor in _OURS if self.initiator or vendor in self.vendors
        )

    def learn_vendors(self, message: Chain) -> None:
        """Note what the peer announces."""
        known = (recognise(payload.data) for payload in message.all(VendorId))
        self.vendors |= frozenset(vendor for vendor in known if vendor)

    def float_transport(self) -> None:
        """Go on between the NAT-T ports (RFC 3947 section 4)."""
        port = self.context.nat_t_port
        self.transport = self.transport.floated(port, port)

    def complete(
        self, choice: Phase1Choice, skeyid: SkeyId, remote_id: Identity, last: Chain
    ) -> None:
        """Hand the finished ISAKMP SA over."""
        self.owner.isakmp_established(self._sa(choice, skeyid, remote_id), last)

    def reject(
        self, choice: Phase1Choice, skeyid: SkeyId, last: Chain, refused: Refused
    ) -> NoReturn:
        """Refuse a peer that holds the finished SA already: tell it so under that SA's keys."""
        sa = self._sa(choice, skeyid, last.one(Identification).identity)
        payloads: tuple[Payload, ...] = (informational.delete_isakmp(sa),)
        if refused.notify is not None:
            payloads = (informational.notification(sa, refused.notify), *payloads)
        informational.send(self.context, sa, payloads)
        raise Refused(refused.reason, None)

    def _sa(self, choice: Phase1Choice, skeyid: SkeyId, remote_id: Identity) -> IsakmpSa:
        assert self.sealing is not None  # noqa: S101 - main mode seals before it completes
        return IsakmpSa(
            self.peer,
            self.initiator,
            self.initiator_cookie,
            self.responder_cookie,
            self.transport,
            choice,
            skeyid,
            self.sealing.cipher,
            self.sealing.last_block,
            self.local_id,
            remote_id,
            self.nat,
            self.vendors,
            self.began,
            self.context.now,
        )

    def receive(self, header: Header, body: bytes, datagram: bytes, transport: Transport) -> None:
        """Take a message; the first answer tells an initiator the responder's cookie."""
        learns = self.initiator and self.responder_cookie == NO_COOKIE
        if learns:
            if header.responder_cookie == self.initiator_cookie:
                raise Malformed("an answer under our own cookie twice", NotifyType.INVALID_COOKIE)
            self.responder_cookie = header.responder_cookie
        try:
            super().receive(header, body, datagram, transport)
        except Malformed as malformed:
            if learns:
                self.responder_cookie = NO_COOKIE
            if isinstance(malformed, Unproven):
                self._complain_of_key(malformed)
                return
            raise
        if learns:
            self.owner.cookies_changed(self)

    def _complain_of_key(self, unproven: Unproven) -> None:
        """Say once why the first encrypted message makes no sense, and tell the peer."""
        if self._complained:
            return
        step = f"main mode message {6 if self.initiator else 5}"
        line = (
            f"{self.name}: {step} from {self.transport.peer} proves nothing, {unproven}: "
            f"{self._keys_differ()}"
        )
        if self.initiator:
            self.context.log(line)
        elif not self.owner.complain(self.transport, line):
            return
        self._complained = True
        self.notify_in_clear(unproven.notify)

    def _keys_differ(self) -> str:
        return f"the pre-shared keys probably differ ([{self.name}]:Authentication decides)"

    def notify_in_clear(self, notify: NotifyType) -> None:
        """Tell the peer of a fault before there is a key to protect the message with.

        Never in more octets than came: nobody can be attacked with it.
        """
        spi = self.initiator_cookie + self.responder_cookie
        payload = Notification(Doi.IPSEC, SecurityProtocol.ISAKMP, notify, spi, b"")
        header = Header(
            self.initiator_cookie,
            self.responder_cookie,
            PayloadType.NONE,
            ExchangeType.INFO,
            Flags.NONE,
            message_id(self.entropy),
        )
        framed = frame(header, (payload,))
        if len(framed.octets) > self.last_received:
            return
        self.context.emit(Capture(self.transport, framed.clear, outgoing=True))
        self.context.emit(Send(self.transport, framed.octets))

    def heard(self, notify: NotifyType) -> None:
        """Keep what an unauthenticated notify says for the operator; it decides nothing."""
        if notify in self._heard or len(self._heard) == HINTS:
            return
        self._heard.append(notify)
        self.hint = " and ".join(map(str, self._heard))
        cause = f": {cause}" if (cause := self.probable_cause()) else ""
        self.context.verbose(
            f"{self.name}: {self.transport.peer} says {notify} (unauthenticated){cause}"
        )

    def heard_unreadable(self) -> None:
        """Note that the peer sent what only the SA we are still making can protect."""
        if not self.hint:
            self.hint = "something encrypted that we cannot read"

    def probable_cause(self) -> str:
        """Guess from the step the exchange is stuck in, and from what the peer said."""
        if NotifyType.NO_PROPOSAL_CHOSEN in self._heard:
            return (
                "it accepts none of our transforms "
                f"([{self.peer.configuration}]:Transforms decides)"
            )
        if NotifyType.INVALID_ID_INFORMATION in self._heard:
            return f"it does not expect {self.local_id} ([{self.name}]:ID decides)"
        if self.sealing is not None:
            silent = self.transport.encapsulated and not self.hint
            blocked = "a firewall drops UDP port 4500, or " if silent else ""
            return blocked + self._keys_differ()
        if self.initiator and self.step == 0 and not self.hint:
            return (
                f"nobody answers on UDP port {self.transport.remote_port}: the peer is down, "
                "does not know us, or a firewall drops IKE"
            )
        return ""

    def failed(self, reason: str, notify: NotifyType | None) -> None:
        """Log the one line that says why, and tell the peer."""
        line = f"{self.name}: phase 1 with {self.transport.peer} failed: {reason}"
        if self.initiator:
            self.context.log(line)
        elif self._complained:
            self.context.debug(LogClass.EXCHANGE, 10, line)  # the reason is logged already
            return
        elif not self.owner.complain(self.transport, line):
            return
        if notify is not None:
            self.notify_in_clear(notify)

    def ended(self, failure: str | None) -> None:
        """Tell the engine."""
        self.owner.exchange_ended(self, failure)
