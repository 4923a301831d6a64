"""Keep the pairs of IPsec SAs: which exist, which carries the traffic, when each ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from isakmpd.ike import ipsec, succession
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import fraction
from isakmpd.ike.grouped import Grouped
from isakmpd.ike.inner_addresses import InnerNetworks
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.responder_lifetime import shortened
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.wire.addresses import Network
from isakmpd.wire.numbers import Protocol as SecurityProtocol
from isakmpd.wire.payloads import Notification
from isakmpd.wire.vendor_ids import Vendor

SWITCH_AFTER = 1.0  # seconds the old pair still sends when the new one has received nothing
RETRY_REKEY = 10.0  # seconds after a rekeying that failed
# Some peers leave SAs they have replaced to their fate; others, slow ones, delete them themselves.
PATIENCE = 60.0  # seconds a peer has to delete what its own SA replaces, or to use its heir
GENERATIONS = 8  # pairs of one purpose, the replaced among them; the oldest give way
PAIRS_OF_PEER = 1024  # beside two for each connection configured

_PeersSpi = tuple[str, SecurityProtocol, int]  # the peer, and an SPI on which it receives


class IpsecSaOwner(Protocol):
    """Act on what happens to IPsec SAs; the engine does."""

    def rekey(self, pair: IpsecSa) -> None:
        """Negotiate a successor, if one is wanted."""

    def say_farewell(self, pair: IpsecSa) -> None:
        """Tell the peer that we hold a pair no longer; it matters until it would have expired."""

    def ipsec_removed(self, pair: IpsecSa) -> None:
        """Forget what belongs to a pair that is gone."""

    def connection_lost(self, pair: IpsecSa) -> None:
        """See whether the connection of a pair that came to its end is to be up."""

    def usage_of(self, key: ipsec.SaKey) -> ipsec.SaUsage | None:
        """Count what an SA has carried."""


class IpsecSas:
    """Hold every pair, indexed by its SPIs."""

    def __init__(self, context: Context, owner: IpsecSaOwner) -> None:
        self._context = context
        self._owner = owner
        self._pairs: dict[ipsec.SaKey, IpsecSa] = {}  # by inbound key
        self._by_key: dict[ipsec.SaKey, IpsecSa] = {}  # by each key of the bundle
        self._by_peers_spi: dict[_PeersSpi, IpsecSa] = {}
        self._by_connection: Grouped[str, IpsecSa] = Grouped()
        self._by_section: Grouped[str, IpsecSa] = Grouped()
        self._by_peer: Grouped[str, IpsecSa] = Grouped()
        self._by_purpose: Grouped[tuple[str, str, ipsec.Selector], IpsecSa] = Grouped()
        self._inner = InnerNetworks()
        self._leads = not context.acquire_only  # whether flows are ours to install

    def __iter__(self) -> Iterator[IpsecSa]:
        return iter(list(self._pairs.values()))

    def __contains__(self, pair: IpsecSa) -> bool:
        return self._pairs.get(pair.inbound.key) is pair

    def named(self, name: str) -> list[IpsecSa]:
        """List the pairs of a connection, with whatever peers, the oldest first."""
        return self._by_connection.of(name)

    def with_section(self, section: str) -> list[IpsecSa]:
        """List the pairs of a peer section, which several peers can share, the oldest first."""
        return self._by_section.of(section)

    def of_peer(self, sa: IsakmpSa) -> list[IpsecSa]:
        """List the pairs shared with the peer of an ISAKMP SA, the oldest first."""
        return self._by_peer.of(sa.peer_key)

    def generations(self, pair: IpsecSa) -> list[IpsecSa]:
        """List the pairs of the same purpose, the oldest first."""
        return self._by_purpose.of(pair.purpose)

    def overlapping(self, network: Network) -> list[IpsecSa]:
        """List road warriors' tunnels that lead to an address of a network."""
        return list(self._inner.overlapping(network))

    def up(self, name: str) -> bool:
        """Tell whether a connection has a pair that nothing is to replace."""
        return any(not pair.replaced for pair in self.named(name))

    def by_key(self, key: ipsec.SaKey) -> IpsecSa | None:
        """Find the pair an SA of the stack's belongs to."""
        return self._by_key.get(key)

    def by_outbound_spi(
        self, sa: IsakmpSa, protocol: SecurityProtocol, spi: bytes
    ) -> IpsecSa | None:
        """Find the pair a peer's Delete names: its inbound SPI is our outbound one."""
        return self._by_peers_spi.get((sa.peer_key, protocol, int.from_bytes(spi)))

    def full(self, sa: IsakmpSa) -> str | None:
        """Say why the peer of an ISAKMP SA can have no more pairs, None while it can."""
        limit = PAIRS_OF_PEER + 2 * len(self._context.configuration.connections)
        held = len(self.of_peer(sa))
        return f"the peer has {held} IPsec SAs, {limit} are allowed" if held >= limit else None

    def configure(self) -> None:
        """Install the flows of all pairs, or remove them, where Acquire-Only has changed."""
        if self._leads is not self._context.acquire_only:
            return
        self._leads = not self._leads
        for pair in self:
            if pair.active and self._leads:
                self._install_flow(pair)
            elif pair.active:
                self._context.tell(ipsec.RemoveFlow(pair.flow))

    def add(self, pair: IpsecSa, *, lasting: bool) -> None:
        """Take a new pair and lead the traffic to it; of it and each that exists, one gives way.

        ``lasting`` tells that this end wants the connection up and so rekeys even where the peer
        began it.
        """
        others = self.generations(pair)
        self._note(pair, "is there for %s, %d others for the same", pair.selector, len(others))
        self._index(pair)
        self._arm_lifetime(pair, lasting=lasting)
        succession.settle(pair, others, self._bury_later)
        carried = any(other.active for other in others)
        if carried and pair.initiator and not pair.replaced:
            # The peer takes its half of the new pair into use only when our last message arrives.
            due = self._context.now + SWITCH_AFTER
            event = f"{pair.name} changes SAs"
            pair.timers.arm(self._context.timers, due, event, lambda: self._take_over(pair))
            pair.on_inbound = lambda: self._take_over(pair)
        elif not carried or not pair.replaced:
            self._activate(pair)
        replaced = [other for other in others if other.replaced]
        for other in replaced[: max(0, len(others) + 1 - GENERATIONS)]:
            self.remove(other, tell_peer=True)

    def _note(self, pair: IpsecSa, template: str, *arguments: object) -> None:
        """Tell those who debug SAs what becomes of a pair."""
        spis = pair.inbound.key.spi, pair.outbound.key.spi
        self._context.debug(
            LogClass.SA, 20, f"%s: SA in %08x out %08x {template}", pair.name, *spis, *arguments
        )

    def _index(self, pair: IpsecSa) -> None:
        self._pairs[pair.inbound.key] = pair
        self._by_connection.add(pair.name, pair)
        self._by_section.add(pair.isakmp.name, pair)
        self._by_peer.add(pair.isakmp.peer_key, pair)
        self._by_purpose.add(pair.purpose, pair)
        self._inner.add(pair)
        for key in _keys(pair):
            self._by_key[key] = pair
        for spi in _peers_spis(pair):
            self._by_peers_spi[spi] = pair

    def _forget(self, pair: IpsecSa) -> None:
        self._by_connection.remove(pair.name, pair)
        self._by_section.remove(pair.isakmp.name, pair)
        self._by_peer.remove(pair.isakmp.peer_key, pair)
        self._by_purpose.remove(pair.purpose, pair)
        self._inner.remove(pair)
        for key in _keys(pair):
            self._by_key.pop(key, None)
        for spi in _peers_spis(pair):
            if self._by_peers_spi.get(spi) is pair:
                del self._by_peers_spi[spi]

    def move(self, pair: IpsecSa, bundle: tuple[ipsec.SaPair, ...]) -> None:
        """Know a pair by the SAs it has where its peer is, its inbound SPIs being the same."""
        for key in _keys(pair):
            self._by_key.pop(key, None)
        pair.bundle = bundle
        for key in _keys(pair):
            self._by_key[key] = pair

    def _take_over(self, pair: IpsecSa) -> None:
        if not pair.active and not pair.replaced:
            self._activate(pair)

    def _bury_later(self, heir: IpsecSa, old: IpsecSa) -> None:
        if succession.deletes(heir, old):
            self._arm_burial(heir, old, succession.linger(heir))
        elif Vendor.ACKNOWLEDGED_DELETES not in heir.isakmp.vendors:
            self._arm_burial(heir, old, PATIENCE)

    def _arm_burial(self, heir: IpsecSa, old: IpsecSa, wait: float) -> None:
        def bury() -> None:
            if heir not in self:
                return
            if self._still_serves(old, heir) and not self._in_dispute(old, heir):
                self._arm_burial(heir, old, succession.LINGER)
            else:
                self.remove(old, tell_peer=True)

        due = self._context.now + wait
        old.timers.arm(self._context.timers, due, _burial(old), bury)

    def _in_dispute(self, old: IpsecSa, heir: IpsecSa) -> bool:
        """Tell whether each end may take the other's pair for the heir, and does so for too long.

        That happens to pairs begun side by side, and traffic alone does not end it.
        """
        until = max(heir.established, old.established) + PATIENCE
        return heir.initiator is not old.initiator and self._context.now >= until

    def _still_serves(self, old: IpsecSa, heir: IpsecSa) -> bool:
        """Tell whether traffic of either direction goes on over the old pair alone."""
        since = self._context.now - succession.LINGER

        def stays(before: ipsec.SimplexSa, after: ipsec.SimplexSa) -> bool:
            used, taken = self._owner.usage_of(before.key), self._owner.usage_of(after.key)
            lately = used is not None and used.last_used is not None and used.last_used >= since
            return lately and (taken is None or not taken.packets)

        return stays(old.inbound, heir.inbound) or stays(old.outbound, heir.outbound)

    def _activate(self, pair: IpsecSa) -> None:
        self._note(pair, "carries the traffic")
        for other in self.generations(pair):
            other.active = other is pair
        pair.on_inbound = None
        pair.timers.cancel(f"{pair.name} changes SAs")
        if self._leads:
            self._install_flow(pair)

    def _install_flow(self, pair: IpsecSa) -> None:
        def answered(answer: ipsec.Answer) -> None:
            if isinstance(answer, ipsec.StackRefused):
                self._context.log(f"{pair.name}: the flow cannot be installed: {answer.reason}")

        outbound = tuple(protocol.outbound.key for protocol in pair.bundle)
        self._context.ask(
            lambda request: ipsec.InstallFlow(request, pair.flow, outbound, pair.name), answered
        )

    # Ends

    def _arm_lifetime(self, pair: IpsecSa, *, lasting: bool) -> None:
        seconds = pair.choice.lifetimes.seconds
        if seconds is not None:
            self._arm_expiry(pair, seconds, soft=pair.initiator or lasting)

    def _arm_expiry(self, pair: IpsecSa, seconds: float, *, soft: bool) -> None:
        timers, now = self._context.timers, self._context.now
        if soft:
            pair.soft_due = now + seconds * soft_share(self._context, initiator=pair.initiator)
            pair.timers.arm(
                timers, pair.soft_due, f"{pair.name} soft expiry", lambda: self._owner.rekey(pair)
            )
        pair.hard_due = now + seconds
        pair.timers.arm(
            timers, pair.hard_due, f"{pair.name} hard expiry", lambda: self._expired(pair)
        )

    def shorten(self, pair: IpsecSa, notification: Notification) -> None:
        """Let a pair we began end when the responder says that it ends (RFC 2407, 4.6.3.1)."""
        lifetimes = shortened(pair.choice.lifetimes, notification)
        if not pair.initiator or lifetimes == pair.choice.lifetimes:
            return
        pair.choice = replace(pair.choice, lifetimes=lifetimes)
        if lifetimes.seconds is not None:
            left = pair.established + lifetimes.seconds - self._context.now
            self._arm_expiry(pair, max(0.0, left), soft=True)

    def expire_softly(self, pair: IpsecSa) -> None:
        """Rekey a pair before its time, if it is to be rekeyed at all."""
        if pair.soft_due is not None and pair.soft_due > self._context.now:
            pair.soft_due = self._context.now
            pair.timers.cancel(f"{pair.name} soft expiry")
            self._owner.rekey(pair)

    def _expired(self, pair: IpsecSa) -> None:
        self._context.debug(LogClass.SA, 10, f"{pair.name}: SA {pair.inbound.key} has expired")
        self.remove(pair, tell_peer=True)
        self._owner.connection_lost(pair)

    def rekey_failed(self, pair: IpsecSa) -> None:
        """Try again a little later, for as long as the pair lives."""
        if pair in self:
            due = self._context.now + RETRY_REKEY
            pair.timers.arm(
                self._context.timers,
                due,
                f"{pair.name} rekeys again",
                lambda: self._owner.rekey(pair),
            )

    def remove(self, pair: IpsecSa, *, tell_peer: bool) -> None:
        """Remove a pair; another of the same purpose, if any, carries the traffic on."""
        if self._pairs.pop(pair.inbound.key, None) is None:
            return
        self._note(pair, "goes, the peer is %s", "told" if tell_peer else "not told")
        self._forget(pair)
        pair.timers.cancel_all()
        pair.on_inbound = None
        heirs = self.generations(pair)
        if heirs:
            self._inherit(pair, heirs)
        elif pair.active and self._leads:
            self._context.tell(ipsec.RemoveFlow(pair.flow))
        pair.active = False
        for protocol in pair.bundle:
            self._context.tell(ipsec.RemoveSa(protocol.outbound.key))
            self._context.tell(ipsec.RemoveSa(protocol.inbound.key))
        self._owner.ipsec_removed(pair)
        if tell_peer:
            self._owner.say_farewell(pair)

    def _inherit(self, pair: IpsecSa, heirs: list[IpsecSa]) -> None:
        current = [heir for heir in heirs if not heir.replaced]
        heir = (current or heirs)[-1]
        heir.replaced = False
        heir.timers.cancel(_burial(heir))
        if pair.active:
            self._activate(heir)
        if heir.wants_heir:
            self.rekey_failed(heir)

    # Events of the stack

    def on_event(self, event: ipsec.InboundSeen | ipsec.SoftExpired | ipsec.HardExpired) -> None:
        """Take note of what the stack reports of an SA."""
        pair = self.by_key(event.key)
        if pair is None:
            return
        if isinstance(event, ipsec.InboundSeen):
            if pair.on_inbound is not None:
                pair.on_inbound()
        elif isinstance(event, ipsec.SoftExpired):
            self._owner.rekey(pair)
        else:
            self._expired(pair)


def _keys(pair: IpsecSa) -> Iterator[ipsec.SaKey]:
    for protocol in pair.bundle:
        yield protocol.inbound.key
        yield protocol.outbound.key


def _peers_spis(pair: IpsecSa) -> Iterator[_PeersSpi]:
    for protocol in pair.bundle:
        key = protocol.outbound.key
        yield pair.isakmp.peer_key, key.protocol, key.spi


def _burial(pair: IpsecSa) -> str:
    return f"{pair.name} ends, replaced"


def soft_share(context: Context, *, initiator: bool) -> float:
    """Draw the share of a lifetime after which to rekey.

    The initiator is earlier than the responder can be, so that both rarely rekey at once.
    """
    spread = fraction(context.entropy) * 0.05
    return (0.85 if initiator else 0.92) + spread
