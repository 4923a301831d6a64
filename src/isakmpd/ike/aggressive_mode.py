"""Run aggressive mode, both roles (RFC 2409 sections 5, 5.1 and 5.4).

The initiator is done when it has sent message 3, which nobody acknowledges: it insists on message
2, repeats 3 for every 2 that comes again, and the responder sends 2 again for all that it cannot
read before it has 3.
"""

from __future__ import annotations

from isakmpd.ike import peer_identity, phase1_outcome, phase1_proposal, proofs, steps
from isakmpd.ike.effects import Finish, Turn
from isakmpd.ike.key_agreement import OwnContribution, PeerContribution, agree
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.phase1_keys import Phase1Keys
from isakmpd.ike.proofs import Proof
from isakmpd.ike.refused import Refused
from isakmpd.wire.payloads import Chain, Identification, SecurityAssociation


async def initiator(x: Phase1Exchange) -> None:
    """Begin an ISAKMP SA with three messages."""
    sa = phase1_proposal.offer(x.peer, x.unprovable)
    proofs.prepare(x)
    own = OwnContribution.fresh(phase1_proposal.offered_group(x.peer, x.unprovable), x.entropy)
    identity = Identification.of(x.local_id)
    answer = _Answer(x, sa, own)
    reply = await Turn(
        (sa, *own.payloads(), identity, *x.vendor_ids(), *proofs.requests(x)),
        steps.AM2,
        retransmit=True,
        proof=answer.prove,
    )
    keys, proof = answer.keys, answer.proof
    try:
        remote_id = proof.accept(peer_identity.read(reply))
    except Refused as refused:
        phase1_outcome.reject(x, keys, refused, peer_holds_sa=False)
    x.sealing = keys.sealing()
    x.detect_nat(keys.choice, reply)
    if x.nat.detected:
        x.float_transport()
    await Finish((*proof.payloads(keys, identity), *x.nat_discovery(keys.choice)))
    phase1_outcome.complete(x, keys, remote_id)


class _Answer:
    """Derive the keys from message 2, which has to prove them itself."""

    def __init__(self, x: Phase1Exchange, sa: SecurityAssociation, own: OwnContribution) -> None:
        self._x = x
        self._sa = sa
        self._own = own
        self._derived: Phase1Keys | Refused | None = None
        self.proof: Proof

    @property
    def keys(self) -> Phase1Keys:
        """Give the keys of the message that proved them; raises Refused for one nobody can."""
        if not isinstance(self._derived, Phase1Keys):
            raise self._derived or Refused("message 2 was not looked at", None)
        return self._derived

    def prove(self, message: Chain) -> None:
        """Authenticate the responder; raises Unproven."""
        try:
            keys = self._derive(message)
        except Refused as refused:
            self._derived = refused
            return
        self.proof.check(keys)(message)
        self._derived = keys

    def _derive(self, message: Chain) -> Phase1Keys:
        x = self._x
        x.learn_vendors(message)
        choice = x.check(message)
        self.proof = proofs.agreed(x, choice, x.key_by_address)
        self.proof.asked(message)
        peers = PeerContribution.read(message, choice.group)
        agreement = agree(self._own, peers, initiator=True)
        return x.derive(choice, agreement, self._sa.body(), self.proof.key)


async def responder(x: Phase1Exchange, first: Chain) -> None:
    """Answer a peer that begins an ISAKMP SA with aggressive mode message ``first``."""
    x.learn_vendors(first)
    answer, choice = x.choose(first)
    sa_body = first.body_of(SecurityAssociation)
    initiator_body = first.body_of(Identification)
    x.claimed_id = initiator_id = peer_identity.read(first)
    proof = proofs.agreed(x, choice, lambda: x.key_of(initiator_id))
    proof.asked(first)
    peers = PeerContribution.read(first, choice.group)
    del first  # a peer nobody knows yet can make it large
    own = OwnContribution.fresh(choice.group, x.entropy)
    keys = x.derive(choice, agree(own, peers, initiator=False), sa_body, proof.key, initiator_body)
    identity = Identification.of(x.local_id)
    began_at = x.transport
    message = await Turn(
        (
            answer,
            *own.payloads(),
            identity,
            *x.vendor_ids(),
            *proof.requests,
            *x.nat_discovery(choice),
            *proof.payloads(keys, identity),
        ),
        steps.AM3,
        retransmit=False,
        then_sealed=keys.sealing(),
        proof=proof.check(keys),
    )
    x.detect_nat(choice, message, began_at)
    try:
        remote_id = proof.accept(initiator_id)
    except Refused as refused:
        phase1_outcome.reject(x, keys, refused, peer_holds_sa=True)
    phase1_outcome.complete(x, keys, remote_id)
