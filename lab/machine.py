"""A Debian machine of its own, with systemd as its first process, on top of this one's files."""

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from lab.deadline import until
from lab.namespace import CommandError, Namespace

CHECKOUT: Final = Path(__file__).resolve().parent.parent
INIT: Final = Path("/lib/systemd/systemd")

# What is written goes to memory, and kernel parameters beyond the network's cannot be: this machine
# keeps nothing of it all. The files of this project are covered, so that nothing relies on them.
_BOOT = """\
set -eu
stage=$1 checkout=$2
mount --make-rprivate /
mount -t tmpfs tmpfs "$stage"
mkdir "$stage/upper" "$stage/work" "$stage/root"
mount -t overlay -o "lowerdir=/,upperdir=$stage/upper,workdir=$stage/work" overlay "$stage/root"
cd "$stage/root"
rm -f usr/sbin/policy-rc.d
mkdir -p ".$checkout"
mount -t tmpfs tmpfs ".$checkout"
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount --bind proc/sys/net proc/sys/net
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/net dev/pts dev/shm
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
mknod -m 666 dev/net/tun c 10 200
ln -s /proc/self/fd dev/fd
units=etc/systemd/system
for name in systemd-udevd systemd-udev-trigger systemd-sysctl systemd-modules-load; do
    ln -sf /dev/null "$units/$name.service"
done
printf '[Unit]\\nRequires=basic.target\\nAfter=basic.target\\n' >"$units/lab.target"
exec chroot . env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
    /lib/systemd/systemd --system --unit=lab.target
"""


class Machine:
    """A machine that uses a namespace as its network and ends with it."""

    def __init__(self, network: Namespace, folder: Path) -> None:
        """Choose where it is put together; ``folder`` also gets what it says while it boots."""
        self.network = network
        self._stage = folder / "machine"
        self._console = folder / "console"
        self._init = 0

    def __enter__(self) -> Self:
        """Boot, and wait until that is done."""
        self._stage.mkdir()
        outside = self.network.spawn(
            *(
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "--cgroup",
                "--uts",
                "--ipc",
            ),
            *("sh", "-c", _BOOT, "sh", self._stage, CHECKOUT),
            output=self._console,
        )
        try:
            self._init = until(lambda: _systemd_below(outside), 20, "systemd to begin")
            until(self._is_up, 20, "the machine to boot")
        except AssertionError as error:
            self._end()
            raise CommandError(f"{error}\n{self._console.read_text()[-3000:]}") from None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Switch it off."""
        self._end()

    def run(
        self, *command: str | Path, check: bool = True, stdin: str = "", timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in there to its end; a failure raises CommandError with its output."""
        done = subprocess.run(
            [*self._inside(), *map(str, command)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )
        if check and done.returncode != 0:
            words = " ".join(map(str, command))
            raise CommandError(f"{words}: status {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def path(self, inside: str | Path) -> Path:
        """Say how a file in there is reached from here; absolute links lead astray."""
        return Path(f"/proc/{self._init}/root{inside}")

    def journal(self, unit: str) -> str:
        """Return what a unit, and systemd about it, has logged."""
        return self.run("journalctl", "--no-pager", "-o", "cat", "-u", unit).stdout

    def property(self, unit: str, name: str) -> str:
        """Return what systemd says of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).stdout.strip()

    def _inside(self) -> Sequence[str]:
        return ["nsenter", "-t", str(self._init), *("-m", "-p", "-n", "-u", "-i", "-r", "-w"), "--"]

    def _is_up(self) -> bool:
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in {"running", "degraded"}

    def _end(self) -> None:
        if self._init:
            # The first process of a namespace takes the others, and the mounts, with it.
            os.kill(self._init, signal.SIGKILL)
        self.network.kill_all()


def _systemd_below(outside: subprocess.Popen[bytes]) -> int:
    if outside.poll() is not None:
        raise CommandError("the machine could not be put together")
    children = subprocess.run(
        ["pgrep", "-P", str(outside.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    for child in children:
        if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
            return int(child)
    return 0
