"""Say what the engine wants done: the only way it acts on the world."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

from isakmpd.crypto.secret import Secret
from isakmpd.ike import ipsec
from isakmpd.ike.transport import Transport

KEYS_LEVEL = 90  # of class CRYPTO, from which on the log holds keys


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


# Tells whether anybody reads debug lines of a class at a level: the others are not even made.
Wants = Callable[[LogClass, int], bool]


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
    """Log one line: always without a class, with one only at its debug level or above.

    ``arguments`` go into ``template`` as % puts them there, and only when somebody asks for the
    text; without any, the template is the text. They do not change once they are here.
    """

    template: str
    log_class: LogClass | None = None
    level: int = 0
    arguments: tuple[object, ...] = ()

    @property
    def text(self) -> str:
        """Make the line."""
        return self.template % self.arguments if self.arguments else self.template


@dataclass(frozen=True, slots=True)
class Verbose:
    """Log one line for those who asked for ``-v``, made as that of Log is."""

    template: str
    arguments: tuple[object, ...] = ()

    @property
    def text(self) -> str:
        """Make the line."""
        return self.template % self.arguments if self.arguments else self.template


@dataclass(frozen=True, slots=True)
class KeyMaterial:
    """Show a key, an IV or what keys come from where class CRYPTO stands at KEYS_LEVEL or above.

    ``owner`` is the peer or connection whose it is, ``label`` what the RFC calls it.
    """

    owner: str
    label: str
    secret: Secret


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


Output = Send | SendKeepalive | Log | Verbose | KeyMaterial | Capture | Stack
