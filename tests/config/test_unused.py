"""What is written in vain is told, and what a fault has left unread is not: that has been told."""

from __future__ import annotations

import pytest

from tests.config.sample import (
    HAND_MADE_PHASE_1,
    HAND_MADE_SUITE,
    Sections,
    configured,
    sole_problem,
)

SPARE: Sections = {"spare": {"Network": "10.9.0.0"}}


@pytest.mark.parametrize(
    "fault",
    [
        {"conn": {"ISAKMP-peer": "nobody"}},
        {"conn": {"Phase": "1"}},
        {"conn": {"NAT-ID": "x"}},
        {"peer": {"Authentication": None}},
        {"main": {"EXCHANGE_TYPE": None}},
        {"quick": {"EXCHANGE_TYPE": "ID_PROT"}},
    ],
    ids=str,
)
def test_what_a_faulty_section_names_is_not_told_to_be_unused(fault: Sections) -> None:
    """Nor what that names in turn."""
    found = configured(HAND_MADE_PHASE_1, HAND_MADE_SUITE, SPARE, fault)
    assert len(found.problems) == 1
    assert [one.text for one in found.unused] == ["nothing uses section [spare]"]


@pytest.mark.parametrize(
    ("section", "right", "wrong", "line"),
    [
        ("peer", "Authentication", "Authenticaton", 9),
        ("conn", "ISAKMP-peer", "ISAKMP_peer", 18),
        ("quick", "Suites", "Suite", 20),
        ("here", "ID-type", "ID_type", 24),
        ("there", "Address", "Adress", 27),
    ],
)
def test_a_missing_tag_is_found_where_it_is_misspelt(
    section: str, right: str, wrong: str, line: int
) -> None:
    value = "x"
    text = sole_problem(configured({section: {right: None, wrong: value}}))
    assert text.startswith(f"[{section}]:{right} is missing: expected ")
    assert f'; did you misspell it as "{wrong}" in line {line}?; ' in text


def test_another_tag_of_the_section_is_no_misspelling() -> None:
    assert "misspell" not in sole_problem(configured({"here": {"Network": None}}))


def test_a_protocol_in_the_place_of_its_suite() -> None:
    name = "QM-ESP-AES-256-SHA2-256-PFS-GRP14"
    text = sole_problem(configured({"quick": {"Suites": name}}))
    assert f"[{name}]:Protocols is missing: expected the name of an IPsec-protocol" in text
    assert f'; did you mean "{name}-SUITE"?; suite [{name}], ' in text
