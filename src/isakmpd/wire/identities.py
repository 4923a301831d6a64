"""Name who a peer is and which packets a phase 2 SA protects (RFC 2407 section 4.6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import (
    ip_address,
    ip_network,
)

from isakmpd.wire import distinguished_names
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import IdType

_ADDRESS_LENGTH = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}
_PAIR_LENGTH = {
    IdType.IPV4_ADDR_SUBNET: 8,
    IdType.IPV4_RANGE: 8,
    IdType.IPV6_ADDR_SUBNET: 32,
    IdType.IPV6_RANGE: 32,
}
LONGEST = 1024  # octets; every line about a peer prints its identity
_SUBNETS = (IdType.IPV4_ADDR_SUBNET, IdType.IPV6_ADDR_SUBNET)
_TEXT_TYPES = (IdType.FQDN, IdType.USER_FQDN)


@dataclass(frozen=True, slots=True)
class Identity:
    """Hold an ID payload's content; two are equal when type, protocol, port and data all are."""

    type: IdType
    data: bytes
    protocol: int = 0
    port: int = 0

    @classmethod
    def of_address(cls, address: Address, protocol: int = 0, port: int = 0) -> Identity:
        """Name a single address."""
        kind = IdType.IPV4_ADDR if address.version == 4 else IdType.IPV6_ADDR
        return cls(kind, address.packed, protocol, port)

    @classmethod
    def of_network(cls, network: Network, protocol: int = 0, port: int = 0) -> Identity:
        """Name a network by address and mask."""
        kind = IdType.IPV4_ADDR_SUBNET if network.version == 4 else IdType.IPV6_ADDR_SUBNET
        data = network.network_address.packed + network.netmask.packed
        return cls(kind, data, protocol, port)

    @classmethod
    def of_name(cls, kind: IdType, name: str) -> Identity:
        """Name a host (FQDN), a user (USER_FQDN) or an opaque KEY_ID."""
        return cls(kind, name.encode())

    def same_subject(self, other: Identity) -> bool:
        """Compare type and full value, leaving protocol and port aside."""
        return self.type == other.type and self.data == other.data

    @property
    def address(self) -> Address | None:
        """Give the address of an address identity, None for any other type.

        Raises Malformed for data of another length.
        """
        if self.type in _ADDRESS_LENGTH:
            self.check()
            return ip_address(self.data)
        return None

    @property
    def network(self) -> Network | None:
        """Give the packets an address or subnet identity covers, None for any other type.

        Raises Malformed for a mask with holes and for data of another length.
        """
        if self.type not in _ADDRESS_LENGTH and self.type not in _SUBNETS:
            return None
        self.check()
        if self.type in _ADDRESS_LENGTH:
            return ip_network(self.data)
        half = len(self.data) // 2
        mask = int.from_bytes(self.data[half:])
        bits = half * 8
        prefix = mask.bit_count()
        if mask != ((1 << prefix) - 1) << (bits - prefix):
            raise Malformed(f"subnet identity with a mask that has holes: {self}")
        network_address = int.from_bytes(self.data[:half]) & mask
        return ip_network((network_address.to_bytes(half), prefix))

    def check(self) -> None:
        """Raise Malformed unless the data has the length its type demands, LONGEST at most."""
        expected = _ADDRESS_LENGTH.get(self.type) or _PAIR_LENGTH.get(self.type)
        if expected is not None and len(self.data) != expected:
            raise Malformed(f"{self.type} identity of {len(self.data)} octets, expected {expected}")
        if expected is None and not self.data:
            raise Malformed(f"empty {self.type} identity")
        if len(self.data) > LONGEST:
            raise Malformed(
                f"{self.type} identity of {len(self.data)} octets, expected {LONGEST} at most"
            )

    def __str__(self) -> str:
        if self.type in _ADDRESS_LENGTH and len(self.data) == _ADDRESS_LENGTH[self.type]:
            return str(ip_address(self.data))
        if self.type in _PAIR_LENGTH and len(self.data) == _PAIR_LENGTH[self.type]:
            half = len(self.data) // 2
            separator = "/" if self.type in _SUBNETS else "-"
            return f"{ip_address(self.data[:half])}{separator}{ip_address(self.data[half:])}"
        if self.type in _TEXT_TYPES:
            return self.data.decode("ascii", "backslashreplace").translate(_UNPRINTABLE)
        if self.type is IdType.DER_ASN1_DN:
            return distinguished_names.text_of(self.data)
        return self.data.hex()


_UNPRINTABLE = {code: f"\\x{code:02x}" for code in (*range(32), 127)}
