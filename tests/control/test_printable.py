"""Text of a peer cannot forge log lines or command a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.control.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, Grüße", "plain text, Grüße"),
        ("two\nlines", "two\\x0alines"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b2J", "\\x9b2J"),
        ("right\u202eleft", "right\\u202eleft"),
        ("nul\0", "nul\\x00"),
        ("\U000e0001", "\\U000e0001"),
    ],
)
def test_what_does_not_print_is_spelled_out(text: str, shown: str) -> None:
    """Line ends, escape sequences, direction marks."""
    assert printable(text) == shown


@given(st.text())
def test_the_outcome_always_prints(text: str) -> None:
    """Whatever goes in."""
    assert printable(text).isprintable()
