"""With -r a run can be repeated: the captures are alike but for their time stamps."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from lab.deadline import until
from lab.isakmpd import Isakmpd
from lab.namespace import Namespace
from tests.daemon.loopback import configuration, daemon, has, sections, wait_down

_RECORD = struct.Struct("=IIII")

_PLAY = """
import sys
from pathlib import Path
from isakmpd.ike.entropy import SeededEntropy
from tests.daemon import test_captured_conversations as conversations
from tests.ike import daemon

group, name, folder = sys.argv[1:]
plain = daemon.configuration
daemon.SeededEntropy = lambda seed: SeededEntropy("seed of -r " + seed)
conversations.configuration = lambda **tags: plain(
    **tags, transforms=f"AES-SHA-{group}", suites=f"QM-ESP-AES-SHA-PFS-{group}-SUITE"
)
conversations.played(conversations.SCENES[name], Path(folder))
"""


def untimed(path: Path) -> list[bytes]:
    """Give the packets of a capture without their time stamps."""
    octets, at, packets = path.read_bytes(), 24, []
    while at < len(octets):
        _, _, length, _ = _RECORD.unpack_from(octets, at)
        packets.append(octets[at + _RECORD.size : at + _RECORD.size + length])
        at += _RECORD.size + length
    return packets


def played(folder: Path, hash_seed: str, group: str, name: str) -> tuple[list[bytes], list[bytes]]:
    """Play a conversation in a process of its own and give what each end captured."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-c", _PLAY, group, name, folder],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        check=True,
    )
    return untimed(folder / "west.pcap"), untimed(folder / "east.pcap")


@pytest.mark.parametrize(
    "group", ["GRP14", "GRP19", "GRP30"]
)  # MODP, NIST's and Brainpool's curves
@pytest.mark.parametrize("name", ["ID_PROT IPv4", "AGGRESSIVE NAT-T"])
def test_two_runs_of_the_engine_capture_the_same(tmp_path: Path, group: str, name: str) -> None:
    """Whatever order sets have: no key, nonce, cookie, SPI or wait comes from elsewhere."""
    first = played(tmp_path / "first", "1", group, name)
    second = played(tmp_path / "second", "4294967295", group, name)
    assert len(first[0]) > 10
    assert first == second


def run(folder: Path, seed: str) -> tuple[list[bytes], list[bytes]]:
    """Have two daemons with -r meet, negotiate anew and part; give what each captured.

    Each has a seed of its own: with one in common both would draw the same cookie.
    """
    folder.mkdir()
    quiet = "DPD-check-interval= 0\n"
    with Namespace("loopback") as namespace:
        west, east = (
            daemon(
                namespace,
                folder,
                side,
                configuration(side, general=quiet),
                *("-K", "-n", "-L", "-r", f"{seed} {side}"),
            )
            for side in ("west", "east")
        )
        with east, west:
            met(west, east)
            west.command("t link")
            wait_down(east, "link")
            west.command("c link")
            met(west, east)
            west.stop()
            until(lambda: not sections(east.show()), 5, "the Deletes")
            east.stop()
            assert f"WARNING: -r {seed} west makes every key predictable" in west.log()
            west_saw, east_saw = (untimed(one.folder / "isakmpd.pcap") for one in (west, east))
    return west_saw, east_saw


def met(west: Isakmpd, east: Isakmpd) -> None:
    """Wait until both ends have the tunnel."""
    west.wait_tunnel("link")
    until(lambda: has(east, "link"), 5, "the last message")


@pytest.mark.namespaces
def test_two_runs_of_the_program_capture_the_same(tmp_path: Path) -> None:
    """The same octets from real daemons on a real clock, and others with another seed."""
    first, second = run(tmp_path / "1", "same"), run(tmp_path / "2", "same")
    assert len(first[0]) >= 6 + 3 + 1 + 3 + 2
    assert first == second
    other = run(tmp_path / "3", "other")
    assert not set(first[0]) & set(other[0])
