"""Compute in the MODP groups of RFC 2409 section 6 and RFC 3526, in constant time."""

from __future__ import annotations

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


@dataclass(frozen=True, slots=True)
class Modp:
    """Describe a MODP group with generator 2.

    ``bits`` is the modulus' size, ``k`` the number that makes the RFC's formula a safe prime.
    ``entropy_octets`` is the size of our private exponents: twice the group's strength by the
    first estimate of RFC 3526 section 8 and by NIST SP 800-56A appendix D, and 256 bits at least,
    which is as much for the small groups that neither lists. A safe prime has no small subgroups
    for a short exponent to leak into.
    """

    bits: int
    k: int
    entropy_octets: int

    @property
    def public_length(self) -> int:
        """Give the octets of a public value."""
        return self.bits // 8

    @property
    def shared_length(self) -> int:
        """Give the octets of g^xy."""
        return self.bits // 8

    def private_key(self, entropy: bytes) -> ModpPrivateKey:
        """Take ``entropy_octets`` random octets as the exponent."""
        exponent = Secret(entropy)
        return ModpPrivateKey(self, _power(self, _arithmetic(self).generator, exponent), exponent)


@dataclass(frozen=True, slots=True)
class ModpPrivateKey:
    """Hold a private exponent and g^x, padded to the group's length."""

    group: Modp
    public: bytes
    _exponent: Secret = field(repr=False, compare=False)

    def shared_secret(self, peer_public: bytes) -> bytes:
        """Compute g^xy from ``public_length`` octets; raises ValueError outside 2..p-2."""
        if not 1 < int.from_bytes(peer_public) < _prime(self.group) - 1:
            raise ValueError("outside 2..p-2")
        return _power(self.group, Integer.from_bytes(peer_public), self._exponent)


GROUPS: dict[GroupDescription, Modp] = {
    GroupDescription.MODP_768: Modp(768, 149686, 32),
    GroupDescription.MODP_1024: Modp(1024, 129093, 32),
    GroupDescription.MODP_1536: Modp(1536, 741804, 32),
    GroupDescription.MODP_2048: Modp(2048, 124476, 32),
    GroupDescription.MODP_3072: Modp(3072, 1690314, 33),
    GroupDescription.MODP_4096: Modp(4096, 240904, 38),
    GroupDescription.MODP_6144: Modp(6144, 929484, 44),
    GroupDescription.MODP_8192: Modp(8192, 4743158, 50),
}


def prime(group: GroupDescription) -> int:
    """Give a MODP group's modulus; raises KeyError outside GROUPS."""
    return _prime(GROUPS[group])


@cache
def _prime(group: Modp) -> int:
    """Compute 2^n - 2^(n-64) - 1 + 2^64 * ([2^(n-130) pi] + k) (RFC 3526); public, not secret."""
    n = group.bits
    return (1 << n) - (1 << (n - 64)) - 1 + ((_pi_times_two_to(n - 130) + group.k) << 64)


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


class _Arithmetic(NamedTuple):
    """Keep a group's numbers in the form the library computes with, its precomputations inside."""

    modulus: Integer
    generator: Integer


@cache
def _arithmetic(group: Modp) -> _Arithmetic:
    length = group.public_length
    modulus = Integer.from_bytes(_prime(group).to_bytes(length))
    return _Arithmetic(modulus, Integer.from_bytes((2).to_bytes(length)))


def _power(group: Modp, base: Integer, exponent: Secret) -> bytes:
    # The time taken depends on the operands' lengths in octets, which are the group's, not on
    # their values; from_bytes keeps leading zeros, a conversion from int would not.
    secret = Integer.from_bytes(exponent.reveal())
    return pow(base, secret, _arithmetic(group).modulus).to_bytes(group.shared_length)
