"""A strongSwan peer that needs no kernel ESP: charon with kernel-libipsec in a namespace."""

import contextlib
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import vici

from lab.ability import CHARON
from lab.deadline import until
from lab.namespace import CommandError, Namespace

# kernel-libipsec must stand before kernel-netlink, which would otherwise claim the ESP role.
PLUGINS = (
    "random nonce aes sha1 sha2 md5 hmac kdf pem pkcs1 pkcs8 x509 pubkey openssl gmp gcm"
    " constraints revocation xauth-generic socket-default kernel-libipsec kernel-netlink"
    " vici updown"
)

SETTINGS = """\
charon {{
    load_modular = no
    load = {plugins}
    plugins {{
        vici {{
            socket = unix://{folder}/vici
        }}
    }}
    filelog {{
        log {{
            path = {folder}/charon.log
            default = 1
            ike = 2
            cfg = 2
            flush_line = yes
            time_format = %H:%M:%S
        }}
    }}
    {options}
}}
"""

# An option without which charon answers no aggressive mode with pre-shared keys.
AGGRESSIVE_WITH_KEYS = "i_dont_care_about_security_and_use_aggressive_mode_psk = yes"


class StrongSwan:
    """A charon process, driven by swanctl.conf text and VICI."""

    def __init__(self, namespace: Namespace, folder: Path, options: str = "") -> None:
        """Name the namespace, a folder for files, and last lines for strongswan.conf's charon."""
        self.namespace = namespace
        self.folder = folder / f"strongswan-{namespace.label}"
        self.log_file = self.folder / "charon.log"
        self._options = options
        self._configuration = ""
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start charon."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop charon; after a failed block its log is shown."""
        if isinstance(error, Exception):  # an interruption is no fault of charon's
            print(f"--- log of charon {self.namespace.label}\n{self.log()}", file=sys.stderr)
        self.stop()

    def start(self) -> None:
        """Start charon, wait for its VICI socket, and load its configuration."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / "vici").unlink(missing_ok=True)
        settings = SETTINGS.format(plugins=PLUGINS, options=self._options, folder=self.folder)
        (self.folder / "strongswan.conf").write_text(settings)
        # Every charon wants /run/charon.pid for itself.
        private_run = f"mount -t tmpfs none /run && exec {CHARON}"
        self._process = self.namespace.spawn(
            *("unshare", "-m", "sh", "-c", private_run),
            output=self.folder / "output",
            environment=self._environment(),
        )
        until(self._answers, 10, f"charon in {self.namespace.label}")
        if self._configuration:
            self._load()

    @property
    def pid(self) -> int:
        """Return the process ID of the running charon."""
        if self._process is None:
            raise CommandError(f"charon of {self.namespace.label} is not running")
        return self._process.pid

    def stop(self) -> None:
        """End charon as an administrator would: it deletes its SAs."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End charon as a crash would: nobody is told."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Kill charon and start it anew with the same configuration."""
        self.kill()
        self.start()

    def configure(self, configuration: str) -> None:
        """Take the text of a swanctl.conf; it is loaded now if charon runs, and at every start."""
        self._configuration = configuration
        if self._process is not None:
            self._load()

    def _load(self) -> None:
        self.folder.mkdir(exist_ok=True)
        (self.folder / "swanctl.conf").write_text(self._configuration)
        self.swanctl("--load-all", "--file", str(self.folder / "swanctl.conf"))

    def swanctl(self, *words: str) -> str:
        """Run swanctl on this charon and return what it prints."""
        command = ("swanctl", *words, "--uri", f"unix://{self.folder}/vici")
        return self.namespace.run(*command, environment=self._environment()).stdout

    def initiate(self, child: str, seconds: float = 20) -> None:
        """Bring up a child SA and its IKE SA; raises CommandError with charon's reason."""
        self._command("initiate", "control-log", child=child, timeout=seconds * 1000)

    def terminate(self, *, ike: str = "", child: str = "", seconds: float = 20) -> None:
        """Delete an IKE SA or a child SA by name; raises CommandError with charon's reason."""
        which = {"ike": ike} if ike else {"child": child}
        self._command("terminate", "control-log", **which, timeout=seconds * 1000)

    def order(self, command: str, requests: Iterable[dict[str, str]]) -> None:
        """Give a VICI command many times over, without waiting for any of them to be done."""
        with self._session() as session:
            for request in requests:
                session.request(command, {**request, "timeout": "-1"})

    def rekey(self, *, ike: str = "", child: str = "") -> None:
        """Replace an IKE SA (in IKEv1: authenticate anew) or a child SA by name."""
        with self._session() as session:
            session.rekey({"ike": ike} if ike else {"child": child})

    def list_sas(self) -> list[dict[str, Any]]:
        """List the IKE SAs as VICI tells them, each with its `name` and `child-sas` (by name)."""
        with self._session() as session:
            messages = [_plain(message) for message in session.list_sas()]
        return [{"name": name, **sa} for message in messages for name, sa in message.items()]

    def children(self) -> list[dict[str, Any]]:
        """List the child SAs that carry traffic."""
        every = [child for sa in self.list_sas() for child in sa.get("child-sas", {}).values()]
        return [child for child in every if child["state"] == "INSTALLED"]

    def wait_children(self, number: int, seconds: float = 20) -> list[dict[str, Any]]:
        """Wait until exactly so many child SAs carry traffic, and return them."""

        def counted() -> bool:
            return len(self.children()) == number

        until(counted, seconds, f"{number} child SAs at {self.namespace.label}")
        return self.children()

    def log(self) -> str:
        """Return the log so far."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def wait_log(self, text: str, seconds: float = 20) -> None:
        """Wait until the log holds a text."""
        until(lambda: text in self.log(), seconds, f"{text!r} in the log of {self.log_file}")

    def _command(self, command: str, events: str, **words: object) -> None:
        request = {key: str(int(w)) if isinstance(w, float) else w for key, w in words.items()}
        try:
            with self._session() as session:
                list(session.streamed_request(command, events, request))
        except vici.exception.CommandException as error:
            tail = "\n".join(self.log().splitlines()[-15:])
            raise CommandError(f"strongSwan: {error}\n{tail}") from error

    @contextlib.contextmanager
    def _session(self) -> Iterator[Any]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.folder / "vici"))
            yield vici.Session(connection)

    def _answers(self) -> bool:
        if self._process is None or self._process.poll() is not None:
            output = (self.folder / "output").read_text(errors="replace")
            raise CommandError(f"charon ended while starting: {output[-1000:]}")
        try:
            with self._session() as session:
                session.version()
        except OSError:
            return False
        return True

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(number)
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        until(lambda: not self._has_tun(), 5, f"ipsec0 gone from {self.namespace.label}")

    def _has_tun(self) -> bool:
        return "ipsec0" in self.namespace.ip("-o", "link", "show")

    def _environment(self) -> dict[str, str]:
        return {
            "STRONGSWAN_CONF": str(self.folder / "strongswan.conf"),
            "SWANCTL_DIR": str(self.folder),
        }


def gateway_configuration(
    *,
    name: str = "gw",
    child: str = "net",
    local: str,
    remote: str,
    local_id: str = "",
    remote_id: str = "",
    local_net: str,
    remote_net: str,
    secret: str = "mekmitasdigoat",
    ike: str = "aes128-sha1-modp1024",
    esp: str = "aes128-sha1-modp1024",
    more_ike: str = "",
    more_child: str = "",
) -> str:
    """Return a swanctl.conf for one IKEv1 tunnel, in Main Mode; texts can be joined.

    A secret that begins with 0x is hexadecimal.
    """
    key = secret if secret.startswith("0x") else f'"{secret}"'
    return f"""\
connections {{
    {name} {{
        version = 1
        local_addrs = {local}
        remote_addrs = {remote}
        proposals = {ike}
        {more_ike}
        local {{
            auth = psk
            id = "{local_id or local}"
        }}
        remote {{
            auth = psk
            id = "{remote_id or remote}"
        }}
        children {{
            {child} {{
                local_ts = {local_net}
                remote_ts = {remote_net}
                esp_proposals = {esp}
                {more_child}
            }}
        }}
    }}
}}
secrets {{
    ike-{name} {{
        id-1 = "{local_id or local}"
        id-2 = "{remote_id or remote}"
        id-3 = "{local}"
        id-4 = "{remote}"
        secret = {key}
    }}
}}
"""


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value.decode(errors="replace") if isinstance(value, bytes) else value
