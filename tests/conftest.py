"""Runs each kind of test where it can run, says why where it cannot, and counts them all."""

import os
from collections import Counter
from collections.abc import Callable, Generator

import pytest
from hypothesis import settings

from lab import ability
from lab.namespace import sweep

# From the most to the least demanding: a test counts as the first kind it is marked with.
KINDS: dict[str, str] = {
    "peer": "negotiates with strongSwan",
    "l2tp": "runs xl2tpd over our transport mode",
    "package": "builds the Debian package, or boots a machine to install it in",
    "namespaces": "builds network namespaces with real daemons in them",
    "root": "needs root's rights",
    "simulation": "runs whole daemons on a virtual clock",
    "property": "holds a property over generated cases",
    "plain": "everything else",
}
REASONS: dict[str, Callable[[], str]] = {
    "peer": ability.why_no_peer,
    "l2tp": ability.why_no_l2tp,
    "package": ability.why_no_package,
    "namespaces": ability.why_no_namespaces,
    "root": ability.why_no_root,
}
tally: Counter[tuple[str, str]] = Counter()
skips: Counter[tuple[str, str]] = Counter()


def in_ci() -> bool:
    """Tell whether this run is the one that must skip nothing."""
    return os.environ.get("CI") == "true"


def kind_of(item: pytest.Item) -> str:
    """Return the most demanding kind a test is marked with."""
    return next((kind for kind in KINDS if item.get_closest_marker(kind)), "plain")


def reason_of(report: pytest.TestReport) -> str:
    """Return why a test was skipped."""
    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
    return str(words).removeprefix("Skipped: ")


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers and start counting."""
    for kind, meaning in KINDS.items():
        if kind != "plain":
            config.addinivalue_line("markers", f"{kind}: {meaning}")
    # CI draws the same cases every time; at home each run looks further.
    settings.register_profile("ci", derandomize=True, deadline=None)
    settings.register_profile("home", deadline=None)
    settings.load_profile("ci" if in_ci() else "home")
    tally.clear()
    skips.clear()


def pytest_sessionstart() -> None:
    """Remove the namespaces of runs that were killed."""
    if not ability.why_no_namespaces():
        sweep()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that cannot run here, with the reason."""
    for kind, why_not in REASONS.items():
        if item.get_closest_marker(kind) and (reason := why_not()):
            pytest.skip(reason)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note the kind of the test; in CI, a skip becomes an error."""
    report = yield
    kind = kind_of(item)
    report.user_properties.append(("kind", kind))
    if report.skipped and in_ci():
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} must run in CI and was skipped: {reason_of(report)}"
    return report


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Count one outcome per test."""
    if report.when != "call" and report.outcome == "passed":
        return
    kind = str(dict(report.user_properties)["kind"])
    tally[kind, report.outcome] += 1
    if report.skipped:
        skips[kind, reason_of(report)] += 1


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In CI, turn a file that skips itself as a whole into an error."""
    report = yield
    if in_ci() and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{report.nodeid} must run in CI and was skipped: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests of each kind ran, and why some did not."""
    terminalreporter.section("kinds of tests")
    terminalreporter.line(f"{'kind':<12} {'passed':>7} {'failed':>7} {'skipped':>8}")
    for kind, meaning in KINDS.items():
        passed, failed, skipped = (tally[kind, one] for one in ("passed", "failed", "skipped"))
        terminalreporter.line(f"{kind:<12} {passed:>7} {failed:>7} {skipped:>8}  {meaning}")
    for (kind, reason), number in skips.items():
        terminalreporter.line(f"skipped: {number} of {kind}: {reason}")
