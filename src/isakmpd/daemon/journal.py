"""Write down every routing change before it is made, so that the next start knows what is there.

One JSON object a line. The first names the boot and the network namespace: what belonged to
others is gone with them and not ours to touch.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import stat
from dataclasses import fields
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

from isakmpd.privsep.files import NotOursError
from isakmpd.privsep.requests import Route, Rule, RuleAction

Item = Rule | Route

FILE_NAME = "isakmpd.journal"
SPENT = 512  # entries about what is gone, beyond which the journal is written anew
_ADDRESSES = ("source", "destination")
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/self/ns/net")


class JournalHeldError(OSError):
    """Say that another process keeps its journal in this run directory."""


class Journal:
    """Hold one run directory's journal, locked for as long as it is open."""

    def __init__(self, run_directory: Path) -> None:
        """Open and lock the journal; raises JournalHeldError, or OSError for any other reason.

        One that a stranger owns or writes to would have us remove what rules he names.
        """
        self.path = run_directory / FILE_NAME
        self._installed: dict[Item, None] = {}
        self._spent = 0
        self._descriptor = os.open(self.path, _FLAGS, 0o600)
        if stranger := _stranger(os.fstat(self._descriptor)):
            os.close(self._descriptor)
            raise NotOursError(errno.EEXIST, f"will not take over: {stranger}", str(self.path))
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            os.close(self._descriptor)
            reason = f"{self.path} is held: another isakmpd uses this run directory"
            raise JournalHeldError(reason) from held

    def left_behind(self) -> list[Item]:
        """List what an earlier process installed here and did not remove, oldest first."""
        with os.fdopen(os.dup(self._descriptor), "rb") as file:
            file.seek(0)
            lines = file.read().splitlines()
        if not lines or _parsed(lines[0]) != _here():
            return []
        left: dict[Item, None] = {}
        for line in lines[1:]:
            entry = _parsed(line)
            # A line cut short by the crash was written before its change was made.
            with contextlib.suppress(KeyError, TypeError, ValueError):
                if "add" in entry:
                    left[_item(entry["add"])] = None
                else:
                    left.pop(_item(entry["removed"]), None)
        return list(left)

    def inherit(self) -> list[Item]:
        """Take over what was left behind, oldest first, as if this process had installed it."""
        left = self.left_behind()
        self._installed = dict.fromkeys(left)
        if not left:
            os.ftruncate(self._descriptor, 0)
            self._write(_here())
        elif not self._write_anew():
            os.write(self._descriptor, b"\n")  # ends a line the crash has cut short
        return left

    def adding(self, item: Item) -> None:
        """Note what is about to be installed."""
        self._write({"add": _fields(item)})
        self._installed[item] = None

    def removed(self, item: Item) -> None:
        """Note what is no longer installed."""
        self._write({"removed": _fields(item)})
        self._installed.pop(item, None)
        self._spent += 2
        if self._spent > SPENT:
            self._write_anew()

    def close(self, *, clean: bool) -> None:
        """Unlock; a clean end leaves no file."""
        if clean:
            with contextlib.suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)

    def _write_anew(self) -> bool:
        """Put a journal of what is installed in the place of this one, in one step, if it can."""
        self._spent = 0
        path = self.path.with_name(f"{FILE_NAME}.new")
        before = self._descriptor
        try:
            path.unlink(missing_ok=True)
            self._descriptor = os.open(path, _FLAGS | os.O_EXCL, 0o600)
        except OSError:
            return False  # no room: the long one is as good
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write(_here())
            for item in self._installed:
                self._write({"add": _fields(item)})
            path.replace(self.path)
        except OSError:
            os.close(self._descriptor)
            self._descriptor = before
            return False
        os.close(before)
        return True

    def _write(self, entry: dict[str, Any]) -> None:
        # The page cache outlives the process; what a power cut loses, the rules lose with it.
        os.write(self._descriptor, json.dumps(entry, separators=(",", ":")).encode() + b"\n")


def _stranger(found: os.stat_result) -> str:
    """Say in half a sentence who else can write to a file; empty where nobody can."""
    if found.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {found.st_uid}"
    if found.st_mode & 0o022 or not stat.S_ISREG(found.st_mode):
        return f"its mode is {stat.filemode(found.st_mode)}, expected -rw-------"
    return ""


def _here() -> dict[str, Any]:
    return {"boot": _BOOT.read_text().strip(), "namespace": str(_NAMESPACE.readlink())}


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError:
        return {}
    return entry if isinstance(entry, dict) else {}


def _fields(item: Item) -> dict[str, Any]:
    # Not asdict(), which copies every address deeply: a rule costs the kernel less than that.
    values = {one.name: getattr(item, one.name) for one in fields(item)}
    given = {name: value for name, value in values.items() if value}
    texts = {name: str(given[name]) for name in _ADDRESSES if name in given}
    action = {"action": item.action.value} if isinstance(item, Rule) else {}
    return given | texts | action


def _item(given: dict[str, Any]) -> Item:
    networks = {name: ip_network(given[name]) for name in _ADDRESSES if name in given}
    if "action" in given:
        return Rule(**(given | networks | {"action": RuleAction(given["action"])}))
    source = {"source": ip_address(given["source"])} if "source" in given else {}
    return Route(**({"device": None} | given | networks | source))
