"""What the system refuses, in words."""

from pathlib import Path

import pytest

from isakmpd.daemon.sentence import sentence


@pytest.mark.parametrize(
    ("problem", "about", "said"),
    [
        (OSError(13, "Permission denied", "/etc/x"), None, "/etc/x: Permission denied"),
        (OSError(13, "Permission denied"), Path("/etc/y"), "/etc/y: Permission denied"),
        (OSError(13, "Permission denied"), None, "Permission denied"),
        (OSError("odd"), Path("/etc/y"), "odd"),
        (ValueError("why not"), Path("/etc/y"), "why not"),
    ],
)
def test_a_sentence(problem: Exception, about: Path | None, said: str) -> None:
    """The file first, where one is known; no errno and no quotes."""
    assert sentence(problem, about) == said
