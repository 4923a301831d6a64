"""What goes wrong is said in one line that names the tag to change, and not said over and over."""

import re

import pytest

from tests.simulation.scenes import two_gateways

pytestmark = pytest.mark.simulation

HOUR = 3600.0
# cause: east's differing tags, the words both logs must have in one line, or "" for none there
CAUSES = {
    "the keys differ": ({"key": "other"}, "[peer]:Authentication", "[peer]:Authentication"),
    "no common transform": (
        {"transforms": "3DES-MD5"},
        "[main-mode]:Transforms decides",
        "[main-mode]",
    ),
    "no common suite": (
        {"suites": "QM-ESP-3DES-MD5-PFS-SUITE"},
        "[quick-mode]:Suites decides",
        "[quick-mode]",
    ),
    "PFS on one side": (
        {"suites": "QM-ESP-AES-128-SHA-SUITE"},
        "GROUP_DESCRIPTION: got no PFS, expected MODP_1024 in [QM-ESP-AES-128-SHA-PFS-XF] "
        "([quick-mode]:Suites decides)",
        "GROUP_DESCRIPTION: got MODP_1024, expected no PFS in [QM-ESP-AES-128-SHA-XF] "
        "([quick-mode]:Suites decides)",
    ),
    "other networks": (
        {"remote_net": "10.9.0.0"},
        "[lan]:Local-ID and Remote-ID decide",
        "no connection of peer peer has them as Remote-ID and Local-ID",
    ),
}


@pytest.mark.parametrize("cause", CAUSES)
def test_a_failure_names_what_differs_at_both_ends(cause: str) -> None:
    east_tags, west_says, east_says = CAUSES[cause]
    pair = two_gateways(cause, east_tags=east_tags)
    pair.wait(60)
    for node, words in ((pair.west, west_says), (pair.east, east_says)):
        assert pair.lines(node, words), [str(line) for line in node.log]


@pytest.mark.parametrize("cause", CAUSES)
def test_an_hour_of_failures_is_no_flood(cause: str) -> None:
    """At most three lines an attempt, and attempts are most of a Check-interval apart."""
    pair = two_gateways(cause, east_tags=CAUSES[cause][0])
    pair.wait(600)
    before = [len(node.log) for node in pair]
    pair.wait(HOUR)
    for node, lines in zip(pair, before, strict=True):
        assert 0 < len(node.log) - lines <= 3 * HOUR / 45


def test_a_peer_that_is_down_gets_a_line_in_ten_minutes_that_counts_the_attempts() -> None:
    pair = two_gateways("down")
    pair.east.crash()
    pair.wait(10)
    pair.wait(HOUR)
    failures = pair.lines(pair.west, "phase 1 with 192.0.2.2:500 failed")
    assert "nobody answers on UDP port 500: the peer is down" in failures[-1]
    assert 5 <= len(failures) <= 7
    counted = [re.search(r"still failing: (\d+) times", line) for line in failures[1:]]
    attempts = sum(int(found[1]) for found in counted if found is not None)
    assert HOUR / 130 < attempts < HOUR / 60
    assert len(pair.west.log) - len(failures) < 10


def test_a_quiet_tunnel_logs_nothing_but_its_rekeyings() -> None:
    pair = two_gateways("quiet")
    pair.wait(60)
    assert all(len(node.log) < 5 for node in pair)
    before = [len(node.log) for node in pair]
    pair.wait(24 * HOUR)
    rekeyings = 24 * HOUR / (3600 * 0.85) + 24 * HOUR / (1200 * 0.85)
    for node, lines in zip(pair, before, strict=True):
        assert len(node.log) - lines < 3.5 * rekeyings
        assert not pair.lines(node, "dropped")
