"""Check this machine against what a daemon would ask of it; nothing is bound to find out."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from isakmpd.daemon.fifo import STANDARD_INPUT, has_reader
from isakmpd.daemon.findings import COMMAND_LINE, Finding, Subject, warning_about
from isakmpd.daemon.interfaces import addresses_of_interface
from isakmpd.daemon.listen_on import DECIDES, Wanted, numbered, wanted
from isakmpd.daemon.run_files import read_pid
from isakmpd.ipsec.choice import StackKind, choose_stack
from isakmpd.wire.addresses import Address

_TUN: Final = Path("/dev/net/tun")
_UDP_TABLES: Final = {4: Path("/proc/net/udp"), 6: Path("/proc/net/udp6")}
_LOOPBACK: Final = "127."
_BYTE_ORDER: Final = sys.byteorder


def running(subject: Subject) -> Iterator[Finding]:
    """Warn that a daemon runs: its files and ports are taken until it ends."""
    if process := _running(subject):
        directory = subject.options.run_directory
        yield warning_about(directory, f"a running isakmpd ({process}) uses this run directory")


def listen_on(subject: Subject) -> Iterator[Finding]:
    """Warn of addresses and interfaces in Listen-on that are not here."""
    asked = subject.configuration.general.listen_on
    places = _wanted(subject)
    for complaint in places.complaints:
        yield subject.warning("General", "Listen-on", complaint.removeprefix("udp: "))
    here = _addresses_here()
    for address in sorted(places.listed, key=str):
        if address.version not in subject.options.families:
            text = f"{DECIDES}= {address}: the command line leaves its family out"
            yield subject.warning("General", "Listen-on", text)
        elif not _is_here(address, here):
            text = f"{DECIDES}= {address}: this host does not have it (yet)"
            yield subject.warning("General", "Listen-on", text)
    if asked and not places.addresses:
        yield subject.warning("General", "Listen-on", f"{DECIDES} leaves nowhere to listen")


def local_addresses(subject: Subject) -> Iterator[Finding]:
    """Warn of a Local-address that is not here, or that Listen-on leaves out."""
    here, listening = _addresses_here(), _wanted(subject).addresses
    for peer in subject.configuration.peers.values():
        address = peer.local_address
        if address is None:
            continue
        where = f"[{peer.section}]:Local-address= {address}"
        if not _is_here(address, here):
            text = f"{where}: this host does not have it (yet)"
            yield subject.warning(peer.section, "Local-address", text)
        elif address not in listening and not any(one.is_unspecified for one in listening):
            text = f"{where}: {DECIDES} does not have it"
            yield subject.warning(peer.section, "Local-address", text)


def ports(subject: Subject) -> Iterator[Finding]:
    """Warn of ports that another program holds."""
    if _running(subject):
        return
    options = subject.options
    wanted_ports = {"-p": options.port, "-N": options.nat_t_port}
    if not options.nat_traversal:
        del wanted_ports["-N"]
    listening = _wanted(subject).addresses
    held: dict[tuple[str, str], None] = {}
    for flag, port in wanted_ports.items():
        for holder in _holders(port):
            if any(holder.hinders(address) for address in listening):
                held[flag, f"UDP port {port} is held by {holder.program}"] = None
    for flag, text in held:
        yield warning_about(COMMAND_LINE, f"{text}; end it, or name another port with {flag}")


def tun(subject: Subject) -> Iterator[Finding]:
    """Warn where the userspace stack finds no TUN device to carry packets through."""
    with suppress(ValueError):
        stack = subject.configuration.general.ipsec_stack
        choice = choose_stack(stack, kernel_takes_part=subject.options.kernel_takes_part)
        if choice.kind is StackKind.USERSPACE and not _TUN.exists():
            yield warning_about(
                _TUN, "there is no TUN device, which the userspace stack takes: modprobe tun"
            )


@dataclass(frozen=True, slots=True)
class _Holder:
    """Hold a UDP socket of somebody's; ``inode`` names it."""

    address: Address
    inode: str

    def hinders(self, address: Address) -> bool:
        """Tell whether ``address`` and the same port cannot be bound beside it."""
        if self.address.version != address.version:
            return self.address.version == 6 and self.address.is_unspecified
        return self.address == address or self.address.is_unspecified or address.is_unspecified

    @property
    def program(self) -> str:
        """Name the program, as far as this process may know."""
        for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
            with suppress(OSError):
                if str(descriptor.readlink()) == f"socket:[{self.inode}]":
                    process = descriptor.parts[2]
                    name = Path("/proc", process, "comm").read_text(errors="replace").strip()
                    return f"{name} (process {process})"
        return "another program"


def _holders(port: int) -> Iterator[_Holder]:
    for version, table in _UDP_TABLES.items():
        try:
            lines = table.read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for row in (line.split() for line in lines):
            octets, _, number = row[1].partition(":")
            if int(number, 16) == port:
                yield _Holder(_address_in_table(octets, version), row[9])


def _address_in_table(text: str, version: int) -> Address:
    """Read an address as the kernel prints it: words of four octets, each in its own order."""
    octets = bytes.fromhex(text)
    words = [int.from_bytes(octets[at : at + 4]) for at in range(0, len(octets), 4)]
    packed = b"".join(word.to_bytes(4, _BYTE_ORDER) for word in words)
    return IPv4Address(packed) if version == 4 else IPv6Address(packed)


def _running(subject: Subject) -> str:
    """Say which process reads the FIFO or has left its number and lives; empty for none."""
    paths = subject.options.paths
    process = _living(paths.pid)
    if paths.fifo != STANDARD_INPUT:
        read = has_reader(paths.fifo)
        if read is not None:
            return (process or "its process is unknown") if read else ""
    return process


def _living(pid_file: Path) -> str:
    number = read_pid(pid_file)
    alive = number is not None and Path("/proc", str(number)).exists()
    return f"process {number}" if alive else ""


def _wanted(subject: Subject) -> Wanted:
    asked, families = subject.configuration.general.listen_on, subject.options.families
    return wanted(asked, families, addresses_of_interface)


def _addresses_here() -> frozenset[Address]:
    names = [name for _, name in socket.if_nameindex()]
    return frozenset(address for name in names for address in addresses_of_interface(name))


def _is_here(address: Address, here: frozenset[Address]) -> bool:
    return address.is_unspecified or numbered(address) in here or str(address).startswith(_LOOPBACK)
