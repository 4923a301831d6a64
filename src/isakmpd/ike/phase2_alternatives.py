"""Read a peer's SA payload of quick mode as the alternatives it offers (RFC 2408 section 4.2).

Proposals of one number belong together, a bundle of protocols; those of different numbers are
alternatives.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from isakmpd.ike import phase2_transform
from isakmpd.ike.phase2_transform import OfferedTransform
from isakmpd.ike.refused import Refused
from isakmpd.wire.numbers import SITUATION_IDENTITY_ONLY, Doi, NotifyType, Protocol
from isakmpd.wire.payloads import Proposal, SecurityAssociation, Transform

SPI_LENGTHS: Mapping[Protocol, int] = {
    Protocol.IPSEC_ESP: 4,
    Protocol.IPSEC_AH: 4,
    Protocol.IPCOMP: 2,
}
_PADDED_CPI = 4  # RFC 3173 section 4.1 lets a CPI stand in the low half of 4 octets
_SMALLEST_SPI = 256  # those below are reserved, CPIs too (RFC 2406 section 2.1, RFC 3173 section 6)


@dataclass(frozen=True, slots=True)
class OfferedProtocol:
    """Hold one proposal payload and what its transforms say."""

    proposal: Proposal
    transforms: tuple[tuple[Transform, OfferedTransform], ...]


@dataclass(frozen=True, slots=True)
class Alternative:
    """Hold what is to be taken together: each protocol once."""

    number: int
    protocols: Mapping[Protocol, OfferedProtocol]

    @property
    def in_transport_mode(self) -> bool:
        """Tell whether every transform is of transport mode."""
        read = [one for item in self.protocols.values() for _, one in item.transforms]
        return bool(read) and all(one.in_transport_mode for one in read)


def alternatives(sa: SecurityAssociation) -> list[Alternative]:
    """List what can be chosen; raises Refused for an SA payload that is not IPsec's.

    What asks for another protocol, one of them twice, or an SPI no SA can have, is left out.
    """
    if sa.doi != Doi.IPSEC:
        raise Refused(f"DOI {sa.doi} is not IPSEC", NotifyType.DOI_NOT_SUPPORTED)
    if sa.situation != SITUATION_IDENTITY_ONLY:
        raise Refused(
            f"situation {sa.situation} is not identity only", NotifyType.SITUATION_NOT_SUPPORTED
        )
    numbered: dict[int, list[Proposal]] = {}
    for proposal in sa.proposals:
        numbered.setdefault(proposal.number, []).append(proposal)
    return [
        Alternative(number, {proposal.protocol: _read(proposal) for proposal in proposals})
        for number, proposals in numbered.items()
        if all(map(_usable, proposals))
        and len({proposal.protocol for proposal in proposals}) == len(proposals)
    ]


def only_transport_mode(sa: SecurityAssociation) -> bool:
    """Tell whether nothing but transport mode can be chosen."""
    offered = alternatives(sa)
    return bool(offered) and all(alternative.in_transport_mode for alternative in offered)


def _read(proposal: Proposal) -> OfferedProtocol:
    kind = proposal.protocol
    read = tuple((one, phase2_transform.read(kind, one)) for one in proposal.transforms)
    return OfferedProtocol(proposal, read)


def _usable(proposal: Proposal) -> bool:
    """Tell whether protocol and SPI are such that an SA can be made."""
    sound = is_spi(proposal.protocol, proposal.spi)
    return sound and int.from_bytes(proposal.spi) >= _SMALLEST_SPI


def is_spi(protocol: Protocol, spi: bytes) -> bool:
    """Tell whether octets are as long as a protocol's SPIs; False for other protocols."""
    if protocol == Protocol.IPCOMP and len(spi) == _PADDED_CPI:
        return int.from_bytes(spi) < 1 << 16
    return len(spi) == SPI_LENGTHS.get(protocol)


def first_spi(sa: SecurityAssociation) -> tuple[bytes, Protocol]:
    """Give the first proposal's SPI and protocol, by which a notify can name the exchange."""
    return next(((p.spi, p.protocol) for p in sa.proposals), (b"", Protocol.IPSEC_ESP))


def described(sa: SecurityAssociation) -> str:
    """Print the first few proposals by number, protocol and SPI."""
    found = [
        f"#{proposal.number} {proposal.protocol} SPI {proposal.spi[:8].hex() or 'none'}"
        for proposal in sa.proposals[:4]
    ]
    return ", ".join(found) or "no proposal"
