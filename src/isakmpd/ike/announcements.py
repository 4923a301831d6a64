"""Announce what we speak by vendor IDs, and hear what the peer does (RFC 2408 section 3.16)."""

from __future__ import annotations

from isakmpd.ike import nat_traversal
from isakmpd.wire.payloads import Chain, VendorId
from isakmpd.wire.vendor_ids import Vendor, recognise

# In the original's order; then what only we know.
OURS = (
    Vendor.NAT_T_DRAFT_02,
    Vendor.NAT_T_DRAFT_03,
    Vendor.NAT_T_RFC,
    Vendor.DPD,
    Vendor.ACKNOWLEDGED_DELETES,
)
# Announced to those alone who announce it.
_ECHOED = (Vendor.NAT_T_DRAFT_02_PLAIN,)


def first(*, nat_traversal_on: bool) -> tuple[VendorId, ...]:
    """Announce all we speak, as initiator."""
    return _announced(OURS, nat_traversal_on=nat_traversal_on)


def repeated(heard: frozenset[Vendor], *, nat_traversal_on: bool) -> tuple[VendorId, ...]:
    """Announce what the initiator announced and we speak too, as responder."""
    common = tuple(vendor for vendor in (*OURS, *_ECHOED) if vendor in heard)
    return _announced(common, nat_traversal_on=nat_traversal_on)


def _announced(vendors: tuple[Vendor, ...], *, nat_traversal_on: bool) -> tuple[VendorId, ...]:
    return tuple(
        VendorId(vendor.value)
        for vendor in vendors
        if nat_traversal_on or vendor not in nat_traversal.VENDORS
    )


def heard(message: Chain) -> frozenset[Vendor]:
    """Name the vendor IDs of a message that we know."""
    known = (recognise(payload.data) for payload in message.all(VendorId))
    return frozenset(vendor for vendor in known if vendor)
