"""Vendor IDs: each is the hash its specification says, and the original's are recognised."""

from hashlib import md5

import pytest

from isakmpd.wire.payloads import VendorId, decode_chain
from isakmpd.wire.vendor_ids import ORIGINALS, Vendor, recognise
from tests.vectors.handshake import handshake

HASHED = {
    Vendor.OPENBSD: b"OpenBSD-6.3",
    Vendor.OPENBSD_4_0: b"OpenBSD-4.0",
    Vendor.NAT_T_RFC: b"RFC 3947",
    Vendor.NAT_T_DRAFT_03: b"draft-ietf-ipsec-nat-t-ike-03",
    Vendor.NAT_T_DRAFT_02: b"draft-ietf-ipsec-nat-t-ike-02\n",
    Vendor.NAT_T_DRAFT_02_PLAIN: b"draft-ietf-ipsec-nat-t-ike-02",
    Vendor.ACKNOWLEDGED_DELETES: b"isakmpd: deletes are acknowledged, 1",
}
# RFC 3706 section 5.1 prints 14 octets, then the version: major 1, minor 0.
DPD = bytes.fromhex("afcad71368a1f1c96b8696fc7757") + b"\x01\x00"


@pytest.mark.parametrize("vendor", HASHED)
def test_hashes(vendor: Vendor) -> None:
    assert vendor.value == md5(HASHED[vendor], usedforsecurity=False).digest()


def test_dead_peer_detection() -> None:
    assert Vendor.DPD.value == DPD
    assert recognise(DPD[:-1] + b"\x01") is None


def test_every_vendor_id_is_derived_here() -> None:
    assert {*HASHED, Vendor.DPD} == set(Vendor)


def test_the_original_announces_itself() -> None:
    first = handshake().messages[0].datagram
    announced = [recognise(item.data) for item in decode_chain(first[16], first[28:]).all(VendorId)]
    assert announced == [
        Vendor.OPENBSD,
        Vendor.NAT_T_DRAFT_02,
        Vendor.NAT_T_DRAFT_03,
        Vendor.NAT_T_RFC,
        Vendor.DPD,
    ]


@pytest.mark.parametrize("release", ["3.4", "3.9", "4.1", "5.0", "6.2", "7.4"])
def test_any_release_of_the_original_is_recognised(release: str) -> None:
    """Few were ever hashed; which, its users cannot tell."""
    hashed = md5(f"OpenBSD-{release}".encode(), usedforsecurity=False).digest()
    assert recognise(hashed) in ORIGINALS


@pytest.mark.parametrize("octets", [b"", b"x", Vendor.OPENBSD.value + b"x"])
def test_others_are_not_recognised(octets: bytes) -> None:
    assert recognise(octets) is None
