"""A fault of ours costs what it struck: one line in the log, and everything else lives on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import NoReturn

import pytest

from isakmpd.config.model import Connection
from isakmpd.ike import main_mode, quick_mode
from isakmpd.ike.client_ids import ClientIds
from isakmpd.ike.outputs import SendKeepalive
from isakmpd.ike.phase2_exchange import Phase2Exchange
from tests.daemon.loopback import configuration
from tests.daemon.services import InTest, in_test

BOTH = ("link", "other")


class Fault(RuntimeError):  # noqa: N818 - what a bug would raise
    """Stand for a bug."""


def broken(*_: object) -> NoReturn:
    """Be a bug."""
    raise Fault("a bug")


@pytest.fixture
def west(tmp_path: Path) -> Iterator[InTest]:
    """A daemon whose connections are up, with a peer in the same loop."""
    with contextlib.ExitStack() as stack:
        east = stack.enter_context(in_test(tmp_path / "east", configuration("east", BOTH)))
        west = stack.enter_context(in_test(tmp_path / "west", configuration("west", BOTH)))
        pump_until(lambda: west.up(*BOTH), east, west)
        yield west


def pump(*daemons: InTest) -> None:
    """Let each of several daemons run for a moment."""
    for one in daemons:
        one.loop.call_later(0.005, one.loop.stop)
        one.loop.run_forever()


def pump_until(ask: Callable[[], object], *daemons: InTest) -> None:
    """Let several daemons run until something is true."""
    deadline = monotonic() + 15
    while not ask():
        assert monotonic() < deadline, [one.log for one in daemons]
        pump(*daemons)


def internal_errors(daemon: InTest) -> list[str]:
    """List what the log says of faults of ours."""
    return [line for line in daemon.log if line.startswith("internal error")]


def test_a_fault_in_one_negotiation_spares_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each time it is one line that says what and where; the other connection comes up."""
    original = quick_mode.initiator

    async def faulty(_: object) -> None:
        broken()

    def initiator(exchange: Phase2Exchange, connection: Connection, renewed: ClientIds) -> object:
        if connection.section == "link":
            return faulty(exchange)
        return original(exchange, connection, renewed)

    monkeypatch.setattr(quick_mode, "initiator", initiator)
    often = "Check-interval= 1"
    with (
        in_test(tmp_path / "east", configuration("east", BOTH)) as east,
        in_test(tmp_path / "west", configuration("west", BOTH, general=often)) as west,
    ):
        pump_until(lambda: west.up("other"), east, west)
        assert not west.up("link")
        for told in internal_errors(west):
            assert told.startswith("internal error: Fault: a bug (test_service_faults.py:")
            assert "broken < test_service_faults.py:" in told
            assert told.endswith("; please report it")
        assert internal_errors(west)


def test_a_fault_in_answering_ends_that_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next negotiation is served as if nothing had been."""

    async def faulty(*_: object) -> None:
        broken()

    with (
        in_test(tmp_path / "east", configuration("east")) as east,
        in_test(tmp_path / "west", configuration("west", up=False)) as west,
    ):
        with monkeypatch.context() as patched:
            patched.setattr(main_mode, "responder", faulty)
            west.command("c link")
            pump_until(lambda: internal_errors(east), east, west)
        west.command("t link")
        west.command("t main east")
        west.command("c link")
        pump_until(lambda: east.up("link"), east, west)
        assert len(internal_errors(east)) == 1


def test_a_fault_in_a_timer_costs_that_timer(west: InTest) -> None:
    """The others that are due fire all the same."""
    fired: list[str] = []
    timers = west.service.engine._context.timers
    due = west.service.now() + 0.01
    timers.arm(due, "broken", broken)
    timers.arm(due, "sound", lambda: fired.append("sound"))
    west.service.running.settle()
    west.until(lambda: fired)
    assert len(internal_errors(west)) == 1
    assert west.up(*BOTH)


def test_a_fault_in_carrying_out_loses_no_other_output(
    west: InTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the engine wanted after it is done."""
    running = west.service.running
    monkeypatch.setattr(running._outlets.udp, "send_keepalive", broken)
    transport = west.service.engine.snapshot(west.service.now()).isakmp_sas[0].transport
    running.engine._context.emit(SendKeepalive(transport))
    running.engine._context.log("what comes after")
    running.settle()
    assert len(internal_errors(west)) == 1
    assert west.log[-1] == "what comes after"


def test_a_fault_in_a_command_costs_that_command(
    west: InTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those written with it are carried out."""
    monkeypatch.setattr(west.service.engine, "teardown_all", broken)
    result = west.service.paths.result
    west.command("T\nS")
    assert len(internal_errors(west)) == 1
    assert "SA name: link (Phase 2)" in result.read_text()


def test_a_fault_elsewhere_is_told_as_well(west: InTest) -> None:
    """Whatever the event loop catches is a line too, and no traceback on the terminal."""
    west.loop.call_soon(broken)
    west.until(lambda: internal_errors(west))
    assert len(internal_errors(west)) == 1
    assert west.up(*BOTH)


def test_a_fault_while_leaving_does_not_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon ends and removes its files."""
    with in_test(tmp_path / "west", configuration("west")) as west:
        monkeypatch.setattr(west.service.engine, "shutdown", broken)
        west.service.shut_down()
        west.loop.run_forever()
    assert len(internal_errors(west)) == 1
    assert [path.name for path in (tmp_path / "west").iterdir()] == ["isakmpd.conf"]
