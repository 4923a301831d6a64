"""Find the connection a peer means by the client identities it proposes.

What was configured decides, to the bit: both identities with protocol and port, and the peer that
asks. An end without an identity is the host itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from isakmpd.config.model import AddressPool, ClientId, Configuration, Connection, Peer
from isakmpd.ike import client_ids
from isakmpd.ike.client_ids import ClientIds, described, host, shown
from isakmpd.ike.identity_sections import section_of
from isakmpd.ike.nat_traversal import NatSituation
from isakmpd.ike.refused import Refused
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType
from isakmpd.wire.payloads import Identification


@dataclass(frozen=True, slots=True)
class Asking:
    """Hold what a peer asks for, who it is and where: ``peer`` is its section.

    ``translated`` tells of transport mode through a NAT, where identities name addresses that
    only one side of it knows; the addresses that are seen count then. ``assigned`` are addresses
    the peer has given this host.
    """

    peer: str
    remote_id: Identity
    nat: NatSituation
    transport: Transport
    ids: ClientIds
    translated: bool = False
    assigned: tuple[Address, ...] = ()


def connection_meant(configuration: Configuration, asking: Asking) -> Connection:
    """Give the connection that says most about what is asked; the first of several alike.

    Raises Refused, naming the nearest connection and what differs.
    """
    fitting = [
        connection
        for connection in configuration.connections.values()
        if connection.peer == asking.peer
        and connection.passive
        and not _differences(configuration, connection, asking)
    ]
    if not fitting:
        raise _refusal(configuration, asking)
    return max(fitting, key=_says)  # of several alike max gives the first


def _says(connection: Connection) -> tuple[int, int]:
    """Count what a connection lays down: ends, and then protocols and ports."""
    ends = [end for end in (connection.remote, connection.local) if end is not None]
    return len(ends), sum(bool(end.protocol) + bool(end.port) for end in ends)


def _differences(configuration: Configuration, connection: Connection, asking: Asking) -> list[str]:
    """List what differs between a connection and what is asked."""
    (ours, theirs), at = asking.ids, asking.transport
    hidden = asking.translated and asking.nat.we_are_behind
    found = []
    if connection.local is not None:
        found += _end("Local-ID", connection.local, ours, at.local, hidden=hidden)
    elif not _is_host(ours, (at.local, *asking.assigned), hidden=hidden):
        found.append(f"Local-ID: got {_packets(ours)}, expected this host")
    hidden = asking.translated and asking.nat.peer_is_behind
    if connection.remote is not None:
        found += _end("Remote-ID", connection.remote, theirs, at.remote, hidden=hidden)
    elif fault := _not_the_peer(configuration, theirs, asking):
        found.append(f"Remote-ID: {fault}")
    if not found:
        found += _open_end("Local-ID", connection.local, ours, connection.remote)
        found += _open_end("Remote-ID", connection.remote, theirs, connection.local)
    return found


def _end(tag: str, client: ClientId, got: Identity, seen: Address, *, hidden: bool) -> list[str]:
    """Compare an end that is configured; ``hidden`` tells that a NAT changes its address."""
    found = []
    named = hidden and client.network.num_addresses == 1 and client.network[0] == seen
    if got.network != client.network and not (named and _is_host(got, (), hidden=True)):
        hint = ""
        if got.network is not None and got.network.version == client.network.version:
            same = got.network.network_address == client.network.network_address
            hint = " (the mask differs)" if same else ""
        found.append(f"{tag}: got {_packets(got)}, expected {client.network}{hint}")
    if got.protocol != client.protocol:
        expected = f"protocol {client.protocol}" if client.protocol else "any protocol"
        found.append(f"{tag}: got protocol {got.protocol}, expected {expected}")
    elif got.port != client.port and not client.any_port:
        found.append(f"{tag}: got port {got.port}, expected {client.port or 'any port'}")
    return found


def _open_end(
    tag: str, client: ClientId | None, got: Identity, other: ClientId | None
) -> list[str]:
    """Compare the protocol at an end without identity with that of the other end."""
    if client is not None or other is None or got.protocol == other.protocol:
        return []
    expected = f"protocol {other.protocol}" if other.protocol else "any protocol"
    return [f"{tag}: got protocol {got.protocol}, expected {expected} as at the other end"]


def _is_host(identity: Identity, addresses: Iterable[Address], *, hidden: bool) -> bool:
    """Tell whether an identity is one of the addresses, or any single host where that will do."""
    if hidden and identity.type == IdType.FQDN:
        return True
    single = host(identity)
    return single is not None and (hidden or single in addresses)


def _not_the_peer(configuration: Configuration, theirs: Identity, asking: Asking) -> str:
    """Say why an identity is not the asking peer itself; nothing where it is.

    That is its address as we see it, the one we have assigned it, or one behind its NAT.
    """
    section = section_of(asking.remote_id)
    pool = configuration.address_pools.get(section) if section else None
    assigned = (pool.address,) if pool is not None and pool.address is not None else ()
    behind = asking.nat.peer_is_behind
    if _is_host(theirs, (asking.transport.remote, *assigned), hidden=asking.translated and behind):
        return ""
    single = host(theirs)
    if not behind or single is None:
        return f"got {_packets(theirs)}, expected the peer itself, {asking.transport.remote}"
    if single.is_global or _names_no_host(single):
        return f"got {single}, which nobody behind a NAT has as his own"
    return _claimed(configuration, single, asking)


def _names_no_host(address: Address) -> bool:
    """Tell whether an address is none that a host is reached at through routers."""
    return (
        address.is_multicast
        or address.is_unspecified
        or address.is_loopback
        or address.is_link_local
        or address.is_reserved
    )


def _claimed(configuration: Configuration, address: Address, asking: Asking) -> str:
    """Say whose an address is that a peer calls its own; nothing where it is nobody's.

    Else a peer could draw to itself what is meant for others.
    """
    if address == asking.transport.local:
        return f"got {address}, which is this host"
    for connection in configuration.connections.values():
        ends = [("Local-ID", connection.local)]
        if connection.peer != asking.peer:
            ends.append(("Remote-ID", connection.remote))
        for tag, end in ends:
            if end is not None and end.network.prefixlen and address in end.network:
                return f"got {address}, which belongs to [{connection.section}]:{tag}"
    owners: list[Peer | AddressPool] = [
        *configuration.peers.values(),
        *configuration.address_pools.values(),
    ]
    for owner in owners:
        if owner.address == address and owner.section != asking.peer:
            return f"got {address}, which belongs to [{owner.section}]:Address"
    return ""


def _packets(identity: Identity) -> str:
    if identity.type == IdType.FQDN:
        return shown(identity)
    return str(host(identity) or identity.network)


def _refusal(configuration: Configuration, asking: Asking) -> Refused:
    """Say what no connection has, and which comes nearest."""
    ours, theirs = asking.ids
    own = [c for c in configuration.connections.values() if c.peer == asking.peer]
    known = [
        f"[{c.section}] has {c.remote or 'the peer itself'} and {c.local or 'this host'}"
        for c in own
        if c.passive
    ]
    return Refused(
        f"peer proposed invalid phase 2 IDs: initiator id {described(theirs)}, responder id "
        f"{described(ours)}; no connection of peer {asking.peer} has them as Remote-ID and "
        f"Local-ID ({', '.join(known[:3]) or 'it has none'}){_hint(configuration, own, asking)}",
        NotifyType.INVALID_ID_INFORMATION,
        _acceptable(configuration, own, asking),
    )


def _acceptable(
    configuration: Configuration, own: list[Connection], asking: Asking
) -> tuple[Identification, ...]:
    """Give the identities by which the nearest connection would have been found.

    Not to one of many who share a section: other peers' networks are none of its business.
    """
    peer = configuration.peers.get(asking.peer)
    if peer is None or peer.address is None or not own:
        return ()
    backwards = [one for one in own if _is_swapped(one, asking)]
    nearest = min(backwards or own, key=lambda one: len(_differences(configuration, one, asking)))
    ours, theirs = client_ids.configured(asking.transport, nearest)
    return Identification.of(theirs), Identification.of(ours)


def compare(configuration: Configuration, connection: Connection, asking: Asking) -> str:
    """Say how a connection differs from what is asked; nothing where it does not."""
    if _is_swapped(connection, asking):
        return "the same with both ends swapped, so one side has it backwards"
    return ", ".join(_differences(configuration, connection, asking))


def _is_swapped(connection: Connection, asking: Asking) -> bool:
    """Tell whether a connection has our end and the peer's the other way round."""
    ours, theirs = asking.ids
    local, remote = connection.local, connection.remote
    if local is None or remote is None or local.network == remote.network:
        return False
    return (local.network, remote.network) == (theirs.network, ours.network)


def _hint(configuration: Configuration, own: list[Connection], asking: Asking) -> str:
    """Point at what is probably wrong."""
    for connection in own:
        if not connection.passive and not _differences(configuration, connection, asking):
            name = connection.section
            return f"; [{name}] has them, but is active-only ([{name}]:Flags decides)"
        if _is_swapped(connection, asking):
            return f"; they are those of [{connection.section}] swapped: one end has it backwards"
    for connection in configuration.connections.values():
        if connection not in own and not _differences(configuration, connection, asking):
            return f"; [{connection.section}] has them, but its ISAKMP-peer is {connection.peer}"
    compared = [_differences(configuration, c, asking) for c in own if c.passive]
    if not compared:
        return ""
    nearest = min(range(len(compared)), key=lambda at: len(compared[at]))
    section = [c.section for c in own if c.passive][nearest]
    return f"; nearest is [{section}], {', '.join(compared[nearest])}"
