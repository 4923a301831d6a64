"""A lab with a NAT on the way: the west gateway has a private address, as behind a home router.

The router gives every flow another source port, so that nobody gets by with answering to 4500.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lab.gateways import EAST_LAN, EAST_NET, EAST_WAN, WEST_LAN, WEST_NET, WEST_WAN, TwoGateways
from lab.link import Port, connect
from lab.namespace import Namespace

WEST_PRIVATE = "172.16.0.2"
ROUTER_PRIVATE = "172.16.0.1"
MASQUERADE = """\
table ip nat {
    chain leaving {
        type nat hook postrouting priority srcnat;
        oifname outside masquerade random
    }
}
"""


@contextlib.contextmanager
def across_nat() -> Iterator[TwoGateways]:
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
        yield TwoGateways(west, east, west, east, folder)
