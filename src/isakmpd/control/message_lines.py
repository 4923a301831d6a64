"""Describe IKE messages, in clear as the packet capture shows them, for those who debug Mesg."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from isakmpd.ike.outputs import Capture
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    AuthenticationMethod,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    GroupDescription,
    HashAlgorithm,
    IpcompTransform,
    LifeType,
    OpenEnum,
    Phase1Attribute,
    Phase2Attribute,
    Protocol,
)
from isakmpd.wire.payloads import (
    Payload,
    Proposal,
    SecurityAssociation,
    Transform,
    VendorId,
    decode_chain,
)
from isakmpd.wire.vendor_ids import recognise

SUMMARY_LEVEL: Final = 30  # one line for a message
PAYLOADS_LEVEL: Final = 50  # one for each of its payloads
OCTETS_LEVEL: Final = 70  # all of it
_OCTETS_OF_LINE = 32
_OCTETS_OF_GROUP = 4
_TRANSFORM_IDS: Mapping[Protocol, type[OpenEnum]] = {
    Protocol.IPSEC_AH: AhTransform,
    Protocol.IPSEC_ESP: EspTransform,
    Protocol.IPCOMP: IpcompTransform,
}
_VALUES: Mapping[OpenEnum, type[OpenEnum]] = {
    Phase1Attribute.ENCRYPTION_ALGORITHM: EncryptionAlgorithm,
    Phase1Attribute.HASH_ALGORITHM: HashAlgorithm,
    Phase1Attribute.AUTHENTICATION_METHOD: AuthenticationMethod,
    Phase1Attribute.GROUP_DESCRIPTION: GroupDescription,
    Phase1Attribute.LIFE_TYPE: LifeType,
}
_VALUES_OF_PHASE_2: Mapping[OpenEnum, type[OpenEnum]] = {
    Phase2Attribute.LIFE_TYPE: LifeType,
    Phase2Attribute.GROUP_DESCRIPTION: GroupDescription,
    Phase2Attribute.ENCAPSULATION_MODE: EncapsulationMode,
    Phase2Attribute.AUTHENTICATION_ALGORITHM: AuthenticationAlgorithm,
}


def message_lines(message: Capture) -> Iterator[tuple[int, str]]:
    """Yield the lines about a message, each with the level from which on it is wanted."""
    octets = message.octets
    where = f"to {message.transport.peer}" if message.outgoing else f"from {message.transport.peer}"
    said = f"message_{'send' if message.outgoing else 'recv'}"
    try:
        header, body = decode_header(octets)
        payloads = decode_chain(header.next_payload, body).payloads
    except Malformed as malformed:
        yield (
            SUMMARY_LEVEL,
            f"{said}: {where}: {len(octets)} octets that do not decode: {malformed}",
        )
    else:
        yield SUMMARY_LEVEL, f"{said}: {where}: {_summary(header, len(octets), payloads)}"
        for payload in payloads:
            yield from ((PAYLOADS_LEVEL, f"{said}: {line}") for line in _payload_lines(payload))
    yield from ((OCTETS_LEVEL, f"{said}: {line}") for line in hexadecimal_lines(octets))


def hexadecimal_lines(octets: bytes) -> Iterator[str]:
    """Write octets as hexadecimal digits, 32 of them a line, in groups of four."""
    for at in range(0, len(octets), _OCTETS_OF_LINE):
        yield octets[at : at + _OCTETS_OF_LINE].hex(" ", -_OCTETS_OF_GROUP)


def _summary(header: Header, length: int, payloads: tuple[Payload, ...]) -> str:
    runs = [(kind, len(list(run))) for kind, run in groupby(str(p.type_on_wire) for p in payloads)]
    content = " ".join(f"{kind}*{count}" if count > 1 else kind for kind, count in runs)
    return (
        f"{header.exchange_type} {header.initiator_cookie.hex()} {header.responder_cookie.hex()} "
        f"message ID {header.message_id:08x}, {length} octets: {content or 'no payload'}"
    )


def _payload_lines(payload: Payload) -> Iterator[str]:
    if isinstance(payload, VendorId):
        vendor = recognise(payload.data)
        yield f"{payload} {vendor.name if vendor else 'unknown'}"
    elif isinstance(payload, SecurityAssociation):
        yield f"SA(doi {payload.doi}, situation {payload.situation})"
        for proposal in payload.proposals:
            yield from _proposal_lines(proposal)
    else:
        yield str(payload)


def _proposal_lines(proposal: Proposal) -> Iterator[str]:
    spi = f" SPI {proposal.spi.hex()}" if proposal.spi else ""
    yield f"proposal {proposal.number} {proposal.protocol}{spi}"
    for transform in proposal.transforms:
        yield f"transform {transform.number} {_described(transform, proposal.protocol)}"


def _described(transform: Transform, protocol: Protocol) -> str:
    if protocol == Protocol.ISAKMP:
        name = f"id {transform.transform_id}"
        said = [_spelled(one, Phase1Attribute(one.type), _VALUES) for one in transform.attributes]
    else:
        kind = _TRANSFORM_IDS.get(protocol)
        name = str(kind(transform.transform_id)) if kind else f"id {transform.transform_id}"
        said = [
            _spelled(one, Phase2Attribute(one.type), _VALUES_OF_PHASE_2)
            for one in transform.attributes
        ]
    return " ".join((name, *said))


def _spelled(
    attribute: Attribute, name: OpenEnum, values: Mapping[OpenEnum, type[OpenEnum]]
) -> str:
    kind = values.get(name)
    if kind is not None:
        return f"{name}={kind(attribute.value)}"
    return f"{name}={str(attribute).partition('=')[2]}"
