"""Run quick mode, both roles, with and without PFS (RFC 2409 section 5.5)."""

from __future__ import annotations

from dataclasses import replace

from isakmpd.config.model import Connection
from isakmpd.crypto.groups import InvalidPublicValue, KeyPair, generate
from isakmpd.crypto.hashes import equal
from isakmpd.ike import (
    client_ids,
    original_addresses,
    phase2_alternatives,
    phase2_keys,
    phase2_proposal,
    responder_lifetime,
    steps,
    suite_support,
)
from isakmpd.ike.client_ids import ClientIds
from isakmpd.ike.effects import Finish, Turn
from isakmpd.ike.framing import Unproven
from isakmpd.ike.nonces import new_nonce, read_nonce
from isakmpd.ike.phase2_choice import Phase2Choice
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.phase2_keys import KeySource
from isakmpd.ike.refused import Refused
from isakmpd.wire.numbers import EncapsulationMode, NotifyType
from isakmpd.wire.payloads import (
    Chain,
    Hash,
    Identification,
    KeyExchange,
    Nonce,
    Payload,
    SecurityAssociation,
    encode_chain,
)


async def initiator(
    x: Phase2Exchange, connection: Connection, renewed: ClientIds | None = None
) -> None:
    """Negotiate SAs for ``connection``, or for the packets of those that are ``renewed``."""
    circumstances = x.circumstances
    suites = suite_support.offerable(connection, circumstances)
    group = suites[0].group
    pair = generate(group, x.entropy) if group else None
    protocols = suite_support.protocols(suites)
    spis = {protocol: await x.allocate_spi(protocol) for protocol in protocols}
    ni = new_nonce(x.entropy)
    assigned = x.owner.assigned_addresses(x.sa)
    proposed = renewed or client_ids.configured(x.transport, connection, assigned)
    payloads = (
        phase2_proposal.offer(suites, spis, circumstances),
        Nonce(ni),
        *_key_exchange(pair),
        *map(Identification.of, proposed),
        *_original_addresses(x, transport_mode=suite_support.have_transport_mode(suites)),
    )
    reply = await Turn(
        (Hash(x.hash1(encode_chain(payloads))), *payloads),
        steps.QM2,
        retransmit=True,
        proof=lambda reply: _verify("HASH(2)", reply, x.hash2(ni, reply.after_first)),
    )
    answer = reply.one(SecurityAssociation)
    x.peer_spi = phase2_alternatives.first_spi(answer)
    choice = x.check(answer, suites)
    choice = replace(choice, lifetimes=responder_lifetime.after_answer(choice, reply))
    ids = client_ids.returned(
        reply,
        proposed,
        x.transport,
        x.sa.nat,
        connection=x.name,
        translated=x.translates(choice),
    )
    nr = read_nonce(reply)
    source = KeySource(x.sa.skeyid, _shared_secret(pair, reply), ni, nr)
    bundle = phase2_keys.sa_pairs(choice, spis, source, _protected(x, choice, ids, reply))
    x.show_keys(source, bundle)
    x.check_unused(bundle)
    for one in bundle:
        await x.install(one.inbound)
    for one in bundle:
        await x.install(one.outbound)
    x.release_unused(choice)
    await Finish((Hash(x.hash3(ni, nr)),))
    x.complete(choice, bundle, proposed)


async def responder(x: Phase2Exchange, first: Chain) -> None:
    """Answer quick mode message ``first``, whose HASH(1) has been verified."""
    offer = first.one(SecurityAssociation)
    x.peer_spi = phase2_alternatives.first_spi(offer)
    ni = read_nonce(first)
    translated = x.behind_nat and phase2_alternatives.only_transport_mode(offer)
    ids = client_ids.proposed(x.transport, first, translated=translated)
    connection = x.connection_for(ids, translated=translated)
    choice = x.choose(offer, connection, first.first(KeyExchange))
    x.check_inner_addresses(choice, ids)
    x.warn_of(choice, connection)
    protected = _protected(x, choice, ids, first)
    spis = {one.protocol: await x.allocate_spi(one.protocol) for one in choice.protocols}
    pair = generate(choice.group, x.entropy) if choice.group else None
    shared = _shared_secret(pair, first)
    nr = new_nonce(x.entropy)
    source = KeySource(x.sa.skeyid, shared, ni, nr)
    bundle = phase2_keys.sa_pairs(choice, spis, source, protected)
    x.show_keys(source, bundle)
    x.check_unused(bundle)
    for one in bundle:
        await x.install(one.inbound)  # before the answer leaves: the peer may send at once

    payloads: tuple[Payload, ...] = (
        phase2_proposal.answer(offer, choice, spis),
        Nonce(nr),
        *_key_exchange(pair),
        *first.all(Identification),
        *responder_lifetime.notifications(choice, spis),
        *_original_addresses(x, transport_mode=choice.mode == EncapsulationMode.TRANSPORT),
    )
    await Turn(
        (Hash(x.hash2(ni, encode_chain(payloads))), *payloads),
        steps.QM3,
        retransmit=True,
        proof=lambda message: _verify("HASH(3)", message, x.hash3(ni, nr)),
    )
    x.check_inner_addresses(choice, ids)  # another may have completed them in the meantime
    for one in bundle:
        await x.install(one.outbound)
    x.complete(choice, bundle, ids)


def _verify(name: str, message: Chain, expected: bytes) -> None:
    if not equal(message.one(Hash).data, expected):
        raise Unproven(f"{name} is wrong", NotifyType.INVALID_HASH_INFORMATION)


def _key_exchange(pair: KeyPair | None) -> tuple[Payload, ...]:
    return (KeyExchange(pair.public),) if pair else ()


def _shared_secret(pair: KeyPair | None, message: Chain) -> bytes:
    theirs = message.first(KeyExchange)
    if pair is None and theirs is None:
        return b""
    if pair is None or theirs is None:
        side = "we do not" if pair is None else "the peer does not"
        raise Refused(f"PFS on one side only: {side} send KE", NotifyType.INVALID_KEY_INFORMATION)
    try:
        return pair.shared_secret(theirs.value)
    except InvalidPublicValue as fault:
        raise Refused(
            f"the peer's Diffie-Hellman value is unsafe: {fault}",
            NotifyType.INVALID_KEY_INFORMATION,
        ) from fault


def _original_addresses(x: Phase2Exchange, *, transport_mode: bool) -> tuple[Payload, ...]:
    if not transport_mode or not x.sa.nat.detected:
        return ()
    return original_addresses.payloads(
        x.transport, initiator=x.initiator, drafts=x.circumstances.drafts
    )


def _protected(
    x: Phase2Exchange, choice: Phase2Choice, ids: ClientIds, message: Chain
) -> phase2_keys.Protected:
    """Say what the SAs carry; raises Refused for identities that name no packets."""
    translated = x.translates(choice)
    originals = (
        original_addresses.originals(message, ids, x.transport, initiator=x.initiator)
        if translated
        else None
    )
    return phase2_keys.Protected(
        x.name,
        x.transport,
        client_ids.selector(ids, x.transport, translated=translated),
        x.udp_encapsulation(choice),
        originals,
    )
