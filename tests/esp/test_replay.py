"""The replay window (RFC 4303 section 3.4.3): each packet once, late ones within the window."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.esp.replay import DEFAULT_WINDOW, LARGEST_WINDOW, ReplayWindow


def accepted(size: int, arrivals: list[int]) -> list[bool]:
    """Tell which arrivals a window takes, in order."""
    window, verdicts = ReplayWindow(size), []
    for sequence in arrivals:
        fresh = window.fresh(sequence)
        if fresh:
            window.record(sequence)
        verdicts.append(fresh)
    return verdicts


@pytest.mark.parametrize(
    ("size", "arrivals", "verdicts"),
    [
        (64, [1, 2, 3], [True, True, True]),
        (64, [1, 1], [True, False]),
        (64, [0], [False]),  # the first packet carries 1
        (64, [0, 1, 0], [False, True, False]),
        (64, [64, 1], [True, True]),  # 64 numbers: 1 to 64
        (64, [65, 1], [True, False]),
        (64, [65, 2, 2], [True, True, False]),
        (32, [33, 2, 1], [True, True, False]),
        (1, [1, 2, 1, 2], [True, True, False, False]),
        (64, [10, 74, 10, 11], [True, True, False, True]),
        (64, [1, 65, 129, 65, 66], [True, True, True, False, True]),
        (64, [0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFC0, 0xFFFFFFBF], [True, False, True, False]),
        (64, [5, 0xFFFFFFFF, 5], [True, True, False]),
        (0, [1, 1, 0, 7, 1], [True] * 5),  # switched off
    ],
)
def test_table(size: int, arrivals: list[int], verdicts: list[bool]) -> None:
    assert accepted(size, arrivals) == verdicts


def test_asking_does_not_move_the_window() -> None:
    window = ReplayWindow()
    assert window.fresh(1_000_000)
    assert window.fresh(1)


def test_the_default_is_what_rfc_4303_prefers() -> None:
    assert ReplayWindow().size == DEFAULT_WINDOW == 64


@pytest.mark.parametrize("size", [-1, LARGEST_WINDOW + 1])
def test_impossible_sizes_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="packets, not"):
        ReplayWindow(size)


@pytest.mark.property
@given(
    st.integers(1, 80),
    st.lists(st.integers(0, 200), max_size=60),
)
def test_it_agrees_with_a_window_that_remembers_everything(size: int, arrivals: list[int]) -> None:
    seen: set[int] = set()
    expected = []
    for sequence in arrivals:
        new = sequence > max(max(seen, default=0) - size, 0) and sequence not in seen
        expected.append(new)
        if new:
            seen.add(sequence)
    assert accepted(size, arrivals) == expected
