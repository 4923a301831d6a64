"""Turn bindings into the typed configuration the engine reads, with every fault told apart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from isakmpd.config.address_pools import address_pools
from isakmpd.config.addresses import parsed_address
from isakmpd.config.bindings import Bindings
from isakmpd.config.connections import connections
from isakmpd.config.defaults import relied_on
from isakmpd.config.general import general
from isakmpd.config.generated import DEFAULT_PHASE_1, DEFAULT_PHASE_1_CONFIGURATION
from isakmpd.config.keys import keys_by_id
from isakmpd.config.model import Configuration, Peer, Problem
from isakmpd.config.peers import peer
from isakmpd.config.pki_settings import pki_settings
from isakmpd.config.reading import ConfigError, Machine, Reading, Section, nothing
from isakmpd.config.services import well_known_port
from isakmpd.config.unsupported import warn_of_unsupported_tags
from isakmpd.config.unused import misspelt, written_in_vain
from isakmpd.wire.addresses import Address


def parse(
    text: str,
    file: str,
    *,
    default_port: int = 500,
    resolve: Callable[[str, int], Address | None] = nothing,
) -> Configuration:
    """Read the text of a configuration file in one step, for whoever never changes it."""
    return read(Bindings.parse(text, file), default_port=default_port, resolve=resolve)


def read(
    bindings: Bindings,
    *,
    default_port: int = 500,
    resolve: Callable[[str, int], Address | None] = nothing,
    resolve_netmask: Callable[[str, int], Address | None] = nothing,
    service: Callable[[str], int | None] = well_known_port,
) -> Configuration:
    """Read all bindings; a section with a fault is left out and told in ``problems``.

    ``default_port`` is the port of peers without one. ``resolve`` and ``resolve_netmask`` find the
    address and mask of an interface or of ``default``, given its name and a family (4, 6, or 0 for
    either); ``service`` finds a port by its name.
    """
    reading = Reading(bindings, Machine(default_port, resolve, resolve_netmask, service))
    daemon_wide = general(reading.section("General"))
    pki = pki_settings(reading)
    warn_of_unsupported_tags(reading)
    reading.keys_by_id.update(keys_by_id(reading))
    found_connections, shut = connections(reading)
    by_address, default_peer = _phase_1(reading)
    peers = reading.built("peer", Peer)
    _compare_addresses(reading, by_address, peers)
    pools = address_pools(reading)
    in_vain = written_in_vain(reading)
    nearly_right = misspelt(reading, in_vain)
    return Configuration(
        general=daemon_wide,
        peers={each.section: each for each in peers},
        peer_by_address=by_address,
        default_peer=default_peer,
        connections=found_connections,
        shut=shut,
        keys_by_id=reading.keys_by_id,
        address_pools=pools,
        pki=pki,
        problems=_in_order([*bindings.problems, *reading.problems()]),
        warnings=_in_order(
            [*bindings.warnings, *reading.warnings, *relied_on(reading), *nearly_right]
        ),
        misspelt=_in_order([*reading.misspellings, *nearly_right]),
        unused=_in_order([each.problem() for each in in_vain]),
    )


def _phase_1(reading: Reading) -> tuple[dict[Address, str], str | None]:
    """Read the peers of [Phase 1], and those that only say that they are one."""
    phase_1 = reading.section("Phase 1")
    by_address: dict[Address, str] = {}
    for binding in reading.bindings.written_in("Phase 1").values():
        if binding.tag.lower() == "default":
            continue
        name = _peer_named(phase_1, binding.tag)
        key = parsed_address(binding.tag)
        if key is None:
            text = "expected the address of a peer, or Default, before the name of its section"
            phase_1.report(phase_1.problem(binding.tag, text))
        elif key in by_address:
            text = f"another line names a peer for {key}; this one is ignored"
            phase_1.report(phase_1.problem(binding.tag, text))
        elif name is not None:
            by_address[key] = name
    default_peer = _peer_named(phase_1, "Default") if _wants_default(reading) else None
    for name in _saying_so(reading.bindings):
        _build_peer(reading.section(name))
    return by_address, default_peer


def _saying_so(bindings: Bindings) -> list[str]:
    """List the sections that say that they are peers, the default one by what it inherits."""
    names = [binding.section for binding in bindings.each("Phase") if binding.value == "1"]
    if bindings.written_in(DEFAULT_PHASE_1) and bindings.get(DEFAULT_PHASE_1, "Phase") == "1":
        names.append(DEFAULT_PHASE_1)
    return [name for name in names if "isakmp-peer" not in bindings.written_in(name)]


def _compare_addresses(reading: Reading, by_address: dict[Address, str], peers: list[Peer]) -> None:
    """Warn of a peer that is awaited at one address and sought at another."""
    phase_1 = reading.section("Phase 1")
    sought = {peer.section: peer.address for peer in peers if peer.address is not None}
    for binding in reading.bindings.written_in("Phase 1").values():
        awaited = parsed_address(binding.tag)
        name = by_address.get(awaited) if awaited is not None else None
        address = sought.get(name) if name is not None else None
        if address is not None and by_address.get(address) != name:
            phase_1.warn(
                binding.tag,
                f"[{name}]:Address is {address}, and [Phase 1] has no line that takes {address} "
                f"for {name}: it is called there, and not known when it calls",
            )


def _peer_named(phase_1: Section, tag: str) -> str | None:
    """Read the peer a tag names; a name with a fault still keeps the address from Default."""
    name = phase_1.get(tag)
    if not name:
        return None
    try:
        section = phase_1.follow(tag, name)
    except ConfigError as fault:
        phase_1.reading.leave_out("peer", name, fault.problem)
        return name
    _build_peer(section)
    return section.name


def _build_peer(section: Section) -> None:
    with suppress(ConfigError):  # which once has told
        section.reading.once("peer", section, peer)


def _wants_default(reading: Reading) -> bool:
    """Tell whether anyone wrote anything about the default peer, rather than inheriting it."""
    bindings = reading.bindings
    return (
        "default" in bindings.written_in("Phase 1")
        or bool(bindings.written_in(DEFAULT_PHASE_1))
        or bool(bindings.written_in(DEFAULT_PHASE_1_CONFIGURATION))
    )


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line)))
