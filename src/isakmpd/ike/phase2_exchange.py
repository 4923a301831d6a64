"""Drive a quick mode exchange: what it needs around the messages themselves."""

from __future__ import annotations

from typing import Protocol

from isakmpd.config.model import Connection
from isakmpd.ike import ipsec
from isakmpd.ike.context import Context
from isakmpd.ike.effects import Ask
from isakmpd.ike.entropy import Entropy
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.framing import Sealing
from isakmpd.ike.phase2_proposal import Phase2Choice
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import ExchangeType, NotifyType


class Phase2Owner(Protocol):
    """Be told what becomes of a quick mode exchange; the engine is."""

    def connection_for(self, sa: IsakmpSa, ours: Identity, theirs: Identity) -> Connection:
        """Find the connection a peer's client identities mean; raises Refused."""

    def assigned_addresses(self, sa: IsakmpSa) -> tuple[Address, ...]:
        """List the addresses the peer of ``sa`` has assigned this host, one of an IP version."""

    def ipsec_established(self, sa: IpsecSa) -> None:
        """Take the SAs."""

    def exchange_ended(self, exchange: Exchange, failure: str | None) -> None:
        """Forget the exchange, at once or after duplicates have died out."""

    def delete_spi(self, sa: IsakmpSa, spi: bytes) -> None:
        """Tell the peer that we do not hold this inbound SPI."""

    def notify(self, sa: IsakmpSa, notify: NotifyType, spi: bytes) -> None:
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
        self.peer_spi = b""  # which our notifies name
        self._mid = message_id.to_bytes(4)
        self._spi: bytes | None = None
        self._installed: list[ipsec.SaKey] = []
        self._deleted: set[bytes] = set()

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
    def encapsulated(self) -> bool:
        """Tell whether ESP has to travel in UDP."""
        return self.sa.nat.detected

    @property
    def udp_encapsulation(self) -> ipsec.UdpEncapsulation | None:
        """Give the ports of ESP in UDP, None for bare ESP."""
        if not self.encapsulated:
            return None
        return ipsec.UdpEncapsulation(self.transport.local_port, self.transport.remote_port)

    def connection_for(self, ours: Identity, theirs: Identity) -> Connection:
        """Find the connection the peer means, which from now on names this exchange."""
        connection = self.owner.connection_for(self.sa, ours, theirs)
        self.name = connection.section
        return connection

    def offered(self, spi: bytes) -> bool:
        """Tell whether this exchange offers our inbound SPI ``spi``."""
        return self._spi is not None and self._spi == spi

    def spi_deleted(self, spi: bytes) -> None:
        """Hear that the peer does not hold an SPI any more, perhaps the one it gave us."""
        self._deleted.add(spi)

    def refused_by_peer(self, notify: NotifyType) -> None:
        """End because the peer says, authenticated, that it will not have this."""
        connection = self.context.configuration.connections.get(self.name)
        why = ""
        if connection is not None and notify == NotifyType.NO_PROPOSAL_CHOSEN:
            why = (
                ": it accepts none of our proposals, or wants PFS otherwise "
                f"([{connection.configuration}]:Suites decides)"
            )
        elif connection is not None and notify == NotifyType.INVALID_ID_INFORMATION:
            why = (
                f": it has no connection from {connection.remote or 'itself'} to "
                f"{connection.local or 'this host'} "
                f"([{self.name}]:Local-ID and Remote-ID decide)"
            )
        self.abort(f"the peer says {notify}{why}")

    async def allocate_spi(self) -> bytes:
        """Reserve an inbound SPI, given back should the exchange fail."""
        local = self.transport.local
        answer = await Ask(lambda request: ipsec.AllocateSpi(request, local))
        assert isinstance(answer, ipsec.SpiAllocated)  # noqa: S101 - refusals raise in the driver
        self._spi = answer.spi.to_bytes(4)
        return self._spi

    async def install(self, sa: ipsec.SimplexSa) -> None:
        """Install one direction, removed should the exchange fail."""
        self._installed.append(sa.key)
        await Ask(lambda request: ipsec.InstallSa(request, sa))

    def complete(self, choice: Phase2Choice, bundle: tuple[ipsec.SaPair, ...]) -> None:
        """Hand the finished SAs over; raises Refused when the peer has deleted them."""
        if choice.peer_spi in self._deleted:
            raise Refused("the peer has deleted the SA before it was complete", None)
        self.owner.ipsec_established(
            IpsecSa(
                self.name,
                self.initiator,
                bundle,
                choice,
                self.sa,
                self.message_id,
                self.began,
                self.context.now,
            ),
        )

    def probable_cause(self) -> str:
        """Guess why the peer is silent."""
        if self.initiator:
            return "the peer refuses the connection or has lost the ISAKMP SA; its log tells"
        return ""

    def failed(self, reason: str, notify: NotifyType | None) -> None:
        """Give back what was reserved, tell the peer, and log why."""
        transport = self.transport
        self.context.log(f"{self.name}: quick mode with {transport.peer} failed: {reason}")
        for key in self._installed:
            self.context.tell(ipsec.RemoveSa(key))
        if self._spi is not None:
            if not self._installed:
                self.context.tell(ipsec.ReleaseSpi(transport.local, int.from_bytes(self._spi)))
            else:
                self.owner.delete_spi(self.sa, self._spi)
        if notify is not None:
            self.owner.notify(self.sa, notify, self.peer_spi)

    def late_answer(self, answer: ipsec.Answer) -> None:
        """Give back an SPI that was allocated for an exchange that has failed."""
        if isinstance(answer, ipsec.SpiAllocated):
            self.context.tell(ipsec.ReleaseSpi(self.transport.local, answer.spi))

    def ended(self, failure: str | None) -> None:
        """Tell the engine."""
        self.owner.exchange_ended(self, failure)
