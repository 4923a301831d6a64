"""What phase 2 can agree on and KEYMAT can key is what packets can be sealed with, and no more."""

from __future__ import annotations

import random
from itertools import product

import pytest

from isakmpd.crypto.esp_ciphers import EspCipher
from isakmpd.crypto.keymat import ESP_KEYS, esp_key_lengths
from isakmpd.esp.algorithms import AUTHENTICATION, TRANSFORMS, Unsupported, cipher_for
from isakmpd.esp.inner import IPV4
from isakmpd.esp.packet import Opener, Sealer
from isakmpd.esp.replay import ReplayWindow
from isakmpd.wire.numbers import AuthenticationAlgorithm as Auth
from isakmpd.wire.numbers import EspTransform

COMBINED = {EspTransform.AES_GCM_16, EspTransform.AES_GMAC}
LEGIBLE = {EspTransform.AES_GMAC, EspTransform.NULL}
PAIRS = [
    (transform, authentication)
    for transform, authentication in product(sorted(TRANSFORMS), sorted(AUTHENTICATION))
    if (transform in COMBINED) == (authentication is Auth.NONE)
]
PAYLOAD = b"a payload that is longer than one block of any cipher here"


def test_what_can_be_keyed_can_be_carried() -> None:
    assert ESP_KEYS.keys() == TRANSFORMS
    assert set(Auth) - {Auth.DES_MAC, Auth.KPDK} == AUTHENTICATION


def cipher(transform: EspTransform, key_length: int | None, authentication: Auth) -> EspCipher:
    """Set up a cipher with keys as long as KEYMAT's, the same for the same algorithms."""
    lengths = esp_key_lengths(transform, key_length, authentication)
    encryption_key, authentication_key = map(random.Random(1).randbytes, lengths)
    return cipher_for(
        transform, authentication, encryption_key, authentication_key, random.Random(2).randbytes
    )


@pytest.mark.parametrize(("transform", "authentication"), PAIRS, ids=str)
def test_every_key_length_carries_packets(transform: EspTransform, authentication: Auth) -> None:
    """KEYMAT's cut is what the cipher takes, and a second cipher with the same keys opens."""
    for key_length in (None, *ESP_KEYS[transform].key_lengths):
        sealer = Sealer(7, cipher(transform, key_length, authentication))
        opener = Opener(cipher(transform, key_length, authentication), ReplayWindow())
        sealed = sealer.seal(PAYLOAD, IPV4)
        assert (PAYLOAD in sealed) is (transform in LEGIBLE)
        assert opener.open(sealed) == (PAYLOAD, IPV4)


@pytest.mark.parametrize(
    ("transform", "authentication"),
    sorted(set(product(TRANSFORMS, AUTHENTICATION)) - set(PAIRS)),
    ids=str,
)
def test_other_pairs_are_refused(transform: EspTransform, authentication: Auth) -> None:
    """A cipher without an ICV, NULL's least of all; or two ICVs over the same octets."""
    with pytest.raises(Unsupported, match=r"protects nothing|authenticates by itself"):
        cipher(transform, None, authentication)
