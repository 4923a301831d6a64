"""Run main mode, both roles (RFC 2409 sections 5, 5.1 and 5.4)."""

from __future__ import annotations

from isakmpd.ike import (
    peer_identity,
    phase1_notifies,
    phase1_outcome,
    phase1_proposal,
    proofs,
    steps,
)
from isakmpd.ike.effects import Finish, Turn
from isakmpd.ike.key_agreement import OwnContribution, PeerContribution, agree
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.refused import Refused
from isakmpd.wire.payloads import Chain, Identification, SecurityAssociation


async def initiator(x: Phase1Exchange) -> None:
    """Begin an ISAKMP SA."""
    sa = phase1_proposal.offer(x.peer, x.unprovable)
    reply = await Turn((sa, *x.vendor_ids()), steps.MM2, retransmit=True)
    x.learn_vendors(reply)
    choice = x.check(reply)
    proof = proofs.agreed(x, choice, x.key_by_address)
    proof.asked(reply)

    own = OwnContribution.fresh(choice.group, x.entropy)
    reply = await Turn(
        (*own.payloads(), *proof.requests, *x.nat_discovery(choice)),
        steps.MM4,
        retransmit=True,
    )
    peers = PeerContribution.read(reply, choice.group)
    keys = x.derive(choice, agree(own, peers, initiator=True), sa.body(), proof.key)
    proof.asked(reply)
    x.sealing = keys.sealing()
    x.detect_nat(choice, reply)
    if x.nat.detected:
        x.float_transport()

    identity = Identification.of(x.local_id)
    reply = await Turn(
        (identity, *proof.payloads(keys, identity), *phase1_notifies.initial_contact(x)),
        steps.MM6,
        retransmit=True,
        proof=proof.check(keys),
    )
    try:
        remote_id = proof.accept(peer_identity.read(reply))
    except Refused as refused:
        phase1_outcome.reject(x, keys, refused, peer_holds_sa=True)
    phase1_outcome.complete(x, keys, remote_id, reply)


async def responder(x: Phase1Exchange, first: Chain) -> None:
    """Answer a peer that begins an ISAKMP SA with main mode message ``first``."""
    x.learn_vendors(first)
    answer, choice = x.choose(first)
    proof = proofs.agreed(x, choice, x.key_by_address)
    proof.asked(first)
    sa_body = first.body_of(SecurityAssociation)
    del first  # a peer nobody knows yet can make it large
    message = await Turn((answer, *x.vendor_ids()), steps.MM3, retransmit=False)

    peers = PeerContribution.read(message, choice.group)
    own = OwnContribution.fresh(choice.group, x.entropy)
    proof.asked(message)
    x.detect_nat(choice, message)
    keys = x.derive(choice, agree(own, peers, initiator=False), sa_body, proof.key)
    message = await Turn(
        (*own.payloads(), *proof.requests, *x.nat_discovery(choice)),
        steps.MM5,
        retransmit=False,
        then_sealed=keys.sealing(),
        proof=proof.check(keys),
    )
    try:
        remote_id = proof.accept(peer_identity.read(message))
    except Refused as refused:
        phase1_outcome.reject(x, keys, refused, peer_holds_sa=False)
    identity = Identification.of(x.local_id)
    await Finish(
        (
            identity,
            *proof.payloads(keys, identity),
            *phase1_notifies.initial_contact(x),
            *phase1_notifies.responder_lifetime(x, choice),
        )
    )
    phase1_outcome.complete(x, keys, remote_id, message)
