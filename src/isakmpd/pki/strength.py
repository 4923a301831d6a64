"""Refuse keys and signatures that can be forged (NIST SP 800-131A)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from isakmpd.pki.rules import ALLOW_WEAK, SOUND_ONLY, Rules
from isakmpd.pki.untrusted import Untrusted
from isakmpd.wire.numbers import NotifyType

if TYPE_CHECKING:
    from isakmpd.pki.certificate import Certificate

_SOUND_HASHES = {
    *("sha224", "sha256", "sha384", "sha512", "sha512-224", "sha512-256"),
    *("sha3-224", "sha3-256", "sha3-384", "sha3-512"),
}
_HASH_NAMES = {"md5": "MD5", "sha1": "SHA-1"}
_KINDS_WITHOUT_LENGTH = ("Ed25519", "Ed448")
WEAK_RSA_BITS = 1024  # what Allow-weak lets pass
_RSA_BITS, _EC_BITS = 2048, 224
_MAY_BE_ALLOWED = f"; {ALLOW_WEAK} would accept it"


def judge_strength(chain: Sequence[Certificate], rules: Rules) -> None:
    """Raise Untrusted for a weak certificate in a chain from leaf to trust anchor.

    The anchor's own signature proves nothing and is not looked at.
    """
    for certificate in chain[:-1]:
        _judge_signature(certificate, rules)
    for certificate in chain:
        judge_key(certificate, rules)


def judge_key(certificate: Certificate, rules: Rules) -> None:
    """Raise Untrusted for a key of too few bits or of a kind that is not judged sound."""
    kind, bits = certificate.key.kind, certificate.key.bits
    if kind not in ("RSA", "EC", *_KINDS_WITHOUT_LENGTH):
        raise _refusal(f"certificate {certificate} holds a {kind} key, expected RSA or EC")
    judge_bits(f"certificate {certificate} holds", kind, bits, rules)


def judge_bits(held: str, kind: str, bits: int, rules: Rules) -> None:
    """Raise Untrusted for too few bits; `held` says who holds the key, as "pubkeys/x holds"."""
    if kind == "RSA" and bits < _RSA_BITS:
        weak = bits >= WEAK_RSA_BITS
        if not (weak and rules.allow_weak):
            raise _refusal(
                f"{held} an RSA key of {bits} bits, expected {_RSA_BITS} at least"
                f"{_MAY_BE_ALLOWED if weak else ''}"
            )
    elif kind == "EC" and bits < _EC_BITS:
        raise _refusal(f"{held} an EC key of {bits} bits, expected {_EC_BITS} at least")


def weakness(certificate: Certificate, anchor: bool = False) -> str | None:
    """Say why a certificate is refused without Allow-weak, None if it is sound."""
    try:
        judge_strength((certificate,) if anchor else (certificate, certificate), SOUND_ONLY)
    except Untrusted as refusal:
        return refusal.reason
    return None


def sound_hash(name: str | None) -> bool:
    """Tell whether a signature over this hash is sound; None is a hash that the key implies."""
    return name is None or name in _SOUND_HASHES


def _judge_signature(certificate: Certificate, rules: Rules) -> None:
    name = certificate.signature_hash
    if name is None or sound_hash(name) or (name == "sha1" and rules.allow_weak):
        return
    allowed = _MAY_BE_ALLOWED if name == "sha1" else ", which no tag allows"
    raise _refusal(
        f"certificate {certificate} is signed with {_HASH_NAMES.get(name, name)}{allowed}"
    )


def _refusal(reason: str) -> Untrusted:
    return Untrusted(reason, NotifyType.INVALID_CERTIFICATE)
