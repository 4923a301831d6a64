"""Labs with NATs on the way: hosts have private addresses, as behind a home router.

A router gives every flow another source port, so that nobody gets by with answering to 4500.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.gateways import EAST_LAN, EAST_NET, EAST_WAN, WEST_LAN, WEST_NET, WEST_WAN, TwoGateways
from lab.link import Port, connect
from lab.namespace import Namespace
from lab.traffic import Packet

WEST_PRIVATE = "172.16.0.2"
ANOTHER_PUBLIC = "192.0.2.9"
ICMP, UNREACHABLE = 1, 3
ROUTER_PRIVATE = "172.16.0.1"
MASQUERADE = """\
table ip nat {
    chain leaving {
        type nat hook postrouting priority srcnat;
        oifname outside masquerade random
    }
}
"""


@dataclass(frozen=True, slots=True)
class AcrossNat(TwoGateways):
    """Two gateways, the west one behind a router."""

    router: Namespace

    def rebind(self, address: str = WEST_WAN) -> None:
        """Give the router a public address, be it the same: every flow is translated anew.

        A device that loses its address takes along what was translated to it.
        """
        for words in (("flush",), ("add", f"{address}/24")):
            self.router.ip("-4", "address", *words, "dev", "outside")

    def is_complaint(self, packet: Packet) -> bool:
        """Tell whether the router says that nobody is where a packet was sent."""
        of_router = packet.source in (WEST_WAN, ANOTHER_PUBLIC)
        return of_router and (packet.octets[9], packet.octets[20]) == (ICMP, UNREACHABLE)


@contextlib.contextmanager
def across_nat() -> Iterator[AcrossNat]:
    """Build the lab and take it down at exit; the LANs are addresses of the gateways themselves.

    The router passes clear traffic between the LANs too, so that a tunnel that is not there shows.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isakmpd-lab-")))
        west, router, east = (
            stack.enter_context(Namespace(label)) for label in ("west", "router", "east")
        )
        for host in (west, router, east):
            host.forward()
        inside = Port(router, "inside", (f"{ROUTER_PRIVATE}/24",))
        connect(Port(west, "wan", (f"{WEST_PRIVATE}/24",)), inside)
        connect(
            Port(east, "wan", (f"{EAST_WAN}/24",)), Port(router, "outside", (f"{WEST_WAN}/24",))
        )
        west.route("default", ROUTER_PRIVATE)
        east.route("default", WEST_WAN)
        router.route(WEST_NET, WEST_PRIVATE)
        router.route(EAST_NET, EAST_WAN)
        west.address(f"{WEST_LAN}/32")
        east.address(f"{EAST_LAN}/32")
        router.run("nft", "-f", "-", stdin=MASQUERADE)
        yield AcrossNat(west, east, west, east, folder, router)


HOME, OFFICE = "192.0.2.1", "192.0.2.2"  # the routers' public addresses
CLIENTS = {"alice": "172.16.0.2", "bob": "172.16.0.3"}
SERVER = "172.17.0.2"
PORT_FORWARDING = f"""\
table ip nat {{
    chain arriving {{
        type nat hook prerouting priority dstnat;
        iifname outside udp dport {{ 500, 4500 }} dnat to {SERVER}
    }}
    chain leaving {{
        type nat hook postrouting priority srcnat;
        oifname outside masquerade
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Office:
    """Two clients behind one NAT, a server behind another that forwards ports 500 and 4500."""

    alice: Namespace
    bob: Namespace
    home: Namespace
    office: Namespace
    server: Namespace
    folder: Path

    def clients(self) -> tuple[Namespace, Namespace]:
        """Give both clients."""
        return self.alice, self.bob


@contextlib.contextmanager
def clients_and_server_behind_nats() -> Iterator[Office]:
    """Build the lab and take it down at exit; nothing but ports 500 and 4500 reaches the server."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isakmpd-lab-")))
        alice, bob, home, office, server = (
            stack.enter_context(Namespace(label))
            for label in ("alice", "bob", "home", "office", "server")
        )
        for router in (home, office):
            router.forward()
        _bridge(home, "inside", "172.16.0.1/24")
        for client in (alice, bob):
            connect(
                Port(client, "wan", (f"{CLIENTS[client.label]}/24",)), Port(home, client.label, ())
            )
            home.ip("link", "set", client.label, "master", "inside")
            client.route("default", "172.16.0.1")
        connect(Port(server, "wan", (f"{SERVER}/24",)), Port(office, "inside", ("172.17.0.1/24",)))
        server.route("default", "172.17.0.1")
        connect(Port(home, "outside", (f"{HOME}/24",)), Port(office, "outside", (f"{OFFICE}/24",)))
        home.run("nft", "-f", "-", stdin=MASQUERADE)
        office.run("nft", "-f", "-", stdin=PORT_FORWARDING)
        yield Office(alice, bob, home, office, server, folder)


def _bridge(router: Namespace, name: str, cidr: str) -> None:
    router.ip("link", "add", "name", name, "type", "bridge")
    router.silence_ipv6(name)
    router.ip("link", "set", "dev", name, "up")
    router.address(cidr, name)
