"""Tell what a new configuration takes away from the one before.

An administrator who removes a connection, or gives it other ends, expects the old tunnel to be
gone. Keys, identities, algorithms and lifetimes matter to the next negotiation only.
"""

from __future__ import annotations

from isakmpd.config.model import Configuration, Connection, Peer


def withdrawn_connections(before: Configuration, after: Configuration) -> list[str]:
    """Name the connections that are not to exist any more as they are."""
    return [
        name
        for name, connection in before.connections.items()
        if not _stands(connection, after.connections.get(name))
    ]


def withdrawn_peers(before: Configuration, after: Configuration) -> list[str]:
    """Name the peers nobody is to talk to any more, or not at that address."""
    return [
        name
        for name, peer in before.peers.items()
        if name not in after.peers or _place(peer) != _place(after.peers[name])
    ]


def no_longer_wanted(before: Configuration, after: Configuration) -> list[str]:
    """Name the connections that were to be up, always or on demand, and need not any more."""
    return [
        name
        for name, old in before.connections.items()
        if (new := after.connections.get(name)) is None
        or (old.always_up and not new.always_up)
        or (old.on_demand and not new.on_demand)
    ]


def wanted(configuration: Configuration) -> set[str]:
    """Name the connections that are to be up, always or on demand."""
    return {n for n, one in configuration.connections.items() if one.always_up or one.on_demand}


def _stands(old: Connection, new: Connection | None) -> bool:
    if new is None or (_listed(old) and not _listed(new)):
        return False
    return (old.peer, old.local, old.remote) == (new.peer, new.local, new.remote)


def _listed(connection: Connection) -> bool:
    return connection.listed or connection.always_up or connection.passive


def _place(peer: Peer) -> tuple[object, ...]:
    return peer.address, peer.port, peer.local_address
