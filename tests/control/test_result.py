"""The result file of S: scripts compare it word by word, so every octet is the original's."""

from dataclasses import replace
from ipaddress import IPv6Address

import pytest

from isakmpd.control.result import sa_listing
from isakmpd.ike.ipsec import SaKeys
from isakmpd.ike.snapshot import Expiry, SaFlags, Snapshot
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EspTransform,
    IpcompTransform,
    Protocol,
)
from tests.control.snapshots import EMPTY, PHASE_1, PHASE_2, SNAPSHOT, paired

RECORDED = (
    "SA name: conn (Phase 2)\n"
    "src: 10.77.0.1 dst: 10.77.0.2\n"
    "Lifetime: 1200 seconds\n"
    "Soft timeout in 1036 seconds\n"
    "Hard timeout in 1198 seconds\n"
    "Flags 0x00000003\n"
    "SPI 0: 2ccbf240 \n"
    "SPI 1: 6a52867a \n"
    "Transform: IPsec ESP\n"
    "Encryption key length: 16\n"
    "Authentication key length: 20\n"
    "Encryption algorithm: AES (CBC)\n"
    "Authentication algorithm: HMAC-SHA1\n"
    "\n"
    "SA name: peer-main (Phase 1/Initiator)\n"
    "src: 10.77.0.1 dst: 10.77.0.2\n"
    "Lifetime: 3600 seconds\n"
    "Soft timeout in 3068 seconds\n"
    "Hard timeout in 3598 seconds\n"
    "Flags 0x00000003\n"
    "icookie 96b2a551d4410733 rcookie 6cc69aad8c05915f\n"
    "\n"
)


def only_isakmp(**changes: object) -> Snapshot:
    """Show one ISAKMP SA that differs from the recorded one."""
    return replace(EMPTY, isakmp_sas=(replace(PHASE_1, **changes),))  # type: ignore[arg-type]


def only_ipsec(**changes: object) -> Snapshot:
    """Show one pair of IPsec SAs that differs from the recorded one."""
    return replace(EMPTY, ipsec_sas=(replace(PHASE_2, **changes),))  # type: ignore[arg-type]


def keyed(**changes: object) -> Snapshot:
    """The tunnel with other algorithms and keys."""
    keys = replace(PHASE_2.outbound.keys, **changes)  # type: ignore[arg-type]
    return only_ipsec(bundle=(paired(Protocol.IPSEC_ESP, 0x100, keys),))


def test_a_bundle_shows_each_of_its_protocols() -> None:
    """SPIs first; AH has no cipher, IPCOMP no keys and a CPI of two octets."""
    none, sha = AuthenticationAlgorithm.NONE, AuthenticationAlgorithm.HMAC_SHA
    compression = SaKeys(IpcompTransform.DEFLATE, none, b"", b"")
    authentication = SaKeys(AhTransform.SHA, sha, b"", bytes(20))
    listing = sa_listing(
        only_ipsec(
            bundle=(
                paired(Protocol.IPCOMP, 0x4CAF, compression),
                *PHASE_2.bundle,
                paired(Protocol.IPSEC_AH, 0xA11CAFE, authentication),
            )
        )
    )
    lines = listing.splitlines()[6:-1]
    assert lines[:3] == ["SPI 0: 4cb0 ", "SPI 1: 4caf ", "Transform: IPCOMP"]
    assert lines[3:10] == RECORDED.splitlines()[6:13]
    assert lines[10:] == [
        "SPI 0: 0a11caff ",
        "SPI 1: 0a11cafe ",
        "Transform: IPsec AH",
        "Encryption not used.",
        "Authentication key length: 20",
        "Authentication algorithm: HMAC-SHA1",
    ]


def test_the_recorded_tunnel_reads_as_recorded() -> None:
    """Blanks at line ends and the empty line after each SA included."""
    assert sa_listing(SNAPSHOT) == RECORDED


def test_an_authenticated_only_tunnel_has_no_cipher() -> None:
    """AH alone, of a connection the configuration does not name, without a lifetime in time."""
    keys = SaKeys(AhTransform.SHA2_256, AuthenticationAlgorithm.HMAC_SHA2_256, b"", bytes(32))
    pair = paired(Protocol.IPSEC_AH, 0x1000, keys)
    expiry = Expiry(None, 1024, None, None)
    assert sa_listing(only_ipsec(name="", bundle=(pair,), expiry=expiry)).splitlines() == [
        "SA name: <unnamed> (Phase 2)",
        "src: 10.77.0.1 dst: 10.77.0.2",
        "Lifetime: 1024 kilobytes",
        "Flags 0x00000003",
        "SPI 0: 00001001 ",
        "SPI 1: 00001000 ",
        "Transform: IPsec AH",
        "Encryption not used.",
        "Authentication key length: 32",
        "Authentication algorithm: HMAC-SHA2-256",
        "",
    ]


@pytest.mark.parametrize(
    ("transform", "key", "name"),
    [
        (EspTransform.AES_CTR, 20, "AES (CTR)"),
        (EspTransform.AES_GCM_16, 36, "AES (GCM)"),
        (EspTransform.AES_GMAC, 28, "AES (GMAC)"),
    ],
)
def test_the_key_of_a_counter_mode_holds_its_salt(
    transform: EspTransform, key: int, name: str
) -> None:
    """Four octets of it, as the original counts."""
    none = AuthenticationAlgorithm.NONE
    shown = keyed(
        transform=transform, encryption_key=bytes(key), authentication=none, authentication_key=b""
    )
    assert sa_listing(shown).splitlines()[9:13] == [
        f"Encryption key length: {key}",
        "Authentication key length: 0",
        f"Encryption algorithm: {name}",
        "Authentication algorithm: none",
    ]


def test_no_sa_makes_an_empty_file() -> None:
    """Nothing is said about nothing."""
    assert sa_listing(EMPTY) == ""


@pytest.mark.parametrize(
    ("snapshot", "line"),
    [
        (only_isakmp(initiator=False), "SA name: peer-main (Phase 1/Responder)"),
        (only_isakmp(name=""), "SA name: <unnamed> (Phase 1/Initiator)"),
        (only_isakmp(name="x\ny"), "SA name: x\\x0ay (Phase 1/Initiator)"),
        (only_isakmp(flags=SaFlags.NAT_T | SaFlags.DPD), "Flags 0x00000180"),
        (
            only_isakmp(transport=Transport(IPv6Address("fd::1"), 500, IPv6Address("fd::2"), 500)),
            "src: fd::1 dst: fd::2",
        ),
        (only_isakmp(expiry=Expiry(None, 1024, None, None)), "Lifetime: 1024 kilobytes"),
        (only_isakmp(expiry=Expiry(60, None, -3.5, 3.0)), "Soft timeout in 0 seconds"),
        (
            keyed(authentication=AuthenticationAlgorithm.HMAC_SHA2_512),
            "Authentication algorithm: HMAC-SHA2-512",
        ),
        (
            keyed(authentication=AuthenticationAlgorithm.NONE),
            "Authentication algorithm: none",
        ),
        (keyed(transform=EspTransform.TRIPLE_DES), "Encryption algorithm: 3DES"),
        (keyed(transform=EspTransform.AES_GCM_16), "Encryption algorithm: AES (GCM)"),
        (keyed(transform=EspTransform.NULL), "Encryption algorithm: unknown (11)"),
        (keyed(encryption_key=bytes(20)), "Encryption key length: 20"),
    ],
)
def test_what_differs_shows(snapshot: Snapshot, line: str) -> None:
    """Each fact has its line."""
    assert line in sa_listing(snapshot).splitlines()


def test_what_is_unknown_has_no_line() -> None:
    """An SA limited by volume alone has no timeouts."""
    listing = sa_listing(only_isakmp(expiry=Expiry(None, 1024, None, None)))
    assert "timeout" not in listing
    assert listing.count("Lifetime") == 1
