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
from isakmpd.esp.selectors import TrafficSelector
from isakmpd.ike.ipsec import (
    Event,
    HardExpired,
    InboundSeen,
    SaKeys,
    SaUsage,
    Selector,
    SimplexSa,
    SoftExpired,
    UdpEncapsulation,
    UpdateSa,
)
from isakmpd.ipsec.spis import Entropy
from isakmpd.wire.addresses import Address
from isakmpd.wire.numbers import EspTransform

Report = Callable[[Event], None]

UDP_HEADER_LENGTH = 8
REMEMBERED_FLOW_KEYS = 1024


@dataclass(frozen=True, slots=True)
class OuterPath:
    """Name where an SA's ESP packets go: addresses, and ports when inside UDP (RFC 3948)."""

    source: Address
    destination: Address
    udp: UdpEncapsulation | None


def compiled(selector: Selector) -> TrafficSelector:
    """Compile the engine's selector for packets; raises ValueError for mixed families."""
    return TrafficSelector.of(
        selector.local,
        selector.remote,
        selector.protocol,
        selector.local_port,
        selector.remote_port,
    )


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
    )

    def __init__(self, description: SimplexSa, report: Report) -> None:
        self.description = description
        self.packets = 0
        self.octets = 0
        self.last_used: float | None = None
        self._report = report
        self._soft = description.soft_octets or maxsize
        self._hard = description.hard_octets or maxsize
        self._near_end_reported = self._end_reported = False

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


class Outbound(_Counted):
    """One outbound SA: seals packets and knows how big they may be."""

    __slots__ = ("_path_mtu", "_sealer", "largest_inner", "path")

    def __init__(self, sa: SimplexSa, report: Report, entropy: Entropy, path_mtu: int) -> None:
        super().__init__(sa, report)
        self._sealer = Sealer(sa.key.spi, _cipher(sa.keys, entropy))
        self.path = OuterPath(sa.source, sa.key.destination, sa.udp)
        self._path_mtu = path_mtu
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
        self.largest_inner = self._largest_inner()

    def learn_path_mtu(self, mtu: int) -> None:
        """Take the path MTU between the gateways, in octets of whole outer packets."""
        self._path_mtu = mtu
        self.largest_inner = self._largest_inner()

    def _largest_inner(self) -> int:
        outer = IPV4_HEADER_LENGTH if self.path.destination.version == 4 else IPV6_HEADER_LENGTH
        if self.path.udp is not None:
            outer += UDP_HEADER_LENGTH
        payload = largest_payload(self._path_mtu - outer, self._sealer.cipher)
        return max(payload, SMALLEST_IPV4_MTU)


class Inbound(_Counted):
    """One inbound SA: opens packets and keeps them within its selector."""

    __slots__ = ("_accepted", "_opener", "_selector")

    def __init__(self, sa: SimplexSa, report: Report, entropy: Entropy) -> None:
        super().__init__(sa, report)
        replay = ReplayWindow(min(sa.replay_window, LARGEST_WINDOW))
        self._opener = Opener(_cipher(sa.keys, entropy), replay)
        self._selector = compiled(sa.selector)
        self._accepted: set[bytes] = set()

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

    def move(self, update: UpdateSa) -> None:
        """Take the peer's new address and ports, keeping keys and counters."""
        self.description = moved(self.description, update)


def moved(sa: SimplexSa, update: UpdateSa) -> SimplexSa:
    """Describe the SA after an UpdateSa: the key's destination moves with it."""
    key = replace(sa.key, destination=update.destination)
    return replace(sa, key=key, source=update.source, udp=update.udp)


def _cipher(keys: SaKeys, entropy: Entropy) -> EspCipher:
    return cipher_for(
        EspTransform(keys.transform),
        keys.authentication,
        keys.encryption_key,
        keys.authentication_key,
        entropy,
    )
