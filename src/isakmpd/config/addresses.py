"""Read addresses, networks and the sections that name identities."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network

from isakmpd.config import constants
from isakmpd.config.model import ClientId
from isakmpd.config.reading import ANY, Section, decimal
from isakmpd.config.services import PROTOCOLS, WITH_PORTS
from isakmpd.wire import distinguished_names
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType

EITHER_FAMILY = 0
_LONGEST_ADDRESS = 64  # characters, with room for the name of an interface after IPv6's "%"
_FAMILY = {
    IdType.IPV4_ADDR: 4,
    IdType.IPV4_ADDR_SUBNET: 4,
    IdType.IPV6_ADDR: 6,
    IdType.IPV6_ADDR_SUBNET: 6,
}
_SUBNETS = (IdType.IPV4_ADDR_SUBNET, IdType.IPV6_ADDR_SUBNET)
_NAMES = (IdType.FQDN, IdType.USER_FQDN)
_FAMILY_NAME = {EITHER_FAMILY: "IPv4 or IPv6", 4: "IPv4", 6: "IPv6"}


def parsed_address(text: str) -> Address | None:
    """Read a numeric address in any spelling, None for anything else."""
    return _parsed(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def prefix_length(mask: Address) -> int | None:
    """Give the length of the prefix a netmask stands for in bits, None for one with holes."""
    prefix = int(mask).bit_count()
    return prefix if int(mask) == ((1 << prefix) - 1) << (mask.max_prefixlen - prefix) else None


def address(section: Section, tag: str, family: int = EITHER_FAMILY) -> Address | None:
    """Give the address a tag holds, by number or by interface, None where the tag is absent."""
    value = section.get(tag)
    if value is None:
        return None
    found = parsed_address(value) or section.reading.machine.address(value, family)
    if found is None or family not in (EITHER_FAMILY, found.version):
        raise section.fault(
            tag,
            f"expected an {_FAMILY_NAME[family]} address or an interface that has one"
            " (host names are not looked up)",
        )
    return found


def identity(section: Section) -> Identity:
    """Read a Phase1-ID section."""
    kind = section.required_constant("ID-type", constants.PHASE_1_ID)
    if kind in _SUBNETS:
        return Identity.of_network(_network(section, _FAMILY[kind]))
    if kind in _FAMILY:
        return Identity.of_address(_required_address(section, "Address", _FAMILY[kind]))
    name = section.text("Name", f"the name of this {kind}")
    if kind in _NAMES and not name.isascii():
        raise section.fault("Name", "expected ASCII; write an international name in its xn-- form")
    if kind is IdType.USER_FQDN and "@" not in name:
        section.warn("Name", "a USER_FQDN is commonly written user@host.domain")
    if kind is IdType.DER_ASN1_DN:
        try:
            return Identity(kind, distinguished_names.der_of(name))
        except ValueError as problem:
            raise section.fault("Name", str(problem)) from None
    if kind is IdType.KEY_ID:
        data = opaque(section, "Name", name)
        if not data:
            raise section.fault("Name", "expected hex digits after 0x")
        return Identity(kind, data)
    return Identity(kind, octets(section, "Name", name))


def opaque(section: Section, tag: str, value: str) -> bytes:
    """Give the octets of a value that is hex digits after 0x, else text."""
    if value[:2] not in ("0x", "0X"):
        return octets(section, tag, value)
    digits = value[2:]
    try:
        return bytes.fromhex("0" * (len(digits) % 2) + digits)
    except ValueError:
        raise section.fault(
            tag, "expected only hex digits after 0x, to the end of the line"
        ) from None


def octets(section: Section, tag: str, value: str) -> bytes:
    """Give the octets the file has for a value; those that are no UTF-8 arrive as surrogates."""
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise section.fault(tag, "expected text in UTF-8") from None


def client_id(section: Section) -> ClientId:
    """Read an IPsec-ID section."""
    kind = section.required_constant("ID-type", constants.CLIENT_ID)
    if kind in _SUBNETS:
        network = _network(section, _FAMILY[kind])
    else:
        network = ip_network(_required_address(section, "Address", _FAMILY[kind]).packed)
    protocol = _protocol(section)
    if (section.get("Port") or "").upper() == ANY:
        _check_ports(section, protocol)
        return ClientId(section.name, network, protocol, any_port=True)
    return ClientId(section.name, network, protocol, _port(section, protocol))


def _required_address(section: Section, tag: str, family: int) -> Address:
    found = address(section, tag, family)
    if found is None:
        raise section.fault(tag, f"expected an {_FAMILY_NAME[family]} address")
    return found


def _network(section: Section, family: int) -> Network:
    base = _required_address(section, "Network", family)
    mask = section.text("Netmask", f"an {_FAMILY_NAME[family]} netmask")
    found = parsed_address(mask) or section.reading.machine.netmask(mask, family)
    if found is None or found.version != family:
        raise section.fault("Netmask", f"expected an {_FAMILY_NAME[family]} netmask or interface")
    prefix = prefix_length(found)
    if prefix is None:
        raise section.fault("Netmask", "expected a mask without holes")
    network = ip_network((base.packed, prefix), strict=False)
    if network.network_address != base:
        section.warn("Network", f"the address is inside its network; {network} is used")
    return network


def _protocol(section: Section) -> int:
    value = section.get("Protocol")
    if value is None:
        return 0
    number = decimal(value) if value.isdigit() else PROTOCOLS.get(value.lower())
    if number is None or number > 255:
        near = section.reading.did_you_mean(value, PROTOCOLS)
        raise section.fault("Protocol", f"expected a number from 0 to 255 or a name{near}")
    return number


def _port(section: Section, protocol: int) -> int:
    value = section.get("Port")
    if value is None:
        return 0
    if protocol == 0:
        section.warn("Port", "the tag is ignored, because the section has no Protocol")
        return 0
    number = decimal(value) if value.isdigit() else section.reading.machine.service(value)
    if number is None or not 1 <= number <= 65535:
        raise section.fault("Port", "expected a number from 1 to 65535, a service name or any")
    _check_ports(section, protocol)
    return number


def _check_ports(section: Section, protocol: int) -> None:
    if protocol not in WITH_PORTS:
        seen = f"protocol {protocol} has no ports" if protocol else "there is no Protocol"
        raise section.fault("Port", f"{seen}; expected tcp, udp or sctp")
