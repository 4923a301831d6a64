"""The demo proves what it says, fails without a tunnel, and leaves nothing behind."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from demo import __main__ as demo_command
from demo.__main__ import UNSHARE
from demo.story import tell
from lab import ability
from lab.deadline import until
from lab.namespace import MOUNTS, PREFIX
from lab.proof import NotProvedError
from lab.traffic import ENCRYPTED

pytestmark = pytest.mark.namespaces
ROOT = Path(__file__).parents[2]
DEMO = (sys.executable, "-m", "demo")


def namespaces_of(process: int) -> list[str]:
    """List the namespaces a demo process made."""
    return [mount.name for mount in MOUNTS.glob(f"{PREFIX}-{process}-*")]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A demo without a tunnel, on its way, and the file with what it says."""
    said = tmp_path / "said"
    with said.open("wb") as output:
        demo = subprocess.Popen(
            [*DEMO, "--no-tunnel"], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    yield demo, said
    demo.kill()
    demo.wait()


def test_the_demo_proves_its_tunnel() -> None:
    """As run by make, the demo ends well within 30 s and shows the SAs and the proof."""
    start = time.monotonic()
    demo = subprocess.run(DEMO, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert time.monotonic() - start < 30
    for words in ("SA name: west-east (Phase 2)", "10 sent, 10 answered", "The demo succeeded"):
        assert words in demo.stdout


def test_the_proof_counts_esp_both_ways() -> None:
    """At least every ping and every answer was an ESP packet."""
    proof = tell()
    assert sum(proof.kinds.get(kind, 0) for kind in ENCRYPTED) >= 20


def test_the_demo_runs_in_a_user_namespace() -> None:
    """With no rights beyond a user namespace of its own, the demo proves the same."""
    demo = subprocess.run(
        [*UNSHARE, *DEMO, "--in-user-namespace"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "The demo succeeded" in demo.stdout


def test_the_demo_fails_without_a_tunnel() -> None:
    """Pings in clear are answered, and the same check refuses them."""
    with pytest.raises(NotProvedError, match="10 pings sent and 10 answered, but only 0 and 0 ESP"):
        tell(tunnel=False)


def test_without_a_tunnel_the_exit_status_says_so() -> None:
    """Who runs it from a script sees the failure too."""
    demo = subprocess.run(
        [*DEMO, "--no-tunnel"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert demo.returncode == 1
    assert "The demo FAILED: not proved encrypted" in demo.stderr


def test_where_it_cannot_run_one_sentence_says_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing is tried."""
    monkeypatch.setattr(sys, "argv", ["demo"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    monkeypatch.setattr(ability, "why_no_tun", lambda: "/dev/net/tun cannot be opened (why)")
    assert demo_command.main() == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == (
        "The demo needs root, or a system that lets users create user and network namespaces and"
        " open /dev/net/tun, with iproute2 and iputils-ping installed; here: /dev/net/tun cannot"
        " be opened (why).\n"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_cleans_up(
    running: tuple[subprocess.Popen[bytes], Path], number: signal.Signals
) -> None:
    """Interrupted in the middle of its pings, the demo leaves no namespace and no process."""
    demo, said = running
    until(lambda: b"being recorded" in said.read_bytes(), 15, "the demo's pings")
    inside = [_processes(name) for name in namespaces_of(demo.pid)]
    assert len(inside) == 4
    assert any(inside)
    demo.send_signal(number)
    demo.send_signal(number)
    assert demo.wait(timeout=20) == 128 + number
    assert namespaces_of(demo.pid) == []
    assert not any(Path("/proc", process).exists() for name in inside for process in name)


def _processes(name: str) -> list[str]:
    listed = subprocess.run(
        ["ip", "netns", "pids", name], capture_output=True, text=True, check=True
    )
    return listed.stdout.split()
