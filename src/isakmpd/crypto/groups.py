"""Agree on a secret by Diffie-Hellman, in the MODP groups of RFC 2409 section 6 and RFC 3526."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

from Crypto.Math.Numbers import Integer

from isakmpd.crypto.secret import Secret
from isakmpd.wire.numbers import GroupDescription

if Integer.__name__ != "IntegerNat":
    raise ImportError(
        f"pycryptodome computes with {Integer.__name__}, which leaks private exponents by timing;"
        " its constant-time arithmetic (IntegerNat, version 4 and later) is missing here"
    )


class InvalidPublicValue(Exception):  # noqa: N818 - a verdict on the peer's octets
    """Say that a peer's public value is none of the group's."""


@dataclass(frozen=True, slots=True)
class Modp:
    """Describe a MODP group with generator 2.

    ``bits`` is the modulus' size, ``k`` the number that makes the RFC's formula a safe prime.
    ``exponent`` is the size in octets of our private exponents: twice the group's strength by the
    first estimate of RFC 3526 section 8 and by NIST SP 800-56A appendix D, and 256 bits at least,
    which is as much for the small groups that neither lists. A safe prime has no small subgroups
    for a short exponent to leak into.
    """

    bits: int
    k: int
    exponent: int


SUPPORTED: dict[GroupDescription, Modp] = {
    GroupDescription.MODP_768: Modp(768, 149686, 32),
    GroupDescription.MODP_1024: Modp(1024, 129093, 32),
    GroupDescription.MODP_1536: Modp(1536, 741804, 32),
    GroupDescription.MODP_2048: Modp(2048, 124476, 32),
    GroupDescription.MODP_3072: Modp(3072, 1690314, 33),
    GroupDescription.MODP_4096: Modp(4096, 240904, 38),
    GroupDescription.MODP_6144: Modp(6144, 929484, 44),
    GroupDescription.MODP_8192: Modp(8192, 4743158, 50),
}


def _modp(group: GroupDescription) -> Modp:
    modp = SUPPORTED.get(group)
    if modp is None:
        raise ValueError(f"group {group} is not supported")
    return modp


def public_length(group: GroupDescription) -> int:
    """Give the octets of a public value and of the shared secret; ValueError outside SUPPORTED."""
    return _modp(group).bits // 8


def _pi_times_two_to(bits: int) -> int:
    """Compute [2^bits pi] by Machin's formula, pi = 16 arctan(1/5) - 4 arctan(1/239)."""
    guard = 64
    one = 1 << (bits + guard)

    def arctan_of_inverse(x: int) -> int:
        power = total = one // x
        divisor = 1
        while power:
            power //= -x * x
            divisor += 2
            total += power // divisor
        return total

    return (16 * arctan_of_inverse(5) - 4 * arctan_of_inverse(239)) >> guard


@cache
def prime(group: GroupDescription) -> int:
    """Compute 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + k) (RFC 3526); public, not secret."""
    modp = _modp(group)
    n = modp.bits
    return (1 << n) - (1 << (n - 64)) - 1 + ((_pi_times_two_to(n - 130) + modp.k) << 64)


class _Arithmetic(NamedTuple):
    """Keep a group's numbers in the form the library computes with, its precomputations inside."""

    modulus: Integer
    generator: Integer


@cache
def _arithmetic(group: GroupDescription) -> _Arithmetic:
    length = public_length(group)
    modulus = Integer.from_bytes(prime(group).to_bytes(length))
    return _Arithmetic(modulus, Integer.from_bytes((2).to_bytes(length)))


@dataclass(frozen=True, slots=True)
class KeyPair:
    """Hold one exchange's private exponent and its public value, padded to the group's length."""

    group: GroupDescription
    public: bytes = field(repr=False)
    _exponent: Secret = field(repr=False, compare=False)

    def shared_secret(self, peer_public: bytes) -> bytes:
        """Compute g^xy, as long as a public value.

        Raises InvalidPublicValue unless the peer's value has the group's length and lies between
        1 and p-1 exclusively. Takes from 0.1 ms (group 2) to 6 ms (group 18); other threads run on.
        """
        length = public_length(self.group)
        if len(peer_public) != length:
            raise InvalidPublicValue(
                f"{self.group} public value of {len(peer_public)} octets, expected {length}"
            )
        if not 1 < int.from_bytes(peer_public) < prime(self.group) - 1:
            raise InvalidPublicValue(f"{self.group} public value outside 2..p-2")
        return _power(self.group, Integer.from_bytes(peer_public), self._exponent)


def _power(group: GroupDescription, base: Integer, exponent: Secret) -> bytes:
    # The time taken depends on the operands' lengths in octets, which are the group's, not on
    # their values; from_bytes keeps leading zeros, a conversion from int would not.
    secret = Integer.from_bytes(exponent.reveal())
    return pow(base, secret, _arithmetic(group).modulus).to_bytes(public_length(group))


def generate(group: GroupDescription, entropy: Callable[[int], bytes]) -> KeyPair:
    """Make a key pair of ``entropy(count)``'s octets; raises ValueError for a group unsupported."""
    exponent = Secret(entropy(_modp(group).exponent))
    return KeyPair(group, _power(group, _arithmetic(group).generator, exponent), exponent)
