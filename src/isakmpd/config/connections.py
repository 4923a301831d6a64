"""Read IPsec-connection sections and what they lead to."""

from __future__ import annotations

from isakmpd.config import constants
from isakmpd.config.addresses import client_id
from isakmpd.config.model import ClientId, Connection, Peer, Suite
from isakmpd.config.peers import check_doi, check_phase, peer
from isakmpd.config.reading import ConfigError, Place, Reading, Section
from isakmpd.config.suites import suites

_ACTIVE_ONLY = "active-only"


def connections(reading: Reading) -> dict[str, Connection]:
    """Read every connection that is listed in [Phase 2] or says that it is one."""
    phase_2 = reading.section("Phase 2")
    always_up = _listed(phase_2, "Connections")
    passive = _listed(phase_2, "Passive-connections")
    phase_2_place: Place = phase_2.place()
    named = {section.name.lower(): section for section in (*always_up, *passive)}
    bindings = reading.bindings
    for name in bindings.sections():
        if bindings.get(name, "Phase") == "2" and bindings.get(name, "ISAKMP-peer") is not None:
            named.setdefault(name.lower(), reading.section(name, phase_2_place))
    up = {section.name.lower() for section in always_up}
    answering = {section.name.lower() for section in passive}
    found: dict[str, Connection] = {}
    for key, section in named.items():
        try:
            found[section.name] = _connection(section, key in up, key in answering)
        except ConfigError as fault:
            reading.leave_out("connection", section.name, fault.problem)
    return found


def _listed(phase_2: Section, tag: str) -> list[Section]:
    sections: list[Section] = []
    for name in phase_2.elements(tag):
        try:
            sections.append(phase_2.follow(tag, name))
        except ConfigError as fault:
            phase_2.reading.leave_out("connection", name, fault.problem)
    return sections


def _connection(section: Section, listed_up: bool, listed_passive: bool) -> Connection:
    check_phase(section, "2")
    section.refuse("NAT-ID")
    if section.get("PF-Tag") is not None:
        section.warn("PF-Tag", "not supported by this version, the tag is ignored")
    active_only = _active_only(section)
    isakmp_peer = _peer(section)
    configuration, offered = _suites(section)
    local = _client_id(section, "Local-ID")
    remote = _client_id(section, "Remote-ID")
    _check_pair(section, local, remote)
    return Connection(
        section=section.name,
        peer=isakmp_peer.section,
        configuration=configuration,
        suites=offered,
        local=local,
        remote=remote,
        always_up=listed_up and _can_initiate(section, isakmp_peer),
        passive=listed_passive or (listed_up and not active_only),
    )


def _active_only(section: Section) -> bool:
    flags = [flag.lower() for flag in section.elements("Flags")]
    for flag in flags:
        if flag not in (_ACTIVE_ONLY, "__ondemand"):
            near = section.reading.did_you_mean(flag, [_ACTIVE_ONLY])
            section.warn("Flags", f"expected {_ACTIVE_ONLY}; the flag is ignored{near}", flag)
    return _ACTIVE_ONLY in flags


def _peer(section: Section) -> Peer:
    name = section.text("ISAKMP-peer", "the name of an ISAKMP-peer section")
    return section.reading.once("peer", section.follow("ISAKMP-peer", name), peer)


def _suites(section: Section) -> tuple[str, tuple[Suite, ...]]:
    if section.get("Configuration") is None:
        everyone = section.reading.section("General")
        if everyone.get("Default-phase-2-suites") is None:
            raise section.fault(
                "Configuration", "expected the name of the section that lists the Suites"
            )
        return everyone.name, suites(everyone, "Default-phase-2-suites")
    name = section.text("Configuration", "the name of an IPsec-configuration section")
    configuration = section.follow("Configuration", name)
    found = section.reading.once("IPsec-configuration", configuration, _configured_suites)
    return configuration.name, found


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


def _check_pair(section: Section, local: ClientId | None, remote: ClientId | None) -> None:
    if local is None or remote is None:
        return
    if local.network.version != remote.network.version:
        raise section.fault("Remote-ID", "expected addresses of the same family as in Local-ID")
    if local.protocol and remote.protocol and local.protocol != remote.protocol:
        raise section.fault("Remote-ID", "expected the same Protocol as in Local-ID")


def _can_initiate(section: Section, isakmp_peer: Peer) -> bool:
    if isakmp_peer.address is not None:
        return True
    problem = section.problem(
        "ISAKMP-peer", "the peer has no Address, so that the connection can only answer"
    )
    section.report(problem)
    return False
