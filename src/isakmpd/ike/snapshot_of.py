"""Take the engine's picture."""

from __future__ import annotations

from isakmpd.ike import certificates
from isakmpd.ike.exchange import Exchange
from isakmpd.ike.negotiation import Negotiation
from isakmpd.ike.sa import IpsecSa, IsakmpSa
from isakmpd.ike.snapshot import (
    ConnectionSnapshot,
    ExchangeSnapshot,
    Expiry,
    IpsecSaSnapshot,
    IsakmpSaSnapshot,
    SaFlags,
    Snapshot,
    TimerSnapshot,
)
from isakmpd.wire.vendor_ids import Vendor


def snapshot_of(negotiation: Negotiation) -> Snapshot:
    """Show everything a negotiation holds."""
    now = negotiation.context.now
    return Snapshot(
        tuple(_isakmp(negotiation, sa) for sa in negotiation.isakmp_sas),
        tuple(_ipsec(negotiation, pair) for pair in negotiation.ipsec_sas),
        tuple(_exchange(exchange) for exchange in negotiation.exchanges),
        tuple(
            _connection(negotiation, name) for name in negotiation.context.configuration.connections
        ),
        tuple(TimerSnapshot(t.event, t.due - now) for t in negotiation.context.timers),
        negotiation.context.active,
    )


def _expiry(negotiation: Negotiation, sa: IsakmpSa | IpsecSa) -> Expiry:
    now = negotiation.context.now
    lifetimes = sa.choice.lifetimes
    return Expiry(
        lifetimes.seconds,
        lifetimes.kilobytes,
        max(0.0, sa.soft_due - now) if sa.soft_due is not None else None,
        max(0.0, sa.hard_due - now) if sa.hard_due is not None else None,
    )


def _isakmp(negotiation: Negotiation, sa: IsakmpSa) -> IsakmpSaSnapshot:
    flags = SaFlags.READY
    if any(
        negotiation.connections.watches(pair.name) for pair in negotiation.ipsec_sas.of_peer(sa)
    ):
        flags |= SaFlags.STAYALIVE
    if sa.replaced:
        flags |= SaFlags.REPLACED
    if Vendor.DPD in sa.vendors:
        flags |= SaFlags.DPD
    if sa.nat.detected:
        flags |= SaFlags.NAT_T
    if sa.keepalive is not None:
        flags |= SaFlags.NAT_T_KEEPALIVE
    first, second = (sa.local_id, sa.remote_id) if sa.initiator else (sa.remote_id, sa.local_id)
    return IsakmpSaSnapshot(
        sa.name,
        sa.initiator,
        sa.transport,
        *sa.cookies,
        str(first),
        str(second),
        _expiry(negotiation, sa),
        flags,
        sa.choice.encryption,
        sa.choice.key_length,
        sa.choice.hash,
        sa.choice.group,
        sa.choice.authentication,
        certificates.named(sa.proven) if sa.proven is not None else "",
    )


def _ipsec(negotiation: Negotiation, pair: IpsecSa) -> IpsecSaSnapshot:
    flags = SaFlags.READY
    if negotiation.connections.watches(pair.name):
        flags |= SaFlags.STAYALIVE
    if negotiation.connections.on_demand(pair.name):
        flags |= SaFlags.ONDEMAND
    if pair.replaced:
        flags |= SaFlags.REPLACED
    if pair.outbound.udp is not None:
        flags |= SaFlags.NAT_T
    return IpsecSaSnapshot(
        pair.name,
        pair.initiator,
        pair.isakmp.transport,
        *pair.isakmp.cookies,
        pair.message_id,
        _expiry(negotiation, pair),
        flags,
        pair.choice.principal.transform,
        pair.choice.principal.authentication,
        len(pair.outbound.keys.encryption_key),
        len(pair.outbound.keys.authentication_key),
        pair.bundle,
        negotiation.usage(pair.outbound.key),
        negotiation.usage(pair.inbound.key),
    )


def _exchange(exchange: Exchange) -> ExchangeSnapshot:
    return ExchangeSnapshot(
        exchange.name,
        exchange.exchange_type,
        exchange.phase,
        exchange.initiator,
        exchange.step,
        exchange.initiator_cookie,
        exchange.responder_cookie,
        exchange.message_id,
        exchange.transport,
        exchange.heard_so_far,
    )


def _connection(negotiation: Negotiation, name: str) -> ConnectionSnapshot:
    due, failure = negotiation.connections.watched(name)
    state = "down"
    if negotiation.is_up(name):
        state = "up"
    elif negotiation.is_negotiating(name):
        state = "negotiating"
    return ConnectionSnapshot(
        name,
        negotiation.connections.watches(name),
        state,
        due - negotiation.context.now if due is not None else None,
        failure,
        negotiation.connections.on_demand(name),
    )
