"""Run mode config, both roles, asking and telling (draft-dukes-ike-mode-cfg-02 section 2).

Each message is HDR*, HASH, ATTR; whoever begins insists, whoever answers has the last word. XAUTH
is the same exchange with other attributes, and would come before.
"""

from __future__ import annotations

from collections.abc import Iterable

from isakmpd.config.model import AddressPool
from isakmpd.crypto.hashes import equal
from isakmpd.ike import configuration_attributes, steps
from isakmpd.ike.effects import Finish, Turn
from isakmpd.ike.framing import Unproven
from isakmpd.ike.refused import Refused
from isakmpd.ike.transaction_exchange import TransactionExchange
from isakmpd.wire.attributes import Attribute
from isakmpd.wire.numbers import ConfigurationType, NotifyType
from isakmpd.wire.payloads import AttributePayload, Chain, Hash, Payload, encode_chain

T = ConfigurationType


async def pull(x: TransactionExchange, wanted: Iterable[str]) -> None:
    """Ask the peer for what the tag names in ``wanted`` mean, and take what it gives."""
    request = configuration_attributes.requested(wanted)
    reply = await _transact(x, T.REQUEST, request, T.REPLY)
    await x.take(reply.attributes)


async def push(x: TransactionExchange, pool: AddressPool) -> None:
    """Tell the peer all that a pool has for it."""
    values = configuration_attributes.offered(pool, prefix_octet=x.prefix_octet)
    ack = await _transact(x, T.SET, values, T.ACK)
    x.acknowledged(ack.attributes)


async def respond(x: TransactionExchange, first: Chain) -> None:
    """Answer a peer's REQUEST or SET, whose HASH has been verified."""
    message = first.one(AttributePayload)
    if message.kind == T.REQUEST:
        kind, attributes = T.REPLY, x.reply(message.attributes)
    elif message.kind == T.SET:
        kind = T.ACK
        attributes = configuration_attributes.acknowledged(await x.obey(message.attributes))
    else:
        raise Refused(
            f"the peer begins a transaction with {message.kind}, expected REQUEST or SET",
            NotifyType.PAYLOAD_MALFORMED,
        )
    await Finish(_sealed(x, AttributePayload(kind, message.identifier, attributes)))


async def _transact(
    x: TransactionExchange,
    kind: ConfigurationType,
    attributes: tuple[Attribute, ...],
    expected: ConfigurationType,
) -> AttributePayload:
    identifier = int.from_bytes(x.entropy(2))
    message = await Turn(
        _sealed(x, AttributePayload(kind, identifier, attributes)),
        steps.CFG2,
        retransmit=True,
        proof=lambda message: verify(message, x.hash_of(message.after_first)),
    )
    answer = message.one(AttributePayload)
    if (answer.kind, answer.identifier) != (expected, identifier):
        raise Refused(
            f"the peer answers {kind} {identifier} with {answer.kind} {answer.identifier}, "
            f"expected {expected} {identifier}",
            NotifyType.PAYLOAD_MALFORMED,
        )
    return answer


def _sealed(x: TransactionExchange, payload: Payload) -> tuple[Payload, ...]:
    return Hash(x.hash_of(encode_chain((payload,)))), payload


def verify(message: Chain, expected: bytes) -> None:
    """Raise Unproven unless a transaction message carries its whole HASH."""
    if not equal(message.one(Hash).data, expected):
        raise Unproven(
            "HASH of a transaction message is wrong", NotifyType.INVALID_HASH_INFORMATION
        )
