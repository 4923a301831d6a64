"""List the vendor IDs we send or recognise."""

from __future__ import annotations

from enum import Enum
from hashlib import md5


class Vendor(Enum):
    """Name an implementation or extension by the octets that announce it."""

    OPENBSD = bytes.fromhex("9826c552791aa1800ca6ff33aaf1e83b")
    OPENBSD_4_0 = bytes.fromhex("6c0dcd481deae8ae0b0a68384b3072f9")
    NAT_T_RFC = bytes.fromhex("4a131c81070358455c5728f20e95452f")
    NAT_T_DRAFT_03 = bytes.fromhex("7d9419a65310ca6f2c179d9215529d56")
    NAT_T_DRAFT_02 = bytes.fromhex("90cb80913ebb696e086381b5ec427b1f")
    # The draft's name as it is; the one above has a line feed behind it.
    NAT_T_DRAFT_02_PLAIN = bytes.fromhex("cd60464335df21f87cfdb2fc68b6a448")
    DPD = bytes.fromhex("afcad71368a1f1c96b8696fc77570100")
    # MD5 of "isakmpd: deletes are acknowledged, 1": it answers a Delete that carries R-U-THERE.
    ACKNOWLEDGED_DELETES = bytes.fromhex("001497be464073561724c80ce2e6f4fe")


ORIGINALS = frozenset({Vendor.OPENBSD, Vendor.OPENBSD_4_0})  # OpenBSD's own isakmpd


def _of_release(major: int, minor: int) -> bytes:
    return md5(f"OpenBSD-{major}.{minor}".encode(), usedforsecurity=False).digest()


# The original hashes the name of a release, which it seldom keeps up to date.
_BY_OCTETS = {
    **{_of_release(major, minor): Vendor.OPENBSD for major in range(3, 8) for minor in range(10)},
    **{vendor.value: vendor for vendor in Vendor},
}


def recognise(octets: bytes) -> Vendor | None:
    """Name the vendor ID, None for one we do not know; any release of OpenBSD is OPENBSD."""
    return _BY_OCTETS.get(octets)
