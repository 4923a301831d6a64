"""Drive one exchange: retransmission, duplicates, deadlines, sealing, all in one place.

The coroutine it runs reads like the RFC's figure and knows nothing of this.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from enum import Enum
from typing import Any

from isakmpd.ike import ipsec
from isakmpd.ike.context import Context
from isakmpd.ike.effects import Ask, Effect, Finish, Turn
from isakmpd.ike.framing import Framed, Sealing, frame, in_clear
from isakmpd.ike.outputs import Capture, LogClass, Send
from isakmpd.ike.refused import Refused
from isakmpd.ike.steps import Step
from isakmpd.ike.timers import Timer
from isakmpd.ike.transport import Transport
from isakmpd.wire.header import Header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.numbers import ExchangeType, Flags, NotifyType, PayloadType
from isakmpd.wire.payloads import Chain, Payload, decode_chain

FIRST_WAIT = 7.0  # seconds before the first retransmission
WAIT_STEP = 2.0  # each further wait is this much longer


class State(Enum):
    """Tell how far an exchange is."""

    RUNNING = "running"
    DONE = "done"  # only duplicates are still answered
    FAILED = "failed"


class Exchange:
    """Run one exchange with one peer."""

    phase: int
    exchange_type: ExchangeType

    def __init__(
        self,
        context: Context,
        name: str,
        initiator: bool,
        transport: Transport,
        cookies: tuple[bytes, bytes],
        message_id: int,
    ) -> None:
        self.context = context
        self.name = name
        self.initiator = initiator
        self.transport = transport
        self.initiator_cookie, self.responder_cookie = cookies
        self.message_id = message_id
        self.began = context.now
        self.state = State.RUNNING
        self.step = 0
        self.sealing: Sealing | None = None
        self.hears_sealed = False  # whether the message being read came encrypted
        self._coroutine: Coroutine[Effect[Any], object, None] | None = None
        self._expect: Step | None = None
        self._proof: Callable[[Chain], None] | None = None
        self._sent: bytes | None = None
        self._transmissions = 0
        self._wait: Timer | None = None
        self._deadline: Timer | None = None
        self._received: list[bytes] = []  # datagrams accepted so far, the latest last

    @property
    def last_received(self) -> int:
        """Give the size of the latest datagram accepted, in octets."""
        return len(self._received[-1]) if self._received else 0

    @property
    def hint(self) -> str:
        """Name what the peer has said without proof, for the sentence at the end."""
        return ""

    # What the engine does with it

    @property
    def key(self) -> tuple[bytes, bytes, int]:
        """Identify the exchange among all."""
        return self.initiator_cookie, self.responder_cookie, self.message_id

    def start(
        self, coroutine: Coroutine[Effect[Any], object, None], first: bytes | None = None
    ) -> None:
        """Begin to run ``coroutine``; ``first`` is the datagram that made a responder begin."""
        self._coroutine = coroutine
        if first is not None:
            self._received.append(first)
        limit = self.context.general.exchange_max_time
        self._deadline = self.context.timers.arm(
            self.context.now + limit, f"exchange {self.name} ends", self._out_of_time
        )
        self._note(
            10,
            "begins as %s with %s, cookies %s %s message ID %08x",
            "initiator" if self.initiator else "responder",
            self.transport,
            self.initiator_cookie.hex(),
            self.responder_cookie.hex(),
            self.message_id,
        )
        self._advance(None)

    def receive(self, header: Header, body: bytes, datagram: bytes, transport: Transport) -> None:
        """Take the peer's next message, or answer a duplicate of the last one.

        Raises Malformed for what does not belong here; the exchange then goes on waiting.
        """
        if self.repeated(datagram):
            return
        if self.state is State.DONE:
            raise Malformed(f"a new message in a {self.exchange_type} exchange that is over")
        if self.state is State.FAILED or self._expect is None:
            return
        chain = self._open(header, body)
        self.context.emit(Capture(transport, in_clear(header, chain), outgoing=False))
        expected = self._expect
        expected.check(chain)
        if self._proof is not None:
            self._proof(chain)
        self._accept(header, body, datagram, transport)
        self._note(40, "step %d, %s has come", self.step, expected.name)
        self.step += 1
        self._advance(chain)

    def repeated(self, datagram: bytes) -> bool:
        """Tell whether a datagram is one received before; answer it if it is the latest."""
        if datagram not in self._received:
            return False
        latest = datagram == self._received[-1]
        self._note(30, "a message came again%s", "" if latest else ", an old one")
        if latest:
            self.answer_again()
        return True

    def abort(self, reason: str) -> None:
        """End without success, telling nobody but the log."""
        self._fail(Refused(reason, None))

    # What the coroutine asks for

    def _advance(self, answer: object, refusal: Refused | None = None) -> None:
        coroutine = self._coroutine
        if coroutine is None:
            return
        try:
            while True:
                effect = coroutine.throw(refusal) if refusal else coroutine.send(answer)
                answer, refusal = None, None
                if isinstance(effect, Finish):
                    self._expect = None
                    self._transmit_new(effect.payloads)
                elif isinstance(effect, Turn):
                    self._expect, self._proof = effect.expect, effect.proof
                    self._transmit_new(effect.payloads)
                    self.sealing = effect.then_sealed or self.sealing
                    if effect.retransmit:
                        self._arm_retransmission()
                    self._note(40, "step %d, waits for %s", self.step, effect.expect.name)
                    return
                elif isinstance(effect, Ask):
                    self._expect = None
                    self.context.ask(effect.make, self._answered)
                    return
        except StopIteration:
            self._done()
        except Refused as refused:
            self._fail(refused)
        except Malformed as malformed:
            self._fail(Refused(str(malformed), malformed.notify))

    def _answered(self, answer: ipsec.Answer) -> None:
        if self.state is not State.RUNNING:
            self.late_answer(answer)
        elif isinstance(answer, ipsec.StackRefused):
            self._advance(None, Refused(f"the IPsec stack refuses: {answer.reason}", None))
        else:
            self._advance(answer)

    # Sending

    def _header(self) -> Header:
        return Header(
            self.initiator_cookie,
            self.responder_cookie,
            PayloadType.NONE,
            self.exchange_type,
            Flags.NONE,
            self.message_id,
        )

    def _transmit_new(self, payloads: tuple[Payload, ...]) -> None:
        header = self._header()
        framed: Framed
        framed = self.sealing.seal(header, payloads) if self.sealing else frame(header, payloads)
        self._sent = framed.octets
        self._transmissions = 0
        self.context.emit(Capture(self.transport, framed.clear, outgoing=True))
        self._transmit()

    def _transmit(self) -> None:
        if self._sent is not None:
            self._transmissions += 1
            self.context.emit(Send(self.transport, self._sent))

    def _arm_retransmission(self) -> None:
        wait = FIRST_WAIT + WAIT_STEP * (self._transmissions - 1)
        self._wait = self.context.timers.arm(
            self.context.now + wait, f"exchange {self.name} retransmits", self._retransmit
        )

    def _retransmit(self) -> None:
        self._wait = None
        if self._transmissions > self.context.general.retransmits:
            self._fail(Refused(self._silence(), None))
            return
        self.context.debug(
            LogClass.TRANSPORT,
            10,
            "exchange %s: no answer from %s, sending again",
            self.name,
            self.transport,
        )
        self._transmit()
        self._arm_retransmission()

    def answer_again(self) -> None:
        """Send our last message again, unless a timer of ours insists anyway."""
        limit = 2 * self.context.general.retransmits + 2
        if self._wait is None and self._sent is not None and self._transmissions < limit:
            self._transmit()

    # Receiving

    def _open(self, header: Header, body: bytes) -> Chain:
        assert self._expect is not None  # noqa: S101 - receive() has looked
        if header.exchange_type != self.exchange_type:
            raise Malformed(
                f"exchange type {header.exchange_type} within {self.exchange_type}",
                NotifyType.INVALID_EXCHANGE_TYPE,
            )
        if self._expect.encrypted not in (None, header.encrypted):
            state = "encrypted" if header.encrypted else "in clear"
            raise Malformed(f"{self._expect.name} arrived {state}", NotifyType.INVALID_FLAGS)
        self.hears_sealed = header.encrypted
        if not header.encrypted:
            return decode_chain(header.next_payload, body)
        assert self.sealing is not None  # noqa: S101 - encrypted steps follow seal()
        return self.sealing.open(header, body)

    def _accept(self, header: Header, body: bytes, datagram: bytes, transport: Transport) -> None:
        if self._wait is not None:
            self._wait.cancel()
            self._wait = None
        if header.encrypted and self.sealing is not None:
            self.sealing.accept(body)
        self._received.append(datagram)
        # Who has answered has what we sent; who heard the last word says nothing to its echoes.
        self._sent = None
        if self._proof is not None:  # else anybody could have led the exchange elsewhere
            self.transport = transport

    # Ending

    def _done(self) -> None:
        self.state = State.DONE
        self._note(10, "done")
        self._close()
        self.ended(None)

    def _fail(self, refused: Refused) -> None:
        if self.state is not State.RUNNING:
            return
        self.state = State.FAILED
        self._note(10, "failed: %s", refused.reason)
        self._close()
        self.failed(refused)
        self.ended(refused.reason)

    def _close(self) -> None:
        for timer in (self._wait, self._deadline):
            if timer is not None:
                timer.cancel()
        self._wait = self._deadline = None
        self._expect = None
        coroutine, self._coroutine = self._coroutine, None
        if coroutine is not None:
            coroutine.close()

    def _out_of_time(self) -> None:
        limit = self.context.general.exchange_max_time
        reason = f"not finished after {limit} s ([General]:Exchange-max-time){self._hinted()}"
        self._fail(Refused(reason, None))

    def _silence(self) -> str:
        return (
            f"giving up on exchange {self.name}, no response from peer {self.transport.peer}"
            f"{self._hinted()}"
        )

    @property
    def heard_so_far(self) -> str:
        """Give what the peer has said unauthenticated, and what it means; mostly empty."""
        return self._hinted().removeprefix("; ") if self.hint else ""

    def _hinted(self) -> str:
        said = f"; the peer said {self.hint} (unauthenticated)" if self.hint else ""
        return f"{said}; {cause}" if (cause := self.probable_cause()) else said

    def _note(self, level: int, template: str, *arguments: object) -> None:
        """Tell those who debug exchanges what this one does."""
        self.context.debug(
            LogClass.EXCHANGE,
            level,
            f"%s: %s: {template}",
            self.name,
            self.exchange_type,
            *arguments,
        )

    # What each phase adds

    def probable_cause(self) -> str:
        """Guess in a few words why the peer is silent."""
        return ""

    def failed(self, refused: Refused) -> None:
        """Undo what the exchange did and tell log and peer."""

    def ended(self, failure: str | None) -> None:
        """Tell the engine; ``failure`` is None after success."""

    def late_answer(self, answer: ipsec.Answer) -> None:
        """Undo what the stack did for an exchange that failed in the meantime."""
