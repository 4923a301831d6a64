"""Payloads: every class survives the wire, and nothing but Malformed comes out of bad octets."""

from typing import Annotated, get_type_hints

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import decode_header
from isakmpd.wire.identities import Identity
from isakmpd.wire.layout import U8, Layout, Rest
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import Doi, IdType, NotifyType, PayloadType, Protocol
from isakmpd.wire.payloads import (
    GENERIC_HEADER,
    PAYLOADS,
    Chain,
    Delete,
    Hash,
    Identification,
    KeyExchange,
    NatDiscovery,
    NatDiscoveryDraft,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Transform,
    Unknown,
    decode_chain,
    encode_chain,
)
from tests.vectors.handshake import Message, handshake
from tests.wire.strategies import chains, payloads_of

CLASSES = list(PAYLOADS.values())
RECORDED = handshake().messages


def chain_of(message: Message) -> tuple[int, bytes]:
    """The first payload's type and the payloads' octets, padding included."""
    return message.datagram[16], message.body


@pytest.mark.property
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_every_payload_survives_the_wire(cls: type[Payload], data: st.DataObject) -> None:
    sent = data.draw(payloads_of(cls))
    received = cls.decode(sent.body())
    assert received == sent
    assert received.body() == sent.body()
    assert received.type_on_wire == cls.payload_type
    hints = get_type_hints(cls)
    for name, _ in cls.layout.fields:
        kind = hints[name] if isinstance(hints[name], type) else tuple
        assert isinstance(getattr(received, name), kind)


@pytest.mark.property
@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@given(body=st.binary(max_size=80))
def test_arbitrary_bodies_decode_or_are_malformed(cls: type[Payload], body: bytes) -> None:
    try:
        received = cls.decode(body)
    except Malformed:
        return
    assert cls.decode(received.body()) == received
    assert len(received.body()) == len(body)


@pytest.mark.property
@given(chains, st.binary(max_size=15))
def test_chains_survive_the_wire_and_padding(sent: tuple[Payload, ...], padding: bytes) -> None:
    octets = encode_chain(sent)
    first = sent[0].type_on_wire if sent else PayloadType.NONE
    received = decode_chain(first, octets + padding)
    assert received.payloads == sent
    assert received.octets == octets
    assert received.bodies == tuple(item.body() for item in sent)
    assert encode_chain(received.payloads) == octets


@pytest.mark.property
@given(st.integers(0, 255), st.binary(max_size=200))
def test_arbitrary_chains_decode_or_are_malformed(first: int, octets: bytes) -> None:
    survives(first, octets)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[int, bytes]:
    """A recorded message or a made-up chain with a few octets changed, missing or added."""
    made_up = chains.filter(bool).map(lambda items: (items[0].type_on_wire, encode_chain(items)))
    first, octets = draw(st.sampled_from([chain_of(m) for m in RECORDED]) | made_up)
    spoiled = bytearray(octets)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(spoiled)))
        end = start + draw(st.integers(0, 4))
        spoiled[start:end] = draw(st.binary(max_size=6))
    return first, bytes(spoiled)


@pytest.mark.property
@given(mutated())
def test_spoiled_messages_decode_or_are_malformed(message: tuple[int, bytes]) -> None:
    survives(*message)


def survives(first: int, octets: bytes) -> None:
    """Decode, and do with the result what a daemon does: print it, encode it, read identities."""
    try:
        received = decode_chain(first, octets)
    except Malformed:
        return
    assert str(received).isprintable()
    assert len(encode_chain(received.payloads)) == len(received.octets) <= len(octets)
    for item in received.all(Identification):
        try:
            identity = item.identity
            assert str(identity).isprintable()
            assert identity.network is None or identity.network.version in (4, 6)
        except Malformed:
            pass


@pytest.mark.parametrize("message", RECORDED, ids=lambda m: m.datagram[16:24].hex())
def test_recorded_messages_encode_to_the_same_octets(message: Message) -> None:
    header, body = decode_header(message.datagram)
    received = decode_chain(header.next_payload, message.body)
    assert header.encode(body) == message.datagram
    assert header.encrypted == (message.plaintext is not None)
    assert encode_chain(received.payloads) == received.octets
    assert not any(isinstance(item, Unknown) for item in received.payloads)
    padding = message.body[len(received.octets) :]
    assert padding == bytes(len(padding))
    assert len(padding) < 16


def test_a_recorded_offer_means_what_the_original_offered() -> None:
    offer = decode_chain(*chain_of(RECORDED[0])).one(SecurityAssociation)
    values = [(1, 7), (2, 2), (3, 1), (4, 2), (11, 1), (12, 3600), (14, 128)]
    attributes = tuple(Attribute.of(kind, value) for kind, value in values)
    transform = Transform(0, 1, attributes)
    assert offer == SecurityAssociation(
        Doi.IPSEC, 1, (Proposal(1, Protocol.ISAKMP, b"", (transform,)),)
    )


def test_a_recorded_initial_contact() -> None:
    notification = decode_chain(*chain_of(RECORDED[4])).one(Notification)
    cookies = b"".join(handshake().cookies)
    assert notification == Notification(
        Doi.IPSEC, Protocol.ISAKMP, NotifyType.INITIAL_CONTACT, cookies, b""
    )


def test_recorded_deletes_name_one_esp_spi_or_the_cookies() -> None:
    deletes = [d for m in RECORDED for d in decode_chain(*chain_of(m)).all(Delete)]
    esp = [
        (Doi.IPSEC, Protocol.IPSEC_ESP, (quick.keymat[1].spi,)) for quick in handshake().quick_modes
    ]
    isakmp = (Doi.IPSEC, Protocol.ISAKMP, (b"".join(handshake().cookies),))
    assert [(d.doi, d.protocol, d.spis) for d in deletes] == [*esp, isakmp]


GENERIC = GENERIC_HEADER.pack

# What stands in the octets, the first payload's type, the octets, and what the log says.
FAULTS = {
    "nothing where a payload should be": (8, "", "message ends where a HASH payload should begin"),
    "part of a generic header": (8, "000000", "message ends where a HASH payload should begin"),
    "length below the generic header": (8, "00000003", "HASH payload with impossible length 3"),
    "length zero, once an endless loop": (8, "08000000", "HASH payload with impossible length 0"),
    "length beyond the message": (8, "00000005", "HASH payload with impossible length 5"),
    "reserved octet set": (8, "00010008" "aaaaaaaa", "reserved field of a payload is 1, not zero"),
    "next payload missing": (8, "0a000004", "message ends where a NONCE payload should begin"),
    "SA without situation": (1, "00000008" "00000001", "SecurityAssociation payload of 4"),
    "notify without a type": (11, "0000000a" "000000010000", "Notification payload of 6 octets"),
    "notify with an SPI size beyond its end": (
        11,
        "00000010" "00000001" "01100001" "aabbccdd",
        "Notification payload ends inside its spi",
    ),
    "delete with more SPIs than it holds": (
        12,
        "00000010" "00000001" "0304ffff" "aabbccdd",
        "Delete payload ends inside its spis",
    ),
    "delete with SPIs of no octets": (
        12,
        "0000000c" "00000001" "0300ffff",
        "a list of 65535 values of no octets",
    ),
    "delete with octets behind its SPIs": (
        12,
        "00000012" "00000001" "03040001" "aabbccdd" "eeff",
        "Delete payload with 2 octets left over",
    ),
    "proposal that announces more transforms": (
        1,
        "0000001c" "00000001" "00000001" "00000010" "01010002" "00000008" "00010000",
        "Proposal payload announces 2 transforms and holds 1",
    ),
    "a KE payload among the proposals": (
        1,
        "00000018" "00000001" "00000001" "04000008" "01010000" "00000004",
        "a payload that is no Proposal stands among them",
    ),
    "octets behind the last proposal": (
        1,
        "00000016" "00000001" "00000001" "00000008" "01010000" "ffff",
        "octets left over after the last Proposal",
    ),
    "proposal with an SPI beyond its end": (
        1,
        "00000014" "00000001" "00000001" "00000008" "01034000",
        "Proposal payload ends inside its spi",
    ),
    "attribute cut short": (
        1,
        "0000001e" "00000001" "00000001" "00000012" "01010001" "0000000a" "00010000" "800b",
        "attribute cut short",
    ),
    "attribute beyond its transform": (
        1,
        "00000020" "00000001" "00000001" "00000014" "01010001" "0000000c" "00010000" "000c0001",
        "attribute 12 of 1 octets reaches beyond its payload",
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(fault: str) -> None:
    first, octets, reason = FAULTS[fault]
    with pytest.raises(Malformed) as caught:
        decode_chain(first, bytes.fromhex(octets))
    assert str(caught.value).startswith(reason)
    assert caught.value.notify == NotifyType.PAYLOAD_MALFORMED


@pytest.mark.property
@given(st.integers(128, 255).filter(lambda kind: kind not in (130, 131)), st.binary(max_size=50))
@example(132, b"")  # a vendor's fragment: the original drops the whole message for it
def test_private_payloads_are_kept_and_skipped_over(kind: int, data: bytes) -> None:
    octets = encode_chain((Unknown(kind, data), Hash(b"h" * 20)))
    received = decode_chain(kind, octets)
    assert received.payloads == (Unknown(kind, data), Hash(b"h" * 20))
    assert str(received).startswith(f"PayloadType_{kind}({len(data)} octets)")


@pytest.mark.parametrize("cls", [Proposal, Transform])
def test_proposals_and_transforms_mean_nothing_outside_an_sa(cls: type[Payload]) -> None:
    received = decode_chain(cls.payload_type, GENERIC(0, 0, 12) + bytes(8))
    assert received.payloads == (Unknown(cls.payload_type, bytes(8)),)


@pytest.mark.parametrize(("kind", "cls"), [(20, NatDiscovery), (130, NatDiscoveryDraft)])
def test_nat_discovery_keeps_the_number_it_came_under(kind: int, cls: type[Payload]) -> None:
    received = decode_chain(kind, GENERIC(0, 0, 8) + b"hash")
    (found,) = received.all(NatDiscovery)
    assert type(found) is cls
    assert found.type_on_wire == kind


def test_a_chain_answers_questions_about_itself() -> None:
    octets = encode_chain((Hash(b"hash"), Nonce(b"one"), Nonce(b"two")))
    chain = decode_chain(PayloadType.HASH, octets + bytes(5))
    assert chain.all(Nonce) == [Nonce(b"one"), Nonce(b"two")]
    assert chain.first(Nonce) == chain.one(Nonce) == Nonce(b"one")
    assert chain.body_of(Nonce) == b"one"
    assert chain.after_first == octets[8:]
    assert chain.first(KeyExchange) is None
    with pytest.raises(KeyError, match="KeyExchange"):
        chain.body_of(KeyExchange)
    with pytest.raises(Malformed, match="no KeyExchange payload"):
        chain.one(KeyExchange)


def test_an_empty_chain_holds_nothing_to_hash() -> None:
    chain = decode_chain(PayloadType.NONE, b"")
    assert chain == Chain((), (), b"")
    assert chain.after_first == b""


def test_bodies_are_what_was_received_not_what_we_would_send() -> None:
    # The reserved octets of a transform are not looked at, and HASH_I covers them as they came.
    offer = "00000001000000010000001001010001000000080001beef"
    body = bytes.fromhex(offer)
    chain = decode_chain(PayloadType.SA, GENERIC(0, 0, 4 + len(body)) + body)
    assert chain.body_of(SecurityAssociation) == body
    assert chain.one(SecurityAssociation).body() == bytes.fromhex(offer.replace("beef", "0000"))


LINES: list[tuple[Payload, str]] = [
    (
        Notification(Doi.IPSEC, Protocol.ISAKMP, NotifyType(40501), b"\x01\x02", b""),
        "Notification(doi IPSEC, protocol ISAKMP, type NotifyType_40501, spi 0102, data )",
    ),
    (
        Delete(Doi.IPSEC, Protocol.IPSEC_ESP, (b"\x0a\x0b", b"\x0c\x0d")),
        "Delete(doi IPSEC, protocol IPSEC_ESP, spis [0a0b, 0c0d])",
    ),
    (KeyExchange(bytes(128)), f"KeyExchange(value {'00' * 16}... (128))"),
    (
        Identification.of(Identity.of_name(IdType.FQDN, "a.org")),
        "Identification(id_type FQDN, protocol 0, port 0, data 612e6f7267)",
    ),
    (
        Transform(1, 12, (Attribute.of(2, 86400), Attribute(6, bytes(40), basic=False))),
        f"#1 id 12 2=86400 6={'00' * 16}... (40)",
    ),
]


@pytest.mark.parametrize(("item", "line"), LINES)
def test_log_lines(item: Payload, line: str) -> None:
    assert str(item) == line


def test_declarations_that_cannot_be_coded_are_found_at_import() -> None:
    class Silent:
        number: int

    class Backwards:
        text: Annotated[bytes, Rest()]
        number: Annotated[int, U8]

    with pytest.raises(TypeError, match=r"Silent\.number does not say how it is coded"):
        Layout(Silent)
    with pytest.raises(
        TypeError, match=r"Backwards\.number of fixed size follows a variable field"
    ):
        Layout(Backwards)
