"""Runs the demo as root, or as anyone where the system lets users build namespaces."""

import argparse
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from demo.story import tell
from lab import ability
from lab.namespace import MOUNTS, sweep

NEEDS = (
    "The demo needs root, or a system that lets users create user and network namespaces"
    " and open /dev/net/tun, with iproute2 and iputils-ping installed; here: {why}."
)
UNSHARE = ("unshare", "--user", "--map-root-user", "--net", "--mount", "--")


def main() -> int:
    """Run the demo and return its exit status: 0 only if everything is proved."""
    parser = argparse.ArgumentParser(prog="demo", description=__doc__)
    parser.add_argument(
        "--no-tunnel", action="store_true", help="send the pings in clear, and see the proof fail"
    )
    parser.add_argument("--in-user-namespace", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    if arguments.in_user_namespace:
        _own_run_folder()
    if why := _why_not():
        print(NEEDS.format(why=why), file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        again = (sys.executable, "-m", "demo", "--in-user-namespace", *sys.argv[1:])
        os.execvp(UNSHARE[0], [*UNSHARE, *again])
    sweep()
    try:
        tell(tunnel=not arguments.no_tunnel)
    except (AssertionError, OSError, ValueError, subprocess.SubprocessError) as error:
        print(f"\nThe demo FAILED: {error}", file=sys.stderr)
        return 1
    print("\nThe demo succeeded.")
    return 0


def _why_not() -> str:
    if why := ability.why_no_commands(ability.COMMANDS) or ability.why_no_tun():
        return why
    if os.geteuid() == 0:
        return ability.why_no_new_namespace()
    tried = subprocess.run([*UNSHARE, "true"], capture_output=True, text=True, check=False)
    return f"not root, and {tried.stderr.strip()}" if tried.returncode else ""


def _own_run_folder() -> None:
    """Give ip-netns(8) a /run of its own: the system's is not ours to write."""
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run"], check=True)
    Path(MOUNTS).mkdir()


def _end(number: int, _frame: FrameType | None) -> None:
    """End the demo, taking the time to clean up once: further signals are ignored."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_IGN)
    print("\nInterrupted; cleaning up.", file=sys.stderr)
    raise SystemExit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
