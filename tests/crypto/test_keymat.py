"""Phase 2 keys: KEYMAT by the formula of RFC 2409 section 5.5, and how much each cipher takes."""

import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.crypto.hashes import PrfKind
from isakmpd.crypto.keymat import ah_key_length, esp_key_lengths, keymat
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EspTransform,
    HashAlgorithm,
    Protocol,
)

NONE = AuthenticationAlgorithm.NONE
SHA = AuthenticationAlgorithm.HMAC_SHA
AES, GCM, CTR = EspTransform.AES, EspTransform.AES_GCM_16, EspTransform.AES_CTR
octets = st.binary(max_size=40)


@pytest.mark.property
@given(octets, octets, octets, st.tuples(octets, octets), st.integers(0, 200))
def test_keymat_feeds_back(
    skeyid_d: bytes, shared: bytes, spi: bytes, nonces: tuple[bytes, bytes], length: int
) -> None:
    """KEYMAT = K1 | K2 | ..., K1 = prf(SKEYID_d, seed) and Kn = prf(SKEYID_d, Kn-1 | seed)."""
    ni, nr = nonces
    seed = shared + b"\x03" + spi + ni + nr
    k1 = hmac.digest(skeyid_d, seed, "sha1")
    expected = k1
    block = k1
    while len(expected) < length:
        block = hmac.digest(skeyid_d, block + seed, "sha1")
        expected += block
    given_octets = keymat(
        PrfKind(HashAlgorithm.SHA), skeyid_d, shared, Protocol.IPSEC_ESP, spi, ni, nr, length
    )
    assert given_octets == expected[:length]


@pytest.mark.parametrize(
    ("transform", "key_length", "encryption"),
    [
        (EspTransform.TRIPLE_DES, None, 24),
        (EspTransform.TRIPLE_DES, 192, 24),  # superfluous, and true
        (AES, None, 16),
        (AES, 128, 16),
        (AES, 192, 24),
        (AES, 256, 32),
        (CTR, None, 20),
        (CTR, 256, 36),
        (GCM, None, 20),
        (GCM, 128, 20),
        (GCM, 192, 28),
        (GCM, 256, 36),
        (EspTransform.AES_GMAC, None, 20),
        (EspTransform.AES_GMAC, 256, 36),
        (EspTransform.CAST, None, 16),
        (EspTransform.CAST, 40, 5),
        (EspTransform.CAST, 128, 16),
        (EspTransform.BLOWFISH, None, 16),  # RFC 2451 section 2.2
        (EspTransform.BLOWFISH, 40, 5),
        (EspTransform.BLOWFISH, 448, 56),
        (EspTransform.NULL, None, 0),
    ],
)
def test_encryption_keys(transform: EspTransform, key_length: int | None, encryption: int) -> None:
    """Counter modes take four octets of salt behind the key (RFC 3686, 4106, 4543)."""
    assert esp_key_lengths(transform, key_length, NONE) == (encryption, 0)


@pytest.mark.parametrize(
    ("authentication", "length"),
    [
        (AuthenticationAlgorithm.HMAC_MD5, 16),
        (AuthenticationAlgorithm.HMAC_SHA, 20),
        (AuthenticationAlgorithm.HMAC_SHA2_256, 32),
        (AuthenticationAlgorithm.HMAC_SHA2_384, 48),
        (AuthenticationAlgorithm.HMAC_SHA2_512, 64),
        (AuthenticationAlgorithm.HMAC_RIPEMD, 20),
    ],
)
def test_authentication_keys(authentication: AuthenticationAlgorithm, length: int) -> None:
    """An HMAC key is as long as its hash (RFC 2403, 2404, 2857, 4868)."""
    assert esp_key_lengths(AES, 128, authentication) == (16, length)


@pytest.mark.parametrize(
    ("transform", "length"),
    [
        (AhTransform.MD5, 16),
        (AhTransform.SHA, 20),
        (AhTransform.SHA2_256, 32),
        (AhTransform.SHA2_384, 48),
        (AhTransform.SHA2_512, 64),
        (AhTransform.RIPEMD, 20),
    ],
)
def test_ah_keys(transform: AhTransform, length: int) -> None:
    """AH takes one key, as long as its hash."""
    assert ah_key_length(transform) == length


@pytest.mark.parametrize(
    ("transform", "key_length"),
    [
        (AES, 0),
        (AES, 64),
        (AES, 160),
        (GCM, 160),
        (EspTransform.TRIPLE_DES, 168),
        (EspTransform.NULL, 128),
        (EspTransform.CAST, 136),
        (EspTransform.BLOWFISH, 41),
    ],
)
def test_impossible_key_lengths(transform: EspTransform, key_length: int) -> None:
    """KEY_LENGTH is one the cipher has, and absent for a fixed length (RFC 2407 section 4.5)."""
    with pytest.raises(ValueError, match=f"{transform} with KEY_LENGTH {key_length}, expected"):
        esp_key_lengths(transform, key_length, SHA)


def test_unknown_algorithms_are_named() -> None:
    """What the tables lack is refused by name."""
    with pytest.raises(ValueError, match="ESP transform EspTransform_99 is not supported"):
        esp_key_lengths(EspTransform(99), None, SHA)
    with pytest.raises(ValueError, match="AH transform DES is not supported"):
        ah_key_length(AhTransform.DES)
    with pytest.raises(ValueError, match="authentication KPDK is not supported"):
        esp_key_lengths(AES, 128, AuthenticationAlgorithm.KPDK)
