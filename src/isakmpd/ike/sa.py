"""Hold what negotiation leaves behind: ISAKMP SAs and pairs of IPsec SAs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from isakmpd.config.model import Peer
from isakmpd.crypto.ciphers import Cbc
from isakmpd.crypto.hashes import Prf, digest
from isakmpd.crypto.skeyid import SkeyId
from isakmpd.ike.ipsec import Flow, SaPair, Selector, SimplexSa, principal
from isakmpd.ike.nat_traversal import NatSituation
from isakmpd.ike.phase1_proposal import Phase1Choice
from isakmpd.ike.phase2_choice import Phase2Choice
from isakmpd.ike.timers import OwnTimers, Timer
from isakmpd.ike.transport import Transport
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType
from isakmpd.wire.vendor_ids import Vendor

if TYPE_CHECKING:
    from isakmpd.ike.liveness import Liveness
    from isakmpd.pki.keyring import ProvenKey


@dataclass(slots=True, eq=False)
class IsakmpSa:
    """Be one ISAKMP SA: the authenticated channel to a peer."""

    peer: Peer
    initiator: bool
    initiator_cookie: bytes
    responder_cookie: bytes
    transport: Transport
    choice: Phase1Choice
    skeyid: SkeyId = field(repr=False)
    cipher: Cbc = field(repr=False)
    last_block: bytes = field(repr=False)  # of phase 1; every phase 2 IV starts from it
    local_id: Identity
    remote_id: Identity
    nat: NatSituation
    vendors: frozenset[Vendor]
    began: float  # when the exchange that made it did
    established: float
    shared_key: bool = False  # many peers hold the key that proved ``remote_id``
    key_section: str = ""  # that holds the key, where it is stored for an identity or address
    proven: ProvenKey | None = field(default=None, repr=False)  # the key whose signature did so
    peer_key: str = ""  # names the peer as no other is named, wherever it moves
    replaced: bool = False
    disowned: bool = False  # the peer has said why it gives it up
    served: bool = False  # a quick mode has come to its end under it
    soft_due: float | None = None
    hard_due: float | None = None
    wants_heir: bool = False
    used_message_ids: set[int] = field(default_factory=set)
    timers: OwnTimers = field(default_factory=OwnTimers)
    keepalive: Timer | None = None
    liveness: Liveness | None = None
    prf_a: Prf = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.prf_a = self.skeyid.prf.keyed(self.skeyid.skeyid_a)
        if not self.peer_key:
            place = "" if self.id_distinguishes else f" at {self.transport.peer}"
            subject = f"{self.remote_id.type} {_unambiguous(self.remote_id)}"
            holder = f" by the key of {self.key_section}" if self.key_section else ""
            self.peer_key = f"{self.name} {subject}{holder}{place}"

    @property
    def name(self) -> str:
        """Give the peer's section, which names the SA."""
        return self.peer.section

    @property
    def cookies(self) -> tuple[bytes, bytes]:
        """Give both cookies, which identify the SA on the wire."""
        return self.initiator_cookie, self.responder_cookie

    @property
    def rank(self) -> tuple[int | bytes, ...]:
        """Order SAs made side by side, alike at both ends."""
        return self.cookies

    def phase2_iv(self, message_id: int) -> bytes:
        """Derive the first IV of a phase 2 exchange (RFC 2409 appendix B)."""
        seed = digest(self.skeyid.hash, self.last_block, message_id.to_bytes(4))
        return seed[: self.cipher.block_size]

    @property
    def id_distinguishes(self) -> bool:
        """Tell whether the identity is the peer's alone, among those behind one NAT too.

        Who shares a key with others can claim their addresses and key IDs, mostly unwittingly:
        hosts behind different NATs often have the same private address.
        """
        return not self.shared_key or self.remote_id.type in _NAMES

    def same_peer(self, other: IsakmpSa) -> bool:
        """Tell whether both SAs lead to the same peer.

        Section and proven identity agree; where the identity does not tell peers apart, the
        address and port from which they spoke when they were established, too.
        """
        return self.peer_key == other.peer_key


_NAMES = {IdType.FQDN, IdType.USER_FQDN, IdType.DER_ASN1_DN, IdType.DER_ASN1_GN}


def _unambiguous(identity: Identity) -> str:
    """Print an identity so that no two print alike."""
    text = str(identity)
    if identity.type not in _NAMES:
        return text  # which is hexadecimal for what has no form of its own
    return f'"{text}"' if text.encode() == identity.data else identity.data.hex()


@dataclass(slots=True, eq=False)
class IpsecSa:
    """Be what one quick mode makes: a pair of SAs, inbound and outbound, for each protocol."""

    name: str  # the connection's section
    initiator: bool
    bundle: tuple[SaPair, ...]  # in the order in which the protocols are applied to a packet
    choice: Phase2Choice
    client_ids: tuple[Identity, Identity]  # ours and the peer's, as they were proposed
    isakmp: IsakmpSa  # the ISAKMP SA that negotiated it, perhaps gone by now
    message_id: int
    began: float
    established: float
    active: bool = False  # the flow leads through this pair
    replaced: bool = False
    soft_due: float | None = None
    hard_due: float | None = None
    wants_heir: bool = False
    on_inbound: Callable[[], None] | None = None  # what to do when the first packet arrives
    timers: OwnTimers = field(default_factory=OwnTimers)

    @property
    def inbound(self) -> SimplexSa:
        """Give the inbound SA that stands for the bundle."""
        return principal(self.bundle).inbound

    @property
    def outbound(self) -> SimplexSa:
        """Give the outbound SA that stands for the bundle."""
        return principal(self.bundle).outbound

    @property
    def selector(self) -> Selector:
        """Give the packets this pair protects."""
        return self.outbound.selector

    @property
    def purpose(self) -> tuple[str, str, Selector]:
        """Name what the pair is for: only pairs of one purpose are generations of each other.

        Peers can share a connection, and a peer's port can be its own choice.
        """
        return self.name, self.isakmp.peer_key, self.selector

    @property
    def flow(self) -> Flow:
        """Name the packets this pair protects, and the peer they go to."""
        return Flow(self.selector, self.isakmp.peer_key)

    @property
    def rank(self) -> tuple[int | bytes, ...]:
        """Order pairs made side by side, alike at both ends."""
        return self.message_id, *self.isakmp.cookies
