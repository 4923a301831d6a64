"""Lines that strangers bring about, counted."""

from ipaddress import IPv4Address

from isakmpd.ike.context import Context
from isakmpd.ike.drop_log import LINES, LINES_OF_ADDRESS, WINDOW, DropLog
from isakmpd.ike.entropy import SeededEntropy
from isakmpd.ike.outputs import Log
from isakmpd.ike.transport import Transport
from isakmpd.wire.numbers import NotifyType
from tests.ike.daemon import DAEMON, configuration


def a_log() -> tuple[Context, DropLog]:
    """An empty one."""
    context = Context(configuration(), SeededEntropy("log"), 4500)
    context.now = 50.0
    return context, DropLog(context)


def at(number: int) -> Transport:
    """One of many senders."""
    return Transport(DAEMON, 500, IPv4Address(0x0A000000 + number), 12345)


def lines(context: Context) -> list[str]:
    """What was logged."""
    return [output.text for output in context.outputs if isinstance(output, Log)]


def test_a_line_names_sender_port_fault_and_reason() -> None:
    """The original's words, with a reason behind them."""
    context, log = a_log()
    log.dropped(at(7), "why", NotifyType.PAYLOAD_MALFORMED)
    log.dropped(at(7), "whatever", None)
    assert lines(context) == [
        "dropped message from 10.0.0.7 port 12345 due to notification type PAYLOAD_MALFORMED: why",
        "dropped message from 10.0.0.7 port 12345: whatever",
    ]


def test_one_sender_gets_a_few_lines_and_does_not_silence_the_others() -> None:
    """The rest are counted, and the count is told when the window is over."""
    context, log = a_log()
    told = [log.log(at(1), "line") for _ in range(100)]
    assert told == [True] * LINES_OF_ADDRESS + [False] * (100 - LINES_OF_ADDRESS)
    assert log.log(at(2), "another")
    context.now += WINDOW
    assert log.log(at(1), "again")
    assert lines(context)[-2:] == [
        f"{100 - LINES_OF_ADDRESS} more lines about strangers' messages were left out",
        "again",
    ]


def test_all_senders_together_are_bounded() -> None:
    """Invented addresses fill neither the disk nor the memory."""
    context, log = a_log()
    for number in range(10000):
        log.log(at(number), "line")
    assert len(lines(context)) == LINES
    assert len(log._lines) == LINES


def test_nothing_is_said_of_nothing() -> None:
    """A quiet window ends without a line."""
    context, log = a_log()
    log.log(at(1), "line")
    context.now += 10 * WINDOW
    log.log(at(1), "line")
    assert lines(context) == ["line", "line"]
