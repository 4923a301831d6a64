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


def no_longer_kept_up(before: Configuration, after: Configuration) -> list[str]:
    """Name the connections that were to be up and need not any more."""
    kept = {name for name, connection in after.connections.items() if connection.always_up}
    return [name for name, c in before.connections.items() if c.always_up and name not in kept]


def _stands(old: Connection, new: Connection | None) -> bool:
    if new is None or (_listed(old) and not _listed(new)):
        return False
    return (old.peer, old.local, old.remote) == (new.peer, new.local, new.remote)


def _listed(connection: Connection) -> bool:
    return connection.always_up or connection.passive


def _place(peer: Peer) -> tuple[object, ...]:
    return peer.address, peer.port, peer.local_address
