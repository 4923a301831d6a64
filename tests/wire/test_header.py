"""The ISAKMP header: what it carries, and which notify each fault deserves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.wire.header import Header, decode_header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import ExchangeType, Flags, NotifyType, PayloadType
from tests.wire.strategies import headers

HEADER = Header(
    b"initiate", b"responds", PayloadType.SA, ExchangeType.ID_PROT, Flags.ENCRYPTION, 0xF74990D9
)
WHOLE = HEADER.encode(b"payloads")


def spoiled(position: int, octets: bytes) -> bytes:
    """The good datagram with some octets replaced."""
    return WHOLE[:position] + octets + WHOLE[position + len(octets) :]


def test_the_figure_of_rfc_2408() -> None:
    assert WHOLE == (
        b"initiate"  # section 3.1: initiator cookie
        b"responds"  # responder cookie
        b"\x01"  # next payload
        b"\x10"  # version 1.0
        b"\x02"  # exchange type
        b"\x01"  # flags
        b"\xf7\x49\x90\xd9"  # message ID
        b"\x00\x00\x00\x24"  # length: 28 and the payloads
        b"payloads"
    )


@pytest.mark.property
@given(headers, st.binary(max_size=100))
def test_headers_survive_the_wire(header: Header, body: bytes) -> None:
    decoded, rest = decode_header(header.encode(body))
    assert (decoded, rest) == (header, body)
    assert decoded.encrypted == (header.flags % 2 == 1)
    assert isinstance(decoded.flags, Flags)
    assert isinstance(decoded.exchange_type, ExchangeType)
    assert isinstance(decoded.next_payload, PayloadType)


# RFC 2408 section 5.2 gives each fault its notify; a length that lies has one of its own.
FAULTS = {
    "nothing": (b"", NotifyType.UNEQUAL_PAYLOAD_LENGTHS, "datagram of 0 octets is shorter"),
    "a NAT keepalive": (b"\xff", NotifyType.UNEQUAL_PAYLOAD_LENGTHS, "datagram of 1 octets"),
    "one octet short of a header": (
        WHOLE[:27],
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        "datagram of 27 octets is shorter",
    ),
    "IKEv2": (
        spoiled(17, b"\x20"),
        NotifyType.INVALID_MAJOR_VERSION,
        "version 2.0: the peer speaks IKEv2, not IKEv1",
    ),
    "major version 0": (spoiled(17, b"\x00"), NotifyType.INVALID_MAJOR_VERSION, "version 0.0"),
    "minor version 1": (spoiled(17, b"\x11"), NotifyType.INVALID_MINOR_VERSION, "version 1.1"),
    "an unassigned flag": (spoiled(19, b"\x08"), NotifyType.INVALID_FLAGS, "flags 0x08"),
    "all flags": (spoiled(19, b"\xff"), NotifyType.INVALID_FLAGS, "flags 0xff"),
    "no initiator cookie": (
        spoiled(0, bytes(8)),
        NotifyType.INVALID_COOKIE,
        "initiator cookie is zero",
    ),
    "octets behind the message": (
        WHOLE + b"x",
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        "datagram of 37 octets says it has 36",
    ),
    "a message cut short": (
        WHOLE[:-1],
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        "datagram of 35 octets says it has 36",
    ),
    "a length of zero": (
        spoiled(24, bytes(4)),
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        "datagram of 36 octets says it has 0",
    ),
    "a length of four gigabytes": (
        spoiled(24, b"\xff" * 4),
        NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        "datagram of 36 octets says it has 4294967295",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_carry_their_notify(fault: str) -> None:
    datagram, notify, reason = FAULTS[fault]
    with pytest.raises(Malformed) as caught:
        decode_header(datagram)
    assert caught.value.notify == notify
    assert str(caught.value).startswith(reason)


@pytest.mark.property
@given(st.binary(max_size=60) | st.builds(spoiled, st.integers(0, 27), st.binary(max_size=4)))
def test_arbitrary_datagrams_decode_or_are_malformed(datagram: bytes) -> None:
    try:
        header, body = decode_header(datagram)
    except Malformed as fault:
        reason = str(fault)
    else:
        assert header.encode(body) == datagram
        return
    assert reason.isprintable()
