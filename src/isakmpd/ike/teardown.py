"""Take down what the administrator names by a peer's address."""

from __future__ import annotations

from isakmpd.ike.negotiation import Negotiation
from isakmpd.wire.addresses import Address

TORN_DOWN = "torn down by the administrator"


def teardown_isakmp_at(negotiation: Negotiation, address: Address) -> bool:
    """Delete the ISAKMP SAs with whoever is at an address; False when there was nothing."""
    ended = _abort_exchanges(negotiation, address, 1)
    found = [sa for sa in negotiation.isakmp_sas if sa.transport.remote == address]
    for sa in found:
        negotiation.isakmp_sas.remove(sa, tell_peer=True)
    return ended or bool(found)


def teardown_ipsec_at(negotiation: Negotiation, address: Address) -> bool:
    """Delete the IPsec SAs with whoever is at an address; False when there was nothing.

    Their connections stay down; what others have under the same names stays up.
    """
    ended = _abort_exchanges(negotiation, address, 2)
    found = [pair for pair in negotiation.ipsec_sas if pair.isakmp.transport.remote == address]
    for pair in found:
        negotiation.connections.forget(pair.name)
    for pair in found:
        negotiation.ipsec_sas.remove(pair, tell_peer=True)
    return ended or bool(found)


def _abort_exchanges(negotiation: Negotiation, address: Address, phase: int) -> bool:
    found = [
        exchange
        for exchange in negotiation.exchanges
        if exchange.phase == phase and exchange.transport.remote == address
    ]
    for exchange in found:
        if phase == 2:
            negotiation.connections.forget(exchange.name)
        exchange.abort(TORN_DOWN)
    return bool(found)
