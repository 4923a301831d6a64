"""Debug levels: which lines pass, and what is said about a change."""

import pytest

from isakmpd.control.log_levels import CLASS_NAMES, LogLevels
from isakmpd.ike.outputs import LogClass


@pytest.mark.parametrize(
    ("limit", "level", "passes"),
    [(0, 0, False), (0, 10, False), (50, 10, True), (50, 50, True), (50, 51, False)],
)
def test_a_line_passes_at_its_level_or_above(limit: int, level: int, passes: bool) -> None:
    """A class at level 0 shows nothing at all."""
    levels = LogLevels()
    levels.set_level(int(LogClass.NEGOTIATION), limit)
    assert levels.passes(LogClass.NEGOTIATION, level) is passes
    assert not levels.passes(LogClass.EXCHANGE, level)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("8=50", "log_debug_cmd: log level changed from 0 to 50 for class 8"),
        ("10=99", "log_debug_cmd: log level changed from 0 to 99 for class 10"),
        ("8=0", "log_debug_cmd: log level unchanged for class 8"),
        ("15=3", "log_debug_cmd: invalid debugging class 15, expected 0 to 10 or A"),
        ("8=-1", "log_debug_cmd: invalid debugging level -1 for class 8, expected 0 to 99"),
        ("8=100", "log_debug_cmd: invalid debugging level 100 for class 8, expected 0 to 99"),
        (
            "loud",
            'log_debug_cmd: "loud" is no debug level, expected class=level or A=level',
        ),
    ],
)
def test_an_assignment_is_answered(text: str, line: str) -> None:
    """Every change, and everything that is none, is said in a line."""
    assert LogLevels().assign(text) == [line]


def test_a_means_every_class() -> None:
    """One line for each class, and every class passes."""
    levels = LogLevels()
    assert levels.assign("A=90") == [
        f"log_debug_cmd: log level changed from 0 to 90 for class {number}" for number in range(11)
    ]
    assert all(levels.passes(one, 90) for one in LogClass)


def test_toggling_silences_and_restores() -> None:
    """D T puts all levels to zero, another D T puts them back."""
    levels = LogLevels()
    levels.assign("3=70")
    levels.toggle()
    assert not levels.passes(LogClass.CRYPTO, 10)
    levels.toggle()
    assert levels.passes(LogClass.CRYPTO, 70)
    assert not levels.passes(LogClass.CRYPTO, 71)


def test_classes_are_named_in_four_letters_at_most() -> None:
    """The column of the log is four wide."""
    assert " ".join(CLASS_NAMES[one] for one in LogClass) == (
        "Misc Trpt Mesg Cryp Timr Sdep SA Exch Negt Plcy UI"
    )
