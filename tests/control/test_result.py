"""The result file of S: scripts compare it word by word, so every octet is the original's."""

from dataclasses import replace
from ipaddress import IPv6Address

import pytest

from isakmpd.control.result import sa_listing
from isakmpd.ike.snapshot import Expiry, SaFlags, Snapshot
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import AuthenticationAlgorithm, EspTransform
from tests.control.snapshots import EMPTY, PHASE_1, PHASE_2, SNAPSHOT

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


def test_the_recorded_tunnel_reads_as_recorded() -> None:
    """Blanks at line ends and the empty line after each SA included."""
    assert sa_listing(SNAPSHOT) == RECORDED


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
            only_ipsec(authentication=AuthenticationAlgorithm.HMAC_SHA2_512),
            "Authentication algorithm: HMAC-SHA2-512",
        ),
        (
            only_ipsec(authentication=AuthenticationAlgorithm.NONE),
            "Authentication algorithm: none",
        ),
        (only_ipsec(transform=EspTransform.TRIPLE_DES), "Encryption algorithm: 3DES"),
        (only_ipsec(transform=EspTransform.AES_GCM_16), "Encryption algorithm: AES (GCM)"),
        (only_ipsec(transform=EspTransform.NULL), "Encryption algorithm: unknown (11)"),
        (only_ipsec(encryption_key_length=20), "Encryption key length: 20"),
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
