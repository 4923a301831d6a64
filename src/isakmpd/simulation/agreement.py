"""Judge what simulated gateways hold: whether they agree, and whether anything is left over."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator

from isakmpd.config.model import WithoutSa
from isakmpd.ike.snapshot import SaFlags, Snapshot
from isakmpd.simulation.node import Node

# An SA by a name both ends know, and what each of them is in it.
Role = tuple[str, str]


def disagreements(*nodes: Node) -> list[str]:
    """Say which SAs only one end holds, or both with different keys."""
    holders: defaultdict[str, dict[str, str]] = defaultdict(dict)  # SA -> role -> node
    for node in nodes:
        for sa, role in (*isakmp_sas(node), *ipsec_sas(node)):
            holders[sa][role] = node.name
    return [
        f"only {' '.join(roles.values())} holds {sa}"
        for sa, roles in sorted(holders.items())
        if len(roles) < 2
    ]


def isakmp_sas(node: Node) -> Iterator[Role]:
    """Name the ISAKMP SAs a node holds, and its role in them."""
    for sa in snapshot(node).isakmp_sas if node.alive else ():
        role = "initiator" if sa.initiator else "responder"
        yield f"ISAKMP SA {sa.initiator_cookie.hex()}/{sa.responder_cookie.hex()}", role


def ipsec_sas(node: Node) -> Iterator[Role]:
    """Name the IPsec SAs in a node's stack by SPI and keys, and their direction."""
    for key, sa in node.stack.sas.items() if node.alive else ():
        name = (
            f"{key.protocol} SA {key.spi:08x}, {sa.keys.transform} "
            f"{sa.keys.encryption_key.hex()} {sa.keys.authentication_key.hex()}"
        )
        yield name, key.direction.value


def used_by_one_end(nodes: Iterable[Node]) -> set[str]:
    """Name the pairs of IPsec SAs through which one end alone leads its traffic."""
    users: Counter[str] = Counter()
    for node in nodes:
        users.update(_used_pairs(node))
    return {pair for pair, number in users.items() if number < 2}


def _used_pairs(node: Node) -> Iterator[str]:
    """Name the pairs a node's flows lead into, alike at both ends."""
    if not node.alive:
        return
    used = {key for bundle in node.stack.flows.values() for key in bundle[:1]}
    for pair in snapshot(node).ipsec_sas:
        if pair.outbound.key in used:
            spis = sorted((pair.inbound.key.spi, pair.outbound.key.spi))
            yield f"{spis[0]:08x}/{spis[1]:08x}"


def wanted(node: Node) -> list[str]:
    """Name the connections a node wants up whatever happens, and can begin."""
    return [name for name in _can_begin(node) if node.engine.wants(name)]


def wanted_by_packets(node: Node) -> list[str]:
    """Name the connections a node begins when there are packets for them."""
    return [name for name in _can_begin(node) if node.engine.begins_on_demand(name)]


def _can_begin(node: Node) -> Iterator[str]:
    for name, connection in node.configuration.connections.items():
        if node.configuration.peers[connection.peer].address is not None:
            yield name


def down(node: Node) -> list[str]:
    """Name the connections a node wants up that have no SAs or no flow."""
    if not node.alive:
        return []
    led = {key for bundle in node.stack.flows.values() for key in bundle}
    up = {pair.name for pair in snapshot(node).ipsec_sas if pair.outbound.key in led}
    return [name for name in wanted(node) if name not in up]


def exposed(node: Node) -> Iterator[tuple[float, str]]:
    """Give when a packet of a connection that fails closed left in clear, and the connection."""
    closed = [
        connection
        for connection in node.configuration.connections.values()
        if connection.listed and connection.without_sa is WithoutSa.BLOCK
    ]
    for time, packet in node.in_clear:
        for connection in closed:
            remote = connection.remote
            if remote is None or packet.destination in remote.network:
                yield time, connection.section


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
        "NAT keepalive": len(seen.isakmp_sas),
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
