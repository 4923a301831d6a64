"""Fuzz targets one after the other; what a fault was found with stays in the folder.

python -m fuzz [--minutes M] [--folder DIR] [TARGET ...]
"""

import argparse
import hashlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from fuzz.targets import ROOT, TARGETS, Target

LONGEST_INPUT = 8192  # octets
SLOWEST = 5  # seconds for one input
MEMORY = 2048  # mebibytes


def fuzz(name: str, seconds: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one target for a while; what it has learned stays in its folder for the next time."""
    own = folder / name
    corpus, seeds = own / "corpus", own / "seeds"
    for each in (corpus, seeds):
        each.mkdir(parents=True, exist_ok=True)
    dictionary = _prepare(TARGETS[name], own, seeds)
    command = [
        *(sys.executable, "-m", "fuzz.one", name),
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={SLOWEST}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={own}/",
        "-print_final_stats=1",
        *([f"-dict={dictionary}"] if dictionary.stat().st_size else []),
        *(str(corpus), str(seeds)),
    ]
    return subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def _prepare(target: Target, own: Path, seeds: Path) -> Path:
    """Write the seeds, named by their digest, and the dictionary, whose path is returned."""
    for seed in target.seeds():
        (seeds / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    dictionary = own / "dictionary"
    dictionary.write_text("".join(f'"{word}"\n' for word in _escaped(target.words())))
    return dictionary


def _escaped(words: Iterable[bytes]) -> list[str]:
    kept = sorted({word for word in words if 1 < len(word) < 64})
    return ["".join(f"\\x{octet:02x}" for octet in word) for word in kept]


def main() -> int:
    """Fuzz what is named, or everything; the exit status is 1 when a fault was found."""
    arguments = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    arguments.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    arguments.add_argument("--minutes", type=float, default=1, help="for each target (%(default)s)")
    arguments.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzz")
    asked = arguments.parse_args()
    if unknown := set(asked.targets) - set(TARGETS):
        arguments.error(f"no target {', '.join(sorted(unknown))}; expected {', '.join(TARGETS)}")
    failed = False
    for name in asked.targets or TARGETS:
        done = fuzz(name, max(1, round(asked.minutes * 60)), asked.folder.absolute())
        lines = done.stdout.splitlines()
        runs = next((line.split()[-1] for line in lines if "number_of_executed_units" in line), "0")
        print(f"{name}: {runs} inputs, {'no fault' if not done.returncode else 'a fault:'}")
        if done.returncode:
            failed = True
            print("\n".join(lines[-60:]))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
