"""Whatever disturbs a conversation at any step, the true message succeeds and tunnels stay."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isakmpd.wire.header import decode_header
from isakmpd.wire.numbers import (
    ExchangeType,
    Flags,
    NotifyType,
)
from tests.ike.awaited import FIRST, PROTECTED, STEPS, Awaited, awaited
from tests.ike.daemon import Daemon, configuration
from tests.ike.offers import Phase2
from tests.ike.scenes import a_peer, agreed, joined, proposal


def disturb(step: Awaited, disturbances: list[bytes]) -> None:
    """Nothing is raised, sent or changed, and the true message succeeds after all."""
    before = step.daemon.state()
    for octets in disturbances:
        if octets == step.message:
            continue
        step.daemon.hears(octets)
        assert step.daemon.state() == before
    step.daemon.hears(step.message)
    assert step.accepted(), step.daemon.log
    assert step.bystander.unharmed()


@pytest.mark.parametrize("name", STEPS)
def test_every_prefix_of_every_message(name: str) -> None:
    """Datagrams cut short anywhere, also with a header that says the shorter length."""
    step = awaited(name)
    cut = [step.message[:length] for length in range(len(step.message))]
    honest = [
        octets[:24] + len(octets).to_bytes(4) + octets[28:] for octets in cut if len(octets) >= 28
    ]
    disturb(step, cut + [octets for octets in honest if name not in FIRST or len(octets) < 60])


@pytest.mark.parametrize("name", STEPS)
def test_trailing_octets(name: str) -> None:
    """A datagram longer than it says is none of ours."""
    step = awaited(name)
    disturb(step, [step.message + tail for tail in (b"\0", b"x" * 8, b"y" * 16, bytes(5000))])
    dropped = [line for line in step.daemon.log if line.startswith("dropped message")]
    assert dropped
    assert all("octets says it has" in line for line in dropped)


@pytest.mark.parametrize("name", PROTECTED)
def test_every_bit_of_a_protected_message(name: str) -> None:
    """A message with a flipped bit is none: the true one succeeds, the tunnels stay."""
    step = awaited(name)
    flipped = []
    for position in range(len(step.message)):
        octets = bytearray(step.message)
        octets[position] ^= 1 << (position % 8)
        flipped.append(bytes(octets))
    disturb(step, [octets for octets in flipped if not _harmless(step.message, octets)])


def _harmless(message: bytes, flipped: bytes) -> bool:
    """Tell whether only the commit or authentication flag differs, which mean nothing to us."""
    return (
        message[:19] == flipped[:19]
        and message[20:] == flipped[20:]
        and not ((message[19] ^ flipped[19]) & ~6)
    )


@pytest.mark.parametrize("name", STEPS)
def test_garbage_at_every_step(name: str) -> None:
    """Octets of all lengths that never were a message."""
    step = awaited(name)
    lengths = [*range(40), 100, 1000, 65507]
    disturb(step, [bytes([n % 251]) * n for n in lengths])


@pytest.mark.parametrize("name", STEPS)
def test_the_header_and_nothing_else(name: str) -> None:
    """Every exchange type, with these cookies and this message ID, and an empty body."""
    step = awaited(name)
    header, _ = decode_header(step.message)
    bare = [
        replace(header, exchange_type=ExchangeType(kind), flags=Flags(flags)).encode(b"")
        for kind in range(256)
        for flags in (0, 1)
    ]
    disturb(step, bare)


@pytest.mark.parametrize("name", [name for name in STEPS if name not in FIRST])
def test_the_same_message_from_somebody_without_the_key_or_cookies(name: str) -> None:
    """Wrong cookies, either of them."""
    step = awaited(name)
    other = b"otherone"
    disturb(
        step,
        [
            other + step.message[8:],
            step.message[:8] + other + step.message[16:],
            step.message[:8] + bytes(8) + step.message[16:],
            bytes(8) + step.message[8:],
        ],
    )


@pytest.mark.property
def test_any_octets_leave_a_tunnel_alone() -> None:
    """Two lines at most: of the octets, and of lines left out before."""
    daemon, _, quick = joined()

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=300))
    def alone(octets: bytes) -> None:
        lines = len(daemon.log)
        daemon.hears(octets)
        assert agreed(daemon, quick)
        assert len(daemon.log) <= lines + 2

    alone()


@pytest.mark.property
@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 8), st.floats(0, 30)), max_size=40))
def test_any_order_and_repetition_of_a_whole_conversation(plan: list[tuple[int, float]]) -> None:
    """A recorded conversation played to its own daemon in any order, at any time."""
    daemon, peer = Daemon(configuration()), a_peer()
    recorded = [peer.mm1()]
    recorded.append(peer.mm3(daemon.answers(recorded[-1])))
    recorded.append(peer.mm5(daemon.answers(recorded[-1])))
    peer.finish(daemon.answers(recorded[-1]))
    quick = proposal(peer, Phase2(seconds=7200))
    recorded.append(quick.qm1())
    recorded.append(quick.qm3(daemon.answers(recorded[-1])))
    daemon.hears(recorded[-1])
    recorded += [
        peer.protected(peer.notify(NotifyType.R_U_THERE, bytes(4)), message_id=n) for n in (5, 6)
    ]
    for index, wait in plan:
        daemon.passes(wait)
        daemon.hears(recorded[index % len(recorded)])
        assert agreed(daemon, quick)
    assert len(daemon.snapshot.ipsec_sas) == 1
