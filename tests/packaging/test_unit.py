"""The unit: systemd has nothing against it, little is open, and what is open is told here."""

import configparser

import pytest

from lab.machine import CHECKOUT, Machine
from tests.packaging.installed import UNIT

pytestmark = pytest.mark.package

# systemd-analyze rates from 0.0, all is closed, to 10.0.
MOST_EXPOSURE = 2.9
OPEN = {
    "CapabilityBoundingSet=~CAP_NET_(BIND_SERVICE|BROADCAST|RAW)",
    "CapabilityBoundingSet=~CAP_NET_ADMIN",
    "DeviceAllow=",
    "IPAddressDeny=",
    "PrivateDevices=",
    "PrivateNetwork=",
    "PrivateTmp=",
    "PrivateUsers=",
    "ProcSubset=",
    "RestrictAddressFamilies=~AF_(INET|INET6)",
    "RestrictAddressFamilies=~AF_NETLINK",
    "RestrictAddressFamilies=~AF_UNIX",
    "RootDirectory=/RootImage=",
    "User=/DynamicUser=",
}


def test_systemd_verifies_it(machine: Machine) -> None:
    done = machine.run("systemd-analyze", "verify", UNIT)
    assert (done.stdout, done.stderr) == ("", "")


def test_it_is_less_exposed_than_3(machine: Machine) -> None:
    machine.run(
        *("systemd-analyze", "security", "--offline=yes"),
        *(f"--threshold={MOST_EXPOSURE * 10:.0f}", "--no-pager", UNIT),
    )


def test_what_is_open_is_what_the_daemon_uses(machine: Machine) -> None:
    """Each of these has its reason in the unit; another one needs one."""
    table = machine.run("systemd-analyze", "security", "--offline=yes", "--no-pager", UNIT).stdout
    found = {line.split()[1] for line in table.splitlines() if line.startswith("✗")}
    assert found == OPEN


def test_the_manual_pages_it_names_are_ours() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(CHECKOUT / "packaging" / UNIT)
    for page in unit["Unit"]["Documentation"].split():
        name, section = page.removeprefix("man:").rstrip(")").split("(")
        assert (CHECKOUT / "docs" / "man" / f"{name}.{section}").exists()
