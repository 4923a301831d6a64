"""Drive a quick mode exchange: what it needs around the messages themselves."""

from __future__ import annotations

from typing import Protocol

from isakmpd.config.model import Connection, Suite
from isakmpd.ike import (
    ipsec,
    phase2_diagnosis,
    phase2_keys,
    phase2_proposal,
    phase2_review,
    phase2_selection,
)
from isakmpd.ike.client_ids import ClientIds
from isakmpd.ike.connection_lookup import Asking, connection_meant
from isakmpd.ike.context import Context
from isakmpd.ike.effects import Ask
from isakmpd.ike.entropy import Entropy
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.framing import Sealing
from isakmpd.ike.nat_traversal import Dialect
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.phase2_alternatives import SPI_LENGTHS
from isakmpd.ike.phase2_choice import Phase2Choice
from isakmpd.ike.phase2_keys import KeySource
from isakmpd.ike.phase2_transform import Circumstances
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.numbers import EncapsulationMode, ExchangeType
from isakmpd.wire.numbers import Protocol as SecurityProtocol
from isakmpd.wire.payloads import KeyExchange, Notification, SecurityAssociation

DELETED_SPIS = 1024  # remembered while one quick mode runs


class Phase2Owner(Protocol):
    """Be told what becomes of a quick mode exchange; the engine is."""

    def assigned_addresses(self, sa: IsakmpSa) -> tuple[Address, ...]:
        """List the addresses the peer of ``sa`` has assigned this host, one of an IP version."""

    def ipsec_established(self, sa: IpsecSa) -> None:
        """Take the SAs."""

    def exchange_ended(self, exchange: Exchange, failure: str | None) -> None:
        """Forget the exchange, at once or after duplicates have died out."""

    def delete_spi(self, sa: IsakmpSa, spi: bytes, protocol: SecurityProtocol) -> None:
        """Tell the peer that we do not hold this inbound SPI."""

    def taken(self, key: ipsec.SaKey) -> bool:
        """Tell whether an SA of that destination, protocol and SPI exists."""

    def check_inner_addresses(self, sa: IsakmpSa, network: Network) -> None:
        """Raise Refused where another peer has what the peer of ``sa`` wants in a tunnel."""

    def notify(
        self, sa: IsakmpSa, refused: Refused, spi: bytes, protocol: SecurityProtocol
    ) -> None:
        """Send the peer a protected notify about the exchange in which it offered ``spi``."""


class Phase2Exchange(Exchange):
    """Run quick mode under an ISAKMP SA."""

    phase = 2
    exchange_type = ExchangeType.QUICK_MODE

    def __init__(
        self,
        context: Context,
        owner: Phase2Owner,
        sa: IsakmpSa,
        name: str,
        initiator: bool,
        transport: Transport,
        message_id: int,
    ) -> None:
        super().__init__(context, name, initiator, transport, sa.cookies, message_id)
        self.owner = owner
        self.sa = sa
        self.sealing = Sealing(sa.cipher, sa.phase2_iv(message_id))
        self.peer_spi = b"", SecurityProtocol.IPSEC_ESP  # which our notifies name
        self._mid = message_id.to_bytes(4)
        self._asking_for = SecurityProtocol.IPSEC_ESP
        self._spis: dict[SecurityProtocol, bytes] = {}  # ours, inbound
        self._installed: list[ipsec.SaKey] = []
        self._deleted: set[tuple[SecurityProtocol, int]] = set()
        iv = self.sealing.last_block
        context.show_keys(name, lambda: [(f"IV, message ID {message_id:08x}", iv)])

    def begin_with(self, first: bytes) -> None:
        """Chain the IV on from the ciphertext of the peer's first message, opened already."""
        self.sealing = Sealing(self.sa.cipher, first[-self.sa.cipher.block_size :])

    @property
    def entropy(self) -> Entropy:
        """Give the source of nonces and secrets."""
        return self.context.entropy

    def hash1(self, rest: bytes) -> bytes:
        """Compute HASH(1) over the octets behind the HASH payload (RFC 2409 section 5.5)."""
        return self.sa.prf_a(self._mid, rest)

    def hash2(self, ni: bytes, rest: bytes) -> bytes:
        """Compute HASH(2)."""
        return self.sa.prf_a(self._mid, ni, rest)

    def hash3(self, ni: bytes, nr: bytes) -> bytes:
        """Compute HASH(3)."""
        return self.sa.prf_a(b"\0", self._mid, ni, nr)

    @property
    def circumstances(self) -> Circumstances:
        """Give what decides on transforms beside the configuration."""
        return Circumstances(
            self.context.capabilities,
            nat=self.sa.nat.detected,
            nat_t_port=self.transport.encapsulated,
            drafts=self.sa.nat.dialect is Dialect.DRAFT,
        )

    @property
    def behind_nat(self) -> bool:
        """Tell whether an address is changed on the way, whichever end's."""
        return self.sa.nat.we_are_behind or self.sa.nat.peer_is_behind

    def translates(self, choice: Phase2Choice) -> bool:
        """Tell whether a NAT changes the addresses that the SAs are for: those of the hosts."""
        return self.behind_nat and choice.mode == EncapsulationMode.TRANSPORT

    def udp_encapsulation(self, choice: Phase2Choice) -> ipsec.UdpEncapsulation | None:
        """Give the ports of ESP in UDP, None for bare ESP."""
        if not (self.sa.nat.detected or choice.in_udp):
            return None
        return ipsec.UdpEncapsulation(self.transport.local_port, self.transport.remote_port)

    def connection_for(self, ids: ClientIds, *, translated: bool) -> Connection:
        """Find the connection the peer means, which from now on names this exchange."""
        asking = self.asking(ids, translated=translated)
        connection = connection_meant(self.context.configuration, asking)
        ours, theirs = ids
        self.context.debug(
            LogClass.NEGOTIATION,
            30,
            "%s: the peer wants %s to %s, which is connection %s",
            self.name,
            theirs,
            ours,
            connection.section,
        )
        self.name = connection.section
        return connection

    def asking(self, ids: ClientIds, *, translated: bool) -> Asking:
        """Give the peer's client identities with all that is known of who proposes them."""
        return Asking(
            self.sa.name,
            self.sa.remote_id,
            self.sa.nat,
            self.transport,
            ids,
            translated=translated,
            assigned=self.owner.assigned_addresses(self.sa),
        )

    def choose(
        self, sa: SecurityAssociation, connection: Connection, key_exchange: KeyExchange | None
    ) -> Phase2Choice:
        """Choose among what the initiator offers; raises Refused."""
        review = phase2_review.Review(sa, connection, self.circumstances)
        self.context.debug(LogClass.NEGOTIATION, 30, "%s: is offered %s", self.name, review)
        choice = phase2_selection.choose(
            sa, connection, self.circumstances, key_exchange=key_exchange is not None
        )
        self._chosen(choice)
        return choice

    def check(self, sa: SecurityAssociation, suites: tuple[Suite, ...]) -> Phase2Choice:
        """Hold what the responder chose against our offer; raises Refused."""
        choice = phase2_proposal.check(sa, suites, self.circumstances)
        self._chosen(choice)
        return choice

    def _chosen(self, choice: Phase2Choice) -> None:
        who = "the peer chooses" if self.initiator else "chooses"
        self.context.debug(LogClass.NEGOTIATION, 20, "%s: %s %s", self.name, who, choice)

    def show_keys(self, source: KeySource, bundle: tuple[ipsec.SaPair, ...]) -> None:
        """Log the keys of both directions for those who have asked for keys."""
        self.context.show_keys(self.name, lambda: phase2_keys.labelled(source, bundle))

    def warn_of(self, choice: Phase2Choice, connection: Connection) -> None:
        """Say that a choice is one that no suite describes."""
        if choice.outside_suites:
            self.context.log(
                f"{self.name}: accepts {choice}, which {connection.suites_place} does "
                f"not list ([{self.name}]:Accept-any-suite decides)"
            )

    def offered(self, spi: bytes) -> bool:
        """Tell whether this exchange offers our inbound SPI ``spi``."""
        return spi in self._spis.values()

    def spi_deleted(self, protocol: SecurityProtocol, spi: bytes) -> None:
        """Hear that the peer does not hold an SPI any more, perhaps one it gave us."""
        if len(self._deleted) < DELETED_SPIS:
            self._deleted.add((protocol, int.from_bytes(spi)))

    def refused_by_peer(self, notification: Notification) -> None:
        """End because the peer says, authenticated, that it will not have this."""
        why = phase2_diagnosis.refusal(self, notification)
        self.abort(f"the peer says {notification.type}{why and f': {why}'}")

    async def allocate_spi(self, protocol: SecurityProtocol) -> bytes:
        """Reserve an inbound SPI, given back should the exchange fail."""
        local = self.transport.local
        self._asking_for = protocol
        answer = await Ask(lambda request: ipsec.AllocateSpi(request, local, protocol))
        assert isinstance(answer, ipsec.SpiAllocated)  # noqa: S101 - refusals raise in the driver
        self._spis[protocol] = answer.spi.to_bytes(SPI_LENGTHS[protocol])
        return self._spis[protocol]

    def check_unused(self, bundle: tuple[ipsec.SaPair, ...]) -> None:
        """Raise Refused for an SPI of the peer's that already leads to somebody at its address."""
        for one in bundle:
            if self.owner.taken(one.outbound.key):
                raise Refused(f"the peer's SPI is in use: {one.outbound.key}", None)

    def check_inner_addresses(self, choice: Phase2Choice, ids: ClientIds) -> None:
        """Raise Refused where another peer has the addresses this one wants inside a tunnel.

        In transport mode they are the outer ones, which clients behind one NAT share.
        """
        theirs = ids[1].network
        if choice.mode != EncapsulationMode.TRANSPORT and theirs is not None:
            self.owner.check_inner_addresses(self.sa, theirs)

    def release_unused(self, choice: Phase2Choice) -> None:
        """Give back the SPIs of protocols that were offered in vain."""
        chosen = {one.protocol for one in choice.protocols}
        for protocol in self._spis.keys() - chosen:
            self._release(protocol, self._spis.pop(protocol))

    def _release(self, protocol: SecurityProtocol, spi: bytes) -> None:
        number = int.from_bytes(spi)
        self.context.tell(ipsec.ReleaseSpi(self.transport.local, number, protocol))

    async def install(self, sa: ipsec.SimplexSa) -> None:
        """Install one direction, removed should the exchange fail."""
        self._installed.append(sa.key)
        await Ask(lambda request: ipsec.InstallSa(request, sa))

    def complete(
        self, choice: Phase2Choice, bundle: tuple[ipsec.SaPair, ...], ids: ClientIds
    ) -> None:
        """Hand the finished SAs over; raises Refused when the peer has deleted them."""
        if any(
            (one.protocol, int.from_bytes(one.peer_spi)) in self._deleted
            for one in choice.protocols
        ):
            raise Refused("the peer has deleted the SA before it was complete", None)
        self.owner.ipsec_established(
            IpsecSa(
                self.name,
                self.initiator,
                bundle,
                choice,
                ids,
                self.sa,
                self.message_id,
                self.began,
                self.context.now,
            ),
        )

    def probable_cause(self) -> str:
        """Guess why the peer is silent."""
        return phase2_diagnosis.silence(self)

    def failed(self, refused: Refused) -> None:
        """Give back what was reserved, tell the peer, and log why."""
        line = f"{self.name}: quick mode with {self.transport.peer} failed: {refused.reason}"
        self.context.failures.tell(self.name, line)
        for key in self._installed:
            self.context.tell(ipsec.RemoveSa(key))
        inbound = {key.protocol for key in self._installed}
        for protocol, spi in self._spis.items():
            if protocol in inbound:
                self.owner.delete_spi(self.sa, spi, protocol)
            else:
                self._release(protocol, spi)
        if refused.notify is not None:
            self.owner.notify(self.sa, refused, *self.peer_spi)

    def late_answer(self, answer: ipsec.Answer) -> None:
        """Give back an SPI that was allocated for an exchange that has failed."""
        if isinstance(answer, ipsec.SpiAllocated):
            local, protocol = self.transport.local, self._asking_for
            self.context.tell(ipsec.ReleaseSpi(local, answer.spi, protocol))

    def ended(self, failure: str | None) -> None:
        """Tell the engine."""
        self.owner.exchange_ended(self, failure)
