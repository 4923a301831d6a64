"""Derive the keys of phase 2 SAs (RFC 2409 section 5.5)."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.crypto.hashes import PrfKind
from isakmpd.wire.numbers import AhTransform, AuthenticationAlgorithm, EspTransform


def keymat(
    prf: PrfKind,
    skeyid_d: bytes,
    shared: bytes,
    protocol: int,
    spi: bytes,
    ni: bytes,
    nr: bytes,
    length: int,
) -> bytes:
    """Give ``length`` octets of KEYMAT for one protocol in the direction ``spi`` names.

    ``shared`` is the quick mode's own g^xy, empty without PFS; the nonces are its bodies.
    """
    keyed = prf.keyed(skeyid_d)
    seed = b"".join((shared, protocol.to_bytes(1), spi, ni, nr))
    block = b""
    octets = b""
    while len(octets) < length:
        block = keyed(block, seed)
        octets += block
    return octets[:length]


@dataclass(frozen=True, slots=True)
class EspKey:
    """Say what a cipher takes of KEYMAT: key sizes in bits, and a salt in octets.

    ``default_bits`` holds without KEY_LENGTH. A cipher without ``key_lengths`` must come without
    one (RFC 2407 section 4.5); peers that repeat its fixed length there are understood.
    """

    default_bits: int
    key_lengths: tuple[int, ...] = ()
    salt: int = 0


_AES = (128, 192, 256)

ESP_KEYS: dict[EspTransform, EspKey] = {
    EspTransform.TRIPLE_DES: EspKey(192),
    EspTransform.CAST: EspKey(128, tuple(range(40, 129, 8))),
    EspTransform.BLOWFISH: EspKey(128, tuple(range(40, 449, 8))),
    EspTransform.NULL: EspKey(0),
    EspTransform.AES: EspKey(128, _AES),
    EspTransform.AES_CTR: EspKey(128, _AES, salt=4),
    EspTransform.AES_GCM_16: EspKey(128, _AES, salt=4),
    EspTransform.AES_GMAC: EspKey(128, _AES, salt=4),
}

# They authenticate as well as they encrypt, or instead (RFC 4106, RFC 4543).
COMBINED_MODE = frozenset({EspTransform.AES_GCM_16, EspTransform.AES_GMAC})

AUTHENTICATION_KEY_OCTETS: dict[AuthenticationAlgorithm, int] = {
    AuthenticationAlgorithm.NONE: 0,
    AuthenticationAlgorithm.HMAC_MD5: 16,
    AuthenticationAlgorithm.HMAC_SHA: 20,
    AuthenticationAlgorithm.HMAC_SHA2_256: 32,
    AuthenticationAlgorithm.HMAC_SHA2_384: 48,
    AuthenticationAlgorithm.HMAC_SHA2_512: 64,
    AuthenticationAlgorithm.HMAC_RIPEMD: 20,
}

# What authenticates under each AH transform (RFC 2407 section 4.4.3, RFC 4868 section 2.1).
AH_AUTHENTICATION: dict[AhTransform, AuthenticationAlgorithm] = {
    AhTransform.MD5: AuthenticationAlgorithm.HMAC_MD5,
    AhTransform.SHA: AuthenticationAlgorithm.HMAC_SHA,
    AhTransform.SHA2_256: AuthenticationAlgorithm.HMAC_SHA2_256,
    AhTransform.SHA2_384: AuthenticationAlgorithm.HMAC_SHA2_384,
    AhTransform.SHA2_512: AuthenticationAlgorithm.HMAC_SHA2_512,
    AhTransform.RIPEMD: AuthenticationAlgorithm.HMAC_RIPEMD,
}


def ah_key_length(transform: AhTransform) -> int:
    """Give the octets KEYMAT holds for AH; raises ValueError outside AH_AUTHENTICATION."""
    authentication = AH_AUTHENTICATION.get(transform)
    if authentication is None:
        raise ValueError(f"AH transform {transform} is not supported")
    return AUTHENTICATION_KEY_OCTETS[authentication]


def esp_key_lengths(
    transform: EspTransform, key_length: int | None, authentication: AuthenticationAlgorithm
) -> tuple[int, int]:
    """Give the octets KEYMAT holds for encryption, salt included, and then for authentication.

    ``key_length`` is the negotiated KEY_LENGTH in bits, None where there is none; raises
    ValueError for algorithms outside the tables and for a length the cipher does not have.
    """
    key = ESP_KEYS.get(transform)
    if key is None:
        raise ValueError(f"ESP transform {transform} is not supported")
    if key_length is not None and key_length not in (key.key_lengths or (key.default_bits,)):
        known = ", ".join(map(str, key.key_lengths)) or key.default_bits or "none"
        raise ValueError(f"{transform} with KEY_LENGTH {key_length}, expected {known}")
    authentication_octets = AUTHENTICATION_KEY_OCTETS.get(authentication)
    if authentication_octets is None:
        raise ValueError(f"authentication {authentication} is not supported")
    bits = key.default_bits if key_length is None else key_length
    return bits // 8 + key.salt, authentication_octets
