"""Choose between main and aggressive mode, by exchange type (RFC 2409 section 5)."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

from isakmpd.ike import aggressive_mode, main_mode, steps
from isakmpd.ike.effects import Effect
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.refused import Refused
from isakmpd.ike.steps import Step
from isakmpd.wire.numbers import ExchangeType, NotifyType
from isakmpd.wire.payloads import Chain

FIRST_STEPS: Mapping[ExchangeType, Step] = {
    ExchangeType.ID_PROT: steps.MM1,
    ExchangeType.AGGRESSIVE: steps.AM1,
}


def initiator(x: Phase1Exchange) -> Coroutine[Effect[Any], object, None]:
    """Begin in the mode that the peer's section names."""
    if x.exchange_type == ExchangeType.AGGRESSIVE:
        return aggressive_mode.initiator(x)
    return main_mode.initiator(x)


def responder(x: Phase1Exchange, first: Chain) -> Coroutine[Effect[Any], object, None]:
    """Answer in the mode in which the peer began, if its section names that one."""
    if x.exchange_type != x.peer.exchange_type:
        return _refuse(x)
    if x.exchange_type == ExchangeType.AGGRESSIVE:
        return aggressive_mode.responder(x, first)
    return main_mode.responder(x, first)


async def _refuse(x: Phase1Exchange) -> None:
    raise Refused(
        f"the peer begins with exchange type {x.exchange_type}, expected {x.peer.exchange_type} "
        f"([{x.peer.configuration}]:EXCHANGE_TYPE decides)",
        NotifyType.UNSUPPORTED_EXCHANGE_TYPE,
    )
