"""Name the sections of the configuration that are about the peer of an identity."""

from __future__ import annotations

from isakmpd.wire.distinguished_names import oneline_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType

_SECTION_KIND = {
    IdType.IPV4_ADDR: "ipv4",
    IdType.IPV6_ADDR: "ipv6",
    IdType.FQDN: "fqdn",
    IdType.USER_FQDN: "ufqdn",
}


def section_of(identity: Identity) -> str | None:
    """Name the section about the peer of an identity, in lower case; None where none can be."""
    if identity.type is IdType.DER_ASN1_DN:
        return f"asn1_dn/{oneline_of(identity.data)}".lower()
    kind = _SECTION_KIND.get(identity.type)
    return f"{kind}/{identity}".lower() if kind else None
