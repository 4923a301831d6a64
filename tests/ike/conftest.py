"""Ends a verbose run with what each end says of each misconfiguration."""

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the properties `west` and `east` that tests recorded, a line each."""
    if terminalreporter.verbosity < 1:
        return
    reports = [*terminalreporter.stats.get("passed", []), *terminalreporter.stats.get("failed", [])]
    properties = [(report, dict(report.user_properties)) for report in reports]
    rows = [(report, said) for report, said in properties if {"west", "east"} <= said.keys()]
    if not rows:
        return
    terminalreporter.section("said to the operator")
    for report, said in rows:
        terminalreporter.line(f"{report.outcome}  {report.nodeid.rpartition('::')[2]}")
        for end in ("west", "east"):
            terminalreporter.line(f"    {end}: {'; '.join(said[end]) or 'nothing'}")
