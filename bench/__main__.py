"""Runs the benchmarks as root and prints what they show; slow is no failure, broken is."""

import argparse
import json
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from bench import handshakes, machine, startup, throughput
from lab import ability
from lab.namespace import sweep

COMMANDS = {
    "swanctl": "strongswan-swanctl",
    "nft": "nftables",
    "ss": "iproute2",
}
THROUGHPUT_COMMANDS = {"iperf3": "iperf3"}


def main() -> int:
    """Run what is asked for and return the exit status: 1 where something did not work."""
    arguments = _arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if why := _why_not(arguments):
        print(why, file=sys.stderr)
        return 1
    sweep()
    results: dict[str, Any] = {"machine": machine.description()}
    for name, value in results["machine"].items():
        print(f"{name + ':':<13} {value}")
    try:
        _run(arguments, results)
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"\nThe benchmark FAILED: {error}", file=sys.stderr)
        return 1
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=2) + "\n")
    return 0


def _why_not(arguments: argparse.Namespace) -> str:
    """Tell why this machine cannot run what is asked for."""
    if arguments.startup and not (arguments.handshakes or arguments.throughput):
        why = ability.why_no_namespaces()
        return f"The start-up is measured as root, in network namespaces; here: {why}." * bool(why)
    alone = arguments.handshakes and not arguments.throughput
    why = ability.why_no_peer()
    why = why or ability.why_no_commands(COMMANDS if alone else COMMANDS | THROUGHPUT_COMMANDS)
    return f"The benchmark compares with strongSwan, as root; here: {why}." * bool(why)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    add = parser.add_argument
    add("--handshakes", action="store_true", help="only the CPU per handshake")
    add("--throughput", action="store_true", help="only the throughput")
    add("--startup", action="store_true", help="only the time from the start until ready")
    add("--rounds", type=int, metavar="N", help="rounds (3 of handshakes, 2, 5 of starts)")
    add("--connections", type=int, default=1000, metavar="N", help="of a start-up (1000)")
    add("--tunnels", type=int, default=100, metavar="N", help="tunnels of a round (100)")
    add("--seconds", type=float, default=3, metavar="N", help="seconds of a stream (3)")
    add("--suites", type=int, metavar="N", help="only the first N suites of each")
    add("--json", type=Path, metavar="FILE", help="write every sample there")
    return parser.parse_args()


def _run(arguments: argparse.Namespace, results: dict[str, Any]) -> None:
    began = time.monotonic()

    def say(sentence: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {sentence}", flush=True)

    everything = not (arguments.handshakes or arguments.throughput or arguments.startup)
    tables = []
    if everything or arguments.handshakes:
        handshaken = handshakes.measure(
            handshakes.SUITES[: arguments.suites], arguments.tunnels, arguments.rounds or 3, say
        )
        tables.append(handshakes.report(handshaken))
        results["handshakes"] = {
            title: {" -> ".join(one.names): asdict(one.samples) for one in pairings}
            for title, pairings in handshaken.items()
        }
    if everything or arguments.throughput:
        carried = throughput.measure(
            throughput.SUITES[: arguments.suites], arguments.seconds, arguments.rounds or 2, say
        )
        tables.append(throughput.report(carried))
        results["throughput"] = {
            title: {" -> ".join(one.kind): asdict(one.samples) for one in pairings}
            for title, pairings in carried.items()
        }
    if everything or arguments.startup:
        started = startup.measure(arguments.connections, arguments.rounds or 5, say)
        tables.append(startup.report(started, arguments.connections))
        results["startup"] = {stack: asdict(samples) for stack, samples in started.items()}
    print("\n" + "\n\n".join(tables))


def _end(number: int, _frame: FrameType | None) -> None:
    """End the run as an interrupt would, so that namespaces and daemons go with it."""
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
