"""Read IKECFG-ID sections: what mode config tells the peer of an identity, or asks of it."""

from __future__ import annotations

from ipaddress import ip_network

from isakmpd.config.addresses import address, parsed_address, prefix_length
from isakmpd.config.model import AddressPool
from isakmpd.config.reading import ConfigError, Reading, Section, decimal
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.distinguished_names import der_of, oneline_of

_FAMILIES = {"ipv4": 4, "ipv6": 6}
_KINDS = (*_FAMILIES, "fqdn", "ufqdn", "asn1_dn")
_OF_CERTIFICATES = "asn1_dn"
_PUSH = "set"
_PULL = "get"
_ATTRIBUTES = ("Address", "Netmask", "Nameserver", "WINS-server", "DHCP-server", "Lifetime")
_LONGEST = 2**32 - 1


def address_pools(reading: Reading) -> dict[str, AddressPool]:
    """Read every section named after an identity's kind and value, by that name in lower case."""
    pools: dict[str, AddressPool] = {}
    for name in reading.bindings.sections():
        kind, slash, value = name.partition("/")
        if kind.lower() not in _KINDS or not slash:
            continue
        section = reading.section(name)
        try:
            key = _identity(section, kind.lower(), value)
            pool = reading.once("IKECFG-ID", section, _pool)
        except ConfigError as fault:
            reading.leave_out("IKECFG-ID", name, fault.problem)
            continue
        if key in pools:
            text = f"[{pools[key].section}] names the same identity; this one is ignored"
            section.report(section.problem("", text))
            continue
        pools[key] = pool
    return pools


def _identity(section: Section, kind: str, value: str) -> str:
    if kind == _OF_CERTIFICATES:
        try:
            return f"{kind}/{oneline_of(der_of(value))}".lower()
        except ValueError as problem:
            raise section.fault("", str(problem)) from None
    if kind not in _FAMILIES:
        return f"{kind}/{value}".lower()
    found = parsed_address(value)
    if found is None or found.version != _FAMILIES[kind]:
        raise section.fault("", f"expected an IPv{_FAMILIES[kind]} address after {kind}/")
    return f"{kind}/{found}"


def _pool(section: Section) -> AddressPool:
    push = _pushes(section)
    pool = AddressPool(
        section=section.name,
        push=push,
        address=address(section, "Address"),
        netmask=_netmask(section),
        networks=_networks(section),
        name_servers=_addresses(section, "Nameserver"),
        netbios_servers=_addresses(section, "WINS-server"),
        dhcp_servers=_addresses(section, "DHCP-server"),
        lifetime=_lifetime(section),
        wanted=_wanted(section),
    )
    if not push and not pool.wanted:
        text = f"Mode asks the peer, and nothing for what; expected {', '.join(_ATTRIBUTES)}"
        section.warn("Attributes", text)
    return pool


def _pushes(section: Section) -> bool:
    value = section.get("Mode")
    if value is None or value.lower() == _PUSH:
        return True
    if value.lower() != _PULL:
        section.warn("Mode", "expected SET or GET; what is not SET asks the peer")
    return False


def _wanted(section: Section) -> tuple[str, ...]:
    spellings = {name.lower(): name for name in _ATTRIBUTES}
    names: list[str] = []
    for element in section.elements("Attributes"):
        if element.lower() in spellings:
            names.append(spellings[element.lower()])
            continue
        near = section.reading.did_you_mean(element, _ATTRIBUTES)
        text = f"expected one of {', '.join(_ATTRIBUTES)}; the element is ignored{near}"
        section.warn("Attributes", text, element)
    return tuple(dict.fromkeys(names))


def _lifetime(section: Section) -> int | None:
    return None if section.get("Lifetime") is None else section.number("Lifetime", 0, 1, _LONGEST)


def _addresses(section: Section, tag: str) -> tuple[Address, ...]:
    """Read a list of addresses, of either family; an interface stands for its address."""
    found: list[Address] = []
    for element in section.elements(tag):
        each = parsed_address(element) or section.reading.machine.address(element, 0)
        if each is None:
            raise section.fault(tag, "expected IPv4 or IPv6 addresses", element)
        found.append(each)
    return tuple(found)


def _netmask(section: Section) -> Address | None:
    value = section.get("Netmask")
    if value is None:
        return None
    found = parsed_address(value) or section.reading.machine.netmask(value, 0)
    if found is None or prefix_length(found) is None:
        raise section.fault("Netmask", "expected an IPv4 or IPv6 netmask without holes")
    return found


def _networks(section: Section) -> tuple[Network, ...]:
    """Read the networks behind this end, as address/prefix or as Network beside its own mask."""
    return tuple(_network(section, element) for element in section.elements("Network"))


def _network(section: Section, element: str) -> Network:
    base, slash, bits = element.partition("/")
    found = parsed_address(base)
    if found is None:
        text = "expected addresses of networks, such as 192.0.2.0/24"
        raise section.fault("Network", text, element)
    prefix = decimal(bits) if slash else _prefix(section, found)
    if prefix is None or prefix > found.max_prefixlen:
        text = f"expected a number from 0 to {found.max_prefixlen} after the slash"
        raise section.fault("Network", text, element)
    return ip_network((found.packed, prefix), strict=False)


def _prefix(section: Section, base: Address) -> int | None:
    mask = _netmask(section)
    if section.get("Prefix") is None and mask is not None and mask.version == base.version:
        return prefix_length(mask)
    if section.get("Prefix") is None:
        raise section.fault("Prefix", "expected the length of the Network's prefix in bits")
    return section.number("Prefix", 0, 0, base.max_prefixlen)
