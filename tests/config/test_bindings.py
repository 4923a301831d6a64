"""What the running configuration says, and how ``C`` commands change it."""

from __future__ import annotations

import pytest

from isakmpd.config.bindings import (
    AddElement,
    Bindings,
    Change,
    RemoveElement,
    RemoveSection,
    RemoveTag,
    SetValue,
)

TEXT = "[Foo]\nBar=1\nList=a, b ,c\n[AES-SHA]\nLife=mine\n"


@pytest.fixture
def bindings() -> Bindings:
    """Give bindings of a small file."""
    return Bindings.parse(TEXT, "f")


@pytest.mark.parametrize(
    ("section", "tag", "value"),
    [
        ("Foo", "Bar", "1"),
        ("foo", "BAR", "1"),
        ("Foo", "Nothing", None),
        ("Nothing", "Bar", None),
        ("General", "Retransmits", "3"),
        ("AES-SHA", "Life", "mine"),
        ("AES-SHA", "HASH_ALGORITHM", "SHA"),
        ("QM-ESP-AES-SHA-SUITE", "Protocols", "QM-ESP-AES-SHA"),
    ],
)
def test_a_written_value_covers_a_generated_one(
    bindings: Bindings, section: str, tag: str, value: str | None
) -> None:
    """File and defaults merge tag by tag, in any case."""
    assert bindings.get(section, tag) == value


def test_a_list_has_trimmed_elements(bindings: Bindings) -> None:
    """A list is the same with and without blanks."""
    assert bindings.elements("Foo", "List") == ["a", "b", "c"]
    assert bindings.elements("Foo", "Nothing") == []


@pytest.mark.parametrize(
    ("change", "section", "tag", "value"),
    [
        (SetValue("Foo", "New", "2"), "Foo", "New", "2"),
        (SetValue("New", "New", "2"), "New", "New", "2"),
        (SetValue("Foo", "Bar", "2", force=True), "Foo", "Bar", "2"),
        (SetValue("General", "Retransmits", "5"), "General", "Retransmits", "5"),
        (SetValue("AES-SHA", "KEY_LENGTH", "256"), "AES-SHA", "KEY_LENGTH", "256"),
        (AddElement("Foo", "List", "d"), "Foo", "List", "a,b,c,d"),
        (AddElement("Foo", "List", "a"), "Foo", "List", "a, b ,c"),
        (AddElement("Phase 2", "Connections", "x"), "Phase 2", "Connections", "x"),
        (
            AddElement("Default-phase-1-configuration", "Transforms", "AES-SHA"),
            *("Default-phase-1-configuration", "Transforms", "AES-256-SHA2-256-GRP14,AES-SHA"),
        ),
        (RemoveElement("foo", "list", "b"), "Foo", "List", "a,c"),
        (RemoveElement("Foo", "Bar", "1"), "Foo", "Bar", None),
        (RemoveTag("foo", "bar"), "Foo", "Bar", None),
        (RemoveTag("AES-SHA", "Life"), "AES-SHA", "Life", "LIFE_MAIN_MODE"),
        (RemoveSection("FOO"), "Foo", "List", None),
        (RemoveSection("AES-SHA"), "AES-SHA", "Life", "LIFE_MAIN_MODE"),
    ],
)
def test_a_change(
    bindings: Bindings, change: Change, section: str, tag: str, value: str | None
) -> None:
    """A change that may happen happens without a word."""
    assert bindings.apply([change]) == ()
    assert bindings.get(section, tag) == value


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (SetValue("foo", "bar", "2"), "conf_set_now: duplicate tag [Foo]:Bar, ignoring..."),
        (RemoveTag("Foo", "No"), "conf_remove_now: no tag [Foo]:No, ignoring..."),
        (RemoveSection("No"), "conf_remove_section_now: no section [No], ignoring..."),
        (
            RemoveSection("General"),
            "conf_remove_section_now: no section [General], ignoring...",
        ),
        (
            RemoveTag("General", "Retransmits"),
            "conf_remove_now: only a built-in default for [General]:Retransmits, ignoring...",
        ),
        (
            RemoveElement("Foo", "List", "x"),
            "conf_remove_now: no such element in [Foo]:List, ignoring...",
        ),
        (SetValue("Foo", "", "x"), "conf_set_now: no configuration can name [Foo]:, ignoring..."),
        (
            SetValue("F]o", "Bar", "x"),
            "conf_set_now: no configuration can name [F]o]:Bar, ignoring...",
        ),
    ],
)
def test_a_refused_change(bindings: Bindings, change: Change, refusal: str) -> None:
    """A change that may not happen is refused with a sentence and changes nothing."""
    before = list(bindings.written())
    assert bindings.apply([change]) == (refusal,)
    assert list(bindings.written()) == before


def test_a_transaction_goes_in_order_and_on(bindings: Bindings) -> None:
    """Later changes see earlier ones; a refused one does not stop them."""
    changes: list[Change] = [
        RemoveTag("Foo", "Bar"),
        SetValue("Foo", "Bar", "2"),
        SetValue("Foo", "Bar", "3"),
        SetValue("Foo", "Baz", "4"),
    ]
    assert bindings.apply(changes) == ("conf_set_now: duplicate tag [Foo]:Bar, ignoring...",)
    assert (bindings.get("Foo", "Bar"), bindings.get("Foo", "Baz")) == ("2", "4")


def test_a_copy_changes_apart(bindings: Bindings) -> None:
    """A daemon can try changes on a copy and discard them."""
    copy = bindings.copy()
    copy.apply([SetValue("Foo", "Bar", "2", force=True)])
    assert (bindings.get("Foo", "Bar"), copy.get("Foo", "Bar")) == ("1", "2")
    assert copy.problems == bindings.problems


def test_what_was_written_can_be_listed(bindings: Bindings) -> None:
    """A report shows what the administrator said, by file and by command, without defaults."""
    bindings.apply([SetValue("foo", "Key", "x"), SetValue("New", "Tag", "y")])
    listed = [(b.section, b.tag, b.shown, b.file, b.line) for b in bindings.written()]
    assert listed == [
        ("Foo", "Bar", "1", "f", 2),
        ("Foo", "List", "a, b ,c", "f", 3),
        ("Foo", "Key", "x", "FIFO", 0),
        ("AES-SHA", "Life", "mine", "f", 5),
        ("New", "Tag", "y", "FIFO", 0),
    ]
    assert bindings.sections() == ["Foo", "AES-SHA", "New"]


def test_changes_keep_secrets() -> None:
    """A change's repr hides its value."""
    assert "s3cret" not in repr(SetValue("peer", "Authentication", "s3cret"))
