"""Scapy reads what we write and writes what we read: a decoder and encoder not of our making."""

from __future__ import annotations

from typing import Any

import pytest
from scapy.layers import isakmp as scapy

from isakmpd.wire.attributes import Attribute
from isakmpd.wire.header import Header
from isakmpd.wire.numbers import (
    Doi,
    EncapsulationMode,
    EncryptionAlgorithm,
    EspTransform,
    ExchangeType,
    Flags,
    HashAlgorithm,
    IdType,
    NotifyType,
    PayloadType,
    Phase1Attribute,
    Phase2Attribute,
    Protocol,
)
from isakmpd.wire.payloads import (
    Delete,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    Notification,
    Payload,
    Proposal,
    SecurityAssociation,
    Signature,
    Transform,
    VendorId,
    encode_chain,
)

COOKIES = b"initiateresponds"


def phase_1(number: int, cipher: int, *attributes: tuple[int, int]) -> Transform:
    """An IKE transform with a cipher and what else is given."""
    pairs = [(Phase1Attribute.ENCRYPTION_ALGORITHM, cipher), *attributes]
    return Transform(number, 1, tuple(Attribute.of(*pair) for pair in pairs))


OFFER = SecurityAssociation(
    Doi.IPSEC,
    1,
    (
        Proposal(
            1,
            Protocol.ISAKMP,
            b"",
            (
                phase_1(
                    0,
                    EncryptionAlgorithm.AES_CBC,
                    (Phase1Attribute.KEY_LENGTH, 256),
                    (Phase1Attribute.HASH_ALGORITHM, HashAlgorithm.SHA2_256),
                ),
                phase_1(1, EncryptionAlgorithm.TRIPLE_DES_CBC),
            ),
        ),
    ),
)
SCAPY_OFFER = scapy.ISAKMP_payload_Proposal(
    proposal=1,
    proto=1,
    trans_nb=2,
    trans=scapy.ISAKMP_payload_Transform(
        transform_count=0,
        transforms=[("Encryption", "AES-CBC"), ("KeyLength", 256), ("Hash", "SHA2-256")],
    )
    / scapy.ISAKMP_payload_Transform(transform_count=1, transforms=[("Encryption", "3DES-CBC")]),
)
ESP = Transform(
    1,
    EspTransform.AES,
    (
        Attribute.of(Phase2Attribute.ENCAPSULATION_MODE, EncapsulationMode.TUNNEL),
        Attribute.of(Phase2Attribute.KEY_LENGTH, 128),
    ),
)
CHILD = SecurityAssociation(
    Doi.IPSEC, 1, (Proposal(1, Protocol.IPSEC_ESP, b"\xca\x0f\x5e\x86", (ESP,)),)
)
SCAPY_CHILD = scapy.ISAKMP_payload_Proposal(
    proposal=1,
    proto=3,
    SPI=b"\xca\x0f\x5e\x86",
    trans_nb=1,
    trans=scapy.ISAKMP_payload_Transform(
        transform_count=1,
        transform_id=12,
        transforms=[("EncapsulationMode", "Tunnel"), ("KeyLength", 128)],
    ),
)

# Our payload, scapy's class, and scapy's fields.
SAME: list[tuple[Payload, Any, dict[str, Any]]] = [
    (OFFER, scapy.ISAKMP_payload_SA, {"doi": 1, "situation": 1, "prop": SCAPY_OFFER}),
    (CHILD, scapy.ISAKMP_payload_SA, {"doi": 1, "situation": 1, "prop": SCAPY_CHILD}),
    (KeyExchange(b"k" * 128), scapy.ISAKMP_payload_KE, {"ke": b"k" * 128}),
    (Nonce(b"n" * 16), scapy.ISAKMP_payload_Nonce, {"nonce": b"n" * 16}),
    (Hash(b"h" * 20), scapy.ISAKMP_payload_Hash, {"hash": b"h" * 20}),
    (Signature(b"s" * 256), scapy.ISAKMP_payload_SIG, {"sig": b"s" * 256}),
    (VendorId(b"v" * 16), scapy.ISAKMP_payload_VendorID, {"VendorID": b"v" * 16}),
    (
        Identification(IdType.FQDN, 17, 500, b"vpn.example.org"),
        scapy.ISAKMP_payload_ID,
        {"IDtype": 2, "ProtoID": 17, "Port": 500, "IdentData": b"vpn.example.org"},
    ),
    (
        Identification(IdType.IPV4_ADDR, 0, 0, bytes((10, 77, 0, 1))),
        scapy.ISAKMP_payload_ID,
        {"IDtype": 1, "ProtoID": 0, "Port": 0, "IdentData": "10.77.0.1"},
    ),
    (
        Notification(Doi.IPSEC, Protocol.ISAKMP, NotifyType.R_U_THERE, COOKIES, b"\0\0\0\x07"),
        scapy.ISAKMP_payload_Notify,
        {
            "doi": 1,
            "proto": 1,
            "notify_msg_type": 36136,
            "SPI": COOKIES,
            "notify_data": b"\0\0\0\x07",
        },
    ),
    (
        Delete(Doi.IPSEC, Protocol.IPSEC_ESP, (b"spi1", b"spi2")),
        scapy.ISAKMP_payload_Delete,
        {"doi": 1, "proto": 3, "SPIs": [b"spi1", b"spi2"]},
    ),
]  # fmt: skip


def header(first: PayloadType, exchange_type: ExchangeType) -> Header:
    """A header for an unencrypted message."""
    return Header(COOKIES[:8], COOKIES[8:], first, exchange_type, Flags.COMMIT, 7)


def scapy_header(exchange_type: int) -> Any:
    """The same header in scapy's words."""
    return scapy.ISAKMP(
        init_cookie=COOKIES[:8], resp_cookie=COOKIES[8:], exch_type=exchange_type, flags=2, id=7
    )


@pytest.mark.parametrize(("ours", "layer", "fields"), SAME)
def test_scapy_builds_the_same_octets(ours: Payload, layer: Any, fields: dict[str, Any]) -> None:
    theirs = bytes(scapy_header(5) / layer(**fields))
    body = encode_chain((ours,))
    assert header(ours.type_on_wire, ExchangeType.INFO).encode(body) == theirs


def test_scapy_reads_a_chain_of_all_of_them() -> None:
    payloads = tuple(ours for ours, _, _ in SAME)
    octets = header(payloads[0].type_on_wire, ExchangeType.QUICK_MODE).encode(
        encode_chain(payloads)
    )
    read: Any = scapy.ISAKMP(octets)
    assert (read.init_cookie, read.resp_cookie) == (COOKIES[:8], COOKIES[8:])
    assert (read.version, read.exch_type, int(read.flags), read.id) == (0x10, 32, 2, 7)
    assert read.length == len(octets)
    for ours, layer, fields in SAME:
        read = read.payload
        assert type(read) is layer
        assert read.length == 4 + len(ours.body())
        for name, value in fields.items():
            found = getattr(read, name)
            assert bytes(found) == bytes(value) if name == "prop" else found == value
    assert not read.payload


def test_scapy_reads_the_offers_algorithms() -> None:
    octets = header(OFFER.type_on_wire, ExchangeType.ID_PROT).encode(encode_chain((OFFER,)))
    proposal = scapy.ISAKMP(octets)[scapy.ISAKMP_payload_SA].prop
    assert (proposal.proposal, proposal.proto, proposal.trans_nb) == (1, 1, 2)
    assert proposal.trans.transforms == [
        ("Encryption", "AES-CBC"),
        ("KeyLength", 256),
        ("Hash", "SHA2-256"),
    ]
    assert proposal.trans.payload.transforms == [("Encryption", "3DES-CBC")]
