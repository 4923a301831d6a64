"""What is too weak is named with the tag that would let it pass, where there is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from isakmpd.pki.certificate import Certificate, CertifiedKey
from isakmpd.pki.rules import SOUND_ONLY, Rules
from isakmpd.pki.strength import judge_bits, judge_strength, sound_hash, weakness
from isakmpd.pki.untrusted import Untrusted
from tests.pki.openssl_authority import Workshop

WEAK = Rules(allow_weak=True)


@pytest.fixture(scope="module")
def certificate(workshop: Workshop) -> Certificate:
    return workshop.root("Strength", md="md5").certificate


@pytest.mark.parametrize(
    ("kind", "bits", "sound", "allowed"),
    [
        ("RSA", 8192, True, True),
        ("RSA", 2048, True, True),
        ("RSA", 2047, False, True),
        ("RSA", 1024, False, True),
        ("RSA", 1023, False, False),
        ("EC", 256, True, True),
        ("EC", 224, True, True),
        ("EC", 223, False, False),
        ("Ed25519", 0, True, True),
        ("Ed448", 0, True, True),
        ("DSA", 4096, False, False),
        ("unknown", 0, False, False),
    ],
)
def test_keys(certificate: Certificate, kind: str, bits: int, sound: bool, allowed: bool) -> None:
    anchor = replace(certificate, key=CertifiedKey(kind, bits, None))
    for rules, passes in ((SOUND_ONLY, sound), (WEAK, allowed)):
        if passes:
            judge_strength((anchor,), rules)
        else:
            with pytest.raises(Untrusted):
                judge_strength((anchor,), rules)
    said = weakness(anchor, anchor=True)
    assert (said is None) == sound
    assert ("Allow-weak" in (said or "")) == (allowed and not sound)


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ("sha256", None),
        (None, None),
        ("md5", "is signed with MD5, which no tag allows"),
        ("sha1", "is signed with SHA-1; [X509-certificates]:Allow-weak= yes would accept it"),
        (
            "algorithm 1.2.840.113549.1.1.2",
            "is signed with algorithm 1.2.840.113549.1.1.2, which no tag allows",
        ),
    ],
)
def test_signatures(certificate: Certificate, signature: str | None, reason: str | None) -> None:
    said = weakness(replace(certificate, signature_hash=signature))
    assert said == (f"certificate C=SE, O=Example, CN=Strength {reason}" if reason else None)


def test_the_signature_of_a_trust_anchor_proves_nothing(certificate: Certificate) -> None:
    assert weakness(certificate, anchor=True) is None
    assert weakness(certificate) is not None


def test_who_holds_a_raw_key_is_said() -> None:
    with pytest.raises(Untrusted) as refusal:
        judge_bits("pubkeys/fqdn/x holds", "RSA", 512, WEAK)
    assert refusal.value.reason == (
        "pubkeys/fqdn/x holds an RSA key of 512 bits, expected 2048 at least"
    )


@pytest.mark.parametrize(
    ("name", "sound"), [("sha224", True), ("sha512", True), ("sha1", False), ("md5", False)]
)
def test_hashes(name: str, sound: bool) -> None:
    assert sound_hash(name) is sound
