"""Write configurations for two simulated gateways, west and east, with a LAN behind each."""

from __future__ import annotations

from ipaddress import IPv4Address

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse

WEST = IPv4Address("192.0.2.1")
EAST = IPv4Address("192.0.2.2")
ADDRESSES = {"west": WEST, "east": EAST}
HOSTS = {"west": IPv4Address("10.1.0.7"), "east": IPv4Address("10.2.0.7")}

_TEMPLATE = """\
[General]
Retransmits= {retransmits}
Check-interval= {check}
DPD-check-interval= {dpd}
Default-phase-1-lifetime= {phase_1}
Default-phase-2-lifetime= {phase_2}
Use-Keynote= no

[Phase 1]
{remote}= peer

[Phase 2]
{role}= lan

[peer]
Phase= 1
Address= {remote}
Configuration= main-mode
Authentication= {key}
{peer_tags}

[main-mode]
DOI= IPSEC
EXCHANGE_TYPE= ID_PROT
Transforms= {transforms}

[lan]
Phase= 2
ISAKMP-peer= peer
Configuration= quick-mode
Local-ID= here
Remote-ID= there

[here]
ID-type= IPV4_ADDR_SUBNET
Network= {local_net}
Netmask= 255.255.255.0

[there]
ID-type= IPV4_ADDR_SUBNET
Network= {remote_net}
Netmask= 255.255.255.0

[quick-mode]
DOI= IPSEC
EXCHANGE_TYPE= QUICK_MODE
Suites= {suites}

{more}
"""

_DEFAULTS = {
    "retransmits": "3",
    "check": "60",
    "dpd": "10",
    "phase_1": "3600",
    "phase_2": "1200",
    "peer_tags": "",
    "key": "mekmitasdigoat",
    "transforms": "AES-128-SHA",
    "more": "",
    "suites": "QM-ESP-AES-128-SHA-PFS-SUITE",
}


def gateway(side: str, *, always_up: bool, **tags: str) -> Configuration:
    """Configure ``west`` or ``east``; further tags replace the template's values."""
    west = side == "west"
    values = {
        **_DEFAULTS,
        "remote": str(EAST if west else WEST),
        "role": "Connections" if always_up else "Passive-connections",
        "local_net": "10.1.0.0" if west else "10.2.0.0",
        "remote_net": "10.2.0.0" if west else "10.1.0.0",
        **tags,
    }
    configuration = parse(_TEMPLATE.format(**values), f"{side}.conf")
    if configuration.problems:
        raise ValueError(f"{side}: {configuration.problems[0]}")
    return configuration
