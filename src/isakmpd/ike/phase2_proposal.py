"""Offer, choose and check the algorithms of IPsec SAs (RFC 2407 sections 4.4 and 4.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from isakmpd.config.model import Connection, Phase2Transform, Suite
from isakmpd.crypto.keymat import esp_key_lengths
from isakmpd.ike.lifetime import (
    Lifetimes,
    lifetime_attributes,
    negotiated_lifetimes,
    refused_lifetime,
)
from isakmpd.ike.refused import Refused
from isakmpd.ike.transform_values import read_values
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    SITUATION_IDENTITY_ONLY,
    AuthenticationAlgorithm,
    Doi,
    EncapsulationMode,
    EspTransform,
    GroupDescription,
    NotifyType,
    Phase2Attribute,
    Protocol,
)
from isakmpd.wire.payloads import Proposal, SecurityAssociation, Transform

DEFAULT_LIFETIME = 28800  # seconds, RFC 2407 section 4.5
SPI_LENGTH = 4
_SUPPORTED: set[int] = {
    Phase2Attribute.LIFE_TYPE,
    Phase2Attribute.LIFE_DURATION,
    Phase2Attribute.GROUP_DESCRIPTION,
    Phase2Attribute.ENCAPSULATION_MODE,
    Phase2Attribute.AUTHENTICATION_ALGORITHM,
    Phase2Attribute.KEY_LENGTH,
}
_TUNNEL_MODES = (
    EncapsulationMode.TUNNEL,
    EncapsulationMode.UDP_ENCAP_TUNNEL,
    EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
)
_IN_UDP = (
    EncapsulationMode.UDP_ENCAP_TUNNEL,
    EncapsulationMode.UDP_ENCAP_TRANSPORT,
    EncapsulationMode.UDP_ENCAP_TUNNEL_DRAFT,
    EncapsulationMode.UDP_ENCAP_TRANSPORT_DRAFT,
)
_IMPLIED_KEY_LENGTH = {EspTransform.AES: 128, EspTransform.AES_GCM_16: 128}
_FIXED_KEY_LENGTH = {EspTransform.TRIPLE_DES: 192}


@dataclass(frozen=True, slots=True)
class Phase2Choice:
    """Hold what both ends agreed on for a pair of ESP SAs; ``key_length`` in bits."""

    transform: EspTransform
    key_length: int | None
    authentication: AuthenticationAlgorithm
    group: GroupDescription | None
    encapsulation: EncapsulationMode  # as negotiated
    lifetimes: Lifetimes
    replay_window: int
    peer_spi: bytes

    @property
    def mode(self) -> EncapsulationMode:
        """Give TUNNEL or TRANSPORT, whatever carries the packets."""
        tunnel = self.encapsulation in _TUNNEL_MODES
        return EncapsulationMode.TUNNEL if tunnel else EncapsulationMode.TRANSPORT


@dataclass(frozen=True, slots=True)
class _Offered:
    transform_id: EspTransform
    key_length: int | None
    authentication: AuthenticationAlgorithm
    group: GroupDescription | None
    encapsulation: EncapsulationMode
    lifetimes: Lifetimes
    unsupported: tuple[str, ...]


def _transforms(suites: Sequence[Suite]) -> Iterator[tuple[Suite, int, Phase2Transform]]:
    for suite in suites:
        for protocol in suite.protocols:
            for transform in protocol.transforms:
                yield suite, protocol.replay_window, transform


def offer(suites: Sequence[Suite], spi: bytes, *, encapsulated: bool) -> SecurityAssociation:
    """Build the SA payload of quick mode's first message: a proposal for each suite."""
    proposals = tuple(
        Proposal(
            number,
            Protocol.IPSEC_ESP,
            spi,
            tuple(
                Transform(index, item.transform_id, _attributes(item, encapsulated=encapsulated))
                for index, item in enumerate(protocol.transforms, 1)
            ),
        )
        for number, suite in enumerate(suites, 1)
        for protocol in suite.protocols
    )
    return SecurityAssociation(Doi.IPSEC, SITUATION_IDENTITY_ONLY, proposals)


def _attributes(transform: Phase2Transform, *, encapsulated: bool) -> tuple[Attribute, ...]:
    mode = _mode(transform, encapsulated=encapsulated)
    attributes = [
        *lifetime_attributes(
            transform.lifetimes, Phase2Attribute.LIFE_TYPE, Phase2Attribute.LIFE_DURATION
        ),
        Attribute.of(Phase2Attribute.ENCAPSULATION_MODE, mode),
    ]
    if transform.authentication:
        attributes.append(
            Attribute.of(Phase2Attribute.AUTHENTICATION_ALGORITHM, transform.authentication)
        )
    if transform.group:
        attributes.append(Attribute.of(Phase2Attribute.GROUP_DESCRIPTION, transform.group))
    if transform.key_length is not None:
        attributes.append(Attribute.of(Phase2Attribute.KEY_LENGTH, transform.key_length.value))
    return tuple(attributes)


def _mode(transform: Phase2Transform, *, encapsulated: bool) -> EncapsulationMode:
    """Give the mode to ask for: in UDP, 1 and 2 become 3 and 4 (RFC 3947 section 5.1)."""
    mode = transform.encapsulation
    return EncapsulationMode(mode + 2) if encapsulated and mode not in _IN_UDP else mode


def choose(
    sa: SecurityAssociation,
    connection: Connection,
    spi: bytes,
    *,
    key_exchange: bool,
    encapsulated: bool,
) -> tuple[SecurityAssociation, Phase2Choice]:
    """Pick the first offered proposal the connection's Suites accept, and answer with ``spi``.

    ``key_exchange`` tells that the peer sent a KE payload, ``encapsulated`` that ESP has to
    travel in UDP. Raises Refused, naming what differs.
    """
    _check_situation(sa)
    nearest: list[str] | None = None
    for proposal, transform in _lone_esp_transforms(sa):
        offered = _read(transform)
        for _, window, configured in _transforms(connection.suites):
            if nearest is not None and _distance(offered, configured) > len(nearest):
                continue
            differences = _differences(
                offered, configured, key_exchange=key_exchange, encapsulated=encapsulated
            )
            if not differences:
                lifetimes = negotiated_lifetimes(
                    offered.lifetimes, configured.lifetimes, DEFAULT_LIFETIME
                )
                answer = Proposal(proposal.number, proposal.protocol, spi, (transform,))
                return (
                    SecurityAssociation(sa.doi, sa.situation, (answer,)),
                    _choice(offered, lifetimes, window, proposal.spi),
                )
            if nearest is None or len(differences) < len(nearest):
                nearest = differences
    reason = "; ".join(nearest or [_unusable(sa)])
    raise Refused(
        f"no compatible proposal found: {reason} ([{connection.configuration}]:Suites decides)",
        NotifyType.NO_PROPOSAL_CHOSEN,
    )


def check(
    answer: SecurityAssociation, suites: Sequence[Suite], *, encapsulated: bool
) -> Phase2Choice:
    """Hold the responder's answer against our offer; raises Refused when it is none we made."""
    _check_situation(answer)
    proposals = list(_lone_esp_proposals(answer))
    if len(answer.proposals) != 1 or len(proposals) != 1 or len(proposals[0].transforms) != 1:
        raise Refused(
            "the peer's answer is not one ESP proposal with one transform",
            NotifyType.BAD_PROPOSAL_SYNTAX,
        )
    chosen = _read(proposals[0].transforms[0])
    for _, window, configured in _transforms(suites):
        attributes = _attributes(configured, encapsulated=encapsulated)
        ours = _read(Transform(0, configured.transform_id, attributes))
        if not chosen.unsupported and _core(ours) == _core(chosen):
            lifetimes = negotiated_lifetimes(
                chosen.lifetimes, configured.lifetimes, DEFAULT_LIFETIME, answered=True
            )
            return _choice(chosen, lifetimes, window, proposals[0].spi)
    raise Refused(
        f"the peer answers with a transform we did not offer: {_describe(chosen)}",
        NotifyType.NO_PROPOSAL_CHOSEN,
    )


def _core(offered: _Offered) -> tuple[int | None, ...]:
    return (
        offered.transform_id,
        offered.key_length,
        offered.authentication,
        offered.group,
        offered.encapsulation,
    )


def _check_situation(sa: SecurityAssociation) -> None:
    if sa.doi != Doi.IPSEC:
        raise Refused(f"DOI {sa.doi} is not IPSEC", NotifyType.DOI_NOT_SUPPORTED)
    if sa.situation != SITUATION_IDENTITY_ONLY:
        raise Refused(
            f"situation {sa.situation} is not identity only", NotifyType.SITUATION_NOT_SUPPORTED
        )


def _lone_esp_proposals(sa: SecurityAssociation) -> Iterator[Proposal]:
    """List the proposals that ask for ESP and nothing beside it."""
    numbers = Counter(proposal.number for proposal in sa.proposals)
    for proposal in sa.proposals:
        if (
            proposal.protocol == Protocol.IPSEC_ESP
            and numbers[proposal.number] == 1
            and len(proposal.spi) == SPI_LENGTH
            and int.from_bytes(proposal.spi) > 255
        ):
            yield proposal


def _lone_esp_transforms(sa: SecurityAssociation) -> Iterator[tuple[Proposal, Transform]]:
    for proposal in _lone_esp_proposals(sa):
        for transform in proposal.transforms:
            yield proposal, transform


def _unusable(sa: SecurityAssociation) -> str:
    """Say why not one proposal asks for ESP alone with an SPI that can be used."""
    found = [
        f"#{proposal.number} {proposal.protocol} SPI {proposal.spi[:8].hex() or 'none'}"
        for proposal in sa.proposals[:4]
    ]
    return f"got {', '.join(found) or 'no proposal'}, expected ESP alone with an SPI of 4 octets"


def first_spi(sa: SecurityAssociation) -> bytes:
    """Give the SPI of the first proposal, by which a notify can name the exchange."""
    return next((proposal.spi for proposal in sa.proposals), b"")


def _read(transform: Transform) -> _Offered:
    values = read_values(transform.attributes, Phase2Attribute, _SUPPORTED)
    number = values.numbers.get
    group = number(Phase2Attribute.GROUP_DESCRIPTION)
    kind = EspTransform(transform.transform_id)
    bits = number(Phase2Attribute.KEY_LENGTH, _IMPLIED_KEY_LENGTH.get(kind))
    return _Offered(
        kind,
        None if bits == _FIXED_KEY_LENGTH.get(kind) else bits,
        AuthenticationAlgorithm(number(Phase2Attribute.AUTHENTICATION_ALGORITHM, 0)),
        GroupDescription(group) if group is not None else None,
        # RFC 2407 section 4.5 leaves an absent mode to the implementation; everybody means tunnel.
        EncapsulationMode(number(Phase2Attribute.ENCAPSULATION_MODE, EncapsulationMode.TUNNEL)),
        values.lifetimes,
        values.unsupported,
    )


def _distance(offered: _Offered, configured: Phase2Transform) -> int:
    """Count differing algorithms, which is cheap: a peer may send thousands of transforms."""
    return (
        (offered.transform_id != configured.transform_id)
        + (offered.authentication != configured.authentication)
        + (offered.group != configured.group)
    )


def _differences(
    offered: _Offered, configured: Phase2Transform, *, key_exchange: bool, encapsulated: bool
) -> list[str]:
    section = configured.section
    wanted = EspTransform(configured.transform_id)
    differences = []
    if offered.transform_id != wanted:
        differences.append(f"TRANSFORM_ID: got {offered.transform_id}, expected {wanted}")
    if offered.authentication != configured.authentication:
        differences.append(
            f"AUTHENTICATION_ALGORITHM: got {offered.authentication}, "
            f"expected {configured.authentication}"
        )
    if offered.group != configured.group:
        got, expected = offered.group or "no PFS", configured.group or "no PFS"
        differences.append(f"GROUP_DESCRIPTION: got {got}, expected {expected}")
    elif (offered.group is not None) != key_exchange:
        state = "with" if key_exchange else "without"
        got = offered.group or "no PFS"
        differences.append(f"GROUP_DESCRIPTION: got {got} {state} a KE payload")
    mode = _mode(configured, encapsulated=encapsulated)
    if (offered.encapsulation in _TUNNEL_MODES, offered.encapsulation in _IN_UDP) != (
        mode in _TUNNEL_MODES,
        mode in _IN_UDP,
    ):
        nat = "a NAT" if encapsulated else "no NAT"
        differences.append(
            f"ENCAPSULATION_MODE: got {offered.encapsulation}, expected {mode} ({nat} was detected)"
        )
    length = configured.key_length
    if offered.transform_id == wanted and length is not None:
        bits = offered.key_length
        if bits is None or not length.accepts(bits):
            differences.append(f"KEY_LENGTH: got {bits}, expected {length}")
    elif offered.transform_id == wanted and (fault := _impossible(offered)):
        differences.append(f"KEY_LENGTH: got {fault}")
    differences += offered.unsupported
    if (refused := refused_lifetime(offered.lifetimes, configured.lifetimes)) is not None:
        differences.append(refused)
    return [f"{difference} in [{section}]" for difference in differences]


def _impossible(offered: _Offered) -> str:
    """Say why no keys can be made for a transform; nothing where they can."""
    try:
        esp_key_lengths(offered.transform_id, offered.key_length, offered.authentication)
    except ValueError as fault:
        return str(fault)
    return ""


def _choice(offered: _Offered, lifetimes: Lifetimes, window: int, peer_spi: bytes) -> Phase2Choice:
    if fault := _impossible(offered):
        raise Refused(f"impossible transform: {fault}", NotifyType.NO_PROPOSAL_CHOSEN)
    return Phase2Choice(
        offered.transform_id,
        offered.key_length,
        offered.authentication,
        offered.group,
        offered.encapsulation,
        lifetimes,
        window,
        peer_spi,
    )


def _describe(offered: _Offered) -> str:
    length = f" KEY_LENGTH {offered.key_length}" if offered.key_length else ""
    group = f" {offered.group}" if offered.group else ""
    return f"{offered.transform_id}{length} {offered.authentication} {offered.encapsulation}{group}"
