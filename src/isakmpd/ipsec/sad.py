"""Hold the userspace stack's SAs with their counters and limits (RFC 4301 section 4.4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from sys import maxsize

from isakmpd.crypto.esp_ciphers import EspCipher
from isakmpd.esp.algorithms import cipher_for
from isakmpd.esp.inner import IPV4_HEADER_LENGTH, IPV6_HEADER_LENGTH, endpoints
from isakmpd.esp.packet import (
    LAST_SEQUENCE,
    SOFT_SEQUENCE,
    Dropped,
    Opener,
    Sealer,
    largest_payload,
)
from isakmpd.esp.path_mtu import SMALLEST_IPV4_MTU
from isakmpd.esp.replay import LARGEST_WINDOW, ReplayWindow
from isakmpd.ike.ipsec import (
    Direction,
    Event,
    HardExpired,
    InboundSeen,
    PeerMoved,
    SaKeys,
    SaUsage,
    SimplexSa,
    SoftExpired,
    UdpEncapsulation,
    UpdateSa,
)
from isakmpd.ipsec.client_ports import Client, ClientPorts, Place
from isakmpd.ipsec.narrowest import compiled
from isakmpd.ipsec.spis import Entropy
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import EncapsulationMode, EspTransform

Report = Callable[[Event], None]

UDP_HEADER_LENGTH = 8
REMEMBERED_FLOW_KEYS = 1024
MOVE_INTERVAL = 1.0  # seconds between two reports that a peer has moved

_PLAIN_MODES = {
    EncapsulationMode.UDP_ENCAP_TUNNEL: EncapsulationMode.TUNNEL,
    EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT: EncapsulationMode.TUNNEL,
    EncapsulationMode.UDP_ENCAP_TRANSPORT: EncapsulationMode.TRANSPORT,
    EncapsulationMode.UDP_ENCAP_TRANSPORT_DRAFT: EncapsulationMode.TRANSPORT,
}


@dataclass(frozen=True, slots=True)
class OuterPath:
    """Name where an SA's ESP packets go: addresses, and ports when inside UDP (RFC 3948)."""

    source: Address
    destination: Address
    udp: UdpEncapsulation | None


def mode_of(mode: EncapsulationMode) -> EncapsulationMode:
    """Give TUNNEL or TRANSPORT for any number NAT traversal has for it (RFC 3947 section 5.1)."""
    return _PLAIN_MODES.get(mode, mode)


class _Counted:
    """Count an SA's packets and octets and report when its limits are reached."""

    __slots__ = (
        "_end_reported",
        "_hard",
        "_near_end_reported",
        "_report",
        "_soft",
        "description",
        "last_used",
        "octets",
        "packets",
        "transport",
    )

    def __init__(self, description: SimplexSa, report: Report) -> None:
        self.description = description
        self.packets = 0
        self.octets = 0
        self.last_used: float | None = None
        self.transport: TransportEnds | None = None  # in tunnel mode
        self._report = report
        self._soft = description.soft_octets or maxsize
        self._hard = description.hard_octets or maxsize
        self._near_end_reported = self._end_reported = False

    def leave(self) -> None:
        """Give back what the SA shares with others, at its end."""
        if self.transport is not None:
            self.transport.leave()

    @property
    def usage(self) -> SaUsage:
        """Count what the SA has carried."""
        return SaUsage(self.packets, self.octets, self.last_used)

    def count(self, octets: int, now: float) -> None:
        """Count one packet; raises Dropped when it would exceed the hard limit."""
        total = self.octets + octets
        if total > self._hard:
            self.exhaust()
            raise Dropped("hard limit")
        self.octets = total
        self.packets += 1
        self.last_used = now
        if total >= self._soft:
            self.near_end()

    def near_end(self) -> None:
        """Report once that the SA needs a successor."""
        self._soft = maxsize
        if not self._near_end_reported:
            self._near_end_reported = True
            self._report(SoftExpired(self.description.key))

    def exhaust(self) -> None:
        """Report once that the SA carries no more."""
        self._hard = -1  # below any count: every further packet is dropped
        if not self._end_reported:
            self._end_reported = True
            self._report(HardExpired(self.description.key))


class TransportEnds:
    """Name the ends between which a transport mode SA's packets go, as this host sees them.

    They stay where they were when the SA was installed: a connection of the host outlives a peer
    that moves.
    """

    __slots__ = ("_clients", "_selector", "addresses", "client", "peer")

    def __init__(self, sa: SimplexSa, clients: ClientPorts) -> None:
        if sa.selector.local.version != sa.source.version:
            ends = f"{sa.source} and {sa.key.destination}"
            raise ValueError(f"transport mode between {ends} carries no {sa.selector}")
        inbound = sa.key.direction is Direction.INBOUND
        self.addresses = sa.source.packed + sa.key.destination.packed
        self.peer = sa.source if inbound else sa.key.destination
        self._clients = clients
        self._selector = sa.selector
        self.client: Client = clients.enter(self.peer, place_of(sa), sa.selector)

    def leave(self) -> None:
        """Give the client back."""
        self._clients.leave(self.client, self._selector)


def place_of(sa: SimplexSa) -> Place:
    """Name where an SA's peer sends from and is sent to."""
    remote = sa.source if sa.key.direction is Direction.INBOUND else sa.key.destination
    return Place(remote, sa.udp.remote_port if sa.udp is not None else 0)


class Outbound(_Counted):
    """One outbound SA: seals packets and knows how big they may be."""

    __slots__ = ("_path_mtu", "_sealer", "largest_inner", "path")

    def __init__(
        self, sa: SimplexSa, report: Report, entropy: Entropy, path_mtu: int, clients: ClientPorts
    ) -> None:
        super().__init__(sa, report)
        self._sealer = Sealer(sa.key.spi, _cipher(sa.keys, entropy))
        self.path = OuterPath(sa.source, sa.key.destination, sa.udp)
        self._path_mtu = path_mtu
        if mode_of(sa.mode) is EncapsulationMode.TRANSPORT:
            self.transport = TransportEnds(sa, clients)
        self.largest_inner = self._largest_inner()

    def seal(self, packet: bytes, next_header: int, now: float) -> bytes:
        """Protect one packet; raises Dropped when the SA is used up."""
        sealer = self._sealer
        if sealer.sequence >= SOFT_SEQUENCE:
            if sealer.sequence >= LAST_SEQUENCE:
                self.exhaust()
            else:
                self.near_end()
        self.count(len(packet), now)
        return sealer.seal(packet, next_header)

    def move(self, update: UpdateSa) -> None:
        """Take the peer's new address and ports, keeping keys and counters."""
        self.description = moved(self.description, update)
        self.path = OuterPath(update.source, update.destination, update.udp)
        if self.transport is not None:
            self.transport.client.place = place_of(self.description)
        self.largest_inner = self._largest_inner()

    def learn_path_mtu(self, mtu: int) -> None:
        """Take the path MTU between the gateways, in octets of whole outer packets."""
        self._path_mtu = mtu
        self.largest_inner = self._largest_inner()

    def _largest_inner(self) -> int:
        header = _header_length(self.path.destination)
        outer = header if self.path.udp is None else header + UDP_HEADER_LENGTH
        payload = largest_payload(self._path_mtu - outer, self._sealer.cipher)
        if self.transport is not None:
            payload += _header_length(self.transport.peer)
        return max(payload, SMALLEST_IPV4_MTU)


class Inbound(_Counted):
    """One inbound SA: opens packets and keeps them within its selector.

    ``covered`` are the octets of source and destination
    address that the peer's checksums cover in transport mode (RFC 3948 section 3.1.2).
    ``peer`` and ``peer_port`` are where UDP-encapsulated packets come from.
    """

    __slots__ = (
        "_accepted",
        "_move_reported",
        "_opener",
        "_selector",
        "covered",
        "peer",
        "peer_port",
    )

    def __init__(
        self, sa: SimplexSa, report: Report, entropy: Entropy, clients: ClientPorts
    ) -> None:
        super().__init__(sa, report)
        replay = ReplayWindow(min(sa.replay_window, LARGEST_WINDOW))
        self._opener = Opener(_cipher(sa.keys, entropy), replay)
        self._selector = compiled(sa.selector)
        self._accepted: set[bytes] = set()
        self._move_reported: float | None = None
        self.peer, self.peer_port = place_of(sa)
        if mode_of(sa.mode) is EncapsulationMode.TRANSPORT:
            self.transport = TransportEnds(sa, clients)
        originals = sa.originals
        self.covered = b""
        if self.transport is not None:
            self.covered = self.transport.addresses
            if originals is not None:
                self.covered = originals.remote.packed + originals.local.packed

    def open(self, packet: bytes, now: float) -> tuple[bytes, int]:
        """Give a new, authentic packet's payload and next header; raises Dropped, NotAuthentic."""
        payload, next_header = self._opener.open(packet)
        self.count(len(payload), now)
        if self.packets == 1:
            self._report(InboundSeen(self.description.key))
        return payload, next_header

    def accepts(self, key: bytes) -> bool:
        """Tell whether the selector covers packets of this flow key (RFC 4301 section 5.2)."""
        if key in self._accepted:
            return True
        if not self._selector.receives(endpoints(key)):
            return False
        if len(self._accepted) >= REMEMBERED_FLOW_KEYS:
            self._accepted.clear()
        self._accepted.add(key)
        return True

    def came_from(self, source: Address, port: int, sequence: int, now: float) -> None:
        """Report that an authentic packet in UDP came from elsewhere, if it is the newest.

        An old one may have been on its way since before the peer's NAT gave it the place it has,
        and without a replay window a copy looks as new as the newest.
        """
        if Place(source, port) == place_of(self.description):
            self.peer = source
            return
        replay = self._opener.replay
        if self.description.udp is None or not replay.size or sequence != replay.highest:
            return
        if self._move_reported is not None and now - self._move_reported < MOVE_INTERVAL:
            return
        self._move_reported = now
        self._report(PeerMoved(self.description.key, source, port))

    def move(self, update: UpdateSa) -> None:
        """Take the peer's new address and ports, keeping keys and counters."""
        self.description = moved(self.description, update)
        self.peer, self.peer_port = place_of(self.description)
        self._move_reported = None
        if self.transport is not None:
            self.transport.client.place = Place(self.peer, self.peer_port)


def moved(sa: SimplexSa, update: UpdateSa) -> SimplexSa:
    """Describe the SA after an UpdateSa: the key's destination moves with it."""
    key = replace(sa.key, destination=update.destination)
    return replace(sa, key=key, source=update.source, udp=update.udp)


def _header_length(address: Address) -> int:
    return IPV4_HEADER_LENGTH if address.version == 4 else IPV6_HEADER_LENGTH


def _cipher(keys: SaKeys, entropy: Entropy) -> EspCipher:
    return cipher_for(
        EspTransform(keys.transform),
        keys.authentication,
        keys.encryption_key,
        keys.authentication_key,
        entropy,
    )
