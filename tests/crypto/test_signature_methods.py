"""Which methods sign, and with which prf (RFC 4754 section 2)."""

import pytest

from isakmpd.crypto.signature_methods import SIGNATURES, signature_prf
from isakmpd.wire.numbers import AuthenticationMethod, HashAlgorithm


@pytest.mark.parametrize(
    ("method", "prf"),
    [
        (AuthenticationMethod.RSA_SIG, HashAlgorithm.MD5),
        (AuthenticationMethod.ECDSA_256, HashAlgorithm.SHA2_256),
        (AuthenticationMethod.ECDSA_384, HashAlgorithm.SHA2_384),
        (AuthenticationMethod.ECDSA_521, HashAlgorithm.SHA2_512),
    ],
)
def test_the_prf_that_is_signed(method: AuthenticationMethod, prf: HashAlgorithm) -> None:
    """RSA signs with the negotiated one, ECDSA with that of its curve."""
    assert method in SIGNATURES
    assert signature_prf(method, HashAlgorithm.MD5) is prf


def test_a_pre_shared_key_signs_nothing() -> None:
    """It is proved by HASH."""
    assert AuthenticationMethod.PRE_SHARED not in SIGNATURES
