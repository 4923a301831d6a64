"""The journal remembers, across a crash, exactly what may still be installed."""

from __future__ import annotations

import json
import os
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from isakmpd.daemon.flow_rules import Instance, Item, frame, rules_of_selector
from isakmpd.daemon.journal import FILE_NAME, SPENT, Journal, JournalHeldError
from isakmpd.ike.ipsec import Selector
from isakmpd.privsep.files import NotOursError

EVERYTHING = Selector(ip_network("0.0.0.0/0"), ip_network("0.0.0.0/0"), 17, 500, 4500)
HOST = Selector(ip_network("192.0.2.1/32"), ip_network("10.2.0.0/16"))
OWN = ip_address("192.0.2.1")
SIX = Selector(ip_network("fd01::/64"), ip_network("::/0"))
EVERY: list[Item] = [
    *frame(Instance(2), 4),
    *frame(Instance(2), 6),
    *rules_of_selector(EVERYTHING, Instance(2), OWN),
    *rules_of_selector(HOST, Instance(2), OWN),
    *rules_of_selector(SIX, Instance(2), OWN),
]
ITEMS = list(dict.fromkeys(EVERY))


def crash(journal: Journal) -> None:
    """End as a killed process does: unlocked, nothing removed."""
    journal.close(clean=False)


def begun(folder: Path) -> Journal:
    journal = Journal(folder)
    assert journal.inherit() == []
    return journal


def test_every_kind_of_item_survives_a_crash_and_another(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    for item in ITEMS:
        journal.adding(item)
    crash(journal)
    for _ in range(2):
        successor = Journal(tmp_path)
        assert successor.inherit() == ITEMS
        crash(successor)
    successor = Journal(tmp_path)
    for item in successor.inherit():
        successor.removed(item)
    crash(successor)
    crash(begun(tmp_path))


def test_what_was_removed_is_not_inherited(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.adding(ITEMS[0])
    journal.adding(ITEMS[1])
    journal.removed(ITEMS[0])
    crash(journal)
    assert Journal(tmp_path).left_behind() == [ITEMS[1]]


def test_a_line_cut_short_by_the_crash_spoils_nothing(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.adding(ITEMS[0])
    crash(journal)
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"add":{"version":4,"pri')
    successor = Journal(tmp_path)
    assert successor.inherit() == [ITEMS[0]]
    successor.adding(ITEMS[1])
    crash(successor)
    assert Journal(tmp_path).left_behind() == [ITEMS[0], ITEMS[1]]


def test_without_room_for_a_fresh_file_the_old_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = begun(tmp_path)
    journal.adding(ITEMS[0])
    crash(journal)
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write('{"add":{"version":4,"pri')
    successor = Journal(tmp_path)
    monkeypatch.setattr("isakmpd.daemon.journal._FLAGS", os.O_RDWR | os.O_DIRECTORY)
    assert successor.inherit() == [ITEMS[0]]
    monkeypatch.undo()
    successor.adding(ITEMS[1])
    crash(successor)
    assert Journal(tmp_path).left_behind() == [ITEMS[0], ITEMS[1]]


@pytest.mark.parametrize(
    "garbage",
    [
        "\0\xff garbage",
        "[]",
        '{"add": 7}',
        '{"add": {"action": "sing", "version": 4, "priority": 1}}',
        '{"add": {"action": "nop", "version": 4, "priority": 1, "wings": 2}}',
        '{"add": {"action": "nop", "version": 4, "priority": 1, "source": "here"}}',
    ],
)
def test_garbage_in_the_file_is_passed_over(tmp_path: Path, garbage: str) -> None:
    journal = begun(tmp_path)
    crash(journal)
    with (tmp_path / FILE_NAME).open("a") as file:
        file.write(garbage + "\n")
    assert Journal(tmp_path).left_behind() == []


@pytest.mark.parametrize("field", ["boot", "namespace"])
def test_what_another_boot_or_namespace_had_is_not_ours_to_touch(
    tmp_path: Path, field: str
) -> None:
    journal = begun(tmp_path)
    journal.adding(ITEMS[0])
    crash(journal)
    path = tmp_path / FILE_NAME
    first, rest = path.read_text().split("\n", 1)
    path.write_text(json.dumps(json.loads(first) | {field: "another"}) + "\n" + rest)
    assert Journal(tmp_path).left_behind() == []


def test_a_clean_end_leaves_no_file(tmp_path: Path) -> None:
    begun(tmp_path).close(clean=True)
    assert list(tmp_path.iterdir()) == []


def test_one_process_at_a_time(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    with pytest.raises(JournalHeldError, match="another isakmpd uses this run directory"):
        Journal(tmp_path)
    crash(journal)
    crash(Journal(tmp_path))


def test_nobody_else_can_read_or_redirect_it(tmp_path: Path) -> None:
    crash(begun(tmp_path))
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / FILE_NAME).symlink_to("/dev/null")
    with pytest.raises(OSError, match="symbolic links"):
        Journal(tmp_path)


@pytest.mark.root
def test_a_journal_of_somebody_else_s_is_no_start(tmp_path: Path) -> None:
    """Its owner would decide which of this host's rules are removed."""
    (tmp_path / FILE_NAME).touch(0o600)
    os.chown(tmp_path / FILE_NAME, 65534, 65534)
    with pytest.raises(NotOursError, match="belongs to user 65534"):
        Journal(tmp_path)


def test_a_journal_that_others_can_write_to_is_no_start(tmp_path: Path) -> None:
    """Nor one that is no file."""
    (tmp_path / FILE_NAME).touch()
    (tmp_path / FILE_NAME).chmod(0o622)
    with pytest.raises(NotOursError, match="its mode is -rw--w--w-"):
        Journal(tmp_path)
    (tmp_path / FILE_NAME).unlink()
    os.mkfifo(tmp_path / FILE_NAME, 0o600)
    with pytest.raises(NotOursError, match="its mode is prw-------"):
        Journal(tmp_path)


def test_what_lies_where_it_is_written_anew_is_not_written_to(tmp_path: Path) -> None:
    """A second name of another file would have that file cut short."""
    other = tmp_path / "precious"
    other.write_text("precious")
    (tmp_path / f"{FILE_NAME}.new").hardlink_to(other)
    journal = begun(tmp_path)
    for _ in range(SPENT):
        journal.adding(ITEMS[0])
        journal.removed(ITEMS[0])
    assert other.read_text() == "precious"
    assert not (tmp_path / f"{FILE_NAME}.new").exists()
    crash(journal)


def test_it_stays_short_however_often_a_tunnel_comes_and_goes(tmp_path: Path) -> None:
    journal = begun(tmp_path)
    journal.adding(ITEMS[0])
    sizes = []
    for _ in range(2 * SPENT):
        journal.adding(ITEMS[1])
        journal.removed(ITEMS[1])
        sizes.append(journal.path.stat().st_size)
    assert max(sizes) == max(sizes[:SPENT])
    journal.adding(ITEMS[2])
    with pytest.raises(JournalHeldError):
        Journal(tmp_path)
    crash(journal)
    assert Journal(tmp_path).left_behind() == [ITEMS[0], ITEMS[2]]
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]
