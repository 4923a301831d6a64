"""Hold what quick mode agreed on: a protocol or a bundle of them, with what they share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from isakmpd.config.model import Lifetime
from isakmpd.ike.ipsec import TransformId
from isakmpd.ike.lifetime import Lifetimes, negotiated_lifetimes, shorter
from isakmpd.ike.phase2_transform import UDP_MODES, OfferedTransform, plain
from isakmpd.wire.numbers import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    GroupDescription,
    Protocol,
)
from isakmpd.wire.payloads import Proposal, Transform

DEFAULT_LIFETIME = 28800  # seconds, RFC 2407 section 4.5
# What a packet goes through first: compressed, then encrypted, then authenticated (RFC 3173
# section 2.1, RFC 2401 section 4.3).
_APPLIED = (Protocol.IPCOMP, Protocol.IPSEC_ESP, Protocol.IPSEC_AH)


@dataclass(frozen=True, slots=True)
class ChosenProtocol:
    """Hold one protocol of a choice; ``key_length`` in bits, ``peer_spi`` as it is on the wire.

    ``proposal`` is the peer's, with the chosen transform alone, octet for octet.
    """

    protocol: Protocol
    transform: TransformId
    key_length: int | None
    authentication: AuthenticationAlgorithm
    encapsulation: EncapsulationMode  # as negotiated
    peer_spi: bytes
    replay_window: int  # packets
    proposal: Proposal = field(compare=False, repr=False)

    @property
    def mode(self) -> EncapsulationMode:
        """Give TUNNEL or TRANSPORT, whatever carries the packets."""
        return plain(self.encapsulation)

    def __str__(self) -> str:
        length = f" KEY_LENGTH {self.key_length}" if self.key_length else ""
        keyed = f" {self.authentication}" if self.authentication else ""
        return f"{self.protocol} {self.transform}{length}{keyed} {self.encapsulation}"


@dataclass(frozen=True, slots=True)
class Phase2Choice:
    """Hold what both ends agreed on; ``protocols`` in the order in which they are applied.

    ``untold`` holds what the offer did not say of ``lifetimes``: RESPONDER-LIFETIME tells it.
    ``outside_suites`` tells that no suite describes the choice.
    """

    protocols: tuple[ChosenProtocol, ...]
    group: GroupDescription | None
    lifetimes: Lifetimes
    untold: Lifetimes = field(default_factory=Lifetimes, compare=False)
    outside_suites: bool = field(default=False, compare=False)

    @property
    def principal(self) -> ChosenProtocol:
        """Give the protocol that stands for all: ESP, else AH."""
        keyed = (one for one in self.protocols if one.protocol != Protocol.IPCOMP)
        return next(keyed, self.protocols[0])

    @property
    def mode(self) -> EncapsulationMode:
        """Give the mode of the protocol that stands for all."""
        return self.principal.mode

    @property
    def in_udp(self) -> bool:
        """Tell whether ESP in UDP was negotiated."""
        return any(one.encapsulation in UDP_MODES for one in self.protocols)

    def __str__(self) -> str:
        group = f" {self.group}" if self.group else ""
        return " with ".join(map(str, self.protocols)) + group


@dataclass(frozen=True, slots=True)
class Agreed:
    """Hold a peer's transform and what the configuration adds to it."""

    proposal: Proposal
    transform: Transform
    offered: OfferedTransform
    replay_window: int
    lifetimes: Sequence[Lifetime]

    def protocol(self) -> ChosenProtocol:
        """Give what was agreed of this protocol by itself."""
        offered = self.offered
        return ChosenProtocol(
            offered.protocol,
            offered.transform_id,
            offered.key_length,
            offered.authentication,
            offered.encapsulation,
            self.proposal.spi,
            self.replay_window,
            replace(self.proposal, transforms=(self.transform,)),
        )


def settled(
    found: Iterable[Agreed], group: GroupDescription | None, *, answered: bool = False
) -> Phase2Choice:
    """Put protocols in the order of application, under the shortest of their lifetimes.

    ``answered`` tells that the peer's transforms answer an offer of ours.
    """
    ordered = sorted(found, key=lambda one: _APPLIED.index(one.offered.protocol))
    lifetimes = shortest(
        negotiated_lifetimes(
            one.offered.lifetimes, one.lifetimes, DEFAULT_LIFETIME, answered=answered
        )
        for one in ordered
    )
    said = shortest(one.offered.lifetimes for one in ordered)
    known = replace(said, seconds=said.seconds or DEFAULT_LIFETIME)
    untold = shorter(lifetimes, known)
    return Phase2Choice(tuple(one.protocol() for one in ordered), group, lifetimes, untold)


def shortest(limits: Iterable[Lifetimes]) -> Lifetimes:
    """Give the shortest of several limits; None is no limit."""
    every = list(limits)
    seconds = [one.seconds for one in every if one.seconds is not None]
    kilobytes = [one.kilobytes for one in every if one.kilobytes is not None]
    return Lifetimes(min(seconds, default=None), min(kilobytes, default=None))
