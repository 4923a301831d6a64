"""Frame payloads as messages, sealed and opened with a phase 1 cipher (RFC 2409 appendix B)."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.crypto.ciphers import Cbc
from isakmpd.wire.header import Header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import NotifyType, PayloadType
from isakmpd.wire.payloads import Chain, Payload, decode_chain, encode_chain


class Unproven(Malformed):
    """Say that a message decrypts to nonsense or fails its HASH: another key, or a forgery."""


@dataclass(frozen=True, slots=True)
class Framed:
    """Hold a message both ways: for the wire, and in clear for the capture file."""

    octets: bytes
    clear: bytes


def frame(header: Header, payloads: tuple[Payload, ...]) -> Framed:
    """Frame payloads in clear; the header's next payload is set to the first of them."""
    octets = _opened(header, payloads).encode(encode_chain(payloads))
    return Framed(octets, octets)


def _opened(header: Header, payloads: tuple[Payload, ...]) -> Header:
    first = payloads[0].type_on_wire if payloads else PayloadType.NONE
    return header.announcing(first, encrypted=False)


def in_clear(header: Header, chain: Chain) -> bytes:
    """Give a received message as it would have been without encryption."""
    return header.announcing(header.next_payload, encrypted=False).encode(chain.octets)


class Sealing:
    """Encrypt and decrypt the messages of one exchange, chaining the IV through them."""

    __slots__ = ("_iv", "cipher")

    def __init__(self, cipher: Cbc, iv: bytes) -> None:
        self.cipher = cipher
        self._iv = iv

    @property
    def last_block(self) -> bytes:
        """Give the last ciphertext block of the latest message, the next IV."""
        return self._iv

    def seal(self, header: Header, payloads: tuple[Payload, ...]) -> Framed:
        """Frame payloads encrypted; padding is zeros up to the block size."""
        clear_header = _opened(header, payloads)
        body = encode_chain(payloads)
        padded = body + bytes(-len(body) % self.cipher.block_size)
        ciphertext = self.cipher.encrypt(self._iv, padded)
        self._iv = ciphertext[-self.cipher.block_size :]
        sealed = clear_header.announcing(clear_header.next_payload, encrypted=True)
        return Framed(sealed.encode(ciphertext), clear_header.encode(body))

    def open(self, header: Header, body: bytes) -> Chain:
        """Decrypt and decode, leaving the IV as it was until ``accept``; raises Malformed.

        Unproven where another key can be the reason.
        """
        if not body or len(body) % self.cipher.block_size:
            raise Malformed(
                f"{len(body)} octets of ciphertext, expected a multiple of "
                f"{self.cipher.block_size}",
                NotifyType.UNEQUAL_PAYLOAD_LENGTHS,
            )
        try:
            return decode_chain(header.next_payload, self.cipher.decrypt(self._iv, body))
        except Malformed as malformed:
            raise Unproven("it decrypts to nonsense", malformed.notify) from malformed

    def accept(self, body: bytes) -> None:
        """Move the IV on past a ciphertext that proved to be the peer's."""
        self._iv = body[-self.cipher.block_size :]
