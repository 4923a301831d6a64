"""Find the pre-shared key that vouches for a peer: by section, by address or by identity."""

from __future__ import annotations

from dataclasses import dataclass

from isakmpd.config.model import Configuration, Peer
from isakmpd.crypto.hashes import equal
from isakmpd.crypto.secret import Secret
from isakmpd.wire.addresses import Address
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType

_OF_TEXT = (IdType.FQDN, IdType.USER_FQDN)
_NAMED = (IdType.IPV4_ADDR, IdType.IPV6_ADDR, *_OF_TEXT)


@dataclass(frozen=True, slots=True)
class KeyOrigin:
    """Say whether many peers share a key, and which identity or address it is stored for, if so."""

    shared: bool
    stored_for: str = ""


@dataclass(frozen=True, slots=True)
class PeerKey:
    """Hold a pre-shared key and where it stands."""

    secret: Secret
    origin: KeyOrigin


def by_address(configuration: Configuration, peer: Peer, address: Address) -> PeerKey | None:
    """Find the key for main mode, which knows of the peer its address alone."""
    return _find(configuration, peer, str(address))


def by_identity(configuration: Configuration, peer: Peer, identity: Identity) -> PeerKey | None:
    """Find the key for aggressive mode, whose first message names the initiator."""
    return _find(configuration, peer, _name(identity))


def holder_of(configuration: Configuration, identity: Identity, used: PeerKey) -> str:
    """Name the section with the key of a host's or user's name if it is not the key ``used``.

    Names are alike in any spelling, as mode config takes them; nothing where there is no such key.
    Addresses are no names here: hosts behind different NATs often have the same.
    """
    name = _name(identity)
    if name is None or identity.type not in _OF_TEXT:
        return ""
    stored = {
        section: secret
        for section, secret in configuration.keys_by_id.items()
        if section.lower() == name.lower()
    }
    if any(equal(secret.reveal(), used.secret.reveal()) for secret in stored.values()):
        return ""
    return next(iter(stored), "")


def _find(configuration: Configuration, peer: Peer, name: str | None) -> PeerKey | None:
    """Prefer the section's key, but to one that every peer without a section shares its own."""
    own = _own(peer)
    if own is not None and not own.origin.shared:
        return own
    stored = configuration.keys_by_id.get(name) if name is not None else None
    if name is None or stored is None:
        return own
    return PeerKey(stored, KeyOrigin(shared=False, stored_for=name))


def _own(peer: Peer) -> PeerKey | None:
    if peer.pre_shared_key is None:
        return None
    return PeerKey(peer.pre_shared_key, KeyOrigin(shared=peer.address is None))


def _name(identity: Identity) -> str | None:
    """Give the section an identity's key may stand in; None for text that means another type."""
    if identity.type not in _NAMED:
        return None
    name = str(identity)
    if (identity.type == IdType.USER_FQDN) != ("@" in name):
        return None
    if identity.type == IdType.FQDN and (":" in name or name.replace(".", "").isdigit()):
        return None
    return name
