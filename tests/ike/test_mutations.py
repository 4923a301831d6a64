"""Mutants of every message of every exchange, forged or from a peer who holds the keys.

Octets flipped, cut, grown and repeated, payloads spliced in from elsewhere, lengths and types that
lie. Nothing is raised, a forgery changes no SA, and whatever a peer does to itself nobody else
notices, nor does it fill log or memory.
"""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isakmpd.ike.drop_log import LINES_OF_ADDRESS
from isakmpd.ike.exchanges import HALF_OPEN_LIMIT_OF_ADDRESS
from isakmpd.wire.header import decode_header
from isakmpd.wire.malformed import Malformed
from isakmpd.wire.payloads import decode_chain
from tests.ike.awaited import PROTECTED, STEPS, Awaited, awaited

MUTANTS = 12  # in one example
Mutation = tuple[str, int, int, int]  # kind, place, size and value
PROVEN = ["QM1", "CFG1", "INFO"]  # whose proof covers all that follows it


@st.composite
def mutations(draw: st.DrawFn) -> list[Mutation]:
    """What to do to some octets."""
    kinds = st.sampled_from(["set", "flip", "cut", "repeat", "insert", "length", "splice"])
    places = st.integers(0, 0xFFFF)
    sizes = st.one_of(st.integers(0, 40), st.integers(0, 0xFFFF))
    return draw(st.lists(st.tuples(kinds, places, sizes, st.integers(0, 255)), max_size=5))


def mutated(octets: bytes, plan: list[Mutation], donor: bytes) -> bytes:
    """Carry out mutations, one after the other."""
    for kind, place, size, value in plan:
        at = place % (len(octets) + 1)
        end = min(len(octets), at + size)
        if kind == "set":
            octets = octets[:at] + bytes([value]) + octets[at + 1 :]
        elif kind == "flip" and at < len(octets):
            octets = octets[:at] + bytes([octets[at] ^ 1 << value % 8]) + octets[at + 1 :]
        elif kind == "cut":
            octets = octets[:at] + octets[end:]
        elif kind == "repeat":
            octets = octets[:end] + octets[at:end] * (1 + value % 3) + octets[end:]
        elif kind == "insert":
            octets = octets[:at] + bytes([value]) * (size % 512) + octets[at:]
        elif kind == "length":
            octets = octets[:at] + size.to_bytes(2) + octets[at + 2 :]
        elif kind == "splice":
            octets = octets[:at] + donor[size % (len(donor) + 1) :][:200] + octets[at:]
    return octets[:20000]


@cache
def donor() -> bytes:
    """Octets of honest payloads of all kinds, to splice in."""
    return b"".join(awaited(name).clear for name in ("MM1", "MM3", "AM2", "QM1", "CFG1", "INFO"))


def assert_bounded(step: Awaited, heard: int) -> None:
    """The log tells little of strangers, and little is kept of them."""
    daemon = step.daemon
    assert len(daemon.log) <= 2 * LINES_OF_ADDRESS + heard // 2
    assert daemon.engine.remembered <= HALF_OPEN_LIMIT_OF_ADDRESS + 8
    assert len(daemon.snapshot.timers) < 64


PLANS = st.lists(
    st.tuples(mutations(), st.sampled_from(["datagram", "honest length", "payloads"])),
    min_size=1,
    max_size=MUTANTS,
)


@pytest.mark.property
@pytest.mark.parametrize("name", STEPS)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans=PLANS)
def test_forgeries(name: str, plans: list[tuple[list[Mutation], str]]) -> None:
    """Whoever lacks the keys changes nothing that they protect."""
    step = awaited(name)
    before = step.daemon.state()
    for plan, where in plans:
        if where == "payloads" and step.message not in step.peer.ivs:
            octets = step.instead(mutated(step.clear, plan, donor()))
        else:
            octets = mutated(step.message, plan, donor())
        if where == "honest length" and len(octets) >= 28:
            octets = octets[:24] + len(octets).to_bytes(4) + octets[28:]
        if octets[28:].startswith(step.message[28:]):
            continue  # the true message, with more padding behind it perhaps
        step.daemon.hears(octets)
        assert step.daemon.state()[1:] == before[1:], "IPsec SAs and flows"
    assert set(before[0]) <= set(step.daemon.state()[0])  # type: ignore[call-overload]
    assert_bounded(step, len(plans))
    assert step.bystander.unharmed()


def proven(step: Awaited, rest: bytes) -> bytes:
    """A message whose proof is right for ``rest``, as far as it can be read."""
    header, _ = decode_header(step.message)
    follower = step.clear[0]
    try:
        read = decode_chain(follower, rest).octets
    except Malformed:
        read = rest
    proof = step.peer.prf(step.peer.skeyid_a, header.message_id.to_bytes(4), read)
    return step.instead(bytes([follower, 0]) + (4 + len(proof)).to_bytes(2) + proof + rest)


@pytest.mark.property
@pytest.mark.parametrize("name", [name for name in STEPS if name in PROTECTED])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plans=st.lists(mutations(), min_size=1, max_size=MUTANTS))
def test_a_peer_that_holds_the_keys(name: str, plans: list[list[Mutation]]) -> None:
    """What it says may cost it its own SAs, and nobody else theirs."""
    step = awaited(name)
    held = step.bystander.held()
    clear = decode_chain(decode_header(step.message)[0].next_payload, step.clear).octets
    behind_hash = clear[int.from_bytes(clear[2:4]) :]
    for number, plan in enumerate(plans):
        if name in PROVEN:
            octets = proven(step, mutated(behind_hash, plan, donor()))
        else:
            octets = step.instead(mutated(clear, plan, donor()))
        step.daemon.hears(octets)
        assert step.bystander.held() == held, number
    assert_bounded(step, len(plans))
    assert step.bystander.unharmed()


def test_mutants_are_accepted_now_and_then() -> None:
    """The second property would be empty if no mutant had a right proof: most have."""
    step = awaited("INFO")
    clear = decode_chain(decode_header(step.message)[0].next_payload, step.clear).octets
    step.daemon.hears(proven(step, clear[int.from_bytes(clear[2:4]) :]))
    assert step.accepted()
