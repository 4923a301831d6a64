"""Say what privileged acts exist: plain values, so that another process can carry them out.

The monitor of a later version decides over exactly these values; nothing else crosses to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from socket import socket
from typing import Protocol

from isakmpd.wire.addresses import Address, Network


@dataclass(frozen=True, slots=True)
class BindUdp:
    """Ask for a UDP socket bound to ``address`` and ``port``, its packets marked for routing rules.

    ``mark`` 0 leaves packets unmarked; ``receive_buffer`` in octets, 0 for the system's default.
    """

    address: Address
    port: int
    mark: int = 0
    receive_buffer: int = 0


@dataclass(frozen=True, slots=True)
class OpenRawEsp:
    """Ask for a raw socket of IP protocol 50 over IPv4 or IPv6, as ``version`` says."""

    version: int
    mark: int = 0
    receive_buffer: int = 0


@dataclass(frozen=True, slots=True)
class WatchAddresses:
    """Ask for a socket that can be read when links, addresses or routes of this host change."""


@dataclass(frozen=True, slots=True)
class OpenTun:
    """Ask for a TUN device of this name, up; FileExistsError when the name is taken."""

    name: str
    mtu: int


@dataclass(frozen=True, slots=True)
class OpenFile:
    """Ask for a descriptor of a file outside the run directory; ``flags`` as of open(2)."""

    path: Path
    flags: int
    mode: int = 0o600


@dataclass(frozen=True, slots=True)
class ListDirectory:
    """Ask for the names of what lies in a directory outside the run directory."""

    path: Path


@dataclass(frozen=True, slots=True)
class MakeFifo:
    """Ask for a new FIFO, private, outside the run directory."""

    path: Path


@dataclass(frozen=True, slots=True)
class ReplaceFile:
    """Ask for a file outside the run directory to hold ``octets`` from one moment on."""

    path: Path
    octets: bytes
    mode: int


@dataclass(frozen=True, slots=True)
class RemoveFile:
    """Ask for a file outside the run directory to go, if device and inode are still those."""

    path: Path
    identity: tuple[int, int]


@dataclass(frozen=True, slots=True)
class SetMtu:
    """Ask for a device's MTU to change."""

    device: str
    mtu: int


class RuleAction(Enum):
    """Tell what a routing rule does with the packets it matches."""

    LOOKUP = "lookup"
    GOTO = "goto"
    NOP = "nop"


@dataclass(frozen=True, slots=True)
class Rule:
    """Describe a routing rule (ip-rule(8)); zeros and None match everything.

    ``target`` is the table of LOOKUP and the priority of GOTO. ``but_default`` makes LOOKUP pass
    over the table's default route. ``arriving_on`` names the device packets came in by, ``lo`` for
    this host's own. ``finds_source`` has an IPv6 packet without a source compared by the one it
    would get.
    """

    version: int
    priority: int
    action: RuleAction
    target: int = 0
    source: Network | None = None
    destination: Network | None = None
    protocol: int = 0
    source_port: int = 0
    destination_port: int = 0
    mark: int = 0
    arriving_on: str = ""
    but_default: bool = False
    finds_source: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Describe a table's route to a device, or (None) to nowhere, as a last resort.

    ``destination`` None means the default route. ``source`` is the address that packets get which
    have none yet.
    """

    version: int
    table: int
    device: str | None
    destination: Network | None = None
    source: Address | None = None


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """Describe an address of a device; its prefix alone brings no route."""

    device: str
    address: Address
    prefix_length: int


Item = Rule | Route | DeviceAddress


@dataclass(frozen=True, slots=True)
class Add:
    """Ask for a rule, route or address; FileExistsError when it is there already."""

    item: Item


@dataclass(frozen=True, slots=True)
class Remove:
    """Ask for a rule, route or address to go; removing what is not there is no error."""

    item: Item


class Privileged(Protocol):
    """Carry out privileged acts; each raises OSError as the system call would."""

    def bind_udp(self, request: BindUdp) -> socket:
        """Give a bound, non-blocking UDP socket."""

    def open_raw_esp(self, request: OpenRawEsp) -> socket:
        """Give a non-blocking raw socket of IP protocol 50."""

    def watch_addresses(self, request: WatchAddresses) -> socket:
        """Give a non-blocking netlink socket; what it says matters less than that it speaks."""

    def open_tun(self, request: OpenTun) -> int:
        """Give the non-blocking descriptor of a new TUN device; closing it removes the device."""

    def open_file(self, request: OpenFile) -> int:
        """Give a descriptor of the file."""

    def list_directory(self, request: ListDirectory) -> tuple[str, ...]:
        """Give the names in order, which ``open_file`` may still refuse."""

    def make_fifo(self, request: MakeFifo) -> int:
        """Give a non-blocking descriptor of the FIFO, open for reading and writing."""

    def replace_file(self, request: ReplaceFile) -> None:
        """Replace the file in one step; what is not ours is refused."""

    def remove_file(self, request: RemoveFile) -> None:
        """Remove the file; removing what is not there is no error."""

    def change(self, request: Add | Remove | SetMtu) -> None:
        """Change routes, rules, addresses or a device."""

    def tables_in_rules(self) -> frozenset[int]:
        """Name the routing tables any rule looks up."""

    def close(self) -> None:
        """Give back what the implementation itself holds."""
