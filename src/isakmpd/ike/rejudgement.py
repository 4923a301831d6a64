"""Judge again, by other keys and lists, the peers that signatures have proved (RFC 5280 section 5).

What was revoked, or lost its authority, takes down what it has brought up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from isakmpd.ike.sa import IsakmpSa
from isakmpd.pki.untrusted import Untrusted

if TYPE_CHECKING:
    from isakmpd.ike.negotiation import Negotiation


def judge_again(negotiation: Negotiation) -> None:
    """End the SAs of every peer whose key the keyring lets speak for it no longer, telling it."""
    pairs = list(negotiation.ipsec_sas)
    held = dict.fromkeys([*negotiation.isakmp_sas, *(pair.isakmp for pair in pairs)])
    refused = {sa: why for sa in held if (why := _refusal(negotiation, sa))}
    for sa, why in refused.items():
        negotiation.context.log(
            f"{sa.name}: {sa.remote_id.type} {sa.remote_id} at {sa.transport.peer} is trusted no "
            f"longer: {why}: its SAs go"
        )
    for pair in pairs:
        if pair.isakmp in refused:
            negotiation.ipsec_sas.remove(pair, tell_peer=True)
            negotiation.connections.check_soon(pair.name)
    for sa in refused:
        for exchange in negotiation.exchanges.quick_modes(sa):
            exchange.abort("the peer is trusted no longer")
        live = negotiation.isakmp_sas.get(sa.cookies)
        if live is not None:
            negotiation.isakmp_sas.remove(live, tell_peer=True)


def _refusal(negotiation: Negotiation, sa: IsakmpSa) -> str:
    if sa.proven is None:
        return ""
    context = negotiation.context
    try:
        context.keyring.still_good(sa.proven, context.calendar())
    except Untrusted as untrusted:
        return untrusted.reason
    return ""
