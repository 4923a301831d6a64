"""What an administrator does with the package on a machine."""

import shutil
from pathlib import Path

from lab.deadline import until
from lab.machine import CHECKOUT, Machine

UNIT = "isakmpd.service"
RUN = Path("/run")
CONFIGURATION = "/etc/isakmpd/isakmpd.conf"
EXAMPLE = CHECKOUT / "examples" / "two-gateways"


def install(machine: Machine, package: Path) -> str:
    """Install the package and return what dpkg said."""
    shutil.copy(package, machine.path("/root/isakmpd.deb"))
    return machine.run("dpkg", "-i", "/root/isakmpd.deb").stdout


def configure(machine: Machine, text: str, flags: str = "-v -K") -> None:
    """Write isakmpd.conf and the flags, as root's editor would."""
    machine.run("sh", "-c", f"umask 077; cat >{CONFIGURATION}", stdin=text)
    machine.run("sh", "-c", "cat >/etc/default/isakmpd", stdin=f'ISAKMPD_FLAGS="{flags}"\n')


def command(machine: Machine, line: str) -> None:
    """Say something to the daemon as scripts of the original do."""
    machine.run("sh", "-c", f"echo '{line}' >/var/run/isakmpd.fifo", timeout=10)


def ask(machine: Machine, line: str) -> str:
    """Say something that is answered in the result file, and return that."""
    machine.run("rm", "-f", "/var/run/isakmpd.result")
    command(machine, line)
    answer = machine.path("/run/isakmpd.result")
    until(answer.exists, 10, f"the answer to {line!r}")
    return answer.read_text()


def wait_state(machine: Machine, state: str, seconds: float = 20) -> None:
    """Wait until systemd says that the service is in a state."""
    until(lambda: machine.property(UNIT, "ActiveState") == state, seconds, f"{UNIT} to be {state}")
