"""Show the engine's state at one moment, for everything an administrator reads.

Times are in seconds from the moment of the snapshot, keys are absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

from isakmpd.ike.ipsec import SaPair, SaUsage, SimplexSa, TransformId, principal
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    AuthenticationMethod,
    EncryptionAlgorithm,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
)


class SaFlags(IntFlag):
    """Number an SA's flags as the result file prints them."""

    READY = 0x1
    STAYALIVE = 0x2
    ONDEMAND = 0x4
    REPLACED = 0x8
    FADING = 0x10
    ACTIVE_ONLY = 0x20
    IKECFG = 0x40
    DPD = 0x80
    NAT_T = 0x100
    NAT_T_KEEPALIVE = 0x200


@dataclass(frozen=True, slots=True)
class Expiry:
    """Tell how long an SA may live, by time and by volume, and what is left of its time."""

    seconds: int | None
    kilobytes: int | None
    soft_in: float | None
    hard_in: float | None


@dataclass(frozen=True, slots=True)
class IsakmpSaSnapshot:
    """Show one ISAKMP SA."""

    name: str
    initiator: bool  # our role
    transport: Transport
    initiator_cookie: bytes
    responder_cookie: bytes
    initiator_id: str
    responder_id: str
    expiry: Expiry
    flags: SaFlags
    encryption: EncryptionAlgorithm
    key_length: int | None  # bits
    hash: HashAlgorithm
    group: GroupDescription
    authentication: AuthenticationMethod = AuthenticationMethod.PRE_SHARED
    proved_by: str = ""  # the peer's certificate or key file, where a signature has proved it


@dataclass(frozen=True, slots=True)
class IpsecSaSnapshot:
    """Show one pair of IPsec SAs."""

    name: str
    initiator: bool
    transport: Transport
    initiator_cookie: bytes
    responder_cookie: bytes
    message_id: int
    expiry: Expiry
    flags: SaFlags
    transform: TransformId
    authentication: AuthenticationAlgorithm
    encryption_key_length: int  # octets, salt included
    authentication_key_length: int  # octets
    bundle: tuple[SaPair, ...]
    outbound_usage: SaUsage | None
    inbound_usage: SaUsage | None

    @property
    def outbound(self) -> SimplexSa:
        """Give the outbound SA that stands for the bundle."""
        return principal(self.bundle).outbound

    @property
    def inbound(self) -> SimplexSa:
        """Give the inbound SA that stands for the bundle."""
        return principal(self.bundle).inbound


@dataclass(frozen=True, slots=True)
class ExchangeSnapshot:
    """Show one running exchange; ``heard`` is what the peer has said unauthenticated."""

    name: str
    exchange_type: ExchangeType
    phase: int
    initiator: bool
    step: int
    initiator_cookie: bytes
    responder_cookie: bytes
    message_id: int
    transport: Transport
    heard: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionSnapshot:
    """Show one configured connection; ``state`` is one of up, negotiating, down."""

    name: str
    always_up: bool
    state: str
    next_check_in: float | None
    last_failure: str
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class TimerSnapshot:
    """Show one armed timer."""

    event: str
    due_in: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Show everything."""

    isakmp_sas: tuple[IsakmpSaSnapshot, ...]
    ipsec_sas: tuple[IpsecSaSnapshot, ...]
    exchanges: tuple[ExchangeSnapshot, ...]
    connections: tuple[ConnectionSnapshot, ...]
    timers: tuple[TimerSnapshot, ...]
    active: bool = True  # whether negotiations of our own begin
