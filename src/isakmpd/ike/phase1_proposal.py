"""Offer, choose and check the algorithms of an ISAKMP SA (RFC 2409 section 5, appendix A)."""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.config.model import Peer, Phase1Transform
from isakmpd.crypto.ciphers import key_octets
from isakmpd.ike.lifetime import (
    Lifetimes,
    lifetime_attributes,
    negotiated_lifetimes,
    refused_lifetime,
    shorter,
)
from isakmpd.ike.refused import Refused
from isakmpd.ike.transform_values import read_values
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    ISAKMP_TRANSFORM_KEY_IKE,
    SITUATION_IDENTITY_ONLY,
    AuthenticationMethod,
    Doi,
    EncryptionAlgorithm,
    GroupDescription,
    HashAlgorithm,
    NotifyType,
    Phase1Attribute,
    Protocol,
)
from isakmpd.wire.payloads import Proposal, SecurityAssociation, Transform

_NOTHING = Lifetimes()
DEFAULT_LIFETIME = 28800  # seconds, when nobody names one
_SUPPORTED: set[int] = {
    Phase1Attribute.ENCRYPTION_ALGORITHM,
    Phase1Attribute.HASH_ALGORITHM,
    Phase1Attribute.AUTHENTICATION_METHOD,
    Phase1Attribute.GROUP_DESCRIPTION,
    Phase1Attribute.LIFE_TYPE,
    Phase1Attribute.LIFE_DURATION,
    Phase1Attribute.KEY_LENGTH,
}


@dataclass(frozen=True, slots=True)
class Phase1Choice:
    """Hold the algorithms both ends agreed on; ``key_length`` in bits, None when not negotiated."""

    encryption: EncryptionAlgorithm
    hash: HashAlgorithm
    authentication: AuthenticationMethod
    group: GroupDescription
    key_length: int | None
    lifetimes: Lifetimes
    told: Lifetimes = field(default=Lifetimes(), compare=False)  # limits the initiator must hear of


@dataclass(frozen=True, slots=True)
class _Offered:
    """Hold one transform of a peer, read."""

    encryption: EncryptionAlgorithm
    hash: HashAlgorithm
    authentication: AuthenticationMethod
    group: GroupDescription
    key_length: int | None
    lifetimes: Lifetimes
    unsupported: tuple[str, ...]


def offer(peer: Peer) -> SecurityAssociation:
    """Build the SA payload of the initiator: one proposal, a transform for each configured one."""
    transforms = tuple(
        Transform(number, ISAKMP_TRANSFORM_KEY_IKE, _attributes(transform))
        for number, transform in enumerate(_offerable(peer))
    )
    proposal = Proposal(1, Protocol.ISAKMP, b"", transforms)
    return SecurityAssociation(Doi.IPSEC, SITUATION_IDENTITY_ONLY, (proposal,))


def _offerable(peer: Peer) -> tuple[Phase1Transform, ...]:
    """Give the transforms that can be offered; raises Refused where there is none."""
    if not peer.offered_transforms:
        raise Refused(
            "each transform has ANY, which nobody can offer "
            f"([{peer.configuration}]:Transforms decides)",
            None,
        )
    return peer.offered_transforms


def offered_group(peer: Peer) -> GroupDescription:
    """Give the one group of aggressive mode's offer, which holds a KE payload; raises Refused."""
    group = _offerable(peer)[0].group
    assert group is not None  # noqa: S101 - what has ANY is not offered
    return group


def _attributes(transform: Phase1Transform) -> tuple[Attribute, ...]:
    algorithms = (
        (Phase1Attribute.ENCRYPTION_ALGORITHM, transform.encryption),
        (Phase1Attribute.HASH_ALGORITHM, transform.hash),
        (Phase1Attribute.AUTHENTICATION_METHOD, transform.authentication),
        (Phase1Attribute.GROUP_DESCRIPTION, transform.group),
    )
    attributes = [
        *(Attribute.of(kind, value) for kind, value in algorithms if value is not None),
        *lifetime_attributes(
            transform.lifetimes, Phase1Attribute.LIFE_TYPE, Phase1Attribute.LIFE_DURATION
        ),
    ]
    if transform.key_length is not None:
        attributes.append(Attribute.of(Phase1Attribute.KEY_LENGTH, transform.key_length.value))
    return tuple(attributes)


def choose(sa: SecurityAssociation, peer: Peer) -> tuple[SecurityAssociation, Phase1Choice]:
    """Pick the first offered transform the peer's section accepts, and build the answer.

    Raises Refused with the attribute in which the nearest transform differs.
    """
    proposal = _sole_proposal(sa)
    nearest: list[str] | None = None
    for transform in proposal.transforms:
        offered = _read(transform)
        for configured in peer.transforms:
            if nearest is not None and _distance(offered, configured) > len(nearest):
                continue
            differences = _differences(offered, configured)
            if not differences:
                answer = Proposal(proposal.number, proposal.protocol, proposal.spi, (transform,))
                lifetimes = negotiated_lifetimes(
                    offered.lifetimes, configured.lifetimes, DEFAULT_LIFETIME
                )
                choice = _choice(offered, lifetimes, shorter(lifetimes, offered.lifetimes))
                return SecurityAssociation(sa.doi, sa.situation, (answer,)), choice
            if nearest is None or len(differences) < len(nearest):
                nearest = differences
    reason = "; ".join(nearest or ["the peer offers no transform"])
    raise Refused(
        f"no compatible proposal found: {reason} ([{peer.configuration}]:Transforms decides)",
        NotifyType.NO_PROPOSAL_CHOSEN,
    )


def check(answer: SecurityAssociation, peer: Peer) -> Phase1Choice:
    """Hold the responder's answer against our offer; raises Refused when it is none we made."""
    proposal = _sole_proposal(answer)
    if len(proposal.transforms) != 1:
        raise Refused(
            f"the peer answers with {len(proposal.transforms)} transforms, expected 1",
            NotifyType.PAYLOAD_MALFORMED,
        )
    chosen = _read(proposal.transforms[0])
    for configured in _offerable(peer):
        ours = _read(Transform(0, ISAKMP_TRANSFORM_KEY_IKE, _attributes(configured)))
        if not chosen.unsupported and _core(ours) == _core(chosen):
            return _choice(
                chosen,
                negotiated_lifetimes(
                    chosen.lifetimes, configured.lifetimes, DEFAULT_LIFETIME, answered=True
                ),
            )
    raise Refused(
        f"the peer answers with a transform we did not offer: {_describe(chosen)}",
        NotifyType.NO_PROPOSAL_CHOSEN,
    )


def _core(offered: _Offered) -> tuple[int | None, ...]:
    return (
        offered.encryption,
        offered.hash,
        offered.authentication,
        offered.group,
        offered.key_length,
    )


def _sole_proposal(sa: SecurityAssociation) -> Proposal:
    if sa.doi not in (Doi.IPSEC, Doi.ISAKMP):
        raise Refused(f"DOI {sa.doi} is not IPSEC", NotifyType.DOI_NOT_SUPPORTED)
    if sa.situation != SITUATION_IDENTITY_ONLY:
        raise Refused(
            f"situation {sa.situation} is not identity only", NotifyType.SITUATION_NOT_SUPPORTED
        )
    if len(sa.proposals) != 1:
        raise Refused(
            f"{len(sa.proposals)} proposals in phase 1, expected 1", NotifyType.BAD_PROPOSAL_SYNTAX
        )
    proposal = sa.proposals[0]
    if proposal.protocol != Protocol.ISAKMP:
        raise Refused(
            f"phase 1 proposal for {proposal.protocol}, expected ISAKMP",
            NotifyType.INVALID_PROTOCOL_ID,
        )
    return proposal


def _read(transform: Transform) -> _Offered:
    values = read_values(transform.attributes, Phase1Attribute, _SUPPORTED)
    number = values.numbers.get
    encryption = EncryptionAlgorithm(number(Phase1Attribute.ENCRYPTION_ALGORITHM, 0))
    unsupported = values.unsupported
    if transform.transform_id != ISAKMP_TRANSFORM_KEY_IKE:
        unsupported += (f"transform id {transform.transform_id} is not KEY_IKE",)
    return _Offered(
        encryption,
        HashAlgorithm(number(Phase1Attribute.HASH_ALGORITHM, 0)),
        AuthenticationMethod(number(Phase1Attribute.AUTHENTICATION_METHOD, 0)),
        GroupDescription(number(Phase1Attribute.GROUP_DESCRIPTION, 0)),
        _significant_key_length(encryption, number(Phase1Attribute.KEY_LENGTH)),
        values.lifetimes,
        unsupported,
    )


def _significant_key_length(encryption: EncryptionAlgorithm, bits: int | None) -> int | None:
    """Drop a key length that only repeats what a fixed-length cipher has anyway."""
    if encryption == EncryptionAlgorithm.TRIPLE_DES_CBC and bits == 192:
        return None
    return bits


def _distance(offered: _Offered, configured: Phase1Transform) -> int:
    """Count differing algorithms, which is cheap: a peer may send hundreds of transforms."""
    return (
        (offered.encryption != configured.encryption)
        + (offered.hash != configured.hash)
        + (offered.authentication != configured.authentication)
        + (offered.group != configured.group)
    )


def _differences(offered: _Offered, configured: Phase1Transform) -> list[str]:
    pairs = [
        ("ENCRYPTION_ALGORITHM", offered.encryption, configured.encryption),
        ("HASH_ALGORITHM", offered.hash, configured.hash),
        ("AUTHENTICATION_METHOD", offered.authentication, configured.authentication),
        ("GROUP_DESCRIPTION", offered.group, configured.group),
    ]
    differences = [
        f"{tag}: got {got}, expected {expected} in [{configured.section}]"
        for tag, got, expected in pairs
        if got != expected
    ]
    if offered.encryption == configured.encryption:
        differences += _key_length_difference(offered, configured)
    differences += offered.unsupported
    if (refused := refused_lifetime(offered.lifetimes, configured.lifetimes)) is not None:
        differences.append(refused)
    return differences


def _key_length_difference(offered: _Offered, configured: Phase1Transform) -> list[str]:
    expected = configured.key_length
    got = offered.key_length
    try:
        octets = key_octets(offered.encryption, got)
    except ValueError:
        return [f"KEY_LENGTH: got {got}, impossible for {offered.encryption}"]
    if expected is None or (got is None and expected.accepts(octets * 8)):
        return []
    if got is None or not expected.accepts(got):
        return [f"KEY_LENGTH: got {got}, expected {expected} in [{configured.section}]"]
    return []


def _choice(offered: _Offered, lifetimes: Lifetimes, told: Lifetimes = _NOTHING) -> Phase1Choice:
    return Phase1Choice(
        offered.encryption,
        offered.hash,
        offered.authentication,
        offered.group,
        offered.key_length,
        lifetimes,
        told,
    )


def _describe(offered: _Offered) -> str:
    length = f" KEY_LENGTH {offered.key_length}" if offered.key_length else ""
    return f"{offered.encryption}{length} {offered.hash} {offered.authentication} {offered.group}"
