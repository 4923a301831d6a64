"""Derive the keys of an ISAKMP SA (RFC 2409 section 5 and appendix B)."""

from __future__ import annotations

from dataclasses import dataclass, field

from isakmpd.crypto.ciphers import key_octets
from isakmpd.crypto.hashes import PrfKind
from isakmpd.wire.numbers import EncryptionAlgorithm, HashAlgorithm


@dataclass(frozen=True, slots=True)
class SkeyId:
    """Hold SKEYID and what derives from it: _d for IPsec keys, _a for hashes, _e for the cipher.

    ``prf`` travels with them: every later prf of the SA is of this kind.
    """

    prf: PrfKind
    skeyid: bytes = field(repr=False)
    skeyid_d: bytes = field(repr=False)
    skeyid_a: bytes = field(repr=False)
    skeyid_e: bytes = field(repr=False)

    @property
    def hash(self) -> HashAlgorithm:
        """Give the negotiated hash."""
        return self.prf.hash


def from_pre_shared_key(
    prf: PrfKind,
    key: bytes,
    ni: bytes,
    nr: bytes,
    shared: bytes,
    initiator_cookie: bytes,
    responder_cookie: bytes,
) -> SkeyId:
    """Derive from a pre-shared key: SKEYID = prf(key, Ni_b | Nr_b).

    Takes the nonces' bodies and g^xy at full length; raises ValueError for an unsupported hash.
    """
    skeyid = prf.keyed(key)(ni, nr)
    return _derive(prf, skeyid, shared, initiator_cookie + responder_cookie)


def from_signature(
    prf: PrfKind,
    ni: bytes,
    nr: bytes,
    shared: bytes,
    initiator_cookie: bytes,
    responder_cookie: bytes,
) -> SkeyId:
    """Derive for signatures: SKEYID = prf(Ni_b | Nr_b, g^xy).

    Takes the nonces' bodies and g^xy at full length; raises ValueError for an unsupported hash.
    """
    skeyid = prf.keyed(ni + nr)(shared)
    return _derive(prf, skeyid, shared, initiator_cookie + responder_cookie)


def _derive(kind: PrfKind, skeyid: bytes, shared: bytes, cookies: bytes) -> SkeyId:
    prf = kind.keyed(skeyid)
    skeyid_d = prf(shared, cookies, b"\0")
    skeyid_a = prf(skeyid_d, shared, cookies, b"\1")
    skeyid_e = prf(skeyid_a, shared, cookies, b"\2")
    return SkeyId(kind, skeyid, skeyid_d, skeyid_a, skeyid_e)


def cipher_key(
    skeyid: SkeyId,
    algorithm: EncryptionAlgorithm,
    key_length: int | None,
    *,
    longest: bool = False,
) -> bytes:
    """Cut the cipher's key from SKEYID_e, or from K1 | K2 | ... where SKEYID_e is too short.

    ``key_length`` is in bits, None where none was negotiated; ``longest`` says what that means, and
    ValueError is raised, as key_octets does.
    """
    length = key_octets(algorithm, key_length, longest=longest)
    key = skeyid.skeyid_e
    if len(key) < length:
        prf = skeyid.prf.keyed(skeyid.skeyid_e)
        block = key = prf(b"\0")
        while len(key) < length:
            block = prf(block)
            key += block
    return key[:length]
