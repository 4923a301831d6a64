"""Find the cipher for what phase 2 negotiated (RFC 2407 section 4.4.4, RFC 4868, RFC 4106)."""

from __future__ import annotations

from collections.abc import Callable

from isakmpd.crypto.esp_ciphers import AesGcm, EspCipher, aes_cbc_hmac, triple_des_cbc_hmac
from isakmpd.wire.numbers import AuthenticationAlgorithm, EspTransform

HMAC_NAMES = {
    AuthenticationAlgorithm.HMAC_MD5: "HMAC-MD5-96",
    AuthenticationAlgorithm.HMAC_SHA: "HMAC-SHA1-96",
    AuthenticationAlgorithm.HMAC_SHA2_256: "HMAC-SHA2-256-128",
    AuthenticationAlgorithm.HMAC_SHA2_384: "HMAC-SHA2-384-192",
    AuthenticationAlgorithm.HMAC_SHA2_512: "HMAC-SHA2-512-256",
}


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
        if transform is EspTransform.AES_GCM_16:
            return _combined(authentication, encryption_key)
        name = _hmac_name(transform, authentication)
        match transform:
            case EspTransform.AES:
                return aes_cbc_hmac(encryption_key, name, authentication_key, entropy)
            case EspTransform.TRIPLE_DES:
                return triple_des_cbc_hmac(encryption_key, name, authentication_key, entropy)
    except Unsupported:
        raise
    except ValueError as problem:
        raise Unsupported(str(problem)) from problem
    raise Unsupported(f"ESP with {transform} is not available in the userspace stack")


def _combined(authentication: AuthenticationAlgorithm, encryption_key: bytes) -> EspCipher:
    if authentication is not AuthenticationAlgorithm.NONE:
        raise Unsupported(f"AES_GCM_16 authenticates by itself and takes no {authentication}")
    return AesGcm(encryption_key)


def _hmac_name(transform: EspTransform, authentication: AuthenticationAlgorithm) -> str:
    if authentication is AuthenticationAlgorithm.NONE:
        # Unauthenticated CBC can be altered and read by an active attacker (RFC 8221 section 4).
        raise Unsupported(f"ESP with {transform} and no authentication protects nothing")
    name = HMAC_NAMES.get(authentication)
    if name is None:
        raise Unsupported(f"ESP with {authentication} is not available in the userspace stack")
    return name
