"""Drive a transaction exchange: what mode config needs around its messages."""

from __future__ import annotations

from typing import Protocol

from isakmpd.config.model import AddressPool
from isakmpd.ike import configuration_attributes, informational, ipsec
from isakmpd.ike.assignments import Assignments
from isakmpd.ike.context import Context
from isakmpd.ike.effects import Ask
from isakmpd.ike.entropy import Entropy
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.framing import Sealing
from isakmpd.ike.identity_sections import section_of
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import ConfigurationAttribute, ExchangeType, NotifyType
from isakmpd.wire.vendor_ids import ORIGINALS


class TransactionOwner(Protocol):
    """Be told what becomes of a transaction exchange; mode configuration is."""

    def pool_for(self, sa: IsakmpSa) -> AddressPool | None:
        """Find the section that says what to tell a peer, or to ask of it."""

    def takes_nothing_from(self, sa: IsakmpSa) -> str:
        """Say why a peer may not assign this host anything; "" if it may."""

    @property
    def assignments(self) -> Assignments:
        """Give what peers have assigned."""

    def transaction_ended(self, exchange: TransactionExchange, failure: str | None) -> None:
        """Go on with what waited for the exchange."""


class TransactionExchange(Exchange):
    """Run one transaction under an ISAKMP SA."""

    phase = 2
    exchange_type = ExchangeType.TRANSACTION

    def __init__(
        self,
        context: Context,
        owner: TransactionOwner,
        sa: IsakmpSa,
        initiator: bool,
        transport: Transport,
        message_id: int,
    ) -> None:
        super().__init__(context, sa.name, initiator, transport, sa.cookies, message_id)
        self.owner = owner
        self.sa = sa
        self.sealing = Sealing(sa.cipher, sa.phase2_iv(message_id))
        iv = self.sealing.last_block
        context.show_keys(sa.name, lambda: [(f"IV, message ID {message_id:08x}", iv)])

    def begin_with(self, first: bytes) -> None:
        """Chain the IV on from the ciphertext of the peer's first message, opened already."""
        self.sealing = Sealing(self.sa.cipher, first[-self.sa.cipher.block_size :])

    @property
    def entropy(self) -> Entropy:
        """Give the source of identifiers."""
        return self.context.entropy

    @property
    def prefix_octet(self) -> bool:
        """Tell whether an IPv6 address is sent with its prefix length; the original has it not."""
        return ORIGINALS.isdisjoint(self.sa.vendors)

    def hash_of(self, rest: bytes) -> bytes:
        """Compute HASH over the octets behind the HASH payload: prf(SKEYID_a, M-ID | rest)."""
        return self.sa.prf_a(self.message_id.to_bytes(4), rest)

    # What the coroutines ask for

    def reply(self, request: tuple[Attribute, ...]) -> tuple[Attribute, ...]:
        """Answer a REQUEST from the peer's pool."""
        self._remark_xauth(request)
        pool = self.owner.pool_for(self.sa)
        if pool is None:
            self.context.debug(
                LogClass.NEGOTIATION,
                10,
                f"{self.name}: {self.sa.remote_id} asks for mode config attributes and has no "
                "section of its own: it is told nothing",
            )
        if configuration_attributes.address_wanted(request) and not (pool and pool.address):
            self._has_no_address()
        return configuration_attributes.replied(request, pool, prefix_octet=self.prefix_octet)

    def _has_no_address(self) -> None:
        section = section_of(self.sa.remote_id)
        decides = f"[{section}]:Address decides" if section else "an identity of another type has"
        self.context.failures.tell(
            self.name,
            f"{self.name}: {self.transport.peer} asks for an address by mode config, and none is "
            f"configured for {self.sa.remote_id} ({decides})",
        )

    async def take(self, attributes: tuple[Attribute, ...]) -> tuple[int, ...]:
        """Hand on to the stack what a peer assigns; give the kinds taken. Raises Refused."""
        found = configuration_attributes.received(attributes, self.transport.remote)
        for remark in found.remarks:
            self.context.debug(LogClass.NEGOTIATION, 20, f"{self.name}: {remark}")
        assignment = found.assignment
        if assignment != ipsec.Assignment():
            await self._hand_on(assignment)
        return found.kinds

    async def _hand_on(self, assignment: ipsec.Assignment) -> None:
        held = self.owner.assignments
        if not held.holds(self.sa, assignment):
            name = held.name(self.sa)
            await Ask(lambda request: ipsec.Assign(request, name, assignment))
        held.assigned(self.sa, assignment)

    async def obey(self, attributes: tuple[Attribute, ...]) -> tuple[int, ...]:
        """Take a SET if the peer may send one; give the kinds its ACK names."""
        self._remark_xauth(attributes)
        reason = self.owner.takes_nothing_from(self.sa)
        kinds: tuple[int, ...] = ()
        if not reason:
            try:
                kinds = await self.take(attributes)
            except Refused as refused:
                reason = refused.reason
        if reason:
            line = f"{self.name}: what the peer assigns is not taken: {reason}"
            self.context.failures.tell(self.name, line)
        return kinds if self.prefix_octet else ()  # the original reads ACKs without content

    def _remark_xauth(self, attributes: tuple[Attribute, ...]) -> None:
        if configuration_attributes.xauth_wanted(attributes):
            line = f"{self.name}: {self.transport.peer} wants XAUTH, which is not spoken here"
            self.context.failures.tell(self.name, line)

    def acknowledged(self, attributes: tuple[Attribute, ...]) -> None:
        """Note what the peer says it has taken."""
        known = [str(ConfigurationAttribute(attribute.type)) for attribute in attributes[:16]]
        self.context.debug(
            LogClass.NEGOTIATION,
            10,
            f"{self.name}: the peer acknowledges {', '.join(known) or 'no attribute by name'}",
        )

    # How it ends

    def probable_cause(self) -> str:
        """Guess why the peer is silent."""
        return "the peer does not speak mode config, or has lost the ISAKMP SA"

    def refused_by_peer(self, notify: NotifyType) -> None:
        """End because the peer says, authenticated, that it will not have this."""
        self.abort(f"the peer says {notify}")

    @property
    def _subject(self) -> str:
        return f"mode config with {self.name}"

    def failed(self, refused: Refused) -> None:
        """Tell log and peer."""
        line = f"{self.name}: mode config with {self.transport.peer} failed: {refused.reason}"
        self.context.failures.tell(self._subject, line)
        if refused.notify is not None:
            payload = informational.notification(self.sa, refused.notify)
            informational.send(self.context, self.sa, (payload,))

    def ended(self, failure: str | None) -> None:
        """Tell mode configuration."""
        if failure is None:
            self.context.failures.over(self._subject)
        self.owner.transaction_ended(self, failure)

    def late_answer(self, answer: ipsec.Answer) -> None:
        """Take back what the stack assigned for an exchange that has failed."""
        if isinstance(answer, ipsec.Done):
            held = self.owner.assignments
            self.context.tell(ipsec.Withdraw(held.name(self.sa)))
            held.withdraw(self.sa)
