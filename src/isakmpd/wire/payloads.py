"""Declare every ISAKMP payload once, in the order of the RFC's figures."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, ClassVar, Self, TypeVar

from isakmpd.wire.attributes import Attribute, decode_attributes, encode_attributes
from isakmpd.wire.identities import Identity
from isakmpd.wire.layout import (
    U8,
    U16,
    U32,
    CountOf,
    Derived,
    Layout,
    Nested,
    Reserved,
    Rest,
    Sized,
    SizedMany,
    SizeOf,
)
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import (
    ConfigurationType,
    Doi,
    IdType,
    NotifyType,
    PayloadType,
    Protocol,
)

GENERIC_HEADER = struct.Struct("!BBH")
LONGEST_CHAIN = 256  # payloads; a peer's datagram of tiny ones would cost dear to decode


@dataclass(frozen=True, slots=True)
class Payload:
    """Be one payload; subclasses are declared with the ``payload`` decorator."""

    layout: ClassVar[Layout]
    payload_type: ClassVar[PayloadType]

    @property
    def type_on_wire(self) -> PayloadType:
        """Give the number that announces this payload."""
        return self.payload_type

    def body(self) -> bytes:
        """Give the octets after the generic header."""
        return self.layout.encode(self)

    @classmethod
    def decode(cls, body: bytes) -> Self:
        """Build the payload from its body; raises Malformed."""
        value: Self = cls.layout.decode(body)
        return value

    def __str__(self) -> str:
        return self.layout.describe(self)


P = TypeVar("P", bound=Payload)

PAYLOADS: dict[PayloadType, type[Payload]] = {}


def payload(kind: PayloadType) -> Callable[[type[P]], type[P]]:
    """Declare a payload class under the type that announces it."""

    def declare(cls: type[P]) -> type[P]:
        cls.layout = Layout(cls)
        cls.payload_type = kind
        PAYLOADS[kind] = cls
        return cls

    return declare


def encode_chain(payloads: tuple[Payload, ...]) -> bytes:
    """Give the octets of payloads linked by their generic headers (RFC 2408 section 3.2)."""
    parts = []
    for index, item in enumerate(payloads):
        follower = payloads[index + 1].type_on_wire if index + 1 < len(payloads) else 0
        body = item.body()
        parts.append(GENERIC_HEADER.pack(follower, 0, GENERIC_HEADER.size + len(body)))
        parts.append(body)
    return b"".join(parts)


def split_chain(first: int, octets: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """Cut a chain into (type, body) pairs; also tell how many octets it takes.

    Raises Malformed for a header that lies about its length or a reserved octet that is not zero.
    """
    bodies: list[tuple[int, bytes]] = []
    position = 0
    kind = first
    while kind != PayloadType.NONE:
        if position + GENERIC_HEADER.size > len(octets):
            raise Malformed(f"message ends where a {PayloadType(kind)} payload should begin")
        follower, reserved, length = GENERIC_HEADER.unpack_from(octets, position)
        if reserved:
            raise Malformed(f"reserved field of a payload is {reserved}, not zero")
        if length < GENERIC_HEADER.size or position + length > len(octets):
            raise Malformed(f"{PayloadType(kind)} payload with impossible length {length}")
        if len(bodies) >= LONGEST_CHAIN:
            raise Malformed(f"more than {LONGEST_CHAIN} payloads in one chain")
        bodies.append((kind, octets[position + GENERIC_HEADER.size : position + length]))
        position += length
        kind = follower
    return bodies, position


def _decode_run(cls: type[Payload]) -> Callable[[bytes], tuple[Payload, ...]]:
    def decode(octets: bytes) -> tuple[Payload, ...]:
        if not octets:
            return ()
        bodies, length = split_chain(cls.payload_type, octets)
        if length != len(octets):
            raise Malformed(f"octets left over after the last {cls.__name__}")
        if any(kind != cls.payload_type for kind, _ in bodies):
            raise Malformed(f"a payload that is no {cls.__name__} stands among them")
        return tuple(cls.decode(body) for _, body in bodies)

    return decode


_ATTRIBUTES = Nested(encode_attributes, decode_attributes)


@payload(PayloadType.TRANSFORM)
@dataclass(frozen=True, slots=True)
class Transform(Payload):
    """Offer one set of algorithms (RFC 2408 section 3.6)."""

    number: Annotated[int, U8]
    transform_id: Annotated[int, U8]
    reserved: ClassVar[Derived] = Reserved(2)
    attributes: Annotated[tuple[Attribute, ...], _ATTRIBUTES]

    def __str__(self) -> str:
        return f"#{self.number} id {self.transform_id} {' '.join(map(str, self.attributes))}"


@payload(PayloadType.PROPOSAL)
@dataclass(frozen=True, slots=True)
class Proposal(Payload):
    """Offer transforms of one protocol (RFC 2408 section 3.5)."""

    number: Annotated[int, U8]
    protocol: Annotated[Protocol, U8]
    spi_size: ClassVar[Derived] = SizeOf("spi")
    transform_count: ClassVar[Derived] = CountOf("transforms")
    spi: Annotated[bytes, Sized()]
    transforms: Annotated[tuple[Transform, ...], Nested(encode_chain, _decode_run(Transform))]


@payload(PayloadType.SA)
@dataclass(frozen=True, slots=True)
class SecurityAssociation(Payload):
    """Carry proposals under a DOI and situation (RFC 2408 section 3.4, RFC 2407 section 4.6.1)."""

    doi: Annotated[Doi, U32]
    situation: Annotated[int, U32]
    proposals: Annotated[tuple[Proposal, ...], Nested(encode_chain, _decode_run(Proposal))]


@payload(PayloadType.KE)
@dataclass(frozen=True, slots=True)
class KeyExchange(Payload):
    """Carry a Diffie-Hellman public value (RFC 2408 section 3.7)."""

    value: Annotated[bytes, Rest()]


@payload(PayloadType.ID)
@dataclass(frozen=True, slots=True)
class Identification(Payload):
    """Carry an identity (RFC 2407 section 4.6.2)."""

    id_type: Annotated[IdType, U8]
    protocol: Annotated[int, U8]
    port: Annotated[int, U16]
    data: Annotated[bytes, Rest()]

    @classmethod
    def of(cls, identity: Identity) -> Identification:
        """Make the payload of an identity."""
        return cls(identity.type, identity.protocol, identity.port, identity.data)

    @property
    def identity(self) -> Identity:
        """Give the identity carried; raises Malformed when its length does not suit its type."""
        identity = Identity(self.id_type, self.data, self.protocol, self.port)
        identity.check()
        return identity


@payload(PayloadType.CERT)
@dataclass(frozen=True, slots=True)
class Certificate(Payload):
    """Carry a certificate (RFC 2408 section 3.9)."""

    encoding: Annotated[int, U8]
    data: Annotated[bytes, Rest()]


@payload(PayloadType.CERTREQ)
@dataclass(frozen=True, slots=True)
class CertificateRequest(Payload):
    """Ask for a certificate (RFC 2408 section 3.10)."""

    encoding: Annotated[int, U8]
    authority: Annotated[bytes, Rest()]


@payload(PayloadType.HASH)
@dataclass(frozen=True, slots=True)
class Hash(Payload):
    """Carry a keyed hash (RFC 2408 section 3.11)."""

    data: Annotated[bytes, Rest()]


@payload(PayloadType.SIG)
@dataclass(frozen=True, slots=True)
class Signature(Payload):
    """Carry a signature (RFC 2408 section 3.12)."""

    data: Annotated[bytes, Rest()]


@payload(PayloadType.NONCE)
@dataclass(frozen=True, slots=True)
class Nonce(Payload):
    """Carry a nonce (RFC 2408 section 3.13)."""

    data: Annotated[bytes, Rest()]


@payload(PayloadType.NOTIFY)
@dataclass(frozen=True, slots=True)
class Notification(Payload):
    """Tell the peer something (RFC 2408 section 3.14)."""

    doi: Annotated[Doi, U32]
    protocol: Annotated[Protocol, U8]
    spi_size: ClassVar[Derived] = SizeOf("spi")
    type: Annotated[NotifyType, U16]
    spi: Annotated[bytes, Sized()]
    data: Annotated[bytes, Rest()]


@payload(PayloadType.DELETE)
@dataclass(frozen=True, slots=True)
class Delete(Payload):
    """Tell the peer which SAs the sender no longer holds (RFC 2408 section 3.15)."""

    doi: Annotated[Doi, U32]
    protocol: Annotated[Protocol, U8]
    spi_size: ClassVar[Derived] = SizeOf("spis")
    spi_count: ClassVar[Derived] = CountOf("spis", "H")
    spis: Annotated[tuple[bytes, ...], SizedMany()]


@payload(PayloadType.VENDOR)
@dataclass(frozen=True, slots=True)
class VendorId(Payload):
    """Announce an implementation or an extension (RFC 2408 section 3.16)."""

    data: Annotated[bytes, Rest()]


@payload(PayloadType.ATTRIBUTE)
@dataclass(frozen=True, slots=True)
class AttributePayload(Payload):
    """Carry the attributes of a transaction exchange (draft-dukes-ike-mode-cfg section 3.2)."""

    kind: Annotated[ConfigurationType, U8]
    reserved: ClassVar[Derived] = Reserved(1)
    identifier: Annotated[int, U16]
    attributes: Annotated[tuple[Attribute, ...], _ATTRIBUTES]


@payload(PayloadType.NAT_D)
@dataclass(frozen=True, slots=True)
class NatDiscovery(Payload):
    """Carry the hash of one end's address and port (RFC 3947 section 3.2)."""

    data: Annotated[bytes, Rest()]


@payload(PayloadType.NAT_D_DRAFT)
@dataclass(frozen=True, slots=True)
class NatDiscoveryDraft(NatDiscovery):
    """Be the same under its draft's number (draft-ietf-ipsec-nat-t-ike-02 section 3.2)."""


@payload(PayloadType.NAT_OA)
@dataclass(frozen=True, slots=True)
class NatOriginalAddress(Payload):
    """Carry an address as it was before the NAT (RFC 3947 section 5.2)."""

    id_type: Annotated[IdType, U8]
    reserved: ClassVar[Derived] = Reserved(3)
    address: Annotated[bytes, Rest()]


@payload(PayloadType.NAT_OA_DRAFT)
@dataclass(frozen=True, slots=True)
class NatOriginalAddressDraft(NatOriginalAddress):
    """Be the same under its draft's number (draft-ietf-ipsec-nat-t-ike-02 section 4.2)."""


@dataclass(frozen=True, slots=True)
class Unknown(Payload):
    """Keep a payload of a type nobody taught us."""

    kind: int
    data: bytes

    @property
    def type_on_wire(self) -> PayloadType:
        """Give the number that announced this payload."""
        return PayloadType(self.kind)

    def body(self) -> bytes:
        """Give the octets after the generic header."""
        return self.data

    def __str__(self) -> str:
        return f"{PayloadType(self.kind)}({len(self.data)} octets)"


@dataclass(frozen=True, slots=True)
class Chain:
    """Hold a decoded payload chain with the octets each body came from."""

    payloads: tuple[Payload, ...]
    bodies: tuple[bytes, ...]
    octets: bytes  # the whole chain, without padding

    def all(self, cls: type[P]) -> list[P]:
        """List the payloads of a class in wire order."""
        return [item for item in self.payloads if isinstance(item, cls)]

    def first(self, cls: type[P]) -> P | None:
        """Give the first payload of a class, if any."""
        return next((item for item in self.payloads if isinstance(item, cls)), None)

    def one(self, cls: type[P]) -> P:
        """Give the first payload of a class; raises Malformed without one."""
        found = self.first(cls)
        if found is None:
            raise Malformed(f"no {cls.__name__} payload")
        return found

    def body_of(self, cls: type[Payload]) -> bytes:
        """Give the received body of the first payload of a class; raises KeyError without one."""
        for item, body in zip(self.payloads, self.bodies, strict=True):
            if isinstance(item, cls):
                return body
        raise KeyError(cls.__name__)

    @property
    def after_first(self) -> bytes:
        """Give the octets that follow the first payload, which phase 2 hashes cover."""
        if not self.bodies:
            return b""
        return self.octets[GENERIC_HEADER.size + len(self.bodies[0]) :]

    def __str__(self) -> str:
        return " ".join(str(item) for item in self.payloads)


def decode_chain(first: int, octets: bytes) -> Chain:
    """Decode a payload chain; what follows its last payload is padding. Raises Malformed."""
    bodies, length = split_chain(first, octets)
    payloads = tuple(_decode_one(kind, body) for kind, body in bodies)
    return Chain(payloads, tuple(body for _, body in bodies), octets[:length])


_TOP_LEVEL: dict[int, type[Payload]] = {
    int(kind): cls for kind, cls in PAYLOADS.items() if cls not in (Proposal, Transform)
}


def _decode_one(kind: int, body: bytes) -> Payload:
    cls = _TOP_LEVEL.get(kind)
    return Unknown(kind, body) if cls is None else cls.decode(body)
