"""Keep the running exchanges, find them by what a datagram says, and bound their number."""

from __future__ import annotations

from collections.abc import Iterator

from isakmpd.ike.context import Context
from isakmpd.ike.exchange import Exchange, State
from isakmpd.ike.phase1_exchange import Phase1Exchange
from isakmpd.ike.phase2_exchange import Phase2Exchange
from isakmpd.ike.sa import IsakmpSa
from isakmpd.ike.timers import Timer
from isakmpd.wire.addresses import Address
from isakmpd.wire.header import NO_COOKIE

Key = tuple[bytes, bytes, int]

HALF_OPEN_LIMIT = 512  # phase 1 exchanges begun by peers and not yet authenticated
HALF_OPEN_LIMIT_OF_ADDRESS = 16
DUPLICATE_LIFETIME = 60.0  # seconds a finished exchange still answers duplicates


class Exchanges:
    """Hold exchanges by cookies and message ID."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_key: dict[Key, Exchange] = {}
        self._keys: dict[Exchange, list[Key]] = {}
        self._unfinished: dict[Exchange, None] = {}  # few among the many that answer duplicates
        self._burials: dict[Exchange, Timer] = {}

    def __iter__(self) -> Iterator[Exchange]:
        return iter([e for e in self._unfinished if e.state is State.RUNNING])

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: Key) -> Exchange | None:
        """Find an exchange, also one that only answers duplicates any more."""
        return self._by_key.get(key)

    def add(self, exchange: Exchange, *more_keys: Key) -> None:
        """Take an exchange under its key and further ones."""
        keys = [exchange.key, *more_keys]
        self._keys[exchange] = keys
        self._unfinished[exchange] = None
        for key in keys:
            self._by_key[key] = exchange

    def add_key(self, exchange: Exchange) -> None:
        """Find the exchange by its present key too."""
        if exchange in self._keys:
            self._keys[exchange].append(exchange.key)
            self._by_key[exchange.key] = exchange

    def discard(self, exchange: Exchange) -> None:
        """Forget an exchange."""
        self._unfinished.pop(exchange, None)
        for key in self._keys.pop(exchange, ()):
            if self._by_key.get(key) is exchange:
                del self._by_key[key]
        if (burial := self._burials.pop(exchange, None)) is not None:
            burial.cancel()

    def discard_later(self, exchange: Exchange) -> None:
        """Forget an exchange once nobody can still send duplicates."""
        if exchange.state is State.DONE:
            self._unfinished.pop(exchange, None)
        due = self._context.now + DUPLICATE_LIFETIME
        self._burials[exchange] = self._context.timers.arm(
            due, f"exchange {exchange.name} is forgotten", lambda: self.discard(exchange)
        )

    def forget_done(self, key: Key) -> None:
        """Forget an exchange that is over: what it made is gone, so it answers no duplicates."""
        exchange = self._by_key.get(key)
        if exchange is not None and exchange.state is not State.RUNNING:
            self.discard(exchange)

    def running_phase1(self, goal: str) -> Phase1Exchange | None:
        """Find the phase 1 exchange we began to reach a goal, if one runs."""
        begun = (e for e in self if isinstance(e, Phase1Exchange) and e.initiator)
        return next((exchange for exchange in begun if exchange.goal == goal), None)

    def quick_modes(self, sa: IsakmpSa | None = None) -> list[Phase2Exchange]:
        """List the quick modes that run, all or those under an ISAKMP SA."""
        running = (e for e in self if isinstance(e, Phase2Exchange))
        return [exchange for exchange in running if sa is None or exchange.sa is sa]

    def make_room(self, address: Address) -> str | None:
        """Make room for a half-open exchange from ``address``, or say which limit it would break.

        The oldest give way whose peers have not shown that they receive what we send: those who
        flood us from addresses they do not own push out each other, while an honest peer needs
        its place for no longer than its next message takes.
        """
        half_open = [
            exchange
            for exchange in self._unfinished
            if isinstance(exchange, Phase1Exchange) and not exchange.initiator
        ]
        theirs = [exchange for exchange in half_open if exchange.transport.remote == address]
        if len(theirs) >= HALF_OPEN_LIMIT_OF_ADDRESS and not self._evict(theirs):
            return f"{HALF_OPEN_LIMIT_OF_ADDRESS} exchanges from {address} are half open"
        if len(half_open) >= HALF_OPEN_LIMIT and not self._evict(half_open):
            return f"{HALF_OPEN_LIMIT} exchanges are half open"
        return None

    def _evict(self, candidates: list[Phase1Exchange]) -> bool:
        for exchange in candidates:
            if exchange.step == 0 or exchange.state is State.FAILED:
                exchange.abort("newer half-open exchanges needed its place")
                self.discard(exchange)
                return True
        return False


def first_message_key(initiator_cookie: bytes) -> Key:
    """Give the key of a message that knows no responder cookie yet."""
    return initiator_cookie, NO_COOKIE, 0
