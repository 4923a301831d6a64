"""Say what an exchange needs from the driver that runs it: awaiting an effect asks for it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from isakmpd.ike import ipsec
from isakmpd.ike.framing import Sealing
from isakmpd.ike.steps import Step
from isakmpd.wire.payloads import Chain, Payload

T = TypeVar("T")


class Effect(Generic[T]):
    """Be awaitable: the exchange stops here and goes on with the answer, of type T."""

    __slots__ = ()

    def __await__(self) -> Generator[Effect[T], object, T]:
        return cast(T, (yield self))


@dataclass(frozen=True, slots=True)
class Turn(Effect[Chain]):
    """Send a message and wait for the peer's next one, which must suit ``expect``.

    ``retransmit`` is set on the side whose turn it is to insist; the other only answers duplicates.
    ``then_sealed`` encrypts everything after this message. ``proof`` raises Malformed for an
    answer that is not the peer's own: such a message counts as never received.
    """

    payloads: tuple[Payload, ...]
    expect: Step
    retransmit: bool
    then_sealed: Sealing | None = None
    proof: Callable[[Chain], None] | None = None


@dataclass(frozen=True, slots=True)
class Finish(Effect[None]):
    """Send the last message of the exchange; it goes out again only for a duplicate."""

    payloads: tuple[Payload, ...]


@dataclass(frozen=True, slots=True)
class Ask(Effect[ipsec.Answer]):
    """Ask the IPsec stack; ``make`` builds the request around its number. Raises Refused."""

    make: Callable[[int], ipsec.Request]
