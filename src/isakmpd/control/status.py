"""Tell programs how the daemon is: the JSON that ``s`` writes.

Its keys and words are an interface: they may be added to, and never change their meaning. Times
are seconds from now, key lengths bits, SPIs and cookies hexadecimal; null is what is not known or
does not apply. Text from peers is as they sent it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

from isakmpd.config.model import Configuration, Connection
from isakmpd.control.result import AUTHENTICATION_NAMES, ENCRYPTION_NAMES
from isakmpd.ike.ipsec import SaPair, SaUsage
from isakmpd.ike.snapshot import (
    ConnectionSnapshot,
    ExchangeSnapshot,
    IpsecSaSnapshot,
    IsakmpSaSnapshot,
    SaFlags,
    Snapshot,
)
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import EspTransform, Protocol


@dataclass(frozen=True, slots=True)
class DaemonFacts:
    """Hold what only the daemon knows of itself; ``uptime`` in seconds."""

    version: str
    process_id: int
    uptime: float
    stack: str
    run_directory: Path
    configuration_file: Path
    capture: Path | None
    log_levels: Mapping[int, int]


class SaStatus(TypedDict):
    """Show a pair of IPsec SAs; of a bundle the algorithms and SPIs of ESP, else of AH.

    ``protocol`` names all protocols of the bundle, joined by ``+``. ``src`` is this host's end,
    ``initiator`` tells whether this host began the pair.
    """

    spi_in: str
    spi_out: str
    protocol: str
    encryption: str
    key_length: int | None
    authentication: str
    src: str
    src_port: int
    dst: str
    dst_port: int
    nat_t: bool
    initiator: bool
    octets_in: int | None
    octets_out: int | None
    packets_in: int | None
    packets_out: int | None
    soft_in: float | None
    hard_in: float | None


class ConnectionStatus(TypedDict):
    """Show a configured connection.

    ``state``: ``up``; ``negotiating``; ``waiting`` for the next try, a packet or the peer, with
    nobody's help; ``down``: ``c`` begins it, or the peer. ``mode``: ``always`` up, ``on-demand``,
    ``passive`` (the peer begins), ``manual`` (not listed, or taken down by hand). ``local`` and
    ``remote`` are what it protects, empty where only the SA will tell.
    """

    name: str
    peer: str
    state: str
    mode: str
    local: str
    remote: str
    failure: str
    next_check_in: float | None
    sas: list[SaStatus]


class PeerStatus(TypedDict):
    """Show an ISAKMP SA; ``role`` is this host's, ``initiator`` or ``responder``."""

    name: str
    role: str
    src: str
    src_port: int
    dst: str
    dst_port: int
    nat_t: bool
    local_id: str
    remote_id: str
    encryption: str
    key_length: int | None
    hash: str
    group: str
    icookie: str
    rcookie: str
    soft_in: float | None
    hard_in: float | None


class ExchangeStatus(TypedDict):
    """Show an exchange under way; ``step`` counts the messages it has had from 0.

    ``heard`` is what the peer has said unauthenticated, and what it means.
    """

    name: str
    type: str
    phase: int
    role: str
    step: int
    src: str
    dst: str
    icookie: str
    rcookie: str
    msgid: str
    heard: str


class Status(TypedDict):
    """Show everything; ``unnamed`` are the SAs of no configured connection.

    ``active``: whether the daemon begins negotiations of its own (``M``). ``capture``: the file
    messages are captured to. ``log_levels``: the level of each debug class by its number.
    """

    version: str
    pid: int
    uptime: float
    active: bool
    stack: str
    run_directory: str
    configuration_file: str
    capture: str | None
    log_levels: dict[str, int]
    connections: list[ConnectionStatus]
    unnamed: list[SaStatus]
    peers: list[PeerStatus]
    exchanges: list[ExchangeStatus]


def status_text(snapshot: Snapshot, configuration: Configuration, facts: DaemonFacts) -> str:
    """Write the status as one line of JSON."""
    return json.dumps(status(snapshot, configuration, facts)) + "\n"


def status(snapshot: Snapshot, configuration: Configuration, facts: DaemonFacts) -> Status:
    """Gather the status."""
    sas: dict[str, list[SaStatus]] = {}
    for pair in snapshot.ipsec_sas:
        name = pair.name if pair.name in configuration.connections else ""
        sas.setdefault(name, []).append(_sa(pair))
    return Status(
        version=facts.version,
        pid=facts.process_id,
        uptime=_rounded(facts.uptime) or 0.0,
        active=snapshot.active,
        stack=facts.stack,
        run_directory=str(facts.run_directory),
        configuration_file=str(facts.configuration_file),
        capture=str(facts.capture) if facts.capture is not None else None,
        log_levels={str(int(one)): level for one, level in facts.log_levels.items()},
        connections=[
            _connection(one, configuration, sas.get(one.name, [])) for one in snapshot.connections
        ],
        unnamed=sas.get("", []),
        peers=[_peer(sa) for sa in snapshot.isakmp_sas],
        exchanges=[_exchange(exchange) for exchange in snapshot.exchanges],
    )


def _connection(
    shown: ConnectionSnapshot, configuration: Configuration, sas: list[SaStatus]
) -> ConnectionStatus:
    connection = configuration.connections[shown.name]
    peer = configuration.peers.get(connection.peer)
    mode = _mode(shown, connection)
    local, remote = connection.local, connection.remote
    address = peer.address if peer is not None else None
    return ConnectionStatus(
        name=shown.name,
        peer=connection.peer,
        state="waiting" if shown.state == "down" and mode != "manual" else shown.state,
        mode=mode,
        local=str(local) if local is not None else "",
        remote=str(remote if remote is not None else address or ""),
        failure=shown.last_failure,
        next_check_in=_rounded(shown.next_check_in),
        sas=sas,
    )


def _mode(shown: ConnectionSnapshot, connection: Connection) -> str:
    if shown.always_up:
        return "always"
    if shown.on_demand:
        return "on-demand"
    return "passive" if connection.passive and not connection.listed else "manual"


def _sa(sa: IpsecSaSnapshot) -> SaStatus:
    transport = sa.transport
    octets_in, packets_in = _carried(sa.inbound_usage)
    octets_out, packets_out = _carried(sa.outbound_usage)
    return SaStatus(
        spi_in=f"{sa.inbound.key.spi:08x}",
        spi_out=f"{sa.outbound.key.spi:08x}",
        protocol="+".join(_protocols(sa.bundle)),
        encryption=_encryption(sa),
        key_length=_key_length(sa),
        authentication=AUTHENTICATION_NAMES.get(sa.authentication, str(sa.authentication)),
        **_ends(transport),
        nat_t=sa.outbound.udp is not None,
        initiator=sa.initiator,
        octets_in=octets_in,
        octets_out=octets_out,
        packets_in=packets_in,
        packets_out=packets_out,
        soft_in=_rounded(sa.expiry.soft_in),
        hard_in=_rounded(sa.expiry.hard_in),
    )


class _Ends(TypedDict):
    src: str
    src_port: int
    dst: str
    dst_port: int


def _ends(transport: Transport) -> _Ends:
    return _Ends(
        src=str(transport.local),
        src_port=transport.local_port,
        dst=str(transport.remote),
        dst_port=transport.remote_port,
    )


_PROTOCOL_NAMES: Final = {
    Protocol.IPSEC_ESP: "ESP",
    Protocol.IPSEC_AH: "AH",
    Protocol.IPCOMP: "IPCOMP",
}
# What of an encryption key is salt, in bits (RFC 4106 section 8.1).
_SALTED: Final = frozenset({EspTransform.AES_CTR, EspTransform.AES_GCM_16, EspTransform.AES_GMAC})
_SALT: Final = 32


def _protocols(bundle: Iterable[SaPair]) -> list[str]:
    protocols = (pair.outbound.key.protocol for pair in bundle)
    return [_PROTOCOL_NAMES.get(protocol, str(protocol)) for protocol in protocols]


def _encryption(sa: IpsecSaSnapshot) -> str:
    if not isinstance(sa.transform, EspTransform) or sa.transform is EspTransform.NULL:
        return "none"
    return ENCRYPTION_NAMES.get(sa.transform, str(sa.transform))


def _key_length(sa: IpsecSaSnapshot) -> int | None:
    bits = sa.encryption_key_length * 8
    return (bits - _SALT if sa.transform in _SALTED else bits) or None


def _carried(usage: SaUsage | None) -> tuple[int | None, int | None]:
    return (usage.octets, usage.packets) if usage is not None else (None, None)


def _peer(sa: IsakmpSaSnapshot) -> PeerStatus:
    ids = (sa.initiator_id, sa.responder_id)
    local_id, remote_id = ids if sa.initiator else ids[::-1]
    return PeerStatus(
        name=sa.name,
        role=_role(sa.initiator),
        **_ends(sa.transport),
        nat_t=SaFlags.NAT_T in sa.flags,
        local_id=local_id,
        remote_id=remote_id,
        encryption=str(sa.encryption),
        key_length=sa.key_length,
        hash=str(sa.hash),
        group=str(sa.group),
        icookie=sa.initiator_cookie.hex(),
        rcookie=sa.responder_cookie.hex(),
        soft_in=_rounded(sa.expiry.soft_in),
        hard_in=_rounded(sa.expiry.hard_in),
    )


def _exchange(exchange: ExchangeSnapshot) -> ExchangeStatus:
    return ExchangeStatus(
        name=exchange.name,
        type=str(exchange.exchange_type),
        phase=exchange.phase,
        role=_role(exchange.initiator),
        step=exchange.step,
        src=str(exchange.transport.local),
        dst=str(exchange.transport.remote),
        icookie=exchange.initiator_cookie.hex(),
        rcookie=exchange.responder_cookie.hex(),
        msgid=f"{exchange.message_id:08x}",
        heard=exchange.heard,
    )


def _role(initiator: bool) -> str:
    return "initiator" if initiator else "responder"


def _rounded(seconds: float | None) -> float | None:
    return round(max(0.0, seconds), 3) if seconds is not None else None
