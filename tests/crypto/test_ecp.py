"""Prime curves: the RFCs' exchanges come out, and nothing off the curve goes in."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from isakmpd.crypto.ecp import GROUPS, Ecp
from isakmpd.crypto.groups import InvalidPublicValue, KeyPair, generate
from isakmpd.wire.numbers import GroupDescription
from tests.crypto.counted import Counted

P256, P521 = GroupDescription.ECP_256, GroupDescription.ECP_521
# RFC 5903 section 8, RFC 5114 appendix A, RFC 6932 appendix A and RFC 7027 appendix A
EXCHANGES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "ecdh.jsonl").read_text().splitlines()
]
COORDINATE_OCTETS = {
    GroupDescription.ECP_256: 32,
    GroupDescription.ECP_384: 48,
    GroupDescription.ECP_521: 66,
    GroupDescription.ECP_192: 24,
    GroupDescription.ECP_224: 28,
    GroupDescription.BP_256: 32,
    GroupDescription.BP_384: 48,
    GroupDescription.BP_512: 64,
}
# FIPS 186-5 and RFC 5639: the primes the coordinates are reduced by
P521_PRIME = 2**521 - 1


def with_scalar(group: GroupDescription, scalar: int) -> KeyPair:
    """Make the key pair of a scalar from 1 to n-1: the remainder, plus one, is the scalar."""
    return generate(group, (scalar - 1).to_bytes)


@pytest.mark.parametrize("exchange", EXCHANGES, ids=lambda e: f"{e['group']} {e['source']}")
def test_the_exchanges_of_the_rfcs(exchange: dict[str, str]) -> None:
    """Both public values are X | Y and the secret is the common point's X."""
    group = GroupDescription[exchange["group"]]
    i = with_scalar(group, int(exchange["i"], 16))
    r = with_scalar(group, int(exchange["r"], 16))
    assert i.public.hex() == exchange["g^i"]
    assert r.public.hex() == exchange["g^r"]
    assert i.shared_secret(r.public).hex() == exchange["g^ir"]
    assert r.shared_secret(i.public).hex() == exchange["g^ir"]


def test_every_curve_has_its_exchange() -> None:
    """A curve added to GROUPS needs its vectors here."""
    named = {GroupDescription[exchange["group"]] for exchange in EXCHANGES}
    assert named == GROUPS.keys() == COORDINATE_OCTETS.keys()


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_lengths(group: GroupDescription) -> None:
    """Coordinates take as many octets as their bits need, 66 for 521 (RFC 5903 section 7)."""
    octets = COORDINATE_OCTETS[group]
    assert GROUPS[group].shared_length == octets
    assert GROUPS[group].public_length == 2 * octets


@pytest.mark.parametrize("group", [P256, P521], ids=str)
def test_an_x_that_begins_with_zero_octets_keeps_them(group: GroupDescription) -> None:
    """With the scalar 1 the secret is the peer's X itself; unpadded, one in 256 would fail."""
    one = with_scalar(group, 1)
    size = COORDINATE_OCTETS[group]
    peer = next(
        pair
        for scalar in range(2, 5000)
        if (pair := with_scalar(group, scalar)).public.startswith(
            b"\0\0" if group == P521 else b"\0"
        )
    )
    assert one.shared_secret(peer.public) == peer.public[:size]


@pytest.mark.parametrize("group", [P256, P521], ids=str)
def test_a_y_that_begins_with_a_zero_octet_keeps_it(group: GroupDescription) -> None:
    """X | Y has no separator but the length."""
    size = COORDINATE_OCTETS[group]
    pair = next(
        pair for scalar in range(2, 5000) if (pair := with_scalar(group, scalar)).public[size] == 0
    )
    assert len(pair.public) == 2 * size
    assert with_scalar(group, 1).shared_secret(pair.public) == pair.public[:size]


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_points_off_the_curve_are_refused(group: GroupDescription) -> None:
    """A point of another curve would give our scalar away piece by piece."""
    pair, peer = generate(group, Counted()), generate(group, (7).to_bytes)
    size = COORDINATE_OCTETS[group]
    x, y = peer.public[:size], peer.public[size:]
    wrong = {
        "zero, which is also how some write infinity": bytes(2 * size),
        "all ones": b"\xff" * 2 * size,
        "Y + 1": x + (int.from_bytes(y) + 1).to_bytes(size),
        "X + 1": (int.from_bytes(x) + 1).to_bytes(size) + y,
        "X and Y exchanged": y + x,
        "X twice": x + x,
        "Y of zero": x + bytes(size),
    }
    for name, value in wrong.items():
        with pytest.raises(
            InvalidPublicValue, match=f"^{group} public value is no point"
        ) as caught:
            pair.shared_secret(value)
        assert value.hex() not in str(caught.value), name


def test_a_coordinate_beyond_the_prime_is_refused() -> None:
    """X + p names the same point, in octets that fit: only 521 bits leave room for it."""
    pair, peer = generate(P521, Counted()), generate(P521, (7).to_bytes)
    x, y = peer.public[:66], peer.public[66:]
    assert pair.shared_secret(x + y)
    beyond = (int.from_bytes(x) + P521_PRIME).to_bytes(66)
    with pytest.raises(InvalidPublicValue, match="no point of the curve"):
        pair.shared_secret(beyond + y)


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("form", ["empty", "X only", "one less", "one more", "SEC 1", "compressed"])
def test_values_of_another_length_are_refused(group: GroupDescription, form: str) -> None:
    """A KE payload is X | Y, without the octet that tells SEC 1's forms apart."""
    pair, peer = generate(group, Counted()), generate(group, (7).to_bytes)
    size = COORDINATE_OCTETS[group]
    value = {
        "empty": b"",
        "X only": peer.public[:size],
        "one less": peer.public[:-1],
        "one more": peer.public + b"\0",
        "SEC 1": b"\4" + peer.public,
        "compressed": bytes([2 + peer.public[-1] % 2]) + peer.public[:size],
    }[form]
    expected = f"{group} public value of {len(value)} octets, expected {2 * size}"
    with pytest.raises(InvalidPublicValue, match=expected):
        pair.shared_secret(value)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_every_entropy_gives_a_scalar_of_the_group(group: GroupDescription) -> None:
    """Zeros and ones included; 64 bits more than the order hide which scalars come twice."""
    curve = GROUPS[group]
    assert curve.entropy_octets * 8 >= curve.curve.group_order.bit_length() + 64
    for octet in (0x00, 0xFF):
        pair = generate(group, lambda count, octet=octet: bytes([octet]) * count)  # type: ignore[misc]
        other = generate(group, Counted())
        assert pair.shared_secret(other.public) == other.shared_secret(pair.public)
    # n - 1 comes back to 0, the least remainder, and so to the scalar 1
    top = (curve.curve.group_order - 1).to_bytes
    assert generate(group, top).public == with_scalar(group, 1).public


@pytest.mark.property
@settings(max_examples=40, deadline=None)
@given(group=st.sampled_from(sorted(GROUPS)), seed=st.binary(min_size=80, max_size=80))
def test_the_scalar_is_what_the_entropy_says(group: GroupDescription, seed: bytes) -> None:
    """The library, given the scalar computed here, has the same public key."""
    curve: Ecp = GROUPS[group]
    number = int.from_bytes(seed[: curve.entropy_octets])
    scalar = number % (curve.curve.group_order - 1) + 1
    numbers = ec.derive_private_key(scalar, curve.curve).public_key().public_numbers()
    size = COORDINATE_OCTETS[group]
    pair = generate(group, lambda count: seed[:count])
    assert pair.public == numbers.x.to_bytes(size) + numbers.y.to_bytes(size)
