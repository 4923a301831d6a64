"""Hold what an isakmpd.conf means, typed: what the engine reads instead of sections and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from isakmpd.crypto.secret import Secret
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    AuthenticationMethod,
    EncapsulationMode,
    EncryptionAlgorithm,
    ExchangeType,
    GroupDescription,
    HashAlgorithm,
    LifeType,
    Protocol,
)


@dataclass(frozen=True, slots=True)
class OfferAccept:
    """Offer ``value`` and accept ``minimum`` to ``maximum``; a plain value accepts only itself.

    ``ranged`` tells that the file wrote ``V,MIN:MAX``.
    """

    value: int
    minimum: int
    maximum: int
    ranged: bool = False

    def __str__(self) -> str:
        if self.minimum == self.maximum:
            return str(self.value)
        return f"{self.minimum}:{self.maximum}"

    def accepts(self, value: int) -> bool:
        """Tell whether a peer's value will do."""
        return self.minimum <= value <= self.maximum


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Hold one Life section: ``duration`` in seconds or kilobytes."""

    section: str
    type: LifeType
    duration: OfferAccept


@dataclass(frozen=True, slots=True)
class Phase1Transform:
    """Hold one ISAKMP transform section; ``key_length`` in bits, None when the tag is absent."""

    section: str
    encryption: EncryptionAlgorithm
    hash: HashAlgorithm
    authentication: AuthenticationMethod
    group: GroupDescription
    key_length: OfferAccept | None
    lifetimes: tuple[Lifetime, ...]


@dataclass(frozen=True, slots=True)
class Phase2Transform:
    """Hold one IPsec transform section; ``transform_id`` counts as its protocol numbers it."""

    section: str
    transform_id: int
    encapsulation: EncapsulationMode
    authentication: AuthenticationAlgorithm  # NONE when the tag is absent
    group: GroupDescription | None
    key_length: OfferAccept | None
    lifetimes: tuple[Lifetime, ...]


@dataclass(frozen=True, slots=True)
class SuiteProtocol:
    """Hold one protocol section of a suite; ``replay_window`` in packets."""

    section: str
    protocol: Protocol
    transforms: tuple[Phase2Transform, ...]
    replay_window: int


@dataclass(frozen=True, slots=True)
class Suite:
    """Hold one suite: protocols applied together."""

    section: str
    protocols: tuple[SuiteProtocol, ...]

    @property
    def group(self) -> GroupDescription | None:
        """Give the group of its perfect forward secrecy, the same in all its transforms."""
        return self.protocols[0].transforms[0].group


@dataclass(frozen=True, slots=True)
class Peer:
    """Hold one ISAKMP-peer section; ``address`` is None where it has none (a Default peer)."""

    section: str
    configuration: str  # the section that lists the transforms
    exchange_type: ExchangeType
    transforms: tuple[Phase1Transform, ...]
    address: Address | None = None
    port: int = 500
    local_address: Address | None = None
    pre_shared_key: Secret | None = None
    local_id: Identity | None = None
    remote_id: Identity | None = None


@dataclass(frozen=True, slots=True)
class ClientId:
    """Hold one IPsec-ID section: the packets at one end; protocol and port 0 mean any."""

    section: str
    network: Network
    protocol: int = 0
    port: int = 0

    def __str__(self) -> str:
        suffix = f" protocol {self.protocol} port {self.port}" if self.protocol else ""
        return f"{self.network}{suffix}"


@dataclass(frozen=True, slots=True)
class Connection:
    """Hold one IPsec-connection section.

    ``always_up``: listed in ``[Phase 2]:Connections``. ``passive``: answers the peer's quick mode.
    """

    section: str
    peer: str  # section name, a key of Configuration.peers
    configuration: str
    suites: tuple[Suite, ...]
    local: ClientId | None
    remote: ClientId | None
    always_up: bool
    passive: bool

    @property
    def offered_suites(self) -> tuple[Suite, ...]:
        """Give the suites one offer can hold: a quick mode has one KE payload, thus one group."""
        return tuple(suite for suite in self.suites if suite.group == self.suites[0].group)


@dataclass(frozen=True, slots=True)
class General:
    """Hold the daemon-wide tags; times in seconds."""

    retransmits: int = 3
    exchange_max_time: int = 120
    check_interval: int = 60
    dpd_check_interval: int = 30  # 0: never ask
    nat_t_keepalive: int = 20
    delete_sas: bool = True
    use_keynote: bool = True
    ipsec_stack: str = "auto"  # auto, xfrm, pfkey, userspace, none
    listen_on: tuple[str, ...] = ()
    log_verbose: bool = False
    log_levels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Problem:
    """Describe one thing wrong in a configuration, with where to mend it."""

    file: str
    line: int  # 0 where no line is to blame
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Hold everything the daemon was told, checked."""

    general: General
    peers: Mapping[str, Peer]
    peer_by_address: Mapping[Address, str]
    default_peer: str | None
    connections: Mapping[str, Connection]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()  # what works and should still be looked at
    unused: tuple[Problem, ...] = ()  # what is written and was never asked for

    def peer_for(self, address: Address) -> Peer | None:
        """Find the section that answers a peer at ``address``: its own, else Default."""
        name = self.peer_by_address.get(address, self.default_peer)
        return self.peers.get(name) if name is not None else None

    def connection(self, name: str) -> Connection | None:
        """Find a connection by its section name, in any case."""
        found = self.connections.get(name)
        if found is not None:
            return found
        lowered = name.lower()
        return next((c for key, c in self.connections.items() if key.lower() == lowered), None)
