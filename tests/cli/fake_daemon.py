"""A daemon that only reads a real FIFO and answers as it was told to."""

from __future__ import annotations

import contextlib
import json
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ASKED = re.compile(r"\? ([0-9a-f]{8,32}) (.*)")

# A command -> the answers to give one after the other, the last one for ever.
Replies = dict[str, list[dict[str, Any]]]


def said(*lines: str, ok: bool = True, result: str = "") -> dict[str, Any]:
    """Make an answer."""
    return {"ok": ok, "lines": list(lines), "result": result}


def sas(**changes: Any) -> dict[str, Any]:
    """Make a pair of SAs as the status shows it."""
    return {
        "spi_in": "32b95d9e",
        "spi_out": "6e6ea31b",
        "protocol": "ESP",
        "encryption": "AES (CBC)",
        "key_length": 256,
        "authentication": "HMAC-SHA2-256",
        "src": "192.0.2.1",
        "src_port": 500,
        "dst": "192.0.2.2",
        "dst_port": 500,
        "nat_t": False,
        "initiator": True,
        "octets_in": 1234567,
        "octets_out": 890,
        "packets_in": 1001,
        "packets_out": 1,
        "soft_in": 1064.5,
        "hard_in": 1199.9,
        **changes,
    }


def connection(name: str, state: str = "up", **changes: Any) -> dict[str, Any]:
    """Make a connection as the status shows it."""
    return {
        "name": name,
        "peer": "branch",
        "state": state,
        "mode": "always",
        "local": "10.1.0.0/24",
        "remote": "10.2.0.0/24",
        "failure": "",
        "next_check_in": 30.0,
        "sas": [sas()] if state == "up" else [],
        **changes,
    }


def peer(name: str = "branch", **changes: Any) -> dict[str, Any]:
    """Make an ISAKMP SA as the status shows it."""
    return {
        "name": name,
        "role": "initiator",
        "src": "192.0.2.1",
        "src_port": 500,
        "dst": "192.0.2.2",
        "dst_port": 500,
        "nat_t": False,
        "local_id": "192.0.2.1",
        "remote_id": "192.0.2.2",
        "encryption": "AES_CBC",
        "key_length": 256,
        "hash": "SHA2_256",
        "group": "MODP_2048",
        "icookie": "358c0211c2b27ff6",
        "rcookie": "6e6f1570905c4bfe",
        "soft_in": 3109.2,
        "hard_in": 3599.2,
        **changes,
    }


def exchange(name: str = "branch", **changes: Any) -> dict[str, Any]:
    """Make an exchange under way as the status shows it."""
    return {
        "name": name,
        "type": "ID_PROT",
        "phase": 1,
        "role": "initiator",
        "step": 1,
        "src": "192.0.2.1",
        "dst": "192.0.2.2",
        "heard": "",
        **changes,
    }


def status(*connections: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Make a daemon's status."""
    return {
        "version": "0.1.0",
        "pid": 4711,
        "uptime": 3725.0,
        "active": True,
        "stack": "userspace",
        "run_directory": "/var/run",
        "configuration_file": "/etc/isakmpd/isakmpd.conf",
        "capture": None,
        "log_levels": {str(number): number for number in range(11)},
        "connections": list(connections),
        "unnamed": [],
        "peers": [],
        "exchanges": [],
        **changes,
    }


def told(*connections: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Make the answer to ``s``."""
    return said(result=json.dumps(status(*connections, **changes)))


class FakeDaemon:
    """Keep the commands that came in, and answer those that have replies."""

    def __init__(self, folder: Path, replies: Replies) -> None:
        self.folder = folder
        self.replies = replies
        self.heard: list[str] = []
        self.writes: Callable[[Path, str], None] = write_private
        self.fifo = folder / "isakmpd.fifo"
        os.mkfifo(self.fifo, 0o600)
        self._descriptor = os.open(self.fifo, os.O_RDWR)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def commands(self) -> list[str]:
        """Give what was commanded, without asking for the status."""
        return [command for command in self.heard if command != "s"]

    def stop(self) -> None:
        """End, as a daemon does: the FIFO goes."""
        # By its path, as anybody: the descriptor may be gone with the thread at any moment.
        with contextlib.suppress(OSError):
            descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
            with os.fdopen(descriptor, "wb") as fifo:
                fifo.write(b"end of test\n")
        self._thread.join(5)

    def _serve(self) -> None:
        with os.fdopen(self._descriptor, "rb", closefd=False) as lines:
            for octets in lines:
                line = octets.decode().rstrip("\n")
                if line in ("Q", "end of test"):
                    self.heard.append(line)
                    break
                if line:
                    self._answer(line)
        self.fifo.unlink()
        os.close(self._descriptor)

    def _answer(self, line: str) -> None:
        asked = ASKED.fullmatch(line)
        assert asked, line
        token, command = asked.groups()
        self.heard.append(command)
        replies = self.replies.get(command)
        if replies:
            reply = replies.pop(0) if len(replies) > 1 else replies[0]
            self.writes(self.folder / f"isakmpd.result.{token}", json.dumps(reply))


def write_private(path: Path, text: str) -> None:
    """Write a file as the daemon does: private, and whole from the first moment."""
    begun = path.with_name("begun")
    begun.touch(0o600)
    begun.write_text(text)
    begun.rename(path)


@contextmanager
def fake_daemon(folder: Path, replies: Replies) -> Iterator[FakeDaemon]:
    """Run a fake daemon in a run directory."""
    daemon = FakeDaemon(folder, replies)
    try:
        yield daemon
    finally:
        daemon.stop()
