"""Say what the engine asks of an IPsec stack and what the stack answers.

Every value here crosses between processes once the data plane is one of its own, so they are plain
and immutable. A request that expects an answer carries a ``request`` number; the answer repeats it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EncapsulationMode,
    EspTransform,
    IpcompTransform,
)
from isakmpd.wire.numbers import Protocol as SecurityProtocol

TransformId = EspTransform | AhTransform | IpcompTransform


@dataclass(frozen=True, slots=True)
class Selector:
    """Name the packets a flow protects, seen from this host: from ``local`` to ``remote``.

    ``protocol`` 0 means any IP protocol; a port 0 means any port.
    """

    local: Network
    remote: Network
    protocol: int = 0
    local_port: int = 0
    remote_port: int = 0

    def __str__(self) -> str:
        text = f"{self.local} to {self.remote}"
        if self.protocol:
            text += f" protocol {self.protocol}"
        if self.local_port or self.remote_port:
            text += f" ports {self.local_port or 'any'} to {self.remote_port or 'any'}"
        return text


@dataclass(frozen=True, slots=True)
class SaKeys:
    """Carry an SA's algorithms and keys; keys stay out of every text form.

    ``encryption_key`` includes the 4 octets of salt of a counter mode (RFC 4106 section 8.1); AH
    and IPCOMP have none. ``authentication_key`` is empty for a combined-mode cipher and IPCOMP.
    """

    transform: TransformId
    authentication: AuthenticationAlgorithm
    encryption_key: bytes = field(repr=False)
    authentication_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class UdpEncapsulation:
    """Give the ports of ESP in UDP (RFC 3948)."""

    local_port: int
    remote_port: int


class Direction(Enum):
    """Tell which way an SA's packets travel, seen from this host."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"


@dataclass(frozen=True, slots=True)
class SaKey:
    """Identify an installed SA the way the kernel does (RFC 4301 section 4.1), and its direction.

    ``spi`` is the CPI where the protocol is IPCOMP.
    """

    direction: Direction
    destination: Address
    spi: int
    protocol: SecurityProtocol = SecurityProtocol.IPSEC_ESP

    def __str__(self) -> str:
        return f"{self.direction.value} {self.spi:08x} to {self.destination}"


@dataclass(frozen=True, slots=True)
class OriginalAddresses:
    """Give the ends of a transport mode SA as the peer knows them, which its checksums cover.

    They differ from those on the wire where a NAT stands between (RFC 3947 section 5.2).
    """

    local: Address
    remote: Address


@dataclass(frozen=True, slots=True)
class SimplexSa:
    """Describe one direction of one protocol's SA, complete enough to install."""

    key: SaKey
    source: Address
    keys: SaKeys
    mode: EncapsulationMode  # TUNNEL or TRANSPORT
    selector: Selector
    replay_window: int  # packets; 0 switches the check off
    udp: UdpEncapsulation | None
    soft_octets: int = 0  # 0: no limit
    hard_octets: int = 0
    connection: str = ""
    originals: OriginalAddresses | None = None


@dataclass(frozen=True, slots=True)
class SaPair:
    """Hold both directions of one protocol's SA."""

    inbound: SimplexSa
    outbound: SimplexSa


def principal(bundle: tuple[SaPair, ...]) -> SaPair:
    """Give the pair that stands for a bundle: ESP, else AH."""
    keyed = (pair for pair in bundle if pair.inbound.key.protocol != SecurityProtocol.IPCOMP)
    return next(keyed, bundle[0])


@dataclass(frozen=True, slots=True)
class Flow:
    """Name the packets that go to one peer; peers behind one NAT can share a selector."""

    selector: Selector
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Hold what a peer assigned by mode config: our addresses inside the tunnel, and servers."""

    addresses: tuple[Network, ...] = ()  # each an address with its prefix length; hosts by default
    name_servers: tuple[Address, ...] = ()
    netbios_servers: tuple[Address, ...] = ()
    expires_in: int | None = None  # seconds


# Requests of the engine


@dataclass(frozen=True, slots=True)
class AllocateSpi:
    """Ask for an unused inbound SPI at ``destination``; answered SpiAllocated or StackRefused.

    For IPCOMP it is a CPI, of 16 bits.
    """

    request: int
    destination: Address
    protocol: SecurityProtocol = SecurityProtocol.IPSEC_ESP


@dataclass(frozen=True, slots=True)
class ReleaseSpi:
    """Give back an allocated SPI that never became an SA."""

    destination: Address
    spi: int
    protocol: SecurityProtocol = SecurityProtocol.IPSEC_ESP


@dataclass(frozen=True, slots=True)
class InstallSa:
    """Ask to install one direction of an SA; answered by Done or StackRefused.

    An inbound SA accepts packets at once. An outbound SA carries nothing until a flow names it.
    """

    request: int
    sa: SimplexSa


@dataclass(frozen=True, slots=True)
class UpdateSa:
    """Move an SA to a peer's new address or UDP port, keeping keys and counters."""

    key: SaKey
    source: Address
    destination: Address
    udp: UdpEncapsulation | None


@dataclass(frozen=True, slots=True)
class RemoveSa:
    """Remove one direction of an SA; removing what is not there is no error."""

    key: SaKey


@dataclass(frozen=True, slots=True)
class InstallFlow:
    """Send the flow's packets through outbound SAs, replacing those it used in place.

    ``outbound`` is a bundle in the order in which its protocols are applied to a packet. Answered
    by Done or StackRefused (a selector the stack cannot express, a route that loops).
    """

    request: int
    flow: Flow
    outbound: tuple[SaKey, ...]
    connection: str


@dataclass(frozen=True, slots=True)
class RemoveFlow:
    """Stop sending the flow's packets through SAs; a guard, or else their own path, has them."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class Guard:
    """Never let the selector's packets leave in clear: without a flow they are refused.

    With ``hold`` the first of them are queued for the flow to come, and Acquire is reported.
    A guard of the same selector and connection is replaced. Answered by Done or StackRefused.
    """

    request: int
    selector: Selector
    connection: str
    hold: bool


@dataclass(frozen=True, slots=True)
class Unguard:
    """Give the selector's packets the path they had before Guard."""

    selector: Selector
    connection: str


@dataclass(frozen=True, slots=True)
class Assign:
    """Give this host what a peer assigned, in place of what it assigned before."""

    request: int
    peer: str
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Withdraw:
    """Take back what Assign gave for a peer."""

    peer: str


Request = (
    AllocateSpi
    | ReleaseSpi
    | InstallSa
    | UpdateSa
    | RemoveSa
    | InstallFlow
    | RemoveFlow
    | Guard
    | Unguard
    | Assign
    | Withdraw
)


# Answers and events of the stack


@dataclass(frozen=True, slots=True)
class SpiAllocated:
    """Answer AllocateSpi."""

    request: int
    spi: int


@dataclass(frozen=True, slots=True)
class Done:
    """Answer InstallSa, InstallFlow, Guard and Assign: it is in place."""

    request: int


@dataclass(frozen=True, slots=True)
class StackRefused:
    """Answer any request the stack cannot carry out, with the reason in one sentence."""

    request: int
    reason: str


@dataclass(frozen=True, slots=True)
class InboundSeen:
    """Report the first authentic packet on an inbound SA."""

    key: SaKey


@dataclass(frozen=True, slots=True)
class SoftExpired:
    """Report that an SA has used its soft octets or nears the end of its sequence numbers."""

    key: SaKey


@dataclass(frozen=True, slots=True)
class HardExpired:
    """Report that an SA is used up, by hard octets or sequence numbers, and carries no more."""

    key: SaKey


@dataclass(frozen=True, slots=True)
class UnknownSpi:
    """Report an ESP packet whose SPI names no SA; at most one a second for each source."""

    source: Address
    destination: Address
    spi: int


@dataclass(frozen=True, slots=True)
class Acquire:
    """Report a packet of a guard that holds, for which there is no flow; rarely repeated."""

    connection: str
    packet: Selector  # the packet's own addresses, protocol and ports


@dataclass(frozen=True, slots=True)
class PeerMoved:
    """Report that authentic new packets on an inbound SA come from another address or port."""

    key: SaKey
    source: Address
    source_port: int


Answer = SpiAllocated | Done | StackRefused
Event = InboundSeen | SoftExpired | HardExpired | UnknownSpi | Acquire | PeerMoved


@dataclass(frozen=True, slots=True)
class Capabilities:
    """List what a stack can carry; what it cannot is neither offered nor accepted."""

    stack: str
    transforms: frozenset[tuple[SecurityProtocol, int]]
    authentication: frozenset[AuthenticationAlgorithm]
    modes: frozenset[EncapsulationMode]  # TUNNEL, TRANSPORT
    bundles: bool  # several protocols in one suite


EVERYTHING = Capabilities(
    "whole",
    frozenset(
        (protocol, int(transform))
        for protocol, transforms in (
            (SecurityProtocol.IPSEC_ESP, EspTransform),
            (SecurityProtocol.IPSEC_AH, AhTransform),
            (SecurityProtocol.IPCOMP, IpcompTransform),
        )
        for transform in transforms
    ),
    frozenset(AuthenticationAlgorithm),
    frozenset({EncapsulationMode.TUNNEL, EncapsulationMode.TRANSPORT}),
    bundles=True,
)


@dataclass(frozen=True, slots=True)
class SaUsage:
    """Count the packets and octets an SA has carried; ``last_used`` in seconds."""

    packets: int
    octets: int
    last_used: float | None


class IpsecStack(Protocol):
    """Carry out the engine's requests; answers and events go to the ``report`` it was made with.

    A stack may report before ``submit`` returns or at any later time. ``usage`` answers from what
    the stack knows now, None for an SA it does not hold.
    """

    name: str
    capabilities: Capabilities

    def submit(self, request: Request, now: float) -> None:
        """Begin to carry out ``request``; ``now`` is in seconds."""

    def usage(self, key: SaKey) -> SaUsage | None:
        """Count what the SA has carried so far."""

    def close(self) -> None:
        """Remove everything this stack installed."""
