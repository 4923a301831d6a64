"""Drive a phase 1 exchange: what both its modes need around the messages themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from isakmpd.config.model import Configuration, Peer
from isakmpd.crypto.hashes import ORIGINAL_HMAC_BLOCK
from isakmpd.crypto.secret import Secret
from isakmpd.ike import (
    announcements,
    diagnosis,
    informational,
    nat_traversal,
    phase1_outcome,
    phase1_proposal,
    phase1_review,
    pre_shared_keys,
    proofs,
)
from isakmpd.ike.context import Context
from isakmpd.ike.early_datagrams import EarlyDatagrams
from isakmpd.ike.entropy import Entropy
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.framing import Unproven
from isakmpd.ike.hearsay import Hearsay
from isakmpd.ike.key_agreement import KeyAgreement
from isakmpd.ike.nat_traversal import Dialect, NatSituation
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.phase1_keys import Phase1Keys
from isakmpd.ike.phase1_proposal import Phase1Choice
from isakmpd.ike.pre_shared_keys import KeyOrigin, PeerKey
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.ike.waiting import goal
from isakmpd.wire.header import NO_COOKIE, Header
from isakmpd.wire.identities import Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import (
    AuthenticationMethod,
    ExchangeType,
    NotifyType,
)
from isakmpd.wire.payloads import Chain, Notification, Payload, SecurityAssociation
from isakmpd.wire.vendor_ids import ORIGINALS, Vendor

if TYPE_CHECKING:
    from isakmpd.pki.keyring import ProvenKey

_UNKNOWABLE = 32  # octets of a key drawn at random


class Phase1Owner(Protocol):
    """Be told what becomes of a phase 1 exchange; the engine is."""

    def shares_nothing_with(self, peer: Peer, at: Transport, proven: Identity | None) -> bool:
        """Tell whether no SA with this peer exists."""

    def isakmp_established(self, sa: IsakmpSa, *, initial_contact: bool) -> None:
        """Take the SA; ``initial_contact`` tells that the peer has no other with us."""

    def exchange_ended(self, exchange: Exchange, failure: str | None) -> None:
        """Forget the exchange, at once or after duplicates have died out."""

    def cookies_changed(self, exchange: Phase1Exchange) -> None:
        """Find the exchange by its new key from now on."""

    def complain(self, at: Transport, line: str) -> bool:
        """Log what an unproven peer has brought about; False when it had its share of lines."""


class Phase1Exchange(Exchange):
    """Run main or aggressive mode: as the peer began, else as its section says."""

    phase = 1

    def __init__(
        self,
        context: Context,
        owner: Phase1Owner,
        peer: Peer,
        initiator: bool,
        transport: Transport,
        cookies: tuple[bytes, bytes],
        *,
        exchange_type: ExchangeType | None = None,
    ) -> None:
        super().__init__(context, peer.section, initiator, transport, cookies, 0)
        self.exchange_type = exchange_type or peer.exchange_type
        self.owner = owner
        self.peer = peer
        self.toward: IsakmpSa | None = None  # an SA with whoever is to be reached
        self.vendors: frozenset[Vendor] = frozenset()
        self.nat = NatSituation()
        self.remote_id: Identity | None = None  # once it is proven and accepted
        self.claimed_id: Identity | None = None  # before its proof, in aggressive mode
        self.proven: ProvenKey | None = None  # the key that signed for ``remote_id``
        self.certified_id: Identity | None = None  # our identity as our certificate encodes it
        self._keys: Phase1Keys | None = None
        self._complained = False
        self.distrust = ""  # why a signature in clear proves nothing
        self._heard_octets = 0  # of the latest message, believed or not
        self._early = EarlyDatagrams()
        self.hearsay = Hearsay()

    @property
    def entropy(self) -> Entropy:
        """Give the source of nonces and secrets."""
        return self.context.entropy

    @property
    def configuration(self) -> Configuration:
        """Give everything the daemon was told."""
        return self.context.configuration

    @property
    def local_id(self) -> Identity:
        """Give the identity we prove: the configured one, else our address."""
        own = self.certified_id or self.peer.local_id
        return own or Identity.of_address(self.transport.local)

    @property
    def unprovable(self) -> Mapping[AuthenticationMethod, str]:
        """Tell by which methods of the section we cannot prove ourselves, and why."""
        return proofs.unprovable(self)

    @property
    def goal(self) -> str:
        """Name whom an initiator wants to reach."""
        return goal(self.peer, self.name, self.toward)

    @property
    def first_contact(self) -> bool:
        """Tell whether we hold no SA with this peer."""
        return self.owner.shares_nothing_with(self.peer, self.transport, self.remote_id)

    def vendor_ids(self) -> tuple[Payload, ...]:
        """Announce what we speak; a responder repeats only what the initiator announced."""
        on = self.context.nat_traversal
        if self.initiator:
            return announcements.first(nat_traversal_on=on)
        return announcements.repeated(self.vendors, nat_traversal_on=on)

    def learn_vendors(self, message: Chain) -> None:
        """Note what the peer announces."""
        self.vendors = announcements.heard(message)

    # Algorithms

    def choose(self, first: Chain) -> tuple[SecurityAssociation, Phase1Choice]:
        """Choose among what the initiator offers, with the answer; raises Refused."""
        sa, longest = first.one(SecurityAssociation), self.with_original
        review = phase1_review.Review(sa, self.peer, longest_key=longest)
        self.context.debug(LogClass.NEGOTIATION, 30, "%s: is offered %s", self.name, review)
        answer, choice = phase1_proposal.choose(
            sa, self.peer, longest_key=longest, unprovable=self.unprovable
        )
        self.context.debug(LogClass.NEGOTIATION, 20, "%s: chooses %s", self.name, choice)
        return answer, choice

    def check(self, reply: Chain) -> Phase1Choice:
        """Hold what the responder chose against our offer; raises Refused."""
        choice = phase1_proposal.check(reply.one(SecurityAssociation), self.peer, self.unprovable)
        self.context.debug(LogClass.NEGOTIATION, 20, "%s: the peer chooses %s", self.name, choice)
        return choice

    # Keys

    @property
    def is_keyed(self) -> bool:
        """Tell whether what is exchanged next proves the key."""
        return self.sealing is not None or self._complained

    @property
    def padding_varies(self) -> bool:
        """Tell whether peers differ in how they pad HMAC keys of the hash that was agreed on."""
        return self._keys is not None and self._keys.with_the_other_block() is not None

    @property
    def key_section(self) -> str:
        """Name the section whose Authentication is the key, as far as that is known."""
        key = self._keys.key if self._keys is not None else None
        return (key.origin.stored_for if key is not None else "") or self.name

    @property
    def signs(self) -> bool:
        """Tell whether signatures prove both sides, as far as that is known."""
        return self._keys is not None and self._keys.key is None

    @property
    def hint(self) -> str:
        """Name what the peer has said without proof."""
        return self.hearsay.said

    @property
    def with_original(self) -> bool:
        """Tell whether the peer is OpenBSD's isakmpd, by its vendor ID."""
        return not ORIGINALS.isdisjoint(self.vendors)

    @property
    def has_key(self) -> bool:
        """Tell whether the peer's address and section tell a pre-shared key."""
        at = self.transport.remote
        return pre_shared_keys.by_address(self.configuration, self.peer, at) is not None

    def key_by_address(self) -> PeerKey:
        """Find the key that the peer's address and section tell; raises Refused without one."""
        key = pre_shared_keys.by_address(self.configuration, self.peer, self.transport.remote)
        if key is None:
            raise Refused(
                f"no pre-shared key for this peer ([{self.peer.section}]:Authentication is "
                "missing)",
                NotifyType.AUTHENTICATION_FAILED,
            )
        return key

    def key_of(self, identity: Identity) -> PeerKey:
        """Find the key of who begins aggressive mode.

        Who is not known gets one that nobody has, and looks like who has a wrong key.
        """
        key = pre_shared_keys.by_identity(self.configuration, self.peer, identity)
        return key if key is not None else self._unknowable_key(identity)

    def _unknowable_key(self, identity: Identity) -> PeerKey:
        self._complained = self.owner.complain(
            self.transport,
            f"{self.name}: no pre-shared key for {identity.type} {identity} at "
            f"{self.transport.peer} ([{identity}]:Authentication or "
            f"[{self.peer.section}]:Authentication decides)",
        )
        secret = Secret(self.entropy(_UNKNOWABLE))
        return PeerKey(secret, KeyOrigin(shared=False))

    def derive(
        self,
        choice: Phase1Choice,
        agreement: KeyAgreement,
        sa_body: bytes,
        key: PeerKey | None,
        initiator_id_body: bytes | None = None,
    ) -> Phase1Keys:
        """Derive the keys of the exchange as the peer does: an original pads HMAC keys its way."""
        cookies = self.initiator_cookie, self.responder_cookie
        block = self.peer.hmac_block or (ORIGINAL_HMAC_BLOCK if self.with_original else None)
        self._keys = Phase1Keys(
            choice,
            agreement,
            cookies,
            sa_body,
            key,
            initiator_id_body,
            hmac_block=block,
            longest_key=self.with_original,
        )
        self.context.show_keys(self.name, self._keys.labelled)
        return self._keys

    # NAT traversal

    @property
    def nat_dialect(self) -> Dialect | None:
        """Give how both ends speak of NATs, None where one of them does not."""
        return nat_traversal.agreed(self.vendors) if self.context.nat_traversal else None

    def nat_discovery(self, choice: Phase1Choice) -> tuple[Payload, ...]:
        """Tell a peer that understands it which addresses and ports we see."""
        dialect = self.nat_dialect
        if dialect is None:
            return ()
        return tuple(map(dialect.nat_d, self._ends(choice, self.transport)))

    def detect_nat(self, choice: Phase1Choice, message: Chain, *earlier: Transport) -> None:
        """Hold the addresses and ports the peer sees against those we see, or saw ``earlier``."""
        dialect = self.nat_dialect
        if dialect is not None:
            ends = [self._ends(choice, transport) for transport in (self.transport, *earlier)]
            self.nat = nat_traversal.detect(dialect.hashes(message), ends, dialect)
            self.context.debug(LogClass.EXCHANGE, 40, "%s: NAT-T: %s", self.name, self.nat)

    def _ends(self, choice: Phase1Choice, transport: Transport) -> tuple[bytes, bytes]:
        cookies = self.initiator_cookie, self.responder_cookie
        return nat_traversal.hashes_of_ends(choice.hash, *cookies, transport)

    def float_transport(self) -> None:
        """Go on between the NAT-T ports (RFC 3947 section 4)."""
        port = self.context.nat_t_port
        if not self.transport.encapsulated:
            self.transport = self.transport.floated(port, port)

    # Messages

    def receive(self, header: Header, body: bytes, datagram: bytes, transport: Transport) -> None:
        """Take a message; the first answer tells an initiator the responder's cookie."""
        learns = self.initiator and self.responder_cookie == NO_COOKIE
        if learns:
            if header.responder_cookie == self.initiator_cookie:
                raise Malformed("an answer under our own cookie twice", NotifyType.INVALID_COOKIE)
            self.responder_cookie = header.responder_cookie
        self._heard_octets = len(datagram)
        try:
            super().receive(header, body, datagram, transport)
        except Malformed as malformed:
            unproven = isinstance(malformed, Unproven)
            if unproven:
                self._complain_of_key(malformed, header, body)
            if learns:
                self.responder_cookie = NO_COOKIE
            if unproven:
                return
            raise
        if learns:
            self.owner.cookies_changed(self)

    def _complain_of_key(self, unproven: Malformed, header: Header, body: bytes) -> None:
        """Say once why the first message under the keys makes no sense, and tell the peer."""
        if self._complained:
            return
        step = self._expect.name if self._expect is not None else "a message"
        self.distrust = str(unproven) if self.signs else ""
        differ = diagnosis.keys_differ(self, padding_tried=True)
        why = self._other_block(header, body) or ("" if self.signs else differ)
        line = (
            f"{self.name}: {step} from {self.transport.peer} proves nothing"
            f"{', ' if why else ': '}{unproven}{why and f': {why}'}"
        )
        if self.initiator:
            self.context.failures.tell(self.name, line)
        elif not self.owner.complain(self.transport, line):
            return
        self._complained = True
        verdict = unproven.__cause__
        if not isinstance(verdict, Refused):
            verdict = Refused(str(unproven), unproven.notify)
        self.notify_in_clear(verdict)

    def _other_block(self, header: Header, body: bytes) -> str:
        """Say so where a message proves itself once HMAC keys are padded the other way."""
        other = self._keys.with_the_other_block() if self._keys is not None else None
        iv = self.sealing.last_block if self.sealing is not None else None
        if other is None or not other.reads(header, body, iv, from_initiator=not self.initiator):
            return ""
        return (
            f"it does with HMAC keys padded to {other.padding} octets "
            f"([{self.name}]:HMAC-block= {other.padding} decides)"
        )

    def notify_in_clear(self, refused: Refused) -> None:
        """Tell the peer of a fault before there is a key to protect the message with.

        Never in more octets than came: nobody can be attacked with it.
        """
        cookies = self.initiator_cookie, self.responder_cookie
        limit = max(self.last_received, self._heard_octets)
        informational.send_in_clear(
            self.context, self.transport, cookies, refused, self.vendors, limit
        )

    def heard(self, notification: Notification, message: Chain) -> None:
        """Keep what an unauthenticated notify says for the operator; it decides nothing."""
        if not self.hearsay.heard(notification, message):
            return
        cause = f": {cause}" if (cause := self.probable_cause()) else ""
        self.context.verbose(
            f"{self.name}: {self.transport.peer} says {notification.type} (unauthenticated){cause}"
        )

    def heard_sealed(self, header: Header, body: bytes, octets: bytes, at: Transport) -> None:
        """Take what only the SA we are still making can protect.

        An error that proves the keys of this exchange ends it. In aggressive mode the third
        message may be late or lost: ours goes out again, which makes the peer repeat that, and a
        little of what came too early is kept until then.
        """
        for notification in self._errors(header, body, at):
            why = diagnosis.refusal(self, notification)
            self.abort(f"the peer says {notification.type}{why and f': {why}'}")
            return
        self.hearsay.unreadable = True
        if self.exchange_type == ExchangeType.AGGRESSIVE and not self.initiator:
            self._early.keep(octets, at)
            self.answer_again()

    def _errors(self, header: Header, body: bytes, at: Transport) -> list[Notification]:
        """Read the errors that a peer reports under the keys, which alone can prove them."""
        if self._keys is None or header.exchange_type != ExchangeType.INFO:
            return []
        sa = phase1_outcome.sa_of(self, self._keys, Identity.of_address(at.remote))
        # Peers differ in whether a message they have refused moves the IV on.
        for block in (sa.last_block, self._keys.sealing().last_block):
            try:
                message = informational.open_protected(
                    self.context, replace(sa, last_block=block), header, body, at
                )
            except Malformed:
                continue
            return [n for n in message.all(Notification) if n.type < NotifyType.CONNECTED]
        return []

    def take_early(self) -> list[tuple[bytes, Transport]]:
        """Give what came before the SA stood, once."""
        return self._early.take()

    def probable_cause(self) -> str:
        """Guess from what was heard, else from the step the exchange is stuck in."""
        return diagnosis.cause(self)

    def failed(self, refused: Refused) -> None:
        """Log the one line that says why, and tell the peer."""
        line = f"{self.name}: phase 1 with {self.transport.peer} failed: {refused.reason}"
        if self._complained:
            self.context.debug(LogClass.EXCHANGE, 10, line)  # the reason is logged already
            return
        if self.initiator:
            self.context.failures.tell(self.name, line)
        elif not self.owner.complain(self.transport, line):
            return
        if refused.notify is not None:
            self.notify_in_clear(refused)

    def ended(self, failure: str | None) -> None:
        """Tell the engine."""
        self.owner.exchange_ended(self, failure)
