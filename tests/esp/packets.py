"""Build the inner packets tests protect, with an independent implementation."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
)

WEST_HOST, EAST_HOST = "10.1.0.1", "10.2.0.1"
WEST_HOST6, EAST_HOST6 = "fd01::1", "fd02::1"


def udp4(
    length: int = 100, source_port: int = 1111, destination_port: int = 2222, **ip: Any
) -> bytes:
    """Build a UDP packet from west to east of ``length`` octets altogether."""
    header = IP(**{"src": WEST_HOST, "dst": EAST_HOST, **ip})
    payload = bytes(index & 0xFF for index in range(length - 28))
    return bytes(header / UDP(sport=source_port, dport=destination_port) / payload)


def tcp4(**ip: Any) -> bytes:
    """Build a TCP SYN from west to east."""
    return bytes(IP(**{"src": WEST_HOST, "dst": EAST_HOST, **ip}) / TCP(sport=1111, dport=2222))


def ping4(length: int = 84, **ip: Any) -> bytes:
    """Build an echo request from west to east of ``length`` octets altogether."""
    return bytes(IP(**{"src": WEST_HOST, "dst": EAST_HOST, **ip}) / ICMP() / bytes(length - 28))


def udp6(length: int = 100, **ip: Any) -> bytes:
    """Build a UDP packet over IPv6 from west to east of ``length`` octets altogether."""
    header = IPv6(**{"src": WEST_HOST6, "dst": EAST_HOST6, **ip})
    return bytes(header / UDP(sport=1111, dport=2222) / bytes(length - 48))


def ping6() -> bytes:
    """Build an IPv6 echo request from west to east."""
    return bytes(IPv6(src=WEST_HOST6, dst=EAST_HOST6) / ICMPv6EchoRequest(data=bytes(32)))


def udp6_behind_extension_headers() -> bytes:
    """Build a UDP packet behind hop-by-hop and destination options."""
    headers = IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt()
    return bytes(IPv6(src=WEST_HOST6, dst=EAST_HOST6) / headers / UDP(sport=1111, dport=2222))


def udp6_fragment(offset: int) -> bytes:
    """Build a fragment of a UDP packet over IPv6; ``offset`` in units of 8 octets."""
    header = IPv6(src=WEST_HOST6, dst=EAST_HOST6) / IPv6ExtHdrFragment(offset=offset, m=1, nh=17)
    return bytes(header / UDP(sport=1111, dport=2222) / bytes(24))
