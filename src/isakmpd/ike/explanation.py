"""Tell one of ours what would have been accepted, and read that (RFC 2408 section 3.14).

A notify of an error alone says that something differs, not what. Its data, which is left to the
implementation, holds what the refusing end has in place of what it refused: an SA payload for a
proposal, without any proposal where none at all would do; ID payloads for identities; CERTREQ
payloads for authorities. The other end compares that with its own configuration. No other
implementation is sent it: a vendor ID of ours tells who understands it, and in clear says so beside
the notify.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from isakmpd.ike.refused import Refused
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import NotifyType, PayloadType
from isakmpd.wire.payloads import Chain, Notification, VendorId, decode_chain, encode_chain
from isakmpd.wire.vendor_ids import Vendor, recognise

OURS = Vendor.ACKNOWLEDGED_DELETES  # who shows it reads explanations
LARGEST = 2048  # octets read of what a peer explains
_BEGINS_WITH: Mapping[NotifyType, PayloadType] = {
    NotifyType.NO_PROPOSAL_CHOSEN: PayloadType.SA,
    NotifyType.INVALID_ID_INFORMATION: PayloadType.ID,
    NotifyType.INVALID_CERT_AUTHORITY: PayloadType.CERTREQ,
}
NOTHING = Chain((), (), b"")


def explain(refused: Refused, vendors: Collection[Vendor]) -> bytes:
    """Give the data of a refusal's notify: nothing for whom ``vendors`` do not show as ours."""
    if OURS not in vendors or refused.notify not in _BEGINS_WITH:
        return b""
    return encode_chain(refused.wanted)


def read(kind: NotifyType, data: bytes) -> Chain:
    """Read what one of ours would have accepted; no payloads where it does not say."""
    first = _BEGINS_WITH.get(kind)
    if first is None or not data or len(data) > LARGEST:
        return NOTHING
    try:
        chain = decode_chain(first, data)
    except Malformed:
        return NOTHING
    return chain if all(item.type_on_wire == first for item in chain.payloads) else NOTHING


def of(notification: Notification, vendors: Collection[Vendor]) -> Chain:
    """Read what an authenticated peer would have accepted, if ``vendors`` show it as ours."""
    return read(notification.type, notification.data) if OURS in vendors else NOTHING


def beside(chain: Chain) -> bool:
    """Tell whether a message in clear shows that one of ours has sent it."""
    return any(recognise(payload.data) is OURS for payload in chain.all(VendorId))
