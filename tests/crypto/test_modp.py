"""MODP groups: the primes are the RFCs', bad values are refused, secrets keep their length."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isakmpd.crypto.groups import InvalidPublicValue, generate, public_length
from isakmpd.crypto.modp import GROUPS as MODP_GROUPS
from isakmpd.crypto.modp import prime
from isakmpd.wire.numbers import GroupDescription
from tests.crypto.counted import Counted

GROUPS = list(MODP_GROUPS)
FAST = GroupDescription.MODP_768

# The end of each prime before its closing 64 one-bits, from RFC 2409 section 6 and RFC 3526.
TAILS = {
    GroupDescription.MODP_768: "e485b576625e7ec6f44c42e9a63a3620",
    GroupDescription.MODP_1024: "ae9f24117c4b1fe649286651ece65381",
    GroupDescription.MODP_1536: "670c354e4abc9804f1746c08ca237327",
    GroupDescription.MODP_2048: "15d2261898fa051015728e5a8aacaa68",
    GroupDescription.MODP_3072: "43db5bfce0fd108e4b82d120a93ad2ca",
    GroupDescription.MODP_4096: "86ffb7dc90a6c08f4df435c934063199",
    GroupDescription.MODP_6144: "12bf2d5b0b7474d6e694f91e6dcc4024",
    GroupDescription.MODP_8192: "c81f56e880b96e7160c980dd98edd3df",
}
# Twice the strength in bits: RFC 3526 section 8 (first estimate), SP 800-56A revision 3 appendix D.
LEAST_EXPONENT_BITS = {
    GroupDescription.MODP_1536: 180,
    GroupDescription.MODP_2048: 224,
    GroupDescription.MODP_3072: 260,
    GroupDescription.MODP_4096: 304,
    GroupDescription.MODP_6144: 352,
    GroupDescription.MODP_8192: 400,
}


def fermat(n: int) -> bool:
    """Tell primes from what could pass for one by mistake."""
    return pow(2, n - 1, n) == 1 and pow(3, n - 1, n) == 1


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_the_modulus_is_the_rfcs_safe_prime(group: GroupDescription) -> None:
    """p and (p-1)/2 are prime, and p begins and ends as the RFC prints it."""
    p = prime(group)
    assert p.to_bytes(public_length(group)).hex().endswith(TAILS[group] + 16 * "f")
    assert p >> (p.bit_length() - 64) == (1 << 64) - 1
    if p.bit_length() <= 4096:  # the larger ones take seconds; their tails and formula must do
        assert fermat(p)
        assert fermat((p - 1) // 2)


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_two_ends_agree_and_the_secret_is_g_to_the_xy(group: GroupDescription) -> None:
    """Both ends get g^xy mod p, as long as the group's modulus."""
    entropy = Counted()
    x, y = generate(group, entropy), generate(group, entropy)
    secret = x.shared_secret(y.public)
    assert secret == y.shared_secret(x.public)
    assert len(x.public) == len(y.public) == len(secret) == public_length(group)
    again = Counted()
    exponents = [int.from_bytes(again(count)) for count in entropy.asked]
    assert int.from_bytes(x.public) == pow(2, exponents[0], prime(group))
    assert int.from_bytes(secret) == pow(int.from_bytes(y.public), exponents[0], prime(group))


@pytest.mark.parametrize("group", GROUPS, ids=str)
def test_exponents_have_twice_the_groups_strength(group: GroupDescription) -> None:
    """Shorter exponents would be the weakest part of the exchange."""
    entropy = Counted()
    generate(group, entropy)
    assert sum(entropy.asked) * 8 >= max(256, LEAST_EXPONENT_BITS.get(group, 0))


@pytest.mark.property
@settings(max_examples=50)
@given(exponent=st.integers(0, 2**256 - 1), peer=st.integers(2, prime(FAST) - 2))
def test_short_results_keep_their_leading_zeros(exponent: int, peer: int) -> None:
    """Every value is padded to full length, as prf and HASH take it (RFC 2409 section 5)."""
    pair = generate(FAST, exponent.to_bytes)
    assert int.from_bytes(pair.public) == pow(2, exponent, prime(FAST))
    secret = pair.shared_secret(peer.to_bytes(public_length(FAST)))
    assert secret == pow(peer, exponent, prime(FAST)).to_bytes(public_length(FAST))


def test_a_secret_that_begins_with_zero_octets_is_padded() -> None:
    """2^3 = 8 still takes 96 octets: unpadded, one handshake in 256 would fail."""
    pair = generate(FAST, (3).to_bytes)
    two = (2).to_bytes(public_length(FAST))
    assert pair.public == pair.shared_secret(two) == bytes(95) + b"\x08"


@pytest.mark.parametrize("group", GROUPS, ids=str)
@pytest.mark.parametrize("wrong", ["0", "1", "p-1", "p", "p+1", "all ones"])
def test_values_outside_the_group_are_refused(group: GroupDescription, wrong: str) -> None:
    """0, 1 and p-1 make the secret known to all; p and beyond are no residues."""
    p = prime(group)
    value = {
        "0": 0,
        "1": 1,
        "p-1": p - 1,
        "p": p,
        "p+1": p + 1,
        "all ones": (1 << p.bit_length()) - 1,
    }
    pair = generate(group, Counted())
    with pytest.raises(InvalidPublicValue, match=r"outside 2\.\.p-2"):
        pair.shared_secret(value[wrong].to_bytes(public_length(group)))


@pytest.mark.parametrize("value", [2, -2])
def test_the_outermost_values_inside_the_group_are_taken(value: int) -> None:
    """The range check refuses no honest value."""
    pair = generate(FAST, (2).to_bytes)
    peer = (value % prime(FAST)).to_bytes(public_length(FAST))
    assert int.from_bytes(pair.shared_secret(peer)) == 4


@pytest.mark.parametrize("off_by", [-96, -1, 1, 32])
def test_values_of_another_length_are_refused(off_by: int) -> None:
    """A KE payload has exactly the group's length (RFC 2409 section 5)."""
    pair = generate(FAST, Counted())
    with pytest.raises(InvalidPublicValue, match=f"of {96 + off_by} octets, expected 96"):
        pair.shared_secret((5).to_bytes(96 + off_by) if off_by > -96 else b"")


def test_no_text_form_shows_the_private_exponent() -> None:
    """A log line or traceback with the pair in it gives nothing away."""
    pair = generate(FAST, lambda count: b"\xa5" * count)
    shown = repr(pair) + str(pair)
    assert "a5a5" not in shown
    assert "\\xa5" not in shown
    assert str(int.from_bytes(b"\xa5" * 32)) not in shown


def test_the_arithmetic_is_the_librarys_constant_time_one() -> None:
    """The library's pure-Python fallback leaks the exponent by its timing."""
    modp = sys.modules["isakmpd.crypto.modp"]
    assert modp.Integer.__name__ == "IntegerNat"
