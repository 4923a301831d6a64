"""Judge the identity a peer has proved (RFC 2407 section 4.6.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isakmpd.ike import pre_shared_keys
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.pre_shared_keys import PeerKey
from isakmpd.ike.refused import Refused
from isakmpd.wire import distinguished_names
from isakmpd.wire.identities import Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import IdType, NotifyType
from isakmpd.wire.payloads import Chain, Identification

if TYPE_CHECKING:
    from isakmpd.ike.phase1_exchange import Phase1Exchange
    from isakmpd.pki.keyring import ProvenKey

_UDP = 17
_USUAL = {(0, 0), (_UDP, 0), (_UDP, 500), (_UDP, 4500)}  # protocol and port


def read(message: Chain) -> Identity:
    """Read an identity; raises Refused for one whose type or length is none that RFC 2407 knows."""
    try:
        identity = message.one(Identification).identity
    except Malformed as malformed:
        raise Refused(str(malformed), NotifyType.INVALID_ID_INFORMATION) from malformed
    if not identity.type.assigned:
        raise Refused(
            f"an identity of type {int(identity.type)}, expected one of RFC 2407",
            NotifyType.INVALID_ID_INFORMATION,
        )
    return identity


def accept(x: Phase1Exchange, identity: Identity, key: PeerKey) -> Identity:
    """Hold an identity that ``key`` has proved against the section's Remote-ID; raises Refused.

    Without Remote-ID the pre-shared key, which already names the peer, vouches for any identity;
    but where the section is many peers', not for a name that has a key of its own.
    """
    wanted = x.peer.remote_id
    _expect(x, identity)
    if wanted is None and x.peer.address is None:
        _refuse_anothers_name(x, identity, key)
    if wanted is None and not _is_its_address(x, identity):
        x.context.verbose(
            f"{x.name}: no Remote-ID is configured, the key vouches for {identity.type} {identity}"
        )
    return _accepted(x, identity)


def accept_signer(x: Phase1Exchange, identity: Identity, proven: ProvenKey) -> Identity:
    """Hold an identity for which a key has signed against what its section says; raises Refused.

    An authority vouches for many: without Remote-ID a peer with an Address has to be that address,
    and one without must be among those whose key or certificate is stored.
    """
    _expect(x, identity)
    if x.peer.remote_id is None:
        if x.peer.remote_id_any:
            x.context.verbose(
                f"{x.name}: {identity.type} {identity} is accepted as anybody is "
                f"([{x.peer.section}]:Remote-ID-any decides)"
            )
        elif x.peer.address is not None and identity.address != x.peer.address:
            raise Refused(
                f"the peer proves to be {identity.type} {identity}, expected its address "
                f"{x.peer.address} ([{x.peer.section}]:Remote-ID decides)",
                NotifyType.INVALID_ID_INFORMATION,
                (Identification.of(Identity.of_address(x.peer.address)),),
            )
        elif x.peer.address is None and not x.context.keyring.knows(identity):
            raise Refused(
                f"neither certs/ nor pubkeys/ holds a key for {identity.type} {identity} "
                f"([{x.peer.section}]:Remote-ID or Remote-ID-any decides)",
                NotifyType.INVALID_ID_INFORMATION,
            )
    x.proven = proven
    return _accepted(x, identity)


def _expect(x: Phase1Exchange, identity: Identity) -> None:
    """Raise Refused for another identity than Remote-ID."""
    wanted = x.peer.remote_id
    x.context.debug(
        LogClass.NEGOTIATION, 40, "%s: the peer proves to be %s %s", x.name, identity.type, identity
    )
    if wanted is not None and not _suits(wanted, identity):
        raise Refused(
            f"the peer proves to be {identity.type} {identity}, expected "
            f"{wanted.type} {wanted} ([{x.peer.section}]:Remote-ID decides)",
            NotifyType.INVALID_ID_INFORMATION,
            (Identification.of(wanted),),
        )


def _suits(wanted: Identity, given: Identity) -> bool:
    """Compare type and full value; of names attribute by attribute, with wildcards."""
    if wanted.type == given.type == IdType.DER_ASN1_DN:
        return distinguished_names.matches(wanted.data, given.data)
    return wanted.same_subject(given)


def _accepted(x: Phase1Exchange, identity: Identity) -> Identity:
    if (identity.protocol, identity.port) not in _USUAL:
        x.context.verbose(
            f"{x.name}: dubious ID information accepted: protocol {identity.protocol} port "
            f"{identity.port}, expected UDP and port 500"
        )
    x.remote_id = identity
    return identity


def _refuse_anothers_name(x: Phase1Exchange, identity: Identity, key: PeerKey) -> None:
    holder = pre_shared_keys.holder_of(x.configuration, identity, key)
    if holder:
        raise Refused(
            f"{identity.type} {identity} has a key of its own ([{holder}]:Authentication), it has "
            "used another",
            NotifyType.INVALID_ID_INFORMATION,
        )


def _is_its_address(x: Phase1Exchange, identity: Identity) -> bool:
    return x.peer.address is not None and identity.address == x.peer.address
