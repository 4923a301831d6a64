"""Open enumerations: a number nobody assigned keeps its value and prints as itself."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from isakmpd.wire import numbers
from isakmpd.wire.numbers import (
    EncryptionAlgorithm,
    EspTransform,
    Members,
    NotifyType,
    OpenEnum,
    Protocol,
)

ENUMS = [
    one
    for one in vars(numbers).values()
    if isinstance(one, type) and issubclass(one, OpenEnum) and one is not OpenEnum
]


def test_there_are_enumerations() -> None:
    assert len(ENUMS) >= 17


@pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)
def test_assigned_numbers_are_members(cls: type[OpenEnum]) -> None:
    for name, member in cls.__members__.items():
        assert cls(member.value) is member
        assert member.assigned
        assert str(member) == f"{member}" == name.replace("TRIPLE_", "3")


@pytest.mark.property
@pytest.mark.parametrize("cls", ENUMS, ids=lambda cls: cls.__name__)
@given(number=st.integers(0, 0xFFFFFFFF))
def test_every_number_is_a_value(cls: type[OpenEnum], number: int) -> None:
    value = cls(number)
    assert value == number
    assert hash(value) == hash(number)
    assert isinstance(value, cls)
    assert value.assigned == (number in [member.value for member in cls])
    if not value.assigned:
        assert str(value) == f"{cls.__name__}_{number}"


def test_the_example_of_the_design() -> None:
    assert str(NotifyType(40501)) == "NotifyType_40501"
    assert {NotifyType(40501): "seen"}[NotifyType(40501)] == "seen"


def test_triple_des_is_written_as_the_rfcs_and_isakmpd_conf_write_it() -> None:
    assert [str(EncryptionAlgorithm(5)), str(EspTransform(3))] == ["3DES_CBC", "3DES"]


def test_unassigned_numbers_do_not_become_members() -> None:
    before = len(NotifyType)
    NotifyType(40502)
    assert len(NotifyType) == before
    assert not NotifyType(40502).assigned


@pytest.mark.parametrize("nonsense", [-1, "SA", None, 1.5])
def test_what_is_no_number_is_refused(nonsense: Any) -> None:
    with pytest.raises(ValueError, match="is not a valid NotifyType"):
        NotifyType(nonsense)


@pytest.mark.property
@given(st.integers(0, 0xFFFF))
def test_members_look_up_what_the_class_would_give(number: int) -> None:
    members = Members(Protocol)
    assert members[number] == Protocol(number)
    assert str(members[number]) == str(Protocol(number))
    assert len(members) == len(Protocol)  # a peer cannot make it grow


@pytest.mark.parametrize("number", [16, 40501])
def test_numbers_cross_process_boundaries(number: int) -> None:
    copy = pickle.loads(pickle.dumps(NotifyType(number)))  # noqa: S301 - our own
    assert (copy, str(copy)) == (NotifyType(number), str(NotifyType(number)))
