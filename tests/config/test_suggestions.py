"""What is suggested in place of a name that leads nowhere: only what this version carries out."""

from __future__ import annotations

import re
import time

import pytest

from isakmpd.config.read import parse
from tests.config.sample import HAND_MADE_PHASE_1, PLAIN, configured, merged, sole_problem, written


@pytest.mark.parametrize(
    ("transform", "suggested"),
    [
        ("AES-256-SHA2-256-GRP_14", "AES-256-SHA2-256-GRP14"),
        ("3DES_SHA", "3DES-SHA"),
        ("AES-SHA-GRP27x", "AES-SHA-GRP2"),
        ("BLF-SHA-GRP14-RSS", "BLF-SHA-GRP14"),
        ("3DES-MD5-DSX", "3DES-MD5"),
    ],
)
def test_a_transform(transform: str, suggested: str) -> None:
    """Neither DSS nor group 27 is ever proposed."""
    problem = sole_problem(configured({"main": {"Transforms": transform}}))
    (found,) = re.findall('did you mean "(.*)"', problem)
    assert not re.search("DSS|GRP27", found)
    assert found.startswith(suggested)
    assert configured({"main": {"Transforms": found}}).problems == ()


@pytest.mark.parametrize(
    "suite",
    [
        "QM-ESP-AES-SUIT",
        "QM-ESP-3DES-SUITES",
        "QM-ESP-NULL-PFS-SUIT",
        "QM-ESP-AES-256-SHA2-256-PFS-GRP_14-SUITE",
        "QM-ESP-AES-256-SHA-256-PFS-GRP14-SUITE",
        "QM-AH-SHA1-SUITE",
    ],
)
def test_a_suite(suite: str) -> None:
    """What is proposed can be used as it is."""
    problem = sole_problem(configured({"quick": {"Suites": suite}}))
    (found,) = re.findall('did you mean "(.*)"', problem)
    assert configured({"quick": {"Suites": found}}).problems == ()


REFUSED = {
    "DES": "DES is unsafe and not supported",
    "RC4": "RC4 is unsafe and not supported",
    "GRP3": "GRP3 is EC2N_155, and EC2N_155 is not supported: no implementation of this curve",
    "GRP4": "GRP4 is EC2N_185, and EC2N_185 is not supported: no implementation of this curve",
    "GRP27": "GRP27 is BP_224, and BP_224 is not supported: no implementation of this curve",
    "DSS": "DSS is not supported by this version",
}


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("DES-MD5", "DES"),
        ("des-sha-grp14", "DES"),
        ("AES-SHA-GRP3", "GRP3"),
        ("AES-SHA-GRP_4", "GRP4"),
        ("AES-SHA-EC2N_155", "GRP3"),
        ("AES-SHA-BP_224", "GRP27"),
        ("AES-SHA-GRP27-PSK", "GRP27"),
        ("3DES-MD5-DSA", "DSS"),
    ],
)
def test_a_transform_that_is_refused(name: str, refused: str) -> None:
    """It is no misspelling of its neighbour: what is asked for and why there is none is said."""
    problem = sole_problem(configured({"main": {"Transforms": name}}))
    assert f"there is no section [{name}], and {REFUSED[refused]}" in problem
    assert "did you mean" not in problem


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("QM-ESP-DES-MD5-SUITE", "DES"),
        ("QM-AH-DES-SUITE", "DES"),
        ("QM-ESP-RC4-MD5-SUITE", "RC4"),
        ("QM-ESP-AES-256-SHA2-256-PFS-GRP3-SUITE", "GRP3"),
        ("QM-ESP-AES-256-SHA2-256-PFS-GRP_27-SUITE", "GRP27"),
    ],
)
def test_a_suite_that_is_refused(name: str, refused: str) -> None:
    """As in phase 1."""
    problem = sole_problem(configured({"quick": {"Suites": name}}))
    assert f"there is no section [{name}], and {REFUSED[refused]}" in problem
    assert "did you mean" not in problem


@pytest.mark.parametrize(
    ("tag", "value", "refused"),
    [
        ("ENCRYPTION_ALGORITHM", "DES", "DES"),
        ("GROUP_DESCRIPTION", "GRP3", "GRP3"),
        ("GROUP_DESCRIPTION", "BP224", "GRP27"),
        ("AUTHENTICATION_METHOD", "DSA", "DSS"),
    ],
)
def test_a_constant_that_is_refused(tag: str, value: str, refused: str) -> None:
    """Under a name that is not quite its own."""
    layer = {"main": {"Transforms": "own"}, "own": {tag: value}}
    problem = sole_problem(configured(HAND_MADE_PHASE_1, layer))
    assert f"[own]:{tag}= {value}: {REFUSED[refused]}" in problem
    assert "; expected " in problem
    assert "did you mean" not in problem


def test_a_section_of_ones_own_may_have_any_name() -> None:
    """Only names that would have to be generated are looked into."""
    problem = sole_problem(configured({"conn": {"Remote-ID": "DES-ther"}, "DES-there": {"x": "y"}}))
    assert 'there is no section [DES-ther]; did you mean "DES-there"?' in problem


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
