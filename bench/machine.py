"""What the numbers were taken on and with: without it they mean nothing."""

import os
import platform
import subprocess
import time
from importlib.metadata import version
from pathlib import Path

from lab.ability import CHARON

LIBRARIES = ("cryptography", "pycryptodome")


def description() -> dict[str, str]:
    """Name the day, the machine and every program compared."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "load before": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "kernel": platform.release(),
        "system": _system(),
        "python": platform.python_version(),
        "libraries": ", ".join(f"{name} {version(name)}" for name in LIBRARIES),
        "isakmpd": version("isakmpd"),
        "charon": _first_line(str(CHARON), "--version"),
        "iperf3": _first_line("iperf3", "--version"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _system() -> str:
    release = Path("/etc/os-release")
    lines = release.read_text().splitlines() if release.exists() else []
    named = dict(line.partition("=")[::2] for line in lines)
    return named.get("PRETTY_NAME", platform.system()).strip('"')


def _first_line(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "not installed"
    return (done.stdout + done.stderr).partition("\n")[0].strip()
