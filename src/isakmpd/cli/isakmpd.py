"""Be ``isakmpd``: read the command line and run the daemon."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from isakmpd.daemon.options import DEFAULT_CONFIGURATION, Options
from isakmpd.daemon.process import run


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(1, f"isakmpd: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon; the exit status is 0, or 1 for a mistake."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if given.r is not None and not given.d:
        parser.error("-r makes every key predictable and is for tests only: it needs -d")
    if given.p == given.N:
        parser.error(f"-p and -N need two ports, expected another than {given.p} for one of them")
    return run(_options(given))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="isakmpd", description="IKEv1 key management daemon", allow_abbrev=False)
    flag = parser.add_argument
    flag("-4", dest="ipv4", action="store_true", help="use IPv4")
    flag("-6", dest="ipv6", action="store_true", help="use IPv6")
    flag("-c", metavar="FILE", type=Path, help=f"configuration file ({DEFAULT_CONFIGURATION})")
    flag("-D", metavar="class=level", action="append", default=[], help="debug a class (0-10, A)")
    flag("-d", action="store_true", help="stay in the foreground and log to standard error")
    flag("-f", metavar="FIFO", type=Path, help="listen for commands here; - is standard input")
    flag("-i", metavar="FILE", type=Path, help="write the process ID here")
    flag("-K", action="store_true", help="do without the policy check")
    flag("-L", action="store_true", help="capture IKE messages in clear")
    flag("-l", metavar="FILE", type=Path, help="capture IKE messages to this file")
    flag("-N", metavar="PORT", type=_port, default=4500, help="UDP port of NAT traversal (4500)")
    flag("-n", action="store_true", help="negotiate, but carry nothing")
    flag("-p", metavar="PORT", type=_port, default=500, help="UDP port of IKE (500)")
    flag("-R", metavar="FILE", type=Path, help="write the report of SIGUSR1 here")
    flag("-r", metavar="SEED", help="make keys predictable, for tests")
    flag("-v", action="store_true", help="log what was negotiated")
    flag("--run-dir", metavar="DIR", type=Path, default=Path("/var/run"), help="run directory")
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no port, expected 1 to 65535")
    return int(text)


def _options(given: argparse.Namespace) -> Options:
    families = tuple(family for family, on in ((4, given.ipv4), (6, given.ipv6)) if on)
    return Options(
        run_directory=given.run_dir,
        configuration_file=given.c.absolute() if given.c else None,
        fifo=given.f,
        pid_file=given.i,
        report_file=given.R,
        capture_file=given.l,
        capture=given.L or given.l is not None,
        port=given.p,
        nat_t_port=given.N,
        families=families or (4, 6),
        foreground=given.d,
        verbose=given.v,
        kernel_takes_part=not given.n,
        policy=not given.K,
        log_levels=tuple(given.D),
        seed=given.r,
    )


if __name__ == "__main__":
    sys.exit(main())
