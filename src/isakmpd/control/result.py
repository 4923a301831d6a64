"""Write what ``S`` puts into the result file, in the form scripts read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from isakmpd.control.printable import printable
from isakmpd.ike.ipsec import SaPair
from isakmpd.ike.snapshot import Expiry, IpsecSaSnapshot, IsakmpSaSnapshot, Snapshot
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import (
    AhTransform,
    AuthenticationAlgorithm,
    EspTransform,
    IpcompTransform,
    Protocol,
)

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
    for pair in sa.bundle:
        yield from _protocol(pair)


def _protocol(pair: SaPair) -> Iterator[str]:
    key, keys = pair.outbound.key, pair.outbound.keys
    octets = 2 if key.protocol == Protocol.IPCOMP else 4
    # The blank at the end is the original's.
    yield f"SPI 0: {pair.outbound.key.spi:0{2 * octets}x} "
    yield f"SPI 1: {pair.inbound.key.spi:0{2 * octets}x} "
    if isinstance(keys.transform, IpcompTransform):
        yield "Transform: IPCOMP"
        return
    if isinstance(keys.transform, AhTransform):
        yield "Transform: IPsec AH"
        yield "Encryption not used."
        yield f"Authentication key length: {len(keys.authentication_key)}"
    else:
        yield "Transform: IPsec ESP"
        yield f"Encryption key length: {len(keys.encryption_key)}"
        yield f"Authentication key length: {len(keys.authentication_key)}"
        encryption = ENCRYPTION_NAMES.get(keys.transform, f"unknown ({int(keys.transform)})")
        yield f"Encryption algorithm: {encryption}"
    authentication = AUTHENTICATION_NAMES.get(
        keys.authentication, f"unknown ({int(keys.authentication)})"
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
