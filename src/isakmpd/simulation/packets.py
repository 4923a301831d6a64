"""Name what travels on a simulated link, and translate the ends it travels between."""

from __future__ import annotations

from dataclasses import dataclass, replace

from isakmpd.ike.ipsec import UdpEncapsulation
from isakmpd.ike.transport import Transport
from isakmpd.ipsec.memory_packets import MemoryEsp
from isakmpd.wire.addresses import Address


@dataclass(frozen=True, slots=True)
class Datagram:
    """Be one IKE datagram on its way."""

    transport: Transport  # as its sender sees it
    octets: bytes


@dataclass(frozen=True, slots=True)
class Keepalive:
    """Be one NAT keepalive, a single octet 0xFF (RFC 3948 section 2.3)."""

    transport: Transport  # as its sender sees it


Packet = Datagram | Keepalive | MemoryEsp


@dataclass(frozen=True, slots=True)
class End:
    """Name one end of a packet; ``port`` is None for what is not UDP."""

    address: Address
    port: int | None


def source(packet: Packet) -> End:
    """Tell where a packet comes from."""
    if isinstance(packet, MemoryEsp):
        return End(packet.source, packet.udp.local_port if packet.udp else None)
    return End(packet.transport.local, packet.transport.local_port)


def destination(packet: Packet) -> End:
    """Tell where a packet goes to."""
    if isinstance(packet, MemoryEsp):
        return End(packet.destination, packet.udp.remote_port if packet.udp else None)
    return End(packet.transport.remote, packet.transport.remote_port)


def with_source(packet: Packet, address: Address, port: int) -> Packet:
    """Have a UDP packet come from elsewhere."""
    if isinstance(packet, MemoryEsp):
        remote_port = packet.udp.remote_port if packet.udp else 0
        return replace(packet, source=address, udp=UdpEncapsulation(port, remote_port))
    moved = replace(packet.transport, local=address, local_port=port)
    return replace(packet, transport=moved)


def with_destination(packet: Packet, address: Address, port: int) -> Packet:
    """Have a UDP packet go elsewhere."""
    if isinstance(packet, MemoryEsp):
        local_port = packet.udp.local_port if packet.udp else 0
        return replace(packet, destination=address, udp=UdpEncapsulation(local_port, port))
    moved = replace(packet.transport, remote=address, remote_port=port)
    return replace(packet, transport=moved)
