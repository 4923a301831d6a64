"""Decide which packets an SA may carry (RFC 4301 section 4.4.1, RFC 2407 section 4.6.2)."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.esp.inner import Endpoints
from isakmpd.wire.addresses import Network


@dataclass(frozen=True, slots=True)
class TrafficSelector:
    """Name packets from ``local`` to ``remote`` in integers; protocol and ports 0 mean any."""

    version: int
    local: int
    local_mask: int
    remote: int
    remote_mask: int
    protocol: int
    local_port: int
    remote_port: int

    @classmethod
    def of(
        cls,
        local: Network,
        remote: Network,
        protocol: int = 0,
        local_port: int = 0,
        remote_port: int = 0,
    ) -> TrafficSelector:
        """Compile networks; raises ValueError when they are of two address families."""
        if local.version != remote.version:
            raise ValueError(f"{local} and {remote} are of different address families")
        return cls(
            local.version,
            int(local.network_address),
            int(local.netmask),
            int(remote.network_address),
            int(remote.netmask),
            protocol,
            local_port,
            remote_port,
        )

    def sends(self, packet: Endpoints) -> bool:
        """Tell whether an outgoing packet is within: source local, destination remote."""
        return self._holds(
            packet,
            packet.source,
            packet.source_port,
            packet.destination,
            packet.destination_port,
        )

    def receives(self, packet: Endpoints) -> bool:
        """Tell whether an incoming packet is within: source remote, destination local."""
        return self._holds(
            packet,
            packet.destination,
            packet.destination_port,
            packet.source,
            packet.source_port,
        )

    def _holds(
        self,
        packet: Endpoints,
        local: int,
        local_port: int | None,
        remote: int,
        remote_port: int | None,
    ) -> bool:
        # A packet that shows no port (a later fragment) never matches a selector that names one.
        return (
            packet.version == self.version
            and local & self.local_mask == self.local
            and remote & self.remote_mask == self.remote
            and self.protocol in (0, packet.protocol)
            and (not self.local_port or local_port == self.local_port)
            and (not self.remote_port or remote_port == self.remote_port)
        )

    @property
    def narrowness(self) -> tuple[int, int, int]:
        """Rank selectors: the one that names the fewest packets is the greatest."""
        prefixes = self.local_mask.bit_count() + self.remote_mask.bit_count()
        ports = bool(self.local_port) + bool(self.remote_port)
        return prefixes, int(bool(self.protocol)), ports
