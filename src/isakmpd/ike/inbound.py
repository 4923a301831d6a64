"""Decide what an arriving datagram belongs to."""

from __future__ import annotations

from typing import Protocol

from isakmpd.crypto.hashes import equal
from isakmpd.ike import informational, phase1_modes, steps
from isakmpd.ike.context import Context
from isakmpd.ike.drop_log import DropLog
from isakmpd.ike.exchange import Exchange, State
from isakmpd.ike.exchanges import Exchanges, first_message_key
from isakmpd.ike.framing import Sealing, Unproven, in_clear
from isakmpd.ike.isakmp_sas import IsakmpSas
from isakmpd.ike.outputs import Capture, LogClass
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.refused import Refused
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import NO_COOKIE, Header, decode_header, major_version
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import ExchangeType, NotifyType
from isakmpd.wire.payloads import Chain, Delete, Hash, Notification, Payload, decode_chain

# A proposal has 255 transforms at most, of some 40 octets each.
CLEAR_LIMIT = 16384  # octets, which anybody can make us decode
_FIRST_STATUS = 16384  # notify types below are errors (RFC 2408 section 3.14.1)


class InboundOwner(Protocol):
    """Act on what arrives; ``Answering`` does."""

    def answer_phase1(self, header: Header, first: Chain, octets: bytes, at: Transport) -> None:
        """Begin to answer a peer's main or aggressive mode."""

    def answer_quick_mode(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Begin to answer a peer's quick mode; raises Refused."""

    def quick_modes_full(self, sa: IsakmpSa) -> str | None:
        """Say why no further quick mode is answered under an ISAKMP SA, None while it is."""

    def heard_from(self, sa: IsakmpSa, at: Transport) -> None:
        """Take note that a message a peer has just authenticated came from there."""

    def answer_transaction(
        self, sa: IsakmpSa, header: Header, body: bytes, first: Chain, octets: bytes, at: Transport
    ) -> None:
        """Begin to answer a peer's transaction."""

    def informed(self, sa: IsakmpSa, message: Chain) -> None:
        """Act on an authenticated informational message; raises Malformed."""

    def unknown_cookies(self, cookies: tuple[bytes, bytes], at: Transport) -> bool:
        """Hear, unauthenticated, that a peer does not know an SA; False when nor do we."""


class Inbound:
    """Sort datagrams."""

    def __init__(
        self,
        context: Context,
        owner: InboundOwner,
        exchanges: Exchanges,
        sas: IsakmpSas,
        drops: DropLog,
    ) -> None:
        self._context = context
        self._owner = owner
        self._exchanges = exchanges
        self._sas = sas
        self._drops = drops

    def receive(self, octets: bytes, transport: Transport) -> None:
        """Take one datagram; whatever it holds, nothing is raised."""
        try:
            header, body = decode_header(octets)
            self._sort(header, body, octets, transport)
        except Malformed as malformed:
            if malformed.notify == NotifyType.INVALID_MAJOR_VERSION:
                self._other_version(octets, transport, malformed)
            else:
                self._drops.dropped(transport, str(malformed), malformed.notify)
        except Refused as refused:
            self._drops.dropped(transport, refused.reason, refused.notify)

    def _other_version(self, octets: bytes, at: Transport, malformed: Malformed) -> None:
        """Take IKEv2 as the answer of a peer that does not speak IKEv1, or tell who begins with it.

        What the notify says of us its header does: the version we speak (RFC 7296 section 2.5).
        """
        cookies = octets[:8], octets[8:16]
        begun = self._exchanges.get(first_message_key(cookies[0]))
        if isinstance(begun, Phase1Exchange) and begun.transport.remote == at.remote:
            begun.hearsay.other_version = major_version(octets)
            return
        peer = self._context.configuration.peer_for(at.remote)
        section = f" (the peer of [{peer.section}] has to begin with IKEv1)" if peer else ""
        told = self._drops.failed(
            at,
            f"{peer.section if peer else at.remote}: phase 1 with {at.peer} failed: "
            f"{malformed}{section}",
        )
        if told and cookies[1] == NO_COOKIE:
            refused = Refused(str(malformed), malformed.notify)
            informational.send_in_clear(self._context, at, cookies, refused, limit=len(octets))

    def _sort(self, header: Header, body: bytes, octets: bytes, at: Transport) -> None:
        if not header.encrypted and len(octets) > CLEAR_LIMIT:
            raise Malformed(
                f"a message in clear of {len(octets)} octets, expected {CLEAR_LIMIT} at most"
            )
        if header.exchange_type == ExchangeType.INFO and not header.encrypted:
            self._hear(header, body, at)
        elif header.responder_cookie == NO_COOKIE:
            self._begin_phase1(header, body, octets, at)
        elif header.message_id == 0:
            self._phase1(header, body, octets, at)
        else:
            self._phase2(header, body, octets, at)

    def _phase1(self, header: Header, body: bytes, octets: bytes, at: Transport) -> None:
        cookies = header.initiator_cookie, header.responder_cookie
        exchange = self._exchanges.get((*cookies, 0)) or self._awaiting_first_answer(header)
        if exchange is not None:
            exchange.receive(header, body, octets, at)
            if isinstance(exchange, Phase1Exchange) and exchange.state is State.DONE:
                for early in exchange.take_early():
                    self.receive(*early)
        elif self._sas.get(cookies) is not None:
            raise Malformed(
                f"{header.exchange_type} with message ID 0 under an ISAKMP SA",
                NotifyType.INVALID_MESSAGE_ID,
            )
        else:
            raise _unknown_cookies()

    def _awaiting_first_answer(self, header: Header) -> Phase1Exchange | None:
        exchange = self._exchanges.get(first_message_key(header.initiator_cookie))
        if not isinstance(exchange, Phase1Exchange) or exchange.responder_cookie != NO_COOKIE:
            return None
        return exchange

    def _begin_phase1(self, header: Header, body: bytes, octets: bytes, at: Transport) -> None:
        known = self._exchanges.get(first_message_key(header.initiator_cookie))
        if known is not None:
            # Only an echo of the first message: what follows it must prove, by our cookie, that
            # its sender receives what we send.
            if not known.repeated(octets):
                raise Malformed(
                    "a first message under the cookie of another exchange",
                    NotifyType.INVALID_COOKIE,
                )
            return
        if header.message_id:
            raise Malformed("a first message with a message ID", NotifyType.INVALID_MESSAGE_ID)
        step = phase1_modes.FIRST_STEPS.get(header.exchange_type)
        if step is None:
            raise Malformed(
                f"the peer begins with {_exchange_name(header.exchange_type)}, "
                "only main mode (ID_PROT) and aggressive mode (AGGRESSIVE) are answered",
                NotifyType.UNSUPPORTED_EXCHANGE_TYPE,
            )
        if header.encrypted:
            raise Malformed("a first message that is encrypted", NotifyType.INVALID_FLAGS)
        first = decode_chain(header.next_payload, body)
        self._context.emit(Capture(at, octets, outgoing=False))
        step.check(first)
        if (limit := self._exchanges.make_room(at.remote)) is not None:
            raise Refused(f"phase 1 is not answered: {limit}", None)
        self._owner.answer_phase1(header, first, octets, at)

    def _phase2(self, header: Header, body: bytes, octets: bytes, at: Transport) -> None:
        cookies = header.initiator_cookie, header.responder_cookie
        sa = self._sas.get(cookies)
        exchange = self._exchanges.get((*cookies, header.message_id))
        if exchange is not None:
            self._go_on(exchange, sa, header, body, octets, at)
            return
        if sa is None:
            unfinished = self._exchanges.get((*cookies, 0))
            if isinstance(unfinished, Phase1Exchange) and unfinished.state is not State.DONE:
                if (
                    unfinished.state is State.RUNNING
                ):  # else the peer has yet to hear that it failed
                    unfinished.heard_sealed(header, body, octets, at)
                return
            raise _unknown_cookies()
        if not header.encrypted:
            raise Malformed("a phase 2 message in clear", NotifyType.INVALID_FLAGS)
        if header.message_id in sa.used_message_ids:
            return  # a duplicate or a replay; both are ordinary
        if header.exchange_type == ExchangeType.INFO:
            self._inform(sa, header, body, at)
        elif header.exchange_type == ExchangeType.QUICK_MODE:
            if (limit := self._owner.quick_modes_full(sa)) is not None:
                raise Refused(limit, None)
            first = self._open_first(steps.QM1, sa, header, body, at)
            self._owner.heard_from(sa, at)
            self._owner.answer_quick_mode(sa, header, body, first, octets, at)
        elif header.exchange_type == ExchangeType.TRANSACTION:
            first = self._open_first(steps.CFG1, sa, header, body, at)
            self._owner.heard_from(sa, at)
            self._owner.answer_transaction(sa, header, body, first, octets, at)
        else:
            raise Malformed(
                f"{_exchange_name(header.exchange_type)} under an ISAKMP SA",
                NotifyType.UNSUPPORTED_EXCHANGE_TYPE,
            )
        if len(sa.used_message_ids) >= informational.MESSAGE_ID_LIMIT:
            self._context.log(
                f"{sa.name}: an ISAKMP SA has carried {len(sa.used_message_ids)} exchanges, which "
                "is all we remember against replay: it is deleted"
            )
            self._sas.remove(sa, tell_peer=True)

    def _inform(self, sa: IsakmpSa, header: Header, body: bytes, at: Transport) -> None:
        message = informational.open_protected(self._context, sa, header, body, at)
        if sa.liveness is None or not sa.liveness.overtaken(message):
            self._owner.heard_from(sa, at)
        self._owner.informed(sa, message)

    def _go_on(
        self,
        exchange: Exchange,
        sa: IsakmpSa | None,
        header: Header,
        body: bytes,
        octets: bytes,
        at: Transport,
    ) -> None:
        """Take a message of a phase 2 exchange that is known."""
        if header.exchange_type == ExchangeType.INFO:
            # The CONNECTED of a commit bit has its quick mode's message ID (RFC 2408 section 3.1).
            # We wait for none, and no IV for it is agreed upon.
            self._context.debug(
                LogClass.MESSAGE, 20, f"{exchange.name}: a CONNECTED that nobody waits for"
            )
            return
        before = exchange.step
        exchange.receive(header, body, octets, at)
        if exchange.step > before and sa is not None:
            self._owner.heard_from(sa, at)

    def _open_first(
        self, step: steps.Step, sa: IsakmpSa, header: Header, body: bytes, at: Transport
    ) -> Chain:
        """Authenticate a first message before any state is made for it; raises Malformed."""
        chain = Sealing(sa.cipher, sa.phase2_iv(header.message_id)).open(header, body)
        self._context.emit(Capture(at, in_clear(header, chain), outgoing=False))
        step.check(chain)
        expected = sa.prf_a(header.message_id.to_bytes(4), chain.after_first)
        if not equal(chain.one(Hash).data, expected):
            raise Unproven(f"HASH of {step.name} is wrong", NotifyType.INVALID_HASH_INFORMATION)
        sa.used_message_ids.add(header.message_id)
        return chain

    def _hear(self, header: Header, body: bytes, at: Transport) -> None:
        """Let an unauthenticated notify explain what goes wrong; it decides nothing."""
        chain = decode_chain(header.next_payload, body)
        self._context.emit(Capture(at, in_clear(header, chain), outgoing=False))
        notification = chain.first(Notification)
        if notification is None or notification.type >= _FIRST_STATUS or chain.first(Delete):
            content = ", ".join(_content(payload) for payload in chain.payloads) or "nothing"
            raise Malformed(
                f"an informational message in clear is not believed: {content}",
                NotifyType.INVALID_FLAGS,
            )
        exchange = self._meant(header, at)
        if exchange is not None:
            exchange.heard(notification, chain)
            return
        named = notification.spi[:8], notification.spi[8:]
        for cookies in (named, (header.initiator_cookie, header.responder_cookie)):
            if notification.type == NotifyType.INVALID_COOKIE and self._owner.unknown_cookies(
                cookies, at
            ):
                return
        raise Refused(
            f"the peer says {notification.type} in clear, and none of our exchanges can be meant",
            None,
        )

    def _meant(self, header: Header, at: Transport) -> Phase1Exchange | None:
        """Find which unfinished phase 1 a notify is about.

        The original sends it under fresh cookies: then only the address can tell.
        """
        running = [
            exchange
            for exchange in self._exchanges
            if isinstance(exchange, Phase1Exchange) and exchange.transport.remote == at.remote
        ]
        cookies = header.initiator_cookie, header.responder_cookie
        for exchange in running:
            if cookies in (
                (exchange.initiator_cookie, exchange.responder_cookie),
                (exchange.initiator_cookie, NO_COOKIE),
            ):
                return exchange
            # The first answer, which would have told us the responder's cookie, is this notify.
            if exchange.responder_cookie == NO_COOKIE and cookies[0] == exchange.initiator_cookie:
                return exchange
        begun = [exchange for exchange in running if exchange.initiator]
        return begun[0] if len(begun) == 1 and header.responder_cookie == NO_COOKIE else None


def _unknown_cookies() -> Malformed:
    return Malformed(
        "no ISAKMP SA has these cookies: the peer may hold one we have lost",
        NotifyType.INVALID_COOKIE,
    )


def _exchange_name(kind: ExchangeType) -> str:
    name = {
        ExchangeType.AGGRESSIVE: "aggressive mode",
        ExchangeType.NEW_GROUP_MODE: "new group mode",
        ExchangeType.QUICK_MODE: "quick mode",
    }.get(kind)
    return f"{name} ({kind})" if name else f"exchange type {kind}"


def _content(payload: Payload) -> str:
    return str(payload.type) if isinstance(payload, Notification) else str(payload.type_on_wire)
