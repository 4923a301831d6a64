"""What this machine can do: each answer is empty, or one reason why not."""

import functools
import os
import shutil
import subprocess
from pathlib import Path

TUN = "/dev/net/tun"
CHARON = Path("/usr/lib/ipsec/charon")
USERSPACE_ESP = Path("/usr/lib/ipsec/plugins/libstrongswan-kernel-libipsec.so")
SYSTEM_PYTHON = Path("/usr/bin/python3")
COMMANDS = {
    "ip": "iproute2",
    "nsenter": "util-linux",
    "ping": "iputils-ping",
}
COMMANDS_FOR_PACKAGE = {
    "dpkg-deb": "dpkg",
    "lintian": "lintian",
    "pgrep": "procps",
    "systemctl": "systemd",
    "unshare": "util-linux",
}
COMMANDS_FOR_TESTS = {**COMMANDS, "nft": "nftables"}


def why_no_root() -> str:
    """Tell why root's rights are missing."""
    return "" if os.geteuid() == 0 else "not root"


@functools.cache
def why_no_tun() -> str:
    """Tell why no TUN device can be opened."""
    try:
        os.close(os.open(TUN, os.O_RDWR))
    except OSError as error:
        return f"{TUN} cannot be opened ({error.strerror})"
    return ""


@functools.cache
def why_no_namespaces() -> str:
    """Tell why a lab of namespaces with all that tests need cannot be built here."""
    return (
        why_no_root()
        or why_no_commands(COMMANDS_FOR_TESTS)
        or why_no_tun()
        or why_no_new_namespace()
    )


@functools.cache
def why_no_peer() -> str:
    """Tell why strongSwan cannot run as a peer here."""
    if not CHARON.exists():
        return f"{CHARON} is missing (Debian package strongswan)"
    if not USERSPACE_ESP.exists():
        return f"{USERSPACE_ESP} is missing (Debian package libcharon-extra-plugins)"
    return why_no_commands({"swanctl": "strongswan-swanctl"}) or why_no_namespaces()


@functools.cache
def why_no_l2tp() -> str:
    """Tell why no L2TP server can run here."""
    return why_no_commands({"xl2tpd": "xl2tpd", "pppd": "ppp"}) or why_no_namespaces()


def why_no_package() -> str:
    """Tell why the Debian package cannot be built here and installed in a machine of its own."""
    if not SYSTEM_PYTHON.exists():
        return f"{SYSTEM_PYTHON} is missing (Debian package python3)"
    return why_no_commands(COMMANDS_FOR_PACKAGE) or why_no_namespaces()


def why_no_commands(commands: dict[str, str]) -> str:
    """Tell which commands are missing and which Debian packages bring them."""
    missing = [
        f"{command} (Debian package {package})"
        for command, package in commands.items()
        if shutil.which(command) is None
    ]
    return f"missing: {', '.join(missing)}" if missing else ""


def why_no_new_namespace() -> str:
    """Tell why a network namespace cannot be created and entered, by trying."""
    name = f"isakmpd-lab-{os.getpid()}-trial"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True, check=False)
    if made.returncode != 0:
        return f"no network namespace can be created ({made.stderr.strip()})"
    entered = subprocess.run(
        ["nsenter", f"--net=/run/netns/{name}", "--", "true"],
        capture_output=True,
        text=True,
        check=False,
    )
    subprocess.run(["ip", "netns", "delete", name], check=False)
    if entered.returncode != 0:
        return f"no network namespace can be entered ({entered.stderr.strip()})"
    return ""
