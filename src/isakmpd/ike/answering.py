"""Answer what peers begin, and hear what they say under an ISAKMP SA."""

from __future__ import annotations

from typing import TYPE_CHECKING

from isakmpd.ike import announcements, informational, phase1_modes, quick_mode
from isakmpd.ike.entropy import cookie
from isakmpd.ike.exchanges import first_message_key
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import Header
from isakmpd.wire.numbers import SITUATION_IDENTITY_ONLY, Doi, NotifyType
from isakmpd.wire.payloads import Chain, SecurityAssociation

if TYPE_CHECKING:
    from isakmpd.ike.negotiation import Negotiation

QUICK_MODES = 16  # a peer's, unfinished under one ISAKMP SA, beside one for each connection


class Answering:
    """Be the responder in every exchange (an ``InboundOwner``)."""

    def __init__(self, negotiation: Negotiation) -> None:
        self._context = negotiation.context
        self._negotiation = negotiation

    def answer_phase1(self, header: Header, first: Chain, octets: bytes, at: Transport) -> None:
        """Begin to answer a peer's phase 1, but of an address nobody configured."""
        peer = self._context.configuration.peer_for(at.remote)
        if peer is None:
            self._refuse_stranger(header, first, octets, at)
            return
        cookies = header.initiator_cookie, cookie(self._context.entropy)
        exchange = Phase1Exchange(
            self._context,
            self._negotiation,
            peer,
            False,
            at,
            cookies,
            exchange_type=header.exchange_type,
        )
        self._negotiation.exchanges.add(exchange, first_message_key(header.initiator_cookie))
        exchange.start(phase1_modes.responder(exchange, first), octets)

    def _refuse_stranger(self, header: Header, first: Chain, octets: bytes, at: Transport) -> None:
        """Tell an address that no section is for so, as strongSwan does: it may be a mistake."""
        nothing = SecurityAssociation(Doi.IPSEC, SITUATION_IDENTITY_ONLY, ())
        refused = Refused(
            f"no peer section for {at.remote} ([Phase 1]:{at.remote} or Default decides)",
            NotifyType.NO_PROPOSAL_CHOSEN,
            (nothing,),
        )
        line = f"{at.remote}: phase 1 with {at.peer} failed: {refused.reason}"
        if self._negotiation.strangers.failed(at, line):
            cookies = header.initiator_cookie, header.responder_cookie
            vendors = announcements.heard(first)
            informational.send_in_clear(self._context, at, cookies, refused, vendors, len(octets))

    def answer_quick_mode(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Begin to answer a peer's quick mode, whose HASH(1) is verified; raises Refused."""
        if (limit := self._negotiation.ipsec_sas.full(sa)) is not None:
            refused = Refused(
                f"{sa.name}: quick mode is refused: {limit}", NotifyType.NO_PROPOSAL_CHOSEN
            )
            self._negotiation.notify(sa, refused)
            raise Refused(refused.reason, None)
        exchange = Phase2Exchange(
            self._context, self._negotiation, sa, f"{sa.name}/?", False, at, header.message_id
        )
        exchange.begin_with(body)
        self._negotiation.exchanges.add(exchange)
        exchange.start(quick_mode.responder(exchange, first), octets)

    def answer_transaction(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Begin to answer a peer's transaction, whose HASH is verified."""
        self._negotiation.mode_configuration.answer(sa, header, body, first, octets, at)

    def quick_modes_full(self, sa: IsakmpSa) -> str | None:
        """Say why no further quick mode is answered under an ISAKMP SA, None while it is."""
        limit = QUICK_MODES + len(self._context.configuration.connections)
        running = sum(
            not exchange.initiator for exchange in self._negotiation.exchanges.quick_modes(sa)
        )
        if running < limit:
            return None
        return f"{sa.name}: quick mode is not answered: {running} of the peer's are unfinished"

    def heard_from(self, sa: IsakmpSa, at: Transport) -> None:
        """Take note that a message a peer has just authenticated came from there."""
        if sa.liveness is not None:
            sa.liveness.heard()
        self._negotiation.moved_peers.heard_from(sa, at)

    def informed(self, sa: IsakmpSa, message: Chain) -> None:
        """Act on an authenticated informational message; raises Malformed."""
        self._negotiation.correspondence.informed(sa, message)

    def unknown_cookies(self, cookies: tuple[bytes, bytes], at: Transport) -> bool:
        """Hear, unauthenticated, that a peer does not know an SA; False when nor do we."""
        return self._negotiation.correspondence.unknown_cookies(cookies, at)
