"""Decide what an arriving datagram belongs to."""

from __future__ import annotations

from typing import Protocol

from isakmpd.crypto.hashes import equal
from isakmpd.ike import informational, steps
from isakmpd.ike.context import Context
from isakmpd.ike.drop_log import DropLog
from isakmpd.ike.exchanges import Exchanges, first_message_key
from isakmpd.ike.framing import Sealing, in_clear
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.outputs import Capture
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import NO_COOKIE, Header, decode_header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import ExchangeType, NotifyType
from isakmpd.wire.payloads import Chain, Hash, Notification, decode_chain


class InboundOwner(Protocol):
    """Act on what arrives; negotiation does."""

    def answer_phase1(self, header: Header, first: Chain, octets: bytes, at: Transport) -> None:
        """Begin to answer a peer's main mode; raises Refused."""

    def answer_quick_mode(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Begin to answer a peer's quick mode."""

    def informed(self, sa: IsakmpSa, message: Chain) -> None:
        """Act on an authenticated informational message; raises Malformed."""

    def unknown_cookies(self, notification: Notification, at: Transport) -> None:
        """Hear, unauthenticated, that a peer does not know our cookies."""


class Inbound:
    """Sort datagrams."""

    def __init__(
        self, context: Context, owner: InboundOwner, exchanges: Exchanges, sas: IsakmpSas
    ) -> None:
        self._context = context
        self._owner = owner
        self._exchanges = exchanges
        self._sas = sas
        self._drops = DropLog(context)

    def receive(self, octets: bytes, transport: Transport) -> None:
        """Take one datagram; whatever it holds, nothing is raised."""
        try:
            header, body = decode_header(octets)
            self._sort(header, body, octets, transport)
        except Malformed as malformed:
            self._drops.dropped(transport, str(malformed), malformed.notify)
        except Refused as refused:
            self._drops.dropped(transport, refused.reason, refused.notify)

    def _sort(self, header: Header, body: bytes, octets: bytes, at: Transport) -> None:
        cookies = header.initiator_cookie, header.responder_cookie
        if header.responder_cookie == NO_COOKIE:
            self._begin_phase1(header, body, octets, at)
            return
        exchange = self._exchanges.get((*cookies, header.message_id))
        if exchange is None and header.exchange_type == ExchangeType.ID_PROT:
            exchange = self._awaiting_first_answer(header)
        if exchange is not None:
            exchange.receive(header, body, octets, at)
            return
        sa = self._sas.get(cookies)
        if header.exchange_type == ExchangeType.INFO and not header.encrypted:
            self._hear(header, body, at)
        elif sa is None:
            raise Malformed(
                "no ISAKMP SA has these cookies: the peer may hold one we have lost",
                NotifyType.INVALID_COOKIE,
            )
        elif header.message_id in sa.used_message_ids:
            return  # a duplicate or a replay; both are ordinary
        elif not header.encrypted:
            raise Malformed("a phase 2 message in clear", NotifyType.INVALID_FLAGS)
        else:
            self._phase2(sa, header, body, octets, at)

    def _awaiting_first_answer(self, header: Header) -> Phase1Exchange | None:
        exchange = self._exchanges.get(first_message_key(header.initiator_cookie))
        waits = isinstance(exchange, Phase1Exchange) and exchange.responder_cookie == NO_COOKIE
        return exchange if waits and isinstance(exchange, Phase1Exchange) else None

    def _begin_phase1(self, header: Header, body: bytes, octets: bytes, at: Transport) -> None:
        if header.exchange_type == ExchangeType.INFO and not header.encrypted:
            self._hear(header, body, at)
            return
        known = self._exchanges.get(first_message_key(header.initiator_cookie))
        if known is not None:
            if not known.initiator:
                known.receive(header, body, octets, at)
            return
        if header.message_id:
            raise Malformed("a first message with a message ID", NotifyType.INVALID_MESSAGE_ID)
        if header.exchange_type != ExchangeType.ID_PROT:
            raise Malformed(
                f"a peer begins with {header.exchange_type}, expected ID_PROT (main mode)",
                NotifyType.UNSUPPORTED_EXCHANGE_TYPE,
            )
        if header.encrypted:
            raise Malformed("a first message that is encrypted", NotifyType.INVALID_FLAGS)
        first = decode_chain(header.next_payload, body)
        steps.MM1.check(first)
        if (limit := self._exchanges.crowded(at.remote)) is not None:
            raise Refused(f"phase 1 is not answered: {limit}", None)
        self._context.emit(Capture(at, octets, outgoing=False))
        self._owner.answer_phase1(header, first, octets, at)

    def _phase2(
        self, sa: IsakmpSa, header: Header, body: bytes, octets: bytes, at: Transport
    ) -> None:
        if header.exchange_type == ExchangeType.INFO:
            message = informational.open_protected(self._context, sa, header, body, at)
            self._heard(sa)
            self._owner.informed(sa, message)
        elif header.exchange_type == ExchangeType.QUICK_MODE:
            first = self._open_quick_mode(sa, header, body, at)
            self._heard(sa)
            self._owner.answer_quick_mode(sa, header, body, first, octets, at)
        else:
            raise Malformed(
                f"exchange type {header.exchange_type} under an ISAKMP SA",
                NotifyType.UNSUPPORTED_EXCHANGE_TYPE,
            )

    def _heard(self, sa: IsakmpSa) -> None:
        if sa.liveness is not None:
            sa.liveness.heard()

    def _open_quick_mode(self, sa: IsakmpSa, header: Header, body: bytes, at: Transport) -> Chain:
        """Authenticate a first message before any state is made for it; raises Malformed."""
        chain = Sealing(sa.cipher, sa.phase2_iv(header.message_id)).open(header, body)
        steps.QM1.check(chain)
        expected = sa.prf_a(header.message_id.to_bytes(4), chain.after_first)
        if not equal(chain.one(Hash).data, expected):
            raise Malformed("HASH(1) is wrong", NotifyType.INVALID_HASH_INFORMATION)
        sa.used_message_ids.add(header.message_id)
        self._context.emit(Capture(at, in_clear(header, chain), outgoing=False))
        return chain

    def _hear(self, header: Header, body: bytes, at: Transport) -> None:
        """Let an unauthenticated notify explain what goes wrong; it decides nothing."""
        chain = decode_chain(header.next_payload, body)
        cookies = header.initiator_cookie, header.responder_cookie
        for notification in chain.all(Notification):
            exchange = (
                self._exchanges.get((*cookies, 0))
                or self._exchanges.get(first_message_key(header.initiator_cookie))
                or self._sole_exchange_with(at)
            )
            if isinstance(exchange, Phase1Exchange):
                exchange.heard(notification.type)
            elif notification.type == NotifyType.INVALID_COOKIE:
                self._owner.unknown_cookies(notification, at)

    def _sole_exchange_with(self, at: Transport) -> Phase1Exchange | None:
        """Find whom a notify under fresh cookies can mean, as the original sends them."""
        found = [
            exchange
            for exchange in self._exchanges
            if isinstance(exchange, Phase1Exchange) and exchange.transport.remote == at.remote
        ]
        return found[0] if len(found) == 1 else None
