"""Be the IKE engine: what arrives, falls due or is commanded goes in, outputs come out."""

from __future__ import annotations

from isakmpd.config.model import Configuration
from isakmpd.ike import ipsec
from isakmpd.ike.activity import rest, resume
from isakmpd.ike.answering import Answering
from isakmpd.ike.context import Calendar, Context, no_calendar
from isakmpd.ike.entropy import Entropy
from isakmpd.ike.inbound import Inbound
from isakmpd.ike.nat_traversal import NAT_T_PORT
from isakmpd.ike.negotiation import Negotiation, Usage
from isakmpd.ike.outputs import Output, Wants
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.reconfiguration import (
    no_longer_wanted,
    wanted,
    withdrawn_connections,
    withdrawn_peers,
)
from isakmpd.ike.rejudgement import judge_again
from isakmpd.ike.snapshot import Snapshot
from isakmpd.ike.snapshot_of import snapshot_of
from isakmpd.ike.suite_support import unsupported
from isakmpd.ike.teardown import TORN_DOWN, teardown_ipsec_at, teardown_isakmp_at
from isakmpd.ike.transport import Transport
from isakmpd.ike.unreachable import Unreachable
from isakmpd.ike.ways import ListensOn, LocalAddress
from isakmpd.pki.keyring import EMPTY, Keyring
from isakmpd.wire.addresses import Address


class Engine:
    """Decide. Every call takes the time, in seconds, and leaves what is to be done in ``drain``."""

    def __init__(
        self,
        configuration: Configuration,
        entropy: Entropy,
        *,
        usage: Usage,
        local_address: LocalAddress,
        ike_port: int = 500,
        nat_t_port: int = NAT_T_PORT,
        nat_traversal: bool = True,
        acquire_only: bool = False,
        send_deletes: bool = True,
        active: bool = True,
        capabilities: ipsec.Capabilities = ipsec.EVERYTHING,
        listens_on: ListensOn = lambda _address: True,
        wants: Wants = lambda _log_class, _level: True,
        keyring: Keyring = EMPTY,
        calendar: Calendar = no_calendar,
    ) -> None:
        """Make an engine that does nothing yet.

        ``usage`` counts what an IPsec SA carried; ``local_address`` finds the address from which
        a peer is reached; ``nat_traversal`` lets NATs be looked for, and ESP travel in UDP;
        ``acquire_only`` installs SAs alone, with no flows and guards, as the tag does;
        ``send_deletes`` tells the peers at the end, unless Delete-SAs forbids that;
        ``active`` begins negotiations of our own, as ``set_active`` does later;
        ``capabilities`` are the IPsec stack's; ``listens_on`` tells whether datagrams can leave
        from an address; ``wants`` whether anybody reads debug lines of a class at a level;
        ``keyring`` holds keys and certificates, judged at the time (aware) that ``calendar`` gives.
        """
        self._context = Context(
            configuration,
            entropy,
            nat_t_port,
            nat_traversal=nat_traversal,
            acquire_only=acquire_only,
            capabilities=capabilities,
            wants=wants,
            keyring=keyring,
            calendar=calendar,
        )
        self._context.active = active
        self._send_deletes = send_deletes
        self._said: set[str] = set()  # of what the stack cannot carry
        self._negotiation = Negotiation(self._context, usage, local_address, ike_port, listens_on)
        self._inbound = Inbound(
            self._context,
            Answering(self._negotiation),
            self._negotiation.exchanges,
            self._negotiation.isakmp_sas,
            self._negotiation.strangers,
        )

    def start(self, now: float) -> None:
        """Guard what must not leave in clear, and begin to bring up what is to be up."""
        self._at(now)
        self._say_what_is_unsupported()
        self._negotiation.guards.configure()
        self._negotiation.connections.configure()

    def _say_what_is_unsupported(self) -> None:
        lines = unsupported(self._context.configuration, self._context.capabilities)
        before, self._said = self._said, set(lines)
        for line in sorted(self._said - before):
            self._context.log(line)

    def _at(self, now: float) -> None:
        """Move on to a moment; a clock that stands still or goes back does not take us along."""
        self._context.now = max(self._context.now, now)

    def configure(self, configuration: Configuration, now: float, *, resume: bool = True) -> None:
        """Go on with another configuration; what it withdraws is deleted, all else stays.

        ``resume`` also brings up what the administrator has taken down, and where
        Renegotiate-on-HUP says so has every connection negotiated anew.
        """
        self._at(now)
        before, self._context.configuration = self._context.configuration, configuration
        self._context.failures.forget()
        self._say_what_is_unsupported()
        cared_for = self._negotiation.connections
        down = {name for name in wanted(before) if not cared_for.cares_for(name)}
        connections = withdrawn_connections(before, configuration)
        for name in connections:
            if self._remove(name):
                self._context.verbose(f"{name}: the configuration has withdrawn it, its SAs go")
        for name in withdrawn_peers(before, configuration):
            self._negotiation.withdraw_peer(name)
        for name in no_longer_wanted(before, configuration):
            cared_for.forget(name)
        self._negotiation.guards.configure()
        self._negotiation.ipsec_sas.configure()
        cared_for.configure(set() if resume else down.difference(connections))
        for name in connections:
            cared_for.check_soon(name)
        if resume and self._context.general.renegotiate_on_hup:
            for pair in self._negotiation.ipsec_sas:
                self._negotiation.ipsec_sas.expire_softly(pair)

    def take_keyring(self, keyring: Keyring, now: float) -> None:
        """Go on with other keys and certificates; peers they no longer prove lose their SAs."""
        self._at(now)
        self._context.keyring = keyring
        judge_again(self._negotiation)

    def receive(self, octets: bytes, transport: Transport, now: float) -> None:
        """Take a datagram, without its non-ESP marker."""
        self._at(now)
        self._inbound.receive(octets, transport)

    def on_stack(self, message: ipsec.Answer | ipsec.Event, now: float) -> None:
        """Take an answer or an event of the IPsec stack."""
        self._at(now)
        if isinstance(message, ipsec.Answer):
            self._context.answered(message)
        elif isinstance(message, ipsec.UnknownSpi):
            self._negotiation.correspondence.unknown_spi(message)
        elif isinstance(message, ipsec.Acquire):
            self._negotiation.connections.acquire(message.connection)
        elif isinstance(message, ipsec.PeerMoved):
            self._negotiation.moved_peers.esp_seen(message)
        else:
            self._negotiation.ipsec_sas.on_event(message)

    def unreachable(self, remote: Address, port: int, kind: Unreachable, now: float) -> None:
        """Hear, unauthenticated, that what we sent there did not arrive: it explains, no more."""
        self._at(now)
        for exchange in self._negotiation.exchanges:
            if isinstance(exchange, Phase1Exchange) and exchange.transport.place == (remote, port):
                exchange.hearsay.unreachable = kind

    def addresses_changed(self, now: float) -> None:
        """Hear that this host's addresses or routes have changed: what had no way may have one."""
        self._at(now)
        self._negotiation.ways.look_again()

    def tick(self, now: float) -> None:
        """Do what has fallen due."""
        self._at(now)
        self._context.timers.fire(now)

    def deadline(self) -> float | None:
        """Tell when ``tick`` is wanted next, None for never."""
        return self._context.timers.deadline()

    def drain(self) -> list[Output]:
        """Give what is to be done, in order, and forget it."""
        outputs, self._context.outputs = self._context.outputs, []
        return outputs

    # Commands

    @property
    def active(self) -> bool:
        """Tell whether negotiations of our own begin."""
        return self._context.active

    def set_active(self, active: bool, now: float) -> bool:
        """Begin negotiations of our own, or only answer; False when nothing changes."""
        self._at(now)
        if active == self._context.active:
            return False
        (resume if active else rest)(self._negotiation)
        return True

    def establish(self, name: str, now: float) -> bool:
        """Bring a connection up and keep it up, or begin phase 1 with a peer; False if unknown.

        Who asks for it is told again why it fails.
        """
        self._at(now)
        connection = self._context.configuration.connections.get(name)
        for subject in (name, connection.peer if connection is not None else name):
            self._context.failures.over(subject)
        if connection is not None:
            self._negotiation.connections.watch(name)
            self._negotiation.connections.try_soon(name)
        elif name in self._context.configuration.peers:
            self._negotiation.begin_phase1(name)
        else:
            return False
        return True

    def teardown(self, name: str, now: float) -> bool:
        """Take a connection down and leave it down; False when there is nothing of that name.

        Its guard stays: its packets do not leave in clear for as long as it is configured.
        """
        self._at(now)
        known = name in self._context.configuration.connections
        self._negotiation.connections.forget(name)
        return self._remove(name) or known

    def teardown_peer(self, name: str, now: float) -> bool:
        """Delete the ISAKMP SAs with a peer; False when there is no such peer."""
        self._at(now)
        known = name in self._context.configuration.peers
        return self._negotiation.remove_isakmp_sas(name) or known

    def _remove(self, name: str) -> bool:
        """Delete what a connection has, and end what it is about to have."""
        self._negotiation.wait_no_longer(name, TORN_DOWN)
        for exchange in self._negotiation.exchanges:
            if exchange.name == name:
                exchange.abort(TORN_DOWN)
        pairs = self._negotiation.ipsec_sas.named(name)
        for pair in pairs:
            self._negotiation.ipsec_sas.remove(pair, tell_peer=True)
        return bool(pairs)

    def teardown_address(self, address: Address, phase: int, now: float) -> bool:
        """Delete the SAs of one phase with whoever is at an address; False when there are none."""
        self._at(now)
        act = teardown_isakmp_at if phase == 1 else teardown_ipsec_at
        return act(self._negotiation, address)

    def teardown_all(self, now: float) -> None:
        """Take every connection down."""
        paired = (pair.name for pair in self._negotiation.ipsec_sas)
        for name in dict.fromkeys((*self._context.configuration.connections, *paired)):
            self.teardown(name, now)

    def delete_sa(self, cookies: tuple[bytes, bytes], message_id: int | None, now: float) -> bool:
        """Delete an ISAKMP SA, or the IPsec SAs of a message ID; False when there is none."""
        self._at(now)
        if message_id is None:
            sa = self._negotiation.isakmp_sas.get(cookies)
            if sa is not None:
                self._negotiation.isakmp_sas.remove(sa, tell_peer=True)
            return sa is not None
        found = [
            pair
            for pair in self._negotiation.ipsec_sas
            if pair.isakmp.cookies == cookies and pair.message_id == message_id
        ]
        for pair in found:
            self._negotiation.ipsec_sas.remove(pair, tell_peer=True)
        return bool(found)

    def shutdown(self, now: float) -> None:
        """End everything, telling the peers unless Delete-SAs or ``send_deletes`` says no."""
        self._at(now)
        tell_peer = self._send_deletes and self._context.general.delete_sas
        self._negotiation.correspondence.leaving = True
        for name in list(self._context.configuration.connections):
            self._negotiation.connections.forget(name)
        for exchange in self._negotiation.exchanges:
            exchange.abort("shutting down")
        for pair in self._negotiation.ipsec_sas:
            self._negotiation.ipsec_sas.remove(pair, tell_peer=tell_peer)
        for sa in self._negotiation.isakmp_sas:
            self._negotiation.isakmp_sas.remove(sa, tell_peer=tell_peer)
        self._negotiation.correspondence.forget()
        self._negotiation.guards.withdraw()

    # Looking

    def wants(self, name: str) -> bool:
        """Tell whether a connection is to be up."""
        return self._negotiation.connections.watches(name)

    def begins_on_demand(self, name: str) -> bool:
        """Tell whether a connection is to be up while there are packets for it."""
        return self._negotiation.connections.on_demand(name)

    @property
    def up(self) -> int:
        """Count the configured connections that have IPsec SAs."""
        named = {pair.name for pair in self._negotiation.ipsec_sas}
        return len(named & self._context.configuration.connections.keys())

    @property
    def unanswered(self) -> int:
        """Count the requests the IPsec stack has yet to answer."""
        return self._context.waiting

    @property
    def remembered(self) -> int:
        """Count the exchanges held, with those that only answer duplicates any more."""
        return len(self._negotiation.exchanges)

    def snapshot(self, now: float) -> Snapshot:
        """Show everything as it is."""
        self._at(now)
        return snapshot_of(self._negotiation)
