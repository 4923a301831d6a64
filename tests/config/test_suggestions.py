"""What is suggested in place of a name that leads nowhere: only what this version carries out."""

from __future__ import annotations

import re
import time

import pytest

from isakmpd.config.read import parse
from tests.config.sample import PLAIN, configured, merged, sole_problem, written


@pytest.mark.parametrize(
    ("transform", "suggested"),
    [
        ("AES-256-SHA2-256-GRP_14", "AES-256-SHA2-256-GRP14"),
        ("3DES_SHA", "3DES-SHA"),
        ("AES-SHA-GRP27-PSK", "AES-SHA-GRP2"),
        ("AES-SHA-GRP27x", "AES-SHA-GRP2"),
        ("BLF-SHA-GRP14-RSA", "BLF-SHA-GRP14"),
        ("3DES-MD5-DSA", "3DES-MD5"),
    ],
)
def test_a_transform(transform: str, suggested: str) -> None:
    """Neither DSS, RSA signatures nor group 27 is ever proposed."""
    problem = sole_problem(configured({"main": {"Transforms": transform}}))
    (found,) = re.findall('did you mean "(.*)"', problem)
    assert not re.search("DSS|RSA_SIG|GRP27", found)
    assert found.startswith(suggested)
    assert configured({"main": {"Transforms": found}}).problems == ()


@pytest.mark.parametrize(
    "suite",
    [
        "QM-ESP-AES-SUIT",
        "QM-ESP-3DES-SUITES",
        "QM-ESP-NULL-PFS-SUIT",
        "QM-ESP-AES-256-SHA2-256-PFS-GRP_27-SUITE",
        "QM-ESP-AES-256-SHA-256-PFS-GRP14-SUITE",
        "QM-AH-SHA1-SUITE",
    ],
)
def test_a_suite(suite: str) -> None:
    """What is proposed can be used as it is."""
    problem = sole_problem(configured({"quick": {"Suites": suite}}))
    (found,) = re.findall('did you mean "(.*)"', problem)
    assert configured({"quick": {"Suites": found}}).problems == ()


@pytest.mark.parametrize("value", ["DES", "DES_CB", "DES-CBC"])
def test_a_constant(value: str) -> None:
    """A broken cipher is neither listed nor proposed."""
    layer = {
        "main": {"Transforms": "own"},
        "own": {"ENCRYPTION_ALGORITHM": value},
    }
    problem = sole_problem(configured(layer))
    assert "expected one of BLOWFISH_CBC, 3DES_CBC, CAST_CBC, AES_CBC" in problem
    assert not re.search(r"\bDES_CBC", problem)


def test_a_thousand_connections_with_a_typing_error_each() -> None:
    """However much is wrong, a file is read in the time a reload may take."""
    names = [f"conn{number}" for number in range(1000)]
    connections = {
        name: {
            "Phase": "2",
            "ISAKMP-peer": "peer",
            "Configuration": f"quick{number}",
            "Remote-ID": "there",
            "Local-ID": "here",
        }
        for number, name in enumerate(names)
    }
    suites = {
        f"quick{number}": {"Suites": f"QM-ESP-AES-SHA-{number}-SUITE"} for number in range(1000)
    }
    listed = {"Phase 2": {"Connections": ",".join(names)}}
    text = written(merged(PLAIN, listed, connections, suites))
    began = time.perf_counter()
    configuration = parse(text, "isakmpd.conf")
    assert time.perf_counter() - began < 10
    assert len(configuration.problems) == 1000
