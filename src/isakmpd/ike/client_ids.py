"""Propose, read and check the client identities of quick mode, which name the packets to protect.

They are IDci and IDcr of RFC 2409 section 5.5. Pairs of them stand here as ours, then the peer's.
"""

from __future__ import annotations

from isakmpd.config.model import ClientId, Connection
from isakmpd.ike.ipsec import Selector
from isakmpd.ike.nat_traversal import NatSituation
from isakmpd.ike.refused import Refused
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address, Network
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType
from isakmpd.wire.payloads import Chain, Identification

ClientIds = tuple[Identity, Identity]

_SHOWN = 80  # characters
_HOSTS = (IdType.IPV4_ADDR, IdType.IPV6_ADDR)


def configured(
    transport: Transport, connection: Connection, assigned: tuple[Address, ...] = ()
) -> ClientIds:
    """Give the identities to propose; the hosts themselves where none is set.

    Of this host the peer may have ``assigned`` another address, by mode config.
    """
    theirs = _identity(connection.remote) or Identity.of_address(transport.remote)
    version = connection.remote.network.version if connection.remote else transport.remote.version
    inner = [address for address in assigned if address.version == version]
    host = Identity.of_address(inner[0] if inner else transport.local)
    return _identity(connection.local) or host, theirs


def _identity(client: ClientId | None) -> Identity | None:
    if client is None:
        return None
    port = 0 if client.any_port else client.port
    if client.network.num_addresses == 1:
        return Identity.of_address(client.network.network_address, client.protocol, port)
    return Identity.of_network(client.network, client.protocol, port)


def proposed(transport: Transport, message: Chain, *, translated: bool) -> ClientIds:
    """Read what an initiator proposes; without ID payloads it means the hosts themselves.

    ``translated`` tells of transport mode through a NAT, where a name stands for the peer's
    address, which it does not know. Raises Refused for anything else that names no packets.
    """
    payloads = message.all(Identification)
    if not payloads:
        return Identity.of_address(transport.local), Identity.of_address(transport.remote)
    if len(payloads) != 2:
        raise Refused(
            f"quick mode with {len(payloads)} ID payloads, expected none or two",
            NotifyType.PAYLOAD_MALFORMED,
        )
    theirs, ours = (payload.identity for payload in payloads)
    for identity in (theirs, ours):
        if identity.network is None and not (translated and identity.type == IdType.FQDN):
            raise Refused(
                f"client identity {identity.type} {shown(identity)} names no packets",
                NotifyType.INVALID_ID_INFORMATION,
            )
    _protocol(ours, theirs)
    return ours, theirs


def returned(
    reply: Chain,
    sent: ClientIds,
    transport: Transport,
    nat: NatSituation,
    *,
    connection: str,
    translated: bool,
) -> ClientIds:
    """Check what the responder returns: what we ``sent``, else it could redirect the traffic.

    In transport mode through a NAT (``translated``) an end behind it may be named otherwise
    (RFC 3947 section 5.2). Raises Refused.
    """
    payloads = [payload.identity for payload in reply.all(Identification)]
    hosts = Identity.of_address(transport.local), Identity.of_address(transport.remote)
    if not payloads and sent == hosts:
        return sent
    if len(payloads) == 2:
        ours, theirs = payloads
        if _returns(ours, sent[0], translated=translated and nat.we_are_behind) and _returns(
            theirs, sent[1], translated=translated and nat.peer_is_behind
        ):
            return ours, theirs
    raise Refused(
        f"the peer returns client identities {' and '.join(map(shown, payloads[:4])) or 'none'}, "
        f"we proposed {sent[0]} and {sent[1]} ([{connection}]:Local-ID and Remote-ID decide)",
        NotifyType.INVALID_ID_INFORMATION,
    )


def _returns(got: Identity, sent: Identity, *, translated: bool) -> bool:
    if got == sent:
        return True
    same_packets = (got.protocol, got.port) == (sent.protocol, sent.port)
    return translated and same_packets and got.type in _HOSTS and host(got) is not None


def selector(ids: ClientIds, transport: Transport, *, translated: bool) -> Selector:
    """Name the packets two identities mean; raises Refused for identities that name none.

    Through a NAT (``translated``) transport mode protects what goes between the addresses that
    are seen, whatever the identities call them.
    """
    ours, theirs = ids
    local: Network | None
    remote: Network | None
    if translated:
        local = Identity.of_address(transport.local).network
        remote = Identity.of_address(transport.remote).network
    else:
        local, remote = ours.network, theirs.network
    if local is None or remote is None or local.version != remote.version:
        raise Refused(
            f"client identities {shown(ours)} and {shown(theirs)} name no packets",
            NotifyType.INVALID_ID_INFORMATION,
        )
    return Selector(local, remote, _protocol(ours, theirs), ours.port, theirs.port)


def _protocol(ours: Identity, theirs: Identity) -> int:
    if ours.protocol and theirs.protocol and ours.protocol != theirs.protocol:
        raise Refused(
            f"client identities of protocols {theirs.protocol} and {ours.protocol}: "
            "no packet has both",
            NotifyType.INVALID_ID_INFORMATION,
        )
    return ours.protocol or theirs.protocol


def host(identity: Identity) -> Address | None:
    """Give the single address an identity names, None where it names more, or none."""
    network = identity.network
    if network is None or network.num_addresses != 1:
        return None
    return network.network_address


def shown(identity: Identity) -> str:
    """Print an identity, however long, in a few words."""
    text = str(identity)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def described(identity: Identity) -> str:
    """Print an identity with its protocol and port."""
    suffix = f" protocol {identity.protocol} port {identity.port}" if identity.protocol else ""
    return f"{shown(identity)}{suffix}"
