"""Tell which authentication methods sign, and what they sign (RFC 2409 section 5.1, RFC 4754)."""

from __future__ import annotations

from collections.abc import Mapping

from isakmpd.wire.numbers import AuthenticationMethod, HashAlgorithm

# ECDSA brings the hash of its curve (RFC 4754 section 2).
_ECDSA: Mapping[AuthenticationMethod, HashAlgorithm] = {
    AuthenticationMethod.ECDSA_256: HashAlgorithm.SHA2_256,
    AuthenticationMethod.ECDSA_384: HashAlgorithm.SHA2_384,
    AuthenticationMethod.ECDSA_521: HashAlgorithm.SHA2_512,
}
SIGNATURES = frozenset({AuthenticationMethod.RSA_SIG, *_ECDSA})


def signature_prf(method: AuthenticationMethod, negotiated: HashAlgorithm) -> HashAlgorithm:
    """Give the hash of the prf that makes the HASH_I and HASH_R which are signed."""
    return _ECDSA.get(method, negotiated)
