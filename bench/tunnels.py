"""Many tunnels between two gateways, each between addresses of its own.

So each needs a phase 1 of its own, as tunnels to as many different peers would.
"""

import ipaddress
from dataclasses import dataclass

from lab.gateways import EAST_WAN, WEST_WAN, TwoGateways

_WEST, _EAST = ipaddress.ip_address("198.18.0.0"), ipaddress.ip_address("198.19.0.0")
_WEST_INNER, _EAST_INNER = ipaddress.ip_address("10.1.128.0"), ipaddress.ip_address("10.2.128.0")
SECRET = "mekmitasdigoat"


@dataclass(frozen=True, slots=True)
class Tunnel:
    """One tunnel as one gateway sees it: outer and inner addresses."""

    number: int
    local: str
    remote: str
    local_inner: str
    remote_inner: str

    def mirrored(self) -> "Tunnel":
        """Return the tunnel as the other gateway sees it."""
        return Tunnel(self.number, self.remote, self.local, self.remote_inner, self.local_inner)


@dataclass(frozen=True, slots=True)
class Suite:
    """What both phases negotiate, in each daemon's words."""

    title: str
    transform: str
    quick_mode: str
    ike: str
    esp: str


def tunnels(count: int) -> list[Tunnel]:
    """Number tunnels as the west gateway sees them."""
    bases = _WEST, _EAST, _WEST_INNER, _EAST_INNER
    return [Tunnel(n, *(str(base + n) for base in bases)) for n in range(1, count + 1)]


def give_addresses(lab: TwoGateways, every: list[Tunnel]) -> None:
    """Give both gateways the addresses of all tunnels, on `lo`."""
    for gateway, seen in (
        (lab.west, every),
        (lab.east, [tunnel.mirrored() for tunnel in every]),
    ):
        addresses = [one for tunnel in seen for one in (tunnel.local, tunnel.local_inner)]
        script = "".join(f"address add {address}/32 dev lo\n" for address in addresses)
        gateway.run("ip", "-batch", "-", stdin=script)
    lab.west.route("198.19.0.0/16", EAST_WAN)
    lab.east.route("198.18.0.0/16", WEST_WAN)


def isakmpd_configuration(suite: Suite, seen: list[Tunnel]) -> str:
    """Return an isakmpd.conf; nothing comes up before it is asked for."""
    peers = "".join(f"{tunnel.remote}= peer-{tunnel.number}\n" for tunnel in seen)
    names = ",".join(f"tunnel-{tunnel.number}" for tunnel in seen)
    every = "\n".join(_sections(tunnel) for tunnel in seen)
    return f"""\
[Phase 1]
{peers}
[Phase 2]
Passive-connections= {names}

[main-mode]
EXCHANGE_TYPE= ID_PROT
Transforms= {suite.transform}

[quick-mode]
EXCHANGE_TYPE= QUICK_MODE
Suites= {suite.quick_mode}

{every}"""


def _sections(tunnel: Tunnel) -> str:
    number = tunnel.number
    return f"""\
[peer-{number}]
Phase= 1
Address= {tunnel.remote}
Local-address= {tunnel.local}
Configuration= main-mode
Authentication= {SECRET}

[tunnel-{number}]
Phase= 2
ISAKMP-peer= peer-{number}
Configuration= quick-mode
Local-ID= local-{number}
Remote-ID= remote-{number}

[local-{number}]
ID-type= IPV4_ADDR
Address= {tunnel.local_inner}

[remote-{number}]
ID-type= IPV4_ADDR
Address= {tunnel.remote_inner}
"""


def swanctl_configuration(suite: Suite, seen: list[Tunnel]) -> str:
    """Return a swanctl.conf; nothing comes up before it is asked for."""
    connections = "".join(_connection(suite, tunnel) for tunnel in seen)
    identities = "\n".join(
        f"id-{number} = {address}"
        for number, address in enumerate(
            address for tunnel in seen for address in (tunnel.local, tunnel.remote)
        )
    )
    secrets = f'ike-all {{\n{identities}\nsecret = "{SECRET}"\n}}\n'
    return f"connections {{\n{connections}}}\nsecrets {{\n{secrets}}}\n"


def _connection(suite: Suite, tunnel: Tunnel) -> str:
    return f"""\
peer-{tunnel.number} {{
    version = 1
    local_addrs = {tunnel.local}
    remote_addrs = {tunnel.remote}
    proposals = {suite.ike}
    local {{
        auth = psk
        id = {tunnel.local}
    }}
    remote {{
        auth = psk
        id = {tunnel.remote}
    }}
    children {{
        tunnel-{tunnel.number} {{
            local_ts = {tunnel.local_inner}/32
            remote_ts = {tunnel.remote_inner}/32
            esp_proposals = {suite.esp}
        }}
    }}
}}
"""
