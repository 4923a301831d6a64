"""Code the ISAKMP header (RFC 2408 section 3.1)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import ExchangeType, Flags, Members, NotifyType, PayloadType

_STRUCT = struct.Struct("!8s8sBBBBII")
HEADER_LENGTH = _STRUCT.size
VERSION = 0x10
NO_COOKIE = bytes(8)
_FLAGS = [Flags(number) for number in range(8)]
_ENCRYPTED = int(Flags.ENCRYPTION)
_PAYLOAD_TYPE = Members(PayloadType)
_EXCHANGE_TYPE = Members(ExchangeType)


@dataclass(frozen=True, slots=True)
class Header:
    """Hold the header's fields, all but the length, which the message has of itself."""

    initiator_cookie: bytes
    responder_cookie: bytes
    next_payload: PayloadType
    exchange_type: ExchangeType
    flags: Flags
    message_id: int

    def encode(self, body: bytes) -> bytes:
        """Give the whole message: this header and ``body`` behind it."""
        return (
            _STRUCT.pack(
                self.initiator_cookie,
                self.responder_cookie,
                self.next_payload,
                VERSION,
                self.exchange_type,
                self.flags,
                self.message_id,
                HEADER_LENGTH + len(body),
            )
            + body
        )

    @property
    def encrypted(self) -> bool:
        """Tell whether what follows the header is ciphertext."""
        return bool(int(self.flags) & _ENCRYPTED)

    def announcing(self, first: PayloadType, *, encrypted: bool) -> Header:
        """Give the same header for a body that begins with ``first``."""
        # Numbers and a plain call take a third of what replace() and Flags' operators do.
        flags = int(self.flags) | _ENCRYPTED if encrypted else int(self.flags) & ~_ENCRYPTED
        return Header(
            self.initiator_cookie,
            self.responder_cookie,
            first,
            self.exchange_type,
            _FLAGS[flags],
            self.message_id,
        )


def major_version(datagram: bytes) -> int:
    """Give the major version of what is as long as a header."""
    return datagram[17] >> 4


def decode_header(datagram: bytes) -> tuple[Header, bytes]:
    """Split a datagram into header and body; raises Malformed with the notify RFC 2408 names."""
    if len(datagram) < HEADER_LENGTH:
        raise Malformed(
            f"datagram of {len(datagram)} octets is shorter than an ISAKMP header",
            NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        )
    icookie, rcookie, first, version, exchange, flags, message_id, length = _STRUCT.unpack_from(
        datagram
    )
    if version >> 4 != 1:
        raise Malformed(
            f"version {version >> 4}.{version & 15}: the peer speaks IKEv{version >> 4}, not IKEv1",
            NotifyType.INVALID_MAJOR_VERSION,
        )
    if length != len(datagram):
        raise Malformed(
            f"datagram of {len(datagram)} octets says it has {length}",
            NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
        )
    if version & 15:
        raise Malformed(f"version 1.{version & 15}", NotifyType.INVALID_MINOR_VERSION)
    if flags >= len(_FLAGS):
        raise Malformed(f"flags {flags:#04x}", NotifyType.INVALID_FLAGS)
    if icookie == NO_COOKIE:
        raise Malformed("initiator cookie is zero", NotifyType.INVALID_COOKIE)
    header = Header(
        icookie, rcookie, _PAYLOAD_TYPE[first], _EXCHANGE_TYPE[exchange], _FLAGS[flags], message_id
    )
    return header, datagram[HEADER_LENGTH:]
