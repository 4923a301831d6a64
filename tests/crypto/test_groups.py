"""Diffie-Hellman, whatever the group: two ends agree, lengths are fixed, the rest is refused."""

import pytest

from isakmpd.crypto.ecp import GROUPS as ECP_GROUPS
from isakmpd.crypto.groups import SUPPORTED, generate, public_length, shared_length
from isakmpd.crypto.modp import GROUPS as MODP_GROUPS
from isakmpd.wire.numbers import GroupDescription
from tests.crypto.counted import Counted

GROUPS = list(SUPPORTED)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_two_ends_agree(group: GroupDescription) -> None:
    """Both ends get the same secret, of the group's length."""
    entropy = Counted()
    x, y = generate(group, entropy), generate(group, entropy)
    assert x.public != y.public
    secret = x.shared_secret(y.public)
    assert secret == y.shared_secret(x.public)
    assert len(x.public) == len(y.public) == public_length(group)
    assert len(secret) == shared_length(group)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_same_entropy_makes_the_same_pair(group: GroupDescription) -> None:
    """A run is repeated by its seed: nothing random comes from elsewhere, and it is drawn once."""
    first, second = Counted(), Counted()
    pair, again = generate(group, first), generate(group, second)
    assert pair == again
    assert len(first.asked) == 1
    peer = generate(group, second)
    assert pair.shared_secret(peer.public) == again.shared_secret(peer.public)


def test_every_group_of_the_original_is_here_or_refused_by_name() -> None:
    """Three are missing: no kept library computes in them in constant time."""
    missing = {GroupDescription.EC2N_155, GroupDescription.EC2N_185, GroupDescription.BP_224}
    assert set(GroupDescription) == SUPPORTED.keys() | missing
    assert SUPPORTED.keys() == MODP_GROUPS.keys() | ECP_GROUPS.keys()


@pytest.mark.parametrize(
    "group",
    [
        GroupDescription.EC2N_155,
        GroupDescription.EC2N_185,
        GroupDescription.BP_224,
        GroupDescription(4711),
    ],
    ids=str,
)
def test_groups_we_do_not_have_are_named(group: GroupDescription) -> None:
    """A group this build lacks is refused by name, wherever it is asked for."""
    for ask in (public_length, shared_length, lambda one: generate(one, Counted())):
        with pytest.raises(ValueError, match=f"group {group} is not supported"):
            ask(group)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_no_text_form_shows_the_private_key(group: GroupDescription) -> None:
    """A log line or traceback with the pair in it gives nothing away."""
    pair = generate(group, lambda count: b"\xa5" * count)
    count = SUPPORTED[group].entropy_octets
    shown = repr(pair) + str(pair) + repr(pair._private)
    assert "a5a5" not in shown
    assert "\\xa5\\xa5" not in shown
    assert str(int.from_bytes(b"\xa5" * count)) not in shown
