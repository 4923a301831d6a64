"""What the system refuses, in words."""

from pathlib import Path

import pytest

from isakmpd.daemon.sentence import counted, sentence


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


@pytest.mark.parametrize(("number", "said"), [(0, "0 peers"), (1, "1 peer"), (2, "2 peers")])
def test_one_is_no_plural(number: int, said: str) -> None:
    assert counted(number, "peer") == said
