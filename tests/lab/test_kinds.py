"""The suite's own rules: kinds are counted, reasons are printed, and CI skips nothing silently."""

from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SAMPLE = """
import pytest

@pytest.mark.peer
@pytest.mark.namespaces
def test_peer():
    pytest.skip("no peer today")

@pytest.mark.property
def test_property():
    pass

def test_plain():
    assert False
"""


@pytest.fixture
def sample(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A suite of three tests under this project's conftest, on a machine that can do all."""
    able = "import lab.ability\nfor kind in ('root', 'namespaces', 'peer'):\n"
    able += "    setattr(lab.ability, f'why_no_{kind}', str)\n"
    pytester.makeconftest(able + CONFTEST.read_text(encoding="utf-8"))
    pytester.makepyfile(SAMPLE)
    pytester.makefile(".ini", pytest=f"[pytest]\npythonpath = {CONFTEST.parents[1]}")
    monkeypatch.delenv("CI", raising=False)
    return pytester


def test_every_kind_is_counted_with_reasons(sample: pytest.Pytester) -> None:
    """The table names each kind, and what was skipped is named with its reason."""
    result = sample.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.re_match_lines(
        [
            r"peer +0 +0 +1 ",
            r"property +1 +0 +0 ",
            r"plain +0 +1 +0 ",
            r"skipped: 1 of peer: no peer today",
        ]
    )


def test_a_skipped_peer_test_fails_ci(
    sample: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CI=true a test that should have met a peer may not skip itself."""
    monkeypatch.setenv("CI", "true")
    result = sample.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(["*test_peer must run in CI and was skipped: no peer today"])


def test_a_machine_that_cannot_says_why(
    sample: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reason found before the test skips it here and fails it in CI."""
    text = (sample.path / "conftest.py").read_text(encoding="utf-8")
    refusing = text.replace("f'why_no_{kind}', str)", "f'why_no_{kind}', lambda: 'not here')")
    sample.makeconftest(refusing)
    result = sample.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=1, skipped=1)
    result.stdout.fnmatch_lines(["skipped: 1 of peer: not here"])
    monkeypatch.setenv("CI", "true")
    sample.runpytest_subprocess().assert_outcomes(passed=1, failed=1, errors=1)


def test_a_file_that_skips_itself_fails_ci(
    sample: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CI=true a whole file may not skip itself because a library is missing."""
    sample.makepyfile(test_more="import pytest\npytest.importorskip('no_such_library')")
    sample.runpytest_subprocess().assert_outcomes(passed=1, failed=1, skipped=2)
    monkeypatch.setenv("CI", "true")
    sample.runpytest_subprocess("test_more.py").assert_outcomes(errors=1)
