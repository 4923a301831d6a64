"""A daemon follows the addresses of its host: nobody restarts it or tells it to look."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest

from lab.deadline import until
from lab.gateways import EAST_LAN, EAST_WAN, INNER, WEST_LAN, WEST_WAN, TwoGateways, two_gateways
from lab.isakmpd import Isakmpd
from lab.link import Port, connect
from lab.ping import PATTERN, ping
from lab.proof import prove_encrypted
from lab.traffic import Kind

pytestmark = pytest.mark.namespaces

SOON = 5  # seconds, half of what looking from time to time would take at worst
NEW_WAN = "192.0.2.7"
FAR_EAST = "203.0.113.2"
WEST_FIXED, EAST_FIXED = "198.51.100.1", "198.51.100.2"
STEADY_WEST, STEADY_EAST = "10.1.9.1", "10.2.9.1"

MODES = """
[main-mode]
EXCHANGE_TYPE=		ID_PROT
Transforms=		AES-SHA-GRP14

[quick-mode]
EXCHANGE_TYPE=		QUICK_MODE
Suites=			QM-ESP-AES-SHA-SUITE

[west-id]
ID-type=		FQDN
Name=			west.example.org

[west-lan]
ID-type=		IPV4_ADDR_SUBNET
Network=		10.1.0.0
Netmask=		255.255.255.0

[east-lan]
ID-type=		IPV4_ADDR_SUBNET
Network=		10.2.0.0
Netmask=		255.255.255.0

[steady-west]
ID-type=		IPV4_ADDR
Address=		10.1.9.1

[steady-east]
ID-type=		IPV4_ADDR
Address=		10.2.9.1
"""

WEST = """
[General]
{listen_on}

[Phase 1]
192.0.2.2=		east

[Phase 2]
Connections=		moving{more}

[east]
Phase=			1
Address=		192.0.2.2
{local_address}
Configuration=		main-mode
Authentication=		sesam
ID=			west-id

[moving]
Phase=			2
ISAKMP-peer=		east
Configuration=		quick-mode
Local-ID=		west-lan
Remote-ID=		east-lan

[steady-peer]
Phase=			1
Address=		198.51.100.2
Local-address=		198.51.100.1
Configuration=		main-mode
Authentication=		simsalabim

[steady]
Phase=			2
ISAKMP-peer=		steady-peer
Configuration=		quick-mode
Local-ID=		steady-west
Remote-ID=		steady-east
"""

EAST = """
[Phase 1]
Default=		west
198.51.100.1=		steady-peer

[Phase 2]
Passive-connections=	moving,steady

[west]
Phase=			1
Configuration=		main-mode
Authentication=		sesam
Remote-ID=		west-id

[moving]
Phase=			2
ISAKMP-peer=		west
Configuration=		quick-mode
Local-ID=		east-lan
Remote-ID=		west-lan

[steady-peer]
Phase=			1
Address=		198.51.100.1
Configuration=		main-mode
Authentication=		simsalabim

[steady]
Phase=			2
ISAKMP-peer=		steady-peer
Configuration=		quick-mode
Local-ID=		steady-east
Remote-ID=		steady-west
"""


def west_configuration(
    listen_on: str = "Listen-on= wan,fixed",
    local_address: str = "Local-address= wan",
    more: str = "",
) -> str:
    """Write west's side; ``more`` continues the list of connections."""
    return WEST.format(listen_on=listen_on, local_address=local_address, more=more).lstrip() + MODES


def spis(isakmpd: Isakmpd, connection: str) -> set[str]:
    """Name the SPIs of a connection."""
    blocks = isakmpd.show().split("\n\n")
    of_it = "".join(block for block in blocks if f"SA name: {connection} (Phase 2)" in block)
    return set(re.findall(r"SPI \d: ([0-9a-f]+)", of_it))


def sockets(isakmpd: Isakmpd) -> set[str]:
    """List the addresses on which UDP port 500 is bound, as ss(8) shows them."""
    shown = isakmpd.namespace.run("ss", "-Huln").stdout
    bound = [line.split()[3] for line in shown.splitlines()]
    return {where.removesuffix(":500") for where in bound if where.endswith(":500")}


@dataclass(frozen=True, slots=True)
class Hosts:
    """Two gateways with a second cable between them, and east's daemon."""

    lab: TwoGateways
    east: Isakmpd

    def west(self, configuration: str, *options: str) -> Isakmpd:
        """Make west's daemon."""
        return Isakmpd(self.lab.west, self.lab.folder, configuration, ("-K", *options))


@contextlib.contextmanager
def hosts() -> Iterator[Hosts]:
    """Build the lab and start east."""
    with two_gateways(hosts=False) as lab:
        connect(
            Port(lab.west, "fixed", (f"{WEST_FIXED}/24",)),
            Port(lab.east, "fixed", (f"{EAST_FIXED}/24",)),
        )
        lab.west.address(f"{STEADY_WEST}/32")
        lab.east.address(f"{STEADY_EAST}/32")
        with Isakmpd(lab.east, lab.folder, EAST.lstrip() + MODES) as east:
            yield Hosts(lab, east)


def crosses(lab: TwoGateways) -> None:
    """Prove that pings cross, and encrypted."""
    with lab.capture() as wire:
        echoes = ping(lab.west, EAST_LAN, lab.folder, count=3, source=WEST_LAN)
    assert echoes.received == 3
    prove_encrypted(wire.packets, inner=INNER, pattern=PATTERN, sent=3, received=3)


def test_addresses_of_a_listed_interface_come_and_go() -> None:
    """Of either family, link-local ones with their scope; other interfaces are left alone."""
    with hosts() as here:
        west = here.lab.west
        west.sysctl("ipv6.conf.wan.disable_ipv6", 0)
        with here.west(west_configuration("Listen-on= wan"), "-n") as daemon:
            assert sockets(daemon) == {WEST_WAN}
            west.address("192.0.2.9/24", "wan")
            until(lambda: sockets(daemon) == {WEST_WAN, "192.0.2.9"}, SOON, "a second address")
            west.address("2001:db8::1/64", "wan")
            west.address("fe80::1/64", "wan")
            six = {"[2001:db8::1]", "[fe80::1]%wan"}
            until(lambda: sockets(daemon) == {WEST_WAN, "192.0.2.9"} | six, SOON, "IPv6 addresses")
            west.ip("address", "del", "192.0.2.9/24", "dev", "wan")
            west.ip("address", "del", "fe80::1/64", "dev", "wan")
            until(lambda: sockets(daemon) == {WEST_WAN, "[2001:db8::1]"}, SOON, "two fewer")
            for line in (
                "udp: listening on 192.0.2.9, which has appeared",
                "udp: listening on 192.0.2.9 no longer, this host has it no more",
            ):
                assert daemon.log().count(line) == 1


def test_a_listed_address_comes_and_goes() -> None:
    """By number it is the same: while it is with another host no socket waits for it."""
    with hosts() as here, here.west(west_configuration(f"Listen-on= {NEW_WAN}"), "-n") as daemon:
        west = here.lab.west
        assert sockets(daemon) == set()
        west.address(f"{NEW_WAN}/24", "wan")
        until(lambda: sockets(daemon) == {NEW_WAN}, SOON, "the address")
        west.ip("address", "del", f"{NEW_WAN}/24", "dev", "wan")
        until(lambda: sockets(daemon) == set(), SOON, "no address")


def test_a_family_not_spoken_is_not_bound() -> None:
    """-4 and -6 hold for interfaces, too."""
    with hosts() as here:
        here.lab.west.sysctl("ipv6.conf.wan.disable_ipv6", 0)
        here.lab.west.address("2001:db8::1/64", "wan")
        for option, bound in (("-4", {WEST_WAN}), ("-6", {"[2001:db8::1]"})):
            with here.west(west_configuration("Listen-on= wan"), "-n", option) as daemon:
                assert sockets(daemon) == bound


def test_an_interface_that_appears_later_is_used() -> None:
    """Until then the peer is left out with a sentence that names the line, and all else works."""
    configuration = west_configuration("Listen-on= ppp0,fixed", "Local-address= ppp0", ",steady")
    with hosts() as here:
        west = here.lab.west
        west.ip("link", "set", "wan", "down")
        west.ip("address", "flush", "dev", "wan")
        with here.west(configuration) as daemon:
            daemon.wait_tunnel("steady")
            steady = spis(daemon, "steady")
            assert len(steady) == 2
            assert "[east]:Local-address= ppp0: expected an" in daemon.log()
            west.ip("link", "set", "wan", "name", "ppp0")
            west.ip("link", "set", "ppp0", "up")
            west.address(f"{WEST_WAN}/24", "ppp0")
            daemon.wait_tunnel("moving", SOON)
            assert "the configuration follows the interfaces: ppp0 has 192.0.2.1" in daemon.log()
            assert spis(daemon, "steady") == steady


def test_a_tunnel_follows_the_address_of_its_interface() -> None:
    """As DHCP changes it; the other tunnel and what C commands have set do not notice."""
    with hosts() as here, here.west(west_configuration(more=",steady")) as daemon:
        west = here.lab.west
        daemon.wait_tunnel("moving")
        daemon.wait_tunnel("steady")
        moving, steady = spis(daemon, "moving"), spis(daemon, "steady")
        daemon.command("C set [General]:Retransmits=7 force")
        assert daemon.ask("C get [General]:Retransmits") == "7\n"
        west.ip("address", "del", f"{WEST_WAN}/24", "dev", "wan")
        daemon.wait_log(f"udp: listening on {WEST_WAN} no longer", SOON)
        assert spis(daemon, "moving") == moving, "without an address nothing better is to be had"
        west.address(f"{NEW_WAN}/24", "wan")
        west.ip("route", "replace", "default", "via", EAST_WAN)
        changed = f"the configuration follows the interfaces: wan has {NEW_WAN} instead of"
        daemon.wait_log(f"{changed} {WEST_WAN}", SOON)
        until(lambda: len(spis(daemon, "moving") - moving) == 2, SOON, "the tunnel from elsewhere")
        assert f"src: {NEW_WAN} dst: {EAST_WAN}" in daemon.log()
        until(lambda: spis(here.east, "moving") == spis(daemon, "moving"), SOON, "one pair")
        assert spis(daemon, "steady") == steady == spis(here.east, "steady")
        assert daemon.ask("C get [General]:Retransmits") == "7\n"
        assert "Cannot assign" not in daemon.log()
        crosses(here.lab)


def test_a_tunnel_without_local_address_leaves_an_address_that_is_gone() -> None:
    """It begins anew at once from where the peer is reached now; DPD would take a minute."""
    with hosts() as here, here.west(west_configuration("", "", ",steady")) as daemon:
        west = here.lab.west
        daemon.wait_tunnel("moving")
        daemon.wait_tunnel("steady")
        moving, steady = spis(daemon, "moving"), spis(daemon, "steady")
        west.ip("address", "del", f"{WEST_WAN}/24", "dev", "wan")
        west.address(f"{NEW_WAN}/24", "wan")
        west.ip("route", "replace", "default", "via", EAST_WAN)
        until(lambda: len(spis(daemon, "moving") - moving) == 2, SOON, "the tunnel from elsewhere")
        assert f"east: this host no longer has {WEST_WAN}" in daemon.log()
        until(lambda: spis(here.east, "moving") == spis(daemon, "moving"), SOON, "one pair")
        assert spis(daemon, "steady") == steady == spis(here.east, "steady")
        crosses(here.lab)


def test_an_address_that_comes_back_finds_its_tunnel() -> None:
    """Taken away for a moment, with nothing in its place, it costs packets but no SA."""
    with hosts() as here, here.west(west_configuration("", "")) as daemon:
        west = here.lab.west
        daemon.wait_tunnel("moving")
        before = spis(daemon, "moving")
        west.ip("address", "del", f"{WEST_WAN}/24", "dev", "wan")
        time.sleep(1)  # until the daemon has looked
        west.address(f"{WEST_WAN}/24", "wan")
        west.ip("route", "replace", "default", "via", EAST_WAN)
        crosses(here.lab)
        assert spis(daemon, "moving") == before


def test_a_local_address_that_is_not_listened_on_is_one_sentence() -> None:
    """The connection begins as soon as there is such an address, not at its next try."""
    local = f"Local-address= {NEW_WAN}"
    with hosts() as here, here.west(west_configuration(f"Listen-on= {NEW_WAN}", local)) as daemon:
        daemon.wait_log("phase 1 does not begin")
        (line,) = re.findall(r"east: phase 1 does not begin: (.*)", daemon.log())
        assert line == (
            f"it would begin at {NEW_WAN}, where isakmpd does not listen: the host has no such"
            " address ([east]:Local-address decides), or [General]:Listen-on leaves it out"
        )
        here.lab.west.address(f"{NEW_WAN}/24", "wan")
        daemon.wait_tunnel("moving", SOON - 1)  # the first retry comes after 5 s


def test_ike_leaves_beside_a_tunnel_of_everything() -> None:
    """The tunnel takes the default route's place, on which alone its own peer is reached."""
    everything = re.sub(r"10\.[12]\.0\.0|255\.255\.255\.0", str(IPv4Address(0)), MODES)
    configuration = west_configuration().replace(MODES, everything).replace(EAST_WAN, FAR_EAST)
    with hosts() as here:
        here.east.configure(EAST.lstrip() + everything)
        here.east.command("R")
        here.lab.east.address(f"{FAR_EAST}/32")
        with here.west(configuration) as daemon:
            daemon.wait_tunnel("moving")
            assert "dev isakmpd0" in here.lab.west.ip("route", "get", FAR_EAST)
            before = daemon.log().count("phase 1 done")
            with here.lab.capture() as wire:
                daemon.command("t main east")
                daemon.command("c moving")
                until(lambda: daemon.log().count("phase 1 done") > before, 20, "phase 1 anew")
                echoes = ping(here.lab.west, EAST_LAN, here.lab.folder, 2, source=WEST_LAN)
            assert echoes.received == 2
            kinds = {packet.kind for packet in wire.packets}
            assert {Kind.IKE, Kind.ESP} <= kinds <= {Kind.IKE, Kind.ESP, Kind.NEIGHBOUR}
            assert "dst: " + FAR_EAST in daemon.log()
