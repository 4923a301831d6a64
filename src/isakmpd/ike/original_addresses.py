"""Tell each other the addresses a NAT hides, which transport mode's checksums cover (RFC 3947).

Section 5.2: NAT-OAi and NAT-OAr, each end's view of both. The drafts up to the second send only
their sender's own address.
"""

from __future__ import annotations

from ipaddress import ip_address

from isakmpd.ike.client_ids import ClientIds, host
from isakmpd.ike.ipsec import OriginalAddresses
from isakmpd.ike.refused import Refused
from isakmpd.ike.transport import Transport
from isakmpd.wire.addresses import Address
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import IdType, NotifyType
from isakmpd.wire.payloads import Chain, NatOriginalAddress, NatOriginalAddressDraft

_LENGTHS = {IdType.IPV4_ADDR: 4, IdType.IPV6_ADDR: 16}


def payloads(
    transport: Transport, *, initiator: bool, drafts: bool
) -> tuple[NatOriginalAddress, ...]:
    """Give both ends as we see them: NAT-OAi, then NAT-OAr."""
    ends = (transport.local, transport.remote)
    kind = NatOriginalAddressDraft if drafts else NatOriginalAddress
    return tuple(
        kind(Identity.of_address(address).type, address.packed)
        for address in (ends if initiator else reversed(ends))
    )


def originals(
    message: Chain, ids: ClientIds, transport: Transport, *, initiator: bool
) -> OriginalAddresses | None:
    """Give both ends as the peer sees them, None where it sees what we see.

    What its payloads do not tell, the client ``ids`` may: they name hosts as the peer knows them.
    Raises Refused for a payload that holds no address.
    """
    told = [_address(payload) for payload in message.all(NatOriginalAddress)]
    local, remote = host(ids[0]), host(ids[1])
    if len(told) == 1:
        (remote,) = told
    elif told:
        local, remote = told[:2] if initiator else reversed(told[:2])
    found = OriginalAddresses(
        _of_version(local, transport.local), _of_version(remote, transport.remote)
    )
    seen = OriginalAddresses(transport.local, transport.remote)
    return None if found == seen else found


def _of_version(address: Address | None, seen: Address) -> Address:
    return seen if address is None or address.version != seen.version else address


def _address(payload: NatOriginalAddress) -> Address:
    if len(payload.address) != _LENGTHS.get(payload.id_type, -1):
        raise Refused(
            f"NAT-OA of {payload.id_type} with {len(payload.address)} octets is no address",
            NotifyType.PAYLOAD_MALFORMED,
        )
    return ip_address(payload.address)
