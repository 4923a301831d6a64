"""Hold all SAs of the userspace stack and what is known of their paths (RFC 4301 section 4.4.2)."""

from __future__ import annotations

from isakmpd.ike.ipsec import Direction, SaKey, SimplexSa, UpdateSa
from isakmpd.ipsec.client_ports import ClientPorts
from isakmpd.ipsec.narrowest import compiled
from isakmpd.ipsec.sad import Inbound, Outbound, Report, mode_of
from isakmpd.ipsec.spis import Entropy, SpiPool
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import EncapsulationMode

DEFAULT_PATH_MTU = 1500
MODES = frozenset({EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT})


class SecurityAssociations:
    """Install, move and remove SAs; ``inbound`` finds them by SPI, ``outbound`` by key."""

    def __init__(self, report: Report, entropy: Entropy) -> None:
        self.inbound: dict[int, Inbound] = {}
        self.outbound: dict[SaKey, Outbound] = {}
        self.clients = ClientPorts()
        self.spis = SpiPool(entropy)
        self._report = report
        self._entropy = entropy
        self._path_mtus: dict[Address, int] = {}

    def install(self, sa: SimplexSa) -> str | None:
        """Install one direction; the reason in one sentence when that cannot be."""
        if mode_of(sa.mode) not in MODES:
            return f"the userspace stack carries tunnel and transport mode, not {sa.mode}"
        if sa.replay_window < 0:
            return f"a replay window of {sa.replay_window} packets is impossible"
        replaced: Inbound | Outbound | None
        try:
            compiled(sa.selector)
            if sa.key.direction is Direction.INBOUND:
                inbound = Inbound(sa, self._report, self._entropy, self.clients)
                replaced = self.inbound.get(sa.key.spi)
                self.inbound[sa.key.spi] = inbound
                self.spis.hold(sa.key.spi)
            else:
                mtu = self._path_mtus.get(sa.key.destination, DEFAULT_PATH_MTU)
                outbound = Outbound(sa, self._report, self._entropy, mtu, self.clients)
                replaced = self.outbound.get(sa.key)
                self.outbound[sa.key] = outbound
        except ValueError as reason:
            return str(reason)
        if replaced is not None:
            replaced.leave()
        return None

    def update(self, update: UpdateSa) -> None:
        """Move an SA; what is not there needs no move."""
        sa = self.find(update.key)
        if sa is None:
            return
        sa.move(update)
        if isinstance(sa, Outbound):
            del self.outbound[update.key]
            sa.learn_path_mtu(self._path_mtus.get(update.destination, DEFAULT_PATH_MTU))
            self.outbound[sa.description.key] = sa

    def remove(self, key: SaKey) -> Inbound | Outbound | None:
        """Remove an SA and give it; None when it is not there."""
        sa = self.find(key)
        if sa is None:
            return None
        sa.leave()
        if isinstance(sa, Inbound):
            del self.inbound[key.spi]
            self.spis.release(key.spi)
            return sa
        del self.outbound[key]
        if all(key.destination != other.destination for other in self.outbound):
            self._path_mtus.pop(key.destination, None)
        return sa

    def find(self, key: SaKey) -> Inbound | Outbound | None:
        """Find an SA by the key it has now."""
        if key.direction is Direction.OUTBOUND:
            return self.outbound.get(key)
        inbound = self.inbound.get(key.spi)
        return inbound if inbound is not None and inbound.description.key == key else None

    def learn_path_mtu(self, destination: Address, mtu: int) -> None:
        """Take the path MTU to a peer, in octets of whole outer packets."""
        if self._path_mtus.get(destination) == mtu:
            return
        self._path_mtus[destination] = mtu
        for sa in self.outbound.values():
            if sa.path.destination == destination:
                sa.learn_path_mtu(mtu)

    def clear(self) -> None:
        """Forget every SA and SPI."""
        for sa in (*self.inbound.values(), *self.outbound.values()):
            sa.leave()
        self.inbound.clear()
        self.outbound.clear()
        self.spis = SpiPool(self._entropy)
