"""Describe the packets of the stack in memory: what hosts send, and what protects it on a link."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.ike.ipsec import SaKeys, Selector, UdpEncapsulation
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.numbers import Protocol


@dataclass(frozen=True, slots=True)
class InnerPacket:
    """Describe a packet to protect: what selectors look at, and ``octets`` of content.

    ``peer`` names the place it came from or goes to; it stands for the port by which a host tells
    peers apart that share a selector.
    """

    source: Address
    destination: Address
    octets: bytes
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    peer: str = ""


@dataclass(frozen=True, slots=True)
class Layer:
    """Be one protocol around a packet: only an SA with equal ``keys`` takes it off."""

    protocol: Protocol
    spi: int
    sequence: int
    keys: SaKeys


@dataclass(frozen=True, slots=True)
class MemoryEsp:
    """Stand for a protected packet on a simulated link, ``layers`` in order of application."""

    source: Address
    destination: Address
    udp: UdpEncapsulation | None  # ports as the sender sees them
    layers: tuple[Layer, ...]
    inner: InnerPacket  # a transport mode checksum covers its addresses

    @property
    def spi(self) -> int:
        """Give the SPI a receiver meets first."""
        return self.layers[-1].spi


def narrowness(selector: Selector) -> tuple[int, int, int]:
    """Rank selectors so that the one naming fewest packets is the greatest."""
    prefixes = selector.local.prefixlen + selector.remote.prefixlen
    ports = bool(selector.local_port) + bool(selector.remote_port)
    return prefixes, int(bool(selector.protocol)), ports


def sends(selector: Selector, packet: InnerPacket) -> bool:
    """Tell whether a packet of this host's side matches a selector."""
    return (
        _within(packet.source, selector.local)
        and _within(packet.destination, selector.remote)
        and selector.protocol in (0, packet.protocol)
        and selector.local_port in (0, packet.source_port)
        and selector.remote_port in (0, packet.destination_port)
    )


def receives(selector: Selector, packet: InnerPacket) -> bool:
    """Tell whether a packet of the peer's side matches a selector."""
    return (
        _within(packet.source, selector.remote)
        and _within(packet.destination, selector.local)
        and selector.protocol in (0, packet.protocol)
        and selector.remote_port in (0, packet.source_port)
        and selector.local_port in (0, packet.destination_port)
    )


def _within(address: Address, network: Network) -> bool:
    return address.version == network.version and address in network
