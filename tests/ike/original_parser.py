"""What OpenBSD's isakmpd makes of a message: a small parser as strict as its own.

Where a payload is not to its taste it drops the whole message, so a peer recognised as one must
never be sent such. Nothing of isakmpd is used here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise

HEADER = struct.Struct("!8s8sBBBBII")
SA, PROPOSAL, TRANSFORM, ID, CERTREQ, NOTIFY, DELETE, VENDOR, ATTRIBUTE = (
    1,
    2,
    3,
    5,
    7,
    11,
    12,
    13,
    14,
)
ID_PROT, AGGRESSIVE, INFO, TRANSACTION, QUICK_MODE = 2, 4, 5, 6, 32
PHASE_1 = (ID_PROT, AGGRESSIVE)
# What else stands in these has no exchange to belong to.
CONTENT = {INFO: {8, NOTIFY, DELETE}, TRANSACTION: {8, NOTIFY, ATTRIBUTE}}
NAT_D = (20, 130)
ISAKMP, AH, ESP, IPCOMP = 1, 2, 3, 4

# Octets a payload has at least, its generic header among them; what is not here kills.
MINIMUM = {
    SA: 8,
    PROPOSAL: 8,
    TRANSFORM: 8,
    4: 4,
    ID: 8,
    6: 5,
    CERTREQ: 5,
    8: 4,
    9: 4,
    10: 4,
    NOTIFY: 12,
    DELETE: 12,
    VENDOR: 4,
    ATTRIBUTE: 8,
    20: 4,
    21: 8,
    130: 4,
    131: 8,
}
TRANSFORM_IDS = {
    ISAKMP: {1},
    AH: set(range(2, 9)),
    ESP: set(range(1, 24)) | set(range(249, 254)),
    IPCOMP: set(range(1, 5)),
}
NOTIFIES = (range(1, 31), range(8192, 16385), range(24576, 24579), range(32768, 40960))
CLIENT_IDS = (1, 2, 4, 5, 6)  # addresses, a host's name, subnets
REQUESTED_CERTIFICATES = (4, 11)


class Dies(Exception):  # noqa: N818 - a verdict, no error of ours
    """Say why the message is dropped."""


@dataclass(frozen=True)
class Heard:
    """What the parser understood."""

    exchange_type: int
    message_id: int
    payloads: tuple[tuple[int, bytes], ...]

    def bodies(self, kind: int) -> list[bytes]:
        """The payloads of a type, without their generic headers."""
        return [body for each, body in self.payloads if each == kind]

    @property
    def notifies(self) -> set[int]:
        """The types of its notifies."""
        return {int.from_bytes(body[6:8]) for body in self.bodies(NOTIFY)}


def demand(holds: bool, otherwise: str) -> None:
    """Die unless something holds."""
    if not holds:
        raise Dies(otherwise)


def hear(datagram: bytes) -> Heard:
    """Read a message in clear, or one decrypted and freed of its padding; raises Dies."""
    demand(len(datagram) >= HEADER.size, "shorter than a header")
    initiator, _, first, version, exchange, flags, message_id, length = HEADER.unpack_from(datagram)
    demand(length == len(datagram), "the length is not the datagram's")
    demand(any(initiator), "no cookie")
    demand(version == 0x10, "another version")
    demand(flags in range(8), "flags nobody knows")
    demand(exchange in (*PHASE_1, INFO, TRANSACTION, QUICK_MODE), "an exchange nobody expects")
    demand(first < 22, "a first payload nobody knows")
    demand((message_id == 0) == (exchange in PHASE_1), "the message ID of another phase")
    heard = Heard(exchange, message_id, tuple(chain(first, datagram[HEADER.size :])))
    for kind, body in sorted(heard.payloads, key=lambda payload: payload[0]):
        check(heard, kind, body)
    demand(len(heard.bodies(DELETE)) <= 1, "several Delete payloads: one unknown SPI voids all")
    return heard


def chain(kind: int, octets: bytes) -> list[tuple[int, bytes]]:
    """Cut payloads apart."""
    found = []
    while kind:
        demand(len(octets) >= 4, "no room for a payload's header")
        follower, reserved, length = struct.unpack_from("!BBH", octets)
        demand(not 22 <= follower < 128, f"next payload {follower}")
        demand(follower < 128 or follower in (130, 131), f"private payload {follower}")
        demand(reserved == 0, "a reserved octet that is not zero")
        demand(kind in MINIMUM, f"payload {kind} of no known size")
        demand(MINIMUM[kind] <= length <= len(octets), f"payload {kind} of {length} octets")
        found.append((kind, octets[4:length]))
        kind, octets = follower, octets[length:]
    demand(not octets, "octets behind the last payload")
    return found


def check(message: Heard, kind: int, body: bytes) -> None:
    """Look at one payload of the outermost chain."""
    phase_1 = message.exchange_type in PHASE_1
    demand(kind not in (PROPOSAL, TRANSFORM), "a proposal outside an SA payload")
    content = CONTENT.get(message.exchange_type)
    if kind == VENDOR or kind in NAT_D:
        demand(phase_1, f"payload {kind} outside phase 1")
    demand(
        content is None or kind in content, f"payload {kind} in exchange {message.exchange_type}"
    )
    if kind == SA:
        security_association(body, phase_1=phase_1)
    elif kind == ID:
        known = range(1, 12) if phase_1 else CLIENT_IDS
        demand(body[0] in known, f"identity of type {body[0]}")
    elif kind == CERTREQ:
        demand(body[0] in REQUESTED_CERTIFICATES, f"a request for certificates of type {body[0]}")
    elif kind == NOTIFY:
        notification(body)
    elif kind == DELETE:
        delete(message, body)
    elif kind == ATTRIBUTE:
        demand(message.exchange_type == TRANSACTION, "attributes outside a transaction")
        demand(1 <= body[0] <= 4, f"a transaction of type {body[0]}")


def doi(octets: bytes) -> None:
    """The generic one, or IPsec's."""
    demand(int.from_bytes(octets) in (0, 1), "another DOI")


def notification(body: bytes) -> None:
    """DOI, protocol, SPI, type."""
    doi(body[:4])
    protocol, size, kind = struct.unpack_from("!BBH", body, 4)
    demand(protocol in TRANSFORM_IDS, f"a notify about protocol {protocol}")
    demand(len(body) >= 8 + size, "a notify whose SPI reaches beyond it")
    demand(any(kind in known for known in NOTIFIES), f"notify type {kind}")


def delete(message: Heard, body: bytes) -> None:
    """DOI, protocol, and SPIs that are all known: so only ever one."""
    demand(message.exchange_type == INFO, "a Delete outside an informational exchange")
    demand(message.payloads[0][0] == 8, "a Delete without HASH")
    doi(body[:4])
    protocol, size, count = struct.unpack_from("!BBH", body, 4)
    demand(count == 1, f"a Delete of {count} SPIs")
    demand((protocol, size) in ((ISAKMP, 16), (AH, 4), (ESP, 4)), f"an SPI of {size} octets")
    demand(len(body) == 8 + size, "a Delete longer than its SPI")


def security_association(body: bytes, *, phase_1: bool) -> None:
    """DOI, situation, proposals whose numbers do not go back."""
    doi(body[:4])
    demand(body[4:8] == b"\0\0\0\1", "another situation")
    last = 0
    for kind, proposal in chain(PROPOSAL, body[8:]):
        demand(kind == PROPOSAL, "something else among proposals")
        number, protocol, size, count = struct.unpack_from("!BBBB", proposal)
        demand(number >= last, "proposal numbers go back")
        last = number
        demand((protocol == ISAKMP) == phase_1, f"protocol {protocol}")
        demand(protocol in TRANSFORM_IDS, f"protocol {protocol}")
        transforms = chain(TRANSFORM, proposal[4 + size :])
        demand(len(transforms) == count, "another number of transforms than announced")
        demand(all(kind == TRANSFORM for kind, _ in transforms), "no transform among them")
        check_transforms([one for _, one in transforms], protocol)


def check_transforms(transforms: list[bytes], protocol: int) -> None:
    """Numbers that count up, known transforms, known attributes."""
    numbers = [transform[0] for transform in transforms]
    demand(all(a < b for a, b in pairwise(numbers)), "numbers go back")
    for transform in transforms:
        known = transform[1] in TRANSFORM_IDS[protocol]
        demand(known, f"transform {transform[1]} of protocol {protocol}")
        demand(transform[2:4] == b"\0\0", "a reserved field that is not zero")
        highest = 16 if protocol == ISAKMP else 10
        for kind in attribute_types(transform[4:]):
            demand(1 <= kind <= highest, f"attribute {kind} of protocol {protocol}")


def attribute_types(octets: bytes) -> list[int]:
    """The types of a run of attributes."""
    found = []
    while octets:
        demand(len(octets) >= 4, "an attribute cut short")
        kind, length = struct.unpack_from("!HH", octets)
        end = 4 if kind & 0x8000 else 4 + length
        demand(len(octets) >= end, "an attribute cut short")
        found.append(kind & 0x7FFF)
        octets = octets[end:]
    return found
