"""Make the keys and SAs of a choice, each protocol and direction its own (RFC 2409 section 5.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from isakmpd.crypto.keymat import keymat
from isakmpd.crypto.skeyid import SkeyId
from isakmpd.ike import ipsec
from isakmpd.ike.ipsec import Direction, SaKey, SaKeys, SaPair, SimplexSa
from isakmpd.ike.phase2_choice import ChosenProtocol, Phase2Choice
from isakmpd.ike.phase2_transform import key_octets
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import Protocol

_SOFT_SHARE = 0.9  # of the octets an SA may carry, after which a successor is negotiated


@dataclass(frozen=True, slots=True)
class KeySource:
    """Hold what the keys come from; ``shared`` is g^xy, empty without PFS."""

    skeyid: SkeyId = field(repr=False)
    shared: bytes = field(repr=False)
    ni: bytes
    nr: bytes

    def keys(self, chosen: ChosenProtocol, spi: bytes) -> SaKeys:
        """Derive the KEYMAT of the SA that ``spi`` names at its receiver."""
        encryption, authentication = key_octets(
            chosen.transform, chosen.key_length, chosen.authentication
        )
        material = keymat(
            self.skeyid.prf,
            self.skeyid.skeyid_d,
            self.shared,
            chosen.protocol,
            spi,
            self.ni,
            self.nr,
            encryption + authentication,
        )
        return SaKeys(
            chosen.transform, chosen.authentication, material[:encryption], material[encryption:]
        )


@dataclass(frozen=True, slots=True)
class Protected:
    """Hold what the SAs of a quick mode have in common beside its choice."""

    connection: str
    transport: Transport
    selector: ipsec.Selector
    udp: ipsec.UdpEncapsulation | None
    originals: ipsec.OriginalAddresses | None


def sa_pairs(
    choice: Phase2Choice, spis: Mapping[Protocol, bytes], source: KeySource, protected: Protected
) -> tuple[SaPair, ...]:
    """Describe the inbound and outbound SA of each protocol, in the order of application.

    ``spis`` are our inbound SPIs.
    """
    return tuple(
        _pair(choice, chosen, spis[chosen.protocol], source, protected)
        for chosen in choice.protocols
    )


def labelled(source: KeySource, bundle: Iterable[SaPair]) -> Iterator[tuple[str, bytes]]:
    """Give g^xy, where there is one, and the KEYMAT of each SA under the names the RFC has."""
    if source.shared:
        yield "g^xy", source.shared
    for pair in bundle:
        for sa in (pair.outbound, pair.inbound):
            keymat_of_sa = sa.keys.encryption_key + sa.keys.authentication_key
            yield f"KEYMAT, {sa.key.protocol} SPI {sa.key.spi:08x}", keymat_of_sa


def _pair(
    choice: Phase2Choice,
    chosen: ChosenProtocol,
    own_spi: bytes,
    source: KeySource,
    protected: Protected,
) -> SaPair:
    octets = (choice.lifetimes.kilobytes or 0) * 1024
    local, remote = protected.transport.local, protected.transport.remote
    inbound = SimplexSa(
        SaKey(Direction.INBOUND, local, int.from_bytes(own_spi), chosen.protocol),
        source=remote,
        keys=source.keys(chosen, own_spi),
        mode=chosen.mode,
        selector=protected.selector,
        replay_window=chosen.replay_window,
        udp=protected.udp if chosen.protocol == Protocol.IPSEC_ESP else None,
        soft_octets=int(octets * _SOFT_SHARE),
        hard_octets=octets,
        connection=protected.connection,
        originals=protected.originals,
    )
    outbound = replace(
        inbound,
        key=SaKey(Direction.OUTBOUND, remote, int.from_bytes(chosen.peer_spi), chosen.protocol),
        source=local,
        keys=source.keys(chosen, chosen.peer_spi),
    )
    return SaPair(inbound, outbound)
