"""Read and write the attributes of mode config (draft-dukes-ike-mode-cfg-02 section 3.3).

What a peer sends is looked at octet by octet: it may give this host an address, and no more than
that. Values always have a length of their own; a length of zero asks, or says that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from isakmpd.config.model import AddressPool
from isakmpd.ike.ipsec import Assignment
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import ConfigurationAttribute

C = ConfigurationAttribute

SERVER_LIMIT = 4  # of a kind; the rest is ignored
SHORTEST_EXPIRY = 60  # seconds; a peer that says less would keep us busy renewing
_REMARK_LIMIT = 16  # on one message
_XAUTH = range(16520, 16530)
_UNITY = range(28672, 28700)

# What the tag [ID]:Attributes names, and what is asked for then.
ASKED: Mapping[str, tuple[C, ...]] = {
    "address": (C.INTERNAL_IP4_ADDRESS, C.INTERNAL_IP6_ADDRESS),
    "netmask": (C.INTERNAL_IP4_NETMASK, C.INTERNAL_IP6_NETMASK),
    "nameserver": (C.INTERNAL_IP4_DNS, C.INTERNAL_IP6_DNS),
    "wins-server": (C.INTERNAL_IP4_NBNS, C.INTERNAL_IP6_NBNS),
    "dhcp-server": (C.INTERNAL_IP4_DHCP, C.INTERNAL_IP6_DHCP),
    "lifetime": (C.INTERNAL_ADDRESS_EXPIRY,),
}


def _attribute(kind: int, octets: bytes = b"") -> Attribute:
    return Attribute(int(kind), octets, basic=False)


# Asking and telling


def asks_address(wanted: Iterable[str]) -> bool:
    """Tell whether tag names, in any case, ask for an address."""
    return "address" in (name.lower() for name in wanted)


def requested(wanted: Iterable[str]) -> tuple[Attribute, ...]:
    """Give the REQUEST for tag names, in any case: both IP versions, values of no octets."""
    kinds = {kind for name in wanted for kind in ASKED.get(name.lower(), ())}
    return tuple(map(_attribute, sorted(kinds)))


def offered(pool: AddressPool, *, prefix_octet: bool) -> tuple[Attribute, ...]:
    """Give the SET for a pool: all it has; see ``replied`` for ``prefix_octet``."""
    values = _values(pool, prefix_octet=prefix_octet)
    if pool.lifetime is None:
        del values[C.INTERNAL_ADDRESS_EXPIRY]
    return tuple(_attribute(kind, octets) for kind in sorted(values) for octets in values[kind])


def replied(
    request: Iterable[Attribute], pool: AddressPool | None, *, prefix_octet: bool
) -> tuple[Attribute, ...]:
    """Give the REPLY to a REQUEST: each kind once, of no octets where the pool has none.

    ``prefix_octet`` appends the prefix length to an IPv6 address: the draft has 16 octets, and
    strongSwan takes the 17 of RFC 7296 only.
    """
    values = _values(pool, prefix_octet=prefix_octet) if pool else {}
    answer = []
    for kind in dict.fromkeys(attribute.type for attribute in request):
        if kind == C.SUPPORTED_ATTRIBUTES:
            answer.append(_attribute(kind, b"".join(known.to_bytes(2) for known in C)))
        elif C(kind).assigned:
            answer += [_attribute(kind, octets) for octets in values.get(C(kind), (b"",))]
    return tuple(answer)


def acknowledged(kinds: Iterable[int]) -> tuple[Attribute, ...]:
    """Give the ACK that names what was taken of a SET, without values."""
    return tuple(_attribute(kind) for kind in dict.fromkeys(kinds))


DEFAULT_LIFETIME = 1200  # seconds; for a peer that asks


def _values(pool: AddressPool, *, prefix_octet: bool) -> dict[C, tuple[bytes, ...]]:
    """Code what a pool has, by kind; an address's kind follows from its IP version."""
    found: dict[C, tuple[bytes, ...]] = {}
    singles = {"address": pool.address, "netmask": pool.netmask}
    plain: dict[str, tuple[Address, ...]] = {
        name: (address,) if address is not None else () for name, address in singles.items()
    }
    plain["nameserver"] = pool.name_servers
    plain["wins-server"] = pool.netbios_servers
    plain["dhcp-server"] = pool.dhcp_servers
    for name, addresses in plain.items():
        for kind, version in zip(ASKED[name], (4, 6), strict=True):
            octets = tuple(each.packed for each in addresses if each.version == version)
            if octets:
                found[kind] = octets
    if prefix_octet and C.INTERNAL_IP6_ADDRESS in found:
        prefix = bytes([_prefix(pool)])
        found[C.INTERNAL_IP6_ADDRESS] = tuple(
            octets + prefix for octets in found[C.INTERNAL_IP6_ADDRESS]
        )
    subnets = [(_subnet_kind(network), _subnet(network)) for network in pool.networks]
    for kind in dict.fromkeys(kind for kind, _ in subnets):
        found[kind] = tuple(octets for each, octets in subnets if each == kind)
    lifetime = DEFAULT_LIFETIME if pool.lifetime is None else pool.lifetime
    found[C.INTERNAL_ADDRESS_EXPIRY] = (lifetime.to_bytes(4),)
    return found


def _prefix(pool: AddressPool) -> int:
    if isinstance(pool.netmask, IPv6Address):
        return int(pool.netmask).bit_count()
    return 128


def _subnet_kind(network: Network) -> C:
    return C.INTERNAL_IP4_SUBNET if network.version == 4 else C.INTERNAL_IP6_SUBNET


def _subnet(network: Network) -> bytes:
    address = network.network_address.packed
    if isinstance(network, IPv6Network):
        return address + bytes([network.prefixlen])
    return address + network.netmask.packed


# Being told


@dataclass(frozen=True, slots=True)
class Received:
    """Hold what of a REPLY or SET will do, the kinds it came from, and remarks on the rest."""

    assignment: Assignment
    kinds: tuple[int, ...]
    remarks: tuple[str, ...]


def received(attributes: Iterable[Attribute], outer: Address) -> Received:
    """Read a REPLY or SET of the peer at ``outer``; what cannot be used is remarked, not fatal."""
    reading = _Reading(outer)
    remarks: list[str] = []
    kinds: list[int] = []
    for attribute in attributes:
        if not attribute.octets:
            continue  # the peer has none
        try:
            reading.take(C(attribute.type), attribute.octets)
        except ValueError as why:
            if len(remarks) < _REMARK_LIMIT:
                remarks.append(f"{_name(attribute.type)} is ignored: {why}")
        else:
            kinds.append(attribute.type)
    return Received(reading.assignment(), tuple(dict.fromkeys(kinds)), tuple(remarks))


def address_wanted(attributes: Iterable[Attribute]) -> bool:
    """Tell whether a REQUEST asks for an address."""
    return any(attribute.type in _ADDRESS for attribute in attributes)


def xauth_wanted(attributes: Iterable[Attribute]) -> bool:
    """Tell whether a REQUEST or SET belongs to XAUTH (draft-beaulieu-ike-xauth-02)."""
    return any(attribute.type in _XAUTH for attribute in attributes)


def _name(kind: int) -> str:
    if kind in _XAUTH:
        return f"XAUTH attribute {kind}"
    if kind in _UNITY:
        return f"Unity attribute {kind}"
    return str(C(kind))


_OCTETS = {4: 4, 6: 16}
_ADDRESS = {C.INTERNAL_IP4_ADDRESS: 4, C.INTERNAL_IP6_ADDRESS: 6}
_NETMASK = {C.INTERNAL_IP4_NETMASK: 4, C.INTERNAL_IP6_NETMASK: 6}
_NAME_SERVER = {C.INTERNAL_IP4_DNS: 4, C.INTERNAL_IP6_DNS: 6}
_NETBIOS_SERVER = {C.INTERNAL_IP4_NBNS: 4, C.INTERNAL_IP6_NBNS: 6}


@dataclass(slots=True)
class _Reading:
    """Gather an assignment; ``take`` raises ValueError, with the reason, for what will not do."""

    outer: Address
    addresses: dict[int, Network] = field(default_factory=dict)  # by IP version
    name_servers: list[Address] = field(default_factory=list)
    netbios_servers: list[Address] = field(default_factory=list)
    expires_in: int | None = None

    def take(self, kind: C, octets: bytes) -> None:
        """Take one attribute with a value."""
        if kind in _ADDRESS:
            self._take_address(_ADDRESS[kind], octets)
        elif kind in _NETMASK:
            # The address is the host's alone: what lies around it is the connections' business.
            _check_netmask(octets, _OCTETS[_NETMASK[kind]])
        elif kind in _NAME_SERVER:
            _add_servers(self.name_servers, octets, _OCTETS[_NAME_SERVER[kind]])
        elif kind in _NETBIOS_SERVER:
            _add_servers(self.netbios_servers, octets, _OCTETS[_NETBIOS_SERVER[kind]])
        elif kind == C.INTERNAL_ADDRESS_EXPIRY:
            self._take_expiry(octets)
        elif kind.assigned:
            raise ValueError("this host has no use for it")
        else:
            raise ValueError("it is unknown")

    def _take_address(self, version: int, octets: bytes) -> None:
        if version == 6 and len(octets) == 17 and octets[16] <= 128:
            octets = octets[:16]
        address = _one(octets, _OCTETS[version])
        if address == self.outer:
            raise ValueError(f"{address} is the peer's own address")
        if version in self.addresses:
            raise ValueError(f"{address} is a second address of its IP version")
        self.addresses[version] = ip_network(address)

    def _take_expiry(self, octets: bytes) -> None:
        seconds = int.from_bytes(octets)
        if len(octets) > 4 or not seconds:
            raise ValueError(f"{octets[:8].hex()} is no time, expected 4 octets, not zero")
        if self.expires_in is not None:
            raise ValueError("it is there twice")
        self.expires_in = max(seconds, SHORTEST_EXPIRY)

    def assignment(self) -> Assignment:
        """Give what was gathered."""
        return Assignment(
            tuple(self.addresses[version] for version in sorted(self.addresses)),
            tuple(self.name_servers),
            tuple(self.netbios_servers),
            self.expires_in if self.addresses else None,
        )


def _one(octets: bytes, length: int) -> Address:
    if len(octets) != length:
        raise ValueError(f"{len(octets)} octets, expected {length}")
    address = ip_address(octets)
    if fault := _fault(address):
        raise ValueError(f"{address} is {fault}")
    return address


def _add_servers(servers: list[Address], octets: bytes, length: int) -> None:
    """Take one server, or several in a row, as some peers send them."""
    if len(octets) % length:
        raise ValueError(f"{len(octets)} octets, expected {length}")
    found = [_one(octets[at : at + length], length) for at in range(0, len(octets), length)]
    fresh = [server for server in dict.fromkeys(found) if server not in servers]
    room = SERVER_LIMIT - len(servers)
    if fresh and room <= 0:
        raise ValueError(f"there are {SERVER_LIMIT} already")
    servers += fresh[:room]


def _check_netmask(octets: bytes, length: int) -> None:
    if len(octets) != length and not (length == 16 and len(octets) == 1):
        raise ValueError(f"{len(octets)} octets, expected {length}")


def _fault(address: Address) -> str:
    """Say why no host can have an address inside a tunnel, in a few words; "" if one can."""
    faults = {
        "unspecified": address.is_unspecified,
        "a loopback address": address.is_loopback,
        "a multicast address": address.is_multicast,
        "a link-local address": address.is_link_local,
        "reserved": isinstance(address, IPv4Address)
        and (address.is_reserved or int(address) >> 24 == 0),
        "an IPv4 address in disguise": isinstance(address, IPv6Address)
        and address.ipv4_mapped is not None,
    }
    return next((fault for fault, found in faults.items() if found), "")
