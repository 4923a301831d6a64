"""Every example is read as it stands: nothing wrong, nothing unused, no more warnings than it says.

Two gateways of the examples meet in tests/daemon, the others in tests/simulation.
"""

from pathlib import Path

import pytest

from isakmpd.config.read import parse

EXAMPLES = Path(__file__).parents[2] / "examples"
FILES = sorted(EXAMPLES.rglob("*.conf"))
# What each would like to do without, by a word of the warning.
WARNED = {
    "l2tp-server/server.conf": ["3DES_CBC", "3DES"],
    "road-warriors/ann.conf": ["CVE-2002-1623"],
    "road-warriors/gateway.conf": ["CVE-2002-1623"],
    "vendor-gateway/isakmpd.conf": ["CVE-2002-1623", "3DES_CBC, MODP_1024", "3DES"],
}


def named(path: Path) -> str:
    """Name an example by folder and file."""
    return path.relative_to(EXAMPLES).as_posix()


def test_there_are_examples() -> None:
    """All that is said of examples here is said of some, and of some file each."""
    assert set(WARNED) < set(map(named, FILES))


@pytest.mark.parametrize("path", FILES, ids=named)
def test_an_example_is_read_without_a_fault(path: Path) -> None:
    """An administrator begins with a file that says nothing in vain."""
    found = parse(path.read_text(), path.name)
    assert [*found.problems, *found.unused] == []
    assert found.connections
    warned = WARNED.get(named(path), [])
    assert len(found.warnings) == len(warned), [str(each) for each in found.warnings]
    for word, warning in zip(warned, found.warnings, strict=True):
        assert word in warning.text
