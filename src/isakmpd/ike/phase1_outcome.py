"""Bring phase 1 to its end: an ISAKMP SA for the engine, or a refusal under its keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NoReturn

from isakmpd.ike import explanation, informational, phase1_notifies
from isakmpd.ike.phase1_keys import Phase1Keys
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.wire.identities import Identity
from isakmpd.wire.numbers import ExchangeType, NotifyType
from isakmpd.wire.payloads import Chain, Notification, Payload

if TYPE_CHECKING:
    from isakmpd.ike.phase1_exchange import Phase1Exchange


def complete(
    x: Phase1Exchange, keys: Phase1Keys, remote_id: Identity, last: Chain | None = None
) -> None:
    """Hand the finished ISAKMP SA over.

    ``last`` is the peer's last message if it was encrypted: only then its notifies count.
    """
    notifies = last.all(Notification) if last is not None else []
    first_contact = x.first_contact
    sa = sa_of(x, keys, remote_id)
    for notification in notifies:
        lifetimes = phase1_notifies.lifetimes_after(sa, notification)
        sa.choice = replace(sa.choice, lifetimes=lifetimes)
    initial_contact = any(n.type == NotifyType.INITIAL_CONTACT for n in notifies)
    if last is None:
        _say_what_aggressive_mode_cannot(x, sa, first_contact)
    x.context.show_keys(x.name, lambda: [("last ciphertext block of phase 1", sa.last_block)])
    x.owner.isakmp_established(sa, initial_contact=initial_contact)
    if last is None and first_contact and sa.liveness:
        sa.liveness.announce()  # once more: what went before nobody acknowledges
    if x.exchange_type == ExchangeType.AGGRESSIVE and x.initiator and sa.liveness:
        sa.liveness.probe()  # only the peer's word tells that message 3 has arrived


def _say_what_aggressive_mode_cannot(x: Phase1Exchange, sa: IsakmpSa, first_contact: bool) -> None:
    """Send under the SA what has no protected place in aggressive mode's own messages."""
    payloads = phase1_notifies.initial_contact(x) if first_contact else ()
    if not x.initiator:
        payloads += phase1_notifies.responder_lifetime(x, sa.choice)
    for payload in payloads:  # one each: the original acts on no more
        informational.send(x.context, sa, (payload,))


def reject(
    x: Phase1Exchange, keys: Phase1Keys, refused: Refused, *, peer_holds_sa: bool
) -> NoReturn:
    """Refuse a peer that has proved the keys: tell it so under them, if it can read that.

    One that holds the finished SA already can, and has to give it up; of others only ours.
    """
    if not peer_holds_sa and explanation.OURS not in x.vendors:
        raise refused
    sa = sa_of(x, keys, Identity.of_address(x.transport.remote))
    payloads: tuple[Payload, ...] = ()
    if refused.notify is not None:
        data = explanation.explain(refused, x.vendors)
        payloads += (informational.notification(sa, refused.notify, data),)
    if peer_holds_sa:
        payloads += (informational.delete_isakmp(sa),)
    informational.send(x.context, sa, payloads)
    raise Refused(refused.reason, None)


def sa_of(x: Phase1Exchange, keys: Phase1Keys, remote_id: Identity) -> IsakmpSa:
    """Make the ISAKMP SA of keys and a proven identity."""
    sealing = x.sealing or keys.sealing()
    if x.transport.encapsulated and not x.nat.detected:
        x.nat = replace(x.nat, forced=True)
    return IsakmpSa(
        x.peer,
        x.initiator,
        x.initiator_cookie,
        x.responder_cookie,
        x.transport,
        keys.choice,
        keys.skeyid,
        sealing.cipher,
        sealing.last_block,
        x.local_id,
        remote_id,
        x.nat,
        x.vendors,
        x.began,
        x.context.now,
        shared_key=keys.key is not None and keys.key.origin.shared,
        key_section=keys.key.origin.stored_for if keys.key is not None else "",
        proven=x.proven,
    )
