"""What an upgrade keeps; what removal and purge leave: only what the administrator made."""

from pathlib import Path

import pytest

from lab.gateways import TwoGateways
from lab.machine import Machine
from tests.packaging.installed import CONFIGURATION, EXAMPLE, UNIT, configure, install, wait_state

pytestmark = pytest.mark.package

FLAGS = "-v -K -D 8=30"


def owned(machine: Machine) -> list[str]:
    """List the package's files."""
    paths = machine.run("dpkg", "-L", "isakmpd").stdout.splitlines()
    return [path for path in paths if not machine.path(path).is_dir()]


def test_an_upgrade_keeps_what_the_administrator_decided(machine: Machine, package: Path) -> None:
    configure(machine, (EXAMPLE / "west.conf").read_text(), FLAGS)
    machine.run("systemctl", "start", UNIT)
    before = machine.property(UNIT, "MainPID")
    install(machine, package)
    wait_state(machine, "active")
    assert machine.property(UNIT, "MainPID") != before, "the new version does not run"
    assert FLAGS in machine.path("/etc/default/isakmpd").read_text()
    machine.run("systemctl", "disable", "--now", UNIT)
    install(machine, package)
    assert machine.property(UNIT, "UnitFileState") == "disabled"


def test_removal_stops_it_and_purge_leaves_the_administrators_files_alone(
    machine: Machine, gateways: TwoGateways
) -> None:
    configure(machine, (EXAMPLE / "west.conf").read_text(), FLAGS)
    machine.run("systemctl", "enable", "--now", UNIT)
    files = owned(machine)
    assert "/usr/sbin/isakmpd" in files or "/usr/lib/isakmpd/bin/isakmpd" in files
    machine.run("dpkg", "--remove", "isakmpd")
    assert "isakmpd0" not in gateways.west.ip("link")
    left = [path for path in files if machine.path(path).exists()]
    assert left == ["/etc/default/isakmpd"]
    assert not machine.path("/usr/lib/isakmpd").exists()

    machine.run("dpkg", "--purge", "isakmpd")
    assert [path for path in files if machine.path(path).exists()] == []
    found = machine.run(
        "find",
        "/etc",
        "/lib/systemd",
        "/run",
        "/usr",
        "/var",
        "-xdev",
        "-iname",
        "*isakmpd*",
        "-not",
        "-path",
        "/var/log/journal/*",
    ).stdout.splitlines()
    assert sorted(found) == ["/etc/isakmpd", CONFIGURATION]
