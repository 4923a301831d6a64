"""Begin negotiations of our own, or only answer: what ``M`` says, and -S at the start.

Of hosts that stand in for each other one is active. While passive nothing begins: no connection,
no rekeying, nothing that a packet wants. Peers are answered, and what is up lives for as long as
its lifetime and the peer let it; guards stay.
"""

from __future__ import annotations

from isakmpd.ike.negotiation import Negotiation


def rest(negotiation: Negotiation) -> None:
    """Become passive: nothing begins any more, and who has not answered is called no longer."""
    negotiation.context.active = False
    negotiation.connections.rest()
    for name in negotiation.context.configuration.connections:
        negotiation.wait_no_longer(name, "isakmpd has become passive")


def resume(negotiation: Negotiation) -> None:
    """Become active: what is due begins at once."""
    negotiation.context.active = True
    for sa in list(negotiation.isakmp_sas):
        if sa.wants_heir:
            negotiation.correspondence.rekey_isakmp(sa)
    for pair in list(negotiation.ipsec_sas):
        negotiation.correspondence.keep_channel(pair.isakmp)
        if pair.wants_heir:
            negotiation.rekey(pair)
    negotiation.connections.resume()
