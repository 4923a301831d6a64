"""Offer, choose and check the algorithms of an ISAKMP SA (RFC 2409 section 5, appendix A)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace

from isakmpd.config.model import Peer, Phase1Transform
from isakmpd.crypto import ciphers, groups, hashes
from isakmpd.crypto.ciphers import has_key_length, key_octets
from isakmpd.crypto.signature_methods import SIGNATURES
from isakmpd.ike.lifetime import (
    Lifetimes,
    lifetime_attributes,
    negotiated_lifetimes,
    refused_lifetime,
    shorter,
)
from isakmpd.ike.refused import Refused
from isakmpd.ike.transform_values import NO_LIFE, read_values
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
    OpenEnum,
    Phase1Attribute,
    Protocol,
)
from isakmpd.wire.payloads import Proposal, SecurityAssociation, Transform

Unprovable = Mapping[AuthenticationMethod, str]  # why we cannot prove ourselves by a method
EVERYTHING: Unprovable = {}  # can be proved
_NOTHING = Lifetimes()
_SOUND_BITS = 128
# What ANY stands for: all we can, but DES, which a section has to name.
_ANY: Mapping[type[OpenEnum], Container[OpenEnum]] = {
    EncryptionAlgorithm: ciphers.SUPPORTED.keys() - {EncryptionAlgorithm.DES_CBC},
    HashAlgorithm: hashes.SUPPORTED,
    AuthenticationMethod: {AuthenticationMethod.PRE_SHARED} | SIGNATURES,
    GroupDescription: groups.SUPPORTED.keys(),
}
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

    def __str__(self) -> str:
        length = f" KEY_LENGTH {self.key_length}" if self.key_length else ""
        return (
            f"{self.encryption}{length} {self.hash} {self.authentication} {self.group}"
            f", life {self.lifetimes}"
        )


@dataclass(frozen=True, slots=True)
class Difference:
    """Say in which attribute an offered transform is not what a section wants.

    ``text`` says it where no other value would have done.
    """

    tag: str = ""
    got: str = ""
    expected: str = ""
    section: str = ""
    text: str = ""

    def __str__(self) -> str:
        return self.text or (
            f"{self.tag}: got {self.got}, expected {self.expected} in [{self.section}]"
        )


class NoCommonTransform(Refused):
    """Refuse an offer, with the attributes in which its nearest transform differs."""

    def __init__(
        self,
        configuration: str,
        differences: tuple[Difference, ...],
        wanted: tuple[SecurityAssociation, ...] = (),
    ) -> None:
        reason = "; ".join(map(str, differences)) or "the peer offers no transform"
        super().__init__(
            f"no compatible proposal found: {reason} ([{configuration}]:Transforms decides)",
            NotifyType.NO_PROPOSAL_CHOSEN,
            wanted,
        )
        self.differences = differences


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


def offer(peer: Peer, unprovable: Unprovable = EVERYTHING) -> SecurityAssociation:
    """Build the SA payload of the initiator: one proposal, a transform for each configured one.

    Those by which we cannot prove ourselves are left out; raises Refused where none is left.
    """
    return _proposing(offerable(peer, unprovable))


def _proposing(configured: Iterable[Phase1Transform]) -> SecurityAssociation:
    transforms = tuple(
        Transform(number, ISAKMP_TRANSFORM_KEY_IKE, _attributes(transform))
        for number, transform in enumerate(configured)
    )
    proposal = Proposal(1, Protocol.ISAKMP, b"", transforms)
    return SecurityAssociation(Doi.IPSEC, SITUATION_IDENTITY_ONLY, (proposal,))


def offerable(peer: Peer, unprovable: Unprovable) -> tuple[Phase1Transform, ...]:
    """Give the transforms that can be offered; raises Refused where there is none."""
    if not peer.offered_transforms:
        raise Refused(
            "each transform has ANY, which nobody can offer "
            f"([{peer.configuration}]:Transforms decides)",
            None,
        )
    found = tuple(t for t in peer.offered_transforms if t.authentication not in unprovable)
    if not found:
        reasons = "; ".join(f"{method}: {reason}" for method, reason in unprovable.items())
        raise Refused(
            f"we cannot prove who we are: {reasons} ([{peer.section}]:ID and "
            f"[{peer.configuration}]:Transforms decide)",
            None,
        )
    return found


def offered_group(peer: Peer, unprovable: Unprovable = EVERYTHING) -> GroupDescription:
    """Give the one group of aggressive mode's offer, which holds a KE payload; raises Refused."""
    group = offerable(peer, unprovable)[0].group
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
    if (bits := _offered_key_length(transform)) is not None:
        attributes.append(Attribute.of(Phase1Attribute.KEY_LENGTH, bits))
    return tuple(attributes)


def _offered_key_length(transform: Phase1Transform) -> int | None:
    """Name AES' key length always: peers read its lack as 128 bits or as 256."""
    if transform.key_length is not None:
        return transform.key_length.value
    return _SOUND_BITS if transform.encryption == EncryptionAlgorithm.AES_CBC else None


def choose(
    sa: SecurityAssociation,
    peer: Peer,
    *,
    longest_key: bool = False,
    unprovable: Unprovable = EVERYTHING,
) -> tuple[SecurityAssociation, Phase1Choice]:
    """Pick the first offered transform the peer's section accepts, and build the answer.

    ``longest_key`` says what the lack of a KEY_LENGTH means to the peer; ``unprovable``, by which
    methods we cannot prove ourselves. Raises NoCommonTransform
    with the attributes in which the nearest transform differs.
    """
    proposal = _sole_proposal(sa)
    nearest: tuple[Difference, ...] | None = None
    wanted: tuple[SecurityAssociation, ...] = ()
    for transform in proposal.transforms:
        offered = _read(transform)
        for configured in peer.transforms:
            if nearest is not None and _distance(offered, configured) > len(nearest):
                continue
            differences = _differences(offered, configured, longest_key=longest_key)
            if not differences and offered.authentication in unprovable:
                reason = f"{offered.authentication}: {unprovable[offered.authentication]}"
                text = f"we cannot prove who we are with {reason}"
                differences = (Difference("AUTHENTICATION_METHOD", text=text),)
            if not differences:
                answer = Proposal(proposal.number, proposal.protocol, proposal.spi, (transform,))
                lifetimes = negotiated_lifetimes(
                    offered.lifetimes, configured.lifetimes, DEFAULT_LIFETIME
                )
                choice = _choice(offered, lifetimes, shorter(lifetimes, offered.lifetimes))
                return SecurityAssociation(sa.doi, sa.situation, (answer,)), choice
            if nearest is None or len(differences) < len(nearest):
                nearest = differences
                helpless = offered.authentication in unprovable
                wanted = () if helpless else (_acceptable(offered, configured),)
    raise NoCommonTransform(peer.configuration, nearest or (), wanted)


def nearest_differences(
    transform: Transform, peer: Peer, *, longest_key: bool
) -> tuple[Difference, ...]:
    """List in what an offered transform differs from the nearest one the peer's section has."""
    offered = _read(transform)
    each = (_differences(offered, one, longest_key=longest_key) for one in peer.transforms)
    return min(each, key=len, default=())


def _acceptable(offered: _Offered, configured: Phase1Transform) -> SecurityAssociation:
    """Say what a section would have accepted; where it has ANY, what was offered."""
    concrete = replace(
        configured,
        encryption=configured.encryption or offered.encryption,
        hash=configured.hash or offered.hash,
        authentication=configured.authentication or offered.authentication,
        group=configured.group or offered.group,
    )
    return _proposing((concrete,))


def lifetimes(sa: SecurityAssociation) -> Lifetimes:
    """Read the lifetimes of the first transform; raises Refused for no phase 1 proposal."""
    transforms = _sole_proposal(sa).transforms
    return _read(transforms[0]).lifetimes if transforms else _NOTHING


def check(
    answer: SecurityAssociation, peer: Peer, unprovable: Unprovable = EVERYTHING
) -> Phase1Choice:
    """Hold the responder's answer against our offer; raises Refused when it is none we made."""
    proposal = _sole_proposal(answer)
    if len(proposal.transforms) != 1:
        raise Refused(
            f"the peer answers with {len(proposal.transforms)} transforms, expected 1",
            NotifyType.PAYLOAD_MALFORMED,
        )
    chosen = _read(proposal.transforms[0])
    for configured in offerable(peer, unprovable):
        ours = _read(Transform(0, ISAKMP_TRANSFORM_KEY_IKE, _attributes(configured)))
        if not configured.lifetimes and chosen.unsupported == (NO_LIFE,):
            # So strongSwan repeats that nobody has named any.
            chosen = replace(chosen, unsupported=(), lifetimes=_NOTHING)
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
    if bits is None or encryption not in ciphers.SUPPORTED or has_key_length(encryption):
        return bits
    return None if _octets(encryption, bits) is not None else bits


def _octets(
    encryption: EncryptionAlgorithm, bits: int | None, *, longest: bool = False
) -> int | None:
    """Give the key's octets, None where the cipher has no such key."""
    try:
        return key_octets(encryption, bits, longest=longest)
    except ValueError:
        return None


def _distance(offered: _Offered, configured: Phase1Transform) -> int:
    """Count differing algorithms, which is cheap: a peer may send hundreds of transforms."""
    return sum(not _will_do(got, expected) for _, got, expected in _algorithms(offered, configured))


def _algorithms(
    offered: _Offered, configured: Phase1Transform
) -> tuple[tuple[str, OpenEnum, OpenEnum | None], ...]:
    return (
        ("ENCRYPTION_ALGORITHM", offered.encryption, configured.encryption),
        ("HASH_ALGORITHM", offered.hash, configured.hash),
        ("AUTHENTICATION_METHOD", offered.authentication, configured.authentication),
        ("GROUP_DESCRIPTION", offered.group, configured.group),
    )


def _will_do(got: OpenEnum, expected: OpenEnum | None) -> bool:
    return got == expected or (expected is None and got in _ANY[type(got)])


def _differences(
    offered: _Offered, configured: Phase1Transform, *, longest_key: bool
) -> tuple[Difference, ...]:
    section = configured.section
    differences = [
        Difference(tag, str(got), str(expected or "ANY that is supported"), section)
        for tag, got, expected in _algorithms(offered, configured)
        if not _will_do(got, expected)
    ]
    if _will_do(offered.encryption, configured.encryption):
        differences += _key_length_difference(offered, configured, longest=longest_key)
    differences += [Difference(text=text, section=section) for text in offered.unsupported]
    if (refused := refused_lifetime(offered.lifetimes, configured.lifetimes)) is not None:
        differences.append(Difference("LIFE_DURATION", text=refused, section=section))
    return tuple(differences)


def _key_length_difference(
    offered: _Offered, configured: Phase1Transform, *, longest: bool
) -> list[Difference]:
    got, expected = offered.key_length, configured.key_length
    octets = _octets(offered.encryption, got, longest=longest)
    if octets is None:
        impossible = f"KEY_LENGTH: got {got}, impossible for {offered.encryption}"
        return [Difference("KEY_LENGTH", str(got), text=impossible, section=configured.section)]
    if expected is not None:
        accepted = expected.accepts(octets * 8)
    else:
        # A section that names no length means none that only a peer would find long enough.
        own = octets == _octets(offered.encryption, None, longest=longest)
        accepted = own or octets * 8 >= _SOUND_BITS
    if accepted:
        return []
    wanted = str(expected or f"{_SOUND_BITS} bits or more")
    said = str(got) if got is not None else f"none, which means {octets * 8}"
    return [Difference("KEY_LENGTH", said, wanted, configured.section)]


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
