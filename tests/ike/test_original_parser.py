"""The parser that stands for the original dies of what kills the original, rule by rule."""

from __future__ import annotations

import pytest

from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import (
    Doi,
    ExchangeType,
    Protocol,
)
from isakmpd.wire.payloads import Delete, Hash
from tests.ike.offers import Phase1, Phase2
from tests.ike.original_parser import (
    DELETE,
    HEADER,
    ID_PROT,
    INFO,
    NOTIFY,
    QUICK_MODE,
    Dies,
    hear,
)
from tests.ike.test_what_the_original_hears import original

GOOD = original().mm1()


def attributes(*kinds: int) -> tuple[Attribute, ...]:
    return tuple(Attribute.of(kind, 1) for kind in kinds)


def with_payload(kind: int, body: bytes = b"", exchange: int = INFO) -> bytes:
    """A chain of the one payload, informational as a rule."""
    chain = b"\0\0" + (4 + len(body)).to_bytes(2) + body
    message_id = 7 if exchange == INFO else 0
    return (
        HEADER.pack(b"i" * 8, b"r" * 8, kind, 0x10, exchange, 0, message_id, 28 + len(chain))
        + chain
    )


def notify(kind: int, protocol: int = 1) -> bytes:
    return with_payload(NOTIFY, b"\0\0\0\1" + bytes([protocol, 0]) + kind.to_bytes(2))


def quick_offer(offer: Phase2, number: int = 1) -> bytes:
    body = b"\0\0\0\1\0\0\0\1"
    transform = bytes([1, int(offer.transform), 0, 0])
    transform += b"".join(
        (0x8000 | one.type).to_bytes(2) + one.octets for one in offer.attributes()
    )
    transform = b"\0\0" + (4 + len(transform)).to_bytes(2) + transform
    inner = bytes([number, 3, 4, 1]) + b"\0\0\1\1" + transform
    body += b"\0\0" + (4 + len(inner)).to_bytes(2) + inner
    chain = b"\0\0" + (4 + len(body)).to_bytes(2) + body
    return HEADER.pack(b"i" * 8, b"r" * 8, 1, 0x10, QUICK_MODE, 0, 7, 28 + len(chain)) + chain


def a_delete(count: int) -> bytes:
    """HASH, and a Delete of some SPIs."""
    spis = tuple(bytes([0, 0, 1, number]) for number in range(count))
    return original().clear(
        Hash(bytes(20)),
        Delete(Doi.IPSEC, Protocol.IPSEC_ESP, spis),
        exchange=ExchangeType.INFO,
        message_id=7,
    )


DEADLY = {
    "trailing octets": (GOOD + b"\0", "length"),
    "a flag": (GOOD[:19] + b"\x08" + GOOD[20:], "flags"),
    "version 1.1": (GOOD[:17] + b"\x11" + GOOD[18:], "version"),
    "an exchange": (GOOD[:18] + b"\x21" + GOOD[19:], "exchange"),
    "a message ID": (GOOD[:23] + b"\1" + GOOD[24:], "message ID"),
    "payload 15": (with_payload(15), "payload 15 of no known size"),
    "payload 22": (with_payload(22), "first payload"),
    "payload 132": (with_payload(132), "first payload"),
    "a private payload behind": (GOOD[:28] + b"\x84" + GOOD[29:], "private payload 132"),
    "a reserved octet": (GOOD[:29] + b"\1" + GOOD[30:], "reserved"),
    "a vendor ID in phase 2": (with_payload(13), "payload 13 outside phase 1"),
    "an identity outside any negotiation": (with_payload(5, bytes(8)), "payload 5 in exchange 5"),
    "NAT-D in phase 2": (with_payload(20), "payload 20 outside phase 1"),
    "a request for a CRL": (with_payload(7, b"\7", ID_PROT), "certificates of type 7"),
    "attribute 17 in phase 1": (original(Phase1(more=attributes(17))).mm1(), "attribute 17"),
    "attribute 11 in phase 2": (quick_offer(Phase2(more=attributes(11))), "attribute 11"),
    "ESP transform 24": (quick_offer(Phase2(transform=24)), "transform 24"),  # type: ignore[arg-type]
    **{
        f"notify {kind}": (notify(kind), f"notify type {kind}")
        for kind in (0, 31, 8191, 16385, 24575, 24579, 32767, 40960)
    },
    "a notify about protocol 5": (notify(1, 5), "protocol 5"),
    "a Delete of two": (a_delete(2), "a Delete of 2 SPIs"),
    "a Delete without HASH": (with_payload(DELETE, bytes(8)), "a Delete without HASH"),
}


@pytest.mark.parametrize("case", DEADLY)
def test_the_parser_dies_of_what_kills_the_original(case: str) -> None:
    """Each rule by itself."""
    message, reason = DEADLY[case]
    with pytest.raises(Dies, match=reason):
        hear(message)


@pytest.mark.parametrize("kind", [1, 30, 8192, 16384, 24576, 24578, 32768, 36136, 40959])
def test_the_parser_takes_notifies_at_the_ends_of_their_ranges(kind: int) -> None:
    """R-U-THERE is among them."""
    assert hear(notify(kind)).notifies == {kind}
