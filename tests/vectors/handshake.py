"""The recorded handshake of two original isakmpds, with every value computed on the way."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Literal

End = Literal["initiator", "responder"]


@dataclass(frozen=True)
class MainMode:
    """Phase 1 as both ends logged it."""

    g_xi: bytes
    g_xr: bytes
    g_xy: bytes
    ni: bytes
    nr: bytes
    skeyid: bytes
    skeyid_d: bytes
    skeyid_a: bytes
    skeyid_e: bytes
    cipher_key: bytes
    iv: bytes
    hash_i: bytes
    hash_r: bytes
    last_block: bytes


@dataclass(frozen=True)
class Keymat:
    """The keys of one ESP SA: 16 octets for AES, 20 for HMAC-SHA."""

    spi: bytes
    octets: bytes


@dataclass(frozen=True)
class QuickMode:
    """One phase 2 negotiation with PFS."""

    message_id: bytes
    iv: bytes
    ni: bytes
    nr: bytes
    g_xi: bytes
    g_xr: bytes
    g_xy: bytes
    hash_1: bytes
    hash_2: bytes
    hash_3: bytes
    keymat: tuple[Keymat, ...]


@dataclass(frozen=True)
class Informational:
    """One message of an informational exchange, a delete."""

    message_id: bytes
    iv: bytes
    hash_1: bytes


@dataclass(frozen=True)
class Message:
    """One datagram as it crossed the wire, with its body decrypted if it was encrypted."""

    sender: End
    datagram: bytes
    plaintext: bytes | None

    @property
    def body(self) -> bytes:
        """The payload chain, with any padding."""
        return self.datagram[28:] if self.plaintext is None else self.plaintext


@dataclass(frozen=True)
class Handshake:
    """All of it, the messages in the order they were sent."""

    pre_shared_key: bytes
    initiator: IPv4Address
    responder: IPv4Address
    main_mode: MainMode
    quick_modes: tuple[QuickMode, ...]
    informational: tuple[Informational, ...]
    messages: tuple[Message, ...]

    @property
    def cookies(self) -> tuple[bytes, bytes]:
        """The initiator's and the responder's cookie."""
        last = self.messages[-1].datagram
        return last[:8], last[8:16]


def _octets(values: dict[str, Any]) -> dict[str, Any]:
    return {name: bytes.fromhex(v) if isinstance(v, str) else v for name, v in values.items()}


@cache
def handshake() -> Handshake:
    """Read the record."""
    record = json.loads(Path(__file__).with_name("handshake.json").read_text())
    return Handshake(
        pre_shared_key=record["pre_shared_key"].encode(),
        initiator=IPv4Address(record["initiator"]),
        responder=IPv4Address(record["responder"]),
        main_mode=MainMode(**_octets(record["main_mode"])),
        quick_modes=tuple(
            QuickMode(
                **_octets(one | {"keymat": tuple(Keymat(**_octets(k)) for k in one["keymat"])})
            )
            for one in record["quick_modes"]
        ),
        informational=tuple(Informational(**_octets(one)) for one in record["informational"]),
        messages=tuple(
            Message(
                one["sender"],
                bytes.fromhex(one["datagram"]),
                None if one["plaintext"] is None else bytes.fromhex(one["plaintext"]),
            )
            for one in record["messages"]
        ),
    )
