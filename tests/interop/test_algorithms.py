"""A tunnel with strongSwan for each algorithm both know, in phase 1 and in phase 2, in both roles.

Not in the table: DES, which we carry out in phase 1 for those who insist and never in ESP; what
charon 5.9.8 does not have: HMAC-RIPEMD160 in ESP, AES-GMAC; and what we refuse: groups 3, 4 and 27.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from lab.traffic import Kind
from tests.interop.configurations import AGGRESSIVE, DEFAULT, Algorithms
from tests.interop.tunnels import PINGS, Outcome, Row, Tunnel, of_each_role, run

pytestmark = [pytest.mark.peer, pytest.mark.namespaces, pytest.mark.root]


# A cover, not a product: each cipher, hash and group at least once in either phase. A line of one
# table goes with the same line of the other.
PHASE_1 = (
    ("3DES-MD5-GRP1", "3des-md5-modp768"),
    ("AES-128-SHA-GRP2", "aes128-sha1-modp1024"),
    ("BLF-SHA-GRP5", "blowfish128-sha1-modp1536"),
    ("AES-256-SHA2-256-GRP14", "aes256-sha256-modp2048"),
    ("CAST-SHA2-256-GRP15", "cast128-sha256-modp3072"),
    ("AES-192-SHA2-512-GRP16", "aes192-sha512-modp4096"),
    ("AES-256-SHA2-384-GRP17", "aes256-sha384-modp6144"),
    ("AES-128-MD5-GRP18", "aes128-md5-modp8192"),
    ("AES-128-SHA2-256-GRP19", "aes128-sha256-ecp256"),
    ("AES-192-SHA2-384-GRP20", "aes192-sha384-ecp384"),
    ("AES-256-SHA2-512-GRP21", "aes256-sha512-ecp521"),
    ("3DES-SHA-GRP25", "3des-sha1-ecp192"),
    ("BLF-MD5-GRP26", "blowfish128-md5-ecp224"),
    ("CAST-SHA-GRP28", "cast128-sha1-ecp256bp"),
    ("3DES-SHA2-384-GRP29", "3des-sha384-ecp384bp"),
    ("BLF-SHA2-512-GRP30", "blowfish128-sha512-ecp512bp"),
    ("AES-256-SHA-GRP14", "aes256-sha1-modp2048"),
    ("AES-128-SHA2-256-GRP14", "aes128-sha256-modp2048"),
)
PHASE_2 = (
    ("QM-ESP-3DES-MD5-PFS-GRP1-SUITE", "3des-md5-modp768"),
    ("QM-ESP-AES-128-SHA-PFS-GRP2-SUITE", "aes128-sha1-modp1024"),
    ("QM-ESP-BLF-SHA-PFS-GRP5-SUITE", "blowfish128-sha1-modp1536"),
    ("QM-ESP-AESGCM-256-PFS-GRP14-SUITE", "aes256gcm16-modp2048"),
    ("QM-ESP-CAST-SHA2-256-PFS-GRP15-SUITE", "cast128-sha256-modp3072"),
    ("QM-ESP-AES-192-SHA2-512-PFS-GRP16-SUITE", "aes192-sha512-modp4096"),
    ("QM-ESP-AESCTR-256-SHA2-384-PFS-GRP17-SUITE", "aes256ctr-sha384-modp6144"),
    ("QM-ESP-AESCTR-192-MD5-PFS-GRP18-SUITE", "aes192ctr-md5-modp8192"),
    ("QM-ESP-AESGCM-128-PFS-GRP19-SUITE", "aes128gcm16-ecp256"),
    ("QM-ESP-AESGCM-192-PFS-GRP20-SUITE", "aes192gcm16-ecp384"),
    ("QM-ESP-AES-256-SHA2-256-PFS-GRP21-SUITE", "aes256-sha256-ecp521"),
    ("QM-ESP-AESCTR-128-SHA-PFS-GRP25-SUITE", "aes128ctr-sha1-ecp192"),
    ("QM-ESP-NULL-SHA2-256-PFS-GRP26-SUITE", "null-sha256-ecp224"),
    ("QM-ESP-AES-256-SHA2-384-PFS-GRP28-SUITE", "aes256-sha384-ecp256bp"),
    ("QM-ESP-NULL-MD5-PFS-GRP29-SUITE", "null-md5-ecp384bp"),
    ("QM-ESP-BLF-SHA2-512-PFS-GRP30-SUITE", "blowfish128-sha512-ecp512bp"),
    ("QM-ESP-AES-128-SHA-SUITE", "aes128-sha1"),
    ("QM-ESP-AESGCM-256-SUITE", "aes256gcm16"),
)
# charon's cast128 is CAST with a KEY_LENGTH, which the generated sections do not have.
KEY_LENGTHS = """
[CAST-SHA2-256-GRP15]
KEY_LENGTH= 128
[CAST-SHA-GRP28]
KEY_LENGTH= 128
[QM-ESP-CAST-SHA2-256-PFS-GRP15-XF]
KEY_LENGTH= 128
"""
COVER = tuple(
    Row(f"{ike}, {esp}", Algorithms(transform, suite, ike, esp), clear="NULL" in suite)
    for (transform, ike), (suite, esp) in zip(PHASE_1, PHASE_2, strict=True)
)

BEGUN_BY_CHARON = ("strongSwan",)
ANYTHING = """
[anything]
ENCRYPTION_ALGORITHM= ANY
HASH_ALGORITHM= ANY
AUTHENTICATION_METHOD= ANY
GROUP_DESCRIPTION= ANY
"""
# What is left to the responder's choice, and what charon must end up with.
CHOICES = (
    Row(
        "second transform and third suite",
        Algorithms(
            "3DES-MD5-GRP14,AES-256-SHA2-256-GRP14",
            "QM-ESP-3DES-MD5-SUITE,QM-ESP-AES-256-SHA-SUITE,QM-ESP-AESGCM-128-SUITE",
            "aes256-sha256-modp2048",
            "aes128gcm16",
        ),
        chosen=(("encr-alg", "AES_GCM_16"), ("encr-keysize", "128")),
    ),
    Row(
        "charon offers several",
        Algorithms(
            "AES-256-SHA2-256-GRP14",
            "QM-ESP-AES-256-SHA2-256-PFS-GRP14-SUITE",
            "3des-md5-modp1024,aes128-sha1-modp1536,aes256-sha256-modp2048",
            "3des-md5-modp2048,aes256gcm16-modp2048,aes256-sha256-modp2048",
        ),
        chosen=(
            ("encr-alg", "AES_CBC"),
            ("encr-keysize", "256"),
            ("integ-alg", "HMAC_SHA2_256_128"),
            ("dh-group", "MODP_2048"),
        ),
    ),
    Row(
        "the lowest of a range of key lengths",
        Algorithms(
            "AES-SHA2-256-GRP14", "QM-ESP-AES-SHA-SUITE", "aes128-sha256-modp2048", "aes128-sha1"
        ),
        chosen=(("encr-keysize", "128"),),
    ),
    Row(
        "the highest of a range of key lengths",
        Algorithms(
            "AES-SHA2-256-GRP14", "QM-ESP-AES-SHA-SUITE", "aes256-sha256-modp2048", "aes256-sha1"
        ),
        chosen=(("encr-keysize", "256"),),
        begun_by=BEGUN_BY_CHARON,
    ),
    Row(
        "ANY in phase 1",
        replace(DEFAULT, transform="anything", ike="aes192-sha384-ecp384"),
        more=ANYTHING,
        begun_by=BEGUN_BY_CHARON,
    ),
    Row(
        "aggressive mode, second transform",
        Algorithms(
            "3DES-MD5-GRP14,AES-256-SHA2-256-GRP14",
            "QM-ESP-AES-256-SHA2-256-SUITE",
            "aes256-sha256-modp2048",
            "aes256-sha256",
        ),
        exchange=AGGRESSIVE,
    ),
)
TUNNELS = of_each_role(COVER + CHOICES)


@pytest.fixture(scope="module")
def outcomes() -> Mapping[Tunnel, Outcome]:
    """All tunnels of the table, up at once."""
    return run(TUNNELS, KEY_LENGTHS)


@pytest.mark.parametrize("tunnel", TUNNELS, ids=str)
def test_a_tunnel_carries_pings_both_ways(
    outcomes: Mapping[Tunnel, Outcome],
    tunnel: Tunnel,
    record_property: Callable[[str, object], None],
) -> None:
    """Whoever begins, both ends agree on SAs, pings cross both ways, and the wire shows only ESP.

    charon's userspace ESP pretends to be behind a NAT, so that ESP travels in UDP.
    """
    proof = outcomes[tunnel].prove(tunnel)
    record_property("result", proof)
    assert proof.kinds[Kind.ESP_IN_UDP] >= 4 * PINGS
