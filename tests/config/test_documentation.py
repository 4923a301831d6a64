"""What README and docs/configuration.md show of isakmpd.conf is read without a fault."""

import re
from pathlib import Path

import pytest

from isakmpd.config.bindings import Bindings
from isakmpd.config.read import parse

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```ini\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(path: Path) -> list[str]:
    """List the configurations a page shows."""
    return BLOCK.findall(path.read_text())


(GATEWAY,) = blocks(ROOT / "README.md")
ADDITIONS = blocks(ROOT / "docs" / "configuration.md")


def tags(text: str) -> dict[tuple[str, str], str]:
    """Read sections and tags of a text, in which no line may be wrong."""
    bindings = Bindings.parse(text, "isakmpd.conf")
    assert not bindings.problems, [str(problem) for problem in bindings.problems]
    return {(each.section, each.tag): each.value for each in bindings.written()}


def together(*texts: str) -> str:
    """Write one file of several: a later tag replaces an earlier one, an ID-type the whole ID."""
    merged: dict[str, dict[str, str]] = {}
    for text in texts:
        for (section, tag), value in tags(text).items():
            if tag == "ID-type":
                merged[section] = {}
            merged.setdefault(section, {})[tag] = value
    return "\n".join(
        "\n".join([f"[{section}]", *(f"{tag}= {value}" for tag, value in found.items())])
        for section, found in merged.items()
    )


def test_there_is_something_to_read() -> None:
    """A page that lost its examples would prove nothing."""
    assert len(ADDITIONS) > 5


@pytest.mark.parametrize(
    "addition", ["", *ADDITIONS], ids=lambda text: text[:30].strip() or "README"
)
def test_what_a_page_shows_is_read(addition: str) -> None:
    """It stands in the gateway of the README, where it is used and right."""
    found = parse(together(GATEWAY, addition), "isakmpd.conf")
    assert [str(each) for each in (*found.problems, *found.unused)] == []
    assert found.connections["head-branch"].always_up or found.connections["head-branch"].on_demand
