"""Be ``isakmpd``: read the command line and run the daemon.

What only one way of running needs is imported there: the monitor stays small.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from isakmpd.cli.flags import UsageError, help_text, read_command_line, usage
from isakmpd.cli.output import complain, write_out
from isakmpd.daemon.process import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon, or do what is asked instead; the exit status is 0, or 1 for a mistake."""
    try:
        options, asked = read_command_line(sys.argv[1:] if arguments is None else arguments)
    except UsageError as mistake:
        return complain(f"{usage()}isakmpd: {mistake}\n")
    if "help" in asked:
        return write_out(help_text())
    if "version" in asked:
        from importlib.metadata import version  # noqa: PLC0415

        return write_out(f"isakmpd {version('isakmpd')}\n")
    if "check" in asked:
        from isakmpd.daemon.checks import check  # noqa: PLC0415

        report = check(options)
        return write_out("".join(f"{line}\n" for line in report.lines)) or int(report.failed)
    return run(options)
