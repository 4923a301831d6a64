"""What is slow to import is imported by those alone who need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.fake_daemon import connection, fake_daemon, told

DAEMON = Path(__file__).parents[2] / "src" / "isakmpd"


def modules_after(code: str) -> set[str]:
    """Run a program and return the modules it has imported at its end."""
    tail = "\nimport sys; print('\\n' + ' '.join(sys.modules))"
    ended = subprocess.run(
        [sys.executable, "-c", code + tail], capture_output=True, text=True, check=True
    )
    return set(ended.stdout.splitlines()[-1].split())


def test_the_daemon_does_not_import_rich() -> None:
    """Not one of its modules, nor its command line, needs it."""
    names = [
        ".".join(("isakmpd", *path.relative_to(DAEMON).with_suffix("").parts))
        for path in DAEMON.rglob("*.py")
        if path.relative_to(DAEMON).parts[0] not in {"cli", "simulation"}
        and path.name != "__init__.py"
    ]
    assert "isakmpd.daemon.service" in names
    found = modules_after("\n".join(f"import {name}" for name in [*names, "isakmpd.cli.isakmpd"]))
    assert "isakmpd.daemon.service" in found
    assert "rich" not in found


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["status", "--brief"],
        ["status", "--json"],
        ["status", "west-east"],
        ["up", "west-east"],
        ["down", "west-east", "--no-wait"],
        ["log"],
    ],
)
def test_without_a_terminal_neither_rich_nor_the_engine_is_imported(
    tmp_path: Path, words: list[str]
) -> None:
    """A monitor that asks every few seconds must not cost the machine."""
    line = ["--run-dir", str(tmp_path), *words]
    replies = {
        "s": [told(connection("west-east"))],
        "t west-east": [{"ok": True, "lines": [], "result": ""}],
    }
    with fake_daemon(tmp_path, replies):
        found = modules_after(f"from isakmpd.cli.isakmpctl import main\nassert main({line}) == 0")
    assert "isakmpd.cli.tunnels" in found
    unwanted = {"rich", "pyroute2", "cryptography", "asyncio", "isakmpd.ike", "isakmpd.config"}
    assert not found & unwanted
