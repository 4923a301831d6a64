"""The lab most tests use: two gateways on one wire, a LAN behind each."""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.capture import Capture
from lab.link import Port, connect
from lab.namespace import Namespace

WEST_WAN, EAST_WAN = "192.0.2.1", "192.0.2.2"
WEST_WAN6, EAST_WAN6 = "2001:db8::1", "2001:db8::2"
WEST_NET, EAST_NET = "10.1.0.0/24", "10.2.0.0/24"
WEST_LAN, EAST_LAN = "10.1.0.1", "10.2.0.1"
WEST_HOST, EAST_HOST = "10.1.0.10", "10.2.0.10"
INNER = (WEST_LAN, EAST_LAN, WEST_HOST, EAST_HOST)


@dataclass(frozen=True, slots=True)
class TwoGateways:
    """Gateways west and east, a host behind each, and a folder for files of this run.

    Without hosts, the LAN is one address on the gateway's `lo` and the host is the gateway.
    """

    west: Namespace
    east: Namespace
    west_host: Namespace
    east_host: Namespace
    folder: Path

    def capture(self) -> Capture:
        """Record the wire between the gateways."""
        return Capture(self.west, "wan", self.folder)


@contextlib.contextmanager
def two_gateways(*, hosts: bool = True, ipv6: bool = False) -> Iterator[TwoGateways]:
    """Build the lab and take it down at exit; with ``ipv6`` the wire between them has it too.

    Each gateway's default route is the other one: without a tunnel the LANs reach each other in
    clear, so that a tunnel that is not there shows.
    """
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="isakmpd-lab-")))
        west, east = (stack.enter_context(Namespace(label)) for label in ("west", "east"))
        ends = (west, WEST_WAN, WEST_WAN6), (east, EAST_WAN, EAST_WAN6)
        one, other = (
            Port(gateway, "wan", (f"{wan}/24", *([f"{wan6}/64"] if ipv6 else ())))
            for gateway, wan, wan6 in ends
        )
        connect(one, other)
        for gateway in (west, east):
            gateway.forward()
        west.route("default", EAST_WAN)
        east.route("default", WEST_WAN)
        if ipv6:
            west.route("default", EAST_WAN6)
            east.route("default", WEST_WAN6)
        if hosts:
            west_host = _host(stack, west, WEST_HOST, WEST_LAN)
            east_host = _host(stack, east, EAST_HOST, EAST_LAN)
        else:
            west_host, east_host = west, east
            west.address(f"{WEST_LAN}/32")
            east.address(f"{EAST_LAN}/32")
        yield TwoGateways(west, east, west_host, east_host, folder)


def _host(stack: contextlib.ExitStack, gateway: Namespace, address: str, router: str) -> Namespace:
    host = stack.enter_context(Namespace(f"{gateway.label}-host"))
    connect(Port(host, "lan", (f"{address}/24",)), Port(gateway, "lan", (f"{router}/24",)))
    host.route("default", router)
    return host
