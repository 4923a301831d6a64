"""Judge the identity a peer has proved (RFC 2407 section 4.6.2)."""

from __future__ import annotations

from isakmpd.ike import pre_shared_keys
from isakmpd.ike.outputs import LogClass
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.pre_shared_keys import PeerKey
from isakmpd.ike.refused import Refused
from isakmpd.wire.identities import Identity
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import NotifyType
from isakmpd.wire.payloads import Chain, Identification

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
    x.context.debug(
        LogClass.NEGOTIATION, 40, "%s: the peer proves to be %s %s", x.name, identity.type, identity
    )
    if wanted is not None and not wanted.same_subject(identity):
        raise Refused(
            f"the peer proves to be {identity.type} {identity}, expected "
            f"{wanted.type} {wanted} ([{x.peer.section}]:Remote-ID decides)",
            NotifyType.INVALID_ID_INFORMATION,
            (Identification.of(wanted),),
        )
    if wanted is None and x.peer.address is None:
        _refuse_anothers_name(x, identity, key)
    if wanted is None and not _is_its_address(x, identity):
        x.context.verbose(
            f"{x.name}: no Remote-ID is configured, the key vouches for {identity.type} {identity}"
        )
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
