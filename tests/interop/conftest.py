"""Ends a run with a table of what was seen between real daemons."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the property `result` that tests recorded, a line each."""
    reports = [
        report
        for outcome in ("passed", "failed")
        for report in terminalreporter.stats.get(outcome, [])
        if report.when == "call"
    ]
    rows = [(report, dict(report.user_properties).get("result")) for report in reports]
    if not any(result for _, result in rows):
        return
    terminalreporter.section("interoperability")
    for report, result in rows:
        if result is not None:
            name = report.nodeid.rpartition("::")[2]
            terminalreporter.line(f"{report.outcome} {report.duration:5.1f} s  {name}: {result}")
