"""Say what the engine wants done: the only way it acts on the world."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from isakmpd.ike import ipsec
from isakmpd.ike.transport import Transport


class LogClass(IntEnum):
    """Number the debug classes of ``-D`` as the manual does."""

    MISC = 0
    TRANSPORT = 1
    MESSAGE = 2
    CRYPTO = 3
    TIMER = 4
    SYSDEP = 5
    SA = 6
    EXCHANGE = 7
    NEGOTIATION = 8
    POLICY = 9
    UI = 10


@dataclass(frozen=True, slots=True)
class Send:
    """Send one datagram, ready for the wire but for the non-ESP marker."""

    transport: Transport
    octets: bytes


@dataclass(frozen=True, slots=True)
class SendKeepalive:
    """Send one NAT keepalive, a single octet 0xFF (RFC 3948 section 2.3)."""

    transport: Transport


@dataclass(frozen=True, slots=True)
class Log:
    """Log one line: always without a class, with one only at its debug level or above."""

    text: str
    log_class: LogClass | None = None
    level: int = 0


@dataclass(frozen=True, slots=True)
class Verbose:
    """Log one line for those who asked for ``-v``."""

    text: str


@dataclass(frozen=True, slots=True)
class Capture:
    """Show a message in clear to the packet capture; ``outgoing`` tells its direction."""

    transport: Transport
    octets: bytes
    outgoing: bool


@dataclass(frozen=True, slots=True)
class Stack:
    """Hand a request to the IPsec stack."""

    request: ipsec.Request


Output = Send | SendKeepalive | Log | Verbose | Capture | Stack
