"""Keep a connection's packets from ever leaving in clear, from configuration to removal.

The stack refuses or holds what a guard names while no flow takes it. The guards follow the
configuration and nothing else: a tunnel that is down, taken down by hand or never yet up does not
open them. Only a connection that is withdrawn, or whose ``Without-SA`` says ``clear``, loses its
guard, and all do when the daemon ends in good order.
"""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

from isakmpd.config.model import ClientId, Connection, WithoutSa
from isakmpd.ike import ipsec
from isakmpd.ike.context import Context
from isakmpd.ike.ipsec import Selector
from isakmpd.wire.addresses import Address, Network

Place = tuple[Selector, str]  # what is guarded, and for which connection

_EVERYWHERE = {4: ip_network("0.0.0.0/0"), 6: ip_network("::/0")}


class Guards:
    """Keep the stack's guards as the configuration wants them."""

    def __init__(
        self, context: Context, local_address: Callable[[Address], Address | None]
    ) -> None:
        self._context = context
        self._local_address = local_address
        self._standing: dict[Place, bool] = {}  # whether each holds packets
        self._unguardable: set[str] = set()

    def configure(self) -> None:
        """Ask for the guards the configuration wants, then give up those it does not."""
        wanted = self._wanted()
        for place, hold in wanted.items():
            if self._standing.get(place) is not hold:
                self._guard(place, hold)
        for place in [place for place in self._standing if place not in wanted]:
            self._unguard(place)

    def refresh(self, connection: Connection) -> None:
        """Look again for the address of a connection whose packets come from our own."""
        if connection.local is not None or not _wants_guard(connection):
            return
        if self._context.acquire_only:
            return
        name, selector = connection.section, self._selector(connection)
        if selector is not None and (selector, name) not in self._standing:
            self._guard((selector, name), connection.on_demand)
            for place in [place for place in self._standing if place[1] == name]:
                if place[0] != selector:
                    self._unguard(place)

    def withdraw(self) -> None:
        """Give up every guard: the daemon ends, and its tunnels with it."""
        for place in list(self._standing):
            self._unguard(place)

    def _wanted(self) -> dict[Place, bool]:
        wanted: dict[Place, bool] = {}
        if self._context.acquire_only:
            return wanted
        for name, connection in self._context.configuration.connections.items():
            if not _wants_guard(connection):
                continue
            selector = self._selector(connection)
            if selector is not None:
                wanted[selector, name] = connection.on_demand
            elif name not in self._unguardable:
                self._unguardable.add(name)
                self._context.log(
                    f"{name}: its packets cannot be told from others and may leave in clear: it "
                    f"has no Remote-ID, and [{connection.peer}] no Address"
                )
        for shut in self._context.configuration.shut:
            wanted[_selector_of(shut.local, shut.remote), shut.section] = False
        return wanted

    def _selector(self, connection: Connection) -> Selector | None:
        """Name the packets of a connection as far as they are known before it is up.

        Without Remote-ID they go to the peer itself. Without Local-ID they come from our address
        towards the peer; from anywhere where we have none yet or the peer is to assign it.
        """
        peer = self._context.configuration.peers.get(connection.peer)
        remote: Network | None = None
        if connection.remote is not None:
            remote = connection.remote.network
        elif peer is not None and peer.address is not None:
            remote = ip_network(peer.address)
        if remote is None:
            return None
        local: Network | None = None
        if connection.local is not None:
            local = connection.local.network
        elif peer is not None and not peer.mode_config:
            own = peer.local_address or (peer.address and self._local_address(peer.address))
            local = ip_network(own) if own else None
        if local is None or (connection.local is None and local.version != remote.version):
            local = _EVERYWHERE[remote.version]
        return Selector(local, remote, *_ports(connection.local, connection.remote))

    def _guard(self, place: Place, hold: bool) -> None:
        selector, name = place
        self._standing[place] = hold

        def answered(answer: ipsec.Answer) -> None:
            if isinstance(answer, ipsec.StackRefused):
                if self._standing.get(place) is hold:
                    del self._standing[place]  # the next configuration asks again
                self._context.log(
                    f"{name}: WITHOUT AN SA ITS PACKETS MAY LEAVE IN CLEAR, {selector} cannot be "
                    f"guarded: {answer.reason}"
                )

        self._context.ask(lambda request: ipsec.Guard(request, selector, name, hold), answered)

    def _unguard(self, place: Place) -> None:
        del self._standing[place]
        self._context.tell(ipsec.Unguard(*place))


def _selector_of(local: ClientId | None, remote: ClientId) -> Selector:
    network = local.network if local is not None else _EVERYWHERE[remote.network.version]
    return Selector(network, remote.network, *_ports(local, remote))


def _wants_guard(connection: Connection) -> bool:
    return connection.listed and connection.without_sa is WithoutSa.BLOCK


def _ports(local: ClientId | None, remote: ClientId | None) -> tuple[int, int, int]:
    """Give protocol, our port and the peer's; a port that is the peer's choice is any."""
    protocol = (remote.protocol if remote else 0) or (local.protocol if local else 0)
    return protocol, local.port if local else 0, remote.port if remote else 0
