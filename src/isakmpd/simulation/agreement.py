"""Judge what two simulated gateways hold: whether they agree, and whether anything is left over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from isakmpd.ike.ipsec import Direction
from isakmpd.ike.snapshot import SaFlags, Snapshot
from isakmpd.simulation.node import Node


def disagreements(one: Node, other: Node) -> list[str]:
    """Say which SAs only one end holds, or both with different keys."""
    ours = isakmp_sas(one) | esp_sas(one, other)
    theirs = isakmp_sas(other) | esp_sas(other, one)
    return [
        *(f"only {one.name} holds {sa}" for sa in sorted(ours - theirs)),
        *(f"only {other.name} holds {sa}" for sa in sorted(theirs - ours)),
    ]


def isakmp_sas(node: Node) -> set[str]:
    """Name the ISAKMP SAs a node holds."""
    if not node.alive:
        return set()
    return {
        f"ISAKMP SA {sa.initiator_cookie.hex()}/{sa.responder_cookie.hex()}"
        for sa in snapshot(node).isakmp_sas
    }


def esp_sas(node: Node, peer: Node) -> set[str]:
    """Name the ESP SAs in a node's stack, each by its receiver, SPI and keys."""
    if not node.alive:
        return set()
    receivers = {Direction.INBOUND: node.name, Direction.OUTBOUND: peer.name}
    return {
        f"ESP SA {key.spi:08x} of {receivers[key.direction]}, {sa.keys.transform} "
        f"{sa.keys.encryption_key.hex()} {sa.keys.authentication_key.hex()}"
        for key, sa in node.stack.sas.items()
    }


def leftovers(node: Node) -> list[str]:
    """Say what a quiet node holds that no living SA, exchange or connection explains."""
    if not node.alive:
        return []
    seen = snapshot(node)
    return [
        *_unexplained_timers(node, seen),
        *_stack_leftovers(node, seen),
        *_engine_leftovers(node, seen),
    ]


def count_sas(node: Node) -> int:
    """Count a node's ISAKMP SAs or its pairs of ESP SAs, whichever are more."""
    if not node.alive:
        return 0
    seen = snapshot(node)
    return max(len(seen.isakmp_sas), len(seen.ipsec_sas))


def snapshot(node: Node) -> Snapshot:
    """Take a node's picture."""
    return node.engine.snapshot(node.now)


def _unexplained_timers(node: Node, seen: Snapshot) -> Iterator[str]:
    """Count the timers of each kind against what may have one."""
    sas = len(seen.isakmp_sas) + len(seen.ipsec_sas)
    flags = [*(sa.flags for sa in seen.isakmp_sas), *(pair.flags for pair in seen.ipsec_sas)]
    replaced = sum(SaFlags.REPLACED in each for each in flags)
    allowed = {
        "soft expiry": sas,
        "hard expiry": sas,
        "rekeys again": sas,
        "changes SAs": len(seen.ipsec_sas),
        "is checked for life": len(seen.isakmp_sas),
        "is asked R-U-THERE": len(seen.isakmp_sas),
        "is checked": sum(connection.always_up for connection in seen.connections),
        "ends, replaced": replaced,
        "looks for its peer": len(seen.ipsec_sas),
        "is forgotten": node.engine.remembered,
        "ends": len(seen.exchanges),
        "retransmits": len(seen.exchanges),
    }
    armed = Counter(_kind(timer.event, allowed) for timer in seen.timers)
    for kind, number in sorted(armed.items()):
        if number > allowed.get(kind, 0):
            yield f"{number} timers {kind!r}, {allowed.get(kind, 0)} explained"


def _kind(event: str, kinds: dict[str, int]) -> str:
    return next((kind for kind in kinds if event.endswith(kind)), event)


def _stack_leftovers(node: Node, seen: Snapshot) -> Iterator[str]:
    inbound = {pair.inbound.key for sa in seen.ipsec_sas for pair in sa.bundle}
    known = inbound | {pair.outbound.key for sa in seen.ipsec_sas for pair in sa.bundle}
    yield from (f"the stack holds {key}" for key in node.stack.sas if key not in known)
    yield from (f"the stack lacks {key}" for key in sorted(known - set(node.stack.sas), key=str))
    if len(node.stack.spis) != len(inbound):
        yield f"{len(node.stack.spis)} SPIs are taken for {len(inbound)} inbound SAs"
    for flow, bundle in node.stack.flows.items():
        for outbound in bundle:
            if outbound not in known:
                yield f"the flow {flow.selector} leads into {outbound}, which is gone"
    if seen.ipsec_sas and not node.stack.flows:
        yield "no flow leads to the SAs"


def _engine_leftovers(node: Node, seen: Snapshot) -> Iterator[str]:
    for exchange in seen.exchanges:
        yield f"exchange {exchange.name} is at step {exchange.step}"
    if node.engine.unanswered:
        yield f"{node.engine.unanswered} requests wait for the stack"
