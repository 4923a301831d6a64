"""Name the two ends of an IKE conversation."""

from __future__ import annotations

from dataclasses import dataclass, replace

from isakmpd.wire.addresses import Address


@dataclass(frozen=True, slots=True)
class Transport:
    """Hold the addresses and UDP ports IKE messages travel between.

    ``encapsulated`` tells that messages carry the non-ESP marker (RFC 3948 section 2.2).
    """

    local: Address
    local_port: int
    remote: Address
    remote_port: int
    encapsulated: bool = False

    def floated(self, local_port: int, remote_port: int) -> Transport:
        """Move to the NAT-T ports (RFC 3947 section 4)."""
        return replace(self, local_port=local_port, remote_port=remote_port, encapsulated=True)

    def __str__(self) -> str:
        udp = " behind the non-ESP marker" if self.encapsulated else ""
        return f"local {self.local}:{self.local_port} remote {self.remote}:{self.remote_port}{udp}"

    @property
    def peer(self) -> str:
        """Print the peer as logs show it: address and port."""
        return f"{self.remote}:{self.remote_port}"

    @property
    def place(self) -> tuple[Address, int]:
        """Give the peer's address and port."""
        return self.remote, self.remote_port

    def toward(self, place: tuple[Address, int]) -> Transport:
        """Go on to a peer that is elsewhere."""
        return replace(self, remote=place[0], remote_port=place[1])
