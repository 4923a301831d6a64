"""Decide when mode config runs, between phase 1 and the quick modes, and what it is to say."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol

from isakmpd.config.model import AddressPool, Connection
from isakmpd.ike import configuration_attributes, informational, mode_config
from isakmpd.ike.assignments import Assignments
from isakmpd.ike.context import Context
from isakmpd.ike.effects import Effect
from isakmpd.ike.exchanges import Exchanges
from isakmpd.ike.identity_sections import section_of
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.timers import Timer
from isakmpd.ike.transaction_exchange import TransactionExchange
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.header import Header
from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.payloads import Chain
from isakmpd.wire.vendor_ids import ORIGINALS, Vendor

Run = Coroutine[Effect[Any], object, None]

PUSH_WAIT = 5.0  # seconds a peer has to begin what we have nothing to say for
ANSWERED_LIMIT = 8  # transactions of an ISAKMP SA whose duplicates are still answered
_RENEWED = ("Address", "Netmask", "Nameserver", "WINS-server", "Lifetime")  # of what was pushed

# strongSwan has an address belong to the ISAKMP SA that asked for it: it is asked under each.
_REMEMBERS_ADDRESSES = ORIGINALS | {Vendor.ACKNOWLEDGED_DELETES}


class ModeConfigurationOwner(Protocol):
    """Go on after mode config; negotiation does."""

    def mode_configured(self, sa: IsakmpSa) -> None:
        """Begin the quick modes that waited, however mode config went."""

    def address_changed(self, sa: IsakmpSa) -> None:
        """Renew what used an address that the peer of ``sa`` does not assign any more."""

    def still_shares(self, sa: IsakmpSa) -> bool:
        """Tell whether any SA with the peer of ``sa`` is left."""


class ModeConfiguration:
    """Run the transactions of each ISAKMP SA, and keep what peers assign."""

    def __init__(
        self,
        context: Context,
        owner: ModeConfigurationOwner,
        exchanges: Exchanges,
        isakmp_sas: IsakmpSas,
    ) -> None:
        self._context = context
        self._owner = owner
        self._exchanges = exchanges
        self._isakmp_sas = isakmp_sas
        self._assignments = Assignments(context, self._renew, owner.address_changed)
        self._settled: set[IsakmpSa] = set()
        self._begun: dict[IsakmpSa, TransactionExchange | Timer] = {}
        self._answered: dict[IsakmpSa, list[TransactionExchange]] = {}

    # When

    def ready(self, sa: IsakmpSa, connection: Connection) -> bool:
        """Tell whether quick mode for a connection need not wait for mode config."""
        settled = sa not in self._begun and self._is_settled(sa)
        return settled and not self.lacks_address(sa, connection)

    def _is_settled(self, sa: IsakmpSa) -> bool:
        """Tell whether this SA, or one it stands beside, has been through mode config."""
        if not self._wanted(sa) or sa in self._settled:
            return True
        if _asks(self.pool_for(sa)) and not sa.vendors & _REMEMBERS_ADDRESSES:
            return False
        return any(other in self._settled for other in self._isakmp_sas.like(sa))

    def _wanted(self, sa: IsakmpSa) -> bool:
        peer = self._context.configuration.peers.get(sa.name)
        return peer is not None and peer.mode_config

    def begin(self, sa: IsakmpSa) -> None:
        """Run mode config unless it is under way or done with; ``mode_configured`` follows."""
        pool = self.pool_for(sa)
        if sa in self._begun:
            return
        lacking = _asks_address(pool) and not self.addresses(sa)
        if not self._wanted(sa) or (self._is_settled(sa) and not lacking):
            self._over(sa)
        elif pool is not None and _tells(pool):
            self._start(sa, lambda exchange: mode_config.push(exchange, pool))
        elif pool is not None and _asks(pool):
            self._start(sa, lambda exchange: mode_config.pull(exchange, pool.wanted))
        else:
            self._await_push(sa)

    def _start(self, sa: IsakmpSa, run: Callable[[TransactionExchange], Run]) -> None:
        number = informational.fresh_message_id(self._context, sa)
        exchange = TransactionExchange(self._context, self, sa, True, sa.transport, number)
        self._exchanges.add(exchange)
        self._begun[sa] = exchange
        exchange.start(run(exchange))

    def _await_push(self, sa: IsakmpSa) -> None:
        """Let the peer begin, for a while where an address of its choice is wanted."""
        section = section_of(sa.remote_id)
        named = f"for [{section}]" if section else f"and none can be for a {sa.remote_id.type}"
        self._context.log(
            f"{sa.name}: no IKECFG attributes are found {named}: mode config "
            f"([{sa.name}]:Flags= ikecfg) is left to the peer"
        )
        connections = self._context.configuration.connections.values()
        if self.addresses(sa) or not any(
            c.peer == sa.name and c.local is None for c in connections
        ):
            self._over(sa)
            return
        due = self._context.now + PUSH_WAIT
        event = f"{sa.name} awaits mode config"
        self._begun[sa] = self._context.timers.arm(due, event, lambda: self._over(sa))

    def _over(self, sa: IsakmpSa) -> None:
        begun = self._begun.pop(sa, None)
        if isinstance(begun, Timer):
            begun.cancel()
        if self._isakmp_sas.get(sa.cookies) is sa:
            self._settled.add(sa)
        self._owner.mode_configured(sa)

    def _renew(self, sa: IsakmpSa) -> None:
        """Ask again for an address that is about to expire, also where it came unasked."""
        channel = self._isakmp_sas.channel(sa)
        if channel is None or channel in self._begun:
            return
        pool = self.pool_for(channel)
        wanted = pool.wanted if pool is not None and _asks(pool) else _RENEWED
        self._start(channel, lambda exchange: mode_config.pull(exchange, wanted))

    def removed(self, sa: IsakmpSa) -> None:
        """Forget an ISAKMP SA that is gone."""
        begun = self._begun.get(sa)
        if isinstance(begun, TransactionExchange):
            begun.abort("the ISAKMP SA is gone")
        elif begun is not None:
            self._over(sa)
        self._settled.discard(sa)
        self._answered.pop(sa, None)
        self.released(sa)

    def released(self, sa: IsakmpSa) -> None:
        """Take back what a peer assigned once nothing is shared with it any more."""
        if not self._owner.still_shares(sa):
            self._assignments.withdraw(sa)

    def refused_by_peer(self, sa: IsakmpSa, notify: NotifyType) -> bool:
        """End what we have begun because of a protected error; False when there is nothing."""
        begun = self._begun.get(sa)
        if not isinstance(begun, TransactionExchange) or notify >= NotifyType.CONNECTED:
            return False
        begun.refused_by_peer(notify)
        return True

    # What quick mode uses

    def addresses(self, sa: IsakmpSa) -> tuple[Address, ...]:
        """List the addresses the peer of ``sa`` has assigned this host, one of an IP version."""
        return self._assignments.addresses(sa)

    def lacks_address(self, sa: IsakmpSa, connection: Connection) -> str:
        """Say why a connection cannot begin: it needs an address it was not given; "" if it can."""
        pool = self.pool_for(sa)
        if connection.local is not None or pool is None or not self._wanted(sa):
            return ""
        if not _asks_address(pool) or self.addresses(sa):
            return ""
        return (
            f"it has no Local-ID, so it needs an address of {sa.transport.peer}, and mode config "
            f"has brought none ([{pool.section}]:Attributes asks for one, "
            f"[{connection.section}]:Local-ID would do without)"
        )

    # Answering

    def answer(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Answer a peer's transaction, whose HASH is verified."""
        exchange = TransactionExchange(self._context, self, sa, False, at, header.message_id)
        exchange.begin_with(body)
        self._make_room(self._answered.setdefault(sa, []))
        self._answered[sa].append(exchange)
        self._exchanges.add(exchange)
        exchange.start(mode_config.respond(exchange, first), octets)

    def _make_room(self, answered: list[TransactionExchange]) -> None:
        while len(answered) >= ANSWERED_LIMIT:
            oldest = answered.pop(0)
            oldest.abort("newer transactions needed its place")
            self._exchanges.discard(oldest)

    # What an exchange asks and tells

    def pool_for(self, sa: IsakmpSa) -> AddressPool | None:
        """Find the section that says what to tell a peer, or to ask of it."""
        section = section_of(sa.remote_id)
        pools = self._context.configuration.address_pools
        return pools.get(section) if section is not None else None

    def takes_nothing_from(self, sa: IsakmpSa) -> str:
        """Say why a peer may not assign this host anything; "" if it may."""
        pool = self.pool_for(sa)
        if not self._wanted(sa):
            return f"[{sa.name}]:Flags= ikecfg is not set"
        if pool is not None and _tells(pool):
            return f"by [{pool.section}] this end assigns, and the peer takes"
        if sa.peer.address is None and not _asks(pool):
            section = section_of(sa.remote_id)
            would = f", and [{section}] does not ask this one ([{section}]:Mode= GET would)"
            return f"[{sa.name}] has no Address, so it is many peers'{would if section else ''}"
        return ""

    @property
    def assignments(self) -> Assignments:
        """Give what peers have assigned."""
        return self._assignments

    def transaction_ended(self, exchange: TransactionExchange, failure: str | None) -> None:
        """Go on with what waited for the exchange."""
        if failure is None:
            self._exchanges.discard_later(exchange)
        else:
            self._exchanges.discard(exchange)
        begun = self._begun.get(exchange.sa)
        pushed = isinstance(begun, Timer) and bool(self.addresses(exchange.sa))
        if begun is exchange or pushed:
            self._over(exchange.sa)


def _tells(pool: AddressPool) -> bool:
    return pool.push and bool(configuration_attributes.offered(pool, prefix_octet=False))


def _asks(pool: AddressPool | None) -> bool:
    if pool is None or pool.push:
        return False
    return bool(configuration_attributes.requested(pool.wanted))


def _asks_address(pool: AddressPool | None) -> bool:
    return pool is not None and _asks(pool) and configuration_attributes.asks_address(pool.wanted)
