"""Hold the command line, typed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from isakmpd.daemon.run_files import DEFAULT_RUN_DIRECTORY, RunPaths

DEFAULT_CONFIGURATION = Path("/etc/isakmpd/isakmpd.conf")


@dataclass(frozen=True, slots=True)
class Options:
    """Say what the administrator asked for; None stands for an option not given.

    ``acquire_only`` (-a) installs SAs without flows and guards. ``standby`` (-S) begins passive and
    sends no Deletes at the end. ``local_port`` (-P) has no effect.
    """

    run_directory: Path = DEFAULT_RUN_DIRECTORY
    configuration_file: Path | None = None
    fifo: Path | None = None
    pid_file: Path | None = None
    report_file: Path | None = None
    capture_file: Path | None = None
    capture: bool = False
    port: int = 500
    nat_t_port: int = 4500
    nat_traversal: bool = True
    local_port: int | None = None
    families: tuple[int, ...] = (4, 6)
    foreground: bool = False
    verbose: bool = False
    kernel_takes_part: bool = True
    policy: bool = True
    acquire_only: bool = False
    standby: bool = False
    log_levels: tuple[str, ...] = ()
    seed: str | None = None

    @property
    def paths(self) -> RunPaths:
        """Name the files of a daemon with these options."""
        return RunPaths.under(
            self.run_directory,
            fifo=self.fifo,
            pid=self.pid_file,
            report=self.report_file,
            capture=self.capture_file,
        )
