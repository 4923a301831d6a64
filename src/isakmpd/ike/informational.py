"""Build, protect and open informational messages (RFC 2408 section 4.8, RFC 2409 section 5.7)."""

from __future__ import annotations

from collections.abc import Collection

from isakmpd.crypto.hashes import equal
from isakmpd.ike import explanation
from isakmpd.ike.context import Context
from isakmpd.ike.entropy import message_id
from isakmpd.ike.framing import Sealing, Unproven, frame, in_clear
from isakmpd.ike.outputs import Capture, Send
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.steps import INFO
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import Header
from isakmpd.wire.numbers import Doi, ExchangeType, Flags, NotifyType, PayloadType, Protocol
from isakmpd.wire.payloads import (
    Chain,
    Delete,
    Hash,
    Notification,
    Payload,
    VendorId,
    encode_chain,
)
from isakmpd.wire.vendor_ids import Vendor

MESSAGE_ID_LIMIT = 65536  # remembered for each ISAKMP SA against replay


def send(context: Context, sa: IsakmpSa, payloads: tuple[Payload, ...]) -> None:
    """Send payloads protected by HASH and encryption; nobody retransmits them."""
    number = fresh_message_id(context, sa)
    iv = sa.phase2_iv(number)
    context.show_keys(sa.name, lambda: [(f"IV, message ID {number:08x}", iv)])
    proof = Hash(sa.prf_a(number.to_bytes(4), encode_chain(payloads)))
    header = Header(*sa.cookies, PayloadType.NONE, ExchangeType.INFO, Flags.NONE, number)
    framed = Sealing(sa.cipher, iv).seal(header, (proof, *payloads))
    context.emit(Capture(sa.transport, framed.clear, outgoing=True))
    context.emit(Send(sa.transport, framed.octets))


def send_in_clear(
    context: Context,
    at: Transport,
    cookies: tuple[bytes, bytes],
    refused: Refused,
    vendors: Collection[Vendor] = (),
    limit: int = 0,
) -> None:
    """Tell a peer why it is refused where no key protects that, in ``limit`` octets at most.

    So nobody can be flooded with it. ``vendors`` tell whether it understands an explanation.
    """
    if refused.notify is None:
        return
    header = Header(
        *cookies, PayloadType.NONE, ExchangeType.INFO, Flags.NONE, message_id(context.entropy)
    )
    for data in dict.fromkeys((explanation.explain(refused, vendors), b"")):
        spi = b"".join(cookies)
        payloads: tuple[Payload, ...] = (
            Notification(Doi.IPSEC, Protocol.ISAKMP, refused.notify, spi, data),
        )
        if data:
            payloads += (VendorId(explanation.OURS.value),)
        framed = frame(header, payloads)
        if len(framed.octets) <= limit:
            context.emit(Capture(at, framed.clear, outgoing=True))
            context.emit(Send(at, framed.octets))
            return


def fresh_message_id(context: Context, sa: IsakmpSa) -> int:
    """Draw a message ID this SA has not seen."""
    number = message_id(context.entropy)
    while number in sa.used_message_ids:
        number = message_id(context.entropy)
    sa.used_message_ids.add(number)
    return number


def open_protected(
    context: Context, sa: IsakmpSa, header: Header, body: bytes, transport: Transport
) -> Chain:
    """Decrypt and authenticate an informational message; raises Malformed.

    Only then its message ID counts as used: nobody can use it up in the peer's place.
    """
    iv = sa.phase2_iv(header.message_id)
    context.show_keys(sa.name, lambda: [(f"IV, message ID {header.message_id:08x}", iv)])
    chain = Sealing(sa.cipher, iv).open(header, body)
    context.emit(Capture(transport, in_clear(header, chain), outgoing=False))
    INFO.check(chain)
    expected = sa.prf_a(header.message_id.to_bytes(4), chain.after_first)
    if not equal(chain.one(Hash).data, expected):
        raise Unproven(
            "HASH of an informational message is wrong", NotifyType.INVALID_HASH_INFORMATION
        )
    sa.used_message_ids.add(header.message_id)
    return chain


def notification(sa: IsakmpSa, notify: NotifyType, data: bytes = b"") -> Notification:
    """Make a notify about an ISAKMP SA, which its cookies name."""
    return Notification(
        Doi.IPSEC, Protocol.ISAKMP, notify, sa.initiator_cookie + sa.responder_cookie, data
    )


def delete_ipsec(protocol: Protocol, *spis: bytes) -> Delete:
    """Say that we hold the inbound SAs ``spis`` no longer."""
    return Delete(Doi.IPSEC, protocol, spis)


def delete_isakmp(sa: IsakmpSa) -> Delete:
    """Say that we hold an ISAKMP SA no longer."""
    return Delete(Doi.IPSEC, Protocol.ISAKMP, (sa.initiator_cookie + sa.responder_cookie,))
