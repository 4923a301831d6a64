"""Name what an ICMP error says about a datagram we sent (RFC 1122 section 3.2.2.1, RFC 4443)."""

from __future__ import annotations

from enum import Enum


class Unreachable(Enum):
    """Tell what was not reached. Anyone can forge it: it explains, it decides nothing."""

    PORT = "the host is up, nobody listens there"
    HOST = "a router cannot reach the host"
    NETWORK = "a router has no route to the network"
    PROHIBITED = "a firewall refuses it"
