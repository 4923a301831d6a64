"""Write what ``S`` puts into the result file, in the form scripts read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from isakmpd.control.printable import printable
from isakmpd.ike.snapshot import Expiry, IpsecSaSnapshot, IsakmpSaSnapshot, Snapshot
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import AuthenticationAlgorithm, EspTransform

ENCRYPTION_NAMES: Final[Mapping[EspTransform, str]] = {
    EspTransform.TRIPLE_DES: "3DES",
    EspTransform.CAST: "Cast-128",
    EspTransform.BLOWFISH: "Blowfish",
    EspTransform.AES: "AES (CBC)",
    EspTransform.AES_CTR: "AES (CTR)",
    EspTransform.AES_GCM_16: "AES (GCM)",
    EspTransform.AES_GMAC: "AES (GMAC)",
}
AUTHENTICATION_NAMES: Final[Mapping[AuthenticationAlgorithm, str]] = {
    AuthenticationAlgorithm.NONE: "none",
    AuthenticationAlgorithm.HMAC_MD5: "HMAC-MD5",
    AuthenticationAlgorithm.HMAC_SHA: "HMAC-SHA1",
    AuthenticationAlgorithm.HMAC_RIPEMD: "HMAC-RIPEMD-160",
    AuthenticationAlgorithm.HMAC_SHA2_256: "HMAC-SHA2-256",
    AuthenticationAlgorithm.HMAC_SHA2_384: "HMAC-SHA2-384",
    AuthenticationAlgorithm.HMAC_SHA2_512: "HMAC-SHA2-512",
}


def sa_listing(snapshot: Snapshot) -> str:
    """Describe every SA, those of phase 2 first, with an empty line after each."""
    sas = [*map(_ipsec_sa, snapshot.ipsec_sas), *map(_isakmp_sa, snapshot.isakmp_sas)]
    return "".join(f"{line}\n" for sa in sas for line in (*sa, ""))


def _isakmp_sa(sa: IsakmpSaSnapshot) -> Iterator[str]:
    role = "Initiator" if sa.initiator else "Responder"
    yield f"SA name: {_name(sa.name)} (Phase 1/{role})"
    yield _ends(sa.transport)
    yield from _lifetimes(sa.expiry)
    yield f"Flags 0x{sa.flags:08x}"
    yield f"icookie {sa.initiator_cookie.hex()} rcookie {sa.responder_cookie.hex()}"


def _ipsec_sa(sa: IpsecSaSnapshot) -> Iterator[str]:
    yield f"SA name: {_name(sa.name)} (Phase 2)"
    yield _ends(sa.transport)
    yield from _lifetimes(sa.expiry)
    yield f"Flags 0x{sa.flags:08x}"
    # The blank at the end is the original's.
    yield f"SPI 0: {sa.outbound.key.spi:08x} "
    yield f"SPI 1: {sa.inbound.key.spi:08x} "
    yield "Transform: IPsec ESP"
    yield f"Encryption key length: {sa.encryption_key_length}"
    yield f"Authentication key length: {sa.authentication_key_length}"
    encryption = ENCRYPTION_NAMES.get(sa.transform, f"unknown ({int(sa.transform)})")
    yield f"Encryption algorithm: {encryption}"
    authentication = AUTHENTICATION_NAMES.get(
        sa.authentication, f"unknown ({int(sa.authentication)})"
    )
    yield f"Authentication algorithm: {authentication}"


def _name(name: str) -> str:
    return printable(name) or "<unnamed>"


def _ends(transport: Transport) -> str:
    return f"src: {transport.local} dst: {transport.remote}"


def _lifetimes(expiry: Expiry) -> Iterator[str]:
    if expiry.seconds is not None:
        yield f"Lifetime: {expiry.seconds} seconds"
    if expiry.soft_in is not None:
        yield f"Soft timeout in {_whole(expiry.soft_in)} seconds"
    if expiry.hard_in is not None:
        yield f"Hard timeout in {_whole(expiry.hard_in)} seconds"
    if expiry.kilobytes is not None:
        yield f"Lifetime: {expiry.kilobytes} kilobytes"


def _whole(seconds: float) -> int:
    return max(0, int(seconds))
