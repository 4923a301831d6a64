"""Keys stay where they belong, however much is asked to be shown."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isakmpd.ike.outputs import KEYS_LEVEL
from lab.deadline import until
from tests.daemon.loopback import SECRET, Pair, answered, configuration, pair, reported
from tests.daemon.services import in_test
from tests.daemon.test_service_faults import pump_until

LOUD = ("-K", "-n", "-D", "A=99", "-L")
# As much as is shown without asking for keys.
AT_MOST: dict[str, Any] = {"log_levels": ("A=99", f"3={KEYS_LEVEL - 1}"), "capture": True}
OTHER = "kein-einlass-heute"


def shapes(secret: str) -> list[str]:
    """List how a key could show: as text, in hexadecimal, half of it."""
    return [secret, secret.encode().hex(), secret[: len(secret) // 2]]


def shown_anywhere(pair_: Pair) -> str:
    """Collect everything the daemons have said and written, as text."""
    said = []
    for one in (pair_.west, pair_.east):
        files = [path for path in one.folder.iterdir() if path != one.configuration_file]
        said += [path.read_bytes().decode("latin-1") for path in files if path.is_file()]
        said.append(Path(f"/proc/{one.pid}/cmdline").read_text())
        said.append(Path(f"/proc/{one.pid}/environ").read_bytes().decode("latin-1"))
    return "\n".join(said)


@pytest.fixture
def loud(tmp_path: Path) -> Iterator[Pair]:
    """A pair that logs and captures all it can."""
    with pair(tmp_path, options=LOUD) as both:
        both.west.wait_tunnel("link")
        yield both


@pytest.mark.namespaces
def test_the_pre_shared_key_shows_nowhere(loud: Pair) -> None:
    """Not in the log of every class, the report, the result, the capture or the process list."""
    for one in (loud.west, loud.east):
        reported(one)
        one.show()
    everything = shown_anywhere(loud)
    assert "link (Phase 2)" in everything
    assert "[east]" in everything
    for shape in shapes(SECRET):
        assert shape not in everything


@pytest.mark.namespaces
def test_a_key_in_a_command_or_a_fault_shows_nowhere(loud: Pair) -> None:
    """Whether it is taken, refused, malformed, in a faulty file or simply wrong."""
    for command in (
        f"C set [east]:Authentication={OTHER}",
        f"C set [east]:Authentication={OTHER} force",
        f"C set [east] Authentication={OTHER}",
        f"C set east:Authentication={OTHER} force",
        f"C add [east]:Authentication={OTHER}",
        f"C rmv [east]:Authentication={OTHER}",
        f"C set [east]:Authentication=0x{OTHER} force",
        f"c {SECRET[:3]}",
    ):
        loud.west.command(command)
        answered(loud.west)
    loud.west.configure(configuration("west", secret=f"0x{OTHER}"))
    loud.west.command("R")
    loud.west.configure(configuration("west", secret=OTHER).replace("Authentication=", "Authentic"))
    loud.west.command("R")
    loud.west.configure(configuration("west", secret=OTHER))
    for command in ("R", "t link", "t main east", "c link"):
        loud.west.command(command)
    loud.east.wait_log("pre-shared key")
    reported(loud.west)
    loud.west.show()
    everything = shown_anywhere(loud)
    for shape in (*shapes(SECRET), *shapes(OTHER)):
        assert shape not in everything


@pytest.mark.namespaces
def test_only_c_get_gives_a_key_and_only_to_its_owner(loud: Pair) -> None:
    """It is asked for in as many words; nobody else can open the file."""
    assert loud.west.ask("C get [east]:Authentication") == f"{SECRET}\n"
    until(loud.west.result_file.exists, 5, "the answer")
    as_nobody = ("setpriv", "--reuid=65534", "--clear-groups", "cat", str(loud.west.result_file))
    refused = subprocess.run(as_nobody, capture_output=True, text=True, check=False)
    assert refused.returncode != 0
    assert SECRET not in refused.stdout


def test_derived_keys_show_nowhere(tmp_path: Path) -> None:
    """Not SKEYID and its kin, not the keys of ESP, in no shape."""
    with (
        in_test(tmp_path / "east", configuration("east"), **AT_MOST) as east,
        in_test(tmp_path / "west", configuration("west"), **AT_MOST) as west,
    ):
        pump_until(lambda: west.up("link") and east.up("link"), east, west)
        west.command("r\nS")
        negotiation = west.service.engine._negotiation
        secrets = set()
        for sa in negotiation.isakmp_sas:
            secrets |= {sa.skeyid.skeyid_d, sa.skeyid.skeyid_a, sa.skeyid.skeyid_e}
        for both in negotiation.ipsec_sas:
            for keys in (both.inbound.keys, both.outbound.keys):
                secrets |= {keys.encryption_key, keys.authentication_key}
        assert len(secrets) == 7
        assert all(secrets)
        paths = (west.service.paths.report, west.service.paths.result, west.service.paths.capture)
        raw = b"".join(path.read_bytes() for path in paths)
        text = re.sub(r"\s", "", "".join([*west.log, *east.log, raw.decode("latin-1")]))
    assert "quickmodedone" in text
    for octets in secrets:
        assert octets not in raw
        assert octets.hex() not in text
        assert str(octets) not in text
