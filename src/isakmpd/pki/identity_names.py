"""Compare and name identities as certificates and the files of the directories have them."""

from __future__ import annotations

from ipaddress import ip_address

from isakmpd.wire.distinguished_names import same_name, text_of
from isakmpd.wire.identities import Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import IdType

_LONGEST_TEXT = 256  # characters
_KIND = {
    IdType.IPV4_ADDR: "ipv4",
    IdType.IPV6_ADDR: "ipv6",
    IdType.FQDN: "fqdn",
    IdType.USER_FQDN: "ufqdn",
    IdType.DER_ASN1_DN: "asn1_dn",
    IdType.KEY_ID: "key_id",
}


def same_identity(one: Identity, other: Identity) -> bool:
    """Compare type and full value; of names the attributes, whatever their string types."""
    if one.type != other.type:
        return False
    if one.type is IdType.DER_ASN1_DN:
        return same_distinguished_name(one.data, other.data)
    return one.data == other.data


def same_distinguished_name(one: bytes, other: bytes) -> bool:
    """Compare DER Names by attributes, whatever their string types; malformed ones by octets."""
    try:
        return one == other or same_name(one, other)
    except Malformed:
        return False


def name_text(name: bytes) -> str:
    """Write a DER Name for a sentence, cut where it would drown it."""
    text = text_of(name)
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def named(identity: Identity) -> str:
    """Write an identity as the directories and the log name it, such as fqdn/west.example."""
    return f"{_KIND.get(identity.type, identity.type)}/{identity}"


def identity_of_file(kind: str, name: str) -> Identity:
    """Give the identity a file of pubkeys/ is named after; `kind` is its directory.

    Raises ValueError, with what was expected, for any other name. An IPv6 address may be spelled
    in any way.
    """
    if kind in ("fqdn", "ufqdn"):
        return Identity.of_name(IdType.FQDN if kind == "fqdn" else IdType.USER_FQDN, name)
    version = {"ipv4": 4, "ipv6": 6}.get(kind)
    try:
        address = ip_address(name)
    except ValueError:
        raise ValueError(f"{name!r} is no address, expected one in {kind}/") from None
    if version is None or address.version != version:
        raise ValueError(f"{name} is an IPv{address.version} address, expected none in {kind}/")
    return Identity.of_address(address)


def identity_of_name(name: str) -> Identity:
    """Give the identity a private key's file is named after: an address, user@host or a host."""
    try:
        return Identity.of_address(ip_address(name))
    except ValueError:
        return Identity.of_name(IdType.USER_FQDN if "@" in name else IdType.FQDN, name)
