"""Debug levels: which lines pass, and what is said about a change."""

import pytest

from isakmpd.control.log_levels import CLASS_NAMES, KEYS_WARNING, LogLevels
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
    assert levels.assign("A=89") == [
        f"log_debug_cmd: log level changed from 0 to 89 for class {number}" for number in range(11)
    ]
    assert all(levels.passes(one, 89) for one in LogClass)


def test_whoever_lets_keys_into_the_log_is_warned() -> None:
    """However it comes about, each time, and for class Crypto alone."""
    levels = LogLevels()
    assert levels.assign("8=99") == ["log_debug_cmd: log level changed from 0 to 99 for class 8"]
    assert not levels.show_keys
    assert levels.assign("3=90") == [
        "log_debug_cmd: log level changed from 0 to 90 for class 3",
        KEYS_WARNING,
    ]
    assert levels.show_keys
    assert KEYS_WARNING not in levels.assign("3=99")
    levels.toggle()
    assert not levels.show_keys
    assert KEYS_WARNING in levels.toggle()
    assert KEYS_WARNING not in levels.assign("3=89")
    assert KEYS_WARNING in levels.configure(("A=99",))


@pytest.mark.parametrize(
    ("first", "by_hand", "second", "level"),
    [
        (("3=10",), None, ("3=20",), 20),  # a reload brings what it changes
        (("3=10",), None, (), 0),  # or takes away
        (("3=10",), "3=30", ("3=10",), 30),  # and leaves alone what it does not
        (("3=10",), "3=30", ("3=10", "8=5"), 30),
        (("3=10",), "3=30", ("3=20",), 20),
        (("3=10", "3=40"), None, ("3=20", "3=40"), 40),  # the command line stands behind
        (("3=10", "A=40"), "3=0", ("3=20", "A=40"), 0),
    ],
)
def test_the_configuration_counts_where_it_says_something_else_than_before(
    first: tuple[str, ...], by_hand: str | None, second: tuple[str, ...], level: int
) -> None:
    """What D has set stays until then."""
    levels = LogLevels()
    levels.configure(first)
    if by_hand is not None:
        levels.assign(by_hand)
    levels.configure(second)
    shown = [one for one in range(100) if levels.passes(LogClass.CRYPTO, one)]
    assert shown == (list(range(level + 1)) if level else [])


def test_a_fault_is_told_once() -> None:
    """Not again with each command that changes something else."""
    levels = LogLevels()
    assert levels.configure(("8=100", "9=1")) == [
        "log_debug_cmd: invalid debugging level 100 for class 8, expected 0 to 99",
        "log_debug_cmd: log level changed from 0 to 1 for class 9",
    ]
    assert levels.configure(("8=100", "9=1")) == []


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
