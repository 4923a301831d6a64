"""Read IPsec-connection sections and what they lead to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from isakmpd.config import constants
from isakmpd.config.addresses import client_id
from isakmpd.config.generated import original_default
from isakmpd.config.model import ClientId, Connection, Peer, Shut, Suite, WithoutSa
from isakmpd.config.peers import check_doi, check_phase, peer
from isakmpd.config.reading import ConfigError, Place, Reading, Section
from isakmpd.config.suites import suites
from isakmpd.config.unsupported import OF_CONNECTIONS
from isakmpd.wire.numbers import AuthenticationMethod, EncapsulationMode

_ACTIVE_ONLY = "active-only"
_ON_DEMAND = "on-demand"
_ALIASES = {"__ondemand": _ON_DEMAND}  # what the original writes into what an ACQUIRE configures


def connections(reading: Reading) -> tuple[dict[str, Connection], tuple[Shut, ...]]:
    """Read every connection that is listed in [Phase 2] or says that it is one.

    Gives the sound ones, and what is known of the packets of those that have a fault.
    """
    phase_2 = reading.section("Phase 2")
    listed = _listed(phase_2, "Connections")
    passive = _listed(phase_2, "Passive-connections")
    phase_2_place: Place = phase_2.place()
    named = {section.key: section for section in (*listed, *passive)}
    bindings = reading.bindings
    for phase in bindings.each("Phase"):
        if phase.value == "2" and "isakmp-peer" in bindings.written_in(phase.section):
            section = reading.section(phase.section, phase_2_place)
            named.setdefault(section.key, section)
    up = {section.key for section in listed}
    answering = {section.key for section in passive}
    found: dict[str, Connection] = {}
    shut: list[Shut] = []
    for key, section in named.items():
        try:
            found[section.name] = _connection(section, key in up, key in answering)
        except ConfigError as fault:
            reading.leave_out("connection", section.name, fault.problem)
            if key in up and (clients := _shut(section)) is not None:
                shut.append(clients)
    return found, tuple(shut)


def _shut(section: Section) -> Shut | None:
    """Name the packets of a faulty connection as far as it says, None where they may go in clear.

    A fault in a suite, a key or this very tag must not open what was to be protected.
    """
    if (section.get("Without-SA") or "").lower() == WithoutSa.CLEAR.value:
        return None
    clients: dict[str, ClientId | None] = {}
    for tag in ("Local-ID", "Remote-ID"):
        with suppress(ConfigError):  # which the reading of the connection has met, or would have
            clients[tag] = _client_id(section, tag)
    local, remote = clients.get("Local-ID"), clients.get("Remote-ID")
    if remote is None or (local is not None and local.network.version != remote.network.version):
        section.warn("", "left out for a fault, and its packets are unknown: they leave in clear")
        return None
    return Shut(section.name, local, remote)


def _listed(phase_2: Section, tag: str) -> list[Section]:
    sections: list[Section] = []
    for name in phase_2.alternatives(tag):
        try:
            sections.append(phase_2.follow(tag, name))
        except ConfigError as fault:
            phase_2.reading.leave_out("connection", name, fault.problem)
    return sections


def _connection(section: Section, listed: bool, listed_passive: bool) -> Connection:
    check_phase(section, "2")
    section.refuse("NAT-ID")
    section.pass_over(*OF_CONNECTIONS)
    flags = section.flags(_ACTIVE_ONLY, _ON_DEMAND, aliases=_ALIASES)
    isakmp_peer = _peer(section)
    configuration, offered = _suites(section)
    local = _client_id(section, "Local-ID")
    remote = _client_id(section, "Remote-ID")
    if local is not None and remote is not None:
        local, remote = _pair(section, local, remote)
    if listed:
        _warn_of_networks_in_transport_mode(section, offered, local, remote)
        _warn_of_fragments(section, local, remote)
    begins = listed and _can_initiate(section, isakmp_peer)
    on_demand = _on_demand(section, flags, listed)
    return Connection(
        section=section.name,
        peer=isakmp_peer.section,
        configuration=configuration,
        suites=offered,
        local=local,
        remote=remote,
        always_up=begins and not on_demand,
        passive=listed_passive or (listed and _ACTIVE_ONLY not in flags),
        listed=listed,
        on_demand=begins and on_demand,
        without_sa=_without_sa(section, listed),
        accept_any_suite=_accept_any_suite(section),
    )


def _on_demand(section: Section, flags: frozenset[str], listed: bool) -> bool:
    wanted = _ON_DEMAND in flags
    if wanted and not listed:
        text = "on-demand counts for connections in [Phase 2]:Connections only, and is ignored"
        section.warn("Flags", text)
    return wanted and listed


def _without_sa(section: Section, listed: bool) -> WithoutSa:
    tag = "Without-SA"
    value = section.get(tag)
    if value is None:
        return WithoutSa.BLOCK
    choice = [member.value for member in WithoutSa]
    if value.lower() not in choice:
        near = section.reading.did_you_mean(value, choice)
        raise section.fault(tag, f"expected {' or '.join(choice)}{near}")
    if not listed:
        text = "the tag counts for connections in [Phase 2]:Connections only, and is ignored"
        section.warn(tag, text)
    return WithoutSa(value.lower())


def _accept_any_suite(section: Section) -> bool:
    tag = "Accept-any-suite"
    accepts = section.yes(tag)
    if accepts:
        section.warn(tag, "the peer decides about the suite: it may choose a weak one, or NULL")
    return accepts


def _peer(section: Section) -> Peer:
    name = section.text("ISAKMP-peer", "the name of an ISAKMP-peer section")
    return section.reading.once("peer", section.follow("ISAKMP-peer", name), peer)


def _suites(section: Section) -> tuple[str, tuple[Suite, ...]]:
    if section.get("Configuration") is None:
        return _suites_by_default(section)
    name = section.text("Configuration", "the name of an IPsec-configuration section")
    configuration = section.follow("Configuration", name)
    found = section.reading.once("IPsec-configuration", configuration, _configured_suites)
    return configuration.name, found


def _suites_by_default(section: Section) -> tuple[str, tuple[Suite, ...]]:
    tag = "Default-phase-2-suites"
    everyone = section.reading.section("General")
    if not everyone.is_written(tag) and (original := original_default(everyone.name, tag)):
        default = (everyone.get(tag) or "", original)
        section.reading.rely(section, "Configuration", default)
    return everyone.name, suites(everyone, tag)


def _configured_suites(configuration: Section) -> tuple[Suite, ...]:
    check_doi(configuration)
    configuration.constant("EXCHANGE_TYPE", constants.PHASE_2_EXCHANGE)
    found = suites(configuration, "Suites")
    if len({suite.group for suite in found}) > 1:
        configuration.warn(
            "Suites",
            "one offer has room for one GROUP_DESCRIPTION:"
            " only the suites with that of the first are offered, the others are accepted",
        )
    return found


def _client_id(section: Section, tag: str) -> ClientId | None:
    name = section.get(tag)
    if name is None:
        return None
    return section.reading.once("IPsec-ID", section.follow(tag, name), client_id)


def _pair(section: Section, local: ClientId, remote: ClientId) -> tuple[ClientId, ClientId]:
    """Demand that two clients can exchange packets, and give both the protocol of either."""
    if local.network.version != remote.network.version:
        raise section.fault("Remote-ID", "expected addresses of the same family as in Local-ID")
    if local.protocol and remote.protocol and local.protocol != remote.protocol:
        raise section.fault("Remote-ID", "expected the same Protocol as in Local-ID")
    if local.protocol != remote.protocol:
        tag, other = ("Remote-ID", local) if local.protocol else ("Local-ID", remote)
        section.warn(tag, f"it has no Protocol, and that of [{other.section}] counts for both")
    protocol = local.protocol or remote.protocol
    return replace(local, protocol=protocol), replace(remote, protocol=protocol)


def _warn_of_networks_in_transport_mode(
    section: Section, offered: tuple[Suite, ...], *clients: ClientId | None
) -> None:
    modes = {each.encapsulation for suite in offered for each in suite.protocols[0].transforms}
    if modes != {EncapsulationMode.TRANSPORT}:
        return
    if networks := [client for client in clients if client and client.network.num_addresses > 1]:
        names = " and ".join(f"[{client.section}] {client.network}" for client in networks)
        section.warn(
            "Configuration",
            f"transport mode carries packets between the two gateways alone, not of {names}",
        )


def _warn_of_fragments(section: Section, local: ClientId | None, remote: ClientId | None) -> None:
    """Say that routing rules find ports in whole packets only: a router's fragments have none."""
    ports = [client for client in (local, remote) if client is not None and client.port]
    if ports and local is not None and local.network.num_addresses > 1:
        names = " and ".join(f"[{client.section}]:Port" for client in ports)
        section.warn(
            "",
            f"fragments that this host forwards from {local.network} carry no ports: because of "
            f"{names} they are not protected, and leave in clear",
        )


def _can_initiate(section: Section, isakmp_peer: Peer) -> bool:
    """Tell whether a listed connection can begin, and report it where it cannot."""
    stored = section.reading.keys_by_id
    has_key = isakmp_peer.pre_shared_key is not None or str(isakmp_peer.address) in stored
    offered = isakmp_peer.offered_transforms
    needs_key = any(each.authentication is AuthenticationMethod.PRE_SHARED for each in offered)
    if isakmp_peer.address is None:
        lacks = "the peer has no Address"
    elif not offered:
        lacks = f"each of the transforms of [{isakmp_peer.configuration}] has an ANY"
    elif needs_key and not has_key:
        lacks = "the peer has no Authentication"
    else:
        return True
    text = f"{lacks}, so that the connection can only answer"
    section.report(section.problem("ISAKMP-peer", text))
    return False
