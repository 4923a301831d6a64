"""Write configurations for simulated hosts as an administrator would, and read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from isakmpd.config.model import Configuration
from isakmpd.config.read import parse
from isakmpd.wire.addresses import Address

DEFAULTS = {
    "retransmits": "3",
    "check": "60",
    "dpd": "10",
    "keepalive": "20",
    "phase_1": "3600",
    "phase_2": "1200",
    "exchange": "ID_PROT",
    "peer_tags": "",
    "key": "mekmitasdigoat",
    "transforms": "AES-128-SHA",
    "suites": "QM-ESP-AES-128-SHA-PFS-SUITE",
    "connection_tags": "",
    "more": "",
}
MODES = {"ID_PROT": "main-mode", "AGGRESSIVE": "aggressive-mode"}


@dataclass(frozen=True, slots=True)
class Peering:
    """Say which peer a section is for; ``address`` None: whoever comes (the Default peer)."""

    section: str
    address: Address | None


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Say what one connection protects; a ``client`` None is the host itself.

    A client is an address or, with a ``/``, a network.
    """

    section: str
    peer: str
    local: str | None
    remote: str | None
    always_up: bool
    protocol: str = ""  # of the clients, as IPsec-ID sections write it
    port: str = ""


_GENERAL = """\
[General]
Retransmits= {retransmits}
Check-interval= {check}
DPD-check-interval= {dpd}
NAT-T-Keepalive= {keepalive}
Default-phase-1-lifetime= {phase_1}
Default-phase-2-lifetime= {phase_2}
Use-Keynote= no
"""
_PEER = """\
[{section}]
Phase= 1
{address}
Configuration= {mode}
Authentication= {key}
{peer_tags}
"""
_PHASE_1 = """\
[{mode}]
DOI= IPSEC
EXCHANGE_TYPE= {exchange}
Transforms= {transforms}
"""
_TUNNEL = """\
[{section}]
Phase= 2
ISAKMP-peer= {peer}
Configuration= quick-mode
{clients}
{connection_tags}
"""
_PHASE_2 = """\
[quick-mode]
DOI= IPSEC
EXCHANGE_TYPE= QUICK_MODE
Suites= {suites}

{more}
"""


def configuration(
    name: str, peers: Iterable[Peering], tunnels: Iterable[Tunnel], tags: Mapping[str, str]
) -> Configuration:
    """Configure a host; ``tags`` replace DEFAULTS. Raises ValueError for what cannot be read."""
    values = {**DEFAULTS, **tags}
    values["mode"] = MODES[values["exchange"]]
    peers, tunnels = tuple(peers), tuple(tunnels)
    parts = [_GENERAL.format(**values), *_lists(peers, tunnels)]
    for peer in peers:
        address = f"Address= {peer.address}" if peer.address is not None else ""
        parts.append(_PEER.format(section=peer.section, address=address, **values))
    for tunnel in tunnels:
        parts += _sections(tunnel, values["connection_tags"])
    parts += [_PHASE_1.format(**values), _PHASE_2.format(**values)]
    found = parse("\n".join(parts), f"{name}.conf")
    if found.problems:
        raise ValueError(f"{name}: {found.problems[0]}")
    return found


def _lists(peers: tuple[Peering, ...], tunnels: tuple[Tunnel, ...]) -> list[str]:
    known = [f"{peer.address or 'Default'}= {peer.section}" for peer in peers]
    up = ",".join(tunnel.section for tunnel in tunnels if tunnel.always_up)
    passive = ",".join(tunnel.section for tunnel in tunnels if not tunnel.always_up)
    return [
        "\n".join(("[Phase 1]", *known, "")),
        "[Phase 2]\n" + (f"Connections= {up}\n" if up else ""),
        f"Passive-connections= {passive}\n" if passive else "",
    ]


def _sections(tunnel: Tunnel, tags: str) -> list[str]:
    clients = {"Local-ID": tunnel.local, "Remote-ID": tunnel.remote}
    names = {tag: f"{tunnel.section}-{tag.lower()}" for tag in clients}
    named = "\n".join(f"{tag}= {names[tag]}" for tag, client in clients.items() if client)
    return [
        _TUNNEL.format(
            section=tunnel.section,
            peer=tunnel.peer,
            clients=named,
            connection_tags=tags,
        ),
        *(_client(names[tag], client, tunnel) for tag, client in clients.items() if client),
    ]


def _client(name: str, client: str, tunnel: Tunnel) -> str:
    address, _, netmask = client.partition("/")
    lines = [f"[{name}]"]
    if netmask:
        lines += ["ID-type= IPV4_ADDR_SUBNET", f"Network= {address}", f"Netmask= {netmask}"]
    else:
        lines += ["ID-type= IPV4_ADDR", f"Address= {address}"]
    if tunnel.protocol:
        lines += [f"Protocol= {tunnel.protocol}", f"Port= {tunnel.port}"]
    return "\n".join((*lines, ""))
