"""Find the cipher for what phase 2 negotiated (RFC 2407 sections 4.4.4 and 4.5)."""

from __future__ import annotations

from collections.abc import Callable

from isakmpd.crypto.esp_ciphers import (
    CBC_KINDS,
    AesGcm,
    AesGmac,
    CtrHmac,
    EspCipher,
    NullHmac,
    cbc_hmac,
)
from isakmpd.crypto.truncated_hmac import truncated_hmac
from isakmpd.wire.numbers import AuthenticationAlgorithm, EspTransform

HMAC_NAMES = {
    AuthenticationAlgorithm.HMAC_MD5: "HMAC-MD5-96",
    AuthenticationAlgorithm.HMAC_SHA: "HMAC-SHA1-96",
    AuthenticationAlgorithm.HMAC_SHA2_256: "HMAC-SHA2-256-128",
    AuthenticationAlgorithm.HMAC_SHA2_384: "HMAC-SHA2-384-192",
    AuthenticationAlgorithm.HMAC_SHA2_512: "HMAC-SHA2-512-256",
    AuthenticationAlgorithm.HMAC_RIPEMD: "HMAC-RIPEMD160-96",
}
_COMBINED: dict[EspTransform, Callable[[bytes], EspCipher]] = {
    EspTransform.AES_GCM_16: AesGcm,
    EspTransform.AES_GMAC: AesGmac,
}

TRANSFORMS: frozenset[EspTransform] = frozenset(
    {*_COMBINED, *CBC_KINDS, EspTransform.AES_CTR, EspTransform.NULL}
)
AUTHENTICATION: frozenset[AuthenticationAlgorithm] = frozenset(
    {*HMAC_NAMES, AuthenticationAlgorithm.NONE}
)


class Unsupported(ValueError):  # noqa: N818 - a verdict on a request, not an error of ours
    """Say in one sentence why an SA's algorithms or keys cannot be used."""


def cipher_for(
    transform: EspTransform,
    authentication: AuthenticationAlgorithm,
    encryption_key: bytes,
    authentication_key: bytes,
    entropy: Callable[[int], bytes],
) -> EspCipher:
    """Set up the cipher of one SA; raises Unsupported."""
    try:
        combined = _COMBINED.get(transform)
        if combined is not None:
            _check_alone(transform, authentication)
            return combined(encryption_key)
        mac, icv_length = truncated_hmac(_hmac_name(transform, authentication), authentication_key)
        if transform in CBC_KINDS:
            return cbc_hmac(transform, encryption_key, mac, icv_length, entropy)
        if transform is EspTransform.AES_CTR:
            return CtrHmac(encryption_key, mac, icv_length)
        if encryption_key:
            raise Unsupported(f"NULL takes no key, not one of {len(encryption_key)} octets")
        return NullHmac(mac, icv_length)
    except Unsupported:
        raise
    except ValueError as problem:
        raise Unsupported(str(problem)) from problem


def _check_alone(transform: EspTransform, authentication: AuthenticationAlgorithm) -> None:
    if authentication is not AuthenticationAlgorithm.NONE:
        raise Unsupported(f"{transform} authenticates by itself and takes no {authentication}")


def _hmac_name(transform: EspTransform, authentication: AuthenticationAlgorithm) -> str:
    if transform not in TRANSFORMS:
        raise Unsupported(f"ESP with {transform} is not available in the userspace stack")
    if authentication is AuthenticationAlgorithm.NONE:
        # Unauthenticated ciphertext can be altered and read by an active attacker (RFC 8221
        # section 4), and the NULL cipher alone is no protection at all (RFC 4303 section 1).
        raise Unsupported(f"ESP with {transform} and no authentication protects nothing")
    name = HMAC_NAMES.get(authentication)
    if name is None:
        raise Unsupported(f"ESP with {authentication} is not available in the userspace stack")
    return name
