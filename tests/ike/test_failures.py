"""What recurs is told once, and then from time to time."""

from isakmpd.ike.context import Context
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.failures import KEPT, LINES, PERIOD, WINDOW, Failures
from isakmpd.ike.outputs import Log
from tests.ike.daemon import configuration


def some() -> tuple[Context, Failures]:
    """None yet."""
    context = Context(configuration(), SeededEntropy("failures"), 4500)
    context.now = 50.0
    return context, context.failures


def lines(context: Context) -> list[str]:
    """What everybody sees."""
    return [out.text for out in context.outputs if isinstance(out, Log) and out.log_class is None]


def test_a_failure_that_recurs_is_counted() -> None:
    """In full at once, then every ten minutes with how often it came."""
    context, failures = some()
    for _ in range(25):
        failures.tell("lan", "lan: failed")
        context.now += PERIOD / 10
    assert lines(context) == [
        "lan: failed",
        "lan: failed (still failing: 10 times in 10 minutes)",
        "lan: failed (still failing: 10 times in 10 minutes)",
    ]


def test_another_reason_and_another_subject_are_told() -> None:
    """Only the same line of the same subject recurs; SPIs are new each time and tell nothing."""
    context, failures = some()
    for subject, line in (("a", "one"), ("a", "two"), ("b", "one"), ("a", "one")):
        failures.tell(subject, line)
    failures.tell("a", "got ESP SPI 01020304")
    failures.tell("a", "got ESP SPI 0a0b0c0d")
    assert lines(context) == ["one", "two", "one", "got ESP SPI 01020304"]


def test_after_a_success_a_failure_is_news() -> None:
    """As it is under another configuration."""
    context, failures = some()
    failures.tell("a", "one")
    failures.over("a")
    failures.tell("a", "one")
    failures.forget()
    failures.tell("a", "one")
    assert lines(context) == ["one"] * 3
    failures.over("b")
    failures.tell("a", "one")
    assert len(lines(context)) == 3


def test_what_is_remembered_is_bounded() -> None:
    """The oldest give way."""
    context, failures = some()
    for number in range(2 * KEPT):
        failures.tell("a", f"{number}")
        context.now += WINDOW / LINES
    context.now -= WINDOW / LINES
    failures.tell("a", f"{2 * KEPT - 1}")
    failures.tell("a", "0")
    assert len(lines(context)) == 2 * KEPT + 1
    assert len(failures._told) == KEPT


def test_words_that_are_always_new_fill_no_log() -> None:
    """A peer that has proved who it is can fail in a thousand ways; others are heard beside it."""
    context, failures = some()
    for number in range(1000):
        failures.tell("a", f"got network {number}")
    failures.tell("b", "one")
    assert lines(context) == [*(f"got network {number}" for number in range(LINES)), "one"]
    context.now += WINDOW
    failures.tell("a", "got network 999")
    assert lines(context)[-2:] == [
        f"{1000 - LINES} more lines about failures of a were left out",
        "got network 999",
    ]
