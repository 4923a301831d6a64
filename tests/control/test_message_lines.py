"""How a message reads in the log, at each level of class Mesg."""

from __future__ import annotations

import pytest

from isakmpd.control.message_lines import hexadecimal_lines, message_lines
from isakmpd.ike.outputs import Capture
from isakmpd.ike.transport import Transport
from tests.vectors.handshake import Message, handshake

RECORD = handshake()
TRANSPORT = Transport(RECORD.responder, 500, RECORD.initiator, 500)
COOKIE = RECORD.cookies[0].hex()


def in_clear(message: Message) -> bytes:
    """The message as the capture has it, padding included."""
    head = bytearray(message.datagram[:28])
    head[19] = 0
    return bytes(head) + message.body


def lines(octets: bytes, level: int, *, outgoing: bool = False) -> list[str]:
    """What one level adds to those below it."""
    shown = message_lines(Capture(TRANSPORT, octets, outgoing))
    return [line for at, line in shown if at == level]


def test_a_line_sums_a_message_up() -> None:
    """Which way, which exchange, whose, how long, which payloads."""
    first = RECORD.messages[0].datagram
    assert lines(first, 30) == [
        f"message_recv: from 10.77.0.1:500: ID_PROT {COOKIE} 0000000000000000 "
        f"message ID 00000000, {len(first)} octets: SA VENDOR*5"
    ]
    assert lines(first, 30, outgoing=True)[0].startswith("message_send: to 10.77.0.1:500: ID_PROT ")


def test_payloads_are_spelled_out_by_name() -> None:
    """Transforms with their attributes, vendor IDs with what they announce."""
    shown = lines(RECORD.messages[0].datagram, 50)
    assert shown[:3] == [
        "message_recv: SA(doi IPSEC, situation 1)",
        "message_recv: proposal 1 ISAKMP",
        "message_recv: transform 0 id 1 ENCRYPTION_ALGORITHM=AES_CBC HASH_ALGORITHM=SHA "
        "AUTHENTICATION_METHOD=PRE_SHARED GROUP_DESCRIPTION=MODP_1024 LIFE_TYPE=SECONDS "
        "LIFE_DURATION=3600 KEY_LENGTH=128",
    ]
    assert [line.rpartition(" ")[2] for line in shown[3:]] == [
        *("OPENBSD", "NAT_T_DRAFT_02", "NAT_T_DRAFT_03", "NAT_T_RFC", "DPD")
    ]


def test_a_quick_mode_offer_is_spelled_out_too() -> None:
    """Protocol, SPI, transform and attributes of phase 2."""
    quick = next(one for one in RECORD.messages if one.datagram[18] == 32)
    shown = lines(in_clear(quick), 50)
    assert any("proposal 1 IPSEC_ESP SPI " in line for line in shown)
    (transform,) = [line for line in shown if "message_recv: transform" in line]
    assert " AES LIFE_TYPE=SECONDS LIFE_DURATION=" in transform
    assert "ENCAPSULATION_MODE=TUNNEL AUTHENTICATION_ALGORITHM=HMAC_SHA" in transform
    assert "GROUP_DESCRIPTION=MODP_1024 KEY_LENGTH=128" in transform


@pytest.mark.parametrize(
    "octets", [b"", b"\xff" * 27, RECORD.messages[0].datagram[:-1], RECORD.messages[4].datagram]
)
def test_what_does_not_decode_is_shown_as_it_is(octets: bytes) -> None:
    """No message makes the log fail."""
    (summary,) = lines(octets, 30)
    assert f"{len(octets)} octets that do not decode: " in summary
    assert lines(octets, 50) == []
    assert len(lines(octets, 70)) == -(-len(octets) // 32)


def test_octets_stand_in_groups_of_four() -> None:
    """32 a line, as the original writes them."""
    assert list(hexadecimal_lines(bytes(range(34)))) == [
        "00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f",
        "2021",
    ]
    assert list(hexadecimal_lines(b"\1\2\3\4\5")) == ["01020304 05"]
