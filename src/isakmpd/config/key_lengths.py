"""Read KEY_LENGTH as the cipher beside it understands it (RFC 2409 appendix A, RFC 2407 4.5)."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.config.model import OfferAccept
from isakmpd.config.reading import ANY, Section
from isakmpd.crypto import ciphers
from isakmpd.crypto.keymat import ESP_KEYS
from isakmpd.wire.numbers import EncryptionAlgorithm, EspTransform

_TAG = "KEY_LENGTH"


@dataclass(frozen=True, slots=True)
class KeyLengths:
    """Hold what KEY_LENGTH may say of a cipher, in bits, and whether it chooses among them.

    ``usual`` is offered where any will do.
    """

    known: tuple[int, ...]
    chosen: bool
    usual: int

    def __str__(self) -> str:
        if len(self.known) < 5:
            *others, last = map(str, self.known)
            return f"{', '.join(others)} or {last}" if others else last
        step = self.known[1] - self.known[0]
        return f"{self.known[0]} to {self.known[-1]} in steps of {step}"


def isakmp_key_lengths(cipher: EncryptionAlgorithm) -> KeyLengths:
    """Say what KEY_LENGTH may be for a cipher of phase 1."""
    known = tuple(ciphers.SUPPORTED[cipher].octets_by_length)
    usual = 128 if 128 in known else known[-1]
    return KeyLengths(known, ciphers.has_key_length(cipher), usual)


def esp_key_lengths(transform: EspTransform) -> KeyLengths:
    """Say what KEY_LENGTH may be for an ESP transform."""
    key = ESP_KEYS[transform]
    known = key.key_lengths or (key.default_bits,)
    return KeyLengths(known, len(known) > 1, key.default_bits)


def key_length(section: Section, lengths: KeyLengths | None) -> OfferAccept | None:
    """Give what KEY_LENGTH offers and accepts in bits, None where it has nothing to choose.

    ``lengths`` is None where the cipher may be any.
    """
    value = section.get(_TAG)
    if value is None:
        return None
    if value.upper() == ANY:
        return _any_length(lengths)
    bits = section.offer_accept(_TAG, "bits")
    if bits is None or lengths is None:
        return bits
    if not lengths.chosen:
        if bits.value in lengths.known:
            return None
        raise section.fault(_TAG, f"this cipher's keys have {lengths} bits; expected no such tag")
    if bits.value not in lengths.known or not bits.accepts(bits.value):
        raise section.fault(_TAG, f"expected {lengths}, inside the range after it")
    return bits


def _any_length(lengths: KeyLengths | None) -> OfferAccept | None:
    if lengths is None or not lengths.chosen:
        return None
    return OfferAccept(lengths.usual, min(lengths.known), max(lengths.known), ranged=True)
