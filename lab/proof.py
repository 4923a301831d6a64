"""The proof that traffic crossed a wire encrypted, or the reason why it is not one."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from lab.traffic import ENCRYPTED, Kind, Packet, count

ALLOWED = ENCRYPTED | {Kind.IKE, Kind.KEEPALIVE, Kind.NEIGHBOUR}


class NotProvedError(AssertionError):
    """The capture does not prove that the traffic was encrypted."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved: how many packets of each kind crossed the wire."""

    kinds: dict[Kind, int]

    def __str__(self) -> str:
        """Return the counts as words."""
        return ", ".join(f"{total} {kind.value}" for kind, total in self.kinds.items())


def prove_encrypted(
    packets: Sequence[Packet],
    *,
    inner: Collection[str],
    pattern: bytes | None,
    sent: int,
    received: int,
) -> Proof:
    """Prove that pings crossed inside ESP and nothing else crossed in clear.

    `inner` are the addresses behind the gateways, `pattern` is the pings' payload; each direction
    must show at least as many ESP packets as pings went that way. ESP that encrypts nothing (NULL)
    hides no addresses and no pattern: give none. Raises NotProvedError.
    """
    problems: list[str] = []
    ways: dict[str, int] = {}
    for packet in packets:
        if packet.kind in ENCRYPTED:
            ways[packet.source] = ways.get(packet.source, 0) + 1
    crossed = [*sorted(ways.values(), reverse=True), 0, 0]
    if not sent:
        problems.append("no ping was sent")
    if crossed[0] < sent or crossed[1] < received:
        problems.append(
            f"{sent} pings sent and {received} answered,"
            f" but only {crossed[0]} and {crossed[1]} ESP packets crossed"
        )
    problems += _leaks(packets, inner, pattern)
    return _proof(packets, problems)


def prove_nothing_in_clear(
    packets: Sequence[Packet], *, inner: Collection[str], pattern: bytes
) -> Proof:
    """Prove that ESP crossed and, beside IKE, nothing else; raises NotProvedError."""
    problems = list(_leaks(packets, inner, pattern))
    if not any(packet.kind in ENCRYPTED for packet in packets):
        problems.append("no ESP packet crossed")
    return _proof(packets, problems)


def _proof(packets: Sequence[Packet], problems: Sequence[str]) -> Proof:
    if problems:
        shown = "\n  ".join(problems[:5])
        raise NotProvedError(f"not proved encrypted, {len(problems)} problems:\n  {shown}")
    return Proof(count(packets))


def _leaks(
    packets: Sequence[Packet], inner: Collection[str], pattern: bytes | None
) -> Iterator[str]:
    for packet in packets:
        if packet.kind not in ALLOWED:
            yield f"neither IKE nor ESP: {packet}"
        if packet.kind is Kind.NEIGHBOUR:
            continue
        if pattern is not None and pattern in packet.octets:
            yield f"the ping's payload in clear: {packet}"
        for address in inner:
            if packet.contains(address):
                yield f"inner address {address} in clear: {packet}"
