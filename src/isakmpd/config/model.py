"""Hold what an isakmpd.conf means, typed: what the engine reads instead of sections and tags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

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

_MOST_SHOWN = 500  # characters at either end of a problem that is told


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
    """Hold one ISAKMP transform section; ``key_length`` in bits, None when the tag is absent.

    An algorithm that is None is ANY: whatever a peer offers will do, and nothing is offered.
    """

    section: str
    encryption: EncryptionAlgorithm | None
    hash: HashAlgorithm | None
    authentication: AuthenticationMethod | None
    group: GroupDescription | None
    key_length: OfferAccept | None
    lifetimes: tuple[Lifetime, ...]

    @property
    def has_any(self) -> bool:
        """Tell whether an algorithm is ANY."""
        return None in (self.encryption, self.hash, self.authentication, self.group)


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
        """Give the group of its perfect forward secrecy, the same in all but IPCOMP."""
        return next(
            each.transforms[0].group
            for each in self.protocols
            if each.protocol is not Protocol.IPCOMP
        )


@dataclass(frozen=True, slots=True)
class Peer:
    """Hold one ISAKMP-peer section; ``address`` is None where it has none (a Default peer).

    ``hmac_block`` is the block in octets to which keys of HMAC-SHA2-384 and -512 are padded, None
    where the peer's vendor ID decides. ``remote_id_any`` accepts whatever identity is proved.
    ``mode_config`` has a transaction exchange follow phase 1.
    """

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
    remote_id_any: bool = False
    hmac_block: int | None = None
    mode_config: bool = False

    @property
    def offered_transforms(self) -> tuple[Phase1Transform, ...]:
        """Give the transforms that name their algorithms: nobody can offer ANY."""
        return tuple(transform for transform in self.transforms if not transform.has_any)


@dataclass(frozen=True, slots=True)
class AddressPool:
    """Hold one IKECFG-ID section: what a peer of that identity is told, or asked for.

    ``push`` sends SET by itself, else a REQUEST asks for ``wanted``, or a peer's is answered.
    """

    section: str
    push: bool
    address: Address | None = None
    netmask: Address | None = None
    networks: tuple[Network, ...] = ()
    name_servers: tuple[Address, ...] = ()
    netbios_servers: tuple[Address, ...] = ()
    dhcp_servers: tuple[Address, ...] = ()
    lifetime: int | None = None  # seconds; told by itself only where the file has it
    wanted: tuple[str, ...] = ()  # tag names


@dataclass(frozen=True, slots=True)
class ClientId:
    """Hold one IPsec-ID section: the packets at one end; protocol and port 0 mean any.

    ``any_port`` is ``Port= any``: each port of the protocol, the peer's choice in the selector.
    """

    section: str
    network: Network
    protocol: int = 0
    port: int = 0
    any_port: bool = False

    def __str__(self) -> str:
        port = "any" if self.any_port else self.port
        suffix = f" protocol {self.protocol} port {port}" if self.protocol else ""
        return f"{self.network}{suffix}"


class WithoutSa(Enum):
    """Tell what becomes of a connection's packets while it has no SA."""

    BLOCK = "block"
    CLEAR = "clear"


@dataclass(frozen=True, slots=True)
class Connection:
    """Hold one IPsec-connection section.

    ``listed``: in ``[Phase 2]:Connections``, so that its packets never leave in clear unless
    ``without_sa`` says so. ``always_up``: listed, and begun by itself. ``on_demand``: listed, and
    begun when packets want it. ``passive``: answers the peer's quick mode. ``accept_any_suite``:
    answers whatever the peer offers, as the original did.
    """

    section: str
    peer: str  # section name, a key of Configuration.peers
    configuration: str
    suites: tuple[Suite, ...]
    local: ClientId | None
    remote: ClientId | None
    always_up: bool
    passive: bool
    listed: bool = False
    on_demand: bool = False
    without_sa: WithoutSa = WithoutSa.BLOCK
    accept_any_suite: bool = False

    @property
    def suites_tag(self) -> str:
        """Name the tag that lists the suites, in the section ``configuration``."""
        return "Default-phase-2-suites" if self.configuration.lower() == "general" else "Suites"

    @property
    def suites_place(self) -> str:
        """Name the section and tag that list the suites."""
        return f"[{self.configuration}]:{self.suites_tag}"

    @property
    def offered_suites(self) -> tuple[Suite, ...]:
        """Give the suites one offer can hold: a quick mode has one KE payload, thus one group."""
        return tuple(suite for suite in self.suites if suite.group == self.suites[0].group)


@dataclass(frozen=True, slots=True)
class Shut:
    """Name the packets of a connection that is left out for a fault and still fails closed."""

    section: str
    local: ClientId | None
    remote: ClientId


@dataclass(frozen=True, slots=True)
class General:
    """Hold the daemon-wide tags; times in seconds.

    ``acquire_only`` has SAs installed without flows: which packets want them somebody else decides.
    """

    retransmits: int = 3
    exchange_max_time: int = 120
    check_interval: int = 60
    dpd_check_interval: int = 30  # 0: never ask
    nat_t_keepalive: int = 20
    delete_sas: bool = True
    renegotiate_on_hup: bool = False
    use_keynote: bool = True
    acquire_only: bool = False
    ipsec_stack: str = "auto"  # auto, xfrm, pfkey, userspace, none
    listen_on: tuple[str, ...] = ()
    log_verbose: bool = False
    log_levels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PkiSettings:
    """Hold the paths of certificates and keys, and what is let pass of them.

    ``allow_weak`` lets SHA-1 signatures and RSA keys of 1024 bits and more pass.
    """

    ca_directory: str = ""
    cert_directory: str = ""
    crl_directory: str = ""
    private_key: str = ""
    private_key_directory: str = ""
    pubkey_directory: str = ""
    accept_self_signed: bool = False
    allow_weak: bool = False


@dataclass(frozen=True, slots=True)
class Problem:
    """Describe one thing wrong in a configuration, with where to mend it."""

    file: str
    line: int  # 0 where no line is to blame
    text: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {_without_middle(self.text)}"


def _without_middle(text: str) -> str:
    """Keep the beginning and the end of what quotes a whole file."""
    if len(text) <= 2 * _MOST_SHOWN:
        return text
    return f"{text[:_MOST_SHOWN]} ... ({len(text)} characters) ... {text[-_MOST_SHOWN:]}"


@dataclass(frozen=True, slots=True)
class Configuration:
    """Hold everything the daemon was told, checked."""

    general: General
    peers: Mapping[str, Peer]
    peer_by_address: Mapping[Address, str]
    default_peer: str | None
    connections: Mapping[str, Connection]
    shut: tuple[Shut, ...] = ()
    keys_by_id: Mapping[str, Secret] = field(default_factory=dict)  # by an identity's text
    address_pools: Mapping[str, AddressPool] = field(default_factory=dict)  # by lower-case section
    pki: PkiSettings = PkiSettings()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()  # what works and should still be looked at
    misspelt: tuple[Problem, ...] = ()  # those of the warnings that suggest another name
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
